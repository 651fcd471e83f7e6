/*
 * check_delta.c - codec 6: every bit back from a base model's rows and the
 * difference, no longer than it must be; bad payloads refused.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "codec/codec.h"
#include "formats/container.h"
#include "kernels/kernels.h"
#include "tests/corpus_delta.h"
#include "tests/slab_case.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct codec_env env;
static struct hvqz_err err;

/* base [raw_len] of s, and its payload; false: declined. */
static bool encode(const struct sample *s, const uint8_t *base,
		   struct buf *out)
{
	struct codec_settings set = {.codec = CODEC_PLANES, .effort = 5};
	struct codec_stats stats = {0};
	bool declined;

	env.base = base;
	buf_clear(out);
	ck_assert_int_eq(codec_delta.encode(&env, &s->slab, &set, NULL, s->raw,
					    out, &stats, &declined, &err),
			 HVQZ_OK);
	return !declined;
}

/* From a payload of exact length: ASan sees a byte read too far. */
static enum hvqz_ret decode(const struct sample *s, const uint8_t *base,
			    const void *p, size_t len)
{
	uint8_t *copy = malloc(len + !len);
	enum hvqz_ret ret;

	if (len)
		memcpy(copy, p, len);
	env.base = base;
	err = (struct hvqz_err){0};
	memset(s->back, 0xa5, s->slab.raw_len);
	ret = codec_delta.decode(&env, &s->slab, copy, len, s->back, &err);
	ck_assert_int_eq(ret, err.ret);
	free(copy);
	return ret;
}

/* There and back; the payload's length. */
static size_t trip(const struct sample *s, const uint8_t *base)
{
	struct buf out = {0};
	size_t len;

	ck_assert(encode(s, base, &out));
	ck_assert_uint_ge(out.len, container_min_stored(s->slab.raw_len));
	ck_assert_msg(decode(s, base, out.p, out.len) == HVQZ_OK, "%s",
		      err.msg);
	ck_assert_mem_eq(s->raw, s->back, s->slab.raw_len);
	len = out.len;
	buf_free(&out);
	return len;
}

static void random_bytes(uint8_t *p, size_t n, struct rng *rng)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rng_u64(rng);
}

static uint8_t *copy_of(const struct sample *s)
{
	uint8_t *p = malloc(s->slab.raw_len + 1);

	memcpy(p, s->raw, s->slab.raw_len);
	return p;
}

/* ---- which dtypes ---- */

static const enum dtype taken[] = {
	DTYPE_BOOL, DTYPE_U8, DTYPE_I8, DTYPE_U16, DTYPE_I16, DTYPE_U32,
	DTYPE_I32, DTYPE_F16, DTYPE_BF16, DTYPE_F32, DTYPE_F8_E4M3,
	DTYPE_F8_E5M2, DTYPE_F8_E8M0, DTYPE_F8_E4M3FNUZ, DTYPE_F8_E5M2FNUZ,
};
static const enum dtype left_out[] = {
	DTYPE_U64, DTYPE_I64, DTYPE_F64, DTYPE_C64, DTYPE_F6_E2M3,
	DTYPE_F6_E3M2, DTYPE_F4,
};
enum {
	N_TAKEN = sizeof(taken) / sizeof(*taken),
	N_LEFT_OUT = sizeof(left_out) / sizeof(*left_out),
};

/* Any pattern against any: NaNs with their payloads, all of them. */
START_TEST(any_bits_come_back)
{
	static const uint32_t sizes[] = {1, 2, 3, 255, 2047, 2048, 5000,
					 70000};
	struct rng rng = {1 + (uint64_t)_i};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct sample s = blank_sample(taken[_i], 1, sizes[i]);
		uint8_t *base = malloc(s.slab.raw_len);

		random_bytes(s.raw, s.slab.raw_len, &rng);
		random_bytes(base, s.slab.raw_len, &rng);
		trip(&s, base);
		memcpy(base, s.raw, s.slab.raw_len);
		trip(&s, base);
		/* a difference here and there */
		for (size_t k = 0; k < s.slab.raw_len; k += 97)
			base[k] ^= (uint8_t)(1u << k % 8);
		trip(&s, base);
		free(base);
		free_sample(&s);
	}
}
END_TEST

