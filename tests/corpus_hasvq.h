/*
 * corpus_hasvq.h - a payload of codec 2, and what can be wrong with it (H8).
 */
#ifndef TESTS_CORPUS_HASVQ_H
#define TESTS_CORPUS_HASVQ_H

#include "base/bytes.h"
#include "codec/codec.h"
#include "codec/hasvq.h"
#include "codec/hasvq_index.h"
#include "kernels/kernels.h"
#include "tests/slab_case.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct hvqz_err err;

/* A payload and what it was made from. */
struct made {
	struct slab slab;
	struct hasvq q;
	struct buf out;
};

static void make(struct made *m, bool faithful)
{
	struct codec_settings set = hasvq_settings(faithful, 40, 4, 0.02);
	struct codec_env env = {.kern = kernels_select()};
	struct sample s = make_sample(DTYPE_F16, 64, 64, 15);
	struct codec_stats stats;
	struct hasvq *q = &m->q;
	bool declined;

	*m = (struct made){.slab = s.slab};
	ck_assert_int_eq(codec_hasvq.encode(&env, &s.slab, &set, NULL, s.raw,
					    &m->out, &stats, &declined, &err),
			 HVQZ_OK);
	ck_assert_int_eq(hasvq_get(q, &s.slab, m->out.p, m->out.len,
				   &decode_generic, &err), HVQZ_OK);
	/* What put needs and get does not make: the codes and the grid. */
	if (q->compact) {
		q->grid = malloc((size_t)q->k * q->b * sizeof(*q->grid));
		for (size_t i = 0; i < (size_t)q->k * q->b; i++)
			q->grid[i] = (int32_t)rintf(q->cent[i] / q->step);
		for (size_t i = 0; i < q->n_rows; i++)
			q->code[i] = (uint16_t)scale_code(q->scale[i]);
	}
	free_sample(&s);
}

static void unmake(struct made *m)
{
	hasvq_free(&m->q);
	buf_free(&m->out);
}

struct bad_payload {
	const char *name;
	bool faithful;
	/* Change a good payload of 64 rows × 64 columns, K = 40, b = 4. */
	void (*mutate)(struct hasvq *q, struct buf *payload);
	const char *word;
};

static struct buf *rebuild(struct hasvq *q, struct buf *payload)
{
	uint32_t counts[64] = {0};

	for (size_t i = 0; i < q->n_rows * q->row_blocks; i++)
		counts[q->idx[i] >> 1 < 64 ? q->idx[i] >> 1 : 0]++;
	buf_clear(payload);
	ck_assert_int_eq(hasvq_put(q, counts, payload, &err), HVQZ_OK);
	return payload;
}

static void unknown_body(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->p[0] = 9;
}

static void unknown_flag(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->p[1] |= 2;
}

static void block_16(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->p[2] = 4;
}

static void no_centroids(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->p[4] = 0;
}

static void index_too_high(struct hasvq *q, struct buf *p)
{
	q->idx[5] = hasvq_index(q->k, false);
	rebuild(q, p);
}

static void infinite_scale(struct hasvq *q, struct buf *p)
{
	(void)q;
	put_le16(p->p + 6, 0x7c00);
}

static void negative_scale(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->p[7] |= 0x80;
}

static void infinite_centroid(struct hasvq *q, struct buf *p)
{
	put_le16(p->p + 6 + 2 * q->n_rows, 0x7c00);
}

static void position_back(struct hasvq *q, struct buf *p)
{
	q->sparse.pos[3] = q->sparse.pos[2];
	rebuild(q, p);
}

static void position_outside(struct hasvq *q, struct buf *p)
{
	q->sparse.pos[q->sparse.n - 1] = 64 * 64;
	q->scale = realloc(q->scale, 65 * sizeof(*q->scale));
	q->scale[64] = q->scale[63];
	rebuild(q, p);
}

static void infinite_outlier(struct hasvq *q, struct buf *p)
{
	q->sparse.half[1] = 0x7c00;
	rebuild(q, p);
}

static void bytes_behind(struct hasvq *q, struct buf *p)
{
	(void)q;
	buf_u8(p, 0);
}

static void cut(struct hasvq *q, struct buf *p)
{
	(void)q;
	p->len--;
}

static void scale_code_outside(struct hasvq *q, struct buf *p)
{
	q->code[7] = SCALE_CODES;
	rebuild(q, p);
}

static void zero_step(struct hasvq *q, struct buf *p)
{
	q->step = 0;
	rebuild(q, p);
}

static void huge_grid(struct hasvq *q, struct buf *p)
{
	q->step = 3e38f;
	rebuild(q, p);
}

/* One more level announced than there are: the byte in front of the list. */
static void hidden_level(struct hasvq *q, struct buf *p)
{
	struct buf list = {0};
	uint32_t counts[64] = {0};
	size_t n_blocks = q->n_rows * q->row_blocks;
	uint8_t *at;

	for (size_t i = 0; i < n_blocks; i++)
		counts[q->idx[i] >> 1]++;
	ck_assert_int_eq(hasvq_index_put(counts, q->k, q->idx, n_blocks, &list,
					 &err), HVQZ_OK);
	at = p->p;
	while (memcmp(at, list.p, list.len))
		at++;
	++*at;
	buf_free(&list);
}

static void unequal_frequencies(struct hasvq *q, struct buf *p)
{
	struct buf head = {0};
	uint8_t *at;

	/* The level list stands behind the codebook: find it by rewriting. */
	(void)q;
	buf_put(&head, p->p, p->len);
	for (at = p->p; at + 4 < p->p + p->len; at++) {
		struct hasvq other;
		struct slab slab = {.dtype = DTYPE_F16, .n_rows = 64,
				    .n_cols = 64, .raw_len = 64 * 64 * 2};
		enum hvqz_ret ret;

		*at ^= 1;
		ret = hasvq_get(&other, &slab, p->p, p->len,
				&decode_generic, &err);
		hasvq_free(&other);
		if (ret == HVQZ_DAMAGED && strstr(err.msg, "do not sum"))
			break;
		*at ^= 1;
	}
	buf_free(&head);
}

static const struct bad_payload bad_payloads[] = {
	{"unknown body", false, unknown_body, "unknown"},
	{"unknown flag", false, unknown_flag, "unknown"},
	{"block of 16", false, block_16, "out of range"},
	{"no centroids", true, no_centroids, "out of range"},
	{"index at K", true, index_too_high, "index 40 of"},
	{"infinite scale", true, infinite_scale, "scale"},
	{"negative scale", true, negative_scale, "scale"},
	{"infinite centroid", true, infinite_centroid, "centroid"},
	{"position repeated", true, position_back, "position"},
	{"position outside, plain", true, position_outside, "position"},
	{"position outside", false, position_outside, "position"},
	{"infinite outlier, plain", true, infinite_outlier, "finite"},
	{"infinite outlier", false, infinite_outlier, "finite"},
	{"bytes behind, plain", true, bytes_behind, "behind"},
	{"bytes behind", false, bytes_behind, "behind"},
	{"cut, plain", true, cut, "cut"},
	{"cut", false, cut, "signs are cut"},
	{"scale code", false, scale_code_outside, "scale code"},
	{"zero step", false, zero_step, "step"},
	{"overflowing centroid", false, huge_grid, "finite"},
	{"hidden level", false, hidden_level, "do not go on"},
	{"frequencies", false, unequal_frequencies, "do not sum"},
};

#endif
