/*
 * factor.c - factoring a Hessian in place, in one matrix of memory.
 *
 * H is made into correlations C_jk = H_jk / √(H_jj·H_kk) first. Then no channel
 * is large or small, single precision is enough, damping is adding δ to the
 * diagonal, and from C + δI = Lc Lcᵀ follow L_kj = √H_kk·Lc_kj.
 *
 * Only the lower triangle is factored. The upper one keeps C, so that another
 * try with more damping need not read the file again.
 */
#include "sense/factor.h"

#include "base/ckd.h"

#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum {
	READ_STEP = 256 << 10,	/* what sens_load_full() takes for a while */
};

#define DAMPING 0.03f		/* DESIGN §4: measured, and flat around it */
#define MOST_DAMPING 1.0f

void factor_init(void)
{
	openblas_set_num_threads(1);
}

void factor_free(struct factor *f)
{
	free(f->l);
	free(f->m);
	*f = (struct factor){0};
}

uint64_t factor_memory(size_t n, bool full)
{
	uint64_t square, floats = n, bytes;

	if (full && (!ckd_mul64(&square, n, n) ||
		     !ckd_add64(&floats, square, n)))
		return UINT64_MAX;
	if (!ckd_mul64(&bytes, floats, sizeof(float)) ||
	    !ckd_add64(&bytes, bytes, full ? READ_STEP : 0))
		return UINT64_MAX;
	return bytes;
}

/*
 * The geometric mean of every step-th h, n of them, without the zeros; 1 when
 * there are only zeros.
 */
static float typical(const float *h, size_t n, size_t step)
{
	size_t n_active = 0;
	double sum = 0;

	for (size_t j = 0; j < n; j++) {
		if (h[j * step] == 0)
			continue;
		sum += log((double)h[j * step]);
		n_active++;
	}
	return n_active ? (float)exp(sum / (double)n_active) : 1;
}

static void from_diagonal(const struct sens *s, struct factor *f)
{
	float mean = typical(s->diag, s->n_in, 1);

	for (size_t j = 0; j < s->n_in; j++)
		f->l[j] = sqrtf(s->diag[j] > 0 ? s->diag[j] : mean);
}

/* Channels without activity: a typical diagonal, no correlations. */
static void fill_silent(float *h, size_t n)
{
	float mean = typical(h, n, n + 1);

	for (size_t j = 0; j < n; j++) {
		if (h[j * n + j] != 0)
			continue;
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = h[k * n + j] = 0;
		h[j * n + j] = mean;
	}
}

/* H to correlations; root [n] becomes √H_jj. A product of two may underflow. */
static void normalise(float *h, size_t n, float *root)
{
	for (size_t j = 0; j < n; j++)
		root[j] = sqrtf(h[j * n + j]);
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = h[j * n + k] / root[j] / root[k];
}

/* The lower triangle, spoilt, from the upper one. */
static void restore(float *c, size_t n)
{
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < j; k++)
			c[j * n + k] = c[k * n + j];
}

/* Lc of C + δI to the lower triangle of c; false: not positive definite. */
static bool cholesky(float *c, size_t n, float damping)
{
	for (size_t j = 0; j < n; j++)
		c[j * n + j] = 1 + damping;
	/* To LAPACK, which counts down columns, our lower part is an upper. */
	return LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, c,
				   (lapack_int)n) == 0;
}

/*
 * Lc in the lower triangle of c to m, √H_jj in l to L_jj. Row k divides by the
 * L_jj of the rows above, which are ready by then. False: out of range.
 */
static bool finish(float *c, size_t n, float *l)
{
	bool good = true;

	for (size_t k = 0; k < n; k++) {
		float *row = c + k * n, root = l[k];

		l[k] = root * row[k];
		good &= isfinite(l[k]) && l[k] > 0;
		for (size_t j = 0; j < k; j++) {
			row[j] = root * row[j] / l[j];
			good &= isfinite(row[j]);
		}
		for (size_t j = k; j < n; j++)
			row[j] = 0;
	}
	return good;
}

/* H, in f->m, to the factor; false: it has none, and f->m is spoilt. */
static bool from_full(struct factor *f)
{
	float damping = DAMPING;

	fill_silent(f->m, f->n);
	normalise(f->m, f->n, f->l);
	while (!cholesky(f->m, f->n, damping)) {
		damping *= 2;
		if (damping > MOST_DAMPING)
			return false;
		restore(f->m, f->n);
	}
	f->damping = damping;
	return finish(f->m, f->n, f->l);
}

/* f->n and room for l and, if it is wanted, m. */
static enum hvqz_ret allocate(struct factor *f, size_t n, bool full,
			      struct hvqz_err *err)
{
	uint64_t bytes = factor_memory(n, full);

	*f = (struct factor){.n = n};
	if (bytes <= SIZE_MAX && n <= INT_MAX) {
		f->l = malloc(n * sizeof(float));
		f->m = full ? malloc(n * n * sizeof(float)) : NULL;
	}
	if (f->l && !full == !f->m)
		return HVQZ_OK;
	return hvqz_nomem(err, bytes, "the factor of a Hessian");
}

enum hvqz_ret factor_make(const struct sens *s, struct factor *f,
			  struct hvqz_err *err)
{
	bool full = sens_can_load(s);
	enum hvqz_ret ret;

	TRY_OUT(allocate(f, s->n_in, full, err));
	if (full)
		TRY_OUT(sens_load_full(s, f->m, err));
	if (full && from_full(f))
		return HVQZ_OK;
	if (full) {
		free(f->m);
		f->m = NULL;
		f->damping = 0;
		f->fell_back = true;
	}
	from_diagonal(s, f);
	return HVQZ_OK;
out:
	factor_free(f);
	return ret;
}
