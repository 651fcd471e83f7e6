/* trellis.c - codec 3: payload layout and decoder. */
#include "codec/trellis.h"

#include "base/scale.h"
#include "codec/weights.h"
#include "entropy/bits.h"
#include "entropy/shortlist.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
	/* Codes and classes are at most this far from zero. */
	MAX_CODE = SCALE_UNIT / 2 - 1,
	MAX_CLASS = 120,
};

static enum hvqz_ret step_list_alloc(struct step_list *l, size_t n,
				     struct hvqz_err *err)
{
	l->code = calloc(n, sizeof(*l->code));
	l->step = malloc(n * sizeof(*l->step));
	l->class = calloc(n, sizeof(*l->class));
	if (!l->code || !l->step || !l->class)
		return hvqz_nomem(err, n * 7, "steps");
	return HVQZ_OK;
}

static void step_list_free(struct step_list *l)
{
	free(l->code);
	free(l->step);
	free(l->class);
}

enum hvqz_ret trellis_alloc(struct trellis *q, const struct slab *slab,
			    bool across, struct hvqz_err *err)
{
	q->across = across;
	q->n_channels = across ? slab->n_rows : slab->n_cols;
	q->n_units = across ? slab->n_cols : slab->n_rows;
	TRY(step_list_alloc(&q->channel, q->n_channels, err));
	return step_list_alloc(&q->unit, q->n_units, err);
}

void trellis_free(struct trellis *q)
{
	step_list_free(&q->channel);
	step_list_free(&q->unit);
	point_model_free(&q->model);
	sparse_free(&q->sparse);
	*q = (struct trellis){0};
}

void step_list_values(struct step_list *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		l->step[i] = scale_value((unsigned)(SCALE_UNIT +
						    l->code[i] *
						    (8 >> l->res)));
}

/* ---- steps and classes ---- */

/* A unit twice as fine has weights twice as large in steps, to begin with. */
static void guess_classes(const struct step_list *l, size_t n, int32_t *guess)
{
	for (size_t i = 0; i < n; i++)
		guess[i] = -(l->code[i] * MODEL_STEPS / (1 << l->res));
}

static enum hvqz_ret put_steps(const struct step_list *l, size_t n,
			       struct buf *out, struct hvqz_err *err)
{
	int32_t *v = calloc(n, sizeof(*v)), *guess = calloc(n, sizeof(*v));
	enum hvqz_ret ret;

	if (!v || !guess) {
		ret = hvqz_nomem(err, n * 8, "numbers to code");
		goto out;
	}
	buf_u8(out, (uint8_t)l->res);
	for (size_t i = 0; i < n; i++)
		v[i] = l->code[i];
	TRY_OUT(shortlist_put(v, NULL, n, out, err));
	guess_classes(l, n, guess);
	for (size_t i = n; i-- > 0;) {
		v[i] = l->class[i] - l->class[0];
		guess[i] -= guess[0];
	}
	buf_u8(out, (uint8_t)l->class[0]);
	ret = shortlist_put(v, guess, n, out, err);
out:
	free(v);
	free(guess);
	return ret;
}

static enum hvqz_ret get_steps(struct cursor *c, struct step_list *l,
			       size_t n, struct hvqz_err *err)
{
	int32_t *v = calloc(n, sizeof(*v)), *guess = calloc(n, sizeof(*v));
	enum hvqz_ret ret;
	uint8_t res, first;

	if (!v || !guess) {
		ret = hvqz_nomem(err, n * 8, "coded numbers");
		goto out;
	}
	if (!cur_u8(c, &res) || res > 3) {
		ret = hvqz_fail(err, HVQZ_DAMAGED, "the steps' resolution is "
				"not 0 to 3");
		goto out;
	}
	l->res = res;
	TRY_OUT(shortlist_get(c, v, NULL, n, MAX_CODE >> (3 - res), "steps",
			    err));
	for (size_t i = 0; i < n; i++)
		l->code[i] = (int16_t)v[i];
	step_list_values(l, n);
	if (!cur_u8(c, &first)) {
		ret = hvqz_fail(err, HVQZ_DAMAGED, "the classes are cut");
		goto out;
	}
	guess_classes(l, n, guess);
	for (size_t i = n; i-- > 0;)
		guess[i] -= guess[0];
	TRY_OUT(shortlist_get(c, v, guess, n, 2 * MAX_CLASS, "classes", err));
	for (size_t i = 0; i < n; i++) {
		v[i] += (int8_t)first;
		if (v[i] < -MAX_CLASS || v[i] > MAX_CLASS) {
			ret = hvqz_fail(err, HVQZ_DAMAGED, "class %" PRId32
					" is not within ±%d", v[i], MAX_CLASS);
			goto out;
		}
		l->class[i] = (int8_t)v[i];
	}
	ret = HVQZ_OK;
out:
	free(v);
	free(guess);
	return ret;
}

/* ---- the payload ---- */

enum hvqz_ret trellis_put_head(const struct trellis *q, struct buf *out,
			       struct hvqz_err *err)
{
	buf_u8(out, q->across ? TRELLIS_ACROSS : 0);
	buf_u8(out, (uint8_t)(q->log_states |
			      __builtin_ctz(q->n_lanes) << 4));
	buf_u8(out, (uint8_t)q->sparse.kind);
	varint_put(out, q->sparse.n);
	buf_f32(out, q->base);
	TRY(put_steps(&q->channel, q->n_channels, out, err));
	return put_steps(&q->unit, q->n_units, out, err);
}

