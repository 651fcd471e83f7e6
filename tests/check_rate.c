/*
 * check_rate.c - landing on a size: the step constants, the spool, the
 * controller, and whole files with --bpp.
 */
#include "base/half.h"
#include "formats/safetensors.h"
#include "job/encode_pass.h"
#include "job/rate.h"
#include "job/steer.h"
#include "stream/spool.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct hvqz_err err;

/* ---- the step constants ---- */

START_TEST(a_point_of_quality_is_half_the_loss)
{
	struct codec_settings a, b, c;

	rate_from_quality(5, 1000000, &a);
	rate_from_quality(7, 1000000, &b);
	ck_assert_double_eq_tol(a.step / b.step, 2, 1e-9);
	ck_assert_double_eq_tol(a.step_sens / b.step_sens, 2, 1e-9);
	/* n weights of error 0.27 steps² each add up to the loss. */
	rate_from_kl(0.01, 1000000, &c);
	ck_assert_double_eq_tol(1e6 * TRELLIS_LOSS * TRELLIS_NOISE *
					c.step_sens * c.step_sens,
				0.01, 1e-9);
}
END_TEST

/* ---- the spool ---- */

/* A source over a pipe of n bytes 0, 1, 2 …, three at a time. */
struct counting {
	size_t pos, n;
};

static enum hvqz_ret count_read(void *ctx, void *to, size_t n, size_t *got,
				struct hvqz_err *e)
{
	struct counting *c = ctx;
	uint8_t *p = to;

	(void)e;
	for (*got = 0; *got < n && *got < 3 && c->pos < c->n; (*got)++)
		*p++ = (uint8_t)c->pos++;
	return HVQZ_OK;
}

static const struct source_ops count_ops = {count_read, NULL};

START_TEST(a_spool_gives_every_byte_once)
{
	static const size_t lens[] = {0, 1, 99, 100, 101, 1000};

	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct counting c = {0, lens[i]};
		struct source pipe;
		struct spool s;
		uint8_t got[1000];
		size_t n;
		bool end;

		source_init(&pipe, &count_ops, &c, SOURCE_SIZE_UNKNOWN);
		ck_assert_int_eq(spool_open(&s, &pipe, 100, &err), HVQZ_OK);
		ck_assert_int_eq(s.whole, lens[i] <= 100);
		ck_assert_int_eq(source_can_seek(&s.src), lens[i] <= 100);
		ck_assert_int_eq(source_read(&s.src, got, lens[i], &n, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(n, lens[i]);
		for (size_t k = 0; k < n; k++)
			ck_assert_uint_eq(got[k], (uint8_t)k);
		ck_assert_int_eq(source_at_end(&s.src, &end, &err), HVQZ_OK);
		ck_assert(end);
		spool_close(&s);
		source_free(&pipe);
	}
}
END_TEST

/* ---- the controller ---- */

struct chunk {
	uint64_t n;
	double bits;		/* a weight, with a gain of 1 */
	unsigned looks;
};

static enum hvqz_ret chunk_bits(void *ctx, double at, double *bits,
				struct hvqz_err *e)
{
	struct chunk *c = ctx;
	double rate = c->bits - at;

	(void)e;
	/* A rate does not fall below zero; near it, it bends. */
	*bits = (double)c->n * (rate > 1 ? rate : exp(rate - 1));
	c->looks++;
	return HVQZ_OK;
}

START_TEST(a_controller_spends_its_budget)
{
	static const double wants[] = {2, 3, 4.25, 6};

	for (size_t w = 0; w < sizeof(wants) / sizeof(*wants); w++) {
		struct steer s = {.budget = 1e6 * wants[w], .rest = 1e6};
		struct rng rng = {5};
		double spent = 0, least = 100, most = -100;

		for (unsigned i = 0; i < 100; i++) {
			struct chunk c = {10000, 6 + normal(&rng), 0};
			double gain, bits;

			ck_assert_int_eq(steer_chunk(&s, c.n, chunk_bits, &c,
						     &gain, &err), HVQZ_OK);
			ck_assert_uint_le(c.looks, 4);
			chunk_bits(&c, log2(gain), &bits, &err);
			spent += bits;
			if (i >= 10 && i < 90) {
				least = fmin(least, log2(gain));
				most = fmax(most, log2(gain));
			}
		}
		ck_assert_double_eq_tol(spent / 1e6, wants[w],
					0.02 * wants[w]);
		/* And is not thrown about by what comes by. */
		ck_assert_double_lt(most - least, 1);
	}
}
END_TEST

/* ---- whole files ---- */

/* Matrices F16 [128, 256] of scales between 2^-7 and 2^-3, norms between. */
static struct buf make_model(unsigned n_matrices)
{
	static const uint64_t dim[] = {128, 256};
	struct model m = {0};
	struct buf b = {0};
	struct rng rng = {3};
	uint8_t *head;
	size_t len;

	for (unsigned i = 0; i < n_matrices; i++) {
		char name[32];

		snprintf(name, sizeof(name), "layer.%02u.weight", i);
		ck_assert_int_eq(model_add(&m, name, DTYPE_F16, 2, dim, NULL),
				 HVQZ_OK);
		snprintf(name, sizeof(name), "layer.%02u.norm", i);
		ck_assert_int_eq(model_add(&m, name, DTYPE_F16, 1, dim + 1,
					   NULL), HVQZ_OK);
	}
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&b, head, len);
	for (size_t i = 0; i < m.n_tensors; i++) {
		double scale = exp2(-3.0 - (double)rng_below(&rng, 5));

		for (uint64_t e = 0; e < m.tensors[i].n_elems; e++)
			buf_u16(&b, f16_from_f32((float)(scale *
							 normal(&rng))));
	}
	free(head);
	model_free(&m);
	ck_assert(!b.failed);
	return b;
}

