/*
 * check_condition_factor.c - Hessians in conditioned coordinates: what an error
 * costs by them, their diagonal, their spectrum.
 */
#include "kernels/blas.h"
#include "sense/condition_factor.h"
#include "tests/condition_case.h"

static struct hvqz_err err;

/* Σ_i g_i·(E H Eᵀ)_ii, e [n][w]. */
static double plain_cost(const double *h, const float *e, const float *g,
			 size_t n, size_t w)
{
	double sum = 0;

	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++) {
			double s = 0;

			for (size_t i = 0; i < w; i++)
				s += (double)g[i] * (double)e[j * w + i] *
				     (double)e[k * w + i];
			sum += s * h[j * n + k];
		}
	return sum;
}

/* L·Lᵀ of a factor. */
static double *unfactored(const struct factor *f)
{
	size_t n = f->n;
	double *l = must(calloc(n * n, sizeof(*l)));
	double *h = must(calloc(n * n, sizeof(*h)));

	for (size_t k = 0; k < n; k++)
		for (size_t j = 0; j <= k; j++)
			l[k * n + j] = (double)f->l[j] *
				       (k == j ? 1 : f->m ?
					(double)f->m[k * n + j] : 0);
	for (size_t k = 0; k < n; k++)
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i <= k && i <= j; i++)
				h[k * n + j] += l[k * n + i] * l[j * n + i];
	free(l);
	return h;
}

static const struct {
	size_t n;
	unsigned log_block, levels;
	bool seeded, full;
} hessians[] = {
	{96, 5, 5, true, true}, {96, 5, 0, true, false},
	{96, 3, 6, false, true}, {96, 5, 10, false, false},
	{33, 0, 0, false, true}, {33, 0, 0, false, false},
	{1, 0, 0, false, true}, {256, 7, 7, true, true},
	{256, 8, 8, true, false},
};

START_TEST(an_error_costs_the_same)
{
	enum { W = 6 };
	size_t n = hessians[_i].n;
	struct rng r = {7};
	struct sense_case sc;
	float *h = case_covariance(n, n / 2 + 1, 8), *diag, *e, g[W];
	struct factor f, to;
	struct conditioner c;
	double *plain, *turned, cost, want, cost_v;

	case_open(&sc, h, NULL, n);
	if (hessians[_i].full)
		ck_assert_int_eq(factor_make(sc.s, &f, &err), HVQZ_OK);
	else
		ck_assert_int_eq(factor_diagonal(sc.s, &f, &err), HVQZ_OK);
	ck_assert(hessians[_i].full == !!f.m);
	any_conditioner(&c, n, hessians[_i].log_block, hessians[_i].seeded,
			hessians[_i].levels, 10, &r);
	diag = must(malloc(n * sizeof(*diag)));
	ck_assert_int_eq(condition_factor(&c, &f, &to, diag, &err), HVQZ_OK);
	ck_assert(!!to.m == !!f.m);
	ck_assert(to.real == f.real && to.damping == f.damping);
	plain = unfactored(&f);
	turned = unfactored(&to);
	for (size_t i = 0; i < W; i++)
		g[i] = (float)(0.1 + (double)i);

	/* E_V in V's coordinates costs by H' what it costs in W's by H. */
	e = noise_of(n, W, &r);
	cost_v = plain_cost(turned, e, g, n, W);
	ck_assert_int_eq(condition_cost(&to, e, g, W, &cost, &err), HVQZ_OK);
	ck_assert_double_lt(fabs(cost / cost_v - 1), 1e-4);
	condition_back(&c, e, W, W);
	want = plain_cost(plain, e, g, n, W);
	ck_assert_int_eq(condition_cost(&f, e, g, W, &cost, &err), HVQZ_OK);
	ck_assert_double_lt(fabs(cost / want - 1), 1e-4);
	if (f.m)
		ck_assert_double_lt(fabs(cost_v / want - 1), 1e-3);

	/* diag is H's in V's coordinates, also where that is all we know. */
	for (size_t j = 0; j < n; j++) {
		float *unit = must(calloc(n, sizeof(*unit)));
		static const float one[] = {1};

		unit[j] = 1;
		condition_back(&c, unit, 1, 1);
		want = plain_cost(plain, unit, one, n, 1);
		ck_assert_double_lt(fabs((double)diag[j] / want - 1), 1e-3);
		ck_assert_double_lt(fabs(turned[j * (n + 1)] / want - 1),
				    1e-3);
		free(unit);
	}
	free(e);
	free(plain);
	free(turned);
	free(diag);
	condition_free(&c);
	factor_free(&to);
	factor_free(&f);
	case_close(&sc);
	free(h);
}
END_TEST

/* Without correlations kept there is no damping either (factor.h). */
START_TEST(a_hessian_out_of_proportion_falls_back_to_its_diagonal)
{
	enum { N = 64 };
	struct rng r = {9};
	struct factor f = {.n = N, .damping = 0.2f, .real = 0.5f}, to;
	struct conditioner c;
	float diag[N];

	f.l = must(malloc(N * sizeof(*f.l)));
	f.m = must(calloc(N * N, sizeof(*f.m)));
	for (size_t j = 0; j < N; j++)
		f.l[j] = j % 2 ? 1e-19f : 1e19f;
	for (size_t k = 1; k < N; k++)
		f.m[k * N + k - 1] = 1e19f;
	any_conditioner(&c, N, 6, true, 6, 0, &r);
	ck_assert_int_eq(condition_factor(&c, &f, &to, diag, &err), HVQZ_OK);
	ck_assert(!to.m && to.damping == 0 && to.real == 1 && to.fell_back);
	for (size_t j = 0; j < N; j++) {
		ck_assert(isfinite(to.l[j]) && to.l[j] > 0);
		ck_assert(isfinite(diag[j]) && diag[j] >= 0);
	}
	condition_free(&c);
	factor_free(&to);
	factor_free(&f);
}
END_TEST

