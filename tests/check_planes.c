/*
 * check_planes.c - codec 1: every bit back, and no longer than it must be.
 *
 * Data of a known distribution must come within 0.5 % of its entropy, which
 * the test computes from that distribution, number by number.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "codec/codec.h"
#include "codec/planes.h"
#include "kernels/kernels.h"
#include "tests/slab_case.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct codec_env env;
static struct hvqz_err err;

/* Encode and decode with this effort; the payload's length. */
static size_t trip(struct sample *s, int effort)
{
	struct codec_settings set = {.codec = CODEC_PLANES, .effort = effort};
	const struct codec *used;
	struct codec_stats stats;
	struct buf out = {0};
	size_t len;

	ck_assert_int_eq(codec_encode(&env, &s->slab, &set, NULL, s->raw, &out,
				      &used, &stats, &err), HVQZ_OK);
	memset(s->back, 0xa5, s->slab.raw_len);
	ck_assert_msg(used->decode(&env, &s->slab, out.p, out.len, s->back,
				   &err) == HVQZ_OK, "%s", err.msg);
	ck_assert_mem_eq(s->raw, s->back, s->slab.raw_len);
	/* Raw at the worst. */
	ck_assert_uint_le(out.len, s->slab.raw_len);
	len = out.len;
	buf_free(&out);
	return len;
}

/* ---- entropy ---- */

/* Bits of a Gaussian number's falling between a and b, 0 ≤ a < b, on its side. */
static double interval_bits(double a, double b, double sigma)
{
	double x = (a + b) / 2 / sigma, w = (b - a) / sigma, p;

	if (w < 1e-3)
		p = w * exp(-x * x / 2) * 0.3989422804014327;
	else
		p = (erfc(a / sigma * 0.7071067811865476) -
		     erfc(b / sigma * 0.7071067811865476)) / 2;
	return -log2(p);
}

static double value(enum dtype d, uint32_t magnitude)
{
	if (d == DTYPE_F16)
		return (double)f32_from_f16((uint16_t)magnitude);
	if (d == DTYPE_BF16)
		return (double)f32_from_bf16((uint16_t)magnitude);
	return (double)f32_from_bits(magnitude);
}

/* Of the number that w became in d. */
static double float_bits(enum dtype d, float w, double sigma)
{
	uint32_t m = d == DTYPE_F16    ? f16_from_f32(w) & 0x7fffu
		     : d == DTYPE_BF16 ? bf16_from_f32(w) & 0x7fffu
				       : f32_to_bits(w) & 0x7fffffffu;
	double v = value(d, m);

	return interval_bits(m ? (v + value(d, m - 1)) / 2 : 0,
			     (v + value(d, m + 1)) / 2, sigma);
}

struct gaussian_case {
	const char *name;
	enum dtype dtype;	/* of the tensor */
	enum dtype held;	/* what the numbers were rounded to */
	uint32_t rows;
	uint64_t cols;
	double row_spread, col_spread;	/* of the scales' logarithms */
	uint64_t run;		/* columns of one scale */
	double zeros;		/* share of them */
};

static const struct gaussian_case gaussians[] = {
	{"bf16 rows", DTYPE_BF16, DTYPE_BF16, 256, 2048, 0.5, 0, 1, 0},
	{"f16 rows", DTYPE_F16, DTYPE_F16, 256, 2048, 0.5, 0, 1, 0},
	{"f32 rows", DTYPE_F32, DTYPE_F32, 256, 1024, 0.5, 0, 1, 0},
	{"bf16 both", DTYPE_BF16, DTYPE_BF16, 512, 1024, 0.5, 0.7, 1, 0},
	{"conv f16", DTYPE_F16, DTYPE_F16, 256, 9 * 256, 1.5, 1.0, 9, 0},
	{"conv bf16", DTYPE_BF16, DTYPE_BF16, 256, 9 * 256, 1.5, 1.0, 9, 0},
	{"f32 of bf16", DTYPE_F32, DTYPE_BF16, 256, 1024, 0.5, 0, 1, 0},
	{"f32 of f16", DTYPE_F32, DTYPE_F16, 256, 1024, 0.5, 0.5, 1, 0},
	{"f16 of bf16", DTYPE_F16, DTYPE_BF16, 256, 1024, 0.3, 0, 1, 0},
	{"sparse bf16", DTYPE_BF16, DTYPE_BF16, 512, 1024, 0.3, 0, 1, 0.7},
	{"sparse f16", DTYPE_F16, DTYPE_F16, 512, 2048, 0.5, 0, 1, 0.95},
	{"sparse f32 of f16", DTYPE_F32, DTYPE_F16, 512, 1024, 0, 0, 1, 0.5},
};

