/*
 * imatrix_gguf.c - llama.cpp's imatrix in a GGUF file.
 *
 * A GGUF file is a head (magic, version, two counts), typed key/value pairs,
 * a table of tensors, padding, and the tensors' data, each padded to the
 * alignment. An imatrix holds per weight NAME the tensors NAME.in_sum2 (sums
 * of squares over the calibration tokens) and NAME.counts (how many tokens),
 * all F32. Its law as we understand it is in formats/sidecar.md.
 *
 * Not here: GGUF models. This parser knows what an imatrix needs, checks all
 * of it, and refuses the rest by name.
 */
#include "formats/imatrix.h"
#include "formats/imatrix_gguf.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_DIMS = 4,
	TYPE_F32 = 0,
};

enum kind { KIND_SUMS, KIND_COUNTS, KIND_OTHER };

struct gguf_info {
	struct span base;	/* the name without the kind's suffix */
	enum kind kind;
	uint64_t row;		/* the first dimension */
	uint64_t n_mats;	/* product of the others */
	uint64_t off;		/* from the start of the data */
};

static int by_base(const void *a, const void *b)
{
	const struct gguf_info *x = a, *y = b;
	int c = imatrix_span_cmp(&x->base, &y->base);

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

/* A table entry; *end is where the data so far ends, and moves on. */
static enum hvqz_ret take_info(struct gguf *g, struct gguf_info *t,
			       uint64_t *end, struct hvqz_err *err)
{
	char name[160];
	uint64_t size;
	uint32_t rank, type;

	TRY(imatrix_take_string(g, "a tensor's name", &t->base, err));
	if (!t->base.len || memchr(t->base.p, 0, t->base.len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a tensor name that is empty or has a NUL "
				 "byte in it");
	snprintf(name, sizeof(name), "%.*s",
		 t->base.len < sizeof(name) ? (int)t->base.len : 159,
		 t->base.p);
	t->kind = strip(&t->base, ".in_sum2") ? KIND_SUMS :
		strip(&t->base, ".counts") ? KIND_COUNTS : KIND_OTHER;
	if (!cur_u32(&g->c, &rank))
		return imatrix_cut_short(g, "a tensor's rank", err);
	if (rank < 1 || rank > MAX_DIMS)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"%" PRIu32 " dimensions; GGUF has 1 "
					"to %d", rank, (int)MAX_DIMS);
	t->row = t->n_mats = 1;
	for (uint32_t i = 0; i < rank; i++) {
		uint64_t dim, *to = i ? &t->n_mats : &t->row;

		if (!cur_u64(&g->c, &dim))
			return imatrix_cut_short(g, "a tensor's shape", err);
		if (!dim || dim > INT64_MAX || !ckd_mul64(to, *to, dim))
			return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
						"dimension %" PRIu32 " is %"
						PRIu64 ", which is zero, "
						"negative or overflows",
						i, dim);
	}
	if (!cur_u32(&g->c, &type) || !cur_u64(&g->c, &t->off))
		return imatrix_cut_short(g, "a tensor's type and offset",
					 err);
	if (type != TYPE_F32)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"type %" PRIu32 "; an imatrix holds "
					"F32 (type 0)", type);
	if (!ckd_mul64(&size, t->row, t->n_mats) ||
	    !ckd_mul64(&size, size, 4) || size > INT64_MAX)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"its size overflows 63 bits");
	if (t->off != (*end + g->alignment - 1) / g->alignment * g->alignment)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"its offset is %" PRIu64 "; the data "
					"before it ends at %" PRIu64 " and "
					"the alignment is %" PRIu64,
					t->off, *end, g->alignment);
	*end = t->off + size;
	if (*end > INT64_MAX)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"its end overflows 63 bits");
	return HVQZ_OK;
}

/* Table, padding, extent of the data; leaves the cursor at the data. */
static enum hvqz_ret take_infos(struct gguf *g, struct hvqz_err *err)
{
	uint64_t end = 0, padded;
	size_t pad;

	g->infos = malloc((size_t)g->n_infos * sizeof(*g->infos) + 1);
	if (!g->infos)
		return hvqz_nomem(err, g->n_infos * sizeof(*g->infos),
				  "the GGUF tensor table");
	for (uint64_t i = 0; i < g->n_infos; i++)
		TRY(take_info(g, &g->infos[i], &end, err));
	pad = (size_t)(-(uint64_t)(g->c.p - g->start) & (g->alignment - 1));
	if (!cur_take(&g->c, pad))
		return imatrix_cut_short(g, "the padding before the data",
					 err);
	padded = (end + g->alignment - 1) / g->alignment * g->alignment;
	if (cur_left(&g->c) != end && cur_left(&g->c) != padded)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s: the tensors need %" PRIu64 " bytes, the "
				 "file has %zu",
				 cur_left(&g->c) < end ? "truncated" :
				 "bytes after the data", end,
				 cur_left(&g->c));
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
static enum hvqz_ret add_pair(struct gguf *g, const struct gguf_info *sums,
			      const struct gguf_info *counts,
			      struct sens_table *t,
			      struct imatrix_skips *skips,
			      struct hvqz_err *err)
{
	const uint8_t *p = g->c.p + sums->off, *q = g->c.p + counts->off;
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

static enum hvqz_ret add_all(struct gguf *g, struct sens_table *t,
			     const struct hvqz_notes *notes,
			     struct hvqz_err *err)
{
	struct gguf_info *v = g->infos;
	struct imatrix_skips skips = {0};
	uint64_t n_others = 0;

	qsort(v, (size_t)g->n_infos, sizeof(*v), by_base);
	for (uint64_t i = 1; i < g->n_infos; i++)
		if (!by_base(&v[i - 1], &v[i]))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "duplicate tensor %.*s%s",
					 v[i].base.len < 160 ?
					 (int)v[i].base.len : 160,
					 v[i].base.p,
					 v[i].kind == KIND_SUMS ? ".in_sum2" :
					 v[i].kind == KIND_COUNTS ? ".counts" :
					 "");
	for (uint64_t i = 0; i < g->n_infos; i++) {
		bool pair = i + 1 < g->n_infos &&
			v[i].kind == KIND_SUMS &&
			v[i + 1].kind == KIND_COUNTS &&
			!imatrix_span_cmp(&v[i].base, &v[i + 1].base);

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
		TRY(add_pair(g, &v[i], &v[i + 1], t, &skips, err));
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
	struct gguf g = {
		.c = {p, p + len},
		.start = p,
	};
	enum hvqz_ret ret;

	snprintf(t->kind, sizeof(t->kind), "imatrix.gguf");
	TRY_OUT(imatrix_gguf_head(&g, err));
	TRY_OUT(take_infos(&g, err));
	TRY_OUT(add_all(&g, t, notes, err));
	t->n_tokens = g.n_chunks * g.chunk_size;
	if (g.texts.len) {
		buf_u8(&g.texts, 0);
		TRY_OUT(buf_ok(&g.texts, err));
		t->calibration = (char *)g.texts.p;
		g.texts = (struct buf){0};
	}
out:
	free(g.keys);
	free(g.infos);
	buf_free(&g.texts);
	return ret;
}
