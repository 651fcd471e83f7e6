/*
 * check_decode.c - the decoding kernels: each function of each table against
 * the plain way. Arrays end where what may be read ends, for the sanitizer.
 */
#include "base/half.h"
#include "codec/trellis_code.h"
#include "codec/weights.h"
#include "entropy/bits.h"
#include "entropy/lanes.h"
#include "kernels/kernels.h"
#include "tests/random.h"

#include <check.h>
#include <stdlib.h>

static struct hvqz_err err;

/* Table i of those that run here, or NULL. */
static const struct decode_kernels *kernels_at(int i)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};
	const struct kernels *k = kernels_named(names[i]);

	return k ? k->decode : NULL;
}

/* ---- rANS ---- */

enum { TABLES = 3, SYMBOLS = 40, MOST = 70000 };

struct stream {
	uint16_t freq[TABLES][SYMBOLS];
	uint32_t slots[TABLES * LANES_SLOTS];
	uint8_t sym[MOST], which[MOST];
	size_t n;
	struct buf out;
	unsigned lanes;
};

/* Three tables: many symbols, a very likely one, one that is certain. */
/* lanes: 0 for as many as a stream of n has. */
static struct stream *make_stream(struct rng *rng, size_t n, unsigned lanes)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct encode_sym syms[TABLES * SYMBOLS];
	uint16_t *key = malloc(n * sizeof(*key));
	struct lanes_enc enc;

	for (unsigned t = 0; t < TABLES; t++) {
		unsigned left = LANES_SLOTS;

		for (unsigned i = 1; i < SYMBOLS && t < 2; i++) {
			s->freq[t][i] = (uint16_t)(t ? 1 : 1 + 2 * i);
			left -= s->freq[t][i];
		}
		s->freq[t][0] = (uint16_t)left;
		lanes_fill_syms(s->freq[t], SYMBOLS, syms + t * SYMBOLS);
		lanes_fill_slots(s->freq[t], SYMBOLS,
				 s->slots + t * LANES_SLOTS);
	}
	s->n = n;
	s->lanes = lanes ? lanes : rans_lanes(n);
	for (size_t i = 0; i < n; i++) {
		unsigned t = (unsigned)rng_below(rng, TABLES);

		s->which[i] = (uint8_t)t;
		s->sym[i] = (uint8_t)(t == 2 ? 0 : rng_below(rng, SYMBOLS));
		key[i] = (uint16_t)(t * SYMBOLS + s->sym[i]);
	}
	ck_assert_int_eq(lanes_enc_begin_in(&enc, s->lanes, &encode_generic,
					    syms, n, &err), HVQZ_OK);
	lanes_enc_push(&enc, key, n);
	ck_assert_int_eq(lanes_enc_put(&enc, &s->out, &err), HVQZ_OK);
	lanes_enc_free(&enc);
	free(key);
	return s;
}

/* Take all in pieces by chance; how many before it failed, and the end. */
static size_t take(const struct stream *s, const struct decode_kernels *kern,
		   const uint8_t *p, size_t len, bool whole, uint8_t *sym,
		   struct lanes_dec *d)
{
	struct cursor c = {p, p + len};
	struct rng rng = {9};
	size_t done = 0;

	*d = (struct lanes_dec){.n_lanes = s->lanes};
	if (!rans_get_frame(&c, d->n_lanes, d->state, &d->word, &d->end))
		return 0;
	while (done < s->n) {
		size_t n = whole ? 2048 : rng_below(&rng, 500) + 1;

		n = s->n - done < n ? s->n - done : n;
		if (!lanes_take(d, kern, s->slots, s->which + done,
				sym + done, n))
			return done;
		done += n;
	}
	return done;
}

