/*
 * check_rtn.c - codec 4, slab by slab: what comes back, the payload's bytes,
 * feedback, and payloads that must be refused (H8).
 */
#include "kernels/blas.h"
#include "tests/corpus_rtn.h"

/* ---- round trips ---- */

/* The scale slot of weight [i][j]: by unit and group, inputs on axis. */
static size_t slot(const struct sample *s, unsigned axis, uint32_t group,
		   size_t i, size_t j)
{
	size_t n = axis ? (size_t)s->slab.n_cols : s->slab.n_rows;
	size_t at = axis ? j : i, unit = axis ? i : j;

	return unit * n + (group ? at / group : 0);
}

/*
 * Half a step, what the type's own rounding adds, and what a scale that is
 * subnormal in F16 cuts off.
 */
static void expect_near(const struct sample *s, unsigned axis,
			const struct codec_settings *set)
{
	size_t n = sample_elems(s), cols = (size_t)s->slab.n_cols;
	double ulp = s->slab.dtype == DTYPE_F16	   ? 0x1p-11
		     : s->slab.dtype == DTYPE_BF16 ? 0x1p-8
						   : 0;
	float *w = sample_weights(s, s->raw), *v = sample_weights(s, s->back);
	float *max = must(calloc(n, sizeof(*max)));
	int most = (1 << (set->bits - 1)) - 1;

	for (size_t e = 0; e < n; e++) {
		size_t k = slot(s, axis, set->group, e / cols, e % cols);

		max[k] = fmaxf(max[k], fabsf(w[e]));
	}
	for (size_t e = 0; e < n; e++) {
		size_t k = slot(s, axis, set->group, e / cols, e % cols);
		double scale = (double)f32_from_f16(
			f16_from_f32(max[k] / (float)most));
		double x = (double)w[e], y = (double)v[e];

		if (fabs(x - y) > 0.5001 * scale + ulp * fabs(y) +
					  most * 0x1p-25)
			ck_abort_msg("%zu: %g gives %g, scale %g", e, x, y,
				     scale);
	}
	free(max);
	free(w);
	free(v);
}

/* The payload's length as the law has it. */
static size_t payload_len(const struct slab *slab, unsigned axis,
			  const struct codec_settings *set)
{
	size_t n = axis ? (size_t)slab->n_cols : slab->n_rows;
	size_t n_units = axis ? slab->n_rows : (size_t)slab->n_cols;
	uint32_t group = set->group && set->group < n ? set->group : 0;
	size_t n_groups = group ? (n + group - 1) / group : 1;

	return 3 + (group >= 128) + 2 * n_units * n_groups +
	       (n * n_units * set->bits + 7) / 8;
}

/* Every number of bits, type, axis and kind of group. */
START_TEST(round_trips)
{
	static const uint32_t shape[][2] = {
		{1, 4096}, {4096, 1}, {1, 1}, {64, 64}, {65, 127}, {33, 300},
	};
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const uint32_t group[] = {0, 1, 32, 200, RTN_MAX_GROUP};

	for (unsigned v = 0; v < 30; v++) {
		unsigned axis = v % 2;
		struct sample s = make_sample(dtypes[v % 3], shape[_i][0],
					      shape[_i][1], v + 1);

		for (uint32_t bits = 2; bits <= 8; bits++) {
			struct codec_settings set = rtn_settings(
				bits, group[v / 6]);
			struct known k;
			struct trip t;

			know(&k, DIAGONAL, axis, &s, v);
			t = trip(&s, &set, &k.sens, NULL);
			forget(&k);
			ck_assert(!t.stats.nonfinite && t.stats.loss == 0);
			/* A single weight may be too small for a scale. */
			ck_assert(!t.declined || sample_elems(&s) == 1);
			if (t.declined)
				continue;
			ck_assert_uint_eq(t.len, payload_len(&s.slab, axis,
							     &set));
			expect_near(&s, axis, &set);
		}
		free_sample(&s);
	}
}
END_TEST

/* Without a sidecar inputs are columns. */
START_TEST(units_are_rows_by_default)
{
	struct codec_settings set = rtn_settings(4, 0);
	struct sample s = make_sample(DTYPE_F16, 40, 50, 3);

	ck_assert_uint_eq(trip(&s, &set, NULL, NULL).len,
			  3 + 2 * 40 + 40 * 50 / 2);
	expect_near(&s, 1, &set);
	free_sample(&s);
}
END_TEST

