/*
 * check_trellis_codec.c - codec 3, slab by slab: what comes back, how far it
 * is from the bound, odd weights.
 */
#include "codec/sparse.h"
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"
#include "tests/trellis_case.h"

/* ---- round trips ---- */

static int falling(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x < y) - (x > y);
}

/* Where all steps are equal the largest weights are exact to 16 bits. */
static void expect_exact_outliers(const struct sample *s, double rho)
{
	size_t n = sample_elems(s), n_out = decouple_count(n, rho);
	enum half_kind kind = s->slab.dtype == DTYPE_BF16 ? HALF_BF16
							  : HALF_F16;
	float *w = sample_weights(s, s->raw), *back, *size;

	if (!n_out) {
		free(w);
		return;
	}
	back = sample_weights(s, s->back);
	size = malloc(n * sizeof(*size));
	for (size_t i = 0; i < n; i++)
		size[i] = fabsf(w[i]);
	qsort(size, n, sizeof(*size), falling);
	for (size_t i = 0; i < n; i++)
		if (n_out == n || fabsf(w[i]) > size[n_out])
			ck_assert(back[i] == f32_from_half(
				kind, half_from_f32(kind, w[i])));
	free(w);
	free(back);
	free(size);
}

/* All kinds of slab, sidecar and type; effort and outliers by chance. */
START_TEST(round_trips)
{
	static const uint32_t shape[][2] = {
		{1, 4096}, {4096, 1},  {64, 64},   {65, 127},
		{33, 1000}, {2, 5000}, {1024, 96}, {100, 257},
	};
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const double rho[] = {0, 1e-4, 0.01};
	struct rng rng = {(uint64_t)_i + 1};
	/* Every second type where there are many weights. */
	bool many = shape[_i][0] * shape[_i][1] > 90000;

	for (unsigned how = 0; how < N_KNOWLEDGE; how++)
		for (unsigned v = many && how % 2; v < 6; v += 1 + many) {
			struct sample s = make_sample(
				dtypes[v % 3], shape[_i][0], shape[_i][1], v);
			unsigned axis = v / 3, r = (unsigned)rng_below(&rng, 3);
			struct codec_settings set = trellis_settings(
				1 + (int)rng_below(&rng, 9), 0.005, rho[r]);
			struct known k;
			struct trip t;

			if (how >= FULL && shape[_i][axis] > 257) {
				free_sample(&s);
				continue;
			}
			know(&k, how, axis, &s, how);
			t = trip(&s, &set, known_sens(&k), known_factor(&k));
			ck_assert(!t.declined && !t.stats.nonfinite);
			ck_assert_double_lt(t.stats.noise,
					    (how < DIAGONAL ? 0.11 : 1) *
						    t.stats.signal);
			ck_assert((t.stats.loss > 0) ==
				  (how == CURVED || how == ROWS ||
				   how == FULL_ROWS));
			if (how == NOTHING)
				expect_exact_outliers(&s, rho[r]);
			forget(&k);
			free_sample(&s);
		}
}
END_TEST

/* More states are never much worse, and 256 clearly better than 4. */
START_TEST(every_effort_works)
{
	struct sample s = make_sample(DTYPE_F32, 256, 256, 5);
	double last = INFINITY, first = 0, cost = 0;

	for (int effort = 1; effort <= 9; effort++) {
		struct codec_settings set = trellis_settings(effort, 0.008,
							     1e-4);
		struct trip t = trip(&s, &set, NULL, NULL);

		/* Bits a weight at equal noise, up to a constant. */
		cost = 8.0 * (double)t.len / 65536 +
		       0.5 * log2(t.stats.noise);
		if (effort == 1)
			first = cost;
		ck_assert_double_lt(cost, last + 0.002);
		last = cost;
	}
	ck_assert_double_lt(cost, first - 0.04);
	free_sample(&s);
}
END_TEST