float trellis_restore(const struct trellis *q, size_t j, size_t i, int32_t u)
{
	float step = q->base * q->channel.step[j];

	return trellis_is_zero(q, j, i)
		       ? 0 : ((float)u + 0.5f) * (step * q->unit.step[i]);
}

void trellis_store(const struct trellis *q, const struct slab *slab,
		   const float *tile, size_t first, size_t n, uint8_t *raw)
{
	size_t elem = dtype_bits(slab->dtype) / 8, row_len;
	float part[TRELLIS_TILE];

	row_len = (size_t)slab->n_cols * elem;
	if (q->across) {
		for (size_t j = 0; j < n; j++)
			weights_narrow(slab->dtype, tile + j * q->n_units,
				       q->n_units, raw + (first + j) *
							 row_len);
		return;
	}
	for (size_t i = 0; i < q->n_units; i++) {
		for (size_t j = 0; j < n; j++)
			part[j] = tile[j * q->n_units + i];
		weights_narrow(slab->dtype, part, n,
			       raw + i * row_len + first * elem);
	}
}

void trellis_store_sparse(const struct trellis *q, const struct slab *slab,
			  uint8_t *raw)
{
	size_t elem = dtype_bits(slab->dtype) / 8;

	for (uint32_t o = 0; o < q->sparse.n; o++) {
		float w = f32_from_half(q->sparse.kind, q->sparse.half[o]);

		weights_narrow(slab->dtype, &w, 1,
			       raw + q->sparse.pos[o] * elem);
	}
}

static enum hvqz_ret get_head(struct trellis *q, const struct slab *slab,
			      struct cursor *c, struct hvqz_err *err)
{
	uint64_t n_elems = slab->n_rows * slab->n_cols;
	uint8_t flags, code, kind;
	unsigned log_lanes;
	uint32_t n_out;

	if (!dtype_is_weight(slab->dtype))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a trellis cannot hold elements of %s",
				 dtype_name(slab->dtype));
	if (!cur_u8(c, &flags) || !cur_u8(c, &code) || !cur_u8(c, &kind) ||
	    !varint_get(c, &n_out) || !cur_f32(c, &q->base))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload ends in its head");
	if (flags & ~TRELLIS_FLAGS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "trellis flags %#x are unknown to this "
				 "version", flags & ~TRELLIS_FLAGS);
	q->log_states = code & 15;
	log_lanes = code >> 4;
	if (q->log_states < TRELLIS_MIN_LOG ||
	    q->log_states > TRELLIS_MAX_LOG || log_lanes > 5 ||
	    kind > (n_out ? HALF_BF16 : HALF_F16) || n_out > (n_elems + 1) / 2)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload's head is out of range: 2^%u "
				 "states, 2^%u lanes, outlier kind %u, %"
				 PRIu32 " outliers of %" PRIu64 " weights",
				 q->log_states, log_lanes, kind, n_out,
				 n_elems);
	if (!isfinite(q->base) || !(q->base > 0))
		return hvqz_fail(err, HVQZ_DAMAGED, "the step is not a finite "
				 "number > 0");
	TRY(trellis_alloc(q, slab, flags & TRELLIS_ACROSS, err));
	q->n_lanes = 1u << log_lanes;
	if (q->n_lanes > q->n_units)
		return hvqz_fail(err, HVQZ_DAMAGED, "%u lanes for %zu units",
				 q->n_lanes, q->n_units);
	TRY(sparse_alloc(&q->sparse, n_out, err));
	q->sparse.kind = (enum half_kind)kind;
	return HVQZ_OK;
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	struct trellis q = {0};
	enum hvqz_ret ret;

	TRY_OUT(get_head(&q, slab, &c, err));
	TRY_OUT(get_steps(&c, &q.channel, q.n_channels, err));
	TRY_OUT(get_steps(&c, &q.unit, q.n_units, err));
	TRY_OUT(point_model_get(&q.model, &c, err));
	TRY_OUT(trellis_stream_get(&q, env->kern->decode, slab, &c,
				   raw, err));
	TRY_OUT(sparse_get(&q.sparse, true, NULL, slab->n_cols,
			   slab->n_rows * slab->n_cols, &c, err));
	if (cur_left(&c)) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"%zu bytes behind the payload's end",
				cur_left(&c));
		goto out;
	}
	trellis_store_sparse(&q, slab, raw);
out:
	trellis_free(&q);
	return ret;
}

uint64_t trellis_tile_memory(const struct slab *slab, unsigned n_channels)
{
	uint64_t rows = slab->n_rows, cols = slab->n_cols;
	uint64_t down = (cols < n_channels ? cols : n_channels) * rows;
	uint64_t across = (rows < n_channels ? rows : n_channels) * cols;

	return (down > across ? down : across) * sizeof(float);
}

static uint64_t decode_memory(const struct slab *slab)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;

	/* Outliers at their most, a tile, the lists of steps, tables. */
	return n / 2 * 12 + trellis_tile_memory(slab, TRELLIS_TILE) +
	       trellis_points_memory(slab->n_rows > slab->n_cols
				     ? slab->n_rows : slab->n_cols) +
	       (slab->n_rows + slab->n_cols) * 28 +
	       MODEL_CLASSES * sizeof(struct point_table) +
	       ((uint64_t)1 << 18);
}

const struct codec codec_trellis = {
	.id = CODEC_TRELLIS,
	.name = "trellis",
	.lossless = false,
	.factor_use = FACTOR_ANY,
	.encode = trellis_encode,
	.decode = decode,
	.encode_memory = trellis_encode_memory,
	.decode_memory = decode_memory,
};
