/*
 * condition_factor.c - H' by way of its factor.
 *
 * With H = L·Lᵀ, H' = A·Aᵀ where A = Rᵀ·S⁻¹·L: L's columns are inputs of the
 * layer like any other. So H' needs no second look at the sidecar, keeps the
 * damping that H was given in its own coordinates, and is positive definite.
 */
#include "sense/condition_factor.h"

#include "base/rng.h"
#include "base/scale.h"
#include "kernels/blas.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINES = 16,
	POWER_STEPS = 40,	/* of power iteration */
};

/* L to a [n][n]. */
static void unpack(const struct factor *f, float *a)
{
	size_t n = f->n;

	memset(a, 0, n * n * sizeof(*a));
	for (size_t k = 0; k < n; k++) {
		for (size_t j = 0; j < k; j++)
			a[k * n + j] = f->m[k * n + j] * f->l[j];
		a[k * n + k] = f->l[k];
	}
}

/* l from the diagonal alone; it may have left the range of F32. */
static void take_diagonal(struct factor *to, float *diag)
{
	for (size_t j = 0; j < to->n; j++) {
		diag[j] = fmaxf(FLT_MIN, fminf(diag[j], FLT_MAX));
		to->l[j] = sqrtf(diag[j]);
	}
}

static enum hvqz_ret full_factor(const struct conditioner *c,
				 const struct factor *f, struct factor *to,
				 float *diag, struct hvqz_err *err)
{
	size_t n = f->n;
	float *a = malloc(n * n * sizeof(*a));

	to->m = malloc(n * n * sizeof(*to->m));
	if (!a || !to->m) {
		free(a);
		return hvqz_nomem(err, n * n * 8, "a conditioned Hessian");
	}
	unpack(f, a);
	condition_inputs(c, a, n, n);
	gemm_nt(n, n, n, (struct mat){a, n}, (struct mat){a, n}, 0, to->m, n);
	free(a);
	for (size_t j = 0; j < n; j++)
		diag[j] = to->m[j * (n + 1)];
	if (factor_of(to))
		return HVQZ_OK;
	/* Only a Hessian out of all proportion does that. */
	free(to->m);
	to->m = NULL;
	to->damping = 0;
	to->real = 1;
	to->fell_back = true;
	take_diagonal(to, diag);
	return HVQZ_OK;
}

/*
 * The diagonal of H' from that of H: of the columns of S⁻¹·L in one place of
 * each block, LINES at a time, the squares after Rᵀ.
 */
static enum hvqz_ret diagonal_factor(const struct conditioner *c,
				     const struct factor *f,
				     struct factor *to, float *diag,
				     struct hvqz_err *err)
{
	size_t n = f->n, b = (size_t)1 << c->log_block;
	float *x = malloc(n * LINES * sizeof(*x));

	if (!x)
		return hvqz_nomem(err, n * LINES * sizeof(*x), "a few inputs");
	memset(diag, 0, n * sizeof(*diag));
	for (size_t d = 0; d < b; d += LINES) {
		size_t w = b - d < LINES ? b - d : LINES;

		memset(x, 0, n * w * sizeof(*x));
		for (size_t j = 0; j < n; j++)
			if (j % b >= d && j % b < d + w)
				x[j * w + j % b - d] = f->l[j];
		condition_inputs(c, x, w, w);
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i < w; i++)
				diag[j] += x[j * w + i] * x[j * w + i];
	}
	take_diagonal(to, diag);
	free(x);
	return HVQZ_OK;
}

enum hvqz_ret condition_factor(const struct conditioner *c,
			       const struct factor *f, struct factor *to,
			       float *diag, struct hvqz_err *err)
{
	enum hvqz_ret ret;

	*to = (struct factor){.n = f->n, .damping = f->damping,
			      .real = f->real};
	to->l = malloc(f->n * sizeof(*to->l));
	if (!to->l)
		return hvqz_nomem(err, f->n * sizeof(*to->l),
				  "a conditioned Hessian");
	ret = f->m ? full_factor(c, f, to, diag, err)
		   : diagonal_factor(c, f, to, diag, err);
	if (ret != HVQZ_OK)
		factor_free(to);
	return ret;
}

uint64_t condition_factor_memory(size_t n, bool full)
{
	return ((uint64_t)n * (full ? 2 * (uint64_t)n : LINES) + n) *
	       sizeof(float);
}

enum hvqz_ret condition_cost(const struct factor *f, const float *e,
			     const float *g, size_t w, double *cost, struct hvqz_err *err)
{
	size_t n = f->n;
	float *sum_up = f->m ? malloc(n * w * sizeof(*sum_up)) : NULL;
	const float *t = sum_up ? sum_up : e;

	if (f->m && !sum_up)
		return hvqz_nomem(err, n * w * sizeof(*sum_up), "errors");
	if (sum_up) {
		memcpy(sum_up, e, n * w * sizeof(*sum_up));
		gemm_tn(n, w, n, (struct mat){f->m, n}, (struct mat){e, w}, 1,
			sum_up, w);
	}
	*cost = 0;
	for (size_t j = 0; j < n; j++) {
		double sum = 0;

		for (size_t i = 0; i < w; i++)
			sum += (double)g[i] * t[j * w + i] * t[j * w + i];
		*cost += sum * f->l[j] * f->l[j];
	}
	free(sum_up);
	return HVQZ_OK;
}

