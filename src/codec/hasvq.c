/*
 * hasvq.c - codec 2: payload layout and decoder. The encoder's decisions are
 * in hasvq_encode.c.
 */
#include "codec/hasvq.h"

#include "codec/weights.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void hasvq_free(struct hasvq *q)
{
	free(q->scale);
	free(q->code);
	free(q->cent);
	free(q->grid);
	free(q->idx);
	sparse_free(&q->sparse);
	*q = (struct hasvq){0};
}

static unsigned index_bits(uint32_t k)
{
	return k < 2 ? 0 : 32 - (unsigned)__builtin_clz(k - 1);
}

static enum hvqz_ret put_plain(const struct hasvq *q, struct buf *out,
			       struct hvqz_err *err)
{
	struct bit_writer bits = {.out = out};
	size_t n_blocks = q->n_rows * q->row_blocks;

	for (size_t i = 0; i < q->n_rows; i++)
		buf_u16(out, q->code[i]);
	for (size_t i = 0; i < (size_t)q->k * q->b; i++)
		buf_u16(out, f16_from_f32(q->cent[i]));
	for (size_t i = 0; i < n_blocks; i++)
		bits_put(&bits, q->idx[i] >> 1, index_bits(q->k));
	bits_flush(&bits);
	return buf_ok(out, err);
}

static enum hvqz_ret put_compact(const struct hasvq *q, const uint32_t *counts,
				 struct buf *out, struct hvqz_err *err)
{
	size_t n_cent = (size_t)q->k * q->b;
	size_t n = q->n_rows > n_cent ? q->n_rows : n_cent;
	uint32_t *v = malloc(n * sizeof(*v));
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "numbers to code");
	for (size_t i = 0; i < q->n_rows; i++)
		v[i] = zigzag(q->code[i] -
			      (i ? q->code[i - 1] : SCALE_CODES / 2));
	TRY_OUT(intcode_put(v, q->n_rows, out, err));
	buf_f32(out, q->step);
	for (size_t i = 0; i < n_cent; i++)
		v[i] = zigzag(q->grid[i]);
	TRY_OUT(intcode_put(v, n_cent, out, err));
	ret = hasvq_index_put(counts, q->k, q->idx, q->n_rows * q->row_blocks,
			      out, err);
out:
	free(v);
	return ret;
}

enum hvqz_ret hasvq_put(const struct hasvq *q, const uint32_t *counts,
			struct buf *out, struct hvqz_err *err)
{
	buf_u8(out, HASVQ_BODY_KMEANS);
	buf_u8(out, q->compact ? HASVQ_COMPACT : 0);
	buf_u8(out, (uint8_t)__builtin_ctz(q->b));
	buf_u8(out, (uint8_t)q->sparse.kind);
	varint_put(out, q->k);
	varint_put(out, q->sparse.n);
	TRY(q->compact ? put_compact(q, counts, out, err)
		       : put_plain(q, out, err));
	return sparse_put(&q->sparse, q->compact, q->scale, q->n_cols, out,
			  err);
}

static enum hvqz_ret bad(struct hvqz_err *err, const char *what)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s", what);
}

static enum hvqz_ret get_plain(struct hasvq *q, struct cursor *c,
			       struct hvqz_err *err)
{
	size_t n_blocks = q->n_rows * q->row_blocks;
	unsigned width = index_bits(q->k);
	struct bit_reader bits;
	const uint8_t *p;

	for (size_t i = 0; i < q->n_rows; i++) {
		if (!cur_u16(c, &q->code[i]))
			return bad(err, "the row scales are cut");
		q->scale[i] = f32_from_f16(q->code[i]);
		if (!isfinite(q->scale[i]) || q->code[i] & 0x8000)
			return bad(err, "a row scale is not a finite number "
				   "≥ 0");
	}
	for (size_t i = 0; i < (size_t)q->k * q->b; i++) {
		uint16_t h;

		if (!cur_u16(c, &h))
			return bad(err, "the codebook is cut");
		q->cent[i] = f32_from_f16(h);
		if (!isfinite(q->cent[i]))
			return bad(err, "a centroid is not finite");
	}
	p = cur_take(c, ((uint64_t)n_blocks * width + 7) / 8);
	if (!p)
		return bad(err, "the indices are cut");
	bits = (struct bit_reader){.p = p, .end = c->p};
	for (size_t i = 0; i < n_blocks; i++) {
		uint32_t k = bits_get(&bits, width);

		if (k >= q->k)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "index %" PRIu32 " of a codebook of %"
					 PRIu32 " centroids", k, q->k);
		q->idx[i] = hasvq_index(k, false);
	}
	if (!bits_end(&bits))
		return bad(err, "nonzero padding behind the indices");
	return HVQZ_OK;
}