START_TEST(the_same_slab_gives_the_same_bytes)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};

	for (unsigned how = 0; how < N_KNOWLEDGE; how++) {
		struct sample s = make_sample(DTYPE_BF16, 90, 120, 6);
		struct codec_settings set = trellis_settings(5, 0.008, 0.001);
		struct buf first = {0}, again = {0};
		struct codec_stats a = {0}, b = {0};
		struct codec_env env = plain_env;
		struct known k;
		bool declined;

		know(&k, how, 1, &s, 7);
		env.factor = known_factor(&k);
		ck_assert_int_eq(codec_trellis.encode(
			&env, &s.slab, &set, known_sens(&k), s.raw, &first, &a,
			&declined, &err), HVQZ_OK);
		for (size_t n = 0; n < 3; n++) {
			env.kern = kernels_named(names[n]);
			if (!env.kern)
				continue;
			buf_clear(&again);
			ck_assert_int_eq(codec_trellis.encode(
				&env, &s.slab, &set, known_sens(&k), s.raw,
				&again, &b, &declined, &err), HVQZ_OK);
			ck_assert_uint_eq(again.len, first.len);
			ck_assert_mem_eq(again.p, first.p, first.len);
			ck_assert(a.noise == b.noise && a.loss == b.loss);
		}
		buf_free(&first);
		buf_free(&again);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* ---- odd weights ---- */

/* No point is zero: what is to stay zero has none. */
START_TEST(zero_rows_and_columns_stay_zero)
{
	enum { N_ROWS = 100, N_COLS = 257 };

	for (unsigned how = 0; how < N_KNOWLEDGE; how++)
		for (unsigned axis = 0; axis < 2; axis++) {
			struct codec_settings set = trellis_settings(
				5, 0.005, how % 2 ? 0.001 : 0);
			struct sample s = make_sample(DTYPE_F32, N_ROWS,
						      N_COLS, 8);
			struct known k;

			for (size_t i = 0; i < N_ROWS * N_COLS; i++)
				if (i / N_COLS % 7 == 3 || i % N_COLS % 5 == 1)
					put_lef32(s.raw + 4 * i, 0);
			know(&k, how, axis, &s, 9);
			ck_assert(!trip(&s, &set, known_sens(&k),
					known_factor(&k)).declined);
			for (size_t i = 0; i < N_ROWS * N_COLS; i++) {
				bool row = i / N_COLS % 7 == 3;
				bool col = i % N_COLS % 5 == 1;

				/* Others' errors may move a zero input. */
				if (how >= FULL && !(axis ? row : col))
					continue;
				if (row || col)
					ck_assert_uint_eq(
						get_le32(s.back + 4 * i), 0);
			}
			forget(&k);
			free_sample(&s);
		}
}
END_TEST

/* Declined, or restored well enough and finite. */
static void expect_good_or_none(struct sample *s, const char *what)
{
	static const double rho[] = {0, 0.001, 0.02};

	for (size_t i = 0; i < 3; i++)
		for (int effort = 1; effort <= 8; effort += 7) {
			struct codec_settings set = trellis_settings(
				effort, 0.002, rho[i]);
			struct trip t = trip(s, &set, NULL, NULL);
			float *w;

			ck_assert(!t.stats.nonfinite);
			if (t.declined)
				continue;
			ck_assert_msg(t.stats.noise <= 0.15 * t.stats.signal,
				      "%s: noise %g of %g", what,
				      t.stats.noise, t.stats.signal);
			w = sample_weights(s, s->back);
			for (size_t e = 0; e < sample_elems(s); e++)
				ck_assert(isfinite(w[e]));
			free(w);
		}
}

/* Whatever the type makes of the numbers. */
static void try_weights(const float *w, const char *what)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};

	for (size_t d = 0; d < 3; d++) {
		struct sample s = blank_sample(dtypes[d], 64, 64);

		weights_narrow(dtypes[d], w, 64 * 64, s.raw);
		expect_good_or_none(&s, what);
		free_sample(&s);
	}
}

