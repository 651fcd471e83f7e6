/*
 * conditioned_bench.c - trying coordinates: encode, decode, weigh the error.
 *
 * A trial's score is its weighted error with its bits allowed for, a bit a
 * weight being worth a factor 4: ½·log₂(cost) + bits a weight.
 */
#include "codec/conditioned_encoder.h"

#include "codec/weights.h"
#include "sense/decouple.h"
#include "sense/importance.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Another trial has to be better by this, in bits a weight. What a trellis
 * seems to gain is luck: there is nothing for it in other coordinates.
 */
#define CLEARLY 0.02
#define CLEARLY_TRELLIS 0.05

/* A channel's h is at least this share of the mean: it may wake up. */
#define H_FLOOR 1e-6

void bench_close(struct bench *b)
{
	free(b->w);
	free(b->h);
	metric_free(&b->metric);
	free(b->e);
	free(b->back);
	sparse_free(&b->sparse);
	buf_free(&b->body_out);
	buf_free(&b->out);
	buf_free(&b->best_body);
}

/* The slab's bytes to w [n][units]. False: one is not finite. */
static bool by_channels(const struct bench *b, const uint8_t *raw, float *w)
{
	if (b->across)
		return weights_widen(b->slab->dtype, raw, b->n * b->units, w);
	return weights_widen_turned(b->slab->dtype, raw, b->units, b->n, w);
}

/* ---- opening ---- */

static enum hvqz_ret take_sens(struct bench *b, struct hvqz_err *err)
{
	const struct sens *s = b->sens;
	const float *h = s ? s->diag : NULL;
	double mean = 0;

	if (h && b->across)
		h += b->slab->first_row;
	for (size_t j = 0; h && j < b->n; j++)
		mean += h[j];
	mean /= (double)b->n;
	TRY(metric_take(&b->metric, b->slab, b->across, b->env->factor, s,
			err));
	for (size_t j = 0; j < b->n; j++) {
		float l = b->metric.l[j];

		/* What was never active is to cost what the metric says. */
		b->h[j] = !(mean > 0) ? 1 : h[j] > 0 ? h[j] : l * l;
		b->h[j] = fmaxf(b->h[j], (float)(mean * H_FLOOR));
	}
	b->factor = (struct factor){.n = b->n, .l = b->metric.l, .real = 1};
	if (b->metric.feedback)
		b->factor = *b->metric.feedback;
	return HVQZ_OK;
}

/*
 * Importance in the coordinates that the outliers are stored in (HAS-VQ):
 * |w|/s_i·√h, s_i the row's largest weight or, in the compact form, its root
 * mean square; for the trellis, which has absolute steps, |w|·√(g·h).
 */
static void scores(const struct bench *b, float *score)
{
	size_t n = b->n, units = b->units;

	for (size_t i = 0; i < units; i++) {
		float most = 0, scale;
		double square = 0;

		for (size_t j = 0; j < n; j++) {
			float w = fabsf(b->w[j * units + i]);

			most = w > most ? w : most;
			square += (double)w * w;
		}
		scale = b->body->id == CODEC_TRELLIS
				? 1 / sqrtf(b->metric.g[i])
			: b->set->faithful ? most
			: (float)sqrt(square / (double)n);
		for (size_t j = 0; j < n; j++) {
			size_t at = b->across ? j * units + i : i * n + j;
			float x = b->w[j * units + i];

			x = scale > 0 ? x / scale : 0;
			importance(&x, 1, 1, b->h + j, NULL, score + at);
		}
	}
}

/* The share ρ of highest importance leaves w and is kept exactly. */
static enum hvqz_ret choose_outliers(struct bench *b, struct hvqz_err *err)
{
	size_t n = b->n * b->units, n_out = 0;
	float *score;
	enum hvqz_ret ret;

