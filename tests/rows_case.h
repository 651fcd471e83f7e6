/*
 * rows_case.h - rows to try the kernels of kernels/rows.h on, in every table
 * that runs here, and what to expect of single precision.
 *
 * A sum of n terms in at least four lanes is off by at most (n/4 + 16)·2⁻²⁴ of
 * the sum of their sizes, anything made with exp() by 10⁻⁶ more. Around every
 * row stand NANs: what is read there shows in a result, what is written there
 * is found.
 */
#ifndef TESTS_ROWS_CASE_H
#define TESTS_ROWS_CASE_H

#include "base/half.h"
#include "kernels/rows.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const tables[] = {"generic", "avx2"};

enum {
	N_TABLES = sizeof(tables) / sizeof(*tables),
	GUARD = 5,
	GUARD_BITS = 0x7fc01234,
	MOST = 67,
};

static const size_t long_lengths[] = {128, 512, 1003, 4096, 9001};
enum { N_LONG = sizeof(long_lengths) / sizeof(*long_lengths) };

static const struct row_kernels *k;	/* the table at hand */

/* False: it does not run here. */
static inline bool take_table(int i)
{
	k = rows_named(tables[i]);
	return k != NULL;
}

/* 1 … 67, then the long ones; 0 behind the last. */
static inline size_t next_length(size_t n)
{
	size_t i = 0;

	if (n < MOST)
		return n + 1;
	while (i < N_LONG && long_lengths[i] <= n)
		i++;
	return i < N_LONG ? long_lengths[i] : 0;
}

static inline float guard(void)
{
	return f32_from_bits(GUARD_BITS);
}

static inline float *row_new(size_t n)
{
	float *p = malloc((n + 2 * GUARD) * sizeof(*p));

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n + 2 * GUARD; i++)
		p[i] = guard();
	return p + GUARD;
}

static inline void row_free(float *p, size_t n)
{
	for (size_t i = 0; i < GUARD; i++) {
		ck_assert_uint_eq(f32_to_bits(p[-1 - (ptrdiff_t)i]),
				  GUARD_BITS);
		ck_assert_uint_eq(f32_to_bits(p[n + i]), GUARD_BITS);
	}
	free(p - GUARD);
}

static inline float *row_random(size_t n, double size, uint64_t seed)
{
	float *p = row_new(n);
	struct rng r = {seed * 1000 + n};

	for (size_t i = 0; i < n; i++)
		p[i] = (float)(size * gaussian(&r));
	return p;
}

static inline float *row_copy(const float *p, size_t n)
{
	return memcpy(row_new(n), p, n * sizeof(*p));
}

static inline double sum_tol(size_t n)
{
	return ((double)n / 4 + 16) * 0x1p-24;
}

static inline void check_near(double is, double must, double tol, size_t n,
			      size_t i)
{
	/* An assertion that holds takes longer than what it asserts. */
	if (!(fabs(is - must) <= tol))
		ck_abort_msg("%s, n %zu, %zu: %.9g, not %.9g; off by %.3g, "
			     "over %.3g", k->name, n, i, is, must,
			     fabs(is - must), tol);
}

/* The program: each test once for every table. */
static inline int run_tables(const char *name, const TTest *const *tests,
			     size_t n)
{
	Suite *s = suite_create(name);
	TCase *t = tcase_create("tables");
	SRunner *sr = srunner_create(s);
	int failed;

	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(t, tests[i], 0, N_TABLES);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}

#endif