START_TEST(odd_weights_come_back)
{
	enum { N = 64 * 64 };
	static float w[N];
	struct rng rng = {10};

	try_weights(w, "all zero");
	for (size_t i = 0; i < N; i++)
		w[i] = 0.25f;
	try_weights(w, "constant");
	for (size_t i = 0; i < N; i++)
		w[i] = 1e-40f * normal(&rng);
	try_weights(w, "subnormal");
	for (size_t i = 0; i < N; i++)
		w[i] = i % 64 < 3 ? normal(&rng) : 1e-40f * normal(&rng);
	try_weights(w, "mostly subnormal");
	for (size_t i = 0; i < N; i++)
		w[i] = ldexpf((float)rng_below(&rng, 6), -24);
	try_weights(w, "F16's subnormal");
	for (size_t i = 0; i < N; i++)
		w[i] = ldexpf(normal(&rng), (int)(i / 64) - 56);
	try_weights(w, "rows of every size");
	for (size_t i = 0; i < N; i++)
		w[i] = ldexpf(normal(&rng), (int)(i % 64) - 56);
	try_weights(w, "columns of every size");
	memset(w, 0, sizeof(w));
	w[5] = 1;
	try_weights(w, "a single one");
}
END_TEST

/* They once came back as 2^22 steps, with nothing said. */
START_TEST(weights_beyond_all_points_are_not_cut)
{
	enum { N = 64 * 64 };
	static float w[N];
	struct rng rng = {18};

	for (size_t i = 0; i < N; i++)
		w[i] = 0.02f * normal(&rng);
	w[1000] = 60000;
	try_weights(w, "one large");
	w[1000] = 1e30f;
	try_weights(w, "one huge");
	for (size_t i = 0; i < N; i++)
		w[i] = 1e30f * normal(&rng);
	try_weights(w, "huge");
}
END_TEST

/* Above BF16's largest number: once an infinity that no one would decode. */
/*
 * Two weights out of all proportion, which are outliers: the others are as near
 * as without them, and so is the loss; loop: how large.
 */
START_TEST(huge_outliers_leave_the_others_alone)
{
	static const float size[] = {0.02f, 6e4f, 1e19f, 1e25f, 3e38f};
	struct sample s = blank_sample(DTYPE_BF16, 256, 128);
	struct codec_settings set = trellis_settings(5, 0.005, 0.001);
	size_t n = sample_elems(&s);
	float *w = malloc(n * sizeof(*w)), *back;
	double noise = 0, signal = 0;
	struct rng rng = {19};
	struct known k;
	struct trip t;

	for (size_t i = 0; i < n; i++)
		w[i] = 0.02f * normal(&rng);
	w[1000] = size[_i];
	w[20000] = -size[_i];
	weights_narrow(DTYPE_BF16, w, n, s.raw);
	free(w);
	know(&k, ROWS, 1, &s, 20);
	t = trip(&s, &set, &k.sens, &k.factor);
	ck_assert(!t.declined);
	w = sample_weights(&s, s.raw);
	back = sample_weights(&s, s.back);
	for (size_t i = 0; i < n; i++) {
		double d = (double)w[i] - (double)back[i];

		if (i == 1000 || i == 20000)
			continue;
		noise += d * d;
		signal += (double)w[i] * (double)w[i];
	}
	ck_assert_double_lt(noise, 0.1 * signal);
	/* 256 · 128 · 0.27 · 0.005² · TRELLIS_LOSS */
	ck_assert_double_gt(t.stats.loss, 0.10);
	ck_assert_double_lt(t.stats.loss, 0.17);
	free(w);
	free(back);
	forget(&k);
	free_sample(&s);
}
END_TEST

START_TEST(the_largest_floats_are_no_infinite_outliers)
{
	struct codec_settings set = trellis_settings(5, 0.002, 0.001);
	struct sample s = make_sample(DTYPE_F32, 64, 64, 20);
	struct trip t;

	put_lef32(s.raw + 4 * 77, -3.4e38f);
	t = trip(&s, &set, NULL, NULL);
	ck_assert(t.declined || t.stats.noise < 1e-4 * t.stats.signal);
	free_sample(&s);
}
END_TEST

/* Below F16's range: the largest weights once came back as zeros. */
START_TEST(small_outliers_are_not_lost)
{
	enum { N = 64 * 64 };
	static float w[N];
	struct rng rng = {19};

	for (size_t i = 0; i < N; i++)
		w[i] = 1e-30f * normal(&rng);
	try_weights(w, "tiny");
}
END_TEST

