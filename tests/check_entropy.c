/*
 * check_entropy.c - the rooms below the codecs: entropy coders, outlier
 * choice, kernels, k-means.
 */
#include "base/log2.h"
#include "codec/kmeans.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"
#include "entropy/rans.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct codec_env env;
static struct hvqz_err err;

/* ---- entropy ---- */

START_TEST(intcode_is_near_the_entropy)
{
	enum { N = 100000 };
	uint32_t *v = malloc(N * sizeof(*v)), *u = malloc(N * sizeof(*u));
	struct buf out = {0};
	struct rng rng = {1};
	struct cursor c;
	double mean = 0, h;

	for (size_t i = 0; i < N; i++) {
		double x = (double)((rng_u64(&rng) >> 11) + 1) * 0x1p-53;

		v[i] = (uint32_t)(-66 * log(x));
		mean += v[i];
	}
	mean /= N;
	/* entropy of a geometric distribution of that mean */
	h = (mean + 1) * log2(mean + 1) - mean * log2(mean);
	ck_assert_int_eq(intcode_put(v, N, &out, &err), HVQZ_OK);
	ck_assert_double_lt(8.0 * (double)out.len / N, h + 0.03);
	c = (struct cursor){out.p, out.p + out.len};
	ck_assert_int_eq(intcode_get(&c, u, N, "test", &err), HVQZ_OK);
	ck_assert_mem_eq(u, v, N * sizeof(*v));
	ck_assert_uint_eq(cur_left(&c), 0);
	buf_free(&out);
	free(u);
	free(v);
}
END_TEST

START_TEST(intcode_takes_extremes)
{
	static const uint32_t lists[][4] = {
		{0, 0, 0, 0},
		{UINT32_MAX, 0, 1, 2},
		{3, 4, 7, 8},
		{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
	};

	for (size_t l = 0; l < 4; l++)
		for (size_t n = 0; n <= 4; n++) {
			struct buf out = {0};
			struct cursor c;
			uint32_t back[4] = {0};

			ck_assert_int_eq(intcode_put(lists[l], n, &out, &err),
					 HVQZ_OK);
			c = (struct cursor){out.p, out.p + out.len};
			ck_assert_int_eq(intcode_get(&c, back, n, "x", &err),
					 HVQZ_OK);
			for (size_t i = 0; i < n; i++)
				ck_assert_uint_eq(back[i], lists[l][i]);
			ck_assert_uint_eq(cur_left(&c), 0);
			buf_free(&out);
		}
}
END_TEST

START_TEST(rans_scale_sums_and_keeps_every_symbol)
{
	struct rng rng = {2};
	uint32_t counts[300];
	uint16_t freq[300];

	for (int round = 0; round < 200; round++) {
		uint32_t n = 1 + (uint32_t)rng_below(&rng, 300), sum = 0;

		for (uint32_t s = 0; s < n; s++)
			counts[s] = (uint32_t)(rng_u64(&rng) >>
					       (33 + rng_below(&rng, 31)));
		counts[0] |= 1;
		rans_scale(counts, n, 12, freq);
		for (uint32_t s = 0; s < n; s++) {
			ck_assert_int_eq(freq[s] > 0, counts[s] > 0);
			sum += freq[s];
		}
		ck_assert_uint_eq(sum, 4096);
	}
}
END_TEST

START_TEST(rans_finds_any_lost_or_added_word)
{
	enum { N = 5000 };
	uint16_t sym[N], back[N];
	uint32_t counts[17] = {0};
	struct rng rng = {3};
	struct rans_table enc, dec;
	struct buf out = {0};
	struct cursor c;
	bool valid;

	for (size_t i = 0; i < N; i++) {
		sym[i] = (uint16_t)(rng_below(&rng, 17) *
				    rng_below(&rng, 17) / 17);
		counts[sym[i]]++;
	}
	ck_assert_int_eq(rans_table_from_counts(&enc, counts, 17, 12, &err),
			 HVQZ_OK);
	ck_assert_int_eq(rans_encode(&enc, sym, N, &out, &err), HVQZ_OK);
	ck_assert_int_eq(rans_table_from_freqs(&dec, enc.freq, 17, 12, &valid,
					       &err), HVQZ_OK);
	ck_assert(valid);
	c = (struct cursor){out.p, out.p + out.len};
	ck_assert(rans_decode(&dec, &decode_generic, &c, back, N));
	ck_assert_mem_eq(back, sym, sizeof(sym));
	/* one symbol fewer or more is not the same stream */
	c = (struct cursor){out.p, out.p + out.len};
	ck_assert(!rans_decode(&dec, &decode_generic, &c, back, N - 1));
	c = (struct cursor){out.p, out.p + out.len - 1};
	ck_assert(!rans_decode(&dec, &decode_generic, &c, back, N));
	dec.freq[0]++;
	rans_table_free(&dec);
	enc.freq[0]++;
	ck_assert_int_eq(rans_table_from_freqs(&dec, enc.freq, 17, 12, &valid,
					       &err), HVQZ_OK);
	ck_assert(!valid);
	rans_table_free(&enc);
	buf_free(&out);
}
END_TEST

START_TEST(varint_is_canonical)
{
	static const uint32_t good[] = {0, 1, 127, 128, 16383, 16384,
					0x0fffffff, UINT32_MAX};
	static const uint8_t bad[][6] = {
		{0x80, 0x00},
		{0xff, 0xff, 0xff, 0xff, 0x1f},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		{0x80},
	};
	static const size_t bad_len[] = {2, 5, 6, 1};
	uint32_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct buf out = {0};
		struct cursor c;

		varint_put(&out, good[i]);
		c = (struct cursor){out.p, out.p + out.len};
		ck_assert(varint_get(&c, &v));
		ck_assert_uint_eq(v, good[i]);
		ck_assert_uint_eq(cur_left(&c), 0);
		buf_free(&out);
	}
	for (size_t i = 0; i < 4; i++) {
		struct cursor c = {bad[i], bad[i] + bad_len[i]};

		ck_assert(!varint_get(&c, &v));
	}
}
END_TEST

