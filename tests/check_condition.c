/*
 * check_condition.c - the change of coordinates: there and back, what it does
 * to rows and inputs, its scales, its record.
 */
#include "tests/condition_case.h"

#include <string.h>

static struct hvqz_err err;

static const size_t sizes[] = {1, 3, 96, 128, 384, 683, 1024};
enum { SIZES = 7 };

/* Blocks as large as n allows. */
static unsigned most_block(size_t n)
{
	unsigned log = 0;

	while (log < CONDITION_MAX_BLOCK && n % ((size_t)2 << log) == 0)
		log++;
	return log;
}

START_TEST(the_usual_block_is_the_largest_that_divides)
{
	static const unsigned log[SIZES] = {0, 0, 5, 7, 7, 0, 7};

	ck_assert_uint_eq(condition_log_block(sizes[_i]), log[_i]);
}
END_TEST

/* ---- the transform ---- */

/* The v-th of n channels: blocks, levels, seeded or not. */
static void any_case(struct conditioner *c, size_t n, unsigned v,
		     int32_t most_code, struct rng *r)
{
	static const unsigned levels[] = {0, 1, 7, CONDITION_MAX_LEVELS};
	unsigned log = v % (most_block(n) + 1);

	any_conditioner(c, n, log, log && v / 2 % 2, log ? levels[v % 4] : 0,
			most_code, r);
}

START_TEST(there_and_back)
{
	enum { W = 5, STRIDE = 7 };
	size_t n = sizes[_i];
	struct rng r = {1};

	for (unsigned v = 0; v < 40; v++) {
		int32_t most_code = v % 3 ? 0 : 8;
		float *x = noise_of(n, STRIDE, &r);
		float *y = must(malloc(n * STRIDE * sizeof(*y)));
		struct conditioner c;
		double most = 0;

		any_case(&c, n, v, most_code, &r);
		memcpy(y, x, n * STRIDE * sizeof(*y));
		condition_forward(&c, y, W, STRIDE);
		condition_back(&c, y, W, STRIDE);
		for (size_t i = 0; i < n * STRIDE; i++) {
			double e = fabs((double)y[i] - (double)x[i]);

			/* What lies between the lines is not ours. */
			ck_assert(i % STRIDE < W || e == 0);
			most = fmax(most, e);
		}
		ck_assert_double_lt(most, (most_code ? 3e-4 : 2e-5));
		condition_free(&c);
		free(x);
		free(y);
	}
}
END_TEST

/* Without blocks and scales nothing changes, not by a bit. */
START_TEST(the_identity_is_exact)
{
	struct rng r = {2};
	float *x = noise_of(100, 1, &r), y[100];
	struct conditioner c;

	ck_assert_int_eq(condition_init(&c, 100, &err), HVQZ_OK);
	memcpy(y, x, sizeof(y));
	condition_forward(&c, y, 1, 1);
	ck_assert_mem_eq(x, y, sizeof(y));
	condition_inputs(&c, y, 1, 1);
	ck_assert_mem_eq(x, y, sizeof(y));
	condition_back(&c, y, 1, 1);
	ck_assert_mem_eq(x, y, sizeof(y));
	condition_free(&c);
	free(x);
}
END_TEST

/* Forward is W·S·R by the definition, and inputs are Rᵀ·S⁻¹·x. */
START_TEST(it_is_what_the_definition_says)
{
	size_t n = sizes[_i];
	struct rng r = {3};

	for (unsigned v = 0; v < 12; v++) {
		float *x = noise_of(n, 1, &r);
		float *y = must(malloc(n * sizeof(*y)));
		double *want = must(malloc(n * sizeof(*want)));

		for (int inputs = 0; inputs < 2; inputs++) {
			struct conditioner c;

			any_case(&c, n, v, 12, &r);
			for (size_t j = 0; j < n; j++)
				want[j] = inputs ? (double)x[j] /
							   scale_of(&c, j)
						 : (double)x[j] *
							   scale_of(&c, j);
			rotated(&c, want);
			memcpy(y, x, n * sizeof(*y));
			if (inputs)
				condition_inputs(&c, y, 1, 1);
			else
				condition_forward(&c, y, 1, 1);
			for (size_t j = 0; j < n; j++)
				ck_assert_double_lt(
					fabs((double)y[j] - want[j]), 2e-4);
			condition_free(&c);
		}
		free(want);
		free(y);
		free(x);
	}
}
END_TEST

