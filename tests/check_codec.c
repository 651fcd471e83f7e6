/*
 * check_codec.c - the codecs, slab by slab: round trips and odd input.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "codec/codec.h"
#include "codec/hasvq.h"
#include "codec/weights.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"
#include "tests/slab_case.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct codec_env env;
static struct hvqz_err err;

/* Encode and decode with fall-backs; the codec used and the bytes it took. */
static const struct codec *trip(struct sample *s,
				const struct codec_settings *set,
				const struct sens *sens, size_t *len,
				struct codec_stats *stats)
{
	const struct codec *used;
	struct buf out = {0};

	ck_assert_int_eq(codec_encode(&env, &s->slab, set, sens, s->raw, &out,
				      &used, stats, &err), HVQZ_OK);
	ck_assert_uint_le(out.len, s->slab.raw_len);
	ck_assert_int_eq(used->decode(&env, &s->slab, out.p, out.len, s->back,
				      &err), HVQZ_OK);
	*len = out.len;
	buf_free(&out);
	return used;
}

START_TEST(hasvq_round_trip)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const uint64_t cols[] = {256, 255, 61};

	for (size_t t = 0; t < 3; t++)
		for (uint32_t b = 1; b <= 8; b *= 2)
			for (int faithful = 0; faithful < 2; faithful++) {
				struct codec_settings set = hasvq_settings(
					faithful, 64, b, 0.02);
				struct sample s = make_sample(
					dtypes[t], 96, cols[b % 3], b + t);
				struct codec_stats stats;
				double noise, signal;
				size_t len;

				ck_assert_ptr_eq(trip(&s, &set, NULL, &len,
						      &stats), &codec_hasvq);
				weights_error(&kernels_generic, dtypes[t], s.raw, s.back,
					      96 * cols[b % 3], &noise,
					      &signal);
				ck_assert(noise == stats.noise);
				ck_assert(signal == stats.signal);
				/* 64 centroids for b weights: 6/b bits */
				ck_assert_double_lt(noise / signal,
						    b == 1   ? 0.01
						    : b == 2 ? 0.08
						    : b == 4 ? 0.5
							     : 0.8);
				free_sample(&s);
			}
}
END_TEST