START_TEST(log2_approx_is_close)
{
	for (float v = 1e-6f; v < 1e9f; v *= 1.01f)
		ck_assert_double_lt(fabs(log2_approx(v) - log2((double)v)),
				    2e-4);
	for (int e = -40; e < 40; e++)
		ck_assert(log2_approx(ldexpf(1, e)) == (float)e);
}
END_TEST

/* ---- sense, kernels, k-means ---- */

static int float_falls(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

START_TEST(decouple_takes_the_highest)
{
	enum { N = 5000 };
	float score[N], sorted[N];
	uint32_t pos[N];
	struct rng rng = {4};

	for (int round = 0; round < 20; round++) {
		size_t want = 1 + rng_below(&rng, N);
		double sum = 0, best = 0;

		/* Few different values: ties must be counted right. */
		for (size_t i = 0; i < N; i++)
			score[i] = sorted[i] =
				(float)rng_below(&rng, round < 10 ? 50 : N);
		qsort(sorted, N, sizeof(*sorted), float_falls);
		ck_assert_int_eq(decouple(score, N, want, pos, &err),
				 HVQZ_OK);
		for (size_t i = 0; i < want; i++) {
			ck_assert(i == 0 || pos[i] > pos[i - 1]);
			sum += score[pos[i]];
			best += sorted[i];
		}
		ck_assert(sum == best);
	}
}
END_TEST

/* The number of the nearest entry, all of them looked at. */
static uint32_t look_at_all(const float *x, const float *w, float lam,
			    unsigned b, const float *cent, const float *bits,
			    size_t k, bool mirrored)
{
	float best = INFINITY;
	uint32_t at = 0;

	for (uint32_t i = 0; i < (mirrored ? 2 * k : k); i++) {
		float s = lam * bits[i % k];

		for (unsigned d = 0; d < b; d++) {
			float c = cent[d * k + i % k];
			float e = x[d] - (i < k ? c : -c);

			s += w[d] * e * e;
		}
		if (s < best) {
			best = s;
			at = i;
		}
	}
	return at;
}

/* Coarse numbers, so with many exact ties, and fine ones of all sizes. */
START_TEST(searches_find_the_lowest_nearest)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};
	static const size_t sizes[] = {1, 2, 7, 8, 9, 65, 300, 513, 1100, 4700};
	enum { N = 130, MOST = 4700 };
	static float x[N * 8], w[N * 8], lam[N], cent[MOST * 8], bits[MOST];
	static uint32_t want[N], got[N], seed[N];
	struct rng rng = {(uint64_t)_i + 5};

	for (unsigned dim = 1; dim <= 8; dim *= 2)
		for (unsigned v = 0; v < 4 * 10; v++) {
			size_t k = sizes[v / 4], n = k;
			bool coarse = v & 1, mirrored = v & 2;
			struct nearest_tree tree;

			n *= mirrored ? 2 : 1;
			for (size_t i = 0; i < N * dim; i++) {
				x[i] = coarse ? (float)rng_below(&rng, 8)
					      : normal(&rng);
				w[i] = coarse ? (float)rng_below(&rng, 3)
					      : expf(normal(&rng));
			}
			for (size_t i = 0; i < N; i++)
				lam[i] = coarse ? (float)rng_below(&rng, 2)
						: 0.02f * expf(normal(&rng));
			/* Nothing is nearer than anything. */
			memset(w, 0, 5 * dim * sizeof(*w));
			memset(lam, 0, 5 * sizeof(*lam));
			for (size_t i = 0; i < k * dim; i++)
				cent[i] = coarse ? (float)rng_below(&rng, 8) - 3
						 : normal(&rng);
			for (size_t i = 0; i < k; i++)
				bits[i] = (float)rng_below(&rng, 14);
			for (size_t p = 0; p < N; p++) {
				want[p] = look_at_all(x + p * dim, w + p * dim,
						      lam[p], dim, cent, bits,
						      k, mirrored);
				seed[p] = p % 3 ? (uint32_t)rng_below(&rng, n)
						: NEAREST_ANY;
			}
			for (unsigned i = 0; i < 3; i++) {
				const struct kernels *kern =
					kernels_named(names[i]);

				if (!kern)
					continue;
				ck_assert_int_eq(nearest_tree_make(
							 &tree, dim, cent, bits,
							 k, mirrored, kern,
							 &err), HVQZ_OK);
				memcpy(got, seed, sizeof(got));
				kern->search(&tree, x, w, lam, N, got);
				ck_assert_mem_eq(got, want, sizeof(got));
				nearest_tree_free(&tree);
			}
		}
}
END_TEST