START_TEST(streams_come_back)
{
	static const size_t sizes[] = {1, 31, 2100, 65536, 65567, MOST};
	const struct decode_kernels *kern = kernels_at(_i);
	uint8_t *sym = malloc(MOST);
	struct rng rng = {1};

	for (unsigned i = 0; kern && i < 2 * 6 * 4; i++) {
		static const unsigned lanes[] = {0, 8, 16, 2};
		struct stream *s = make_stream(&rng, sizes[i / 2 % 6],
					       lanes[i / 12]);
		uint8_t *copy = malloc(s->out.len);
		struct lanes_dec d;

		memcpy(copy, s->out.p, s->out.len);
		ck_assert_uint_eq(take(s, kern, copy, s->out.len, i % 2, sym,
				       &d), s->n);
		ck_assert(lanes_end(&d));
		ck_assert_mem_eq(sym, s->sym, s->n);
		free(copy);
		buf_free(&s->out);
		free(s);
	}
	free(sym);
}
END_TEST

/* Wrong words, and too few: the same symbols, states and end. */
START_TEST(damaged_streams_agree)
{
	const struct decode_kernels *kern = kernels_at(_i);
	uint8_t *a = malloc(MOST), *b = malloc(MOST);
	struct rng rng = {2};
	struct stream *s = make_stream(&rng, MOST, 0);

	for (unsigned i = 0; kern && i < 60; i++) {
		uint8_t *copy = malloc(s->out.len);
		struct lanes_dec d, e;
		uint32_t n_words;
		size_t got;

		memcpy(copy, s->out.p, s->out.len);
		for (unsigned k = 0; k < 20; k++)
			copy[3 + rng_below(&rng, s->out.len - 3)] ^=
				(uint8_t)(1u << rng_below(&rng, 8));
		/* The count of words is three bytes: fewer of them. */
		n_words = (uint32_t)((s->out.len - 3 - 128) / 2);
		n_words -= (uint32_t)rng_below(&rng, i % 2 ? 100 : n_words / 2);
		for (unsigned k = 0; k < 3; k++)
			copy[k] = (uint8_t)((n_words >> 7 * k & 127) |
					    (k < 2 ? 128 : 0));
		got = take(s, &decode_generic, copy, s->out.len, true, a, &d);
		copy = realloc(copy, 3 + 128 + 2 * n_words);
		ck_assert_uint_eq(take(s, kern, copy, 3 + 128 + 2 * n_words,
				       true, b, &e), got);
		ck_assert_mem_eq(a, b, got);
		ck_assert_mem_eq(d.state, e.state, sizeof(d.state));
		ck_assert_uint_eq((size_t)(d.end - d.word),
				  (size_t)(e.end - e.word));
		free(copy);
	}
	buf_free(&s->out);
	free(s);
	free(a);
	free(b);
}
END_TEST

/* Table 0 with one symbol takes no word and leaves the states. */
START_TEST(a_certain_symbol_changes_nothing)
{
	const struct decode_kernels *kern = kernels_at(_i);
	static uint32_t slots[LANES_SLOTS];
	uint32_t state[DECODE_LANES], before[DECODE_LANES];
	uint8_t sym[DECODE_LANES], words[2 * DECODE_LANES];
	const uint16_t freq[] = {0, LANES_SLOTS};
	struct rng rng = {3};

	lanes_fill_slots(freq, 2, slots);
	for (unsigned round = 0; kern && round < 100; round++) {
		const uint8_t *word = words;

		for (unsigned l = 0; l < DECODE_LANES; l++)
			before[l] = state[l] = (uint32_t)rng_u64(&rng) |
					       RANS_LOW;
		ck_assert_uint_eq(kern->rounds(32, state, &word, words + 64,
					       slots, NULL, sym, 1), 1);
		ck_assert_ptr_eq(word, words);
		ck_assert_mem_eq(state, before, sizeof(state));
		for (unsigned l = 0; l < DECODE_LANES; l++)
			ck_assert_uint_eq(sym[l], 1);
		ck_assert_uint_eq(kern->rounds(32, state, &word, words + 63,
					       slots, NULL, sym, 1), 0);
	}
}
END_TEST

