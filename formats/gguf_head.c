/*
 * gguf_head.c - GGUF's head: counts, key/value pairs, the table of tensors.
 *
 * The head does not say how long it is, so it is taken field by field from the
 * source, and kept. Nothing is believed before its bytes are there: a count or
 * a length is held against what the source can still have, if that is known,
 * and tables grow as their records arrive. The rules are those of
 * formats/gguf.md.
 *
 * Not here: what the keys mean, and the data.
 */
#include "formats/gguf.h"

#include "base/bytes.h"
#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP = 1 << 16,		/* bytes asked for at first, however many */
	SMALLEST_PAIR = 8 + 1 + 4 + 1,	/* key length, key, type, a bool */
	SMALLEST_INFO = 8 + 1 + 4 + 8 + 4 + 8,	/* name, dims, type, offset */
	MAX_SHOWN = 80,		/* bytes of a name in a sentence */
};

/* Bytes of a value; 0 where the value itself says. */
static const uint8_t value_size[GGUF_N_VALUES] = {
	1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8,
};

struct pull {
	struct source *src;
	struct gguf *g;
	size_t at;		/* of the head's bytes, the first not used */
};

/* ---- bytes ---- */

static uint64_t left(const struct pull *in)
{
	uint64_t more = source_left(in->src);

	return more == SOURCE_SIZE_UNKNOWN
		       ? more : more + in->g->head.len - in->at;
}

/* The next n bytes are in the head, at in->at; WHAT needs them. */
static enum hvqz_ret pull(struct pull *in, uint64_t n, const char *what,
			  struct hvqz_err *err)
{
	struct buf *head = &in->g->head;

	if (n > GGUF_MAX_HEAD || in->at + n > GGUF_MAX_HEAD)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF head of more than %d bytes (%s)",
				 (int)GGUF_MAX_HEAD, what);
	while (head->len < in->at + n) {
		size_t step = in->at + (size_t)n - head->len, got = 0;
		size_t most = head->len < STEP ? STEP : head->len;
		uint8_t *to;

		step = step < most ? step : most;
		to = buf_grow(head, step);
		if (!to)
			return buf_ok(head, err);
		TRY(source_read(in->src, to, step, &got, err));
		head->len -= step - got;
		if (got < step)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "truncated: %s at offset %zu needs "
					 "%" PRIu64 " bytes, %zu are left",
					 what, in->at, n, head->len - in->at);
	}
	return HVQZ_OK;
}

static enum hvqz_ret take(struct pull *in, size_t n, const char *what,
			  const uint8_t **p, struct hvqz_err *err)
{
	TRY(pull(in, n, what, err));
	*p = in->g->head.p + in->at;
	in->at += n;
	return HVQZ_OK;
}

static enum hvqz_ret take_u32(struct pull *in, const char *what, uint32_t *v,
			      struct hvqz_err *err)
{
	const uint8_t *p;

	TRY(take(in, 4, what, &p, err));
	*v = get_le32(p);
	return HVQZ_OK;
}

static enum hvqz_ret take_u64(struct pull *in, const char *what, uint64_t *v,
			      struct hvqz_err *err)
{
	const uint8_t *p;

	TRY(take(in, 8, what, &p, err));
	*v = get_le64(p);
	return HVQZ_OK;
}

/* Q4. Its bytes are at *at. */
static enum hvqz_ret take_string(struct pull *in, const char *what, size_t *at,
				 size_t *len, struct hvqz_err *err)
{
	const uint8_t *p;
	uint64_t n;

	TRY(take_u64(in, what, &n, err));
	if (n > GGUF_MAX_STRING || n > left(in))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s at offset %zu has a length of %" PRIu64
				 " bytes; the most is %d, and no more than is "
				 "left", what, in->at - 8, n,
				 (int)GGUF_MAX_STRING);
	*at = in->at;
	*len = (size_t)n;
	return take(in, *len, what, &p, err);
}

/* Room for one more behind n elements: at every power of two. */
static enum hvqz_ret grow(void *list, size_t n, size_t size,
			  struct hvqz_err *err)
{
	void **at = list, *more;

	if (n & (n - 1))
		return HVQZ_OK;
	more = realloc(*at, (n ? 2 * n : 1) * size);
	if (!more)
		return hvqz_nomem(err, 2 * n * size, "a GGUF table");
	*at = more;
	return HVQZ_OK;
}

/* ---- names that must differ ---- */