/* Each against each: the ends of every range of a float's patterns. */
START_TEST(special_numbers_come_back)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static const unsigned mantissa[] = {10, 7, 23};
	unsigned bytes = dtype_bits(dtypes[_i]) / 8;
	uint32_t top = 1u << (8 * bytes - 1), inf;
	uint32_t magnitude[10], all[20];
	struct sample s = blank_sample(dtypes[_i], 20, 20);
	uint8_t *base = malloc(s.slab.raw_len);

	inf = top - (1u << mantissa[_i]);
	memcpy(magnitude,
	       (uint32_t[]){0, 1, (1u << mantissa[_i]) - 1,
			    1u << mantissa[_i], inf / 2, inf - 1, inf,
			    inf + 1, inf | 1u << (mantissa[_i] - 1), top - 1},
	       sizeof(magnitude));
	for (unsigned i = 0; i < 10; i++) {
		all[i] = magnitude[i];
		all[10 + i] = magnitude[i] | top;
	}
	for (size_t i = 0; i < 400; i++)
		for (unsigned b = 0; b < bytes; b++) {
			s.raw[i * bytes + b] =
				(uint8_t)(all[i / 20] >> 8 * b);
			base[i * bytes + b] =
				(uint8_t)(all[i % 20] >> 8 * b);
		}
	trip(&s, base);
	free(base);
	free_sample(&s);
}
END_TEST

START_TEST(other_dtypes_are_left_to_others)
{
	struct sample s = blank_sample(left_out[_i], 4, 64);
	uint8_t *base = copy_of(&s);
	struct buf out = {0};

	ck_assert(!encode(&s, base, &out));
	ck_assert_int_eq(decode(&s, base, "\0\0\1", 3), HVQZ_DAMAGED);
	ck_assert(strstr(err.msg, dtype_name(left_out[_i])));
	buf_free(&out);
	free(base);
	free_sample(&s);
}
END_TEST

START_TEST(nothing_without_a_base)
{
	struct sample s = make_sample(DTYPE_BF16, 8, 64, 3);
	struct buf out = {0};

	ck_assert(!encode(&s, NULL, &out));
	ck_assert_int_eq(decode(&s, NULL, "\0\0\1", 3), HVQZ_USAGE);
	buf_free(&out);
	free_sample(&s);
}
END_TEST

/* ---- how long ---- */

START_TEST(identical_slabs_are_next_to_nothing)
{
	/* 16 MiB: rule 4 of section 5 asks for 192 bytes. */
	static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_BF16};
	struct sample s = make_sample(DTYPE_BF16, 1024, 100, 4);
	struct sample large = blank_sample(dtypes[_i], 1 << 13,
					   _i ? 1024 : 512);
	uint8_t *base = copy_of(&s);
	size_t len;

	ck_assert_uint_le(trip(&s, base), 200);
	free(base);
	free_sample(&s);
	ck_assert_uint_eq(large.slab.raw_len, 16 << 20);
	base = copy_of(&large);
	len = trip(&large, base);
	ck_assert_uint_ge(len, 192);
	ck_assert_uint_le(len, 300);
	free(base);
	free_sample(&large);
}
END_TEST

START_TEST(sparse_differences_are_cheap)
{
	struct sample s = make_sample(DTYPE_F16, 256, 256, 5);
	uint8_t *base = copy_of(&s);
	struct rng rng = {6};

	/* One in a hundred: 0.08 bits to say which, and how much. */
	for (unsigned i = 0; i < 655; i++)
		s.raw[2 * rng_below(&rng, 256 * 256)] ^= 1;
	ck_assert_uint_le(trip(&s, base), 256 * 256 / 8 / 100 * 10 + 200);
	free(base);
	free_sample(&s);
}
END_TEST

/* Sum of n·log2 n over what was counted, and its n. */
struct tally {
	uint32_t count[1 << 17];
	double n;
};

/*
 * Bits of the differences where each exponent of the base has a distribution
 * of its own, and what they are is known. With the correction of G. A. Miller,
 * "Note on the bias of information estimates", 1955.
 */
