/*
 * check_rows_exp.c - the row kernels made of exp(): exp itself, softmax, sums
 * over a vocabulary, against double precision. The others: check_rows.c.
 */
#include "tests/rows_case.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

/* ---- softmax ---- */

static void check_softmax(float *s, size_t n, double scale)
{
	double *must = malloc(n * sizeof(*must)), sum = 0, total = 0;
	double max = -INFINITY;

	ck_assert_ptr_nonnull(must);
	for (size_t i = 0; i < n; i++)
		max = fmax(max, (double)s[i]);
	for (size_t i = 0; i < n; i++)
		sum += must[i] = exp(scale * ((double)s[i] - max));
	for (size_t i = 0; i < n; i++)
		must[i] /= sum;
	k->softmax(s, n, (float)scale);
	for (size_t i = 0; i < n; i++) {
		/* the exponent is rounded twice, at its own size */
		double far = must[i] > 0 ? -log(must[i]) : 0;

		check_near((double)s[i], must[i],
			   must[i] * (1e-6 + far * 0x1p-22 + sum_tol(n)) +
				   1e-37, n, i);
		total += (double)s[i];
	}
	check_near(total, 1, 1e-6 + sum_tol(n), n, 0);
	free(must);
}

START_TEST(softmax_of_ordinary_scores)
{
	static const double sizes[] = {0, 1, 10, 60, 1000};

	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n))
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			float *s = row_random(n, sizes[i], 8);

			check_softmax(s, n, 0.25);
			row_free(s, n);
		}
}
END_TEST

/* A NaN stays one, whatever its payload: the exponent is made of bits. */
START_TEST(softmax_of_no_number)
{
	static const uint32_t odd[] = {0x7f800001, 0xffc00003, 0x7fc00055,
				       0x7fc00000, 0x7fffffff, 0xff8001ff};

	if (!take_table(_i))
		return;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		for (size_t n = 1; n < 20; n++) {
			float *s = row_random(n, 3, 9);

			memcpy(s + n / 2, &odd[i], sizeof(*s));
			ck_assert(isnan(k->sum_exp(s, n, 1)));
			k->softmax(s, n, 0.5f);
			for (size_t j = 0; j < n; j++)
				ck_assert(isnan(s[j]));
			row_free(s, n);
		}
}
END_TEST

START_TEST(softmax_of_huge_scores)
{
	static const float odd[][4] = {
		{1e30f, -1e30f, 1e30f, 0},
		{FLT_MAX, -FLT_MAX, 0, FLT_MAX},
		{-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX},
		{-1e30f, -INFINITY, -1e30f, -2e30f},
		{5000, 4990, -5000, 5000},
		{-70000, -70001, -70002, -1e9f},
	};

	if (!take_table(_i))
		return;
	for (size_t n = 1; n <= MOST; n++)
		for (size_t j = 0; j < sizeof(odd) / sizeof(*odd); j++) {
			float *s = row_new(n);

			for (size_t i = 0; i < n; i++)
				s[i] = odd[j][(i + n) % 4];
			/* One score of −∞ has no softmax. */
			if (n == 1 && isinf(s[0]))
				s[0] = 0;
			check_softmax(s, n, 1);
			row_free(s, n);
		}
}
END_TEST

START_TEST(softmax_back_is_its_gradient)
{
	const double scale = 0.3;

	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *p = row_random(n, 2, 9), *dp = row_random(n, 1, 10);
		float *was = row_copy(dp, n);
		double mean = 0, size = 0;

		k->softmax(p, n, 1);
		for (size_t i = 0; i < n; i++) {
			mean += (double)p[i] * (double)dp[i];
			size += fabs((double)p[i] * (double)dp[i]);
		}
		k->softmax_back(dp, p, n, (float)scale);
		for (size_t i = 0; i < n; i++) {
			double v = scale * (double)p[i] *
				   ((double)was[i] - mean);
			double most = scale * (double)p[i] *
				      (fabs((double)was[i]) + size);

			check_near((double)dp[i], v, most * sum_tol(n), n, i);
		}
		row_free(p, n);
		row_free(dp, n);
		row_free(was, n);
	}
}
END_TEST

/* ---- exp ---- */

/* exp(x[i]) to *x, in all lanes of a row. */
static void exp_row(float *x, size_t n)
{
	float *acc = row_new(n);

	memset(acc, 0, n * sizeof(*acc));
	k->fisher(x, acc, n, 0);
	row_free(acc, n);
}