START_TEST(gaussian_weights_take_their_entropy)
{
	const struct gaussian_case *g = &gaussians[_i];
	struct sample s = blank_sample(g->dtype, g->rows, g->cols);
	double *col = malloc(g->cols * sizeof(*col)), bits = 0;
	struct rng rng = {100 + (uint64_t)_i};
	size_t unit = dtype_bits(g->dtype) / 8;

	for (uint64_t j = 0; j < g->cols; j++)
		col[j] = j % g->run ? col[j - 1]
				    : exp(g->col_spread * gaussian(&rng));
	for (size_t i = 0; i < g->rows; i++) {
		double row = 0.02 * exp(g->row_spread * gaussian(&rng));

		for (uint64_t j = 0; j < g->cols; j++) {
			double sigma = row * col[j];
			float w = (float)(sigma * gaussian(&rng));
			uint8_t at[4];

			if (g->zeros > 0) {
				bool zero = uniform(&rng) < g->zeros;

				bits -= log2(zero ? g->zeros : 1 - g->zeros);
				if (zero)
					continue;
			}
			bits += float_bits(g->held, w, sigma);
			weights_narrow(g->held, &w, 1, at);
			weights_widen(g->held, at, 1, &w);
			weights_narrow(g->dtype, &w, 1,
				       s.raw + (i * g->cols + j) * unit);
		}
	}
	for (int effort = 5; effort <= 9; effort += 4) {
		double len = (double)trip(&s, effort) * 8;

		ck_assert_msg(len < 1.005 * bits,
			      "%s, -%d: %.4f bits a number, entropy %.4f",
			      g->name, effort, len / (double)sample_elems(&s),
			      bits / (double)sample_elems(&s));
	}
	free(col);
	free_sample(&s);
}
END_TEST

struct integer_case {
	enum dtype dtype;
	double sigma, mean;
};

static const struct integer_case integers[] = {
	{DTYPE_I8, 20, 0},	{DTYPE_U8, 9, 128},    {DTYPE_I16, 300, -5},
	{DTYPE_I16, 4000, 0},	{DTYPE_U16, 50, 1000}, {DTYPE_I32, 3, 0},
	{DTYPE_I32, 70000, 1e6}, {DTYPE_I64, 1000, 1e9}, {DTYPE_U64, 12, 100},
};

START_TEST(integers_take_their_entropy)
{
	const struct integer_case *g = &integers[_i];
	struct sample s = blank_sample(g->dtype, 256, 1024);
	struct rng rng = {200 + (uint64_t)_i};
	size_t unit = dtype_bits(g->dtype) / 8, n = sample_elems(&s);
	double bits = 0, len;

	for (size_t i = 0; i < n; i++) {
		double v = rint(g->sigma * gaussian(&rng));
		double m = fabs(v) - 0.5;
		uint8_t at[8];

		bits += v != 0 ? interval_bits(m, m + 1, g->sigma)
			       : interval_bits(0, 0.5, g->sigma) - 1;
		put_le64(at, (uint64_t)(int64_t)(v + g->mean));
		memcpy(s.raw + i * unit, at, unit);
	}
	len = (double)trip(&s, 5) * 8;
	ck_assert_msg(len < 1.005 * bits,
		      "%s, sigma %.0f: %.4f bits a number, entropy %.4f",
		      dtype_name(g->dtype), g->sigma, len / (double)n,
		      bits / (double)n);
	free_sample(&s);
}
END_TEST

/* Values of given chances, none of them repeated on purpose. */
START_TEST(few_values_take_their_entropy)
{
	static const enum dtype dtypes[] = {DTYPE_BOOL, DTYPE_U8, DTYPE_F4,
					    DTYPE_F32,	DTYPE_F16, DTYPE_I64,
					    DTYPE_F8_E4M3};
	static const double chance[] = {0.97, 0.02, 0.0075, 0.0025};
	struct sample s = blank_sample(dtypes[_i], 512, 2048);
	struct rng rng = {300};
	unsigned unit = front_of(s.slab.dtype, s.slab.dtype).unit;
	size_t n = s.slab.raw_len / unit;
	double bits = 0, len;

	for (size_t i = 0; i < n; i++) {
		double u = uniform(&rng);
		unsigned v = 0;

		for (; v < 3 && u > chance[v]; v++)
			u -= chance[v];
		bits -= log2(chance[v]);
		memset(s.raw + i * unit, (int)(17 * v), unit);
	}
	len = (double)trip(&s, 5) * 8;
	/* 32 lanes begin with 32 states. */
	ck_assert_msg(len < 1.005 * bits + 8 * 200,
		      "%s: %.5f bits a number, entropy %.5f",
		      dtype_name(dtypes[_i]), len / (double)n,
		      bits / (double)n);
	free_sample(&s);
}
END_TEST

