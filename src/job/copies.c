/*
 * copies.c - sort by what is cheap to know, look closer where that is equal.
 */
#include "job/copies.h"

#include "formats/container.h"

#include <stdlib.h>
#include <string.h>

enum {
	LEAST = 4096,		/* bytes: smaller tensors are not worth it */
	PEEK = 4096,		/* bytes read of all that have the same size */
	STEP = 1 << 20,		/* bytes hashed at a time */
};

struct candidate {
	const struct tensor *t;
	const struct tensor_plan *tp;
	uint32_t number;
	uint64_t at;		/* of its first byte in the source */
	XXH128_hash_t hash;
};

void copies_free(struct copies *c)
{
	free(c->of);
	free(c->shared);
	free(c->hash);
	*c = (struct copies){0};
}

/* What a lossy tensor becomes depends on these two. */
static int by_treatment(const struct tensor_plan *x,
			const struct tensor_plan *y)
{
	if (!x->lossy)
		return 0;
	if (x->sens != y->sens)
		return (uintptr_t)x->sens < (uintptr_t)y->sens ? -1 : 1;
	if (x->rule != y->rule)
		return (uintptr_t)x->rule < (uintptr_t)y->rule ? -1 : 1;
	return 0;
}

/* By size, dtype, how it is coded and hash; then by number. */
static int by_content(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int treatment = by_treatment(x->tp, y->tp);
	int hash = XXH128_cmp(&x->hash, &y->hash);

	if (x->t->size != y->t->size)
		return x->t->size < y->t->size ? -1 : 1;
	if (x->t->dtype != y->t->dtype)
		return x->t->dtype < y->t->dtype ? -1 : 1;
	if (x->tp->lossy != y->tp->lossy)
		return x->tp->lossy ? -1 : 1;
	if (treatment)
		return treatment;
	if (hash)
		return hash;
	return x->number < y->number ? -1 : x->number > y->number;
}

static bool alike(const struct candidate *x, const struct candidate *y)
{
	struct candidate same = *y;

	same.number = x->number;
	return by_content(x, &same) == 0;
}

/* Sort v [*n], and keep only those that are like another one. */
static void keep_alike(struct candidate *v, size_t *n)
{
	size_t kept = 0;

	qsort(v, *n, sizeof(*v), by_content);
	for (size_t i = 0; i < *n; i++) {
		/* v[i - 1] may have been overwritten, but by itself. */
		bool before = i && kept && alike(&v[i], &v[kept - 1]);
		bool behind = i + 1 < *n && alike(&v[i], &v[i + 1]);

		if (before || behind)
			v[kept++] = v[i];
	}
	*n = kept;
}

static enum hvqz_ret hash_part(struct source *src, uint64_t at, uint64_t n,
			       XXH3_state_t *s, uint8_t *buf,
			       XXH128_hash_t *hash, struct hvqz_err *err)
{
	XXH3_128bits_reset(s);
	TRY(source_seek(src, at, err));
	while (n) {
		size_t want = n < STEP ? (size_t)n : STEP, got;

		TRY(source_read(src, buf, want, &got, err));
		XXH3_128bits_update(s, buf, got);
		/* Truncated: the reader will say so. */
		if (got < want)
			break;
		n -= got;
	}
	*hash = XXH3_128bits_digest(s);
	return HVQZ_OK;
}

/* Hash the first most bytes of each; then only those alike are left. */
static enum hvqz_ret look(struct source *src, uint64_t most,
			  struct candidate *v, size_t *n,
			  bool (*stopped)(void *ctx), void *stopped_ctx,
			  struct hvqz_err *err)
{
	XXH3_state_t *s = XXH3_createState();
	uint8_t *buf = malloc(STEP);
	enum hvqz_ret ret = HVQZ_OK;

	if (!s || !buf) {
		ret = hvqz_nomem(err, STEP, "looking for copies");
		goto out;
	}
	for (size_t i = 0; i < *n; i++) {
		const struct tensor *t = v[i].t;

		if (stopped && stopped(stopped_ctx)) {
			ret = hvqz_fail(err, HVQZ_STOPPED,
					"stopped by a signal");
			goto out;
		}
		TRY_OUT(hash_part(src, v[i].at,
				  t->size < most ? t->size : most, s, buf,
				  &v[i].hash, err));
	}
	keep_alike(v, n);
out:
	XXH3_freeState(s);
	free(buf);
	return ret;
}

