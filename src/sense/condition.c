/*
 * condition.c - the transform of condition.h, both ways.
 *
 * Channels are lines of w numbers, so every operation is one of two lines and
 * runs along them: no block size and no distance between channels is slow.
 */
#include "sense/condition.h"

#include "base/log2.h"
#include "base/rng.h"
#include "base/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ε of S, as a share of the mean of h: no channel is taken for dead. */
#define EPSILON 1e-6

unsigned condition_log_block(size_t n)
{
	unsigned log = 0;

	while (log < CONDITION_BLOCK && n % ((size_t)2 << log) == 0)
		log++;
	return log;
}

enum hvqz_ret condition_init(struct conditioner *c, size_t n,
			     struct hvqz_err *err)
{
	*c = (struct conditioner){.n = n};
	c->code = calloc(n, sizeof(*c->code));
	c->back = malloc(n * sizeof(*c->back));
	if (!c->code || !c->back)
		return hvqz_nomem(err, n * 8, "a conditioner's scales");
	condition_ready(c);
	return HVQZ_OK;
}

void condition_free(struct conditioner *c)
{
	free(c->code);
	free(c->angle);
	free(c->back);
	*c = (struct conditioner){0};
}

enum hvqz_ret condition_copy(struct conditioner *c,
			     const struct conditioner *from,
			     struct hvqz_err *err)
{
	TRY(condition_init(c, from->n, err));
	c->alpha = from->alpha;
	memcpy(c->code, from->code, from->n * sizeof(*c->code));
	condition_rotate(c, from->log_block, from->seeded, from->seed);
	TRY(condition_add_levels(c, from->levels, err));
	if (from->levels)
		memcpy(c->angle, from->angle,
		       from->levels * (from->n / 2) * sizeof(*c->angle));
	condition_ready(c);
	return HVQZ_OK;
}

/* log₂ of (h + ε) / mean; h and mean may be as small or large as F32 goes. */
static double log2_share(float h, double mean)
{
	return log2_approx((float)(h / mean + EPSILON));
}

void condition_scales(struct conditioner *c, const float *h, unsigned alpha)
{
	double mean = 0, log_mean = 0;

	c->alpha = alpha;
	for (size_t j = 0; j < c->n; j++)
		mean += h[j];
	mean /= (double)c->n;
	if (!(mean > 0) || !alpha) {
		memset(c->code, 0, c->n * sizeof(*c->code));
		return;
	}
	for (size_t j = 0; j < c->n; j++)
		log_mean += log2_share(h[j], mean);
	log_mean /= (double)c->n;
	for (size_t j = 0; j < c->n; j++) {
		/* log₂ s in quarter octaves; what is stored is 1/s. */
		double s = 4 * (alpha / (2.0 * CONDITION_ALPHA_STEPS)) *
			   (log2_share(h[j], mean) - log_mean);
		double code = floor(0.5 - s);

		code = fmax(-CONDITION_MAX_SCALE,
			    fmin(code, CONDITION_MAX_SCALE));
		c->code[j] = (int32_t)code;
	}
}

void condition_rotate(struct conditioner *c, unsigned log_block, bool seeded,
		      uint32_t seed)
{
	c->log_block = log_block;
	c->seeded = seeded && log_block;
	c->seed = c->seeded ? seed : 0;
}

enum hvqz_ret condition_add_levels(struct conditioner *c, unsigned levels,
				   struct hvqz_err *err)
{
	size_t half = c->n / 2, n = (c->levels + levels) * half;
	int32_t *angle;

	if (!levels)
		return HVQZ_OK;
	angle = realloc(c->angle, n * sizeof(*angle));
	if (!angle)
		return hvqz_nomem(err, n * sizeof(*angle),
				  "a conditioner's angles");
	memset(angle + c->levels * half, 0, levels * half * sizeof(*angle));
	c->angle = angle;
	c->levels += levels;
	return HVQZ_OK;
}

/* 2^(−log/2), rounded to single precision. */
static float hadamard_norm(unsigned log)
{
	float v = log & 1 ? 0x1.6a09e6p-1f : 1.0f;

	return v / (float)(1u << log / 2);
}

void condition_ready(struct conditioner *c)
{
	float norm = c->seeded ? hadamard_norm(c->log_block) : 1.0f;
	struct rng r = {c->seed};

	for (size_t j = 0; j < c->n; j++) {
		float s = scale_value((unsigned)(SCALE_UNIT + 2 * c->code[j]));

		c->back[j] = s * norm;
		if (c->seeded && rng_u64(&r) >> 63)
			c->back[j] = -c->back[j];
	}
}

/* (a, b) to (c·a − s·b, c·b + s·a), along two lines. */
static void turn_lines(struct turn t, float *restrict a, float *restrict b,
		       size_t w)
{
	for (size_t i = 0; i < w; i++) {
		float x = a[i], y = b[i];

		a[i] = t.c * x - t.s * y;
		b[i] = t.c * y + t.s * x;
	}
}

static void turn_level(const struct conditioner *c, unsigned level, bool back,
		       float *x, size_t w, size_t stride)
{
	const int32_t *angle = c->angle + level * (c->n / 2);

	for (size_t k = 0; k < c->n / 2; k++) {
		size_t a, distance = condition_pair(c, level, k, &a);

		if (angle[k])
			turn_lines(condition_turn(back ? -angle[k] : angle[k]),
				   x + a * stride, x + (a + distance) * stride,
				   w);
	}
}

/* Sums and differences; the norm is in c->back. */
static void hadamard(const struct conditioner *c, float *x, size_t w,
		     size_t stride)
{
	for (size_t d = 1; d < (size_t)1 << c->log_block; d *= 2)
		for (size_t j = 0; j < c->n; j++) {
			float *a = x + j * stride, *b = a + d * stride;

			for (size_t i = 0; !(j & d) && i < w; i++) {
				float u = a[i], v = b[i];

				a[i] = u + v;
				b[i] = u - v;
			}
		}
}

/* The rotations, after S. */
static void rotate(const struct conditioner *c, float *x, size_t w,
		   size_t stride)
{
	if (c->seeded)
		hadamard(c, x, w, stride);
	for (unsigned l = 0; l < c->levels; l++)
		turn_level(c, l, false, x, w, stride);
}

void condition_forward(const struct conditioner *c, float *x, size_t w,
		       size_t stride)
{
	/* back has the norm in it: the norm over it is the sign times s. */
	float norm = c->seeded ? hadamard_norm(c->log_block) : 1.0f;

	for (size_t j = 0; j < c->n; j++) {
		float s = norm / c->back[j] * norm;

		for (size_t i = 0; i < w; i++)
			x[j * stride + i] *= s;
	}
	rotate(c, x, w, stride);
}

void condition_inputs(const struct conditioner *c, float *x, size_t w,
		      size_t stride)
{
	for (size_t j = 0; j < c->n; j++)
		for (size_t i = 0; i < w; i++)
			x[j * stride + i] *= c->back[j];
	rotate(c, x, w, stride);
}

void condition_back(const struct conditioner *c, float *x, size_t w,
		    size_t stride)
{
	for (unsigned l = c->levels; l-- > 0;)
		turn_level(c, l, true, x, w, stride);
	if (c->seeded)
		hadamard(c, x, w, stride);
	for (size_t j = 0; j < c->n; j++)
		for (size_t i = 0; i < w; i++)
			x[j * stride + i] *= c->back[j];
}
