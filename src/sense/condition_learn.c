/*
 * condition_learn.c - learning the rotations.
 *
 * Rotating channels a and b by θ makes of a row's u, v
 *
 *	u' = c·u − s·v,  v' = c·v + s·u,	c = cos θ, s = sin θ,
 *
 * and what that does to N_i = Σ_j v_ij⁸ is u'⁸ + v'⁸ − u⁸ − v⁸. The goal
 * Σ g_i·N_i^(1/4) is concave in N_i, so with ω_i = g_i·¼·N_i^(−3/4) it falls at
 * least as much as Σ ω_i·(u'⁸ + v'⁸), and that is
 *
 *	Σ_k (8 over k)·c^(8−k)·s^k·((−1)^k·M_k + M_(8−k)),  M_k = Σ_i ω_i·u^(8−k)·v^k:
 *
 * once the nine moments of a pair are known, any number of angles cost nothing.
 * One pass over the rows finds them, another one turns the pair.
 *
 * A relative gain of γ is worth ½·log₂(1/(1 − γ)) bits a weight.
 */
#include "sense/condition_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	POWER = 8,
	LANES = 8,	/* sums that run side by side, so that they vectorise */
	COARSE = 8,	/* angles tried at first are this far apart */
	MIN_UNITS = 32,	/* with fewer rows no angle pays for itself */
};

/*
 * What an angle that is not 0 takes in the stream, in bits; more where there
 * are few.
 */
#define ANGLE_BITS 9.0

struct learner {
	const struct condition_task *task;
	struct conditioner *c;
	size_t w;		/* units, rounded up to whole LANES */
	size_t group, n_groups;
	float *v;		/* [n][w]: V, rows of root mean square 1; owned */
	float *g;		/* [w]: g·(mean square of the row); owned */
	float *sum;		/* [n_groups][w]: N; owned */
	float *omega;		/* [n_groups][w]; owned */
	double goal;		/* Σ g·N^(1/4) */
	/* Powers of cosine and sine, by code: the weights of the moments. */
	double of_u[2 * CONDITION_MAX_ANGLE + 1][POWER + 1];
	double of_v[2 * CONDITION_MAX_ANGLE + 1][POWER + 1];
};

static inline float power8(float x)
{
	float x2 = x * x, x4 = x2 * x2;

	return x4 * x4;
}

static void make_polynomials(struct learner *l)
{
	static const double over[POWER + 1] = {1, 8, 28, 56, 70, 56, 28, 8, 1};

	for (int code = -CONDITION_MAX_ANGLE; code <= CONDITION_MAX_ANGLE;
	     code++) {
		struct turn t = condition_turn(code);
		size_t i = (size_t)(code + CONDITION_MAX_ANGLE);

		for (int k = 0; k <= POWER; k++) {
			double p = over[k];

			for (int e = 0; e < POWER; e++)
				p *= e < k ? (double)t.s : (double)t.c;
			/* M_k in Σ u'⁸ and, with its signs, in Σ v'⁸. */
			l->of_u[i][k] = k & 1 ? -p : p;
			l->of_v[i][POWER - k] = p;
		}
	}
}

static void learner_close(struct learner *l)
{
	free(l->v);
	free(l->g);
	free(l->sum);
	free(l->omega);
	free(l);
}

/* N and ω of group k from its channels; the goal changes with them. */
static void refresh(struct learner *l, size_t k)
{
	size_t first = k * l->group, end = first + l->group;
	float *sum = l->sum + k * l->w, *omega = l->omega + k * l->w;

	end = end < l->c->n ? end : l->c->n;
	memset(sum, 0, l->w * sizeof(*sum));
	for (size_t j = first; j < end; j++)
		for (size_t i = 0; i < l->w; i++)
			sum[i] += power8(l->v[j * l->w + i]);
	for (size_t i = 0; i < l->w; i++) {
		float root = sqrtf(sqrtf(sum[i]));

		l->goal += (double)l->g[i] * root;
		omega[i] = sum[i] > 0 ? l->g[i] * root / sum[i] / 4 : 0;
	}
}

static enum hvqz_ret learner_open(struct learner **to,
				  const struct condition_task *task,
				  struct conditioner *c, struct hvqz_err *err)
{
	struct learner *l = calloc(1, sizeof(*l));
	size_t n = task->n, units = task->n_units;

