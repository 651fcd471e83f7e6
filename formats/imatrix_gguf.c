/*
 * imatrix_gguf.c - llama.cpp's imatrix in a GGUF file.
 *
 * An imatrix holds per weight NAME the tensors NAME.in_sum2 (sums of squares
 * over the calibration tokens) and NAME.counts (how many tokens), all F32. Its
 * law as we understand it is in formats/sidecar.md; GGUF's own rules are
 * gguf_head.c's.
 */
#include "formats/gguf.h"
#include "formats/imatrix.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_SUMS, KIND_COUNTS, KIND_OTHER };

struct entry {
	struct span base;	/* the name without the kind's suffix */
	enum kind kind;
	uint64_t row;		/* the first dimension */
	uint64_t n_mats;	/* product of the others */
	uint64_t off;		/* from the start of the data */
};

struct imatrix {
	struct gguf g;
	const uint8_t *data;
	size_t data_len;
	struct entry *entries;	/* [g.n_infos], owned */
	uint64_t n_chunks, chunk_size;
	struct buf texts;	/* the calibration texts' names */
};

static int by_base(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = span_cmp(&x->base, &y->base);

	return c ? c : (x->kind > y->kind) - (x->kind < y->kind);
}

static bool strip(struct span *s, const char *suffix)
{
	size_t n = strlen(suffix);

	if (s->len <= n || memcmp(s->p + s->len - n, suffix, n))
		return false;
	s->len -= n;
	return true;
}

/* ---- what the keys say ---- */

/* The calibration texts' names, one after another. */
static enum hvqz_ret take_texts(struct imatrix *im, struct hvqz_err *err)
{
	const struct gguf_pair *p;
	const uint8_t *at;

	TRY(gguf_want(&im->g, "imatrix.datasets", GGUF_ARRAY, &p, err));
	if (p && p->of != GGUF_STRING)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "imatrix.datasets is an array of type %"
				 PRIu32 "; it must be %d", p->of,
				 (int)GGUF_STRING);
	at = p ? im->g.head.p + p->at : NULL;
	for (uint64_t i = 0; p && i < p->n; i++) {
		size_t len = (size_t)get_le64(at);

		if (memchr(at + 8, 0, len))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "imatrix.datasets: a name with a NUL "
					 "byte in it");
		if (im->texts.len)
			buf_put(&im->texts, ", ", 2);
		buf_put(&im->texts, at + 8, len);
		at += 8 + len;
	}
	return buf_ok(&im->texts, err);
}

static enum hvqz_ret take_number(struct imatrix *im, const char *key,
				 uint64_t *v, struct hvqz_err *err)
{
	const struct gguf_pair *p;

	TRY(gguf_want(&im->g, key, GGUF_U32, &p, err));
	*v = p ? get_le32(im->g.head.p + p->at) : 0;
	return HVQZ_OK;
}

static enum hvqz_ret take_keys(struct imatrix *im, struct hvqz_err *err)
{
	const struct gguf_pair *p;
	struct span type = {0};

	TRY(gguf_want(&im->g, "general.type", GGUF_STRING, &p, err));
	if (p)
		type = gguf_string(&im->g, p);
	TRY(take_number(im, "imatrix.chunk_count", &im->n_chunks, err));
	TRY(take_number(im, "imatrix.chunk_size", &im->chunk_size, err));
	TRY(take_texts(im, err));
	if (!p || !span_is(&type, "imatrix"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF file, but not an imatrix: its "
				 "general.type says otherwise");
	if (!im->g.n_infos)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "an imatrix without tensors");
	return HVQZ_OK;
}

/* ---- the tensors ---- */

static enum hvqz_ret take_entries(struct imatrix *im, struct hvqz_err *err)
{
	const struct gguf *g = &im->g;

	im->entries = malloc(g->n_infos * sizeof(*im->entries) + 1);
	if (!im->entries)
		return hvqz_nomem(err, g->n_infos * sizeof(*im->entries),
				  "the imatrix's entries");
	for (size_t i = 0; i < g->n_infos; i++) {
		const struct gguf_info *t = &g->infos[i];
		struct entry *e = &im->entries[i];
		char name[160];

		*e = (struct entry){.base = gguf_name(g, t), .row = t->ne[0],
				    .off = t->off};
		snprintf(name, sizeof(name), "%.*s",
			 e->base.len < sizeof(name) ? (int)e->base.len : 159,
			 (const char *)e->base.p);
		if (t->type != GGUF_TYPE_F32)
			return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
						"type %" PRIu32 "; an imatrix "
						"holds F32 (type 0)",
						t->type);
		e->n_mats = t->size / 4 / t->ne[0];
		e->kind = strip(&e->base, ".in_sum2") ? KIND_SUMS :
			strip(&e->base, ".counts") ? KIND_COUNTS : KIND_OTHER;
	}
	if (im->data_len != g->data_size &&
	    im->data_len != g->data_size + g->pad)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s: the tensors need %" PRIu64 " bytes, the "
				 "file has %zu",
				 im->data_len < g->data_size ? "truncated" :
				 "bytes after the data", g->data_size,
				 im->data_len);
	return HVQZ_OK;
}