/* V·x' = W·x for every row. */
START_TEST(the_product_stays)
{
	enum { W = 3 };
	size_t n = sizes[_i];
	struct rng r = {4};

	for (unsigned v = 0; v < 20; v++) {
		float *w = noise_of(n, W, &r), *x = noise_of(n, 1, &r);
		double before[W] = {0}, after[W] = {0};
		struct conditioner c;

		any_case(&c, n, v, 8, &r);
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i < W; i++)
				before[i] += (double)w[j * W + i] *
					     (double)x[j];
		condition_forward(&c, w, W, W);
		condition_inputs(&c, x, 1, 1);
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i < W; i++)
				after[i] += (double)w[j * W + i] *
					    (double)x[j];
		for (size_t i = 0; i < W; i++)
			ck_assert_double_lt(fabs(after[i] - before[i]),
					    2e-4 * sqrt((double)n));
		condition_free(&c);
		free(w);
		free(x);
	}
}
END_TEST

START_TEST(rotations_keep_lengths)
{
	size_t n = sizes[_i];
	struct rng r = {5};

	for (unsigned v = 0; v < 20; v++) {
		float *x = noise_of(n, 1, &r);
		double before = 0, after = 0;
		struct conditioner c;

		any_case(&c, n, v, 0, &r);
		for (size_t j = 0; j < n; j++)
			before += (double)x[j] * (double)x[j];
		condition_forward(&c, x, 1, 1);
		for (size_t j = 0; j < n; j++)
			after += (double)x[j] * (double)x[j];
		ck_assert_double_lt(fabs(after / before - 1), 1e-5);
		condition_free(&c);
		free(x);
	}
}
END_TEST

START_TEST(a_copy_does_the_same)
{
	struct conditioner c, copy;
	struct rng r = {6};
	float *x = noise_of(96, 2, &r), y[192];

	any_conditioner(&c, 96, 5, true, 9, 30, &r);
	c.alpha = 30;
	ck_assert_int_eq(condition_copy(&copy, &c, &err), HVQZ_OK);
	ck_assert_uint_eq(copy.alpha, 30);
	memcpy(y, x, sizeof(y));
	condition_forward(&c, x, 2, 2);
	condition_free(&c);
	condition_forward(&copy, y, 2, 2);
	ck_assert_mem_eq(x, y, sizeof(y));
	condition_free(&copy);
	free(x);
}
END_TEST

/* ---- S ---- */

static double mean_code(const struct conditioner *c)
{
	double sum = 0;

	for (size_t j = 0; j < c->n; j++)
		sum += c->code[j];
	return sum / (double)c->n;
}

/* 1/s = (h/GM)^(−α/2) to the next quarter of an octave, and det S = 1. */
START_TEST(scales_follow_the_curvature)
{
	enum { N = 1000 };
	double log_mean = 0, mean = 0, eps;
	struct conditioner c;
	struct rng r = {11};
	float h[N];

	for (size_t j = 0; j < N; j++) {
		h[j] = (float)exp(3 * gaussian(&r));
		mean += (double)h[j] / N;
	}
	eps = 1e-6 * mean;
	for (size_t j = 0; j < N; j++)
		log_mean += log2((double)h[j] + eps) / N;
	ck_assert_int_eq(condition_init(&c, N, &err), HVQZ_OK);
	for (unsigned alpha = 0; alpha <= 100; alpha += 20) {
		condition_scales(&c, h, alpha);
		ck_assert_uint_eq(c.alpha, alpha);
		for (size_t j = 0; j < N; j++) {
			double log_s = alpha / 200.0 *
				       (log2((double)h[j] + eps) - log_mean);

			ck_assert_double_lt(fabs(c.code[j] / 4.0 + log_s),
					    0.13);
		}
		ck_assert_double_lt(fabs(mean_code(&c)), 0.05);
	}
	condition_scales(&c, h, 0);
	for (size_t j = 0; j < N; j++)
		ck_assert_int_eq(c.code[j], 0);
	condition_free(&c);
}
END_TEST

