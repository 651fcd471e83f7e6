/*
 * check_encode.c - the encoding kernels: the plain way, number by number,
 * against the portable table, and every other table against that, bit for bit.
 * Arrays end where what may be read ends, for the sanitizer.
 */
#include "base/bytes.h"
#include "entropy/lanes.h"
#include "kernels/kernels.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct hvqz_err err;

/* Table i of those that run here, or NULL. */
static const struct encode_kernels *kernels_at(int i)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};
	const struct kernels *k = kernels_named(names[i]);

	return k ? k->encode : NULL;
}

/* ---- rANS ---- */

/* Every frequency's quotients, where they change and where they are largest. */
START_TEST(quotients_are_exact)
{
	struct rng rng = {1};

	for (uint32_t f = 1; f <= LANES_SLOTS; f++) {
		uint16_t freq[] = {(uint16_t)f};
		uint64_t top = (uint64_t)f << 20;
		struct encode_sym s;

		lanes_fill_syms(freq, 1, &s);
		ck_assert_uint_eq((s.what & 4095) + 1, f);
		for (unsigned i = 0; i < 60; i++) {
			uint64_t q = i < 30 ? top / f - 1 - i
					     : rng_below(&rng, top / f);

			for (uint64_t x = q * f; x <= q * f + f - 1;
			     x += f > 1 ? f - 1 : 1) {
				uint64_t y = (uint32_t)x + (s.what >> 24 & 1);

				ck_assert_uint_eq(y * s.rcp >> (s.what >> 26),
						  x / f);
			}
		}
	}
}
END_TEST

enum { SYMBOLS = 40, TABLES = 3 };

/* Streams are those of rans.h's own pushes, whatever the table. */
START_TEST(streams_are_those_of_rans)
{
	static const size_t sizes[] = {1, 2100, 65535, 65536, 65567, 90001};
	const struct encode_kernels *kern = kernels_at(_i);
	struct rng rng = {2};

	for (unsigned i = 0; kern && i < 6; i++) {
		size_t n = sizes[i], n_words = 0;
		unsigned lanes = rans_lanes(n);
		uint16_t freq[TABLES][SYMBOLS] = {{0}}, *words, *key;
		struct encode_sym syms[TABLES * SYMBOLS];
		uint32_t state[RANS_MAX_LANES];
		struct buf want = {0}, got = {0};
		struct lanes_enc enc;

		words = malloc(2 * n);
		key = malloc(n * sizeof(*key));
		for (unsigned t = 0; t < TABLES; t++) {
			unsigned left = LANES_SLOTS;

			/* The last one is of frequencies above 2048 only. */
			for (unsigned s = 1; t < 2 && s < SYMBOLS; s++) {
				freq[t][s] = (uint16_t)(t ? 1 : 1 + 2 * s);
				left -= freq[t][s];
			}
			freq[t][0] = (uint16_t)(t == 2 ? 2897 : left);
			freq[t][1] = t == 2 ? LANES_SLOTS - 2897 : freq[t][1];
			lanes_fill_syms(freq[t], SYMBOLS, syms + t * SYMBOLS);
		}
		for (size_t j = 0; j < n; j++) {
			unsigned t = (unsigned)rng_below(&rng, TABLES);

			key[j] = (uint16_t)(t * SYMBOLS +
					    rng_below(&rng, t == 2 ? 2
								   : SYMBOLS));
		}
		for (unsigned l = 0; l < lanes; l++)
			state[l] = RANS_LOW;
		for (size_t j = n; j-- > 0;) {
			unsigned t = key[j] / SYMBOLS, cum = 0;

			for (unsigned s = t * SYMBOLS; s < key[j]; s++)
				cum += freq[t][s - t * SYMBOLS];
			rans_push(&state[j % lanes], freq[t][key[j] % SYMBOLS],
				  cum, LANES_BITS, words, &n_words);
		}
		ck_assert_int_eq(rans_put_frame(state, lanes, words, n_words,
						&want, &err), HVQZ_OK);
		ck_assert_int_eq(lanes_enc_begin(&enc, kern, syms, n, &err),
				 HVQZ_OK);
		for (size_t end = n; end;) {
			size_t m = i % 2 ? 1024 : rng_below(&rng, 300) + 1;

			m = m < end ? m : end;
			lanes_enc_push(&enc, key + end - m, m);
			end -= m;
		}
		ck_assert_int_eq(lanes_enc_put(&enc, &got, &err), HVQZ_OK);
		ck_assert_uint_eq(got.len, want.len);
		ck_assert_mem_eq(got.p, want.p, want.len);
		lanes_enc_free(&enc);
		buf_free(&want);
		buf_free(&got);
		free(words);
		free(key);
	}
}
END_TEST