/* ---- the spectrum ---- */

/*
 * What a step of power iteration multiplies with: A·Aᵀ, A = D·M·Λ, M being
 * f->m with ones on its diagonal, D = S⁻¹ and Λ = diag(f->l).
 */
struct ends {
	const struct factor *f;
	float *u;		/* [n]: 1/s; owned */
	double *x, *y;		/* [n]; owned */
};

/* The rest of row k of M times y: Σ_{j<k} m_kj·y_j, in sums side by side. */
static double row_times(const struct factor *f, size_t k, const double *y)
{
	const float *row = f->m ? f->m + k * f->n : NULL;
	double sum[LINES] = {0}, all = 0;
	size_t j = 0;

	for (; row && j + LINES <= k; j += LINES)
		for (size_t i = 0; i < LINES; i++)
			sum[i] += (double)row[j + i] * y[j + i];
	for (; row && j < k; j++)
		all += (double)row[j] * y[j];
	for (size_t i = 0; i < LINES; i++)
		all += sum[i];
	return all;
}

/* y += a·(the rest of row k of M) */
static void add_row(const struct factor *f, size_t k, double a, double *y)
{
	const float *row = f->m ? f->m + k * f->n : NULL;

	for (size_t j = 0; row && j < k; j++)
		y[j] += a * (double)row[j];
}

/* x to A·Aᵀ·x */
static void multiply(struct ends *p)
{
	const struct factor *f = p->f;
	size_t n = f->n;

	for (size_t k = 0; k < n; k++) {
		p->y[k] = p->x[k] * (double)p->u[k];
		add_row(f, k, p->y[k], p->y);
	}
	for (size_t j = 0; j < n; j++)
		p->y[j] *= (double)f->l[j] * f->l[j];
	for (size_t k = 0; k < n; k++)
		p->x[k] = p->u[k] * (p->y[k] + row_times(f, k, p->y));
}

/* x to (A·Aᵀ)⁻¹·x */
static void divide(struct ends *p)
{
	const struct factor *f = p->f;
	size_t n = f->n;

	for (size_t k = 0; k < n; k++)
		p->x[k] = p->x[k] / (double)p->u[k] - row_times(f, k, p->x);
	for (size_t j = 0; j < n; j++)
		p->x[j] /= (double)f->l[j] * f->l[j];
	for (size_t k = n; k-- > 0;)
		add_row(f, k, -p->x[k], p->x);
	for (size_t k = 0; k < n; k++)
		p->x[k] /= (double)p->u[k];
}

/* The largest eigenvalue of what step() multiplies with. */
static double largest(struct ends *p, void (*step)(struct ends *p))
{
	struct rng r = {1};
	size_t n = p->f->n;
	double norm = 0;

	for (size_t j = 0; j < n; j++)
		p->x[j] = (double)(rng_u64(&r) >> 11) * 0x1p-53 - 0.5;
	for (unsigned i = 0; i < POWER_STEPS; i++) {
		double square = 0;

		for (size_t j = 0; j < n; j++)
			square += p->x[j] * p->x[j];
		norm = sqrt(square);
		if (!(norm > 0) || !isfinite(norm))
			return norm;
		for (size_t j = 0; j < n; j++)
			p->x[j] /= norm;
		step(p);
	}
	norm = 0;
	for (size_t j = 0; j < n; j++)
		norm += p->x[j] * p->x[j];
	return sqrt(norm);
}

enum hvqz_ret spectrum_measure(const struct factor *f,
			       const struct conditioner *c,
			       struct spectrum *s, struct hvqz_err *err)
{
	struct ends p = {.f = f};
	size_t n = f->n;
	enum hvqz_ret ret = HVQZ_OK;

	p.u = malloc(n * sizeof(*p.u));
	p.x = malloc(n * sizeof(*p.x));
	p.y = malloc(n * sizeof(*p.y));
	if (!p.u || !p.x || !p.y) {
		ret = hvqz_nomem(err, n * 20, "a spectrum");
		goto out;
	}
	for (size_t j = 0; j < n; j++)
		p.u[j] = c ? scale_value((unsigned)(SCALE_UNIT +
						    2 * c->code[j]))
			   : 1.0f;
	s->most = (float)largest(&p, multiply);
	s->ratio = (float)(s->most * largest(&p, divide));
out:
	free(p.u);
	free(p.x);
	free(p.y);
	return ret;
}