START_TEST(tiny_and_huge_weights_come_back_or_are_declined)
{
	static const struct {
		float size;
		bool declined;
	} v[] = {
		{1e-30f, true},		/* no F16 scale is so small */
		{1e-6f, true},		/* it would be 2^-23 */
		{3e-6f, false},
		{1, false},
		{400000, false},
		{460000, true},		/* 65714 */
		{3e38f, true},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct codec_settings set = rtn_settings(4, 0);
		struct sample s = blank_sample(DTYPE_F32, 8, 16);
		struct trip t;

		/* A row of zeros, and one that F16 loses. */
		for (size_t e = 32; e < 128; e++)
			put_lef32(s.raw + 4 * e, e == 70 ? -v[i].size
							 : v[i].size / 3);
		put_lef32(s.raw + 4 * 20, 1e-35f);
		t = trip(&s, &set, NULL, NULL);
		ck_assert_int_eq(t.declined, v[i].declined);
		ck_assert(!t.stats.nonfinite);
		for (size_t e = 0; e < 32 && !t.declined; e++)
			ck_assert_uint_eq(get_le32(s.back + 4 * e), 0);
		if (!t.declined)
			ck_assert_double_lt(t.stats.noise,
					    0.05 * t.stats.signal);
		free_sample(&s);
	}
}
END_TEST

/* Their scale would be 2^-23.4: it is one step of F16 up, and none is cut. */
START_TEST(tiny_rows_err_by_half_a_step)
{
	struct codec_settings set = rtn_settings(4, 0);
	struct sample s = blank_sample(DTYPE_F32, 2, 64);
	struct trip t;

	for (size_t e = 0; e < 64; e++) {
		put_lef32(s.raw + 4 * e, 1 - (float)e / 32);
		put_lef32(s.raw + 4 * (64 + e), 6.3e-7f * (1 - (float)e / 32));
	}
	t = trip(&s, &set, NULL, NULL);
	ck_assert(!t.declined);
	for (size_t e = 64; e < 128; e++)
		ck_assert_float_le(fabsf(get_lef32(s.raw + 4 * e) -
					 get_lef32(s.back + 4 * e)),
				   0x1p-24f);
	free_sample(&s);
}
END_TEST

START_TEST(all_zero_stays_zero)
{
	struct codec_settings set = rtn_settings(2, 7);
	struct sample s = blank_sample(DTYPE_BF16, 20, 30);

	memset(s.back, 1, s.slab.raw_len);
	ck_assert(!trip(&s, &set, NULL, NULL).declined);
	ck_assert_mem_eq(s.raw, s.back, s.slab.raw_len);
	free_sample(&s);
}
END_TEST

START_TEST(nan_and_infinity_are_declined)
{
	static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00001,
				       0xffffffff};

	for (size_t i = 0; i < 4; i++) {
		struct codec_settings set = rtn_settings(4, 0);
		struct sample s = make_sample(DTYPE_F32, 64, 64, 11);
		struct trip t;

		put_le32(s.raw + 4 * 1000, odd[i]);
		t = trip(&s, &set, NULL, NULL);
		ck_assert(t.declined && t.stats.nonfinite);
		free_sample(&s);
	}
}
END_TEST

/* ---- the payload's bytes ---- */

static const float hand[] = {7, -3.5f, 1.75f, 0, 0, -14};

static const struct {
	unsigned axis;
	uint32_t bits, group;
	uint8_t payload[16];
	size_t len;
	float back[6];
} by_hand[] = {
	/* −3.5 is a tie and goes to the even side. */
	{1, 4, 2,
	 {0, 4, 2, 0x00, 0x3c, 0x00, 0x34, 0x00, 0x00, 0x00, 0x40,
	  0xc7, 0x07, 0x90}, 14,
	 {7, -4, 1.75f, 0, 0, -14}},
	{0, 4, 0,
	 {1, 4, 0, 0x00, 0x3c, 0x00, 0x38, 0x00, 0x40,
	  0x97, 0x01, 0x90}, 12,
	 {7, -3.5f, 2, 0, 0, -14}},
	/* 7/3 is 0x40ab in F16, 14/3 0x44ab: 2.333984375 and 4.66796875. */
	{1, 3, 3,
	 {0, 3, 0, 0xab, 0x40, 0xab, 0x44, 0x7b, 0x80, 0x02}, 10,
	 {7.001953125f, -2.333984375f, 2.333984375f, 0, 0, -14.00390625f}},
};