int span_cmp(const struct span *a, const struct span *b)
{
	int c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

bool span_is(const struct span *s, const char *text)
{
	return s->len == strlen(text) && !memcmp(s->p, text, s->len);
}

static int by_text(const void *a, const void *b)
{
	return span_cmp(a, b);
}

/* Sorted, not hashed: no choice of names makes it slow. v is freed. */
static enum hvqz_ret check_differ(struct span *v, size_t n, const char *what,
				  struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;

	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "names");
	qsort(v, n, sizeof(*v), by_text);
	for (size_t i = 1; i < n && ret == HVQZ_OK; i++)
		if (!span_cmp(&v[i - 1], &v[i]))
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"duplicate %s %.*s", what,
					v[i].len < MAX_SHOWN ? (int)v[i].len
							     : MAX_SHOWN,
					(const char *)v[i].p);
	free(v);
	return ret;
}

/* ---- key/value pairs ---- */

static enum hvqz_ret check_bools(const uint8_t *p, uint64_t n,
				 struct hvqz_err *err)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] > 1)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a GGUF bool of %d; it must be 0 or "
					 "1", p[i]);
	return HVQZ_OK;
}

/* Q5, Q6. */
static enum hvqz_ret take_array(struct pull *in, struct gguf_pair *pair,
				struct hvqz_err *err)
{
	const uint8_t *p;
	uint64_t size;

	TRY(take_u32(in, "an array's type", &pair->of, err));
	TRY(take_u64(in, "an array's length", &pair->n, err));
	if (pair->of >= GGUF_N_VALUES)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF array of unknown type %" PRIu32,
				 pair->of);
	if (pair->of == GGUF_ARRAY)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF array of arrays at offset %zu",
				 in->at - 12);
	/* A string is at least its length. */
	if (!ckd_mul64(&size, pair->n,
		       value_size[pair->of] ? value_size[pair->of] : 8) ||
	    size > left(in))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF array of %" PRIu64 " values at offset "
				 "%zu is longer than what is left", pair->n,
				 in->at - 12);
	pair->at = in->at;
	if (pair->of != GGUF_STRING) {
		TRY(pull(in, size, "an array", err));
		TRY(take(in, (size_t)size, "an array", &p, err));
		return pair->of == GGUF_BOOL ? check_bools(p, pair->n, err)
					     : HVQZ_OK;
	}
	for (uint64_t i = 0; i < pair->n; i++) {
		size_t at, len;

		TRY(take_string(in, "a string in an array", &at, &len, err));
	}
	return HVQZ_OK;
}

static enum hvqz_ret take_pair(struct pull *in, struct gguf_pair *pair,
			       struct hvqz_err *err)
{
	const uint8_t *p;
	size_t len;

	TRY(take_string(in, "a key", &pair->key, &pair->key_len, err));
	if (!pair->key_len || pair->key_len > UINT16_MAX)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF key of %zu bytes; keys have 1 to %d",
				 pair->key_len, UINT16_MAX);
	TRY(take_u32(in, "a value's type", &pair->type, err));
	if (pair->type >= GGUF_N_VALUES)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF value of unknown type %" PRIu32,
				 pair->type);
	pair->n = 1;
	if (pair->type == GGUF_ARRAY)
		return take_array(in, pair, err);
	if (pair->type == GGUF_STRING) {
		TRY(take_string(in, "a string", &pair->at, &len, err));
		pair->n = len;
		return HVQZ_OK;
	}
	pair->at = in->at;
	TRY(take(in, value_size[pair->type], "a value", &p, err));
	return pair->type == GGUF_BOOL ? check_bools(p, 1, err) : HVQZ_OK;
}

static struct span key_of(const struct gguf *g, const struct gguf_pair *p)
{
	return (struct span){g->head.p + p->key, p->key_len};
}

static enum hvqz_ret take_pairs(struct pull *in, uint64_t n,
				struct hvqz_err *err)
{
	struct gguf *g = in->g;
	struct span *keys;

	for (; g->n_pairs < n; g->n_pairs++) {
		struct gguf_pair pair = {0};

		TRY(take_pair(in, &pair, err));
		TRY(grow(&g->pairs, g->n_pairs, sizeof(*g->pairs), err));
		g->pairs[g->n_pairs] = pair;
	}
	keys = malloc(g->n_pairs * sizeof(*keys) + 1);
	for (size_t i = 0; keys && i < g->n_pairs; i++)
		keys[i] = key_of(g, &g->pairs[i]);
	return check_differ(keys, g->n_pairs, "GGUF key", err);
}

