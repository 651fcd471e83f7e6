/*
 * check_decode_slabs.c - whole payloads through every table of kernels: the
 * same bytes, and the same payloads refused.
 */
#include "codec/hasvq.h"
#include "codec/weights.h"
#include "kernels/blas.h"
#include "tests/trellis_case.h"

static const char *const names[] = {"generic", "avx2", "avx512"};

/* ret and s->back of the payload by the kernels k. */
static enum hvqz_ret decode(const struct sample *s, const struct codec *codec,
			    const struct kernels *k, const uint8_t *p,
			    size_t len)
{
	struct codec_env env = {.kern = k};

	memset(s->back, 0xa5, s->slab.raw_len);
	return codec->decode(&env, &s->slab, p, len, s->back, &err);
}

/* All against the plain way: with the trellis, weight by weight. */
static void expect_alike(const struct sample *s, const struct codec *codec,
			 const uint8_t *p, size_t len)
{
	struct kernels plain = kernels_generic;
	uint8_t *want = malloc(s->slab.raw_len + 1);
	enum hvqz_ret ret;

	if (codec == &codec_trellis)
		plain.decode = NULL;
	ret = decode(s, codec, &plain, p, len);
	memcpy(want, s->back, s->slab.raw_len);
	for (unsigned i = 0; i < 3; i++) {
		const struct kernels *k = kernels_named(names[i]);

		if (!k)
			continue;
		ck_assert_int_eq(decode(s, codec, k, p, len), ret);
		if (ret == HVQZ_OK)
			ck_assert_mem_eq(s->back, want, s->slab.raw_len);
	}
	free(want);
}

/* Every table of kernels makes the same payload. */
static void expect_encoded_alike(const struct sample *s,
				 const struct codec_settings *set,
				 const struct buf *want)
{
	for (unsigned i = 0; i < 3; i++) {
		struct codec_env env = {.kern = kernels_named(names[i])};
		const struct codec *used;
		struct codec_stats stats;
		struct buf out = {0};

		if (!env.kern)
			continue;
		ck_assert_int_eq(codec_encode(&env, &s->slab, set, NULL,
					      s->raw, &out, &used, &stats,
					      &err), HVQZ_OK);
		ck_assert_uint_eq(out.len, want->len);
		ck_assert_mem_eq(out.p, want->p, want->len);
		buf_free(&out);
	}
}

/* The payload, damaged in many ways. */
static void expect_refused_alike(const struct sample *s,
				 const struct codec *codec,
				 const struct buf *out, struct rng *rng,
				 unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = i % 3 ? out->len : rng_below(rng, out->len);
		uint8_t *p = malloc(len + 1);

		memcpy(p, out->p, len);
		for (unsigned k = 0; len && k < 1 + i % 3; k++)
			p[rng_below(rng, len)] ^=
				(uint8_t)(1u << rng_below(rng, 8));
		p = realloc(p, len ? len : 1);
		expect_alike(s, codec, p, len);
		free(p);
	}
}

/*
 * Rows of very different scale: with steps of their own where there are few
 * bits, so of all classes; some of them zero.
 */
static struct sample wild_sample(enum dtype dtype, uint32_t rows, uint64_t cols,
				 struct rng *rng)
{
	struct sample s = blank_sample(dtype, rows, cols);
	size_t n = sample_elems(&s);
	float *w = malloc(n * sizeof(*w));
	unsigned kind = (unsigned)rng_below(rng, 3);

	for (uint32_t i = 0; i < rows; i++) {
		float scale = expf((kind ? 1.5f : 0.3f) * normal(rng)) * 0.02f;

		for (uint64_t j = 0; j < cols; j++) {
			float x = scale * (float)laplacian(rng);

			/* Columns too; and what only an escape can say. */
			if (kind == 2)
				x *= (float)(1 + j % 7);
			if (rng_below(rng, 500) == 0)
				x *= 60;
			w[i * cols + j] = kind && i % 9 == 3 ? 0 : x;
		}
	}
	weights_narrow(dtype, w, n, s.raw);
	free(w);
	return s;
}

START_TEST(trellises_decode_alike)
{
	static const uint32_t shape[][2] = {
		{2048, 40}, {1111, 64},	 {1500, 33}, {513, 31}, {600, 1},
		{700, 97},  {30, 2048}, {33, 1111}, {1, 3000}, {64, 64},
		/* Sixteen lanes, and eight. */
		{300, 50},  {171, 67},	{40, 301},  {20, 140},
	};
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	/* About 5 and 2 bits; 9, where all symbols have raw bits. */
	static const double step[] = {0.002, 0.03, 0.00008};
	struct rng rng = {(uint64_t)_i + 1};

	for (unsigned v = 0; v < 9; v++) {
		struct sample s = wild_sample(dtypes[v % 3], shape[_i][0],
					      shape[_i][1], &rng);
		struct codec_settings set = trellis_settings(
			4, step[v / 3], v % 2 ? 1e-3 : 0);
		struct codec_stats stats = {0};
		struct buf out = {0};
		bool declined = false;

		ck_assert_int_eq(codec_trellis.encode(&plain_env, &s.slab, &set,
						      NULL, s.raw, &out,
						      &stats, &declined,
						      &err), HVQZ_OK);
		if (!declined) {
			ck_assert_int_eq(decode(&s, &codec_trellis,
						&kernels_generic, out.p,
						out.len), HVQZ_OK);
			expect_alike(&s, &codec_trellis, out.p, out.len);
			expect_refused_alike(&s, &codec_trellis, &out, &rng,
					     12);
		}
		buf_free(&out);
		free_sample(&s);
	}
}
END_TEST