START_TEST(the_payload_is_as_the_law_has_it)
{
	float ones[] = {1, 1, 1};
	struct sens sens = {.axis = by_hand[_i].axis,
			    .n_in = by_hand[_i].axis ? 3 : 2, .diag = ones};
	struct codec_settings set = rtn_settings(by_hand[_i].bits,
						 by_hand[_i].group);
	struct sample s = blank_sample(DTYPE_F32, 2, 3);
	struct codec_stats stats = {0};
	struct buf out = {0};
	bool declined;

	weights_narrow(DTYPE_F32, hand, 6, s.raw);
	ck_assert_int_eq(codec_rtn.encode(&plain_env, &s.slab, &set, &sens,
					  s.raw, &out, &stats, &declined,
					  &err), HVQZ_OK);
	ck_assert(!declined);
	ck_assert_uint_eq(out.len, by_hand[_i].len);
	ck_assert_mem_eq(out.p, by_hand[_i].payload, out.len);
	ck_assert_int_eq(codec_rtn.decode(&plain_env, &s.slab, out.p, out.len,
					  s.back, &err), HVQZ_OK);
	for (size_t e = 0; e < 6; e++)
		ck_assert(get_lef32(s.back + 4 * e) == by_hand[_i].back[e]);
	buf_free(&out);
	free_sample(&s);
}
END_TEST

/* ---- sensitivities ---- */