const struct gguf_pair *gguf_find(const struct gguf *g, const char *key)
{
	for (size_t i = 0; i < g->n_pairs; i++) {
		struct span s = key_of(g, &g->pairs[i]);

		if (span_is(&s, key))
			return &g->pairs[i];
	}
	return NULL;
}

struct span gguf_string(const struct gguf *g, const struct gguf_pair *p)
{
	return (struct span){g->head.p + p->at, (size_t)p->n};
}

enum hvqz_ret gguf_want(const struct gguf *g, const char *key,
			enum gguf_value type, const struct gguf_pair **p,
			struct hvqz_err *err)
{
	*p = gguf_find(g, key);
	if (!*p || (*p)->type == type)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "GGUF key %s has a value of type %" PRIu32 "; it must "
			 "be %d", key, (*p)->type, (int)type);
}

/* Q9. */
static enum hvqz_ret find_alignment(struct gguf *g, struct hvqz_err *err)
{
	const struct gguf_pair *p;

	g->alignment = GGUF_ALIGNMENT;
	TRY(gguf_want(g, "general.alignment", GGUF_U32, &p, err));
	if (!p)
		return HVQZ_OK;
	g->alignment = get_le32(g->head.p + p->at);
	if (g->alignment && g->alignment <= GGUF_MAX_ALIGNMENT &&
	    !(g->alignment & (g->alignment - 1)))
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "a GGUF alignment of %" PRIu64 "; it must be a power "
			 "of two up to %d", g->alignment,
			 (int)GGUF_MAX_ALIGNMENT);
}

/* ---- the table of tensors ---- */

/* Q12, and Q11's last: how many bytes they are. */
static enum hvqz_ret measure(struct gguf_info *t, const char *name,
			     struct hvqz_err *err)
{
	const struct gguf_type *type = gguf_type(t->type);
	uint64_t n;

	if (!type)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"type %" PRIu32 " is none that we know",
					t->type);
	if (!type->block)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"type %" PRIu32 ", %s, was removed "
					"from GGUF", t->type, type->name);
	if (t->ne[0] % type->block)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"rows of %" PRIu64 " elements are not "
					"whole blocks of %u, as %s has",
					t->ne[0], type->block, type->name);
	n = t->ne[0] / type->block;
	for (unsigned i = 1; i < GGUF_MAX_DIMS; i++)
		if (!ckd_mul64(&n, n, t->ne[i]))
			goto overflow;
	if (!ckd_mul64(&t->size, n, type->bytes) || t->size > INT64_MAX)
		goto overflow;
	return HVQZ_OK;
overflow:
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
				"its size overflows 63 bits");
}

/* Q10, Q11. */
static enum hvqz_ret take_shape(struct pull *in, struct gguf_info *t,
				const char *name, struct hvqz_err *err)
{
	uint64_t n = 1;

	TRY(take_u32(in, "a tensor's rank", &t->rank, err));
	if (t->rank < 1 || t->rank > GGUF_MAX_DIMS)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"%" PRIu32 " dimensions; GGUF has 1 "
					"to %d", t->rank, (int)GGUF_MAX_DIMS);
	for (unsigned i = 0; i < GGUF_MAX_DIMS; i++) {
		t->ne[i] = 1;
		if (i >= t->rank)
			continue;
		TRY(take_u64(in, "a tensor's shape", &t->ne[i], err));
		if (!t->ne[i] || t->ne[i] > INT64_MAX ||
		    !ckd_mul64(&n, n, t->ne[i]) || n > INT64_MAX)
			return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
						"dimension %u is %" PRIu64
						", which is zero, negative or "
						"overflows", i, t->ne[i]);
	}
	return HVQZ_OK;
}

/* Q14: its data is where the data before it, padded, ends. */
static enum hvqz_ret place(struct gguf *g, struct gguf_info *t,
			   const char *name, struct hvqz_err *err)
{
	uint64_t mask = g->alignment - 1, end = g->data_size;

	if (t->off != ((end + mask) & ~mask))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"its offset is %" PRIu64 "; the data "
					"before it ends at %" PRIu64 " and "
					"the alignment is %" PRIu64,
					t->off, end, g->alignment);
	if (t->size > INT64_MAX - GGUF_MAX_ALIGNMENT - t->off)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"its end overflows 63 bits");
	g->data_size = t->off + t->size;
	return HVQZ_OK;
}

static enum hvqz_ret take_info(struct pull *in, struct gguf_info *t,
			       struct hvqz_err *err)
{
	char name[160];
	const uint8_t *p;

