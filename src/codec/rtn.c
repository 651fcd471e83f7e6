/* rtn.c - codec 4: payload layout and decoder. */
#include "codec/rtn.h"

#include "base/half.h"
#include "codec/weights.h"
#include "entropy/bits.h"

#include <inttypes.h>
#include <stdlib.h>

/* F16's infinity; above it are NaNs and all that is negative, −0 too. */
#define F16_INFINITY 0x7c00

void rtn_init(struct rtn *q, const struct slab *slab, bool across,
	      unsigned bits, uint32_t group)
{
	q->across = across;
	q->bits = bits;
	q->n_channels = across ? slab->n_rows : (size_t)slab->n_cols;
	q->n_units = across ? (size_t)slab->n_cols : slab->n_rows;
	q->group = group && group < q->n_channels ? group : q->n_channels;
	q->n_groups = (q->n_channels + q->group - 1) / q->group;
}

enum hvqz_ret rtn_alloc(struct rtn *q, struct hvqz_err *err)
{
	size_t n = q->n_units * q->n_groups;

	q->scale = calloc(n, sizeof(*q->scale));
	return q->scale ? HVQZ_OK
			: hvqz_nomem(err, n * sizeof(*q->scale), "scales");
}

void rtn_free(struct rtn *q)
{
	free(q->scale);
	*q = (struct rtn){0};
}

enum hvqz_ret rtn_put(const struct rtn *q, const int8_t *code, struct buf *out,
		      struct hvqz_err *err)
{
	struct bit_writer w = {.out = out};
	uint32_t mask = (1u << q->bits) - 1;

	buf_u8(out, q->across ? RTN_ACROSS : 0);
	buf_u8(out, (uint8_t)q->bits);
	varint_put(out, q->n_groups > 1 ? (uint32_t)q->group : 0);
	for (size_t k = 0; k < q->n_units * q->n_groups; k++)
		buf_u16(out, f16_from_f32(q->scale[k]));
	for (size_t e = 0; e < q->n_units * q->n_channels; e++)
		bits_put(&w, (uint32_t)code[e] & mask, q->bits);
	bits_flush(&w);
	return buf_ok(out, err);
}

/* n codes times one scale, or each times its own. The products are exact. */
static void multiply(const int8_t *code, size_t n, const float *scale,
		     size_t stride, float *w)
{
	for (size_t j = 0; j < n; j++)
		w[j] = (float)code[j] * scale[j * stride];
}

void rtn_restore(const struct rtn *q, const struct slab *slab, size_t row,
		 const int8_t *code, float *w, uint8_t *raw)
{
	size_t n = (size_t)slab->n_cols;

	if (q->across) {
		multiply(code, n, q->scale + row / q->group, q->n_groups, w);
	} else {
		const float *scale = q->scale + row * q->n_groups;

		for (size_t k = 0; k < q->n_groups; k++) {
			size_t at = k * q->group;
			size_t len = n - at < q->group ? n - at : q->group;

			multiply(code + at, len, scale + k, 0, w + at);
		}
	}
	weights_narrow(slab->dtype, w, n, raw);
}

/* All in front of the scales, and that what is behind has its length. */
static enum hvqz_ret get_head(struct rtn *q, const struct slab *slab,
			      struct cursor *c, struct hvqz_err *err)
{
	uint64_t n_elems = slab->n_rows * slab->n_cols, need;
	uint8_t flags, bits;
	uint32_t group;

	if (!dtype_is_weight(slab->dtype))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "rounded weights cannot be elements of %s",
				 dtype_name(slab->dtype));
	if (!cur_u8(c, &flags) || !cur_u8(c, &bits) || !varint_get(c, &group))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload ends in its head");
	if (flags & ~RTN_FLAGS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "rtn flags %#x are unknown to this version",
				 flags & ~RTN_FLAGS);
	if (bits < RTN_MIN_BITS || bits > RTN_MAX_BITS)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "codes of %u bits; there are %d to %d", bits,
				 RTN_MIN_BITS, RTN_MAX_BITS);
	rtn_init(q, slab, flags & RTN_ACROSS, bits, group);
	if (group >= q->n_channels)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "groups of %" PRIu32 " of %zu inputs", group,
				 q->n_channels);
	need = 2 * (uint64_t)q->n_units * q->n_groups +
	       (n_elems * bits + 7) / 8;
	if (cur_left(c) < need)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "scales and codes are cut: %zu bytes where "
				 "they take %" PRIu64, cur_left(c), need);
	if (cur_left(c) > need)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64 " bytes behind the payload's end",
				 cur_left(c) - need);
	return HVQZ_OK;
}

static enum hvqz_ret get_scales(struct rtn *q, struct cursor *c,
				struct hvqz_err *err)
{
	TRY(rtn_alloc(q, err));
	for (size_t k = 0; k < q->n_units * q->n_groups; k++) {
		uint16_t half = 0;

		cur_u16(c, &half);
		if (half >= F16_INFINITY)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "scale %zu is negative or not finite",
					 k);
		q->scale[k] = f32_from_f16(half);
	}
	return HVQZ_OK;
}

/* False where one is −2^(bits−1). */
static bool get_codes(struct bit_reader *r, unsigned bits, size_t n,
		      int8_t *code)
{
	int half = 1 << (bits - 1), least = 0;

	for (size_t j = 0; j < n; j++) {
		int v = ((int)bits_get(r, bits) ^ half) - half;

		least = v < least ? v : least;
		code[j] = (int8_t)v;
	}
	return least > -half;
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	size_t n = (size_t)slab->n_cols, row_len;
	struct bit_reader r = {0};
	struct rtn q = {0};
	int8_t *code = NULL;
	float *w = NULL;
	enum hvqz_ret ret;

	(void)env;
	TRY_OUT(get_head(&q, slab, &c, err));
	TRY_OUT(get_scales(&q, &c, err));
	code = malloc(n);
	w = malloc(n * sizeof(*w));
	if (!code || !w) {
		ret = hvqz_nomem(err, n * 5, "a row");
		goto out;
	}
	r.p = c.p;
	r.end = c.end;
	row_len = n * dtype_bits(slab->dtype) / 8;
	for (size_t i = 0; i < slab->n_rows; i++) {
		if (!get_codes(&r, q.bits, n, code)) {
			ret = hvqz_fail(err, HVQZ_DAMAGED, "row %zu has the "
					"code %d, which is none", i,
					-rtn_most(q.bits) - 1);
			goto out;
		}
		rtn_restore(&q, slab, i, code, w, raw + i * row_len);
	}
	ret = bits_end(&r) ? HVQZ_OK
			   : hvqz_fail(err, HVQZ_DAMAGED,
				       "nonzero padding behind the codes");
out:
	free(code);
	free(w);
	rtn_free(&q);
	return ret;
}

static uint64_t decode_memory(const struct slab *slab)
{
	/* A scale a weight at the most; a row. */
	return ((uint64_t)slab->n_rows * 4 + 5) * slab->n_cols;
}

const struct codec codec_rtn = {
	.id = CODEC_RTN,
	.name = "rtn",
	.lossless = false,
	.factor_use = FACTOR_FULL,
	.encode = rtn_encode,
	.decode = decode,
	.encode_memory = rtn_encode_memory,
	.decode_memory = decode_memory,
};