/*
 * Are the n bytes at a and b of src the same? A hash can be deceived: whoever
 * knows its key can make two tensors that share it.
 */
static enum hvqz_ret compare(struct source *src, uint64_t a, uint64_t b,
			     uint64_t n, bool *same, struct hvqz_err *err)
{
	uint8_t *buf = malloc(2 * (size_t)STEP);
	enum hvqz_ret ret = HVQZ_OK;

	if (!buf)
		return hvqz_nomem(err, 2 * (uint64_t)STEP, "comparing copies");
	*same = true;
	for (uint64_t at = 0; at < n && *same; at += STEP) {
		size_t want = n - at < STEP ? (size_t)(n - at) : STEP, got[2];

		TRY_OUT(source_seek(src, a + at, err));
		TRY_OUT(source_read(src, buf, want, &got[0], err));
		TRY_OUT(source_seek(src, b + at, err));
		TRY_OUT(source_read(src, buf + STEP, want, &got[1], err));
		*same = got[0] == want && got[1] == want &&
			!memcmp(buf, buf + STEP, want);
	}
out:
	free(buf);
	return ret;
}

/*
 * v [n] is sorted: the first of those alike is the original, and what has its
 * bytes too is a copy. data: where tensors begin.
 */
static enum hvqz_ret settle(struct copies *c, struct source *src,
			    const struct candidate *v, size_t n,
			    size_t n_tensors, struct plan *plan,
			    struct hvqz_err *err)
{
	const struct candidate *first = v;
	unsigned n_same = 0;

	if (!n)
		return HVQZ_OK;
	c->of = calloc(n_tensors, sizeof(*c->of));
	c->shared = calloc(n_tensors, sizeof(*c->shared));
	c->hash = calloc(n_tensors, sizeof(*c->hash));
	if (!c->of || !c->shared || !c->hash)
		return hvqz_nomem(err, n_tensors * 21, "copies");
	for (size_t i = 0; i < n; i++) {
		bool same = i && alike(first, &v[i]) &&
			    n_same < CONTAINER_MAX_COPIES;

		c->shared[v[i].number] = true;
		c->hash[v[i].number] = v[i].hash;
		if (same)
			TRY(compare(src, first->at, v[i].at, v[i].t->size,
				    &same, err));
		if (!same) {
			first = &v[i];
			n_same = 0;
			continue;
		}
		c->of[v[i].number] = first->number + 1;
		n_same++;
		c->n++;
		c->size += v[i].t->size;
		plan->n_chunks -= plan_chunks(v[i].tp);
	}
	return HVQZ_OK;
}

enum hvqz_ret copies_find(struct copies *c, struct source *src,
			  const uint64_t *at, const struct model *m,
			  struct plan *plan,
			  bool (*stopped)(void *ctx), void *stopped_ctx,
			  struct hvqz_err *err)
{
	struct candidate *v = calloc(m->n_tensors + 1, sizeof(*v));
	uint64_t data = src->off;
	size_t n = 0;
	enum hvqz_ret ret;

	*c = (struct copies){0};
	if (!v)
		return hvqz_nomem(err, m->n_tensors * sizeof(*v),
				  "looking for copies");
	for (size_t i = 0; i < m->n_tensors; i++)
		if (m->tensors[i].size >= LEAST)
			v[n++] = (struct candidate){
				.t = &m->tensors[i],
				.tp = &plan->t[i],
				.number = (uint32_t)i,
				.at = at ? at[i] : data + m->tensors[i].off +
						   m->tensors[i].skew,
			};
	keep_alike(v, &n);
	TRY_OUT(look(src, PEEK, v, &n, stopped, stopped_ctx, err));
	TRY_OUT(look(src, UINT64_MAX, v, &n, stopped, stopped_ctx, err));
	TRY_OUT(settle(c, src, v, n, m->n_tensors, plan, err));
	TRY_OUT(source_seek(src, data, err));
out:
	free(v);
	if (ret != HVQZ_OK)
		copies_free(c);
	return ret;
}