START_TEST(any_curvature_gives_scales)
{
	static const float odd[] = {0, 1e-45f, 1e-38f, 1e-20f, 1, 1e20f,
				    3e38f, 3.4028234e38f};
	struct conditioner c;
	float h[16];

	ck_assert_int_eq(condition_init(&c, 16, &err), HVQZ_OK);
	/* Pairs: every second channel the one, the others the other. */
	for (size_t v = 0; v < 64; v++) {
		for (size_t j = 0; j < 16; j++)
			h[j] = odd[j % 2 ? v % 8 : v / 8];
		condition_scales(&c, h, 100);
		condition_ready(&c);
		for (size_t j = 0; j < 16; j++) {
			ck_assert_int_le(abs(c.code[j]), CONDITION_MAX_SCALE);
			ck_assert(c.back[j] > 0 && isfinite(c.back[j]));
			if (v % 8 == v / 8)
				ck_assert_int_eq(c.code[j], 0);
		}
		/* More curvature, larger scale; and they cancel. */
		if (h[0] < h[1])
			ck_assert_int_ge(c.code[0], c.code[1]);
		ck_assert_double_le(fabs(mean_code(&c)), 0.5);
	}
	condition_free(&c);
}
END_TEST

/* ---- the record ---- */

static const uint8_t by_hand[] = {
	1, 50, 1, 1, 0x04, 0x03, 0x02, 0x01,
	0, 0, 0x74,	/* 1 -1 0 0: Rice 0 of 2 1 0 0 */
	0, 1, 0x21,	/* 0 3: Rice 1 of 0 6 */
};

START_TEST(the_record_is_as_the_law_has_it)
{
	struct conditioner c, d;
	struct buf out = {0};
	struct cursor from;

	ck_assert_int_eq(condition_init(&c, 4, &err), HVQZ_OK);
	c.alpha = 50;
	c.code[0] = 1;
	c.code[1] = -1;
	condition_rotate(&c, 1, true, 0x01020304);
	ck_assert_int_eq(condition_add_levels(&c, 1, &err), HVQZ_OK);
	c.angle[1] = 3;
	ck_assert_int_eq(condition_put(&c, &out, &err), HVQZ_OK);
	ck_assert_uint_eq(out.len, sizeof(by_hand));
	ck_assert_mem_eq(out.p, by_hand, out.len);
	from = (struct cursor){by_hand, by_hand + sizeof(by_hand)};
	ck_assert_int_eq(condition_get(&d, 4, 16, &from, &err), HVQZ_OK);
	ck_assert_uint_eq(cur_left(&from), 0);
	ck_assert_uint_eq(d.seed, 0x01020304);
	ck_assert_mem_eq(d.code, c.code, 4 * sizeof(*c.code));
	ck_assert_mem_eq(d.angle, c.angle, 2 * sizeof(*c.angle));
	condition_free(&c);
	condition_free(&d);
	buf_free(&out);
}
END_TEST

/* All of it comes back, and does the same. */
START_TEST(records_come_back)
{
	size_t n = sizes[_i];
	struct rng r = {12};

	for (unsigned v = 0; v < 24; v++) {
		float *x = noise_of(n, 1, &r);
		float *y = must(malloc(n * sizeof(*y)));
		struct conditioner c, d;
		struct buf out = {0};
		struct cursor from;

		any_case(&c, n, v, v % 2 ? CONDITION_MAX_SCALE : 0, &r);
		c.alpha = v;
		ck_assert_int_eq(condition_put(&c, &out, &err), HVQZ_OK);
		from = (struct cursor){out.p, out.p + out.len};
		ck_assert_int_eq(condition_get(&d, n, 16 * n, &from, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(cur_left(&from), 0);
		ck_assert_uint_eq(d.alpha, v);
		memcpy(y, x, n * sizeof(*y));
		condition_back(&c, x, 1, 1);
		condition_back(&d, y, 1, 1);
		ck_assert_mem_eq(x, y, n * sizeof(*y));
		condition_free(&c);
		condition_free(&d);
		buf_free(&out);
		free(x);
		free(y);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("condition");
	TCase *t = tcase_create("condition");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, the_usual_block_is_the_largest_that_divides, 0,
			    SIZES);
	tcase_add_loop_test(t, there_and_back, 0, SIZES);
	tcase_add_test(t, the_identity_is_exact);
	tcase_add_loop_test(t, it_is_what_the_definition_says, 0, SIZES);
	tcase_add_loop_test(t, the_product_stays, 0, SIZES);
	tcase_add_loop_test(t, rotations_keep_lengths, 0, SIZES);
	tcase_add_test(t, a_copy_does_the_same);
	tcase_add_test(t, scales_follow_the_curvature);
	tcase_add_test(t, any_curvature_gives_scales);
	tcase_add_test(t, the_record_is_as_the_law_has_it);
	tcase_add_loop_test(t, records_come_back, 0, SIZES);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
