/*
 * condition_choose.c - α by grid: quantize a sample of rows with each and see
 * what the errors cost (the proxy tr(E H Eᵀ) at fixed rate).
 */
#include "sense/condition_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAMPLE_ROWS = 256,
	GRID = CONDITION_ALPHA_STEPS / 10,	/* of α, in hundredths */
	LINES = 16,		/* rows quantized together */
};

/* Less than this much better is not better. */
#define CLEARLY (1 - 1e-3)

/* Some of the task's rows, evenly spread: row i is unit at(i). */
struct sample {
	const struct condition_task *task;
	size_t n;
};

static size_t sample_at(const struct sample *s, size_t i)
{
	return i * s->task->n_units / s->n;
}

/* Rows [first, first + w) of the sample to x [n][w]. */
static void take_rows(const struct sample *s, size_t first, size_t w, float *x)
{
	const struct condition_task *t = s->task;

	for (size_t j = 0; j < t->n; j++)
		for (size_t i = 0; i < w; i++)
			x[j * w + i] = t->w[j * t->n_units +
					    sample_at(s, first + i)];
}

/* x [n][w] to what rounding leaves of it: row i, channels [a, b). */
static void round_group(float *x, size_t w, size_t i, size_t a, size_t b,
			float levels)
{
	float most = 0, step;

	for (size_t j = a; j < b; j++)
		most = fmaxf(most, fabsf(x[j * w + i]));
	step = most / levels;
	for (size_t j = a; j < b && step > 0; j++)
		x[j * w + i] = rintf(x[j * w + i] / step) * step;
}

static double rounding_error(const struct sample *s,
			     const struct conditioner *c, float *x, float *y)
{
	const struct condition_task *t = s->task;
	float levels = (float)((1 << (t->bits - 1)) - 1);
	size_t group = t->group ? t->group : t->n;
	double sum = 0;

	for (size_t first = 0; first < s->n; first += LINES) {
		size_t w = s->n - first < LINES ? s->n - first : LINES;

		take_rows(s, first, w, x);
		memcpy(y, x, t->n * w * sizeof(*y));
		condition_forward(c, y, w, w);
		for (size_t i = 0; i < w; i++)
			for (size_t a = 0; a < t->n; a += group)
				round_group(y, w, i, a,
					    t->n - a < group ? t->n
							     : a + group,
					    levels);
		condition_back(c, y, w, w);
		for (size_t j = 0; j < t->n; j++)
			for (size_t i = 0; i < w; i++) {
				double e = (double)y[j * w + i] - x[j * w + i];

				sum += t->g[sample_at(s, first + i)] *
				       (double)t->h[j] * e * e;
			}
	}
	return sum / ((double)s->n * (double)t->n);
}

enum hvqz_ret condition_proxy(const struct condition_task *task,
			      const struct conditioner *c, size_t max_units,
			      double *proxy, struct hvqz_err *err)
{
	struct sample s = {task, task->n_units};
	float *x, *y;
	enum hvqz_ret ret = HVQZ_OK;

	s.n = s.n < max_units ? s.n : max_units;
	x = malloc(task->n * LINES * sizeof(*x));
	y = malloc(task->n * LINES * sizeof(*y));
	if (!x || !y)
		ret = hvqz_nomem(err, task->n * LINES * 8, "a few rows");
	else
		*proxy = rounding_error(&s, c, x, y);
	free(x);
	free(y);
	return ret;
}

/* Σ g·w² of every channel, to p [n]. */
static void channel_power(const struct condition_task *t, double *p)
{
	for (size_t j = 0; j < t->n; j++) {
		const float *w = t->w + j * t->n_units;

		p[j] = 0;
		for (size_t i = 0; i < t->n_units; i++)
			p[j] += (double)t->g[i] * w[i] * w[i];
	}
}

/* Σ g·|V|²·tr(H'): R changes neither. */
static double spread_error(const struct condition_task *t,
			   const struct conditioner *c, const double *p)
{
	double variance = 0, trace = 0;

	for (size_t j = 0; j < t->n; j++) {
		/* s² in quarter octaves is twice the code */
		double s2 = exp2(-c->code[j] / 2.0);

		variance += p[j] * s2;
		trace += t->h[j] / s2;
	}
	return variance * trace;
}

enum hvqz_ret condition_choose_alpha(const struct condition_task *task,
				     struct conditioner *c, double *proxy,
				     struct hvqz_err *err)
{
	double *power = malloc(task->n * sizeof(*power)), at;
	unsigned best = 0;
	enum hvqz_ret ret;

	if (!power)
		return hvqz_nomem(err, task->n * sizeof(*power),
				  "the channels' power");
	channel_power(task, power);
	for (unsigned a = 0; a <= CONDITION_ALPHA_STEPS; a += GRID) {
		condition_scales(c, task->h, a);
		condition_ready(c);
		if (task->bits)
			TRY_OUT(condition_proxy(task, c, SAMPLE_ROWS, &at,
						err));
		else
			at = spread_error(task, c, power);
		if (!a || at < *proxy * CLEARLY) {
			*proxy = at;
			best = a;
		}
	}
	condition_scales(c, task->h, best);
	condition_ready(c);
	ret = HVQZ_OK;
out:
	free(power);
	return ret;
}
