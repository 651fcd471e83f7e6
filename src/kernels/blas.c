/* blas.c - the calls, and turns where they must be taken. */
#include "kernels/blas.h"

#include <cblas.h>
#include <lapacke.h>
#include <pthread.h>

/* What openblas_get_parallel() says of a build without threads. */
enum { SEQUENTIAL = 0 };

/* The one thing that is the process's and not a job's: so is the library. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void blas_init(void)
{
	openblas_set_num_threads(1);
}

/* Of OpenBLAS with its own threads, and in no header of it. */
extern int blas_thread_shutdown_(void) __attribute__((weak));

void blas_end_threads(void)
{
	if (blas_thread_shutdown_)
		blas_thread_shutdown_();
}

const char *blas_core(void)
{
	return openblas_get_corename();
}

static void begin(void)
{
	if (openblas_get_parallel() == SEQUENTIAL)
		pthread_mutex_lock(&turn);
}

static void end(void)
{
	if (openblas_get_parallel() == SEQUENTIAL)
		pthread_mutex_unlock(&turn);
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n,
		 size_t k, struct mat a, struct mat b, float beta, float *c,
		 size_t ldc)
{
	begin();
	cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k,
		    1, a.p, (blasint)a.ld, b.p, (blasint)b.ld, beta, c,
		    (blasint)ldc);
	end();
}

void gemm_nt(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc)
{
	gemm(CblasNoTrans, CblasTrans, m, n, k, a, b, beta, c, ldc);
}

void gemm_nn(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc)
{
	gemm(CblasNoTrans, CblasNoTrans, m, n, k, a, b, beta, c, ldc);
}

void gemm_tn(size_t m, size_t n, size_t k, struct mat a, struct mat b,
	     float beta, float *c, size_t ldc)
{
	gemm(CblasTrans, CblasNoTrans, m, n, k, a, b, beta, c, ldc);
}

void syrk_lower(size_t n, size_t k, struct mat a, float *c, size_t ldc)
{
	begin();
	cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n,
		    (blasint)k, 1, a.p, (blasint)a.ld, 1, c, (blasint)ldc);
	end();
}

bool cholesky_lower(size_t n, float *c, size_t ldc)
{
	lapack_int fault;

	begin();
	/* To LAPACK, which counts down columns, our lower part is an upper. */
	fault = LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, c,
				    (lapack_int)ldc);
	end();
	return fault == 0;
}

void solve_lower_t(size_t n, size_t k, struct mat l, float *x, size_t ldx)
{
	begin();
	cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans,
		    CblasNonUnit, (blasint)n, (blasint)k, 1, l.p,
		    (blasint)l.ld, x, (blasint)ldx);
	end();
}
