/*
 * trellis_quantize.c - the trellis quantizer proper: channel after channel,
 * last to first, each allowing for the errors of those behind it.
 *
 * Feedback needs a channel's points before the next one's targets are known,
 * so the search ends with every channel, which costs about 1.2/n bit a weight
 * with 8 states and 2.7/n with 256, n being a lane's length. Without feedback
 * it runs on through as many channels as make lanes long enough.
 */
#include "codec/trellis_encoder.h"

#include "base/log2.h"
#include "sense/feedback.h"

#include <math.h>
#include <stdlib.h>

/*
 * λ of the rate-distortion metric, in squared lattice spacings per bit, is
 * 2·ln2·D. For the least weighted error D is what it says, 0.27, the slope of
 * D(R). But pricing bits shrinks all weights towards zero together, and a model
 * minds that more than as much noise: measured at 3 and 2 bits a parameter with
 * the full Hessians, 0.08 in place of 0.27 takes 7 to 17 % off the KL
 * divergence; without sensitivities there is little to be had that way.
 */
#define LAMBDA(d) (2 * 0.6931471805599453 * (d))
#define PRICED 0.23
#define PRICED_FEEDBACK 0.08

/* Nearest points err more than a trellis would feed back. */
#define QUICK_ERROR 0.87f

struct bench {
	struct trellis_encoder *e;
	struct trellis_code code;
	struct trellis_search search;
	double lambda;
	size_t group;		/* channels searched together */
	float *target;		/* [TRELLIS_BLOCK][units] */
	/* What is searched, by lane: see trellis_search_run. [group·units] */
	float *x;
	const struct trellis_price **price;
	int32_t *u;
	size_t start[TRELLIS_MAX_LANES + 1];
	/* Prices by class, made when first wanted. */
	struct trellis_price *by_class;		/* [MODEL_CLASSES] */
	bool have[MODEL_CLASSES];
	uint32_t next_covered;	/* those before it are still to come */
};

static const struct trellis_price *price_of(struct bench *b, unsigned q)
{
	struct trellis_price *p = &b->by_class[q];
	double var;

	if (b->have[q])
		return p;
	model_guess(q, b->e->shape, p->of, TRELLIS_PRICES);
	for (unsigned n = 0; n < TRELLIS_PRICES; n++)
		p->of[n] *= (float)b->lambda;
	/* Where a Gaussian's price is parabolic, the best v is x·shrink. */
	var = exp2(((int)q - MODEL_CLASS_UNIT) * 2 / (double)MODEL_STEPS) -
	      TRELLIS_NOISE;
	var = var < 0.04 ? 0.04 : var;
	p->shrink = (float)(1 / (1 + b->lambda * 0.72134752 / var));
	b->have[q] = true;
	return p;
}

/* The step of channel j before the units' share. */
static float channel_step(const struct trellis *q, size_t j)
{
	return q->base * q->channel.step[j];
}

/* The channel's class: 4·log2 of the targets' root mean square in spacings,
 * units allowed for. */
static int channel_class(struct trellis_encoder *e, size_t j,
			 const float *target)
{
	double sum = 0;
	float rms;
	int c;

	for (size_t i = 0; i < e->q.n_units; i++) {
		double v = target[i] * e->level[i];

		sum += v * v;
	}
	rms = (float)sqrt(sum / (double)e->q.n_units) / channel_step(&e->q, j);
	/* Only a Hessian out of all proportion does that. */
	e->clipped |= !isfinite(rms);
	if (!(rms > 1e-6f))
		return -60;
	c = (int)floorf(MODEL_STEPS * log2_approx(rms) + 0.5f) +
	    MODEL_CLASS_UNIT;
	return c < -60 ? -60 : c > 100 ? 100 : c;
}

/*
 * Weights that the sparse residual holds leave no error. Returns what theirs
 * was counted for: Σ g·(t − ŵ)², ŵ being b->x.
 */