START_TEST(lossless_slabs_decode_alike)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const uint32_t shape[][2] = {{300, 311}, {70, 1024}, {7, 99}};
	struct codec_settings set = {.codec = CODEC_PLANES};
	struct rng rng = {(uint64_t)_i + 1};

	for (unsigned v = 0; v < 9; v++) {
		struct sample s = wild_sample(dtypes[v % 3], shape[v / 3][0],
					      shape[v / 3][1], &rng);
		const struct codec *used;
		struct codec_stats stats;
		struct buf out = {0};

		set.effort = 1 + 4 * (int)((v + (unsigned)_i) % 3);
		ck_assert_int_eq(codec_encode(&plain_env, &s.slab, &set, NULL,
					      s.raw, &out, &used, &stats,
					      &err), HVQZ_OK);
		ck_assert_int_eq(decode(&s, used, &kernels_generic, out.p,
					out.len), HVQZ_OK);
		ck_assert_mem_eq(s.back, s.raw, s.slab.raw_len);
		expect_encoded_alike(&s, &set, &out);
		expect_alike(&s, used, out.p, out.len);
		expect_refused_alike(&s, used, &out, &rng, 30);
		buf_free(&out);
		free_sample(&s);
	}
}
END_TEST

/* The slab of a codebook's payload, weight by weight. */
static void restore_plainly(const struct sample *s, const struct buf *out,
			    uint8_t *raw)
{
	size_t elem = s->slab.raw_len / sample_elems(s);
	struct hasvq q;
	float w;

	ck_assert_int_eq(hasvq_get(&q, &s->slab, out->p, out->len,
				   &decode_generic, &err), HVQZ_OK);
	for (size_t i = 0; i < q.n_rows; i++)
		for (size_t j = 0; j < q.n_cols; j++) {
			uint16_t no = q.idx[i * q.row_blocks + j / q.b];

			w = q.cent[(size_t)(no >> 1) * q.b + j % q.b];
			w *= no & 1 ? -q.scale[i] : q.scale[i];
			weights_narrow(s->slab.dtype, &w, 1,
				       raw + (i * q.n_cols + j) * elem);
		}
	for (uint32_t o = 0; o < q.sparse.n; o++) {
		w = f32_from_half(q.sparse.kind, q.sparse.half[o]);
		weights_narrow(s->slab.dtype, &w, 1,
			       raw + q.sparse.pos[o] * elem);
	}
	hasvq_free(&q);
}

START_TEST(codebooks_decode_alike)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const uint32_t shape[][2] = {
		{70, 1024}, {300, 311}, {7, 99}, {3, 5},
	};
	struct rng rng = {(uint64_t)_i + 1};

	for (unsigned v = 0; v < 24; v++) {
		struct sample s = wild_sample(dtypes[v % 3], shape[_i][0],
					      shape[_i][1], &rng);
		struct codec_settings set = {
			.codec = CODEC_HASVQ, .effort = 1, .faithful = v / 12,
			.centroids = v % 2 ? 64 : 300,
			.block = 1u << v / 3 % 4,
			.outliers = v % 5 ? 0.03 : 0,
		};
		struct codec_stats stats = {0};
		struct buf out = {0};
		uint8_t *want = malloc(s.slab.raw_len);
		bool declined = false;

		ck_assert_int_eq(codec_hasvq.encode(&plain_env, &s.slab, &set,
						    NULL, s.raw, &out, &stats,
						    &declined, &err), HVQZ_OK);
		ck_assert(!declined);
		restore_plainly(&s, &out, want);
		ck_assert_int_eq(decode(&s, &codec_hasvq, &kernels_generic,
					out.p, out.len), HVQZ_OK);
		ck_assert_mem_eq(s.back, want, s.slab.raw_len);
		expect_alike(&s, &codec_hasvq, out.p, out.len);
		expect_refused_alike(&s, &codec_hasvq, &out, &rng, 8);
		free(want);
		buf_free(&out);
		free_sample(&s);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("decoding kernels, slabs");
	TCase *t = tcase_create("slabs");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_loop_test(t, trellises_decode_alike, 0, 14);
	tcase_add_loop_test(t, lossless_slabs_decode_alike, 0, 3);
	tcase_add_loop_test(t, codebooks_decode_alike, 0, 4);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
