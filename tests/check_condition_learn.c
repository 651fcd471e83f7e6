/*
 * check_condition_learn.c - choosing coordinates: rotations that are learned
 * must pay, α must follow the weights, and a layer with a few sharp directions
 * must come out better. HVQZ_FIGURES=1 prints by how much.
 */
#include "codec/codec.h"
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "sense/condition_learn.h"
#include "tests/condition_case.h"
#include "tests/known_case.h"

static bool figures;

/* A task of its own: Gaussian w [n][units], h and g of 1. */
struct layer {
	struct condition_task task;
	float *w, *h, *g;
};

static void make_layer(struct layer *l, size_t n, size_t units, unsigned bits,
		       size_t group, uint64_t seed)
{
	struct rng r = {seed};

	l->w = must(malloc(n * units * sizeof(float)));
	l->h = must(malloc(n * sizeof(float)));
	l->g = must(malloc(units * sizeof(float)));
	for (size_t i = 0; i < n * units; i++)
		l->w[i] = (float)(0.02 * gaussian(&r));
	for (size_t j = 0; j < n; j++)
		l->h[j] = 1;
	for (size_t i = 0; i < units; i++)
		l->g[i] = 1;
	l->task = (struct condition_task){
		.n = n, .n_units = units, .w = l->w, .h = l->h, .g = l->g,
		.bits = bits, .group = group,
	};
}

static void free_layer(struct layer *l)
{
	free(l->w);
	free(l->h);
	free(l->g);
}

static void open_conditioner(struct conditioner *c, size_t n, bool seeded)
{
	ck_assert_int_eq(condition_init(c, n, &err), HVQZ_OK);
	condition_rotate(c, condition_log_block(n), seeded, 0x4865526fu);
	condition_ready(c);
}

static void learn(const struct layer *l, struct conditioner *c,
		  unsigned sweeps)
{
	ck_assert_int_eq(condition_learn(&l->task, c, sweeps, NULL, NULL,
					 &err), HVQZ_OK);
	condition_ready(c);
}

static double proxy(const struct layer *l, const struct conditioner *c)
{
	double v;

	ck_assert_int_eq(condition_proxy(&l->task, c, SIZE_MAX, &v, &err),
			 HVQZ_OK);
	return v;
}

/* What is learned: Σ g·‖v‖₈² over rows and groups. */
static double goal(const struct layer *l, const struct conditioner *c)
{
	const struct condition_task *t = &l->task;
	size_t n = t->n, w = t->n_units, group = t->group ? t->group : n;
	float *v = must(malloc(n * w * sizeof(*v)));
	double sum = 0;

	memcpy(v, t->w, n * w * sizeof(*v));
	condition_forward(c, v, w, w);
	for (size_t i = 0; i < w; i++)
		for (size_t a = 0; a < n; a += group) {
			double eighth = 0;

			for (size_t j = a; j < n && j < a + group; j++)
				eighth += pow((double)v[j * w + i], 8);
			sum += (double)t->g[i] * pow(eighth, 0.25);
		}
	free(v);
	return sum;
}

static size_t turns(const struct conditioner *c)
{
	size_t n = 0;

	for (size_t k = 0; k < c->levels * (c->n / 2); k++)
		n += c->angle[k] != 0;
	return n;
}

static size_t record_bits(const struct conditioner *c)
{
	struct buf out = {0};
	size_t n;

	ck_assert_int_eq(condition_put(c, &out, &err), HVQZ_OK);
	n = 8 * out.len;
	buf_free(&out);
	return n;
}

/* ---- learning ---- */

static const struct {
	size_t n, units;
	unsigned bits;
	size_t group;
	double gain;	/* of the rounding error, at least */
} learned[] = {
	{128, 128, 3, 0, 0.1}, {128, 128, 4, 0, 0.1}, {384, 128, 3, 0, 0.1},
	{384, 128, 4, 0, 0.1}, {256, 128, 4, 64, 0.1}, {256, 64, 3, 32, 0.1},
	{96, 100, 4, 0, 0.1},
};

START_TEST(learning_lowers_the_rounding_error)
{
	struct conditioner seeded, c, plain;
	double before, after, from_plain;
	struct layer l;

	make_layer(&l, learned[_i].n, learned[_i].units, learned[_i].bits,
		   learned[_i].group, 1);
	open_conditioner(&seeded, l.task.n, true);
	open_conditioner(&c, l.task.n, true);
	open_conditioner(&plain, l.task.n, false);
	learn(&l, &c, 4);
	learn(&l, &plain, 4);
	before = proxy(&l, &seeded);
	after = proxy(&l, &c);
	from_plain = proxy(&l, &plain);
	if (figures)
		printf("%zu x %zu, %u bits, group %zu: seeded alone %.3g, "
		       "learned %.1f %% less, learned from nothing %.1f %%; "
		       "%zu turns, %.3f bits a weight\n", l.task.n_units,
		       l.task.n, l.task.bits, l.task.group, before,
		       100 * (1 - after / before),
		       100 * (1 - from_plain / before), turns(&c),
		       (double)record_bits(&c) /
			       (double)(l.task.n * l.task.n_units));
	ck_assert_double_lt(after, (1 - learned[_i].gain) * before);
	condition_free(&seeded);
	condition_free(&c);
	condition_free(&plain);
	free_layer(&l);
}
END_TEST