/* Every count, also those of experts, which may have seen no token. */
static enum hvqz_ret check_counts(const char *name, const uint8_t *p,
				  uint64_t n, struct hvqz_err *err)
{
	for (uint64_t i = 0; i < n; i++) {
		float v = get_lef32(p + 4 * i);

		if (!isfinite(v) || v < 0)
			return hvqz_fail_tensor(
				err, HVQZ_DAMAGED, name,
				"count %" PRIu64 " is %g; it must be finite "
				"and not negative", i, (double)v);
	}
	return HVQZ_OK;
}

/* A pair of sums and counts, side by side in the sorted table. */
static enum hvqz_ret add_pair(const struct imatrix *im,
			      const struct entry *sums,
			      const struct entry *counts,
			      struct sens_table *t,
			      struct imatrix_skips *skips,
			      struct hvqz_err *err)
{
	const uint8_t *p = im->data + sums->off, *q = im->data + counts->off;
	uint64_t n_counts = counts->row * counts->n_mats;
	enum hvqz_ret ret;
	char *name;

	TRY(imatrix_name(sums->base.p, sums->base.len, &name, err));
	if (n_counts != 1 && n_counts != sums->n_mats) {
		ret = hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
				       "%" PRIu64 " counts for %" PRIu64
				       " rows of sums", n_counts,
				       sums->n_mats);
		goto out;
	}
	TRY_OUT(check_counts(name, q, n_counts, err));
	if (!imatrix_skip_experts(name, sums->n_mats > 1, skips))
		ret = imatrix_add(t, name, p, (size_t)sums->row,
				  get_lef32(q), err);
	else
		ret = imatrix_check_sums(name, p,
					 (size_t)(sums->row * sums->n_mats),
					 err);
out:
	free(name);
	return ret;
}

static enum hvqz_ret add_all(struct imatrix *im, struct sens_table *t,
			     const struct hvqz_notes *notes,
			     struct hvqz_err *err)
{
	struct entry *v = im->entries;
	size_t n = im->g.n_infos;
	struct imatrix_skips skips = {0};
	uint64_t n_others = 0;

	qsort(v, n, sizeof(*v), by_base);
	for (size_t i = 1; i < n; i++)
		if (!by_base(&v[i - 1], &v[i]))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "duplicate tensor %.*s%s",
					 v[i].base.len < 160 ?
					 (int)v[i].base.len : 160,
					 v[i].base.p,
					 v[i].kind == KIND_SUMS ? ".in_sum2" :
					 v[i].kind == KIND_COUNTS ? ".counts" :
					 "");
	for (size_t i = 0; i < n; i++) {
		bool pair = i + 1 < n &&
			v[i].kind == KIND_SUMS &&
			v[i + 1].kind == KIND_COUNTS &&
			!span_cmp(&v[i].base, &v[i + 1].base);

		if (v[i].kind == KIND_OTHER) {
			n_others++;
			continue;
		}
		if (!pair)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "tensor %.*s has %s",
					 v[i].base.len < 160 ?
					 (int)v[i].base.len : 160,
					 v[i].base.p,
					 v[i].kind == KIND_SUMS ?
					 ".in_sum2 without .counts" :
					 ".counts without .in_sum2");
		TRY(add_pair(im, &v[i], &v[i + 1], t, &skips, err));
		i++;
	}
	imatrix_warn_skips(&skips, notes);
	if (n_others)
		hvqz_warn(notes, "sidecar: %" PRIu64 " tensors are neither "
			  ".in_sum2 nor .counts and are not used", n_others);
	return HVQZ_OK;
}

enum hvqz_ret imatrix_gguf_read(const uint8_t *p, size_t len,
				struct sens_table *t,
				const struct hvqz_notes *notes,
				struct hvqz_err *err)
{
	struct imatrix im = {0};
	struct source_memory memory;
	struct source src;
	enum hvqz_ret ret;

	snprintf(t->kind, sizeof(t->kind), "imatrix.gguf");
	source_init_memory(&src, &memory, p, len);
	TRY_OUT(gguf_read_head(&src, &im.g, err));
	im.data = p + im.g.head.len;
	im.data_len = len - im.g.head.len;
	TRY_OUT(take_keys(&im, err));
	TRY_OUT(take_entries(&im, err));
	TRY_OUT(add_all(&im, t, notes, err));
	t->n_tokens = im.n_chunks * im.chunk_size;
	if (im.texts.len) {
		buf_u8(&im.texts, 0);
		TRY_OUT(buf_ok(&im.texts, err));
		t->calibration = (char *)im.texts.p;
		im.texts = (struct buf){0};
	}
out:
	source_free(&src);
	gguf_free(&im.g);
	free(im.entries);
	buf_free(&im.texts);
	return ret;
}