	if (b->body->id != CODEC_RTN)
		n_out = decouple_count(n, b->set->outliers);
	TRY(sparse_alloc(&b->sparse, (uint32_t)n_out, err));
	if (!n_out)
		return HVQZ_OK;
	score = malloc(n * sizeof(*score));
	if (!score)
		return hvqz_nomem(err, n * sizeof(*score),
				  "importance scores");
	scores(b, score);
	TRY_OUT(decouple(score, n, n_out, b->sparse.pos, err));
	for (size_t o = 0; o < n_out; o++) {
		size_t p = b->sparse.pos[o];

		if (!b->across)
			p = p % b->n * b->units + p / b->n;
		b->w[p] = 0;
	}
	ret = sparse_take(&b->sparse, b->slab, b->raw, err);
out:
	free(score);
	return ret;
}

enum hvqz_ret bench_open(struct bench *b, bool *good, struct hvqz_err *err)
{
	size_t n_rows = b->slab->n_rows, n_cols = (size_t)b->slab->n_cols;
	size_t n_elems = n_rows * n_cols;

	b->body = codec_find(b->set->codec);
	b->across = b->sens && b->sens->axis == 0;
	b->n = b->across ? n_rows : n_cols;
	b->units = b->across ? n_cols : n_rows;
	b->w = malloc(n_elems * sizeof(*b->w));
	b->e = malloc(n_elems * sizeof(*b->e));
	b->h = malloc(b->n * sizeof(*b->h));
	b->back = malloc(b->slab->raw_len);
	if (!b->w || !b->e || !b->h || !b->back)
		return hvqz_nomem(err, n_elems * 8, "the slab's weights");
	*good = by_channels(b, b->raw, b->w);
	b->stats.nonfinite = !*good;
	if (!*good)
		return HVQZ_OK;
	TRY(take_sens(b, err));
	TRY(choose_outliers(b, err));
	*good = sparse_finite(&b->sparse);
	return HVQZ_OK;
}

/* ---- a trial ---- */

/* V = W·S·R to bytes of F32, in the slab's order. */
static void make_slab(struct bench *b, const struct conditioner *c,
		      uint8_t *to)
{
	size_t n = b->n, units = b->units;

	memcpy(b->e, b->w, n * units * sizeof(*b->e));
	condition_forward(c, b->e, units, units);
	if (b->across) {
		weights_narrow(DTYPE_F32, b->e, n * units, to);
		return;
	}
	for (size_t i = 0; i < units; i++)
		for (size_t j = 0; j < n; j++)
			weights_narrow(DTYPE_F32, b->e + j * units + i, 1,
				       to + (i * n + j) * 4);
}

/* The body's payload in the coordinates of c, to b->body_out. */
static enum hvqz_ret encode_body(struct bench *b, const struct conditioner *c,
				 bool *declined, struct hvqz_err *err)
{
	struct slab inner = conditioned_inner(b->slab);
	struct codec_settings set = *b->set;
	struct codec_env env = *b->env;
	struct codec_stats stats = {0};
	struct factor factor = {0};
	struct sens sens = {
		.axis = b->across ? 0 : 1,
		.n_in = b->n,
		.n_out = b->metric.has_g ? b->units : 0,
		.row_sens = b->metric.has_g ? b->metric.g : NULL,
	};
	uint8_t *v = malloc(inner.raw_len);
	float *diag = malloc(b->n * sizeof(*diag));
	enum hvqz_ret ret;

	if (!v || !diag) {
		ret = hvqz_nomem(err, inner.raw_len, "conditioned weights");
		goto out;
	}
	make_slab(b, c, v);
	TRY_OUT(condition_factor(c, &b->factor, &factor, diag, err));
	sens.diag = diag;
	env.factor = &factor;
	set.condition = CONDITION_NONE;
	set.outliers = 0;
	buf_clear(&b->body_out);
	ret = b->body->encode(&env, &inner, &set, b->sens ? &sens : NULL, v,
			      &b->body_out, &stats, declined, err);
out:
	factor_free(&factor);
	free(diag);
	free(v);
	return ret;
}

