/* conditioned.c - codec 5: payload layout and decoder. */
#include "codec/conditioned.h"

#include "base/half.h"
#include "codec/weights.h"
#include "entropy/bits.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { LINES = 16 };	/* rows, or columns, restored together */

void conditioned_free(struct conditioned *q)
{
	condition_free(&q->cond);
	sparse_free(&q->sparse);
	*q = (struct conditioned){0};
}

bool conditioned_body(unsigned id)
{
	const struct codec *c = codec_find(id);

	return c && !c->lossless && id != CODEC_CONDITIONED;
}

struct slab conditioned_inner(const struct slab *slab)
{
	struct slab inner = *slab;

	inner.dtype = DTYPE_F32;
	inner.first_row = 0;
	inner.raw_len = (uint32_t)(slab->n_rows * slab->n_cols * 4);
	return inner;
}

/* Four BF16 numbers, clamped to what is finite: nobody computes with them. */
static void put_spectrum(const struct spectrum *s, struct buf *out)
{
	const float v[] = {s->most, s->ratio};
	uint8_t raw[4];

	weights_narrow(DTYPE_BF16, v, 2, raw);
	buf_put(out, raw, sizeof(raw));
}

static bool get_spectrum(struct cursor *c, struct spectrum *s)
{
	uint16_t most, ratio;

	if (!cur_u16(c, &most) || !cur_u16(c, &ratio))
		return false;
	s->most = f32_from_bf16(most);
	s->ratio = f32_from_bf16(ratio);
	return isfinite(s->most) && s->most >= 0 && !signbit(s->most) &&
	       isfinite(s->ratio) && s->ratio >= 0 && !signbit(s->ratio);
}

enum hvqz_ret conditioned_put(const struct conditioned *q,
			      const struct slab *slab, struct buf *out,
			      struct hvqz_err *err)
{
	buf_u8(out, (q->across ? CONDITIONED_ACROSS : 0) |
			    (q->plain ? CONDITIONED_PLAIN : 0));
	buf_u8(out, (uint8_t)q->body->id);
	buf_u8(out, (uint8_t)q->sparse.kind);
	varint_put(out, q->sparse.n);
	put_spectrum(&q->before, out);
	put_spectrum(&q->after, out);
	TRY(condition_put(&q->cond, out, err));
	varint_put(out, (uint32_t)q->len);
	buf_put(out, q->payload, q->len);
	return sparse_put(&q->sparse, !q->plain, NULL, slab->n_cols, out,
			  err);
}

static enum hvqz_ret get_head(struct conditioned *q, const struct slab *slab,
			      struct cursor *c, uint32_t *n_out,
			      struct hvqz_err *err)
{
	uint64_t n_elems = slab->n_rows * slab->n_cols;
	uint8_t flags, body, kind;

	if (!dtype_is_weight(slab->dtype))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "conditioned coordinates cannot hold "
				 "elements of %s", dtype_name(slab->dtype));
	if (!cur_u8(c, &flags) || !cur_u8(c, &body) || !cur_u8(c, &kind) ||
	    !varint_get(c, n_out))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload ends in its head");
	if (flags & ~CONDITIONED_FLAGS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "conditioned flags %#x are unknown to this "
				 "version", flags & ~CONDITIONED_FLAGS);
	if (!conditioned_body(body))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a conditioned body of codec %u is unknown "
				 "to this version", body);
	if (kind > (*n_out ? HALF_BF16 : HALF_F16) ||
	    *n_out > (n_elems + 1) / 2)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload's head is out of range: outlier "
				 "kind %u, %" PRIu32 " outliers of %" PRIu64
				 " weights", kind, *n_out, n_elems);
	if (!get_spectrum(c, &q->before) || !get_spectrum(c, &q->after))
		return hvqz_fail(err, HVQZ_DAMAGED, "the spectrum is not made "
				 "of finite numbers ≥ 0");
	q->across = flags & CONDITIONED_ACROSS;
	q->plain = flags & CONDITIONED_PLAIN;
	q->body = codec_find(body);
	q->sparse.kind = (enum half_kind)kind;
	return HVQZ_OK;
}

static enum hvqz_ret get_sparse(struct conditioned *q,
				const struct slab *slab, uint32_t n_out,
				struct cursor *c, struct hvqz_err *err)
{
	enum half_kind kind = q->sparse.kind;

	TRY(sparse_alloc(&q->sparse, n_out, err));
	q->sparse.kind = kind;
	return sparse_get(&q->sparse, !q->plain, NULL, slab->n_cols,
			  slab->n_rows * slab->n_cols, c, err);
}

