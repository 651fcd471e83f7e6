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
#include "codec/trellis_code.h"
#include "kernels/kernels.h"
#include "sense/feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
	struct trellis_job job;
	double lambda;
	size_t group;		/* channels searched together */
	float *target;		/* [TRELLIS_BLOCK][stride], with feedback */
	float *scale;		/* [group]: 1 / channel step */
	float *norm;		/* [group]: of the targets */
	int32_t from[2 * TRELLIS_MAX_STATES];
	uint8_t state[TRELLIS_MAX_LANES];
	/* By class, made when first wanted. */
	float *price;		/* [MODEL_CLASSES][TRELLIS_PRICES] */
	float shrink[MODEL_CLASSES];
	bool have[MODEL_CLASSES];
	bool seen[256];		/* channel classes, + 128 */
	uint32_t next_covered;	/* those before it are still to come */
	/* Fewer lanes than a search takes: copies; see search_few(). */
	struct {
		float *target, *inverse;
		int8_t *class;
		int32_t *u;
	} few;
};

static void make_price(struct bench *b, unsigned q)
{
	float *p = b->price + (size_t)q * TRELLIS_PRICES;
	double var;

	model_guess(q, b->e->shape, p, TRELLIS_PRICES);
	for (unsigned n = 0; n < TRELLIS_PRICES; n++)
		p[n] *= (float)b->lambda;
	/* Where a Gaussian's price is parabolic, the best v is x·shrink. */
	var = exp2(((int)q - MODEL_CLASS_UNIT) * 2 / (double)MODEL_STEPS) -
	      TRELLIS_NOISE;
	var = var < 0.04 ? 0.04 : var;
	b->shrink[q] = (float)(1 / (1 + b->lambda * 0.72134752 / var));
	b->have[q] = true;
}

/* The prices of all weights of a channel of that class. */
static void make_prices(struct bench *b, int class)
{
	const struct trellis *q = &b->e->q;

	if (b->seen[class + 128])
		return;
	b->seen[class + 128] = true;
	for (size_t i = 0; i < q->n_units; i++) {
		unsigned c = trellis_class(class, q->unit.class[i]);

		if (c >= TRELLIS_MIN_CLASS && !b->have[c])
			make_price(b, c);
	}
}

/* The step of channel j before the units' share. */
static float channel_step(const struct trellis *q, size_t j)
{
	return q->base * q->channel.step[j];
}

/* The channel's class: 4·log2 of the targets' root mean square in spacings,
 * units allowed for; and the targets' norm. */
