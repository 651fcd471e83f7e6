/* sparse.c - both forms of sparse.h. */
#include "codec/sparse.h"

#include "codec/weights.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"
#include "kernels/decode.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum hvqz_ret sparse_alloc(struct sparse *s, uint32_t n, struct hvqz_err *err)
{
	s->n = n;
	s->pos = malloc((n + (size_t)1) * sizeof(*s->pos));
	s->half = malloc((n + (size_t)1) * sizeof(*s->half));
	if (s->pos && s->half)
		return HVQZ_OK;
	sparse_free(s);
	return hvqz_nomem(err, (uint64_t)n * 6, "the outliers");
}

void sparse_free(struct sparse *s)
{
	free(s->pos);
	free(s->half);
	s->pos = NULL;
	s->half = NULL;
}

/*
 * BF16 for BF16 tensors, and where F16 would make an F32 outlier infinite or
 * too small to be normal.
 */
static enum half_kind choose_kind(enum dtype dtype, const float *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float a = fabsf(w[i]);

		if (dtype == DTYPE_BF16 || a >= 65520.0f ||
		    (dtype == DTYPE_F32 && a > 0 && a < 0x1p-14f))
			return HALF_BF16;
	}
	return HALF_F16;
}

bool sparse_finite(const struct sparse *s)
{
	for (uint32_t o = 0; o < s->n; o++)
		if (!isfinite(f32_from_half(s->kind, s->half[o])))
			return false;
	return true;
}

enum hvqz_ret sparse_take(struct sparse *s, const struct slab *slab,
			  const uint8_t *raw, struct hvqz_err *err)
{
	size_t elem = dtype_bits(slab->dtype) / 8;
	float *w = malloc((s->n + 1) * sizeof(*w));

	if (!w)
		return hvqz_nomem(err, s->n * sizeof(*w), "the outliers");
	for (uint32_t o = 0; o < s->n; o++)
		weights_widen(slab->dtype, raw + s->pos[o] * elem, 1, &w[o]);
	s->kind = choose_kind(slab->dtype, w, s->n);
	for (uint32_t o = 0; o < s->n; o++)
		s->half[o] = half_from_f32(s->kind, w[o]);
	free(w);
	return HVQZ_OK;
}

static float row_scale(const float *scale, uint64_t row)
{
	return scale ? scale[row] : 1.0f;
}

/* The magnitude pattern of a typical outlier of a row of this scale. */
static int32_t row_base(enum half_kind kind, float typical, float scale)
{
	return half_from_f32(kind, typical * scale) & 0x7fff;
}

static uint16_t magnitude(uint16_t half)
{
	return half & 0x7fff;
}

static float mean_ratio(const struct sparse *s, const float *scale,
			uint64_t n_cols)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->n; i++)
		sum += (double)f32_from_half(s->kind, magnitude(s->half[i])) /
		       row_scale(scale, s->pos[i] / n_cols);
	sum /= s->n;
	return sum < (double)FLT_MAX ? (float)sum : 0;
}

static enum hvqz_ret put_compact(const struct sparse *s, const float *scale,
				 uint64_t n_cols, struct buf *out,
				 struct hvqz_err *err)
{
	struct bit_writer bits = {.out = out};
	float typical = mean_ratio(s, scale, n_cols);
	uint32_t *v = malloc((s->n + (size_t)1) * sizeof(*v)), last = 0;
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, (uint64_t)s->n * 4, "the outliers");
	buf_f32(out, typical);
	for (uint32_t i = 0; i < s->n; i++) {
		v[i] = s->pos[i] - last;
		last = s->pos[i] + 1;
	}
	TRY_OUT(intcode_put(v, s->n, out, err));
	for (uint32_t i = 0; i < s->n; i++)
		v[i] = zigzag(magnitude(s->half[i]) -
			      row_base(s->kind, typical,
				       row_scale(scale, s->pos[i] / n_cols)));
	TRY_OUT(intcode_put(v, s->n, out, err));
	for (uint32_t i = 0; i < s->n; i++)
		bits_put(&bits, s->half[i] >> 15, 1);
	bits_flush(&bits);
	ret = buf_ok(out, err);
out:
	free(v);
	return ret;
}