	if (!l)
		return hvqz_nomem(err, sizeof(*l), "learning rotations");
	*to = l;
	l->task = task;
	l->c = c;
	l->w = (units + LANES - 1) / LANES * LANES;
	l->group = task->bits && task->group ? task->group : n;
	l->n_groups = (n + l->group - 1) / l->group;
	l->v = calloc(n * l->w, sizeof(*l->v));
	l->g = calloc(l->w, sizeof(*l->g));
	l->sum = malloc(l->n_groups * l->w * sizeof(*l->sum));
	l->omega = malloc(l->n_groups * l->w * sizeof(*l->omega));
	if (!l->v || !l->g || !l->sum || !l->omega)
		return hvqz_nomem(err, n * l->w * sizeof(*l->v),
				  "learning rotations");
	for (size_t j = 0; j < n; j++)
		memcpy(l->v + j * l->w, task->w + j * units,
		       units * sizeof(*l->v));
	condition_forward(c, l->v, l->w, l->w);
	for (size_t i = 0; i < units; i++) {
		double square = 0;
		float scale;

		for (size_t j = 0; j < n; j++)
			square += (double)l->v[j * l->w + i] *
				  l->v[j * l->w + i];
		square /= (double)n;
		scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
		l->g[i] = (float)(task->g[i] * square);
		for (size_t j = 0; j < n; j++)
			l->v[j * l->w + i] *= scale;
	}
	for (size_t k = 0; k < l->n_groups; k++)
		refresh(l, k);
	make_polynomials(l);
	return HVQZ_OK;
}

/* Moments of lines u, v with the weights o: m[k] += Σ o·u^(8−k)·v^k. */
static void moments(const float *o, const float *u, const float *v, size_t w,
		    double *m)
{
	float sum[POWER + 1][LANES] = {{0}};

	for (size_t i = 0; i < w; i += LANES)
		for (size_t l = 0; l < LANES; l++) {
			float x = u[i + l], y = v[i + l];
			float x2 = x * x, y2 = y * y, xy = x * y;
			float x4 = x2 * x2, y4 = y2 * y2;
			float ox4 = o[i + l] * x4, oy4 = o[i + l] * y4;

			sum[0][l] += ox4 * x4;
			sum[1][l] += ox4 * x2 * xy;
			sum[2][l] += ox4 * x2 * y2;
			sum[3][l] += ox4 * xy * y2;
			sum[4][l] += ox4 * y4;
			sum[5][l] += oy4 * xy * x2;
			sum[6][l] += oy4 * x2 * y2;
			sum[7][l] += oy4 * xy * y2;
			sum[8][l] += oy4 * y4;
		}
	for (size_t k = 0; k <= POWER; k++)
		for (size_t l = 0; l < LANES; l++)
			m[k] += sum[k][l];
}

/* Σ ω·(u'⁸ + v'⁸) after the rotation of a code. */
static double at_angle(const struct learner *l, const double *m_u,
		       const double *m_v, int32_t code)
{
	size_t at = (size_t)(code + CONDITION_MAX_ANGLE);
	double v = 0;

	for (size_t k = 0; k <= POWER; k++)
		v += l->of_u[at][k] * m_u[k] + l->of_v[at][k] * m_v[k];
	return v;
}

static void take_better(const struct learner *l, const double *m_u,
			const double *m_v, int32_t code, int32_t *best,
			double *least)
{
	double v;

	if (code <= -CONDITION_MAX_ANGLE || code > CONDITION_MAX_ANGLE)
		return;
	v = at_angle(l, m_u, m_v, code);
	if (v < *least) {
		*least = v;
		*best = code;
	}
}