START_TEST(outliers_are_exact_and_under_20_bits)
{
	static const double rho[] = {0.015, 0.02};

	for (size_t i = 0; i < 2; i++) {
		struct codec_settings set = hasvq_settings(false, 256, 4,
							   rho[i]);
		struct sample s = make_sample(DTYPE_F16, 512, 512, 9);
		size_t n = 512 * 512, len, less, exact = 0, n_out;
		struct codec_stats stats;

		trip(&s, &set, NULL, &len, &stats);
		for (size_t j = 0; j < n; j++)
			exact += get_le16(s.raw + 2 * j) ==
				 get_le16(s.back + 2 * j);
		n_out = decouple_count(n, rho[i]);
		ck_assert_uint_ge(exact, n_out);
		/* What the residual takes: the same body without it. */
		struct hasvq q;
		struct buf out = {0}, body = {0};
		const struct codec *used;

		ck_assert_int_eq(codec_encode(&env, &s.slab, &set, NULL,
					      s.raw, &out, &used, &stats,
					      &err), HVQZ_OK);
		ck_assert_int_eq(hasvq_get(&q, &s.slab, out.p, out.len,
					   &decode_generic, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(q.sparse.n, n_out);
		for (size_t o = 0; o < n_out; o++)
			ck_assert_uint_eq(q.sparse.half[o],
					  get_le16(s.raw +
						   2 * q.sparse.pos[o]));
		ck_assert_int_eq(sparse_put(&q.sparse, true, q.scale, 512,
					    &body, &err), HVQZ_OK);
		less = body.len;
		ck_assert_double_le(8.0 * (double)less / (double)n_out, 20.0);
		hasvq_free(&q);
		buf_free(&out);
		buf_free(&body);
		free_sample(&s);
	}
}
END_TEST

/* Σ h_j (w − ŵ)² over an F16 slab. */
static double weighted_error(const struct sample *s, const float *h)
{
	size_t cols = (size_t)s->slab.n_cols;
	double sum = 0;

	for (size_t i = 0; i < s->slab.n_rows * cols; i++) {
		double e = f32_from_f16(get_le16(s->raw + 2 * i)) -
			   f32_from_f16(get_le16(s->back + 2 * i));

		sum += h[i % cols] * e * e;
	}
	return sum;
}

START_TEST(weighted_kmeans_beats_the_published_one)
{
	enum { ROWS = 512, COLS = 512 };
	static float h[COLS];
	struct sens sens = {.axis = 1, .n_in = COLS, .diag = h};
	struct codec_settings ours = hasvq_settings(false, 512, 4, 0.015);
	struct codec_settings paper = hasvq_settings(true, 512, 4, 0.015);
	struct sample s = make_sample(DTYPE_F16, ROWS, COLS, 10);
	struct codec_stats stats;
	struct rng rng = {11};
	double error_ours, error_paper;
	size_t len_ours, len_paper;

	for (size_t j = 0; j < COLS; j++)
		h[j] = expf(2 * normal(&rng));
	trip(&s, &ours, &sens, &len_ours, &stats);
	error_ours = weighted_error(&s, h);
	trip(&s, &paper, &sens, &len_paper, &stats);
	error_paper = weighted_error(&s, h);
	ck_assert_double_lt(error_ours, 0.85 * error_paper);
	/* and at least 0.3 bit a weight shorter */
	ck_assert_uint_lt(len_ours + ROWS * COLS * 3 / 80, len_paper);
	free_sample(&s);
}
END_TEST

START_TEST(hasvq_takes_odd_slabs)
{
	struct codec_settings set = hasvq_settings(false, 2048, 4, 0.015);
	struct codec_stats stats;
	size_t len;

	for (int faithful = 0; faithful < 2; faithful++) {
		struct sample s = make_sample(DTYPE_F32, 64, 64, 12);

		set.faithful = faithful;
		/* all zero, exactly restored up to nothing */
		memset(s.raw, 0, s.slab.raw_len);
		trip(&s, &set, NULL, &len, &stats);
		ck_assert(stats.noise < 1e-30);
		/* one huge row, one tiny row: no infinity comes back */
		for (size_t j = 0; j < 64; j++) {
			put_lef32(s.raw + 4 * j, j % 2 ? 3e38f : -3e38f);
			put_lef32(s.raw + 256 + 4 * j, 1e-38f);
		}
		trip(&s, &set, NULL, &len, &stats);
		for (size_t j = 0; j < 64 * 64; j++)
			ck_assert(isfinite(get_lef32(s.back + 4 * j)));
		/* a constant */
		for (size_t j = 0; j < 64 * 64; j++)
			put_lef32(s.raw + 4 * j, 0.25f);
		trip(&s, &set, NULL, &len, &stats);
		ck_assert_double_le(stats.noise, 1e-2 * stats.signal);
		free_sample(&s);
	}
}
END_TEST

/* Blocks that outliers cover wholly once found the padding cheapest. */
START_TEST(covered_blocks_get_a_real_centroid)
{
	static const uint32_t ks[] = {2, 3, 17, 33, 100};

	for (size_t i = 0; i < 5; i++)
		for (uint32_t b = 1; b <= 2; b++) {
			struct codec_settings set =
				hasvq_settings(false, ks[i], b, 0.3);
			struct sample s = make_sample(DTYPE_F16, 64, 65, 20);
			struct codec_stats stats;
			size_t len;

			trip(&s, &set, NULL, &len, &stats);
			free_sample(&s);
		}
}
END_TEST

/*
 * Few different weights give a codebook without error: its grid must keep its
 * integers where single precision still counts in ones.
 */
START_TEST(sparse_rows_of_few_weights_do_not_fail)
{
	static const double share[] = {0.9, 0.05, 0.005, 0.0007};
	struct rng rng = {22};

	for (size_t i = 0; i < 4; i++)
		for (uint32_t b = 1; b <= 8; b *= 2) {
			struct codec_settings set =
				hasvq_settings(false, 2048, b, 0);
			struct sample s = make_sample(DTYPE_F32, 64, 1024, 23);
			struct codec_stats stats;
			struct buf out = {0};
			bool declined;
			double noise, signal;

			for (size_t j = 0; j < 64 * 1024; j++) {
				float v = normal(&rng);

				put_lef32(s.raw + 4 * j,
					  (double)rng_below(&rng, 1 << 20) <
							  share[i] * (1 << 20)
						  ? v
						  : 0);
			}
			ck_assert_int_eq(codec_hasvq.encode(
				&env, &s.slab, &set, NULL, s.raw, &out, &stats,
				&declined, &err), HVQZ_OK);
			ck_assert(!declined);
			ck_assert_int_eq(codec_hasvq.decode(
				&env, &s.slab, out.p, out.len, s.back, &err),
				HVQZ_OK);
			weights_error(&kernels_generic, DTYPE_F32, s.raw, s.back, 64 * 1024,
				      &noise, &signal);
			ck_assert(noise == stats.noise);
			buf_free(&out);
			free_sample(&s);
		}
}
END_TEST

/* Rows too large for the compact form's scales: kept exactly, no failure. */
START_TEST(huge_rows_are_kept)
{
	struct codec_settings set = hasvq_settings(false, 2, 1, 0);
	struct sample s = make_sample(DTYPE_F32, 64, 64, 21);
	struct codec_stats stats;
	size_t len;

	for (size_t j = 0; j < 64; j++)
		put_lef32(s.raw + 4 * j, ldexpf((float)(j + 1), 110));
	for (int i = 0; i < 2; i++) {
		ck_assert(trip(&s, &set, NULL, &len, &stats)->lossless);
		ck_assert_mem_eq(s.raw, s.back, s.slab.raw_len);
		set = hasvq_settings(false, 64, 4, 0.02);
		put_lef32(s.raw + 40, 3.4e38f);
	}
	free_sample(&s);
}
END_TEST

START_TEST(nan_and_infinity_are_kept)
{
	static const uint16_t odd[] = {0x7c00, 0xfc00, 0x7e01, 0xfdff};

	for (size_t i = 0; i < 4; i++) {
		struct codec_settings set = hasvq_settings(false, 64, 4, 0.01);
		struct sample s = make_sample(DTYPE_F16, 128, 128, 13);
		struct codec_stats stats;
		const struct codec *used;
		size_t len;

		put_le16(s.raw + 2 * 1000, odd[i]);
		used = trip(&s, &set, NULL, &len, &stats);
		ck_assert(used->lossless);
		ck_assert(stats.nonfinite);
		ck_assert_mem_eq(s.raw, s.back, s.slab.raw_len);
		free_sample(&s);
	}
}
END_TEST

START_TEST(planes_restore_every_dtype)
{
	struct codec_settings set = {.codec = CODEC_PLANES, .effort = 5};
	struct rng rng = {14};

	for (unsigned d = DTYPE_BOOL; d <= DTYPE_C64; d++)
		for (int kind = 0; kind < 3; kind++) {
			struct sample s = {
				.slab = {.dtype = d, .n_rows = 77,
					 .n_cols = 8},
			};
			struct codec_stats stats;
			size_t len;

			s.slab.raw_len = 77 * dtype_bits(d);
			s.raw = malloc(s.slab.raw_len);
			s.back = malloc(s.slab.raw_len);
			for (size_t i = 0; i < s.slab.raw_len; i++)
				s.raw[i] = kind == 0 ? (uint8_t)rng_u64(&rng)
					   : kind == 1
						   ? (uint8_t)(i % 4 * 17)
						   : 0;
			for (set.effort = 1; set.effort <= 9; set.effort++) {
				const struct codec *used =
					trip(&s, &set, NULL, &len, &stats);

				ck_assert(used->lossless);
				ck_assert_mem_eq(s.raw, s.back,
						 s.slab.raw_len);
				if (kind)
					ck_assert_uint_lt(len,
							  s.slab.raw_len);
			}
			free_sample(&s);
		}
}
END_TEST

START_TEST(scale_codes_are_nearest)
{
	for (unsigned q = 0; q < SCALE_CODES; q++) {
		float s = scale_value(q);

		ck_assert_uint_eq(scale_code(s), q);
		ck_assert_double_lt(fabs(log2((double)s) -
					 ((double)q / 8 - 64)), 1e-6);
		if (q) {
			ck_assert_uint_eq(scale_code(s * 0.96f), q);
			ck_assert_uint_eq(scale_code(s * 0.95f), q - 1);
		}
	}
	ck_assert_uint_eq(scale_code(0), 0);
	ck_assert_uint_eq(scale_code(3e38f), SCALE_CODES - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec");
	TCase *codecs = tcase_create("codecs");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_test(codecs, hasvq_round_trip);
	tcase_add_test(codecs, outliers_are_exact_and_under_20_bits);
	tcase_add_test(codecs, weighted_kmeans_beats_the_published_one);
	tcase_add_test(codecs, hasvq_takes_odd_slabs);
	tcase_add_test(codecs, covered_blocks_get_a_real_centroid);
	tcase_add_test(codecs, huge_rows_are_kept);
	tcase_add_test(codecs, sparse_rows_of_few_weights_do_not_fail);
	tcase_add_test(codecs, nan_and_infinity_are_kept);
	tcase_add_test(codecs, planes_restore_every_dtype);
	tcase_add_test(codecs, scale_codes_are_nearest);
	tcase_set_timeout(codecs, 300);
	suite_add_tcase(s, codecs);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
