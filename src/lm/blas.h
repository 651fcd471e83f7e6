/*
 * blas.h - the matrix products of a language model, in row-major terms.
 *
 * C [m][n] = beta·C + A·B with leading dimensions in elements; the letters say
 * which of A and B is read transposed: an "nt" product is x·Wᵀ, a layer going
 * forward; "nn" is dy·W, a layer going backward. *flop counts 2·m·n·k.
 */
#ifndef LM_BLAS_H
#define LM_BLAS_H

#include <cblas.h>
#include <stddef.h>

struct mat {
	const float *p;
	size_t ld;
};

static inline void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m,
			size_t n, size_t k, struct mat a, struct mat b,
			float beta, float *c, size_t ldc, double *flop)
{
	cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k,
		    1, a.p, (blasint)a.ld, b.p, (blasint)b.ld, beta, c,
		    (blasint)ldc);
	*flop += 2.0 * (double)m * (double)n * (double)k;
}

/* A [m][k], B [n][k] */
static inline void gemm_nt(size_t m, size_t n, size_t k, struct mat a,
			   struct mat b, float beta, float *c, size_t ldc,
			   double *flop)
{
	gemm(CblasNoTrans, CblasTrans, m, n, k, a, b, beta, c, ldc, flop);
}

/* A [m][k], B [k][n] */
static inline void gemm_nn(size_t m, size_t n, size_t k, struct mat a,
			   struct mat b, float beta, float *c, size_t ldc,
			   double *flop)
{
	gemm(CblasNoTrans, CblasNoTrans, m, n, k, a, b, beta, c, ldc, flop);
}

/* A [k][m], B [k][n] */
static inline void gemm_tn(size_t m, size_t n, size_t k, struct mat a,
			   struct mat b, float beta, float *c, size_t ldc,
			   double *flop)
{
	gemm(CblasTrans, CblasNoTrans, m, n, k, a, b, beta, c, ldc, flop);
}

#endif
