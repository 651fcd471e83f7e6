/*
 * condition_case.h - conditioners of every shape, and the matrix that one
 * stands for, from its definition and in double precision.
 */
#ifndef TESTS_CONDITION_CASE_H
#define TESTS_CONDITION_CASE_H

#include "sense/condition.h"
#include "tests/random.h"
#include "tests/sense_case.h"

/* Gaussian [n][w]; the caller frees it. */
static inline float *noise_of(size_t n, size_t w, struct rng *r)
{
	float *x = must(malloc(n * w * sizeof(*x)));

	for (size_t i = 0; i < n * w; i++)
		x[i] = (float)gaussian(r);
	return x;
}

/* Uniform in -most … most. */
static inline int32_t any_code(struct rng *r, int32_t most)
{
	return (int32_t)rng_below(r, 2 * (uint64_t)most + 1) - most;
}

/* A ready conditioner with scales of 2^(±most_code/4). */
static inline void any_conditioner(struct conditioner *c, size_t n,
				   unsigned log_block, bool seeded,
				   unsigned levels, int32_t most_code,
				   struct rng *r)
{
	struct hvqz_err err = {0};

	ck_assert_int_eq(condition_init(c, n, &err), HVQZ_OK);
	for (size_t j = 0; j < n; j++)
		c->code[j] = any_code(r, most_code);
	condition_rotate(c, log_block, seeded, (uint32_t)rng_u64(r));
	ck_assert_int_eq(condition_add_levels(c, levels, &err), HVQZ_OK);
	for (size_t k = 0; k < levels * (n / 2); k++)
		c->angle[k] = any_code(r, CONDITION_MAX_ANGLE);
	condition_ready(c);
}

/* s_j */
static inline double scale_of(const struct conditioner *c, size_t j)
{
	return exp2(-c->code[j] / 4.0);
}

/* Row v [n] to v·R, level after level and turn after turn. */
static inline void rotated(const struct conditioner *c, double *v)
{
	size_t n = c->n, b = (size_t)1 << c->log_block;
	struct rng r = {c->seed};
	double x[1024];

	ck_assert_uint_le(b, 1024);
	for (size_t j = 0; c->seeded && j < n; j++)
		if (rng_u64(&r) >> 63)
			v[j] = -v[j];
	for (size_t a = 0; c->seeded && a < n; a += b) {
		for (size_t j = 0; j < b; j++) {
			x[j] = 0;
			for (size_t k = 0; k < b; k++)
				x[j] += __builtin_parityll(j & k) ? -v[a + k]
								  : v[a + k];
		}
		for (size_t j = 0; j < b; j++)
			v[a + j] = x[j] / sqrt((double)b);
	}
	for (unsigned l = 0; l < c->levels; l++) {
		size_t d = (size_t)1 << l % c->log_block, k = 0;

		for (size_t a = 0; a < n; a++) {
			double angle, p, q;

			if (a & d)
				continue;
			angle = 2 * atan(c->angle[l * (n / 2) + k++] / 128.0);
			p = v[a];
			q = v[a + d];
			v[a] = cos(angle) * p - sin(angle) * q;
			v[a + d] = cos(angle) * q + sin(angle) * p;
		}
	}
}

#endif