/* Every angle saves what it takes: a relative gain γ is ½·log₂ 1/(1 − γ). */
START_TEST(angles_pay)
{
	static const struct {
		size_t n, units, group;
	} v[] = {{128, 4096, 0}, {64, 1024, 0}, {128, 128, 0}, {96, 16, 0},
		 {128, 64, 32}, {32, 2, 0}, {128, 1, 0}};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct conditioner before, c;
		size_t stored;
		struct layer l;
		double gain;

		make_layer(&l, v[i].n, v[i].units, 4, v[i].group, 2);
		open_conditioner(&before, v[i].n, true);
		open_conditioner(&c, v[i].n, true);
		learn(&l, &c, 2);
		gain = log2(goal(&l, &before) / goal(&l, &c)) / 2 *
		       (double)(v[i].n * v[i].units);
		stored = record_bits(&c) - record_bits(&before);
		if (figures)
			printf("%zu x %zu, group %zu: %zu turns of %zu take "
			       "%zu bits and save %.0f; error %.2f %% less\n",
			       v[i].units, v[i].n, v[i].group, turns(&c),
			       c.levels * v[i].n / 2, stored, gain,
			       100 * (1 - proxy(&l, &c) /
						  proxy(&l, &before)));
		ck_assert_double_ge(gain, 8.9 * (double)turns(&c));
		/* Saying which are turned, and the code's table, take more. */
		ck_assert_double_le((double)stored,
				    16 * (double)turns(&c) + 256);
		condition_free(&before);
		condition_free(&c);
		free_layer(&l);
	}
}
END_TEST

/* Rows of zeros, of tiny weights, of one large one: finite, and no worse. */
START_TEST(odd_rows_do_no_harm)
{
	for (unsigned v = 0; v < 6; v++) {
		struct conditioner before, c;
		struct layer l;

		make_layer(&l, 64, 32, 4, v % 2 ? 16 : 0, 3);
		for (size_t j = 0; j < 64; j++)
			for (size_t i = 0; i < 32; i += 2)
				l.w[j * 32 + i] *= v / 2 == 0   ? 0
						   : v / 2 == 1 ? 1e-20f
						   : j == i	? 1e6f
								: 1e-6f;
		open_conditioner(&before, 64, v % 4 < 2);
		open_conditioner(&c, 64, v % 4 < 2);
		learn(&l, &c, 2);
		for (size_t k = 0; k < c.levels * 32; k++)
			ck_assert_int_le(abs(c.angle[k]),
					 CONDITION_MAX_ANGLE);
		ck_assert_double_le(goal(&l, &c), 1.0001 * goal(&l, &before));
		condition_free(&before);
		condition_free(&c);
		free_layer(&l);
	}
}
END_TEST

/* The same twice, and the rows' order does not matter but for rounding. */
START_TEST(learning_is_deterministic)
{
	struct conditioner a, b;
	struct layer l;

	make_layer(&l, 128, 50, 4, 0, 4);
	open_conditioner(&a, 128, true);
	open_conditioner(&b, 128, true);
	learn(&l, &a, 2);
	learn(&l, &b, 2);
	ck_assert_uint_gt(turns(&a), 0);
	ck_assert_mem_eq(a.angle, b.angle, a.levels * 64 * sizeof(*a.angle));
	condition_free(&a);
	condition_free(&b);
	free_layer(&l);
}
END_TEST

/* What was learned before stays, and is learned on. */
START_TEST(learning_goes_on_where_it_stopped)
{
	struct conditioner c;
	struct layer l;
	int32_t *first;
	double once;

	make_layer(&l, 128, 128, 4, 0, 5);
	open_conditioner(&c, 128, true);
	learn(&l, &c, 1);
	once = goal(&l, &c);
	first = must(malloc(7 * 64 * sizeof(*first)));
	memcpy(first, c.angle, 7 * 64 * sizeof(*first));
	learn(&l, &c, 1);
	ck_assert_uint_eq(c.levels, 14);
	ck_assert_mem_eq(first, c.angle, 7 * 64 * sizeof(*first));
	ck_assert_double_lt(goal(&l, &c), once);
	free(first);
	condition_free(&c);
	free_layer(&l);
}
END_TEST