START_TEST(nan_and_infinity_are_declined)
{
	static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00001,
				       0xffffffff};

	for (size_t i = 0; i < 4; i++) {
		struct codec_settings set = trellis_settings(5, 0.005, 0.01);
		struct sample s = make_sample(DTYPE_F32, 64, 64, 11);
		struct trip t;

		put_le32(s.raw + 4 * 1000, odd[i]);
		t = trip(&s, &set, NULL, NULL);
		ck_assert(t.declined && t.stats.nonfinite);
		free_sample(&s);
	}
}
END_TEST

/* Sensitivities of any size: no crash, and weights come back. */
START_TEST(extreme_sensitivities_do_no_harm)
{
	static const double size[] = {1e-37, 1e-20, 1, 1e20, 1e37};

	for (size_t i = 0; i < 25; i++) {
		struct sample s = make_sample(DTYPE_F32, 64, 80, 12);
		struct codec_settings set = trellis_settings(5, 0.005, 0.001);
		struct known k;
		struct trip t;
		float *w;

		know(&k, ROWS, 1, &s, 13);
		for (size_t j = 0; j < 80; j += 3)
			k.sens.diag[j] *= (float)size[i % 5];
		for (size_t j = 0; j < 64; j += 3)
			k.sens.row_sens[j] *= (float)size[i / 5];
		factor_free(&k.factor);
		ck_assert_int_eq(factor_make(&k.sens, &k.factor, &err),
				 HVQZ_OK);
		t = trip(&s, &set, &k.sens, &k.factor);
		w = sample_weights(&s, s.back);
		for (size_t e = 0; e < sample_elems(&s); e++)
			ck_assert(t.declined || isfinite(w[e]));
		ck_assert(isfinite(t.stats.loss) && t.stats.loss >= 0);
		free(w);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* ---- figures ---- */

enum { G_ROWS = 512, G_COLS = 1024 };

static struct sample make_shape(bool laplace, uint64_t seed)
{
	struct sample s = blank_sample(DTYPE_F32, G_ROWS, G_COLS);
	struct rng rng = {seed};

	for (size_t i = 0; i < G_ROWS * G_COLS; i++)
		put_lef32(s.raw + 4 * i,
			  (float)(0.02 * (laplace ? laplacian(&rng)
						  : gaussian(&rng))));
	return s;
}

/*
 * Bits a weight above the rate-distortion function; for a Laplacian above
 * Shannon's lower bound, log2(2e·b) − ½·log2(2πe·D). Everything counted.
 */
START_TEST(the_bound_is_near)
{
	static const struct {
		bool laplace;
		int effort;
		double step, most;
	} v[] = {
		{false, 5, 0.25, 0.085},
		{false, 9, 0.25, 0.045},
		{true, 5, 0.23, 0.088},
		{true, 9, 0.23, 0.048},
	};
	struct sample s = make_shape(v[_i].laplace, 14);
	struct codec_settings set = trellis_settings(
		v[_i].effort, 0.02 * v[_i].step, 1e-4);
	double n = (double)sample_elems(&s), rate, bound;
	struct trip t = trip(&s, &set, NULL, NULL);

	rate = 8.0 * (double)t.len / n;
	bound = 0.5 * log2(t.stats.signal / t.stats.noise);
	/* b = σ/√2 */
	if (v[_i].laplace)
		bound += log2(2 * exp(1) / sqrt(2)) -
			 0.5 * log2(2 * 3.141592653589793 * exp(1));
	if (getenv("HVQZ_FIGURES"))
		printf("%s -%d: %.4f bpp, %.4f above the bound\n",
		       v[_i].laplace ? "Laplacian" : "Gaussian", v[_i].effort,
		       rate, rate - bound);
	ck_assert_double_lt(fabs(rate - 3), 0.15);
	ck_assert_double_lt(rate - bound, v[_i].most);
	free_sample(&s);
}
END_TEST

START_TEST(feedback_makes_use_of_correlations)
{
	enum { ROWS_ = 512, COLS_ = 256 };
	struct codec_settings set = trellis_settings(5, 0.005, 0);
	struct sample s = blank_sample(DTYPE_F32, ROWS_, COLS_);
	struct rng rng = {15};
	float *h = correlated(&rng, COLS_, 0.9, 0);
	struct sens diagonal;
	struct sense_case c;
	struct factor f;
	double error[2], rate[2], gain;

	for (size_t i = 0; i < ROWS_ * COLS_; i++)
		put_lef32(s.raw + 4 * i, (float)(0.02 * gaussian(&rng)));
	case_open(&c, h, NULL, COLS_);
	diagonal = *c.s;
	diagonal.has_full = false;
	for (int full = 0; full < 2; full++) {
		const struct sens *sens = full ? c.s : &diagonal;
		struct trip t;

		ck_assert_int_eq(factor_make(sens, &f, &err), HVQZ_OK);
		ck_assert_int_eq(f.m != NULL, full);
		t = trip(&s, &set, sens, &f);
		error[full] = weighted_error(&s, 1, h, NULL);
		rate[full] = 8.0 * (double)t.len / (double)sample_elems(&s);
		factor_free(&f);
	}
	/* At equal rate: a bit is 6.02 dB. */
	gain = 10 * log10(error[0] / error[1]) + 6.02 * (rate[0] - rate[1]);
	if (getenv("HVQZ_FIGURES"))
		printf("feedback: %.3f and %.3f bpp, %.2f dB gained\n",
		       rate[0], rate[1], gain);
	ck_assert_double_gt(gain, 6.5);
	case_close(&c);
	free(h);
	free_sample(&s);
}
END_TEST

/*
 * The estimate is the weighted error with the damped Hessian less what damping
 * adds to it, and so about that with the Hessian itself.
 */
START_TEST(the_loss_is_the_weighted_error)
{
	static const enum knowledge how[] = {CURVED, ROWS, FULL_ROWS};

	for (unsigned i = 0; i < 6; i++) {
		unsigned axis = i % 2;
		struct sample s = make_sample(DTYPE_F32, 96, 130, 16);
		struct codec_settings set = trellis_settings(5, 0.005, 0);
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
			h[j * n + j] = k.sens.diag[j] *
				       (1 + k.factor.damping);
		for (size_t u = 0; u < n_units; u++)
			g[u] = k.sens.row_sens ? k.sens.row_sens[u]
					       : k.sens.curvature;
		t = trip(&s, &set, &k.sens, &k.factor);
		want = TRELLIS_LOSS * weighted_error(&s, axis, h, g) *
		       (double)k.factor.real;
		ck_assert_double_lt(fabs(t.stats.loss / want - 1), 0.01);
		for (size_t j = 0; j < n; j++)
			h[j * n + j] = k.sens.diag[j];
		want = TRELLIS_LOSS * weighted_error(&s, axis, h, g);
		ck_assert_double_lt(fabs(t.stats.loss / want - 1), 0.1);
		forget(&k);
		free(g);
		free(h);
		free_sample(&s);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trellis codec");
	TCase *t = tcase_create("slabs");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_loop_test(t, round_trips, 0, 8);
	tcase_add_test(t, every_effort_works);
	tcase_add_test(t, the_same_slab_gives_the_same_bytes);
	tcase_add_test(t, zero_rows_and_columns_stay_zero);
	tcase_add_test(t, odd_weights_come_back);
	tcase_add_test(t, weights_beyond_all_points_are_not_cut);
	tcase_add_loop_test(t, huge_outliers_leave_the_others_alone, 0, 5);
	tcase_add_test(t, the_largest_floats_are_no_infinite_outliers);
	tcase_add_test(t, small_outliers_are_not_lost);
	tcase_add_test(t, nan_and_infinity_are_declined);
	tcase_add_test(t, extreme_sensitivities_do_no_harm);
	tcase_add_loop_test(t, the_bound_is_near, 0, 4);
	tcase_add_test(t, feedback_makes_use_of_correlations);
	tcase_add_test(t, the_loss_is_the_weighted_error);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