enum hvqz_ret sparse_put(const struct sparse *s, bool compact,
			 const float *scale, uint64_t n_cols, struct buf *out,
			 struct hvqz_err *err)
{
	if (!s->n)
		return HVQZ_OK;
	if (compact)
		return put_compact(s, scale, n_cols, out, err);
	for (uint32_t i = 0; i < s->n; i++) {
		buf_u32(out, s->pos[i]);
		buf_u16(out, s->half[i]);
	}
	return buf_ok(out, err);
}

static enum hvqz_ret bad_position(uint32_t i, uint64_t pos, uint64_t n_elems,
				  struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "outlier %" PRIu32 " is at position %" PRIu64
			 ": not after the one before it, or not below %" PRIu64,
			 i, pos, n_elems);
}

static enum hvqz_ret bad_value(uint32_t i, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "outlier %" PRIu32 " has no finite value", i);
}

static bool is_finite(enum half_kind kind, uint32_t mag)
{
	return mag < (kind == HALF_F16 ? 0x7c00u : 0x7f80u);
}

static enum hvqz_ret get_plain(struct sparse *s, uint64_t n_elems,
			       struct cursor *c, struct hvqz_err *err)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!cur_u32(c, &s->pos[i]) || !cur_u16(c, &s->half[i]))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "the outliers are cut at %" PRIu32
					 " of %" PRIu32, i, s->n);
		if (s->pos[i] < next || s->pos[i] >= n_elems)
			return bad_position(i, s->pos[i], n_elems, err);
		if (!is_finite(s->kind, magnitude(s->half[i])))
			return bad_value(i, err);
		next = (uint64_t)s->pos[i] + 1;
	}
	return HVQZ_OK;
}

static enum hvqz_ret get_compact(struct sparse *s, const float *scale,
				 uint64_t n_cols, uint64_t n_elems,
				 struct cursor *c, struct hvqz_err *err)
{
	uint32_t *v = malloc((s->n + (size_t)1) * sizeof(*v));
	const struct decode_kernels *kern = s->kern ? s->kern : &decode_generic;
	const uint8_t *signs;
	uint64_t next = 0, row_end = 0;
	int32_t base = 0;
	float typical;
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, (uint64_t)s->n * 4, "the outliers");
	if (!cur_f32(c, &typical) || signbit(typical) || !isfinite(typical)) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the typical outlier's size is not a finite "
				"number >= 0");
		goto out;
	}
	TRY_OUT(intcode_get_by(c, kern, v, s->n, "outlier gaps", err));
	for (uint32_t i = 0; i < s->n; i++) {
		next += v[i];
		if (next >= n_elems) {
			ret = bad_position(i, next, n_elems, err);
			goto out;
		}
		s->pos[i] = (uint32_t)next++;
	}
	TRY_OUT(intcode_get_by(c, kern, v, s->n, "outlier values", err));
	signs = cur_take(c, (s->n + (uint64_t)7) / 8);
	if (!signs) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the outliers' signs are cut");
		goto out;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t sign = signs[i / 8] >> i % 8 & 1;
		int64_t mag;

		/* Positions rise: a row is asked for once. */
		if (s->pos[i] >= row_end) {
			uint64_t row = s->pos[i] / n_cols;

			row_end = (row + 1) * n_cols;
			base = row_base(s->kind, typical,
					row_scale(scale, row));
		}
		mag = (int64_t)unzigzag(v[i]) + base;
		if (mag < 0 || mag > 0x7fff ||
		    !is_finite(s->kind, (uint32_t)mag)) {
			ret = bad_value(i, err);
			goto out;
		}
		s->half[i] = (uint16_t)((uint32_t)mag | sign << 15);
	}
	ret = s->n % 8 && signs[s->n / 8] >> s->n % 8
		      ? hvqz_fail(err, HVQZ_DAMAGED,
				  "nonzero padding behind the outliers' signs")
		      : HVQZ_OK;
out:
	free(v);
	return ret;
}

enum hvqz_ret sparse_get(struct sparse *s, bool compact, const float *scale,
			 uint64_t n_cols, uint64_t n_elems, struct cursor *c,
			 struct hvqz_err *err)
{
	if (!s->n)
		return HVQZ_OK;
	return compact ? get_compact(s, scale, n_cols, n_elems, c, err)
		       : get_plain(s, n_elems, c, err);
}
