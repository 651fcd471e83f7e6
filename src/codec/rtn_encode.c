/*
 * rtn_encode.c - codec 4's encoder.
 *
 * Scales are set beforehand, by each group's largest weight. Then every weight
 * is rounded to the nearest multiple of its own; where the full Hessian is
 * known, channel after channel, last to first, each allowing for the errors of
 * those behind it (sense/feedback.h). That is GPTQ (arXiv 2210.17323).
 */
#include "codec/rtn.h"

#include "base/half.h"
#include "codec/metric.h"
#include "codec/weights.h"
#include "sense/feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 };	/* channels per matrix product */

struct rtn_encoder {
	const struct codec_env *env;
	const struct slab *slab;
	const uint8_t *raw;
	struct rtn q;		/* what will be stored */
	struct metric metric;	/* owned */
	/* [channels][units]: W, then channel by channel the error W − Ŵ */
	float *w;		/* owned */
	float *target;		/* [BLOCK][units]; owned */
	int8_t *code;		/* [rows][cols]; owned */
	double loss;		/* Σ g·(l·(t − ŵ))² */
};

static size_t block_size(const struct rtn *q)
{
	return q->n_channels < BLOCK ? q->n_channels : BLOCK;
}

/* W into w, by channels. False in *finite when there is a NaN or infinity. */
static enum hvqz_ret open(struct rtn_encoder *e, bool *finite,
			  struct hvqz_err *err)
{
	const struct slab *slab = e->slab;
	size_t n = e->q.n_channels * e->q.n_units;

	e->w = malloc(n * sizeof(*e->w));
	e->target = malloc(block_size(&e->q) * e->q.n_units *
			   sizeof(*e->target));
	e->code = malloc(n);
	if (!e->w || !e->target || !e->code)
		return hvqz_nomem(err, n * 5, "the slab's weights");
	*finite = e->q.across
			  ? weights_widen(slab->dtype, e->raw, n, e->w)
			  : weights_widen_turned(slab->dtype, e->raw,
						 slab->n_rows,
						 (size_t)slab->n_cols, e->w);
	return rtn_alloc(&e->q, err);
}

/* Channel j's scale of unit 0; the next unit's is n_groups on. */
static float *scales_of(const struct rtn *q, size_t j)
{
	return q->scale + j / q->group;
}

/*
 * Largest weight / largest code, to F16. False where that is too large for it,
 * or so small for all of the slab that what F16 makes of it would cut weights
 * off or lose them.
 */
enum { F16_MIN_NORMAL = 0x400 };	/* the pattern of 2^-14 */

static bool choose_scales(struct rtn_encoder *e)
{
	const struct rtn *q = &e->q;
	int most = rtn_most(q->bits), largest = 0;
	bool any = false;

	for (size_t j = 0; j < q->n_channels; j++) {
		const float *w = e->w + j * q->n_units;
		float *scale = scales_of(q, j);

		for (size_t i = 0; i < q->n_units; i++, scale += q->n_groups)
			*scale = fmaxf(*scale, fabsf(w[i]));
	}
	for (size_t k = 0; k < q->n_units * q->n_groups; k++) {
		float exact = q->scale[k] / (float)most;
		uint16_t half = f16_from_f32(exact);

		/* A subnormal scale is coarse: none of its weights is cut. */
		if (half < F16_MIN_NORMAL && f32_from_f16(half) < exact)
			half++;
		any |= q->scale[k] > 0;
		largest = half > largest ? half : largest;
		q->scale[k] = f32_from_f16(half);
	}
	/* A subnormal's pattern counts its own errors, of half a 1 each. */
	return !any || (largest >= most && largest < 0x7c00);
}

/* The code of target t. A NaN, of two infinities at odds, is as good as any. */
static int nearest(float t, float scale, int most)
{
	float x;

	if (!(scale > 0))
		return 0;
	x = t / scale;
	x = x < (float)-most ? (float)-most : x <= (float)most ? x
							       : (float)most;
	return (int)rintf(x);
}

