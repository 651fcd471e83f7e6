/*
 * check_conditioned_damage.c - payloads of codec 5 that must be refused (H8),
 * any other damage, and how long a small payload may take (H12).
 */
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "tests/corpus_conditioned.h"

static enum hvqz_ret decode(const struct slab *slab, const uint8_t *p,
			    size_t len, uint8_t *raw)
{
	struct codec_env env = {.kern = kernels_select()};

	err.msg[0] = 0;
	return codec_conditioned.decode(&env, slab, p, len, raw, &err);
}

/* Decode from a place of its own, where reading past it is seen. */
static enum hvqz_ret decode_copy(const struct slab *slab, const uint8_t *p,
				 size_t len, uint8_t *raw)
{
	uint8_t *copy = must(malloc(len + !len));
	enum hvqz_ret ret;

	memcpy(copy, p, len);
	ret = decode(slab, copy, len, raw);
	free(copy);
	return ret;
}

START_TEST(bad_payloads_are_refused)
{
	enum hvqz_ret ret;
	uint8_t raw[4 * N];
	struct made m;

	make(&m);
	bad[_i].damage(&m);
	ret = decode_copy(&m.slab, m.out.p, m.out.len, raw);
	ck_assert_msg(ret == bad[_i].ret && strstr(err.msg, bad[_i].word),
		      "%s: %d, \"%s\"", bad[_i].name, ret, err.msg);
	ck_assert(ret == HVQZ_OK || strlen(err.msg) > 10);
	unmake(&m);
}
END_TEST

/* ---- any damage ---- */

/* An error with a sentence, or finite weights. */
static void expect_no_harm(const struct slab *slab, const struct buf *out,
			   uint8_t *raw)
{
	size_t n = (size_t)(slab->n_rows * slab->n_cols);

	if (decode(slab, out->p, out->len, raw) != HVQZ_OK) {
		if (strlen(err.msg) <= 10)
			ck_abort_msg("no sentence: \"%s\"", err.msg);
		return;
	}
	for (size_t e = 0; e < n; e++)
		if (!isfinite(get_lef32(raw + 4 * e)))
			ck_abort_msg("not finite");
}

/* Payloads as the encoder makes them, of every body. */
static void encoded(struct buf *out, struct slab *slab, unsigned v)
{
	struct codec_settings set = {
		.codec = v < 2 ? CODEC_RTN : v < 4 ? CODEC_HASVQ
						   : CODEC_TRELLIS,
		.faithful = v == 3, .effort = 1, .centroids = 8, .block = 2,
		.outliers = 0.05, .bits = 2, .group = v == 1 ? 4 : 0,
		.quality = NAN, .step = 0.02, .step_sens = 0.02,
		.condition = CONDITION_HERO, .alpha = 0.5,
	};
	struct codec_env env = {.kern = kernels_select()};
	struct sample s = make_sample(DTYPE_F32, 64, 16, v);
	struct codec_stats stats = {0};
	bool declined;
	struct known k;

	know(&k, DIAGONAL, v % 2, &s, 1);
	*slab = s.slab;
	ck_assert_int_eq(codec_conditioned.encode(&env, &s.slab, &set, &k.sens,
						  s.raw, out, &stats,
						  &declined, &err), HVQZ_OK);
	ck_assert(!declined);
	forget(&k);
	free_sample(&s);
}

START_TEST(cut_payloads_are_refused)
{
	uint8_t raw[4 * 64 * 16];
	struct buf out = {0};
	struct slab slab;
	struct made m;

	encoded(&out, &slab, (unsigned)_i);
	for (size_t len = 0; len < out.len; len++) {
		ck_assert_int_eq(decode_copy(&slab, out.p, len, raw),
				 HVQZ_DAMAGED);
		ck_assert_uint_gt(strlen(err.msg), 10);
	}
	buf_free(&out);
	make(&m);
	for (size_t len = 0; len < m.out.len; len++)
		ck_assert_int_eq(decode_copy(&m.slab, m.out.p, len, raw),
				 HVQZ_DAMAGED);
	unmake(&m);
}
END_TEST

START_TEST(any_flipped_bit_does_no_harm)
{
	uint8_t raw[4 * 64 * 16];
	struct buf out = {0};
	struct slab slab;

	encoded(&out, &slab, (unsigned)_i);
	for (size_t b = 0; b < 8 * out.len; b++) {
		out.p[b / 8] ^= (uint8_t)(1u << b % 8);
		expect_no_harm(&slab, &out, raw);
		out.p[b / 8] ^= (uint8_t)(1u << b % 8);
	}
	buf_free(&out);
}
END_TEST

/* Pieces of payloads in the place of others. */
START_TEST(random_splices_do_no_harm)
{
	uint8_t raw[4 * 64 * 16];
	struct buf good[5] = {{0}}, out = {0};
	struct rng r = {31};
	struct slab slab;

	for (unsigned v = 0; v < 5; v++)
		encoded(&good[v], &slab, v);
	for (int round = 0; round < 20000; round++) {
		const struct buf *a = &good[rng_below(&r, 5)];
		const struct buf *b = &good[rng_below(&r, 5)];
		/* Most of them in front, where there is more to get wrong. */
		size_t most = round % 2 ? a->len : a->len < 60 ? a->len : 60;
		size_t at = rng_below(&r, most), from, n, gone;

		from = round % 3 ? at : rng_below(&r, b->len);
		from = from < b->len ? from : b->len - 1;
		n = rng_below(&r, b->len - from < 20 ? b->len - from : 20);
		gone = round % 3 ? n : rng_below(&r, 20);
		gone = gone < a->len - at ? gone : a->len - at;
		buf_clear(&out);
		buf_put(&out, a->p, at);
		buf_put(&out, b->p + from, n);
		buf_put(&out, a->p + at + gone, a->len - at - gone);
		if (out.len && round % 5 == 0)
			out.p[rng_below(&r, out.len)] = (uint8_t)rng_u64(&r);
		expect_no_harm(&slab, &out, raw);
	}
	for (unsigned v = 0; v < 5; v++)
		buf_free(&good[v]);
	buf_free(&out);
}
END_TEST

/* Weights of any size turned and scaled by the most: clamped, not infinite. */
START_TEST(overflow_is_clamped)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};

	for (unsigned v = 0; v < 12; v++) {
		struct made m;
		uint8_t raw[4 * N];
		float w[N];

		make(&m);
		m.slab.dtype = dtypes[v % 3];
		m.slab.raw_len = N * dtype_bits(m.slab.dtype) / 8;
		for (size_t j = 0; j < N_COLS; j++)
			m.q.cond.code[j] = CONDITION_MAX_SCALE;
		for (size_t i = 0; i < N_ROWS; i++)
			put_le16(m.body.p + 3 + 2 * i, 0x7bff);
		/* The largest number of outliers' too. */
		m.q.sparse.kind = v / 3 % 2 ? HALF_BF16 : HALF_F16;
		m.q.sparse.half[1] = v / 3 % 2 ? 0xff7f : 0xfbff;
		put(&m);
		ck_assert_int_eq(decode(&m.slab, m.out.p, m.out.len, raw),
				 HVQZ_OK);
		ck_assert(weights_widen(m.slab.dtype, raw, N, w));
		unmake(&m);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conditioned damage");
	TCase *t = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_loop_test(t, bad_payloads_are_refused, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_loop_test(t, cut_payloads_are_refused, 0, 5);
	tcase_add_loop_test(t, any_flipped_bit_does_no_harm, 0, 5);
	tcase_add_test(t, random_splices_do_no_harm);
	tcase_add_test(t, overflow_is_clamped);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