/* ---- numbers ---- */

/* n numbers, many of them like each other, at an odd address. */
static uint8_t *make_numbers(struct rng *rng, size_t n, uint8_t **block)
{
	*block = malloc(2 * n + 1);
	for (size_t i = 0; i < n; i++) {
		uint64_t u = rng_u64(rng);
		unsigned x = 0x3c00 + (u & 0x3ff) + (u >> 20 & 0x8000);

		if ((u >> 40 & 15) == 0)
			x = u >> 48 & 0xffff;
		if ((u >> 44 & 31) == 0)
			x = 0;
		put_le16(*block + 1 + 2 * i, (uint16_t)x);
	}
	return *block + 1;
}

static uint8_t *make_classes(struct rng *rng, size_t n)
{
	uint8_t *class = malloc(n);

	for (size_t i = 0; i < n; i++)
		class[i] = (uint8_t)rng_below(rng, 60);
	return class;
}

START_TEST(a_survey_counts_zeros)
{
	const struct encode_kernels *kern = kernels_at(_i);
	struct rng rng = {3};

	for (size_t n = 1; kern && n < 300; n += 1 + rng_below(&rng, 9)) {
		uint8_t *block, *raw = make_numbers(&rng, n, &block);
		uint32_t any = 0;
		size_t zeros = 0, got;

		for (size_t i = 0; i < n; i++) {
			/* Not all bits are always set in one. */
			put_le16(raw + 2 * i, get_le16(raw + 2 * i) &
					      (uint16_t)(0xffff << n % 7));
			any |= get_le16(raw + 2 * i);
			zeros += !get_le16(raw + 2 * i);
		}
		ck_assert_uint_eq(kern->survey16(raw, n, &got), any);
		ck_assert_uint_eq(got, zeros);
		free(block);
	}
}
END_TEST

/* One cut by chance. */
static struct encode_split make_split(struct rng *rng)
{
	struct encode_split s = {
		.bits = 15 - (unsigned)rng_below(rng, 3),
		.octave = (unsigned)rng_below(rng, 5),
		.n = (uint8_t)(1 + rng_below(rng, 255)),
		.sign = (uint8_t)rng_below(rng, 2),
	};

	s.shift = (unsigned)rng_below(rng, ENCODE_MAX_FIELD - s.sign + 1);
	s.first = (uint16_t)((0x3b00 >> s.shift) - rng_below(rng, 200));
	return s;
}

static void check_split(const struct encode_kernels *kern, const uint8_t *raw,
			const uint8_t *class, size_t n,
			const struct encode_split *s)
{
	size_t width = s->shift + s->sign, len = (n * width + 7) / 8;
	uint16_t *key = malloc(2 * n), *at = malloc(2 * n);
	uint8_t *field = malloc(len + ENCODE_SLACK);
	size_t n_at, met = 0;

	n_at = kern->split16(raw, class, n, s, key, width ? field : NULL, at);
	for (size_t i = 0; i < n; i++) {
		unsigned x = get_le16(raw + 2 * i), c = class ? class[i] : 0;
		unsigned got = 0;
		unsigned t = ((x & ((1u << s->bits) - 1)) >> s->shift);

		t = (t - s->first - (c >> 3 << s->octave)) & 0xffff;
		if (t >= s->n) {
			ck_assert_uint_lt(met, n_at);
			ck_assert_uint_eq(at[met++], i);
			t = s->n;
		}
		ck_assert_uint_eq(key[i], (c >> 1 & 3) << 8 | t);
		x = (x & ((1u << s->shift) - 1)) |
		    (s->sign ? (x >> s->bits & 1) << s->shift : 0);
		for (size_t b = 0; b < width; b++)
			got |= (field[(i * width + b) / 8] >>
				(i * width + b) % 8 & 1u) << b;
		ck_assert_uint_eq(got, x);
	}
	ck_assert_uint_eq(met, n_at);
	if (n * width % 8)
		ck_assert_uint_eq(field[len - 1] >> n * width % 8, 0);
	free(key);
	free(at);
	free(field);
}