static double uncover(struct bench *b, size_t j, const float *target)
{
	struct trellis_encoder *e = b->e;
	size_t n = e->q.n_units;
	double sum = 0;

	while (b->next_covered && e->covered[b->next_covered - 1] >= j * n) {
		size_t i = e->covered[--b->next_covered] - j * n;
		double d = (double)target[i] - b->x[i];

		sum += e->metric.g[i] * d * d;
		e->w[j * n + i] = 0;
	}
	return sum;
}

/* A weight beyond all points can only be an outlier. */
static void note_clipped(struct trellis_encoder *e, size_t at)
{
	uint32_t lo = 0, hi = e->q.sparse.n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (e->covered[mid] < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	e->clipped |= lo == e->q.sparse.n || e->covered[lo] != at;
}

/* Those that are not zero, of channels end - 1 down to first, by lane. */
static void gather(struct bench *b, size_t first, size_t end,
		   const float *target)
{
	const struct trellis *q = &b->e->q;
	size_t n = 0;

	for (unsigned l = 0; l < q->n_lanes; l++) {
		size_t from = trellis_lane_start(q->n_units, q->n_lanes, l);
		size_t to = trellis_lane_start(q->n_units, q->n_lanes, l + 1);

		b->start[l] = n;
		for (size_t j = end; j-- > first;) {
			const float *t = target + (j - first) * q->n_units;
			float step = channel_step(q, j);
			int c = q->channel.class[j];

			for (size_t i = from; i < to; i++) {
				if (trellis_is_zero(q, j, i))
					continue;
				b->x[n] = t[i] / (step * q->unit.step[i]);
				if (!(fabsf(b->x[n]) <= TRELLIS_MAX_X))
					note_clipped(b->e, j * q->n_units + i);
				b->price[n++] = price_of(b, trellis_class(c,
							q->unit.class[i]));
			}
		}
	}
	b->start[q->n_lanes] = n;
}

/*
 * In place of a search: the nearest points, of either coset in turn. They are
 * about as long as a trellis' points to code.
 */
static void nearest_points(struct bench *b)
{
	size_t n = b->start[b->e->q.n_lanes];

	for (size_t i = 0; i < n; i++) {
		float y = b->x[i] * b->price[i]->shrink - (float)(i & 1);

		/* u = 2m + z is nearest where u + ½ is. */
		y = y < -TRELLIS_MAX_X ? -TRELLIS_MAX_X
		    : y > TRELLIS_MAX_X ? TRELLIS_MAX_X : y;
		b->u[i] = 2 * (int32_t)floorf((y - 0.5f) * 0.5f + 0.5f) +
			  (int32_t)(i & 1);
	}
}

static void scatter(struct bench *b, size_t first, size_t end)
{
	const struct trellis *q = &b->e->q;
	const int32_t *u = b->u;

	for (unsigned l = 0; l < q->n_lanes; l++) {
		size_t from = trellis_lane_start(q->n_units, q->n_lanes, l);
		size_t to = trellis_lane_start(q->n_units, q->n_lanes, l + 1);

		for (size_t j = end; j-- > first;)
			for (size_t i = from; i < to; i++)
				b->e->u[j * q->n_units + i] =
					trellis_is_zero(q, j, i) ? 0 : *u++;
	}
}

/* Channels [first, end) whose targets are known: points, classes, errors. */
static void quantize_group(struct bench *b, size_t first, size_t end,
			   const float *target)
{
	struct trellis_encoder *e = b->e;
	struct trellis *q = &e->q;
	size_t n = q->n_units;

	for (size_t j = first; j < end; j++)
		q->channel.class[j] = (int8_t)channel_class(
			e, j, target + (j - first) * n);
	gather(b, first, end, target);
	if (e->set->quick)
		nearest_points(b);
	else
		trellis_search_run(&b->search, b->x, b->price, b->start,
				   b->u);
	scatter(b, first, end);
	for (size_t j = end; j-- > first;) {
		const float *t = target + (j - first) * n;
		float *w = e->w + j * n;
		double sum = 0, l = e->metric.l[j];

		trellis_restore(q, j, e->u + j * n, b->x);
		for (size_t i = 0; i < n; i++) {
			double d = (double)t[i] - b->x[i];

			w[i] -= b->x[i];
			if (e->set->quick)
				w[i] *= QUICK_ERROR;
			sum += e->metric.g[i] * d * d;
		}
		e->loss += (sum - uncover(b, j, t)) * l * l;
	}
}

static void quantize_block(struct bench *b, size_t first, size_t end)
{
	struct trellis_encoder *e = b->e;
	size_t n = e->q.n_units, block_end = end;

	memcpy(b->target, e->w + first * n, (end - first) * n * sizeof(float));
	if (e->metric.feedback)
		feedback_block(e->metric.feedback, e->w, n, first, end,
			       b->target);
	while (end > first) {
		size_t from = end - first > b->group ? end - b->group : first;
		float *t = b->target + (from - first) * n;

		if (e->metric.feedback)
			feedback_column(e->metric.feedback, e->w, n, from,
					block_end, t);
		quantize_group(b, from, end, t);
		end = from;
	}
}

static size_t group_size(const struct trellis_encoder *e)
{
	size_t n = TRELLIS_RUN / (e->q.n_units / e->q.n_lanes) + 1;

	if (e->metric.feedback)
		return 1;
	return n < TRELLIS_BLOCK ? n : TRELLIS_BLOCK;
}

static enum hvqz_ret bench_open(struct bench *b, struct hvqz_err *err)
{
	const struct trellis *q = &b->e->q;
	size_t n = q->n_units;
	size_t longest = (n + q->n_lanes - 1) / q->n_lanes;

	b->lambda = LAMBDA(b->e->metric.feedback ? PRICED_FEEDBACK : PRICED);
	b->group = group_size(b->e);
	trellis_code_make(&b->code, q->log_states);
	TRY(trellis_search_open(&b->search, &b->code, q->n_lanes,
				longest * b->group, err));
	b->target = malloc((q->n_channels < TRELLIS_BLOCK
				    ? q->n_channels : TRELLIS_BLOCK) *
			   n * sizeof(*b->target));
	b->x = malloc(b->group * n * sizeof(*b->x));
	b->price = malloc(b->group * n * sizeof(*b->price));
	b->u = malloc(b->group * n * sizeof(*b->u));
	b->by_class = malloc(MODEL_CLASSES * sizeof(*b->by_class));
	if (!b->target || !b->x || !b->price || !b->u || !b->by_class)
		return hvqz_nomem(err, TRELLIS_BLOCK * n * sizeof(float),
				  "a block of channels");
	return HVQZ_OK;
}

static void bench_close(struct bench *b)
{
	trellis_search_close(&b->search);
	free(b->target);
	free(b->x);
	free(b->price);
	free(b->u);
	free(b->by_class);
}

enum hvqz_ret trellis_quantize(struct trellis_encoder *e,
			       struct hvqz_err *err)
{
	size_t n_channels = e->q.n_channels;
	struct bench b = {.e = e, .next_covered = e->q.sparse.n};
	enum hvqz_ret ret;

	TRY_OUT(bench_open(&b, err));
	for (size_t block = (n_channels + TRELLIS_BLOCK - 1) / TRELLIS_BLOCK; block-- > 0;) {
		size_t end = (block + 1) * TRELLIS_BLOCK;

		if (e->env->stopped && e->env->stopped(e->env->stopped_ctx)) {
			ret = hvqz_fail(err, HVQZ_STOPPED, "stopped");
			goto out;
		}
		quantize_block(&b, block * TRELLIS_BLOCK,
			       end < n_channels ? end : n_channels);
	}
	ret = HVQZ_OK;
out:
	bench_close(&b);
	return ret;
}