/* The payload of codec 5 with a body in the coordinates of c. */
static enum hvqz_ret put_conditioned(const struct bench *b,
				     const struct conditioner *c,
				     const struct buf *body,
				     const struct spectrum *after,
				     struct buf *out, struct hvqz_err *err)
{
	struct conditioned q = {
		.across = b->across,
		.plain = b->set->faithful && b->body->id == CODEC_HASVQ,
		.body = b->body,
		.cond = *c,
		.before = b->before,
		.after = *after,
		.payload = body->p,
		.len = body->len,
		.sparse = b->sparse,
	};

	return conditioned_put(&q, b->slab, out, err);
}

/* What the decoder makes of b->out: its error's cost and the statistics. */
static enum hvqz_ret weigh(struct bench *b, const struct codec *codec,
			   double *cost, struct codec_stats *stats,
			   struct hvqz_err *err)
{
	size_t n = b->n * b->units;
	float *w = malloc(n * sizeof(*w));
	enum hvqz_ret ret;

	if (!w)
		return hvqz_nomem(err, n * sizeof(*w), "a trial");
	TRY_OUT(codec->decode(b->env, b->slab, b->out.p, b->out.len, b->back,
			      err));
	by_channels(b, b->raw, w);
	by_channels(b, b->back, b->e);
	for (size_t i = 0; i < n; i++)
		b->e[i] -= w[i];
	TRY_OUT(condition_cost(&b->factor, b->e, b->metric.g, b->units, cost,
			       err));
	weights_error(b->env->kern, b->slab->dtype, b->raw, b->back, n,
		      &stats->noise, &stats->signal);
	stats->loss = b->metric.has_g ? TRELLIS_LOSS * b->factor.real * *cost : 0;
out:
	free(w);
	return ret;
}

/* Is the trial in b->out, of that cost, better than the best? */
static bool is_better(const struct bench *b, double cost, double *score)
{
	double margin = b->body->id == CODEC_TRELLIS ? CLEARLY_TRELLIS
						     : CLEARLY;

	*score = log2(cost + DBL_MIN) / 2 +
		 8.0 * (double)b->out.len / ((double)b->n * (double)b->units);
	return !b->tried || (*score < b->best_score - margin &&
			     !isnan(*score));
}

enum hvqz_ret bench_try(struct bench *b, const struct conditioner *c,
			struct hvqz_err *err)
{
	static const struct spectrum later;
	struct codec_settings set = *b->set;
	struct codec_stats stats = {0};
	bool declined = false;
	double cost, score;
	struct buf worse;

	buf_clear(&b->out);
	set.condition = CONDITION_NONE;
	if (c)
		TRY(encode_body(b, c, &declined, err));
	else
		TRY(b->body->encode(b->env, b->slab, &set, b->sens, b->raw,
				    &b->out, &stats, &declined, err));
	if (declined)
		return HVQZ_OK;
	if (c)
		TRY(put_conditioned(b, c, &b->body_out, &later, &b->out,
				    err));
	TRY(weigh(b, c ? &codec_conditioned : b->body, &cost, &stats, err));
	if (!is_better(b, cost, &score))
		return HVQZ_OK;
	worse = b->best_body;
	b->best_body = b->body_out;
	b->body_out = worse;
	b->tried = true;
	b->best_cond = c;
	b->best_score = score;
	b->stats = stats;
	return HVQZ_OK;
}

enum hvqz_ret bench_put_best(struct bench *b, struct buf *out,
			     struct hvqz_err *err)
{
	struct spectrum after;

	TRY(spectrum_measure(&b->factor, NULL, &b->before, err));
	TRY(spectrum_measure(&b->factor, b->best_cond, &after, err));
	return put_conditioned(b, b->best_cond, &b->best_body, &after, out,
			       err);
}
