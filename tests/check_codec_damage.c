/*
 * check_codec_damage.c - payloads of codec 2 that must be refused (H8), random
 * damage to those of codecs 1 and 2.
 */
#include "tests/corpus_hasvq.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct codec_env env;

/* ---- H8: payloads that must be refused ---- */

START_TEST(bad_payloads_are_refused)
{
	struct made m;
	uint8_t raw[2 * 64 * 64];

	make(&m, bad_payloads[_i].faithful);
	bad_payloads[_i].mutate(&m.q, &m.out);
	err.msg[0] = 0;
	ck_assert_int_ne(codec_hasvq.decode(&env, &m.slab, m.out.p, m.out.len,
					    raw, &err), HVQZ_OK);
	ck_assert_msg(strstr(err.msg, bad_payloads[_i].word) != NULL,
		      "%s: \"%s\"", bad_payloads[_i].name, err.msg);
	unmake(&m);
}
END_TEST

/* Random damage behind the hashes: an error or other weights, never worse. */
START_TEST(damaged_payloads_do_no_harm)
{
	static const int codecs[] = {CODEC_HASVQ, CODEC_HASVQ, CODEC_PLANES};
	struct codec_settings set = hasvq_settings(_i == 1, 100, 4, 0.02);
	struct sample s = make_sample(DTYPE_BF16, 64, 90, 16);
	struct rng rng = {17};
	struct codec_stats stats;
	struct buf out = {0};
	const struct codec *used;
	uint8_t *copy;

	set.codec = (enum codec_id)codecs[_i];
	ck_assert_int_eq(codec_encode(&env, &s.slab, &set, NULL, s.raw, &out,
				      &used, &stats, &err), HVQZ_OK);
	for (size_t len = 0; len < out.len; len++) {
		copy = malloc(len + 1);
		memcpy(copy, out.p, len);
		ck_assert_int_ne(used->decode(&env, &s.slab, copy, len, s.back,
					      &err), HVQZ_OK);
		free(copy);
	}
	copy = malloc(out.len);
	for (int round = 0; round < 20000; round++) {
		memcpy(copy, out.p, out.len);
		for (uint64_t n = 1 + rng_below(&rng, 3); n; n--)
			copy[rng_below(&rng, round % 2 ? out.len : 200)] ^=
				(uint8_t)(1u << rng_below(&rng, 8));
		if (used->decode(&env, &s.slab, copy, out.len, s.back,
				 &err) != HVQZ_OK)
			ck_assert(err.msg[0]);
	}
	free(copy);
	buf_free(&out);
	free_sample(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec damage");
	TCase *damage = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_loop_test(damage, bad_payloads_are_refused, 0,
			    sizeof(bad_payloads) / sizeof(*bad_payloads));
	tcase_add_loop_test(damage, damaged_payloads_do_no_harm, 0, 3);
	tcase_set_timeout(damage, 300);
	suite_add_tcase(s, damage);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