static enum hvqz_ret get_compact(struct hasvq *q, struct cursor *c,
				 const struct decode_kernels *kern,
				 struct hvqz_err *err)
{
	size_t n_cent = (size_t)q->k * q->b;
	size_t n = q->n_rows > n_cent ? q->n_rows : n_cent;
	uint32_t *v = malloc(n * sizeof(*v));
	int64_t code = SCALE_CODES / 2;
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "coded numbers");
	TRY_OUT(intcode_get_by(c, kern, v, q->n_rows, "row scales", err));
	for (size_t i = 0; i < q->n_rows; i++) {
		code += unzigzag(v[i]);
		if (code < 0 || code >= SCALE_CODES) {
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"row scale code %" PRId64
					" is not in 0 to %d", code,
					SCALE_CODES - 1);
			goto out;
		}
		q->code[i] = (uint16_t)code;
		q->scale[i] = scale_value((unsigned)code);
	}
	if (!cur_f32(c, &q->step) || !isfinite(q->step) || !(q->step > 0)) {
		ret = bad(err, "the codebook's step is not a finite number "
			  "> 0");
		goto out;
	}
	TRY_OUT(intcode_get_by(c, kern, v, n_cent, "codebook", err));
	for (size_t i = 0; i < n_cent; i++) {
		q->cent[i] = q->step * (float)unzigzag(v[i]);
		if (!isfinite(q->cent[i])) {
			ret = bad(err, "a centroid is not finite");
			goto out;
		}
	}
	ret = hasvq_index_get(c, kern, q->k, q->idx,
			      q->n_rows * q->row_blocks, err);
out:
	free(v);
	return ret;
}

enum hvqz_ret hasvq_get(struct hasvq *q, const struct slab *slab,
			const uint8_t *payload, size_t len,
			const struct decode_kernels *kern,
			struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	uint64_t n_elems = slab->n_rows * slab->n_cols, n_blocks;
	uint8_t body, flags, log_b, kind;
	uint32_t n_out;

	*q = (struct hasvq){0};
	if (!dtype_is_weight(slab->dtype))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "hasvq cannot hold elements of %s",
				 dtype_name(slab->dtype));
	if (!cur_u8(&c, &body) || !cur_u8(&c, &flags) || !cur_u8(&c, &log_b) ||
	    !cur_u8(&c, &kind) || !varint_get(&c, &q->k) ||
	    !varint_get(&c, &n_out))
		return bad(err, "the payload ends in its head");
	if (body != HASVQ_BODY_KMEANS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "hasvq body %u is unknown to this version",
				 body);
	if (flags & ~HASVQ_COMPACT)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "hasvq flags %#x are unknown to this version",
				 flags & ~HASVQ_COMPACT);
	if (log_b > 3 || kind > (n_out ? HALF_BF16 : HALF_F16) || !q->k ||
	    q->k > HVQZ_MAX_CENTROIDS || n_out > (n_elems + 1) / 2)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload's head is out of range: "
				 "block 2^%u, outlier kind %u, %" PRIu32
				 " centroids, %" PRIu32 " outliers of %" PRIu64
				 " weights", log_b, kind, q->k, n_out,
				 n_elems);
	q->compact = flags & HASVQ_COMPACT;
	q->b = 1u << log_b;
	q->n_rows = slab->n_rows;
	q->n_cols = slab->n_cols;
	q->row_blocks = (q->n_cols + q->b - 1) / q->b;
	n_blocks = q->n_rows * (uint64_t)q->row_blocks;
	q->scale = malloc(q->n_rows * sizeof(*q->scale));
	q->code = malloc(q->n_rows * sizeof(*q->code));
	q->cent = malloc((size_t)q->k * q->b * sizeof(*q->cent));
	q->idx = malloc(n_blocks * sizeof(*q->idx));
	if (!q->scale || !q->code || !q->cent || !q->idx)
		return hvqz_nomem(err, n_blocks * 2, "a k-means body");
	TRY(sparse_alloc(&q->sparse, n_out, err));
	q->sparse.kind = (enum half_kind)kind;
	q->sparse.kern = kern;
	TRY(q->compact ? get_compact(q, &c, kern, err)
		       : get_plain(q, &c, err));
	TRY(sparse_get(&q->sparse, q->compact, q->scale, q->n_cols, n_elems,
		       &c, err));
	if (cur_left(&c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes behind the payload's end",
				 cur_left(&c));
	return HVQZ_OK;
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct hasvq q;
	enum hvqz_ret ret;

	ret = hasvq_get(&q, slab, payload, len, env->kern->decode, err);
	if (ret == HVQZ_OK)
		ret = hasvq_reconstruct(&q, slab->dtype, env->kern->decode,
					raw, err);
	hasvq_free(&q);
	return ret;
}

static uint64_t decode_memory(const struct slab *slab)
{
	uint64_t n = slab->n_rows * slab->n_cols;

	/*
	 * Indices (b = 1), half of all as outliers with their numbers' classes,
	 * a row, what rows have, and for the most centroids: themselves, their
	 * numbers or the weights made of them, and the rANS tables.
	 */
	return n * 2 + (n + 1) / 2 * 11 + (slab->n_cols + 8) * 4 +
	       slab->n_rows * (uint64_t)10 +
	       HVQZ_MAX_CENTROIDS * (uint64_t)(8 * 4 * 2 + 16) +
	       ((uint64_t)128 << 10);
}

const struct codec codec_hasvq = {
	.id = CODEC_HASVQ,
	.name = "hasvq",
	.lossless = false,
	.encode = hasvq_encode,
	.decode = decode,
	.encode_memory = hasvq_encode_memory,
	.decode_memory = decode_memory,
};