static double entropy_bits(const struct sample *s, const uint8_t *base,
			   unsigned mantissa)
{
	static struct tally t;
	bool present[256] = {false};
	size_t n = sample_elems(s);
	double bits = 0;

	for (size_t i = 0; i < n; i++)
		present[(get_le16(base + 2 * i) & 0x7fff) >> mantissa] = true;
	for (unsigned e = 0; e < 256; e++) {
		double seen = 0;

		if (!present[e])
			continue;
		memset(&t, 0, sizeof(t));
		for (size_t i = 0; i < n; i++) {
			uint32_t u = get_le16(s->raw + 2 * i);
			uint32_t b = get_le16(base + 2 * i);

			if ((b & 0x7fff) >> mantissa != e)
				continue;
			u = u & 0x8000 ? 0xffff - u : u + 0x8000;
			b = b & 0x8000 ? 0xffff - b : b + 0x8000;
			t.count[u - b + 65536]++;
			t.n++;
		}
		for (size_t k = 0; k < 1 << 17; k++)
			if (t.count[k]) {
				bits -= t.count[k] * log2(t.count[k] / t.n);
				seen++;
			}
		/* So few samples seem simpler than what they are of. */
		bits += seen ? (seen - 1) / 2 * 1.4426950408889634 : 0;
	}
	return bits;
}

/* The base's weights moved by Gaussian steps of this size. */
static void fine_tune(struct sample *s, const uint8_t *base, double size,
		      uint64_t seed)
{
	size_t n = sample_elems(s);
	float *w = sample_weights(s, base);
	struct rng rng = {seed};

	for (size_t i = 0; i < n; i++)
		w[i] += (float)(size * gaussian(&rng));
	weights_narrow(s->slab.dtype, w, n, s->raw);
	free(w);
}

START_TEST(fine_tunes_come_near_their_entropy)
{
	enum { SIDE = 2048 };
	static const struct {
		enum dtype dtype;
		unsigned mantissa;
		double size;
	} c[] = {
		{DTYPE_BF16, 7, 1e-4}, {DTYPE_F16, 10, 2e-6},
	};
	struct sample s = make_sample(c[_i].dtype, SIDE, SIDE, 7);
	uint8_t *base = copy_of(&s);
	double bits, got;

	fine_tune(&s, base, c[_i].size, 8);
	bits = entropy_bits(&s, base, c[_i].mantissa);
	got = 8.0 * (double)trip(&s, base);
	ck_assert_msg(got < 1.01 * bits, "%g: %.4f bits a unit, not %.4f",
		      c[_i].size, got / SIDE / SIDE, bits / SIDE / SIDE);
	free(base);
	free_sample(&s);
}
END_TEST

/* Exponents whose differences are alike share a table, others do not. */
START_TEST(groups_merge_where_they_are_alike)
{
	enum { N = 1 << 16 };
	struct sample s = blank_sample(DTYPE_BF16, 256, 256);
	uint8_t *base = malloc(2 * N);
	struct rng rng = {9};
	struct buf out = {0};

	for (size_t i = 0; i < N; i++) {
		uint16_t b = (uint16_t)(rng_below(&rng, 200) << 7 |
					rng_below(&rng, 128));

		put_le16(base + 2 * i, b);
		put_le16(s.raw + 2 * i, (uint16_t)(b + rng_below(&rng, 4)));
	}
	ck_assert(encode(&s, base, &out));
	ck_assert_uint_eq(out.p[0], 0);
	ck_assert_uint_le(out.len, N / 4 + 200);
	ck_assert_int_eq(decode(&s, base, out.p, out.len), HVQZ_OK);
	ck_assert_mem_eq(s.raw, s.back, 2 * N);
	/* Below 100 nothing changes, from there on a lot. */
	for (size_t i = 0; i < N; i++) {
		uint16_t b = get_le16(base + 2 * i);

		put_le16(s.raw + 2 * i, b >> 7 < 100 ? b : (uint16_t)(
				b + rng_below(&rng, 1024)));
	}
	ck_assert(encode(&s, base, &out));
	ck_assert_uint_eq(out.p[0], 1);
	ck_assert_uint_eq(out.p[1], 99);
	ck_assert_uint_le(out.len, N / 2 * 11 / 8 + 300);
	ck_assert_int_eq(decode(&s, base, out.p, out.len), HVQZ_OK);
	ck_assert_mem_eq(s.raw, s.back, 2 * N);
	buf_free(&out);
	free(base);
	free_sample(&s);
}
END_TEST

