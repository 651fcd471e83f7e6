/*
 * check_planes_damage.c - payloads of codec 1 that must be refused, and random
 * damage to good ones.
 */
#include "base/bytes.h"
#include "codec/codec.h"
#include "kernels/kernels.h"
#include "tests/corpus_planes.h"
#include "tests/slab_case.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct codec_env env;
static struct hvqz_err err;

START_TEST(bad_payloads_are_refused)
{
	const struct payload *bad = &payloads[_i];
	struct sample s = blank_sample(bad->dtype, 1, 4);
	/* At its size: a sanitizer sees a byte too far. */
	uint8_t *p = malloc(bad->len + !bad->len);
	enum hvqz_ret ret;

	memcpy(p, bad->p, bad->len);
	err.msg[0] = 0;
	ret = codec_planes.decode(&env, &s.slab, p, bad->len, s.back, &err);
	if (bad->word) {
		ck_assert_msg(ret == HVQZ_DAMAGED, "%s: %d", bad->name, ret);
		ck_assert_msg(strstr(err.msg, bad->word) != NULL,
			      "%s: \"%s\"", bad->name, err.msg);
	} else {
		ck_assert_msg(ret == HVQZ_OK, "%s: \"%s\"", bad->name,
			      err.msg);
	}
	free(p);
	free_sample(&s);
}
END_TEST

/* ---- damage to what the encoder makes ---- */

struct made {
	enum dtype dtype;
	uint32_t rows;
	uint64_t cols;
	double zeros;
	int effort;
	int what;	/* 0: Gaussian; 1: F16 in it; 2: few values; 3: integers */
};

static const struct made mades[] = {
	{DTYPE_BF16, 64, 90, 0, 5, 0}, {DTYPE_F16, 64, 90, 0, 1, 0},
	{DTYPE_F16, 64, 90, 0.6, 5, 0}, {DTYPE_F32, 64, 90, 0, 5, 1},
	{DTYPE_F32, 40, 90, 0, 5, 2},  {DTYPE_I32, 64, 90, 0, 5, 3},
	{DTYPE_I8, 64, 90, 0, 5, 3},   {DTYPE_F64, 30, 90, 0, 5, 3},
	{DTYPE_F8_E4M3, 64, 90, 0, 5, 3},
};

static struct sample make(const struct made *m)
{
	struct sample s = blank_sample(m->dtype, m->rows, m->cols);
	struct rng rng = {600};
	unsigned unit = dtype_bits(m->dtype) / 8;

	for (size_t i = 0; i < sample_elems(&s); i++) {
		float scale = i / m->cols % 3 ? 0.1f : 0.7f;
		float w = scale * normal(&rng);
		uint8_t at[8] = {0};

		if (uniform(&rng) < m->zeros)
			continue;
		if (m->what == 3) {
			put_le64(at, (uint64_t)(int64_t)(w * 40));
			memcpy(s.raw + i * unit, at, unit);
			continue;
		}
		if (m->what == 2)
			w = (float)(int)(4 * w);
		if (m->what == 1) {
			weights_narrow(DTYPE_F16, &w, 1, at);
			weights_widen(DTYPE_F16, at, 1, &w);
		}
		weights_narrow(m->dtype, &w, 1, s.raw + i * unit);
	}
	return s;
}

START_TEST(damaged_payloads_do_no_harm)
{
	const struct made *m = &mades[_i];
	struct codec_settings set = {.codec = CODEC_PLANES,
				     .effort = m->effort};
	struct sample s = make(m);
	struct rng rng = {700};
	struct codec_stats stats;
	struct buf out = {0};
	const struct codec *used;
	uint8_t *copy;

	ck_assert_int_eq(codec_encode(&env, &s.slab, &set, NULL, s.raw, &out,
				      &used, &stats, &err), HVQZ_OK);
	ck_assert_int_eq(used->id, CODEC_PLANES);
	for (size_t len = 0; len < out.len; len++) {
		copy = malloc(len + 1);
		memcpy(copy, out.p, len);
		ck_assert_int_eq(used->decode(&env, &s.slab, copy, len, s.back,
					      &err), HVQZ_DAMAGED);
		free(copy);
	}
	copy = malloc(out.len);
	for (int round = 0; round < 4000; round++) {
		memcpy(copy, out.p, out.len);
		for (uint64_t n = 1 + rng_below(&rng, 3); n; n--)
			copy[rng_below(&rng, round % 4 ? 60 : out.len)] ^=
				(uint8_t)(1u << rng_below(&rng, 8));
		err.msg[0] = 0;
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
	Suite *s = suite_create("planes damage");
	TCase *damage = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_loop_test(damage, bad_payloads_are_refused, 0,
			    sizeof(payloads) / sizeof(payloads[0]));
	tcase_add_loop_test(damage, damaged_payloads_do_no_harm, 0,
			    sizeof(mades) / sizeof(mades[0]));
	tcase_set_timeout(damage, 120);
	suite_add_tcase(s, damage);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