START_TEST(kmeans_finds_separate_clusters)
{
	enum { N = 4000, K = 8 };
	static float x[N * 2], u[N * 2], v[N];
	struct points pts = {N, 2, x, u, v};
	struct kmeans_settings set = {
		.k = K,
		.rounds = {{8, 2}, {7, 1}, {0, 1}},
		.seed = 7,
	};
	struct codebook cb;
	struct rng rng = {6};

	for (size_t i = 0; i < N; i++) {
		x[2 * i] = (float)(i % 4) * 10 + 0.1f * normal(&rng);
		x[2 * i + 1] = (float)(i / 4 % 2) * 10 + 0.1f * normal(&rng);
		u[2 * i] = u[2 * i + 1] = v[i] = 1;
	}
	ck_assert_int_eq(kmeans_train(&env, &pts, &set, &cb, &err), HVQZ_OK);
	/* Lloyd from random starts may merge a pair, never much more. */
	ck_assert_double_lt(cb.mse, 10.0);
	ck_assert_uint_eq(cb.k, K);
	codebook_free(&cb);
	/* mirrored: four centroids do for eight symmetric clusters */
	for (size_t i = 0; i < 2 * N; i++)
		x[i] -= i % 2 ? 5 : 15;
	set.k = 4;
	set.mirrored = true;
	ck_assert_int_eq(kmeans_train(&env, &pts, &set, &cb, &err), HVQZ_OK);
	ck_assert_double_lt(cb.mse, 10.0);
	codebook_free(&cb);
	set.mirrored = false;
	set.k = K;
	/* fewer points than centroids */
	pts.n = 3;
	ck_assert_int_eq(kmeans_train(&env, &pts, &set, &cb, &err), HVQZ_OK);
	ck_assert_uint_eq(cb.k, 3);
	ck_assert(cb.mse == 0);
	codebook_free(&cb);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("entropy and k-means");
	TCase *t = tcase_create("below the codecs");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_test(t, intcode_is_near_the_entropy);
	tcase_add_test(t, intcode_takes_extremes);
	tcase_add_test(t, rans_scale_sums_and_keeps_every_symbol);
	tcase_add_test(t, rans_finds_any_lost_or_added_word);
	tcase_add_test(t, varint_is_canonical);
	tcase_add_test(t, log2_approx_is_close);
	tcase_add_test(t, decouple_takes_the_highest);
	tcase_add_loop_test(t, searches_find_the_lowest_nearest, 0, 2);
	tcase_add_test(t, kmeans_finds_separate_clusters);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