static bool at_once(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(learning_stops)
{
	struct conditioner c;
	struct layer l;

	make_layer(&l, 64, 32, 4, 0, 6);
	open_conditioner(&c, 64, true);
	ck_assert_int_eq(condition_learn(&l.task, &c, 2, at_once, NULL, &err),
			 HVQZ_STOPPED);
	condition_free(&c);
	free_layer(&l);
}
END_TEST

/* An angle takes more bits than two numbers could save. */
START_TEST(few_rows_learn_nothing)
{
	struct conditioner c;
	struct layer l;

	make_layer(&l, 64, 31, 4, 0, 6);
	open_conditioner(&c, 64, true);
	ck_assert_int_eq(condition_learn(&l.task, &c, 2, at_once, NULL, &err),
			 HVQZ_OK);
	ck_assert_uint_eq(c.levels, 0);
	condition_free(&c);
	free_layer(&l);
}
END_TEST

/* ---- α ---- */

static unsigned chosen(const struct layer *l, bool seeded)
{
	struct conditioner c;
	unsigned alpha;
	double least;

	open_conditioner(&c, l->task.n, seeded);
	ck_assert_int_eq(condition_choose_alpha(&l->task, &c, &least, &err),
			 HVQZ_OK);
	alpha = c.alpha;
	condition_free(&c);
	return alpha;
}

/* Weights as small as their inputs are large: α = 1 makes all channels one. */
START_TEST(alpha_follows_the_weights)
{
	static const unsigned bits[] = {0, 3, 4, 8};

	for (size_t v = 0; v < 8; v++) {
		unsigned sharp, even;
		struct layer l;

		make_layer(&l, 128, 64, bits[v % 4], v < 4 ? 0 : 32, 7);
		even = chosen(&l, v % 2);
		for (size_t j = 5; j < 128; j += 20) {
			l.h[j] = 1e4f;
			for (size_t i = 0; i < 64; i++)
				l.w[j * 64 + i] *= 0.01f;
		}
		sharp = chosen(&l, v % 2);
		if (figures)
			printf("%u bits: alpha %u, even %u\n", bits[v % 4],
			       sharp, even);
		ck_assert_uint_ge(sharp, 80);
		ck_assert_uint_eq(even, 0);
		free_layer(&l);
	}
}
END_TEST

/* ---- a layer whose error is low and whose loss is high ---- */

enum { OUT = 256, IN = 512, SHARP = 8 };

/* Inputs of power 1 but for a few of 1e6, correlated; or any directions. */
static float *sharp_hessian(bool dense)
{
	float *h = must(malloc(IN * IN * sizeof(*h)));
	double *u = must(calloc(IN * SHARP, sizeof(*u)));
	struct rng r = {8};

	for (size_t j = 0; j < IN; j++)
		for (size_t k = 0; k < IN; k++) {
			bool a = !dense && j % (IN / SHARP) == 5;
			bool b = !dense && k % (IN / SHARP) == 5;
			double rho = a && b ? 0.5
				     : pow(0.3, fabs((double)j - (double)k));

			if (dense || a != b)
				rho = 0;
			h[j * IN + k] = j == k ? (a ? 1e6f : 1)
					: (float)(rho * (a ? 1e3 : 1) *
						  (b ? 1e3 : 1));
		}
	for (size_t s = 0; dense && s < SHARP; s++) {
		double norm = 0;

		for (size_t j = 0; j < IN; j++) {
			u[j] = gaussian(&r);
			norm += u[j] * u[j];
		}
		for (size_t j = 0; j < IN; j++)
			for (size_t k = 0; k < IN; k++)
				h[j * IN + k] += (float)(1e6 * u[j] * u[k] /
							 norm);
	}
	free(u);
	return h;
}

/* tr(E H Eᵀ) / tr(W H Wᵀ) and the bits of a weight. */
struct result {
	double error, bits;
	unsigned codec;
};

static struct result encode_layer(struct sample *s, const float *h,
				  const struct sens *sens,
				  const struct factor *factor,
				  enum condition condition)
{
	struct codec_settings set = {
		.codec = CODEC_RTN, .effort = 5, .bits = 3, .alpha = NAN,
		.condition = condition,
	};
	struct codec_env env = {.kern = kernels_select(), .factor = factor};
	const struct codec *used;
	struct codec_stats stats;
	struct buf out = {0};
	struct result to;

	ck_assert_msg(codec_encode(&env, &s->slab, &set, sens, s->raw, &out,
				   &used, &stats, &err) == HVQZ_OK, "%s",
		      err.msg);
	ck_assert_int_eq(used->decode(&env, &s->slab, out.p, out.len, s->back,
				      &err), HVQZ_OK);
	to.error = weighted_error(s, 1, h, NULL);
	memset(s->back, 0, s->slab.raw_len);
	to.error /= weighted_error(s, 1, h, NULL);
	to.bits = 8.0 * (double)out.len / (OUT * IN);
	to.codec = used->id;
	buf_free(&out);
	return to;
}

START_TEST(sharp_directions_are_spared)
{
	bool dense = _i / 2, full = _i % 2;
	struct sample s = blank_sample(DTYPE_F32, OUT, IN);
	float *h = sharp_hessian(dense), *w = must(malloc(4 * OUT * IN));
	struct result plain, smooth, hero;
	struct sense_case sc;
	struct factor factor;
	struct rng r = {9};

	for (size_t i = 0; i < OUT * IN; i++)
		w[i] = (float)(0.02 * gaussian(&r));
	weights_narrow(DTYPE_F32, w, OUT * IN, s.raw);
	case_open(&sc, h, NULL, IN);
	ck_assert_int_eq(factor_make(sc.s, &factor, &err), HVQZ_OK);
	ck_assert(factor.m && !factor.fell_back);
	plain = encode_layer(&s, h, sc.s, full ? &factor : NULL,
			     CONDITION_NONE);
	smooth = encode_layer(&s, h, sc.s, full ? &factor : NULL,
			      CONDITION_SMOOTH);
	hero = encode_layer(&s, h, sc.s, full ? &factor : NULL,
			    CONDITION_HERO);
	if (figures)
		printf("sharp %s, %s: none %.3g (%.3f bits), smooth %.3g "
		       "(%.3f, codec %u), hero %.3g (%.3f, codec %u): "
		       "%.1f times lower\n",
		       dense ? "directions" : "channels",
		       full ? "full" : "diagonal", plain.error, plain.bits,
		       smooth.error, smooth.bits, smooth.codec, hero.error,
		       hero.bits, hero.codec, plain.error / hero.error);
	if (!dense) {
		ck_assert_double_lt(5 * hero.error, plain.error);
		ck_assert_double_lt(hero.bits, plain.bits + 0.3);
	}
	factor_free(&factor);
	case_close(&sc);
	free_sample(&s);
	free(w);
	free(h);
}
END_TEST

/*
 * Sensitivity takes a channel that was never active for a typical one. So must
 * S, or trials find its errors too large and reject what helps all others.
 */
START_TEST(a_silent_channel_takes_nothing_away)
{
	double error[2];

	for (int silent = 0; silent < 2; silent++) {
		struct sample s = blank_sample(DTYPE_F32, OUT, IN);
		float *w = must(malloc(4 * OUT * IN));
		float *h = must(calloc(IN * IN, sizeof(*h)));
		struct sens sens = {.axis = 1, .n_in = IN};
		struct rng r = {10};

		sens.diag = must(malloc(IN * sizeof(float)));
		for (size_t i = 0; i < OUT * IN; i++)
			w[i] = (float)(0.02 * gaussian(&r));
		for (size_t j = 0; j < IN; j++) {
			float size = (float)exp(0.7 * gaussian(&r));

			sens.diag[j] = silent && j == 100 ? 0 : size * size;
			h[j * IN + j] = sens.diag[j];
			for (size_t i = 0; i < OUT; i++)
				w[i * IN + j] /= size;
		}
		weights_narrow(DTYPE_F32, w, OUT * IN, s.raw);
		error[silent] = encode_layer(&s, h, &sens, NULL,
					     CONDITION_HERO).error;
		free(sens.diag);
		free_sample(&s);
		free(w);
		free(h);
	}
	if (figures)
		printf("a silent channel: %.3g, without %.3g\n", error[1],
		       error[0]);
	ck_assert_double_lt(error[1], 1.1 * error[0]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("condition learning");
	TCase *t = tcase_create("learning");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	figures = getenv("HVQZ_FIGURES");
	tcase_add_loop_test(t, learning_lowers_the_rounding_error, 0,
			    sizeof(learned) / sizeof(*learned));
	tcase_add_test(t, angles_pay);
	tcase_add_test(t, odd_rows_do_no_harm);
	tcase_add_test(t, learning_is_deterministic);
	tcase_add_test(t, learning_goes_on_where_it_stopped);
	tcase_add_test(t, learning_stops);
	tcase_add_test(t, few_rows_learn_nothing);
	tcase_add_test(t, alpha_follows_the_weights);
	tcase_add_loop_test(t, sharp_directions_are_spared, 0, 4);
	tcase_add_test(t, a_silent_channel_takes_nothing_away);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