/* ---- among the codecs ---- */

static const struct codec *chosen(const struct sample *s, const uint8_t *base,
				  enum codec_id id, size_t *len)
{
	struct codec_settings set = hasvq_settings(false, 64, 4, 0.01);
	const struct codec *used;
	struct codec_stats stats;
	struct buf out = {0};

	set.codec = id;
	env.base = base;
	ck_assert_int_eq(codec_encode(&env, &s->slab, &set, NULL, s->raw, &out,
				      &used, &stats, &err), HVQZ_OK);
	ck_assert_uint_le(out.len, s->slab.raw_len);
	ck_assert_uint_ge(out.len, container_min_stored(s->slab.raw_len));
	if (used->lossless) {
		memset(s->back, 0xa5, s->slab.raw_len);
		ck_assert_int_eq(used->decode(&env, &s->slab, out.p, out.len,
					      s->back, &err), HVQZ_OK);
		ck_assert_mem_eq(s->raw, s->back, s->slab.raw_len);
		ck_assert(stats.noise == 0 && stats.signal == 0);
	}
	*len = out.len;
	buf_free(&out);
	return used;
}

START_TEST(the_difference_is_taken_where_it_pays)
{
	struct sample s = make_sample(DTYPE_BF16, 256, 256, 10);
	struct sample other = make_sample(DTYPE_BF16, 256, 256, 11);
	uint8_t *base = copy_of(&s);
	size_t len, alone;

	fine_tune(&s, base, 1e-4, 12);
	ck_assert_ptr_eq(chosen(&s, NULL, CODEC_PLANES, &alone),
			 &codec_planes);
	ck_assert_ptr_eq(chosen(&s, base, CODEC_PLANES, &len), &codec_delta);
	ck_assert_uint_lt(len, alone / 2);
	/* Another model's rows are no help. */
	ck_assert_ptr_eq(chosen(&s, other.raw, CODEC_PLANES, &len),
			 &codec_planes);
	ck_assert_uint_eq(len, alone);
	/* Who asks for another codec gets it. */
	ck_assert_ptr_eq(chosen(&s, base, CODEC_RAW, &len), &codec_raw);
	ck_assert_ptr_eq(chosen(&s, base, CODEC_HASVQ, &len), &codec_hasvq);
	free(base);
	free_sample(&s);
	free_sample(&other);
}
END_TEST

/* Too small for any payload but raw: planes declined and were taken. */
START_TEST(single_elements)
{
	for (size_t i = 0; i < N_TAKEN; i++) {
		struct sample s = blank_sample(taken[i], 1, 1);
		uint8_t base[4] = {1, 2, 3, 4};
		size_t len;

		memcpy(s.raw, "abcd", s.slab.raw_len);
		trip(&s, base);
		chosen(&s, base, CODEC_PLANES, &len);
		memcpy(s.raw, base, s.slab.raw_len);
		chosen(&s, base, CODEC_PLANES, &len);
		free_sample(&s);
	}
}
END_TEST

/* ---- the law, byte by byte ---- */

static const uint8_t old_bytes[] = {10, 20, 30, 40};
static const uint8_t new_bytes[] = {10, 21, 29, 42};
/* more, way 0, then 1 001 01 00001 from the lowest bit on */
static const uint8_t byte_payload[] = {0, 0, 0x29, 0x04};

/* old_floats to the next ones: up, same, down, -0 */
static const uint8_t new_floats[] = {0x81, 0x3f, 0x00, 0x3f,
				     0x81, 0xbf, 0x00, 0x80};
/* exponents up to 126: 1 01, the others: 001 01 */
static const uint8_t float_payload[] = {1, 126, 0, 0x05, 0, 0x14};