/* ---- every bit ---- */

/* A unit of a dtype that is unlike the others. */
static uint64_t odd_unit(enum dtype d, struct rng *rng)
{
	struct float_format f = float_format(d);
	uint64_t m = ((uint64_t)1 << f.mantissa) - 1, u = rng_u64(rng);
	uint64_t top = ((uint64_t)1 << f.exponent) - 1;
	uint64_t sign = (rng_u64(rng) & 1) << (f.exponent + f.mantissa);

	if (!f.exponent)
		return rng_below(rng, 2) ? u : 0;
	switch (rng_below(rng, 7)) {
	case 0:
		return sign;			/* zeros */
	case 1:
		return sign | top << f.mantissa;	/* infinities */
	case 2:
		return sign | top << f.mantissa | (u & m);	/* NaNs */
	case 3:
		return sign | (u & m);		/* subnormals */
	case 4:
		return sign | (u & m & 7);
	case 5:
		return sign | (top - 1) << f.mantissa | m;	/* largest */
	default:
		return u;
	}
}

enum filling {
	RANDOM, ODD, MIXED, CONSTANT, FEW, REPEATS, COUNTING, SMALL, FILLINGS,
};

static void fill(struct sample *s, enum filling how, struct rng *rng)
{
	enum dtype d = s->slab.dtype;
	unsigned unit = front_of(d, d).unit;
	uint64_t same = rng_u64(rng), few[3];
	size_t n = s->slab.raw_len / unit;
	uint8_t at[8];

	for (unsigned i = 0; i < 3; i++)
		few[i] = odd_unit(d, rng);
	for (size_t i = 0; i < n; i++) {
		uint64_t v = rng_u64(rng);

		if (how == ODD)
			v = odd_unit(d, rng);
		else if (how == CONSTANT)
			v = same;
		else if (how == FEW)
			v = few[rng_below(rng, 3)];
		else if (how == COUNTING)
			v = i;
		else if (how == SMALL)
			v = rng_u64(rng) >> (same % 64);
		if (how == MIXED && rng_below(rng, 50)) {
			float w = 0.1f * normal(rng);

			/* A number, in the dtype if it is a float. */
			if (float_format(d).exponent)
				float_convert(f32_to_bits(w) & ~0xffffu,
					      float_format(DTYPE_F32),
					      float_format(d), &v);
			else
				v = (uint64_t)(int64_t)(w * 300);
		}
		put_le64(at, v);
		memcpy(s->raw + i * unit, at, unit);
		if (how == REPEATS && i >= 64)
			memcpy(s->raw + i * unit, s->raw + (i - 64) * unit,
			       unit);
	}
}

START_TEST(every_bit_comes_back)
{
	static const struct {
		uint32_t rows;
		uint64_t cols;
	} shapes[] = {
		{1, 8}, {2, 4}, {1, 1000}, {600, 8}, {31, 136}, {96, 1000},
	};
	struct rng rng = {400 + (uint64_t)_i};
	enum dtype d = (enum dtype)_i;

	for (size_t k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++)
		for (unsigned how = 0; how < FILLINGS; how++) {
			struct sample s = blank_sample(d, shapes[k].rows,
						       shapes[k].cols);

			fill(&s, (enum filling)how, &rng);
			trip(&s, 1 + (int)(k + how) % 9);
			free_sample(&s);
		}
}
END_TEST

/* A flat tensor: its rows are of one element each. */
START_TEST(flat_tensors_come_back)
{
	for (enum dtype d = DTYPE_F16; d <= DTYPE_F64; d++) {
		struct sample s = blank_sample(d, 3000, 1);
		struct rng rng = {500};

		fill(&s, MIXED, &rng);
		trip(&s, 5);
		free_sample(&s);
	}
}
END_TEST

