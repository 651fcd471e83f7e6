/*
 * random.h - random numbers of a shape, seeded: what the tests quantize.
 */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include "base/rng.h"

#include <math.h>

/* Uniform in (0, 1). */
static inline double uniform(struct rng *r)
{
	return ((double)(rng_u64(r) >> 12) + 0.5) * 0x1p-52;
}

/* A roughly normal number, of few and the same operations everywhere. */
static inline float normal(struct rng *r)
{
	double s = -6;

	for (int i = 0; i < 12; i++)
		s += (double)(rng_u64(r) >> 11) * 0x1p-53;
	return (float)s;
}

/* A normal number with the tails of one. */
static inline double gaussian(struct rng *r)
{
	double size = sqrt(-2 * log(uniform(r)));

	return size * cos(6.283185307179586 * uniform(r));
}

/* Laplacian, of variance 1. */
static inline double laplacian(struct rng *r)
{
	double x = -log(uniform(r)) * 0.7071067811865476;

	return rng_u64(r) >> 63 ? x : -x;
}

#endif