/* Channel j, whose targets t [units] are known: codes, errors, loss. */
static void quantize_channel(struct rtn_encoder *e, size_t j, const float *t)
{
	const struct rtn *q = &e->q;
	size_t stride = q->across ? 1 : q->n_channels;
	int8_t *code = e->code + j * (q->across ? q->n_units : 1);
	const float *scale = scales_of(q, j);
	float *w = e->w + j * q->n_units;
	double sum = 0, l = e->metric.l[j];
	int most = rtn_most(q->bits);

	for (size_t i = 0; i < q->n_units; i++, scale += q->n_groups) {
		int v = nearest(t[i], *scale, most);
		float made = (float)v * *scale;
		double d = (double)t[i] - made;

		code[i * stride] = (int8_t)v;
		w[i] -= made;
		sum += e->metric.g[i] * d * d;
	}
	e->loss += sum * l * l;
}

static void quantize_block(struct rtn_encoder *e, size_t first, size_t end)
{
	const struct factor *f = e->metric.feedback;
	size_t n = e->q.n_units;

	memcpy(e->target, e->w + first * n, (end - first) * n * sizeof(float));
	if (f)
		feedback_block(f, e->w, n, first, end, e->target);
	for (size_t j = end; j-- > first;) {
		float *t = e->target + (j - first) * n;

		if (f)
			feedback_column(f, e->env->kern, e->w, n, j, end, t);
		quantize_channel(e, j, t);
	}
}

static enum hvqz_ret quantize(struct rtn_encoder *e, struct hvqz_err *err)
{
	const struct codec_env *env = e->env;
	size_t end = e->q.n_channels;

	while (end) {
		size_t first = (end - 1) / BLOCK * BLOCK;

		if (env->stopped && env->stopped(env->stopped_ctx))
			return hvqz_fail(err, HVQZ_STOPPED, "stopped");
		quantize_block(e, first, end);
		end = first;
	}
	return HVQZ_OK;
}

/* What the decoder will make of it, and the error of that. */
static enum hvqz_ret measure(const struct rtn_encoder *e,
			     struct codec_stats *stats, struct hvqz_err *err)
{
	const struct slab *slab = e->slab;
	size_t n = (size_t)slab->n_cols;
	size_t row_len = n * dtype_bits(slab->dtype) / 8;
	uint8_t *made = malloc(slab->raw_len);
	float *w = malloc(n * sizeof(*w));
	enum hvqz_ret ret = HVQZ_OK;

	if (!made || !w) {
		ret = hvqz_nomem(err, slab->raw_len, "a reconstruction");
		goto out;
	}
	for (size_t i = 0; i < slab->n_rows; i++)
		rtn_restore(&e->q, slab, i, e->code + i * n, w,
			    made + i * row_len);
	weights_error(e->env->kern, slab->dtype, e->raw, made,
		      slab->n_rows * n, &stats->noise, &stats->signal);
	stats->loss = e->metric.has_g ? e->loss * TRELLIS_LOSS : 0;
out:
	free(made);
	free(w);
	return ret;
}

enum hvqz_ret rtn_encode(const struct codec_env *env, const struct slab *slab,
			 const struct codec_settings *set,
			 const struct sens *sens, const uint8_t *raw,
			 struct buf *out, struct codec_stats *stats,
			 bool *declined, struct hvqz_err *err)
{
	struct rtn_encoder e = {.env = env, .slab = slab, .raw = raw};
	bool finite = false;
	enum hvqz_ret ret;

	*declined = true;
	rtn_init(&e.q, slab, sens && sens->axis == 0, set->bits, set->group);
	TRY_OUT(open(&e, &finite, err));
	stats->nonfinite = !finite;
	if (!finite || !choose_scales(&e))
		goto out;
	TRY_OUT(metric_take(&e.metric, slab, e.q.across, env->factor, sens,
			    err));
	TRY_OUT(quantize(&e, err));
	TRY_OUT(rtn_put(&e.q, e.code, out, err));
	TRY_OUT(measure(&e, stats, err));
	*declined = false;
out:
	free(e.w);
	free(e.target);
	free(e.code);
	metric_free(&e.metric);
	rtn_free(&e.q);
	return ret;
}

uint64_t rtn_encode_memory(const struct slab *slab,
			   const struct codec_settings *set)
{
	uint64_t rows = slab->n_rows, cols = slab->n_cols;
	uint64_t group = set->group ? set->group : UINT32_MAX;
	uint64_t down = rows * (cols / group + 1);
	uint64_t across = cols * (rows / group + 1);

	/* Weights and codes, the reconstruction, scales, targets, and what
	 * there is by channel or unit. */
	return rows * cols * 5 + slab->raw_len +
	       (down > across ? down : across) * 4 +
	       (rows > cols ? rows : cols) * BLOCK * 4 + (rows + cols) * 16;
}