static int channel_class(struct trellis_encoder *e, size_t j,
			 const float *target, float *norm_used)
{
	float norm = trellis_norm(e, target), rms;
	double sum = e->kern->energy(target, e->level2, norm, e->at.stride);
	int c;

	*norm_used = norm;
	rms = (float)(sqrt(sum / (double)e->q.n_units) / (double)norm) /
	      channel_step(&e->q, j);
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
 * was counted for: Σ g·(t − ŵ)², normed.
 */
static double uncover(struct bench *b, size_t j, const float *target,
		      double norm)
{
	struct trellis_encoder *e = b->e;
	size_t stride = e->at.stride;
	double sum = 0;

	while (b->next_covered &&
	       e->covered[b->next_covered - 1] >= j * stride) {
		size_t at = e->covered[--b->next_covered], p = at - j * stride;
		float w = ((float)e->u[at] + 0.5f) *
			  (e->step[p] * channel_step(&e->q, j));
		double d;

		if (e->class[p] + e->q.channel.class[j] < TRELLIS_MIN_CLASS)
			w = 0;
		d = ((double)target[p] - w) * norm;
		sum += e->g[p] * d * d;
		if (e->metric.feedback)
			e->w[at] = 0;
	}
	return sum;
}

/* A weight beyond all points can only be an outlier. */
static void note_clipped(struct bench *b, size_t j, const float *target)
{
	struct trellis_encoder *e = b->e;
	size_t stride = e->at.stride;
	uint32_t next = b->next_covered;

	for (size_t p = stride; p-- > 0;) {
		float x = target[p] *
			  (e->inverse[p] * (1 / channel_step(&e->q, j)));

		while (next && e->covered[next - 1] > j * stride + p)
			next--;
		if (e->class[p] + e->q.channel.class[j] >= TRELLIS_MIN_CLASS &&
		    !(fabsf(x) <= TRELLIS_MAX_X) &&
		    !(next && e->covered[next - 1] == j * stride + p))
			e->clipped = true;
	}
}

static int run(const struct bench *b, const struct trellis_job *job)
{
	const struct trellis_kernels *k = b->e->kern;

	return b->e->set->quick ? k->nearest(job) : k->search(job);
}

/* Lanes are filled up to TRELLIS_WIDE with such that have no unit. */
static int search_few(struct bench *b)
{
	const struct trellis_places *at = &b->e->at;
	struct trellis_job job = b->job;
	size_t stride = at->rows * TRELLIS_WIDE;
	int clipped;

	memset(b->few.class, TRELLIS_NO_UNIT, stride);
	for (size_t p = 0; p < at->n; p++) {
		size_t to = p / at->lanes * TRELLIS_WIDE + p % at->lanes;

		b->few.inverse[to] = job.inverse[p];
		b->few.class[to] = job.unit_class[p];
		for (size_t c = 0; c < job.n_channels; c++)
			b->few.target[c * stride + to] =
				job.target[c * at->stride + p];
	}
	job.lanes = TRELLIS_WIDE;
	job.stride = stride;
	job.target = b->few.target;
	job.inverse = b->few.inverse;
	job.unit_class = b->few.class;
	job.u = b->few.u;
	clipped = run(b, &job);
	for (size_t c = 0; c < job.n_channels; c++)
		for (size_t p = 0; p < at->stride; p++)
			b->job.u[c * at->stride + p] =
				p < at->n ? job.u[c * stride +
						  p / at->lanes * TRELLIS_WIDE +
						  p % at->lanes]
					  : 0;
	return clipped;
}

/* Channels [first, end) whose targets are known: points, classes, errors. */
static void quantize_group(struct bench *b, size_t first, size_t end,
			   const float *target)
{
	struct trellis_encoder *e = b->e;
	struct trellis *q = &e->q;
	size_t stride = e->at.stride;
	int clipped;

	for (size_t j = first; j < end; j++) {
		int c = channel_class(e, j, target + (j - first) * stride,
				      &b->norm[j - first]);

		q->channel.class[j] = (int8_t)c;
		b->scale[j - first] = 1 / channel_step(q, j);
		make_prices(b, c);
	}
	b->job.n_channels = end - first;
	b->job.target = target;
	b->job.channel_class = q->channel.class + first;
	b->job.u = e->u + first * stride;
	clipped = e->at.lanes < TRELLIS_WIDE ? search_few(b)
					     : run(b, &b->job);
	for (size_t j = end; j-- > first;) {
		double norm = b->norm[j - first], sum;
		double l = e->metric.l[j] / norm;
		struct trellis_settle c = {
			.u = e->u + j * stride,
			.target = target + (j - first) * stride,
			.weight = e->g, .unit_step = e->step,
			.unit_class = e->class,
			.channel_class = q->channel.class[j],
			.step = channel_step(q, j), .norm = (float)norm,
			.error = e->metric.feedback ? e->w + j * stride : NULL,
			.damp = e->set->quick ? QUICK_ERROR : 1,
		};

		sum = trellis_symbols_add(&e->symbols, e->kern, &e->at, j, &c);
		if (clipped)
			note_clipped(b, j, c.target);
		sum -= uncover(b, j, c.target, norm);
		e->loss += sum > 0 ? sum * l * l : 0;
	}
}

static void quantize_block(struct bench *b, size_t first, size_t end)
{
	struct trellis_encoder *e = b->e;
	size_t n = e->at.stride, block_end = end;
	float *target = e->w + first * n;

	if (e->metric.feedback) {
		target = b->target;
		memcpy(target, e->w + first * n,
		       (end - first) * n * sizeof(float));
		feedback_block(e->metric.feedback, e->w, n, first, end,
			       target);
	}
	while (end > first) {
		size_t from = end - first > b->group ? end - b->group : first;
		float *t = target + (from - first) * n;

		if (e->metric.feedback)
			feedback_column(e->metric.feedback, e->env->kern,
					e->w, n, from, block_end, t);
		quantize_group(b, from, end, t);
		end = from;
	}
}

/* ---- the bench ---- */

static size_t group_size(size_t rows, bool feedback)
{
	size_t n = TRELLIS_RUN / rows + 1;

	if (feedback)
		return 1;
	return n < TRELLIS_BLOCK ? n : TRELLIS_BLOCK;
}

/* As trellis_job has it. */
static void make_from(unsigned log_states, int32_t *from)
{
	struct trellis_code code;

	trellis_code_make(&code, log_states);
	for (unsigned s = 0; s < code.n_states; s++)
		for (unsigned way = 0; way < 2; way++)
			from[2 * s + way] = code.from[s][way] |
					    code.subset[s][way] << 8;
}

static enum hvqz_ret few_open(struct bench *b, struct hvqz_err *err)
{
	size_t stride = b->e->at.rows * TRELLIS_WIDE;

	b->few.target = calloc(b->group * stride, sizeof(*b->few.target));
	b->few.inverse = calloc(stride, sizeof(*b->few.inverse));
	b->few.class = malloc(stride);
	b->few.u = malloc(b->group * stride * sizeof(*b->few.u));
	if (b->few.target && b->few.inverse && b->few.class && b->few.u)
		return HVQZ_OK;
	return hvqz_nomem(err, b->group * stride * 8, "a search's lanes");
}

static enum hvqz_ret bench_open(struct bench *b, struct hvqz_err *err)
{
	struct trellis_encoder *e = b->e;
	const struct trellis_places *at = &e->at;
	size_t work;

	b->lambda = LAMBDA(e->metric.feedback ? PRICED_FEEDBACK : PRICED);
	b->group = group_size(at->rows, e->metric.feedback);
	work = trellis_work_size(e->q.log_states, b->group * at->rows);
	make_from(e->q.log_states, b->from);
	b->price = calloc(MODEL_CLASSES, TRELLIS_PRICES * sizeof(*b->price));
	b->scale = malloc(b->group * sizeof(*b->scale));
	b->norm = malloc(b->group * sizeof(*b->norm));
	b->job = (struct trellis_job){
		.log_states = e->q.log_states, .from = b->from,
		.lanes = at->lanes, .rows = at->rows, .stride = at->stride,
		.inverse = e->inverse, .scale = b->scale,
		.unit_class = e->class, .price = b->price,
		.shrink = b->shrink, .state = b->state,
		.work = aligned_alloc(64, (work + 63) / 64 * 64),
	};
	if (e->metric.feedback)
		b->target = malloc((e->q.n_channels < TRELLIS_BLOCK
					    ? e->q.n_channels : TRELLIS_BLOCK) *
				   at->stride * sizeof(*b->target));
	if (!b->price || !b->scale || !b->norm || !b->job.work ||
	    (e->metric.feedback && !b->target))
		return hvqz_nomem(err, work, "a block of channels");
	TRY(trellis_symbols_open(&e->symbols, at, e->q.n_channels, err));
	return at->lanes < TRELLIS_WIDE ? few_open(b, err) : HVQZ_OK;
}

static void bench_close(struct bench *b)
{
	free(b->target);
	free(b->price);
	free(b->scale);
	free(b->norm);
	free(b->job.work);
	free(b->few.target);
	free(b->few.inverse);
	free(b->few.class);
	free(b->few.u);
}

uint64_t trellis_quantize_memory(unsigned log_states, unsigned lanes,
				 uint64_t n_channels, uint64_t stride,
				 bool feedback)
{
	uint64_t rows = stride / lanes + 1;
	uint64_t group = group_size((size_t)rows, feedback);
	uint64_t few = lanes < TRELLIS_WIDE ? TRELLIS_WIDE * rows : 0;
	uint64_t block = n_channels < TRELLIS_BLOCK ? n_channels
						    : TRELLIS_BLOCK;

	return trellis_symbols_memory(n_channels, stride) +
	       trellis_work_size(log_states, (size_t)(group * rows)) +
	       (feedback ? block * stride * sizeof(float) : 0) +
	       (group + 1) * few * 8 + MODEL_CLASSES * TRELLIS_PRICES * 4;
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
	e->loss *= e->g_unit;
	ret = HVQZ_OK;
out:
	bench_close(&b);
	return ret;
}