static struct encode_options wanting(double bpp)
{
	struct encode_options opt = {
		.rate_mode = RATE_BPP,
		.rate = bpp,
		.set = {.effort = 1},
	};

	settings_trellis(&opt.set);
	return opt;
}

/* model through job_encode, from a file or a pipe. */
static struct buf encode(const struct encode_options *opt,
			 const struct buf *model, bool pipe,
			 struct job_report *rep)
{
	struct job_env env = {.n_threads = 2};
	struct source_memory mem;
	struct source_ops no_seek;
	struct source src;
	struct buf out = {0};
	struct sink sink;

	source_init_memory(&src, &mem, model->p, model->len);
	if (pipe) {
		no_seek = (struct source_ops){src.ops->read, NULL};
		src.ops = &no_seek;
		src.size = SOURCE_SIZE_UNKNOWN;
	}
	sink_init_memory(&sink, &out);
	ck_assert_int_eq(job_encode(&env, opt, &src, &sink, rep, &err),
			 HVQZ_OK);
	source_free(&src);
	return out;
}

START_TEST(a_file_lands_within_one_percent)
{
	static const double wants[] = {2, 3, 4.25, 6};
	struct buf model = make_model(12);

	for (size_t w = 0; w < sizeof(wants) / sizeof(*wants); w++) {
		struct encode_options opt = wanting(wants[w]);
		struct job_report rep, again;
		struct buf a = encode(&opt, &model, false, &rep);
		struct buf b = encode(&opt, &model, true, &again);

		ck_assert_double_eq_tol(8.0 * (double)a.len /
						(double)rep.n_params,
					wants[w], 0.01 * wants[w]);
		/* A pipe this short is a file to us. */
		ck_assert_uint_eq(a.len, b.len);
		ck_assert_mem_eq(a.p, b.p, a.len);
		buf_free(&a);
		buf_free(&b);
	}
	buf_free(&model);
}
END_TEST

START_TEST(a_steered_pass_lands_within_three_percent)
{
	static const double wants[] = {2, 3, 4.25, 6};
	struct buf model = make_model(40);

	for (size_t w = 0; w < sizeof(wants) / sizeof(*wants); w++) {
		struct encode_options opt = wanting(wants[w]);
		struct encode_pass pass = {.gain = 1, .steer = wants[w]};
		struct buf made[2] = {{0}, {0}};

		for (unsigned t = 0; t < 2; t++) {
			struct job_env env = {.n_threads = t + 1};
			struct source_memory mem;
			struct job_report rep;
			struct source src;
			struct sink sink;

			source_init_memory(&src, &mem, model.p, model.len);
			sink_init_memory(&sink, &made[t]);
			ck_assert_int_eq(encode_pass_run(&env, &opt, &pass,
							 &src, &sink, &rep,
							 &err), HVQZ_OK);
			ck_assert_double_eq_tol(8.0 * (double)made[t].len /
							(double)rep.n_params,
						wants[w], 0.03 * wants[w]);
			source_free(&src);
		}
		ck_assert_uint_eq(made[0].len, made[1].len);
		ck_assert_mem_eq(made[0].p, made[1].p, made[0].len);
		buf_free(&made[0]);
		buf_free(&made[1]);
	}
	buf_free(&model);
}
END_TEST

START_TEST(a_prediction_is_within_three_percent)
{
	struct buf model = make_model(6);

	for (int q = 1; q <= 9; q += 2) {
		struct encode_options opt = wanting(4);
		struct job_report real, predicted;
		struct buf none, out;

		opt.rate_mode = RATE_QUALITY;
		opt.rate = q;
		out = encode(&opt, &model, false, &real);
		opt.dry_run = true;
		none = encode(&opt, &model, true, &predicted);
		ck_assert_double_eq_tol((double)predicted.out_bytes,
					(double)real.out_bytes,
					0.03 * (double)real.out_bytes);
		buf_free(&out);
		buf_free(&none);
	}
	buf_free(&model);
}
END_TEST

START_TEST(what_cannot_be_is_said)
{
	struct buf model = make_model(2);
	struct encode_options opt = wanting(4);
	struct job_env env = {.n_threads = 1};
	struct source_memory mem;
	struct job_report rep;
	struct buf out = {0};
	struct source src;
	struct sink sink;

	opt.rate_mode = RATE_KL;
	opt.rate = 0.01;
	source_init_memory(&src, &mem, model.p, model.len);
	sink_init_memory(&sink, &out);
	ck_assert_int_eq(job_encode(&env, &opt, &src, &sink, &rep, &err),
			 HVQZ_USAGE);
	ck_assert_ptr_nonnull(strstr(err.msg, "no row sensitivities"));
	ck_assert_str_eq(err.tensor, "layer.00.weight");
	ck_assert_uint_eq(out.len, 0);
	source_free(&src);
	buf_free(&out);
	buf_free(&model);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rate");
	TCase *t = tcase_create("rate");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_point_of_quality_is_half_the_loss);
	tcase_add_test(t, a_spool_gives_every_byte_once);
	tcase_add_test(t, a_controller_spends_its_budget);
	tcase_add_test(t, a_file_lands_within_one_percent);
	tcase_add_test(t, a_steered_pass_lands_within_three_percent);
	tcase_add_test(t, a_prediction_is_within_three_percent);
	tcase_add_test(t, what_cannot_be_is_said);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