/* Symbols of 16 bits: the plain law against every table, also when damaged. */
START_TEST(wide_streams_come_back)
{
	static const uint32_t most[] = {1, 2, 300, 2048, 16384};
	const struct decode_kernels *kern = kernels_at(_i);
	struct rng rng = {11};

	for (unsigned i = 0; kern && i < 3 * 5; i++) {
		uint32_t n_sym = most[i / 3], *counts;
		unsigned bits = i % 3 || n_sym > 4096 ? 15 : 12;
		size_t n = i % 3 == 1 ? MOST : 65536 + i;
		uint16_t *sym = malloc(n * 2), *back = malloc(n * 2);
		struct rans_table enc = {0}, dec = {0};
		struct buf out = {0};
		struct cursor c;
		uint8_t *copy;
		bool valid;

		counts = malloc(n_sym * sizeof(*counts));
		for (uint32_t s = 0; s < n_sym; s++)
			counts[s] = 1 + (uint32_t)rng_below(&rng, 1 + 9 * s);
		for (size_t k = 0; k < n; k++)
			sym[k] = (uint16_t)rng_below(&rng, n_sym);
		ck_assert_int_eq(rans_table_from_counts(&enc, counts, n_sym,
							bits, &err), HVQZ_OK);
		ck_assert_int_eq(rans_encode(&enc, sym, n, &out, &err),
				 HVQZ_OK);
		ck_assert_int_eq(rans_table_from_freqs(&dec, enc.freq, n_sym,
						       bits, &valid, &err),
				 HVQZ_OK);
		ck_assert(valid);
		copy = malloc(out.len);
		memcpy(copy, out.p, out.len);
		c = (struct cursor){copy, copy + out.len};
		ck_assert(rans_decode(&dec, kern, &c, back, n));
		ck_assert_mem_eq(back, sym, n * 2);
		for (unsigned turn = 0; turn < 8; turn++) {
			struct rans_table *t = &dec;
			uint32_t a[DECODE_LANES], b[DECODE_LANES];
			uint16_t *other = malloc(n * 2);
			const uint8_t *end = copy + out.len, *p, *q;
			size_t done;

			copy[rng_below(&rng, out.len)] ^= 64;
			for (unsigned l = 0; l < DECODE_LANES; l++)
				a[l] = b[l] = (uint32_t)rng_u64(&rng) |
					      RANS_LOW;
			p = q = end - out.len % 7 - (out.len > 9000 ? 9000 : 0);
			done = decode_generic.wide_rounds(a, &p, end, t->slot,
							  t->span, bits, back,
							  n / 32);
			ck_assert_uint_eq(kern->wide_rounds(b, &q, end, t->slot,
							    t->span, bits,
							    other, n / 32),
					  done);
			ck_assert_ptr_eq(p, q);
			ck_assert_mem_eq(a, b, sizeof(a));
			ck_assert_mem_eq(back, other, done * 64);
			free(other);
		}
		free(copy);
		free(counts);
		free(sym);
		free(back);
		buf_free(&out);
		rans_table_free(&enc);
		rans_table_free(&dec);
	}
}
END_TEST

/* ---- numbers ---- */

START_TEST(fields_are_those_of_a_bit_reader)
{
	const struct decode_kernels *kern = kernels_at(_i);
	struct rng rng = {4};

	for (unsigned width = 1; kern && width <= DECODE_MAX_FIELD; width++)
		for (size_t n = 1; n < 100; n += 1 + rng_below(&rng, 9)) {
			size_t len = (n * width + 7) / 8, done;
			uint8_t *p = malloc(len);
			uint32_t v[100];
			struct bit_reader r = {.p = p, .end = p + len};

			for (size_t i = 0; i < len; i++)
				p[i] = (uint8_t)rng_u64(&rng);
			done = kern->fields(p, len, width, n, v);
			ck_assert_uint_le(done, n);
			ck_assert_uint_eq(done % 8, 0);
			for (size_t i = 0; i < done; i++)
				ck_assert_uint_eq(v[i], bits_get(&r, width));
			free(p);
		}
}
END_TEST