/* The code with the least Σ ω·(u'⁸ + v'⁸), and how much less that is. */
static int32_t best_angle(const struct learner *l, const double *m_u,
			  const double *m_v, double *gain)
{
	double none = at_angle(l, m_u, m_v, 0), least = none;
	int32_t best = 0;

	/*
	 * A quarter turn back is one forward, but for signs. Then finer round
	 * the best: the polynomial has no wave shorter than a half turn / 8.
	 */
	for (int32_t code = COARSE - CONDITION_MAX_ANGLE;
	     code <= CONDITION_MAX_ANGLE; code += COARSE)
		take_better(l, m_u, m_v, code, &best, &least);
	for (int32_t step = COARSE / 2, from = best; step; step /= 2) {
		take_better(l, m_u, m_v, from - step, &best, &least);
		take_better(l, m_u, m_v, from + step, &best, &least);
		from = best;
	}
	*gain = none - least;
	return best;
}

/* Turn the lines of a pair and bring N and ω of their groups up to date. */
static void turn_pair(struct learner *l, size_t a, size_t b, int32_t code)
{
	struct turn t = condition_turn(code);
	float *u = l->v + a * l->w, *v = l->v + b * l->w;
	size_t of[2] = {a / l->group, b / l->group};

	for (size_t i = 0; i < l->w; i++) {
		float x = u[i], y = v[i];
		float *n_u = l->sum + of[0] * l->w + i;
		float *n_v = l->sum + of[1] * l->w + i;

		u[i] = t.c * x - t.s * y;
		v[i] = t.c * y + t.s * x;
		*n_u += power8(u[i]) - power8(x);
		*n_v += power8(v[i]) - power8(y);
	}
	for (unsigned k = 0; k < (of[0] == of[1] ? 1 : 2); k++) {
		float *sum = l->sum + of[k] * l->w;
		float *omega = l->omega + of[k] * l->w;

		for (size_t i = 0; i < l->w; i++) {
			float n = sum[i] > 1e-6f ? sum[i] : 1e-6f;

			omega[i] = l->g[i] * sqrtf(sqrtf(n)) / n / 4;
		}
	}
}

static void learn_level(struct learner *l, unsigned level)
{
	const struct conditioner *c = l->c;
	int32_t *angle = c->angle + level * (c->n / 2);
	double enough = 2 * 0.6931471805599453 * ANGLE_BITS /
			((double)c->n * (double)l->task->n_units);

	for (size_t k = 0; k < c->n / 2; k++) {
		size_t a, b = condition_pair(c, level, k, &a);
		double m_u[POWER + 1] = {0}, m_v[POWER + 1] = {0}, gain;
		const float *u, *v;
		int32_t code;

		b += a;
		u = l->v + a * l->w;
		v = l->v + b * l->w;
		moments(l->omega + a / l->group * l->w, u, v, l->w, m_u);
		if (a / l->group == b / l->group)
			memcpy(m_v, m_u, sizeof(m_v));
		else
			moments(l->omega + b / l->group * l->w, u, v, l->w,
				m_v);
		code = best_angle(l, m_u, m_v, &gain);
		if (!code || !(gain > enough * l->goal))
			continue;
		angle[k] = code;
		l->goal -= gain;
		turn_pair(l, a, b, code);
	}
}

/* The last levels, if nothing turns in them. */
static void forget_idle(struct conditioner *c)
{
	size_t half = c->n / 2;

	while (c->levels) {
		const int32_t *angle = c->angle + (c->levels - 1) * half;

		for (size_t k = 0; k < half; k++)
			if (angle[k])
				return;
		c->levels--;
	}
}

enum hvqz_ret condition_learn(const struct condition_task *task,
			      struct conditioner *c, unsigned sweeps,
			      bool (*stopped)(void *ctx), void *stopped_ctx,
			      struct hvqz_err *err)
{
	unsigned levels = sweeps * c->log_block, first = c->levels;
	struct learner *l = NULL;
	enum hvqz_ret ret;

	if (!levels || task->n_units < MIN_UNITS)
		return HVQZ_OK;
	TRY(condition_add_levels(c, levels, err));
	TRY_OUT(learner_open(&l, task, c, err));
	for (unsigned level = first; level < first + levels; level++) {
		if (stopped && stopped(stopped_ctx)) {
			ret = hvqz_fail(err, HVQZ_STOPPED, "stopped");
			goto out;
		}
		learn_level(l, level);
		/* Rounding has gathered in N. */
		l->goal = 0;
		for (size_t k = 0; k < l->n_groups; k++)
			refresh(l, k);
	}
	forget_idle(c);
out:
	if (l)
		learner_close(l);
	return ret;
}
