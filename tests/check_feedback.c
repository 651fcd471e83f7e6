/*
 * check_feedback.c - the feedback through a factor, against plain sums and
 * against the cost that it is to make the least of.
 */
#include "kernels/blas.h"
#include "sense_case.h"

#include "sense/factor.h"
#include "sense/feedback.h"

#include <math.h>

enum { FB_N = 70, FB_ROWS = 33 };

/* Every split of the columns into [0, a) [a, b) [b, n). */
START_TEST(feedback)
{
	float *h = case_covariance(FB_N, 3, 40);
	float e[FB_N * FB_ROWS], t[FB_N * FB_ROWS], w[FB_N * FB_ROWS];
	struct rng r = {41};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	for (int i = 0; i < FB_N * FB_ROWS; i++) {
		e[i] = case_random(&r);
		w[i] = case_random(&r);
	}
	case_open(&c, h, NULL, FB_N);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	for (size_t a = 0; a < FB_N; a += 1 + a / 3)
		for (size_t b = a + 1; b <= FB_N; b += 1 + b / 9) {
			memcpy(t, w, sizeof(t));
			feedback_block(&f, e, FB_ROWS, a, b,
				       t + a * FB_ROWS);
			for (size_t j = b; j-- > a;)
				feedback_column(&f, &kernels_generic, e,
						FB_ROWS, j, b,
						t + j * FB_ROWS);
			for (size_t i = 0; i < FB_N * FB_ROWS; i++) {
				size_t j = i / FB_ROWS, row = i % FB_ROWS;
				double sum = (double)w[i];

				for (size_t k = j + 1;
				     j >= a && j < b && k < FB_N; k++)
					sum += (double)f.m[k * FB_N + j] *
					       (double)e[k * FB_ROWS + row];
				ck_assert_double_eq_tol((double)t[i], sum,
							2e-6);
			}
		}
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

/* The point of it: Σ_j L_jj²·|e_j + Σ m_kj·e_k|² is e H eᵀ. */
START_TEST(feedback_is_the_cost)
{
	float *h = case_covariance(FB_N, 3, 42);
	double sum = 0, want = 0;
	struct rng r = {43};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;
	float e[FB_N];

	for (int j = 0; j < FB_N; j++)
		e[j] = case_random(&r);
	case_open(&c, h, NULL, FB_N);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	for (size_t j = 0; j < FB_N; j++) {
		float t = e[j];

		feedback_column(&f, &kernels_generic, e, 1, j, FB_N, &t);
		sum += (double)f.l[j] * (double)f.l[j] * (double)t * (double)t;
		for (size_t k = 0; k < FB_N; k++)
			want += (double)h[j * FB_N + k] * (double)e[j] *
				(double)e[k] * (j == k ? 1.1 : 1);
	}
	ck_assert_double_eq_tol(sum / want, 1, 1e-5);
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

START_TEST(no_feedback)
{
	float l[2] = {1, 1}, e[4] = {1, 1, 1, 1}, t[4] = {1, 2, 3, 4};
	struct factor f = {.n = 2, .l = l};

	feedback_block(&f, e, 2, 0, 1, t);
	feedback_column(&f, &kernels_generic, e, 2, 0, 2, t);
	ck_assert(t[0] == 1 && t[1] == 2);
}
END_TEST

static Suite *feedback_suite(void)
{
	Suite *s = suite_create("feedback");
	TCase *fed = tcase_create("feedback");

	tcase_add_test(fed, feedback);
	tcase_add_test(fed, feedback_is_the_cost);
	tcase_add_test(fed, no_feedback);
	suite_add_tcase(s, fed);
	return s;
}

int main(void)
{
	SRunner *r;
	int n_failed;

	blas_init();
	r = srunner_create(feedback_suite());
	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