START_TEST(numbers_are_put_together)
{
	enum { N = 112 };
	const struct decode_kernels *kern = kernels_at(_i), *g = &decode_generic;
	uint8_t sym[N], class[N], raw[2][2 * N];
	uint32_t x[2][N], v[N];
	struct rng rng = {5};

	for (unsigned round = 0; kern && round < 500; round++) {
		unsigned bits = 1 + (unsigned)rng_below(&rng, 31);
		unsigned low = (unsigned)rng_below(&rng, bits + 1);
		unsigned octave = (unsigned)rng_below(&rng, 9);
		uint32_t first = (uint32_t)rng_u64(&rng), any = 0;
		size_t n = rng_below(&rng, N - 15);

		for (unsigned i = 0; i < N; i++) {
			sym[i] = (uint8_t)rng_u64(&rng);
			class[i] = (uint8_t)rng_u64(&rng);
			v[i] = (uint32_t)rng_u64(&rng) &
			       ((1u << (low < 30 ? low + 1 : 31)) - 1);
		}
		kern->place(sym, round % 2 ? class : NULL, n, first, octave,
			    x[0]);
		g->place(sym, round % 2 ? class : NULL, n, first, octave,
			 x[1]);
		ck_assert_mem_eq(x[0], x[1], n * 4);
		n -= n % DECODE_STEP;
		for (size_t i = 0; i < n; i++)
			any |= x[0][i];
		ck_assert_uint_eq(kern->join(x[0], v, n, low, bits), any);
		ck_assert_uint_eq(g->join(x[1], v, n, low, bits), any);
		ck_assert_mem_eq(x[0], x[1], n * 4);
		memset(raw, round & 255, sizeof(raw));
		kern->store16(x[0], n, raw[0]);
		for (size_t i = 0; i < n; i++)
			put_le16(raw[1] + 2 * i, (uint16_t)x[0][i]);
		ck_assert_mem_eq(raw[0], raw[1], sizeof(raw[0]));
	}
}
END_TEST

/* ---- points ---- */

START_TEST(points_follow_the_trellis)
{
	enum { ROWS = 200 };
	const struct decode_kernels *kern = kernels_at(_i);
	static uint8_t v[ROWS * 32], from[ROWS * 32];
	struct rng rng = {6};

	for (unsigned k = 0; kern && k < 3 * 7; k++) {
		unsigned log = TRELLIS_MIN_LOG + k / 3, lanes = 8u << k % 3;
		uint8_t state[32] = {0}, at[32] = {0};
		struct trellis_code code;

		trellis_code_make(&code, log);
		for (size_t i = 0; i < sizeof(v); i++)
			v[i] = from[i] = (uint8_t)rng_below(&rng, 128);
		kern->points(lanes, v, sizeof(v) / lanes, state,
			     code.next[1][0], code.next[0][1]);
		for (size_t i = 0; i < sizeof(v); i++) {
			uint8_t *y = &at[i % lanes];
			int32_t u;

			if (from[i] == DECODE_NO_POINT) {
				ck_assert_uint_eq(v[i], 128);
				continue;
			}
			u = trellis_point(from[i], *y & 1);
			*y = code.next[*y][u >> 1 & 1];
			ck_assert_int_eq((int8_t)v[i], u);
		}
		ck_assert_mem_eq(state, at, sizeof(at));
	}
}
END_TEST

START_TEST(bytes_are_turned)
{
	const struct decode_kernels *kern = kernels_at(_i);
	uint8_t from[32 * 41], to[32 * 32];
	struct rng rng = {7};

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)rng_u64(&rng);
	if (!kern)
		return;
	kern->transpose(from, 41, to);
	for (size_t i = 0; i < 32; i++)
		for (size_t j = 0; j < 32; j++)
			ck_assert_uint_eq(to[32 * j + i], from[41 * i + j]);
}
END_TEST

START_TEST(points_are_restored)
{
	const struct decode_kernels *kern = kernels_at(_i);
	struct rng rng = {8};

	for (unsigned u0 = 0; kern && u0 < 256; u0 += 32) {
		float step[32], w[32], scale = expf(normal(&rng));
		uint8_t u[32];

		for (unsigned i = 0; i < 32; i++) {
			u[i] = (uint8_t)(u0 + i);
			step[i] = expf(40 * normal(&rng));
		}
		kern->restore(u, step, scale, w);
		for (unsigned i = 0; i < 32; i++) {
			float want = ((float)(int8_t)u[i] + 0.5f) *
				     (step[i] * scale);

			want = u[i] == 128 ? 0 : want;
			ck_assert_uint_eq(f32_to_bits(w[i]),
					  f32_to_bits(want));
		}
	}
}
END_TEST