START_TEST(numbers_are_cut)
{
	const struct encode_kernels *kern = kernels_at(_i);
	struct rng rng = {4};

	for (unsigned round = 0; kern && round < 300; round++) {
		size_t n = 1 + rng_below(&rng, round % 2 ? 40 : 200);
		uint8_t *block, *raw = make_numbers(&rng, n, &block);
		uint8_t *class = make_classes(&rng, n);
		struct encode_split s = make_split(&rng);

		check_split(kern, raw, class, n, &s);
		check_split(kern, raw, NULL, n, &s);
		free(class);
		free(block);
	}
}
END_TEST

START_TEST(numbers_are_counted)
{
	const struct encode_kernels *kern = kernels_at(_i);
	struct rng rng = {5};

	for (unsigned round = 0; kern && round < 300; round++) {
		size_t n = 1 + rng_below(&rng, 100), whole = (n + 15) / 16 * 16;
		uint8_t *block, *raw = make_numbers(&rng, n, &block);
		uint8_t *class = make_classes(&rng, n);
		uint16_t *at = malloc(2 * whole), zero, size;
		struct encode_split s = make_split(&rng);

		zero = (uint16_t)rng_below(&rng, 1000);
		size = (uint16_t)rng_below(&rng, 10000);
		for (unsigned by = 0; by < 2; by++) {
			kern->index16(raw, by ? class : NULL, n, &s, zero,
				      size, at);
			for (size_t i = 0; i < n; i++) {
				unsigned x = get_le16(raw + 2 * i);
				unsigned c = by ? class[i] : 0;

				x = (x & ((1u << s.bits) - 1)) >> s.shift;
				x += zero + size * (c >> 1 & 3) -
				     (c >> 3 << s.octave);
				ck_assert_uint_eq(at[i], x & 0xffff);
			}
		}
		free(at);
		free(class);
		free(block);
	}
}
END_TEST

/* Sums of columns and rows, and each magnitude. */
START_TEST(magnitudes_are_weighed)
{
	const struct encode_kernels *kern = kernels_at(_i);
	struct rng rng = {6};

	for (unsigned round = 0; kern && round < 300; round++) {
		size_t n = 1 + rng_below(&rng, 100);
		uint8_t *block, *raw = make_numbers(&rng, n, &block);
		bool half = round % 2;
		uint32_t up = half ? 112u << 23 : 0, some = 7, more = 7;
		unsigned left = half ? 13 : 16, is = 0;
		float by[128], w[128], sum[128] = {0}, sum2[128] = {0}, a, b;
		uint32_t count[128] = {0}, count2[128] = {0};
		float want[128];

		for (size_t i = 0; i < n; i++) {
			unsigned m = get_le16(raw + 2 * i) & 0x7fff;
			int e = (int)(m >> (half ? 10 : 7)) - (half ? 15 : 127);
			float f = 1 + (float)(m & (half ? 1023 : 127)) /
					      (half ? 1024 : 128);

			by[i] = 0.5f + (float)rng_below(&rng, 100) / 64;
			/* No subnormals; from 2^-60 to 2^60. */
			want[i] = m >> (half ? 10 : 7) == 0 || e < -60 ||
						  e >= 60
					  ? 0 : ldexpf(f, e);
			is += want[i] > 0;
		}
		a = kern->weigh16(raw, n, 0x7fff, left, up, by, w, &some);
		ck_assert_mem_eq(w, want, n * sizeof(*w));
		ck_assert_uint_eq(some, 7 + is);
		b = encode_generic.weigh16(raw, n, 0x7fff, left, up, by, w,
					   &more);
		ck_assert_mem_eq(&a, &b, sizeof(a));
		kern->spread(w, 1.7f, n, sum, count);
		for (size_t i = 0; i < n; i++) {
			float product = w[i] * 1.7f;

			sum2[i] += product;
			count2[i] += w[i] > 0;
		}
		ck_assert_mem_eq(sum, sum2, sizeof(sum));
		ck_assert_mem_eq(count, count2, sizeof(count));
		free(block);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("encoding kernels");
	TCase *t = tcase_create("kernels");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(t, quotients_are_exact);
	tcase_add_loop_test(t, streams_are_those_of_rans, 0, 3);
	tcase_add_loop_test(t, a_survey_counts_zeros, 0, 3);
	tcase_add_loop_test(t, numbers_are_cut, 0, 3);
	tcase_add_loop_test(t, numbers_are_counted, 0, 3);
	tcase_add_loop_test(t, magnitudes_are_weighed, 0, 3);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
