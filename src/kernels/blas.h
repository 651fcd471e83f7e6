/*
 * blas.h - the few matrix operations we leave to BLAS and LAPACK, callable from
 * all of our threads at once.
 *
 * OpenBLAS comes in builds with threads of their own, which we turn off (two
 * pools would fight over the same cores), and in sequential ones, which are not
 * always safe to call from several threads: their work memory is handed out
 * without a lock, and results are silently wrong. With those we take turns.
 *
 * All in row-major terms, leading dimensions in elements.
 */
#ifndef KERNELS_BLAS_H
#define KERNELS_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Before the first thread that calls anything below. */
void blas_init(void);

/*
 * What OpenBLAS was measured to keep, with what large matrices that come and
 * go leave unused between them: bytes for one thread that calls it, and for each
 * one more.
 */
#define BLAS_MEMORY ((uint64_t)5 << 20)
#define BLAS_THREAD_MEMORY ((uint64_t)21 << 20)

/*
 * End the threads that OpenBLAS starts when it is loaded, where it does: who
 * gives up rights would leave them theirs. For who calls nothing below.
 */
void blas_end_threads(void);

/* What OpenBLAS takes this processor for: "SkylakeX". */
const char *blas_core(void);

struct mat {
	const float *p;
	size_t ld;
};

/* C [m][n] = beta·C + A [m][k]·B [n][k]ᵀ: a layer going forward. */
void gemm_nt(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc);

/* C [m][n] = beta·C + A [m][k]·B [k][n]: a layer going backward. */
void gemm_nn(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc);

/* C [m][n] = beta·C + A [k][m]ᵀ·B [k][n] */
void gemm_tn(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc);

/* The lower triangle of C [n][n] += that of A [k][n]ᵀ·A. */
void syrk_lower(size_t n, size_t k, struct mat a, float *c, size_t ldc);

/*
 * The lower triangle of C [n][n], which is symmetric and of which the upper one
 * is not touched, to its Cholesky factor. False: not positive definite.
 */
bool cholesky_lower(size_t n, float *c, size_t ldc);

/* X [n][k] to L⁻ᵀ·X, L [n][n] lower triangular without zeros on its diagonal. */
void solve_lower_t(size_t n, size_t k, struct mat l, float *x, size_t ldx);

#endif