/* A NaN's payload and a number too fine keep their dtype from narrowing. */
START_TEST(only_exact_numbers_are_narrowed)
{
	static const struct {
		enum dtype d, held;
		uint64_t u;
		bool exact;
		uint64_t v;
	} cases[] = {
		{DTYPE_F32, DTYPE_F16, 0x3f800000, true, 0x3c00},
		{DTYPE_F32, DTYPE_F16, 0x80000000, true, 0x8000},
		{DTYPE_F32, DTYPE_F16, 0x3f802000, true, 0x3c01},
		{DTYPE_F32, DTYPE_F16, 0x3f801000, false, 0},
		{DTYPE_F32, DTYPE_F16, 0x477fe000, true, 0x7bff},
		{DTYPE_F32, DTYPE_F16, 0x47800000, false, 0},
		{DTYPE_F32, DTYPE_F16, 0x33800000, true, 0x0001},
		{DTYPE_F32, DTYPE_F16, 0x33000000, false, 0},
		{DTYPE_F32, DTYPE_F16, 0x33c00000, false, 0},
		{DTYPE_F32, DTYPE_F16, 0x38000000, true, 0x0200},
		{DTYPE_F32, DTYPE_F16, 0x387fc000, true, 0x03ff},
		{DTYPE_F32, DTYPE_F16, 0x387fe000, false, 0},
		{DTYPE_F32, DTYPE_F16, 0xff800000, true, 0xfc00},
		{DTYPE_F32, DTYPE_F16, 0x7fc02000, true, 0x7e01},
		{DTYPE_F32, DTYPE_F16, 0x7fc00001, false, 0},
		{DTYPE_F32, DTYPE_F16, 0x00000001, false, 0},
		{DTYPE_F32, DTYPE_BF16, 0x00010000, true, 0x0001},
		{DTYPE_F32, DTYPE_BF16, 0x7f810000, true, 0x7f81},
		{DTYPE_F32, DTYPE_BF16, 0x7f800001, false, 0},
		{DTYPE_F16, DTYPE_BF16, 0x3c08, true, 0x3f81},
		{DTYPE_F16, DTYPE_BF16, 0x3c04, false, 0},
		{DTYPE_F16, DTYPE_BF16, 0x0001, true, 0x3380},
		{DTYPE_F16, DTYPE_BF16, 0x00ff, true, 0x377f},
		{DTYPE_F16, DTYPE_BF16, 0x01ff, false, 0},
		{DTYPE_F64, DTYPE_F32, 0x3ff0000000000000, true, 0x3f800000},
		{DTYPE_F64, DTYPE_F32, 0x3ff0000000000001, false, 0},
		{DTYPE_F64, DTYPE_F32, 0x36a0000000000000, true, 1},
		{DTYPE_F64, DTYPE_F32, 0x3690000000000000, false, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct float_format d = float_format(cases[i].d);
		struct float_format held = float_format(cases[i].held);
		uint64_t v = 0, u = 0;

		ck_assert_msg(float_convert(cases[i].u, d, held, &v) ==
				      cases[i].exact, "case %zu", i);
		if (!cases[i].exact)
			continue;
		ck_assert_uint_eq(v, cases[i].v);
		ck_assert(float_convert(v, held, d, &u));
		ck_assert_uint_eq(u, cases[i].u);
	}
}
END_TEST

/* ---- real weights ---- */

/* The model of tests/data as one slab: its tensors are of 128 columns. */
START_TEST(real_weights_beat_the_peers)
{
	const char *dir = getenv("DATA");
	char path[4096];
	FILE *f;
	uint8_t head[8];
	struct sample s = blank_sample(DTYPE_F16, 1024, 128);

	snprintf(path, sizeof(path), "%s/kjv-1m/model.safetensors",
		 dir ? dir : "tests/data");
	f = fopen(path, "rb");
	if (!f)
		goto out;
	/* The embedding comes first. */
	ck_assert_uint_eq(fread(head, 1, 8, f), 8);
	ck_assert_int_eq(fseek(f, 8 + (long)get_le64(head), SEEK_SET), 0);
	ck_assert_uint_eq(fread(s.raw, 1, s.slab.raw_len, f), s.slab.raw_len);
	fclose(f);
	/* ZipNN's way, one table for the exponents alone, takes 220,960. */
	ck_assert_uint_lt(trip(&s, 5), 219200);
out:
	free_sample(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("planes");
	TCase *size = tcase_create("size"), *bits = tcase_create("bits");
	SRunner *sr = srunner_create(s);
	int failed;

	env.kern = kernels_select();
	tcase_add_loop_test(size, gaussian_weights_take_their_entropy, 0,
			    sizeof(gaussians) / sizeof(gaussians[0]));
	tcase_add_loop_test(size, integers_take_their_entropy, 0,
			    sizeof(integers) / sizeof(integers[0]));
	tcase_add_loop_test(size, few_values_take_their_entropy, 0, 7);
	tcase_add_test(size, real_weights_beat_the_peers);
	tcase_add_loop_test(bits, every_bit_comes_back, DTYPE_BOOL,
			    DTYPE_C64 + 1);
	tcase_add_test(bits, flat_tensors_come_back);
	tcase_add_test(bits, only_exact_numbers_are_narrowed);
	tcase_set_timeout(size, 120);
	tcase_set_timeout(bits, 120);
	suite_add_tcase(s, size);
	suite_add_tcase(s, bits);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