/* H' may be larger or smaller than F32 can say: l is finite and above 0. */
START_TEST(a_diagonal_stays_in_range)
{
	static const float odd[] = {1e-22f, 1, 1e19f};
	enum { N = 8 };

	for (unsigned v = 0; v < 9; v++) {
		float l[N], diag[N];
		struct factor f = {.n = N, .l = l, .real = 1}, to;
		struct conditioner c;

		ck_assert_int_eq(condition_init(&c, N, &err), HVQZ_OK);
		for (size_t j = 0; j < N; j++) {
			l[j] = odd[v % 3];
			c.code[j] = ((int32_t)(v / 3) - 1) *
				    CONDITION_MAX_SCALE;
		}
		condition_rotate(&c, 3, true, 1);
		condition_ready(&c);
		ck_assert_int_eq(condition_factor(&c, &f, &to, diag, &err),
				 HVQZ_OK);
		for (size_t j = 0; j < N; j++) {
			ck_assert(isfinite(to.l[j]) && to.l[j] > 0);
			ck_assert(isfinite(diag[j]) && diag[j] > 0);
		}
		condition_free(&c);
		factor_free(&to);
	}
}
END_TEST

/* ---- the spectrum ---- */

/*
 * H of eigenvalues from 1 to 1/ratio, evenly in logarithm, along the axes or
 * along those of a reflection.
 */
static void known_spectrum(struct factor *f, size_t n, double ratio,
			   bool dense)
{
	struct rng r = {10};
	double *v = must(calloc(n, sizeof(*v))), norm = 0;
	double *q = must(malloc(n * n * sizeof(*q)));

	*f = (struct factor){.n = n, .real = 1};
	f->l = must(malloc(n * sizeof(*f->l)));
	for (size_t j = 0; j < n; j++) {
		v[j] = dense ? gaussian(&r) : 0;
		norm += v[j] * v[j];
		f->l[j] = (float)pow(ratio, -0.5 * (double)j /
						    (double)(n - 1));
	}
	if (!dense)
		goto out;
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++)
			q[j * n + k] = (j == k) - 2 * v[j] * v[k] / norm;
	f->m = must(malloc(n * n * sizeof(*f->m)));
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++) {
			double sum = 0;

			for (size_t i = 0; i < n; i++)
				sum += q[j * n + i] * q[k * n + i] *
				       (double)f->l[i] * (double)f->l[i];
			f->m[j * n + k] = (float)sum;
		}
	ck_assert(factor_of(f));
out:
	free(v);
	free(q);
}

START_TEST(a_known_spectrum_is_found)
{
	static const double ratio[] = {1e6, 1e4, 10, 1};

	for (int dense = 0; dense < 2; dense++)
		for (size_t i = 0; i < 4; i++) {
			struct spectrum s;
			struct factor f;

			known_spectrum(&f, 64, ratio[i], dense);
			ck_assert_int_eq(spectrum_measure(&f, NULL, &s, &err),
					 HVQZ_OK);
			if (getenv("HVQZ_FIGURES"))
				printf("spectrum %g: %g, %g\n", ratio[i],
				       (double)s.most, (double)s.ratio);
			ck_assert_double_lt(fabs((double)s.most - 1), 0.05);
			ck_assert_double_lt(fabs((double)s.ratio / ratio[i] -
						 1), dense ? 0.1 : 0.06);
			factor_free(&f);
		}
}
END_TEST

/* α of 1 leaves a diagonal H no curvature: but for the scales' rounding. */
START_TEST(alpha_flattens_the_spectrum)
{
	static const unsigned alpha[] = {0, 50, 100};

	for (size_t i = 0; i < 3; i++) {
		double want = pow(1e6, 1 - alpha[i] / 100.0);
		struct conditioner c;
		struct spectrum s;
		struct factor f;
		float h[96];

		known_spectrum(&f, 96, 1e6, false);
		ck_assert_int_eq(condition_init(&c, 96, &err), HVQZ_OK);
		for (size_t j = 0; j < 96; j++)
			h[j] = f.l[j] * f.l[j];
		condition_scales(&c, h, alpha[i]);
		condition_ready(&c);
		ck_assert_int_eq(spectrum_measure(&f, &c, &s, &err), HVQZ_OK);
		ck_assert_double_lt(fabs(log2((double)s.ratio / want)), 0.6);
		/* det S = 1: the geometric mean stays 1e-3. */
		if (alpha[i] == 100)
			ck_assert_double_lt(fabs(log2((double)s.most * 1e3)),
					    0.6);
		condition_free(&c);
		factor_free(&f);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("condition factor");
	TCase *t = tcase_create("factor");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_loop_test(t, an_error_costs_the_same, 0,
			    sizeof(hessians) / sizeof(*hessians));
	tcase_add_test(
		t, a_hessian_out_of_proportion_falls_back_to_its_diagonal);
	tcase_add_test(t, a_diagonal_stays_in_range);
	tcase_add_test(t, a_known_spectrum_is_found);
	tcase_add_test(t, alpha_flattens_the_spectrum);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