enum hvqz_ret conditioned_get(struct conditioned *q, const struct slab *slab,
			      const uint8_t *payload, size_t len,
			      bool head_only, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	uint32_t n_out, body_len;

	*q = (struct conditioned){0};
	TRY(get_head(q, slab, &c, &n_out, err));
	TRY(condition_get(&q->cond,
			  q->across ? slab->n_rows : (size_t)slab->n_cols,
			  slab->n_rows * slab->n_cols, &c, err));
	if (head_only)
		return HVQZ_OK;
	if (!varint_get(&c, &body_len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload ends in its head");
	q->len = body_len;
	q->payload = cur_take(&c, body_len);
	if (!q->payload)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the body should have %" PRIu32
				 " bytes and has %zu", body_len, cur_left(&c));
	TRY(get_sparse(q, slab, n_out, &c, err));
	if (cur_left(&c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes behind the payload's end",
				 cur_left(&c));
	return HVQZ_OK;
}

/* ---- restoring ---- */

/* How many rows are restored together: few where rows are long. */
static size_t lines_for(const struct slab *slab)
{
	return slab->n_rows < LINES ? slab->n_rows : LINES;
}

/*
 * Rows of v [n_rows][n] to Ŵ and raw, some at a time in x. False when the
 * caller wants it to stop.
 */
static bool restore_rows(const struct codec_env *env,
			 const struct conditioned *q, const struct slab *slab,
			 float *v, float *x, uint8_t *raw)
{
	size_t n = (size_t)slab->n_cols, elem = dtype_bits(slab->dtype) / 8;

	for (size_t i = 0; i < slab->n_rows; i += LINES) {
		size_t w = slab->n_rows - i < LINES ? slab->n_rows - i : LINES;
		float *rows = v + i * n;

		for (size_t l = 0; l < w; l++)
			for (size_t j = 0; j < n; j++)
				x[j * w + l] = rows[l * n + j];
		condition_back(&q->cond, x, w, w);
		for (size_t l = 0; l < w; l++)
			for (size_t j = 0; j < n; j++)
				rows[l * n + j] = x[j * w + l];
		weights_narrow(slab->dtype, rows, w * n, raw + i * n * elem);
		if (env->stopped && env->stopped(env->stopped_ctx))
			return false;
	}
	return true;
}

static void store_sparse(const struct conditioned *q, const struct slab *slab,
			 uint8_t *raw)
{
	size_t elem = dtype_bits(slab->dtype) / 8;

	for (uint32_t o = 0; o < q->sparse.n; o++) {
		float w = f32_from_half(q->sparse.kind, q->sparse.half[o]);

		weights_narrow(slab->dtype, &w, 1,
			       raw + q->sparse.pos[o] * elem);
	}
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct slab inner = conditioned_inner(slab);
	size_t n_elems = (size_t)slab->n_rows * (size_t)slab->n_cols;
	struct conditioned q = {0};
	uint8_t *bytes = NULL;
	float *v = NULL, *x = NULL;
	enum hvqz_ret ret;

	TRY_OUT(conditioned_get(&q, slab, payload, len, false, err));
	bytes = malloc(n_elems * sizeof(*v));
	if (!bytes) {
		ret = hvqz_nomem(err, n_elems * 4, "conditioned weights");
		goto out;
	}
	TRY_OUT(q.body->decode(env, &inner, q.payload, q.len, bytes, err));
	/* In place: number i is written where its own bytes were. */
	v = (float *)(void *)bytes;
	weights_widen(DTYPE_F32, bytes, n_elems, v);
	if (q.across) {
		condition_back(&q.cond, v, (size_t)slab->n_cols,
			       (size_t)slab->n_cols);
		weights_narrow(slab->dtype, v, n_elems, raw);
	} else {
		x = malloc((size_t)slab->n_cols * lines_for(slab) *
			   sizeof(*x));
		if (!x) {
			ret = hvqz_nomem(err, slab->n_cols * lines_for(slab) * 4,
					 "a few rows");
			goto out;
		}
		if (!restore_rows(env, &q, slab, v, x, raw)) {
			ret = hvqz_fail(err, HVQZ_STOPPED, "stopped");
			goto out;
		}
	}
	store_sparse(&q, slab, raw);
out:
	free(bytes);
	free(x);
	conditioned_free(&q);
	return ret;
}

static uint64_t decode_memory(const struct slab *slab)
{
	struct slab inner = conditioned_inner(slab);
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols, most = 0;
	uint64_t longest = slab->n_rows > slab->n_cols ? slab->n_rows
						       : slab->n_cols;

	for (unsigned id = 0; codec_find(id); id++) {
		uint64_t need;

		if (!conditioned_body(id))
			continue;
		need = codec_find(id)->decode_memory(&inner);
		most = need > most ? need : most;
	}
	/* V, outliers at their most, the conditioner, a few rows. */
	return most + n * 4 + n / 2 * 6 + condition_memory(longest, n) +
	       longest * (LINES + 1) * 4;
}

const struct codec codec_conditioned = {
	.id = CODEC_CONDITIONED,
	.name = "conditioned",
	.lossless = false,
	.encode = conditioned_encode,
	.decode = decode,
	.encode_memory = conditioned_encode_memory,
	.decode_memory = decode_memory,
};
