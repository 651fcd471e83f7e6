/* feedback.c - one GEMM a block, plain sums inside it. */
#include "sense/feedback.h"

#include "kernels/blas.h"
#include "kernels/trellis.h"

#include <assert.h>
#include <limits.h>

void feedback_block(const struct factor *f, const float *e, size_t rows,
		    size_t a, size_t b, float *t)
{
	size_t n = f->n;

	assert(a < b && b <= n && rows <= INT_MAX);
	if (!f->m || b == n || !rows)
		return;
	/* t [b-a][rows] += m [b…n][a…b]ᵀ · e [b…n][rows] */
	gemm_tn(b - a, rows, n - b, (struct mat){f->m + b * n + a, n},
		(struct mat){e + b * rows, rows}, 1, t, rows);
}

void feedback_column(const struct factor *f, const struct kernels *kern,
		     const float *e, size_t rows, size_t j, size_t b,
		     float *t_j)
{
	assert(j < b && b <= f->n);
	if (f->m && j + 1 < b)
		kern->trellis->combine(t_j, rows, e + (j + 1) * rows, rows,
				       f->m + (j + 1) * f->n + j, f->n,
				       b - j - 1);
}