START_TEST(payloads_are_those_of_the_law)
{
	struct sample s = blank_sample(DTYPE_U8, 1, 4);
	struct sample f = blank_sample(DTYPE_BF16, 1, 4);
	struct buf out = {0};

	memcpy(s.raw, new_bytes, 4);
	ck_assert(encode(&s, old_bytes, &out));
	ck_assert_uint_eq(out.len, sizeof(byte_payload));
	ck_assert_mem_eq(out.p, byte_payload, out.len);
	ck_assert_int_eq(decode(&s, old_bytes, byte_payload,
				sizeof(byte_payload)), HVQZ_OK);
	ck_assert_mem_eq(s.back, new_bytes, 4);
	ck_assert_int_eq(decode(&f, old_floats, float_payload,
				sizeof(float_payload)), HVQZ_OK);
	ck_assert_mem_eq(f.back, new_floats, 8);
	buf_free(&out);
	free_sample(&s);
	free_sample(&f);
}
END_TEST

/* ---- payloads that must be refused ---- */

START_TEST(bad_payloads_are_refused)
{
	const struct bad_payload *bad = &bad_payloads[_i];
	struct sample s = blank_sample(bad->dtype, 1, 4);
	enum hvqz_ret ret = decode(&s, old_floats, bad->p, bad->len);

	ck_assert_msg(ret == (bad->word ? HVQZ_DAMAGED : HVQZ_OK),
		      "%s: \"%s\"", bad->name, err.msg);
	if (bad->word)
		ck_assert_msg(strstr(err.msg, bad->word) != NULL,
			      "%s: \"%s\"", bad->name, err.msg);
	free_sample(&s);
}
END_TEST

/* Cuts, flips and pieces of itself elsewhere: an error or other weights. */
START_TEST(damaged_payloads_do_no_harm)
{
	static const enum dtype dtypes[] = {DTYPE_BF16, DTYPE_F32, DTYPE_I8};
	struct sample s = blank_sample(dtypes[_i], 30, 30);
	uint8_t *base = malloc(s.slab.raw_len), *copy;
	struct rng rng = {13};
	struct buf out = {0};
	size_t from, to, n;

	random_bytes(base, s.slab.raw_len, &rng);
	memcpy(s.raw, base, s.slab.raw_len);
	/* Exponents that change much and some that change little. */
	for (size_t i = 0; i < s.slab.raw_len; i += s.slab.raw_len / 900)
		s.raw[i] ^= (uint8_t)rng_below(&rng, i % 3 ? 4 : 256);
	ck_assert(encode(&s, base, &out));
	for (size_t len = 0; len < out.len; len++)
		ck_assert_int_eq(decode(&s, base, out.p, len), HVQZ_DAMAGED);
	copy = malloc(out.len);
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		memcpy(copy, out.p, out.len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		decode(&s, base, copy, out.len);
	}
	for (unsigned round = 0; round < 10000; round++) {
		memcpy(copy, out.p, out.len);
		from = rng_below(&rng, out.len);
		to = rng_below(&rng, round % 2 ? out.len : 40);
		n = 1 + rng_below(&rng, 30);
		n = n < out.len - from ? n : out.len - from;
		n = n < out.len - to ? n : out.len - to;
		if (round % 3)
			memmove(copy + to, copy + from, n);
		else
			random_bytes(copy + to, n, &rng);
		decode(&s, base, copy, out.len);
	}
	free(copy);
	free(base);
	buf_free(&out);
	free_sample(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("delta");
	TCase *tc = tcase_create("delta");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_loop_test(tc, any_bits_come_back, 0, N_TAKEN);
	tcase_add_loop_test(tc, special_numbers_come_back, 0, 3);
	tcase_add_loop_test(tc, other_dtypes_are_left_to_others, 0,
			    N_LEFT_OUT);
	tcase_add_test(tc, nothing_without_a_base);
	tcase_add_loop_test(tc, identical_slabs_are_next_to_nothing, 0, 2);
	tcase_add_test(tc, sparse_differences_are_cheap);
	tcase_add_loop_test(tc, fine_tunes_come_near_their_entropy, 0, 2);
	tcase_add_test(tc, groups_merge_where_they_are_alike);
	tcase_add_test(tc, the_difference_is_taken_where_it_pays);
	tcase_add_test(tc, single_elements);
	tcase_add_test(tc, payloads_are_those_of_the_law);
	tcase_add_loop_test(tc, bad_payloads_are_refused, 0,
			    sizeof(bad_payloads) / sizeof(*bad_payloads));
	tcase_add_loop_test(tc, damaged_payloads_do_no_harm, 0, 3);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
