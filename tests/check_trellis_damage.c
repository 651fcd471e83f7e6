/*
 * check_trellis_damage.c - payloads of codec 3 that must be refused (H8).
 */
#include "kernels/blas.h"
#include "tests/corpus_trellis.h"

#include <time.h>

static enum hvqz_ret decode(const struct slab *slab, const uint8_t *p,
			    size_t len, uint8_t *raw)
{
	err.msg[0] = 0;
	return codec_trellis.decode(&plain_env, slab, p, len, raw, &err);
}

START_TEST(a_good_payload_is_accepted)
{
	struct made m;
	uint8_t raw[4 * N];

	make(&m);
	/* What AT_… count on. */
	ck_assert_uint_eq(m.out.p[AT_N_OUT], 3);
	ck_assert_uint_eq(m.out.p[AT_STEPS + 1], 0xff);
	ck_assert_uint_eq(m.out.p[AT_CLASSES], CLASS);
	ck_assert_uint_eq(m.out.p[AT_UNIT_CLASSES + 1], 0xff);
	ck_assert_uint_eq(m.out.p[AT_FIRST], CLASS);
	ck_assert_uint_eq(m.out.p[AT_FIRST + 1], CLASS);
	ck_assert_uint_eq(m.out.p[AT_TABLE + 1] & 1, 0);
	ck_assert_int_eq(decode(&m.slab, m.out.p, m.out.len, raw), HVQZ_OK);
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t j = 0; j < N_COLS; j++) {
			size_t at = i * N_COLS + j;
			double want = 0.5 * (m.u[j * N_ROWS + i] + 0.5);

			if (at == 7 || at == 47 || at == 87)
				continue;
			ck_assert((double)get_lef32(raw + 4 * at) == want);
		}
	for (uint32_t o = 0; o < 3; o++)
		ck_assert(get_lef32(raw + 4 * m.q.sparse.pos[o]) ==
			  f32_from_f16(m.q.sparse.half[o]));
	unmake(&m);
}
END_TEST

START_TEST(bad_payloads_are_refused)
{
	struct made m;
	uint8_t *copy, raw[4 * N];
	enum hvqz_ret ret;

	make(&m);
	bad[_i].damage(&m);
	/* In a place of its own, where reading past it is seen. */
	copy = malloc(m.out.len);
	memcpy(copy, m.out.p, m.out.len);
	ret = decode(&m.slab, copy, m.out.len, raw);
	ck_assert_msg(ret == bad[_i].ret && strstr(err.msg, bad[_i].word),
		      "%s: %d, \"%s\"", bad[_i].name, ret, err.msg);
	free(copy);
	unmake(&m);
}
END_TEST

/* ---- damage anywhere ---- */

START_TEST(cut_payloads_are_refused)
{
	struct made m;
	uint8_t raw[4 * N];

	make(&m);
	for (size_t len = 0; len < m.out.len; len++) {
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, m.out.p, len);
		ck_assert_int_eq(decode(&m.slab, copy, len, raw),
				 HVQZ_DAMAGED);
		ck_assert_uint_gt(strlen(err.msg), 10);
		free(copy);
	}
	unmake(&m);
}
END_TEST

/* The most a decode may take, s. Far more than any does, even in valgrind. */
#define TOO_LONG 5.0

/* An error with a sentence or weights, and soon. */
static void expect_no_harm(const struct slab *slab, const uint8_t *p,
			   size_t len, uint8_t *raw)
{
	clock_t began = clock();
	enum hvqz_ret ret = decode(slab, p, len, raw);

	ck_assert(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		  ret == HVQZ_UNSUPPORTED);
	if (ret != HVQZ_OK)
		ck_assert_uint_gt(strlen(err.msg), 10);
	ck_assert_double_lt((double)(clock() - began) / CLOCKS_PER_SEC,
			    TOO_LONG);
}

START_TEST(any_flipped_bit_does_no_harm)
{
	struct made m;
	uint8_t raw[4 * N];

	make(&m);
	for (size_t bit = 0; bit < 8 * m.out.len; bit++) {
		m.out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_no_harm(&m.slab, m.out.p, m.out.len, raw);
		m.out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	unmake(&m);
}
END_TEST

/* Bits flipped, or a run of bytes copied elsewhere, doubled or left out. */
static size_t hurt(struct rng *r, uint8_t *p, size_t len, size_t area)
{
	size_t from = rng_below(r, area), to = rng_below(r, area);
	size_t n = 1 + rng_below(r, 16);

	n = from + n > len ? len - from : n;
	n = to + n > len ? len - to : n;
	switch (rng_below(r, 4)) {
	case 0:
		memmove(p + to, p + from, n);
		return len;
	case 1:
		memmove(p + from, p + from + n, len - from - n);
		return len - n;
	default:
		for (n = 1 + rng_below(r, 3); n; n--)
			p[rng_below(r, area)] ^=
				(uint8_t)(1u << rng_below(r, 8));
		return len;
	}
}

START_TEST(random_damage_does_no_harm)
{
	enum { ROUNDS = 20000 };
	struct codec_settings how = trellis_settings(5, 0.01, 0.01);
	struct sample s = make_sample(DTYPE_BF16, 64, 90, 16);
	struct codec_env env = plain_env;
	struct codec_stats stats;
	struct rng rng = {17};
	struct buf out = {0};
	struct known k;
	bool declined;
	uint8_t *copy;

	know(&k, ROWS, 1, &s, 2);
	env.factor = known_factor(&k);
	ck_assert_int_eq(codec_trellis.encode(&env, &s.slab, &how,
					      known_sens(&k), s.raw, &out,
					      &stats, &declined, &err),
			 HVQZ_OK);
	ck_assert(!declined);
	copy = malloc(out.len);
	for (size_t len = 0; len < out.len; len += 1 + len / 200) {
		memcpy(copy, out.p, len);
		ck_assert_int_eq(decode(&s.slab, copy, len, s.back),
				 HVQZ_DAMAGED);
	}
	for (int round = 0; round < ROUNDS; round++) {
		size_t len;

		memcpy(copy, out.p, out.len);
		len = hurt(&rng, copy, out.len, round % 2 ? out.len : 300);
		expect_no_harm(&s.slab, copy, len, s.back);
	}
	free(copy);
	buf_free(&out);
	forget(&k);
	free_sample(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trellis damage");
	TCase *t = tcase_create("payloads");
	SRunner *sr = srunner_create(s);
	int failed;

	blas_init();
	tcase_add_test(t, a_good_payload_is_accepted);
	tcase_add_loop_test(t, bad_payloads_are_refused, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, cut_payloads_are_refused);
	tcase_add_test(t, any_flipped_bit_does_no_harm);
	tcase_add_test(t, random_damage_does_no_harm);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
