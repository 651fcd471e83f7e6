/*
 * flop.h - matrix products of a language model, counted: *flop grows by the
 * multiplications and additions of each (kernels/blas.h says what they are).
 */
#ifndef LM_FLOP_H
#define LM_FLOP_H

#include "kernels/blas.h"

static inline double flop_of(size_t m, size_t n, size_t k)
{
	return 2.0 * (double)m * (double)n * (double)k;
}

static inline void count_nt(size_t m, size_t n, size_t k, struct mat a,
			    struct mat b, float beta, float *c, size_t ldc,
			    double *flop)
{
	gemm_nt(m, n, k, a, b, beta, c, ldc);
	*flop += flop_of(m, n, k);
}

static inline void count_nn(size_t m, size_t n, size_t k, struct mat a,
			    struct mat b, float beta, float *c, size_t ldc,
			    double *flop)
{
	gemm_nn(m, n, k, a, b, beta, c, ldc);
	*flop += flop_of(m, n, k);
}

static inline void count_tn(size_t m, size_t n, size_t k, struct mat a,
			    struct mat b, float beta, float *c, size_t ldc,
			    double *flop)
{
	gemm_tn(m, n, k, a, b, beta, c, ldc);
	*flop += flop_of(m, n, k);
}

#endif