	TRY(take_string(in, "a tensor's name", &t->name, &t->name_len, err));
	p = in->g->head.p + t->name;
	if (!t->name_len || t->name_len > UINT16_MAX ||
	    memchr(p, 0, t->name_len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a tensor name that is empty, has more than "
				 "%d bytes, or a NUL byte in it", UINT16_MAX);
	snprintf(name, sizeof(name), "%.*s",
		 t->name_len < sizeof(name) ? (int)t->name_len
					    : (int)sizeof(name) - 1,
		 (const char *)p);
	TRY(take_shape(in, t, name, err));
	TRY(take_u32(in, "a tensor's type", &t->type, err));
	TRY(take_u64(in, "a tensor's offset", &t->off, err));
	TRY(measure(t, name, err));
	return place(in->g, t, name, err);
}

static enum hvqz_ret take_infos(struct pull *in, uint64_t n,
				struct hvqz_err *err)
{
	struct gguf *g = in->g;
	const uint8_t *p;
	struct span *names;
	size_t pad;

	g->table = in->at;
	for (; g->n_infos < n; g->n_infos++) {
		struct gguf_info t = {0};

		TRY(take_info(in, &t, err));
		TRY(grow(&g->infos, g->n_infos, sizeof(*g->infos), err));
		g->infos[g->n_infos] = t;
	}
	names = malloc(g->n_infos * sizeof(*names) + 1);
	for (size_t i = 0; names && i < g->n_infos; i++)
		names[i] = gguf_name(g, &g->infos[i]);
	TRY(check_differ(names, g->n_infos, "tensor", err));
	pad = (size_t)(-(uint64_t)in->at & (g->alignment - 1));
	/* Without tensors nothing need be padded. */
	g->pad = (size_t)(-g->data_size & (g->alignment - 1));
	if (!g->n_infos)
		g->pad = pad;
	return g->n_infos ? take(in, pad, "the padding before the data", &p,
				 err) : HVQZ_OK;
}

/* ---- all of it ---- */

/* Q1, Q2, Q3. */
static enum hvqz_ret take_counts(struct pull *in, uint64_t *n_infos,
				 uint64_t *n_pairs, struct hvqz_err *err)
{
	struct gguf *g = in->g;
	uint64_t least, more;
	const uint8_t *p;

	TRY(take(in, 4, "the magic", &p, err));
	if (memcmp(p, "GGUF", 4))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "no GGUF magic at the start");
	TRY(take_u32(in, "the version", &g->version, err));
	if (!g->version)
		return hvqz_fail(err, HVQZ_DAMAGED, "GGUF version 0");
	if (!(g->version & 0xffff))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a byte-swapped (big-endian) GGUF file");
	if (g->version != 2 && g->version != 3)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "GGUF version %" PRIu32 "; we read 2 and 3",
				 g->version);
	TRY(take_u64(in, "the number of tensors", n_infos, err));
	TRY(take_u64(in, "the number of keys", n_pairs, err));
	if (!ckd_mul64(&least, *n_infos, SMALLEST_INFO) ||
	    !ckd_mul64(&more, *n_pairs, SMALLEST_PAIR) ||
	    !ckd_add64(&least, least, more) || least > left(in))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the head announces %" PRIu64 " tensors and "
				 "%" PRIu64 " keys, more than what is left can "
				 "hold", *n_infos, *n_pairs);
	return HVQZ_OK;
}

enum hvqz_ret gguf_read_head(struct source *src, struct gguf *g,
			     struct hvqz_err *err)
{
	struct pull in = {.src = src, .g = g};
	uint64_t n_infos, n_pairs;

	TRY(take_counts(&in, &n_infos, &n_pairs, err));
	TRY(take_pairs(&in, n_pairs, err));
	TRY(find_alignment(g, err));
	return take_infos(&in, n_infos, err);
}

enum hvqz_ret gguf_parse_head(const uint8_t *p, size_t len, struct gguf *g,
			      struct hvqz_err *err)
{
	struct source_memory memory;
	struct source src;
	enum hvqz_ret ret;

	source_init_memory(&src, &memory, p, len);
	ret = gguf_read_head(&src, g, err);
	if (ret == HVQZ_OK && g->head.len < len)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"%zu bytes behind a GGUF head of %zu",
				len - g->head.len, g->head.len);
	source_free(&src);
	return ret;
}

void gguf_free(struct gguf *g)
{
	buf_free(&g->head);
	free(g->pairs);
	free(g->infos);
	*g = (struct gguf){0};
}
