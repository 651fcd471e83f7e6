/*
 * check_conditioned.c - codec 5, slab by slab: what comes back with every body,
 * its outliers, when it declines, that it never loses, and how long a small
 * payload may take (H12).
 */
#include "base/bytes.h"
#include "codec/conditioned.h"
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"
#include "tests/known_case.h"

#include <time.h>

static const struct kernels *kern;

enum body { RTN, RTN_GROUPS, FAITHFUL, COMPACT, TRELLIS, BODIES };

/* Settings of a body; α NAN: the best. */
static struct codec_settings settings(enum body body, enum condition condition,
				      double alpha)
{
	struct codec_settings set = {
		.codec = CODEC_HASVQ, .effort = 1, .centroids = 16, .block = 4,
		.outliers = 0.015, .bits = 4, .quality = NAN, .step = 0.01,
		/* For g around 1 and h around 1. */
		.step_sens = 0.01, .condition = condition, .alpha = alpha,
	};

	if (body <= RTN_GROUPS)
		set.codec = CODEC_RTN;
	set.group = body == RTN_GROUPS ? 16 : 0;
	set.faithful = body == FAITHFUL;
	if (body == TRELLIS)
		set.codec = CODEC_TRELLIS;
	return set;
}

/* There and back by codec_encode(). */
struct went {
	unsigned codec;
	struct buf out;
	struct codec_stats stats;
};

static struct went go(struct sample *s, const struct codec_settings *set,
		      const struct sens *sens, const struct factor *factor)
{
	struct codec_env env = {.kern = kern, .factor = factor};
	const struct codec *used;
	struct went t = {0};
	double noise, signal;

	ck_assert_msg(codec_encode(&env, &s->slab, set, sens, s->raw, &t.out,
				   &used, &t.stats, &err) == HVQZ_OK, "%s",
		      err.msg);
	/* The decoder has no sidecar. */
	env.factor = NULL;
	memset(s->back, 0x5a, s->slab.raw_len);
	ck_assert_msg(used->decode(&env, &s->slab, t.out.p, t.out.len,
				   s->back, &err) == HVQZ_OK, "%s", err.msg);
	weights_error(&kernels_generic, s->slab.dtype, s->raw, s->back, sample_elems(s), &noise,
		      &signal);
	ck_assert(used->lossless || noise == t.stats.noise);
	ck_assert(used->lossless || signal == t.stats.signal);
	ck_assert(!used->lossless || noise == 0 || t.stats.nonfinite);
	t.codec = used->id;
	return t;
}

static void expect_outliers(const struct sample *s, const struct went *t,
			    const struct codec_settings *set)
{
	size_t elem = dtype_bits(s->slab.dtype) / 8, n = sample_elems(s);
	struct conditioned q;

	ck_assert_int_eq(conditioned_get(&q, &s->slab, t->out.p, t->out.len,
					 false, &err), HVQZ_OK);
	ck_assert_uint_eq(q.body->id, set->codec);
	ck_assert_uint_eq(q.sparse.n, set->codec == CODEC_RTN ? 0 :
			  decouple_count(n, set->outliers));
	ck_assert(q.plain == (set->codec == CODEC_HASVQ && set->faithful));
	if (set->condition == CONDITION_SMOOTH)
		ck_assert(!q.cond.log_block && !q.cond.seeded &&
			  !q.cond.levels);
	if (!isnan(set->alpha))
		ck_assert_uint_eq(q.cond.alpha,
				  (unsigned)(100 * set->alpha + 0.5));
	for (uint32_t o = 0; o < q.sparse.n; o++) {
		const uint8_t *was = s->raw + q.sparse.pos[o] * elem;
		const uint8_t *is = s->back + q.sparse.pos[o] * elem;

		/* F32 ones are kept as 16 bits. */
		if (elem == 2)
			ck_assert_mem_eq(was, is, elem);
		else
			ck_assert_double_lt(fabs((double)get_lef32(is) /
						 (double)get_lef32(was) - 1),
					    0x1p-8);
	}
	conditioned_free(&q);
}

/* ---- round trips ---- */