START_TEST(feedback_makes_use_of_correlations)
{
	enum { ROWS_ = 200, COLS_ = 150 };
	struct codec_settings set = rtn_settings(3, 64);

	for (unsigned axis = 0; axis < 2; axis++) {
		struct sample s = make_sample(DTYPE_F32, ROWS_, COLS_, 15);
		size_t n = axis ? COLS_ : ROWS_;
		float *h = must(malloc(n * n * sizeof(*h)));
		double error[2];
		struct known k;

		know(&k, FULL, axis, &s, 16);
		ck_assert_int_eq(sens_load_full(&k.sens, h, &err), HVQZ_OK);
		for (int full = 0; full < 2; full++) {
			ck_assert(!trip(&s, &set, &k.sens,
					full ? &k.factor : NULL).declined);
			error[full] = weighted_error(&s, axis, h, NULL);
		}
		if (getenv("HVQZ_FIGURES"))
			printf("feedback: %.2f dB gained\n",
			       10 * log10(error[0] / error[1]));
		ck_assert_double_lt(error[1], 0.5 * error[0]);
		free(h);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* The weighted error, with the damped Hessian less its damping's share. */
START_TEST(the_loss_is_the_weighted_error)
{
	static const enum knowledge how[] = {CURVED, ROWS, FULL_ROWS};

	for (unsigned i = 0; i < 6; i++) {
		unsigned axis = i % 2;
		struct sample s = make_sample(DTYPE_F32, 96, 130, 16);
		struct codec_settings set = rtn_settings(4, 50);
		size_t n = axis ? 130 : 96, n_units = axis ? 96 : 130;
		float *h = must(calloc(n * n, sizeof(*h)));
		float *g = must(malloc(n_units * sizeof(*g)));
		struct known k;
		struct trip t;
		double want;

		know(&k, how[i / 2], axis, &s, 17);
		if (how[i / 2] == FULL_ROWS)
			ck_assert_int_eq(sens_load_full(&k.sens, h, &err),
					 HVQZ_OK);
		for (size_t j = 0; j < n; j++)
			h[j * n + j] = k.sens.diag[j] * (1 + k.factor.damping);
		for (size_t u = 0; u < n_units; u++)
			g[u] = k.sens.row_sens ? k.sens.row_sens[u]
					       : k.sens.curvature;
		t = trip(&s, &set, &k.sens, k.factor.m ? &k.factor : NULL);
		want = TRELLIS_LOSS * weighted_error(&s, axis, h, g) *
		       (double)k.factor.real;
		ck_assert_double_lt(fabs(t.stats.loss / want - 1), 0.01);
		free(g);
		free(h);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* A chunk of the inputs alone: no feedback, but its own part of l and g. */
START_TEST(a_part_of_a_tensor_finds_its_place)
{
	struct codec_settings set = rtn_settings(4, 0);

	for (unsigned axis = 0; axis < 2; axis++) {
		struct sample whole = make_sample(DTYPE_F32, 60, 50, 18);
		struct sample part = whole;
		double loss[2], all;
		struct known k;

		know(&k, ROWS, axis, &whole, 19);
		/* Scales must not depend on where a column is cut. */
		for (size_t i = 0; i < 60; i += 30)
			for (size_t j = 0; j < 50; j++)
				put_lef32(whole.raw + 4 * (i * 50 + j), 1);
		all = trip(&whole, &set, &k.sens, &k.factor).stats.loss;
		part.slab.n_rows = 30;
		part.slab.raw_len /= 2;
		loss[0] = trip(&part, &set, &k.sens, &k.factor).stats.loss;
		part.slab.first_row = 30;
		part.raw += part.slab.raw_len;
		loss[1] = trip(&part, &set, &k.sens, NULL).stats.loss;
		ck_assert_double_gt(all, 0);
		ck_assert_double_lt(fabs((loss[0] + loss[1]) / all - 1), 1e-5);
		forget(&k);
		free_sample(&whole);
	}
}
END_TEST

START_TEST(extreme_sensitivities_do_no_harm)
{
	static const float size[] = {1e-37f, 1e-20f, 1, 1e20f, 1e37f};

	for (size_t i = 0; i < 25; i++) {
		struct codec_settings set = rtn_settings(2, 0);
		struct sample s = make_sample(DTYPE_F32, 64, 80, 12);
		struct known k;
		struct trip t;
		float *w;

		know(&k, FULL_ROWS, 1, &s, 13);
		for (size_t j = 0; j < 80 * 80; j += 3)
			k.factor.m[j] *= size[i % 5];
		for (size_t j = 0; j < 64; j += 3)
			k.sens.row_sens[j] *= size[i / 5];
		t = trip(&s, &set, &k.sens, &k.factor);
		w = sample_weights(&s, s.back);
		for (size_t e = 0; e < sample_elems(&s); e++)
			ck_assert(t.declined || isfinite(w[e]));
		free(w);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* ---- payloads that must be refused ---- */

static enum hvqz_ret decode(const struct slab *slab, const uint8_t *p,
			    size_t len, uint8_t *raw)
{
	err.msg[0] = 0;
	return codec_rtn.decode(&plain_env, slab, p, len, raw, &err);
}

START_TEST(bad_payloads_are_refused)
{
	struct made m;
	uint8_t *copy, raw[4 * N];
	enum hvqz_ret ret;

	make(&m);
	bad[_i].damage(&m);
	/* In a place of its own, where reading past it is seen. */
	copy = must(malloc(m.out.len));
	memcpy(copy, m.out.p, m.out.len);
	ret = decode(&m.slab, copy, m.out.len, raw);
	ck_assert_msg(ret == bad[_i].ret && strstr(err.msg, bad[_i].word),
		      "%s: %d, \"%s\"", bad[_i].name, ret, err.msg);
	free(copy);
	buf_free(&m.out);
}
END_TEST

START_TEST(cut_payloads_are_refused)
{
	struct made m;
	uint8_t raw[4 * N];

	make(&m);
	for (size_t len = 0; len < m.out.len; len++) {
		uint8_t *copy = must(malloc(len + 1));

		memcpy(copy, m.out.p, len);
		ck_assert_int_eq(decode(&m.slab, copy, len, raw),
				 HVQZ_DAMAGED);
		ck_assert_uint_gt(strlen(err.msg), 10);
		free(copy);
	}
	buf_free(&m.out);
}
END_TEST

/* An error with a sentence, or finite weights. */
START_TEST(any_flipped_bits_do_no_harm)
{
	struct made m;
	uint8_t raw[4 * N];

	make(&m);
	for (size_t a = 0; a < 8 * m.out.len; a++)
		for (size_t b = a; b < 8 * m.out.len; b++) {
			enum hvqz_ret ret;

			m.out.p[a / 8] ^= (uint8_t)(1u << a % 8);
			m.out.p[b / 8] ^= (uint8_t)(b > a) << b % 8;
			ret = decode(&m.slab, m.out.p, m.out.len, raw);
			if (ret != HVQZ_OK)
				ck_assert_uint_gt(strlen(err.msg), 10);
			for (size_t e = 0; ret == HVQZ_OK && e < N; e++)
				if (!isfinite(get_lef32(raw + 4 * e)))
					ck_abort_msg("not finite");
			m.out.p[a / 8] ^= (uint8_t)(1u << a % 8);
			m.out.p[b / 8] ^= (uint8_t)(b > a) << b % 8;
		}
	buf_free(&m.out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rtn");
	TCase *trips = tcase_create("trips");
	TCase *damage = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_loop_test(trips, round_trips, 0, 6);
	tcase_add_test(trips, units_are_rows_by_default);
	tcase_add_test(trips, tiny_and_huge_weights_come_back_or_are_declined);
	tcase_add_test(trips, tiny_rows_err_by_half_a_step);
	tcase_add_test(trips, all_zero_stays_zero);
	tcase_add_test(trips, nan_and_infinity_are_declined);
	tcase_add_loop_test(trips, the_payload_is_as_the_law_has_it, 0,
			    sizeof(by_hand) / sizeof(*by_hand));
	tcase_add_test(trips, feedback_makes_use_of_correlations);
	tcase_add_test(trips, the_loss_is_the_weighted_error);
	tcase_add_test(trips, a_part_of_a_tensor_finds_its_place);
	tcase_add_test(trips, extreme_sensitivities_do_no_harm);
	tcase_set_timeout(trips, 300);
	suite_add_tcase(s, trips);
	tcase_add_loop_test(damage, bad_payloads_are_refused, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(damage, cut_payloads_are_refused);
	tcase_add_test(damage, any_flipped_bits_do_no_harm);
	tcase_set_timeout(damage, 300);
	suite_add_tcase(s, damage);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