static void expect_narrow(const struct decode_kernels *kern, const float *w)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};

	for (unsigned d = 0; d < 3; d++) {
		size_t len = 32 * dtype_bits(dtypes[d]) / 8;
		uint8_t a[128], b[128];

		kern->narrow(dtypes[d], w, a);
		weights_narrow(dtypes[d], w, 32, b);
		ck_assert_mem_eq(a, b, len);
	}
}

/* Every F16 and BF16, its neighbours, half-way to the next; floats at large. */
START_TEST(narrowing_rounds_alike)
{
	const struct decode_kernels *kern = kernels_at(_i);
	struct rng rng = {10};

	for (uint32_t h = 0; kern && h < 65536; h += 4) {
		float w[32];

		for (uint32_t k = 0; k < 4; k++) {
			uint32_t f = f32_to_bits(f32_from_f16(
				(uint16_t)(h + k)));
			uint32_t b = (h + k) << 16;

			w[8 * k] = f32_from_bits(f);
			w[8 * k + 1] = f32_from_bits(f + 0xfff);
			w[8 * k + 2] = f32_from_bits(f + 0x1000);
			w[8 * k + 3] = f32_from_bits(f + 0x1001);
			w[8 * k + 4] = f32_from_bits(b);
			w[8 * k + 5] = f32_from_bits(b + 0x7fff);
			w[8 * k + 6] = f32_from_bits(b + 0x8000);
			w[8 * k + 7] = f32_from_bits(b + 0x8001);
		}
		expect_narrow(kern, w);
		for (unsigned i = 0; i < 32; i++)
			w[i] = f32_from_bits((uint32_t)rng_u64(&rng));
		expect_narrow(kern, w);
		/* Where F16 is subnormal. */
		for (unsigned i = 0; i < 32; i++)
			w[i] = f32_from_bits((uint32_t)(rng_below(&rng, 14 << 23) +
						       (100u << 23)));
		expect_narrow(kern, w);
	}
}
END_TEST

START_TEST(instruction_sets_can_be_left_out)
{
	const struct kernels *all = kernels_select(), *k;
	const char *bad = NULL;

	ck_assert_ptr_eq(kernels_without("", &bad), all);
	ck_assert_ptr_eq(kernels_without("avx2", &bad), &kernels_generic);
	ck_assert_ptr_eq(kernels_without("avx512,avx2", &bad),
			 &kernels_generic);
	ck_assert_ptr_eq(kernels_without("avx2,avx2,avx512", &bad),
			 &kernels_generic);
	k = kernels_named("avx2");
	ck_assert_ptr_eq(kernels_without("avx512", &bad),
			 k ? k : &kernels_generic);
	ck_assert_ptr_null(bad);
	for (const char *const *w = (const char *const[]){
			"generic", "avx5", "avx5122", "AVX2", ",", "avx2,",
			"avx2 ", "avx512,,avx2", NULL}; *w; w++) {
		bad = NULL;
		ck_assert_ptr_null(kernels_without(*w, &bad));
		ck_assert(bad >= *w && bad <= *w + strlen(*w));
	}
	ck_assert_ptr_null(kernels_without("avx2,sse", &bad));
	ck_assert_str_eq(bad, "sse");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("decoding kernels");
	TCase *t = tcase_create("tables");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, streams_come_back, 0, 3);
	tcase_add_loop_test(t, damaged_streams_agree, 0, 3);
	tcase_add_loop_test(t, a_certain_symbol_changes_nothing, 0, 3);
	tcase_add_loop_test(t, wide_streams_come_back, 0, 3);
	tcase_add_loop_test(t, fields_are_those_of_a_bit_reader, 0, 3);
	tcase_add_loop_test(t, numbers_are_put_together, 0, 3);
	tcase_add_loop_test(t, points_follow_the_trellis, 0, 3);
	tcase_add_loop_test(t, bytes_are_turned, 0, 3);
	tcase_add_loop_test(t, points_are_restored, 0, 3);
	tcase_add_loop_test(t, narrowing_rounds_alike, 0, 3);
	tcase_add_test(t, instruction_sets_can_be_left_out);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
