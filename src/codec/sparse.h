/*
 * sparse.h - the sparse residual: the outliers Ω, stored exactly.
 *
 * The body was coded with zeros at Ω, so what is missing there is the weight
 * itself; it is kept as its 16-bit pattern (F16, or BF16 where the tensor is
 * BF16 or too large for F16), so the reconstruction at Ω is exact to 16 bits.
 *
 * Plain form (HAS-VQ as published): u32 position, u16 pattern; 48 bits each.
 *
 * Compact form: positions as gaps (formats/hvqz.md), signs as bits, and the
 * magnitude's bit pattern minus that of m·s_i, the size of a typical outlier
 * of its row: m is the slab's mean |w|/s_i. Patterns of one sign order as the
 * numbers do and are roughly logarithmic, so the difference is a small number,
 * alike in every row.
 */
#ifndef CODEC_SPARSE_H
#define CODEC_SPARSE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/half.h"
#include "codec/codec.h"

#include <stdbool.h>

enum half_kind {
	HALF_F16 = 0,
	HALF_BF16 = 1,
};

static inline uint16_t half_from_f32(enum half_kind kind, float v)
{
	return kind == HALF_F16 ? f16_from_f32(v) : bf16_from_f32(v);
}

static inline float f32_from_half(enum half_kind kind, uint16_t h)
{
	return kind == HALF_F16 ? f32_from_f16(h) : f32_from_bf16(h);
}

struct sparse {
	enum half_kind kind;
	uint32_t n;
	uint32_t *pos;		/* [n], increasing, row-major in the slab */
	uint16_t *half;		/* [n] */
	const struct decode_kernels *kern;	/* to read with; NULL: generic */
};

/* Allocate for n outliers; sparse_free() releases. */
enum hvqz_ret sparse_alloc(struct sparse *s, uint32_t n, struct hvqz_err *err);
void sparse_free(struct sparse *s);

/* Allocated, pos set: the patterns of the slab's weights there, and kind. */
enum hvqz_ret sparse_take(struct sparse *s, const struct slab *slab,
			  const uint8_t *raw, struct hvqz_err *err);

/* False when a weight is too large for 16 bits of its kind. */
bool sparse_finite(const struct sparse *s);

/*
 * scale: [n_rows], the row scales s_i the decoder also has; NULL: all 1. n_cols
 * per row.
 */
enum hvqz_ret sparse_put(const struct sparse *s, bool compact,
			 const float *scale, uint64_t n_cols, struct buf *out,
			 struct hvqz_err *err);

/* Fill pos and half of an allocated s. n_elems: of the slab. */
enum hvqz_ret sparse_get(struct sparse *s, bool compact, const float *scale,
			 uint64_t n_cols, uint64_t n_elems, struct cursor *c,
			 struct hvqz_err *err);

#endif