START_TEST(exp_is_as_exact_as_claimed)
{
	enum { STEPS = 700001 };	/* 0.00025 apart */
	float *x, *was;
	double worst = 0;

	if (!take_table(_i))
		return;
	x = row_new(STEPS);
	for (size_t i = 0; i < STEPS; i++)
		x[i] = -87 + 175 * (float)i / (STEPS - 1);
	ck_assert(x[0] == -87 && x[STEPS - 1] == 88);
	was = row_copy(x, STEPS);
	exp_row(x, STEPS);
	for (size_t i = 0; i < STEPS; i++) {
		double must = exp((double)was[i]);
		double off = fabs((double)x[i] / must - 1);

		worst = off > worst ? off : worst;
		if (!(off < 3e-7))
			ck_abort_msg("%s: exp(%.9g) is off by %.3g", k->name,
				     (double)was[i], off);
	}
	/* An error of nothing at all would not be this exp. */
	ck_assert(worst > 1e-8);
	row_free(x, STEPS);
	row_free(was, STEPS);
}
END_TEST

START_TEST(exp_of_the_extremes)
{
	static const float none[] = {-INFINITY, -FLT_MAX, -1e10f, -1000, -104,
				     -88, -87.00001f};

	if (!take_table(_i))
		return;
	for (size_t n = 1; n <= MOST; n++)
		for (size_t at = 0; at < n; at++) {
			float *x = row_new(n);

			for (size_t i = 0; i < n; i++)
				x[i] = none[(i + n) % 7];
			ck_assert(k->sum_exp(x, n, 0) == 0);
			x[at] = 0;
			ck_assert(k->sum_exp(x, n, 0) == 1);
			exp_row(x, n);
			for (size_t i = 0; i < n; i++)
				check_near((double)x[i], i == at, 0, n, i);
			row_free(x, n);
		}
}
END_TEST

/* ---- sums over a vocabulary ---- */

START_TEST(sums_of_exp)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *x = row_random(n, 8, 11), *y = row_random(n, 8, 12);
		double sum = 0, diff = 0, size = 0, is, is_sum;
		float m = k->max(x, n);

		for (size_t i = 0; i < n; i++) {
			double e = exp((double)x[i] - (double)m);
			double d = (double)x[i] - (double)y[i];

			sum += e;
			diff += e * d;
			size += e * fabs(d);
		}
		is = k->sum_exp(x, n, m);
		check_near(is, sum, sum * (5e-6 + sum_tol(n)), n, 0);
		is = k->sum_exp_diff(x, y, n, m, &is_sum);
		check_near(is_sum, sum, sum * (5e-6 + sum_tol(n)), n, 1);
		check_near(is, diff, size * (5e-6 + sum_tol(n)), n, 2);
		/* nothing apart from itself */
		ck_assert(k->sum_exp_diff(x, x, n, m, &is_sum) == 0);
		ck_assert(is_sum == k->sum_exp(x, n, m));
		row_free(x, n);
		row_free(y, n);
	}
}
END_TEST

START_TEST(fisher_of_a_softmax)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *x = row_random(n, 5, 13), *acc = row_random(n, 1, 14);
		float *was = row_copy(x, n), *had = row_copy(acc, n), lse;
		double sum = 0, total = 0, is;

		for (size_t i = 0; i < n; i++)
			sum += exp((double)x[i]);
		lse = (float)log(sum);
		is = k->fisher(x, acc, n, lse);
		for (size_t i = 0; i < n; i++) {
			double p = exp((double)was[i] - (double)lse);
			double v = (double)had[i] + p * (1 - p);

			total += p;
			check_near((double)x[i], p,
				   p * (1e-6 + fabs(log(p)) * 0x1p-23), n, i);
			check_near((double)acc[i], v,
				   3e-6 * p + fabs(v) * 0x1p-23, n, i);
		}
		check_near(is, total, 3e-6 + sum_tol(n), n, 0);
		row_free(x, n);
		row_free(acc, n);
		row_free(was, n);
		row_free(had, n);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		softmax_of_ordinary_scores, softmax_of_huge_scores,
		softmax_of_ordinary_scores, softmax_of_no_number,
		softmax_back_is_its_gradient, exp_is_as_exact_as_claimed,
		exp_of_the_extremes, sums_of_exp, fisher_of_a_softmax,
	};

	return run_tables("rows_exp", tests, sizeof(tests) / sizeof(*tests));
}