/* Every body, condition, α, type, axis, and kind of knowledge. */
START_TEST(round_trips)
{
	static const double alpha[] = {NAN, 0, 0.5, 1};
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const enum knowledge how[] = {NOTHING, DIAGONAL, ROWS,
					     FULL_ROWS};
	enum body body = (enum body)_i;

	for (unsigned v = 0; v < 2 * 4 * 3 * 2 * 4; v++) {
		struct codec_settings set = settings(
			body, v % 2 ? CONDITION_HERO : CONDITION_SMOOTH,
			alpha[v / 2 % 4]);
		unsigned axis = v / 24 % 2;
		struct sample s = make_sample(dtypes[v / 8 % 3], 24, 32, v);
		struct known k;
		struct went t, again;

		know(&k, how[v / 48], axis, &s, v);
		t = go(&s, &set, known_sens(&k), known_factor(&k));
		if (v % 5 == 0) {
			again = go(&s, &set, known_sens(&k), known_factor(&k));
			ck_assert_uint_eq(t.out.len, again.out.len);
			ck_assert_mem_eq(t.out.p, again.out.p, t.out.len);
			buf_free(&again.out);
		}
		/* As was asked for, always. */
		if (!isnan(set.alpha))
			ck_assert_uint_eq(t.codec, CODEC_CONDITIONED);
		if (t.codec == CODEC_CONDITIONED)
			expect_outliers(&s, &t, &set);
		ck_assert_double_lt(t.stats.noise, t.stats.signal);
		/* Codec 2 alone says nothing of it. */
		if (t.codec == CODEC_CONDITIONED)
			ck_assert((t.stats.loss > 0) ==
				  (k.sens.row_sens != NULL));
		buf_free(&t.out);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* Widths that have no block, one row, one column, one weight. */
START_TEST(any_shape)
{
	static const uint32_t shape[][2] = {
		{1, 256}, {256, 1}, {1, 1}, {17, 31}, {3, 130}, {66, 7},
	};
	struct codec_env env = {.kern = kern};

	for (unsigned v = 0; v < 6 * BODIES * 2 * 2; v++) {
		struct codec_settings set = settings(
			(enum body)(v / 6 % BODIES), CONDITION_HERO,
			v / 30 % 2 ? 0.5 : NAN);
		unsigned axis = v / 60;
		struct sample s = make_sample(DTYPE_F32, shape[v % 6][0],
					      shape[v % 6][1], v);
		struct buf out = {0};
		struct codec_stats stats = {0};
		struct known k;
		bool declined;

		know(&k, ROWS, axis, &s, v);
		ck_assert_msg(codec_conditioned.encode(
				      &env, &s.slab, &set, &k.sens, s.raw,
				      &out, &stats, &declined, &err) ==
				      HVQZ_OK, "%s", err.msg);
		if (!declined) {
			double noise, signal;

			ck_assert_int_eq(codec_conditioned.decode(
						 &env, &s.slab, out.p, out.len,
						 s.back, &err), HVQZ_OK);
			weights_error(&kernels_generic, s.slab.dtype, s.raw, s.back,
				      sample_elems(&s), &noise, &signal);
			ck_assert(noise == stats.noise);
			ck_assert_double_le(noise, signal);
		}
		buf_free(&out);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* A chunk of a tensor whose inputs are its rows finds its part of h. */
START_TEST(a_part_of_a_tensor_finds_its_place)
{
	for (unsigned v = 0; v < 2 * BODIES; v++) {
		struct codec_settings set = settings((enum body)(v / 2),
						     CONDITION_SMOOTH, 1);
		unsigned axis = v % 2;
		struct sample whole = make_sample(DTYPE_F32, 64, 50, 18);
		struct sample part = whole;
		struct codec_stats parts[2];
		struct conditioned q;
		struct known k;
		struct went t;

		know(&k, ROWS, axis, &whole, 19);
		/* The second half's inputs are all alike. */
		for (size_t j = 32; j < 64 && !axis; j++)
			k.sens.diag[j] = 3;
		factor_free(&k.factor);
		ck_assert_int_eq(factor_make(&k.sens, &k.factor, &err),
				 HVQZ_OK);
		part.slab.n_rows = 32;
		part.slab.raw_len /= 2;
		for (int i = 0; i < 2; i++) {
			bool any = false;

			t = go(&part, &set, &k.sens, &k.factor);
			ck_assert_uint_eq(t.codec, CODEC_CONDITIONED);
			expect_outliers(&part, &t, &set);
			ck_assert_int_eq(conditioned_get(&q, &part.slab,
							 t.out.p, t.out.len,
							 false, &err),
					 HVQZ_OK);
			ck_assert_uint_eq(q.cond.n, axis ? 50 : 32);
			for (size_t j = 0; j < q.cond.n; j++)
				any |= q.cond.code[j] != 0;
			ck_assert(any == (axis || !i));
			conditioned_free(&q);
			buf_free(&t.out);
			parts[i] = t.stats;
			part.slab.first_row = 32;
			part.raw += part.slab.raw_len;
		}
		ck_assert_double_gt(parts[0].loss, 0);
		ck_assert_double_gt(parts[1].loss, 0);
		/* With rows as units, and S the same, nothing depends on it. */
		t = go(&whole, &set, &k.sens, &k.factor);
		if (axis && v / 2 <= RTN_GROUPS)
			ck_assert_double_lt(fabs((parts[0].loss +
						  parts[1].loss) /
						 t.stats.loss - 1), 1e-5);
		buf_free(&t.out);
		forget(&k);
		free_sample(&whole);
	}
}
END_TEST

/* The loss is the weighted error, with the damped Hessian's share. */
START_TEST(the_loss_is_the_weighted_error)
{
	for (unsigned v = 0; v < 2 * 2 * BODIES; v++) {
		struct codec_settings set = settings((enum body)(v / 4),
						     CONDITION_HERO, 0.5);
		unsigned axis = v % 2;
		struct sample s = make_sample(DTYPE_F32, 48, 64, 16);
		size_t n = axis ? 64 : 48;
		float *h = must(calloc(n * n, sizeof(*h)));
		struct known k;
		struct went t;
		double want;

		know(&k, v / 2 % 2 ? FULL_ROWS : ROWS, axis, &s, 17);
		if (k.factor.m)
			ck_assert_int_eq(sens_load_full(&k.sens, h, &err),
					 HVQZ_OK);
		for (size_t j = 0; j < n; j++)
			h[j * n + j] = k.sens.diag[j] * (1 + k.factor.damping);
		t = go(&s, &set, &k.sens, &k.factor);
		want = TRELLIS_LOSS * (double)k.factor.real *
		       weighted_error(&s, axis, h, k.sens.row_sens);
		ck_assert_double_lt(fabs(t.stats.loss / want - 1), 0.01);
		buf_free(&t.out);
		free(h);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* ---- when there is nothing to gain, or to do ---- */

START_TEST(nan_and_infinity_are_declined)
{
	static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00001};

	for (unsigned v = 0; v < 3 * BODIES; v++) {
		struct codec_settings set = settings((enum body)(v / 3),
						     CONDITION_HERO,
						     v % 2 ? NAN : 0.5);
		struct sample s = make_sample(DTYPE_F32, 32, 32, 11);
		struct went t;

		put_le32(s.raw + 4 * 1000, odd[v % 3]);
		t = go(&s, &set, NULL, NULL);
		ck_assert(t.stats.nonfinite);
		ck_assert_mem_eq(s.raw, s.back, s.slab.raw_len);
		buf_free(&t.out);
		free_sample(&s);
	}
}
END_TEST

/* Zeros, one number, numbers at the end of the range. */
START_TEST(odd_weights_do_no_harm)
{
	static const float size[] = {0, 1, -3, 3e38f, 1e-30f, 1e-42f, 6e4f};

	for (unsigned v = 0; v < 7 * BODIES * 4; v++) {
		struct codec_settings set = settings(
			(enum body)(v / 7 % BODIES), CONDITION_HERO,
			v / 35 % 2 ? 1 : NAN);
		struct sample s = blank_sample(DTYPE_F32, 16, 32);
		struct rng r = {v};
		struct known k;
		struct went t;
		float *w;

		for (size_t e = 0; e < 16 * 32; e++) {
			float x = v / 70 ? (float)(2 * uniform(&r) - 1) : 1;

			put_lef32(s.raw + 4 * e, x * size[v % 7]);
		}
		know(&k, FULL_ROWS, v % 2, &s, v);
		t = go(&s, &set, &k.sens, &k.factor);
		w = sample_weights(&s, s.back);
		for (size_t e = 0; e < 16 * 32; e++)
			ck_assert(isfinite(w[e]));
		free(w);
		ck_assert(size[v % 7] != 0 || t.stats.noise == 0);
		buf_free(&t.out);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

START_TEST(extreme_sensitivities_do_no_harm)
{
	static const float size[] = {0, 1e-37f, 1e-20f, 1, 1e20f, 1e37f};

	for (unsigned v = 0; v < 6 * 6 * BODIES; v++) {
		struct codec_settings set = settings((enum body)(v / 36),
						     CONDITION_HERO,
						     v % 2 ? 1 : NAN);
		struct sample s = make_sample(DTYPE_F32, 16, 32, 12);
		struct codec_env env = {.kern = kern};
		struct known k;
		struct went t;
		float *w;

		know(&k, ROWS, v / 3 % 2, &s, 13);
		for (size_t j = 0; j < k.sens.n_in; j += 3)
			k.sens.diag[j] *= size[v % 6];
		for (size_t j = 0; j < k.sens.n_out; j += 5)
			k.sens.row_sens[j] *= size[v / 6 % 6];
		factor_free(&k.factor);
		ck_assert_int_eq(factor_make(&k.sens, &k.factor, &err),
				 HVQZ_OK);
		t = go(&s, &set, &k.sens, &k.factor);
		w = sample_weights(&s, s.back);
		for (size_t e = 0; e < sample_elems(&s); e++)
			ck_assert(isfinite(w[e]));
		if (t.codec == CODEC_CONDITIONED)
			ck_assert_int_eq(codec_conditioned.decode(
						 &env, &s.slab, t.out.p,
						 t.out.len, s.back, &err),
					 HVQZ_OK);
		free(w);
		buf_free(&t.out);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

/* ½·log₂ of the weighted error, and the bits: no worse than without. */
START_TEST(it_never_loses)
{
	static const enum knowledge how[] = {NOTHING, DIAGONAL, FULL_ROWS};

	for (unsigned v = 0; v < 3 * 2 * 2 * 2; v++) {
		bool sharp = v / 12, condition = v / 6 % 2;
		unsigned axis = v / 3 % 2;
		struct sample s = make_sample(DTYPE_F32, 64, 128, 20 + v);
		size_t n = axis ? 128 : 64;
		float *h = must(calloc(n * n, sizeof(*h))), *w;
		double score[2];
		struct known k;

		know(&k, how[v % 3], axis, &s, 21);
		w = sample_weights(&s, s.raw);
		for (size_t e = 0; e < 64 * 128 && sharp; e++) {
			size_t j = axis ? e % 128 : e / 128;

			w[e] *= j % 16 == 3 ? 0.05f : 1;
		}
		for (size_t j = 3; j < n && sharp && !k.factor.m &&
				   k.sens.diag; j += 16)
			k.sens.diag[j] *= 400;
		weights_narrow(DTYPE_F32, w, 64 * 128, s.raw);
		free(w);
		if (how[v % 3] == DIAGONAL) {
			factor_free(&k.factor);
			ck_assert_int_eq(factor_make(&k.sens, &k.factor,
						     &err), HVQZ_OK);
		}
		if (how[v % 3] == FULL_ROWS)
			ck_assert_int_eq(sens_load_full(&k.sens, h, &err),
					 HVQZ_OK);
		for (size_t j = 0; j < n; j++)
			h[j * n + j] = !k.sens.diag ? 1 :
				       k.sens.diag[j] * (1 + k.factor.damping);
		/* Without sens rows are units. */
		for (int to = 0; to < 2; to++) {
			struct codec_settings set = settings(
				(enum body)_i, !to ? CONDITION_NONE :
				condition ? CONDITION_HERO : CONDITION_SMOOTH,
				NAN);
			struct went t;

			set.centroids = 64;
			t = go(&s, &set, known_sens(&k), known_factor(&k));
			score[to] = log2(weighted_error(&s, axis, h,
							k.sens.row_sens)) / 2 +
				    8 * (double)t.out.len / (64 * 128);
			buf_free(&t.out);
		}
		ck_assert_double_le(score[1], score[0] + 1e-6);
		if (sharp && condition && how[v % 3] == DIAGONAL && _i <= 1)
			ck_assert_double_lt(score[1], score[0] - 0.2);
		free(h);
		forget(&k);
		free_sample(&s);
	}
}
END_TEST

static bool at_once(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(it_stops)
{
	struct codec_settings set = settings(RTN, CONDITION_HERO, NAN);
	struct codec_env env = {.kern = kern, .stopped = at_once};
	struct sample s = make_sample(DTYPE_F32, 64, 128, 22);
	struct codec_stats stats = {0};
	struct buf out = {0};
	bool declined;

	ck_assert_int_eq(codec_conditioned.encode(&env, &s.slab, &set, NULL,
						  s.raw, &out, &stats,
						  &declined, &err),
			 HVQZ_STOPPED);
	buf_free(&out);
	free_sample(&s);
}
END_TEST

/* ---- time ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/*
 * 32 levels cost a few bytes: where they turn nothing, time and memory stay a
 * constant times the weights, and there are no more angles than these; where
 * all turns are alike, there are too many for the bytes. Both are refused.
 */
START_TEST(time_is_bounded)
{
	static const uint32_t shape[][2] = {
		{128, 1024}, {1, 1 << 17}, {1 << 17, 1},
	};
	struct codec_settings set = {.codec = CODEC_RTN, .bits = 2};

	for (unsigned v = 0; v < 3 * 2 * 2; v++) {
		uint32_t rows = shape[v % 3][0], cols = shape[v % 3][1];
		struct sample s = blank_sample(DTYPE_F32, rows, cols);
		struct conditioned q = {.across = v / 6, .body = &codec_rtn};
		size_t n = q.across ? rows : cols;
		unsigned log = n % 1024 ? 0 : 10, levels = log ? 32 : 0;
		struct buf body = {0}, out = {0};
		struct codec_stats stats = {0};
		bool declined;
		bool turns = v / 3 % 2 && levels;
		bool few = levels && rows * cols / n < 16;
		double took;

		put_lef32(s.raw, 1);
		ck_assert_int_eq(codec_rtn.encode(&plain_env, &s.slab, &set,
						  NULL, s.raw, &body, &stats,
						  &declined, &err), HVQZ_OK);
		ck_assert_int_eq(condition_init(&q.cond, n, &err), HVQZ_OK);
		condition_rotate(&q.cond, log, log, 1);
		ck_assert_int_eq(condition_add_levels(&q.cond, levels, &err),
				 HVQZ_OK);
		for (size_t k = 0; v / 3 % 2 && k < levels * (n / 2); k++)
			q.cond.angle[k] = 100;
		q.payload = body.p;
		q.len = body.len;
		ck_assert_int_eq(conditioned_put(&q, &s.slab, &out, &err),
				 HVQZ_OK);
		ck_assert_uint_lt(out.len - body.len, 1000);
		took = seconds();
		ck_assert_int_eq(codec_conditioned.decode(
				 &plain_env, &s.slab, out.p, out.len, s.back,
				 &err),
				 turns || few ? HVQZ_DAMAGED : HVQZ_OK);
		if (few)
			ck_assert_ptr_nonnull(strstr(err.msg, "32 levels of "
						     "65536 angles for 131072 "
						     "weights"));
		else if (turns)
			ck_assert_ptr_nonnull(strstr(err.msg, "angles in"));
		took = seconds() - took;
		if (getenv("HVQZ_FIGURES"))
			printf("%u x %u%s, %u levels%s: %.0f ns a weight\n",
			       rows, cols, q.across ? " across" : "", levels,
			       v / 3 % 2 ? " of turns" : "",
			       1e9 * took / (double)sample_elems(&s));
		/* Also on a slow machine, and under a sanitizer. */
		ck_assert_double_lt(took, 10);
		conditioned_free(&q);
		buf_free(&body);
		buf_free(&out);
		free_sample(&s);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conditioned");
	TCase *t = tcase_create("trips");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	kern = kernels_select();
	tcase_add_loop_test(t, round_trips, 0, BODIES);
	tcase_add_test(t, any_shape);
	tcase_add_test(t, a_part_of_a_tensor_finds_its_place);
	tcase_add_test(t, the_loss_is_the_weighted_error);
	tcase_add_test(t, nan_and_infinity_are_declined);
	tcase_add_test(t, odd_weights_do_no_harm);
	tcase_add_test(t, extreme_sensitivities_do_no_harm);
	tcase_add_loop_test(t, it_never_loses, 0, BODIES);
	tcase_add_test(t, it_stops);
	tcase_add_test(t, time_is_bounded);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
