/*
 * check_base.c - the ground floor: halves, dtypes, buffers, cursors, checked
 * arithmetic, the generator, and how the tensor table cuts a tensor.
 *
 * The half conversions are compared with a reference that follows the
 * definition of the formats in double precision, with no bit tricks.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/ckd.h"
#include "base/dtype.h"
#include "base/half.h"
#include "base/rng.h"
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A 16-bit float: sign, exp_bits of exponent, the rest mantissa. */
struct layout {
	int exp_bits;
	int man_bits;
};

static const struct layout layout_f16 = {5, 10};
static const struct layout layout_bf16 = {8, 7};

static double slow_value(struct layout l, uint16_t h)
{
	int top = (1 << l.exp_bits) - 1;
	int bias = top >> 1;
	int e = h >> l.man_bits & top;
	double m = h & ((1 << l.man_bits) - 1);
	double sign = h & 0x8000 ? -1 : 1;

	if (e == top)
		return m > 0 ? NAN : sign * INFINITY;
	if (e == 0)
		return sign * ldexp(m, 1 - bias - l.man_bits);
	return sign * ldexp(m + (1 << l.man_bits), e - bias - l.man_bits);
}

/*
 * Nearest half of a finite or infinite v, ties to the even mantissa, by
 * bisection over the non-negative halves, which are ordered like integers.
 * "Infinity" takes part as the value one step above the largest finite one.
 */
static uint16_t slow_round(struct layout l, double v)
{
	uint16_t inf = (uint16_t)(((1 << l.exp_bits) - 1) << l.man_bits);
	uint16_t sign = signbit(v) ? 0x8000 : 0;
	uint16_t lo = 0, hi = inf;
	double step = slow_value(l, inf - 1) - slow_value(l, inf - 2);
	double above;

	v = fabs(v);
	if (isinf(v))
		return sign | inf;
	while (hi - lo > 1) {
		uint16_t mid = (uint16_t)((lo + hi) / 2);

		if (slow_value(l, mid) <= v)
			lo = mid;
		else
			hi = mid;
	}
	above = hi == inf ? slow_value(l, lo) + step : slow_value(l, hi);
	if (v - slow_value(l, lo) > above - v ||
	    (v - slow_value(l, lo) == above - v && lo % 2))
		lo = hi;
	return sign | lo;
}

START_TEST(half_to_single)
{
	for (uint32_t h = 0; h <= 0xffff; h++) {
		float f16 = f32_from_f16((uint16_t)h);
		float bf16 = f32_from_bf16((uint16_t)h);
		double want = slow_value(layout_f16, (uint16_t)h);

		if (isnan(want))
			ck_assert_msg(isnan(f16), "f16 %04x", h);
		else
			ck_assert_msg(f16 == want && !signbit(f16) ==
					      !signbit(want), "f16 %04x", h);
		want = slow_value(layout_bf16, (uint16_t)h);
		if (isnan(want))
			ck_assert_msg(isnan(bf16), "bf16 %04x", h);
		else
			ck_assert_msg(bf16 == want && !signbit(bf16) ==
					      !signbit(want), "bf16 %04x", h);
	}
}
END_TEST

START_TEST(half_round_trip)
{
	for (uint32_t h = 0; h <= 0xffff; h++) {
		float f16 = f32_from_f16((uint16_t)h);
		float bf16 = f32_from_bf16((uint16_t)h);

		if (isnan(f16))
			ck_assert(isnan(f32_from_f16(f16_from_f32(f16))));
		else
			ck_assert_uint_eq(f16_from_f32(f16), h);
		if (isnan(bf16))
			ck_assert(isnan(f32_from_bf16(bf16_from_f32(bf16))));
		else
			ck_assert_uint_eq(bf16_from_f32(bf16), h);
	}
}
END_TEST

static void check_round(float f)
{
	uint32_t bits = f32_to_bits(f);

	if (isnan(f)) {
		ck_assert(isnan(f32_from_f16(f16_from_f32(f))));
		ck_assert(isnan(f32_from_bf16(bf16_from_f32(f))));
		return;
	}
	ck_assert_msg(f16_from_f32(f) == slow_round(layout_f16, f),
		      "f16 of %08x: %04x, want %04x", bits, f16_from_f32(f),
		      slow_round(layout_f16, f));
	ck_assert_msg(bf16_from_f32(f) == slow_round(layout_bf16, f),
		      "bf16 of %08x: %04x, want %04x", bits, bf16_from_f32(f),
		      slow_round(layout_bf16, f));
}

/* Every half, every midpoint between two, and the singles next to both. */
START_TEST(half_rounding_edges)
{
	static const uint16_t infs[] = {0x7c00, 0x7f80};

	for (unsigned fmt = 0; fmt < 2; fmt++) {
		for (uint32_t h = 0; h < infs[fmt]; h++) {
			float lo = fmt ? f32_from_bf16((uint16_t)h) :
					 f32_from_f16((uint16_t)h);
			float hi = fmt ? f32_from_bf16((uint16_t)(h + 1)) :
					 f32_from_f16((uint16_t)(h + 1));
			float mid = hi == INFINITY && !fmt ?
				65520 : (float)(((double)lo + hi) / 2);

			for (int sign = 0; sign < 2; sign++) {
				float s = sign ? -1 : 1;

				check_round(s * lo);
				check_round(s * nextafterf(lo, INFINITY));
				check_round(s * mid);
				check_round(s * nextafterf(mid, 0));
				check_round(s * nextafterf(mid, INFINITY));
			}
		}
	}
}
END_TEST

START_TEST(half_rounding_random)
{
	struct rng r = {20260101};

	for (unsigned i = 0; i < 200000; i++)
		check_round(f32_from_bits((uint32_t)rng_u64(&r)));
}
END_TEST

START_TEST(dtype_names)
{
	unsigned n = 0;
	enum dtype d;

	for (unsigned i = 0; i < 256; i++) {
		const char *name = dtype_name((enum dtype)i);

		if (!name) {
			ck_assert_uint_eq(dtype_bits((enum dtype)i), 0);
			continue;
		}
		n++;
		ck_assert(dtype_from_name(name, &d));
		ck_assert_uint_eq(d, i);
		ck_assert_uint_ne(dtype_bits(d), 0);
	}
	ck_assert_uint_eq(n, 22);
	ck_assert(!dtype_from_name("f16", &d));
	ck_assert(!dtype_from_name("F16 ", &d));
	ck_assert(!dtype_from_name("", &d));
}
END_TEST

/* Files hold these numbers: a change here breaks every file written. */
START_TEST(dtype_numbers)
{
	static const struct {
		unsigned number;
		const char *name;
		unsigned bits;
	} want[] = {
		{1, "BOOL", 8},	 {2, "U8", 8},	  {9, "I64", 64},
		{10, "F16", 16}, {11, "BF16", 16}, {12, "F32", 32},
		{13, "F64", 64}, {14, "F8_E4M3", 8}, {19, "F6_E2M3", 6},
		{21, "F4", 4},	 {22, "C64", 64},
	};

	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		enum dtype d = (enum dtype)want[i].number;

		ck_assert_str_eq(dtype_name(d), want[i].name);
		ck_assert_uint_eq(dtype_bits(d), want[i].bits);
		ck_assert_int_eq(dtype_is_weight(d),
				 d >= DTYPE_F16 && d <= DTYPE_F32);
	}
}
END_TEST

START_TEST(buf_fields)
{
	static const uint8_t want[] = {
		0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d,
		0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x00, 0x00, 0x80, 0x3f, 'h', 'v',
	};
	struct buf b = {0};

	buf_u8(&b, 0x01);
	buf_u16(&b, 0x0203);
	buf_u32(&b, 0x04050607);
	buf_u64(&b, 0x08090a0b0c0d0e0f);
	buf_f32(&b, 1);
	buf_put(&b, "hv", 2);
	buf_put(&b, NULL, 0);
	ck_assert_int_eq(buf_ok(&b, NULL), HVQZ_OK);
	ck_assert_uint_eq(b.len, sizeof(want));
	ck_assert_mem_eq(b.p, want, sizeof(want));
	buf_free(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(buf_growth)
{
	struct rng r = {7}, again = {7};
	struct buf b = {0};
	size_t cap;

	for (unsigned i = 0; i < 10000; i++)
		buf_u8(&b, (uint8_t)rng_u64(&r));
	ck_assert_uint_eq(b.len, 10000);
	ck_assert_uint_lt(b.cap, 20001);
	for (unsigned i = 0; i < 10000; i++)
		ck_assert_uint_eq(b.p[i], (uint8_t)rng_u64(&again));
	cap = b.cap;
	buf_clear(&b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_uint_eq(b.cap, cap);
	buf_free(&b);
}
END_TEST

START_TEST(buf_out_of_memory)
{
	struct hvqz_err err = {0};
	struct buf b = {0};

	buf_u8(&b, 1);
	ck_assert_ptr_null(buf_grow(&b, SIZE_MAX / 2));
	buf_u64(&b, 2);
	ck_assert_uint_eq(b.len, 1);
	ck_assert_int_eq(buf_ok(&b, &err), HVQZ_NOMEM);
	ck_assert_int_eq(err.ret, HVQZ_NOMEM);
	ck_assert(err.msg[0]);
	buf_clear(&b);
	buf_u8(&b, 3);
	ck_assert_int_eq(buf_ok(&b, &err), HVQZ_OK);
	buf_free(&b);
}
END_TEST

START_TEST(cursor_fields)
{
	struct buf b = {0};
	struct cursor c;
	uint8_t v8 = 0;
	uint16_t v16 = 0;
	uint32_t v32 = 0;
	uint64_t v64 = 0;
	float f = 0;

	buf_u8(&b, 0xfe);
	buf_u16(&b, 0xfedc);
	buf_u32(&b, 0xfedcba98);
	buf_u64(&b, 0xfedcba9876543210);
	buf_f32(&b, -0.5f);
	ck_assert_int_eq(buf_ok(&b, NULL), HVQZ_OK);
	c = (struct cursor){b.p, b.p + b.len};
	ck_assert(cur_u8(&c, &v8) && v8 == 0xfe);
	ck_assert(cur_u16(&c, &v16) && v16 == 0xfedc);
	ck_assert(cur_u32(&c, &v32) && v32 == 0xfedcba98);
	ck_assert(cur_u64(&c, &v64) && v64 == 0xfedcba9876543210);
	ck_assert(cur_f32(&c, &f) && f == -0.5f);
	ck_assert_uint_eq(cur_left(&c), 0);
	buf_free(&b);
}
END_TEST

/* A take that does not fit changes neither the cursor nor the value. */
START_TEST(cursor_end)
{
	static const uint8_t bytes[8] = {0};

	for (unsigned n = 0; n < 8; n++) {
		struct cursor c = {bytes, bytes + n};
		uint64_t v64 = 9;
		uint32_t v32 = 9;
		uint16_t v16 = 9;
		uint8_t v8 = 9;
		float f = 9;

		ck_assert(!cur_u64(&c, &v64) && v64 == 9);
		ck_assert(n >= 4 || (!cur_u32(&c, &v32) && v32 == 9));
		ck_assert(n >= 4 || (!cur_f32(&c, &f) && f == 9));
		ck_assert(n >= 2 || (!cur_u16(&c, &v16) && v16 == 9));
		ck_assert(n >= 1 || (!cur_u8(&c, &v8) && v8 == 9));
		ck_assert_ptr_null(cur_take(&c, n + 1));
		ck_assert_ptr_null(cur_take(&c, UINT64_MAX));
		ck_assert_ptr_eq(c.p, bytes);
		ck_assert_ptr_eq(cur_take(&c, n), bytes);
		ck_assert_uint_eq(cur_left(&c), 0);
	}
}
END_TEST

START_TEST(checked_arithmetic)
{
	uint64_t r = 0;
	size_t s = 0;

	ck_assert(ckd_add64(&r, UINT64_MAX - 1, 1) && r == UINT64_MAX);
	ck_assert(!ckd_add64(&r, UINT64_MAX, 1));
	ck_assert(!ckd_add64(&r, UINT64_MAX, UINT64_MAX));
	ck_assert(ckd_mul64(&r, UINT32_MAX, UINT32_MAX));
	ck_assert_uint_eq(r, 0xfffffffe00000001);
	ck_assert(ckd_mul64(&r, 0, UINT64_MAX) && r == 0);
	ck_assert(!ckd_mul64(&r, (uint64_t)1 << 32, (uint64_t)1 << 32));
	ck_assert(!ckd_mul64(&r, UINT64_MAX, 2));
	ck_assert(ckd_size(&s, 12) && s == 12);
	ck_assert_int_eq(ckd_size(&s, UINT64_MAX), SIZE_MAX == UINT64_MAX);
}
END_TEST

/* The encoder's choices hang on these numbers: they may never change. */
START_TEST(rng_is_fixed)
{
	struct rng a = {0}, b = {1234567};

	ck_assert_uint_eq(rng_u64(&a), 0xe220a8397b1dcdaf);
	ck_assert_uint_eq(rng_u64(&a), 0x6e789e6aa1b965f4);
	ck_assert_uint_eq(rng_u64(&a), 0x06c45d188009454f);
	ck_assert_uint_eq(rng_u64(&b), 6457827717110365317u);
	ck_assert_uint_eq(rng_u64(&b), 3203168211198807973u);
}
END_TEST

START_TEST(rng_below_n)
{
	unsigned count[10] = {0};
	struct rng r = {42};

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t v = rng_below(&r, 10);

		ck_assert_uint_lt(v, 10);
		count[v]++;
	}
	for (unsigned i = 0; i < 10; i++)
		ck_assert(count[i] > 9500 && count[i] < 10500);
	ck_assert_uint_eq(rng_below(&r, 1), 0);
}
END_TEST

/* rank, dims and dtype of a tensor, and how it must be cut. */
static const struct cut {
	enum dtype dtype;
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
	struct tensor_rows want;
} cuts[] = {
	{DTYPE_F16, 2, {3, 5}, {3, 5, 10, true}},
	{DTYPE_F32, 3, {4, 2, 3}, {4, 6, 24, true}},
	{DTYPE_F16, 2, {1, 7}, {1, 7, 14, true}},
	{DTYPE_F16, 2, {7, 1}, {7, 1, 2, true}},
	{DTYPE_U8, 8, {2, 1, 1, 1, 1, 1, 1, 3}, {2, 3, 3, true}},
	/* flat: scalars, vectors, nothing at all */
	{DTYPE_F32, 0, {0}, {1, 1, 4, false}},
	{DTYPE_BF16, 1, {9}, {9, 1, 2, false}},
	{DTYPE_F16, 1, {0}, {0, 1, 2, false}},
	{DTYPE_F16, 2, {0, 5}, {0, 1, 2, false}},
	{DTYPE_F16, 2, {5, 0}, {0, 1, 2, false}},
	/* exactly 64 MiB is a row, one element more is not */
	{DTYPE_F32, 2, {2, 1 << 24}, {2, 1 << 24, 1 << 26, true}},
	{DTYPE_F32, 2, {2, (1 << 24) + 1}, {(1 << 25) + 2, 1, 4, false}},
	/* below a byte: rows that end on one, and rows that do not */
	{DTYPE_F4, 2, {3, 4}, {3, 4, 2, true}},
	{DTYPE_F4, 2, {4, 3}, {6, 2, 1, false}},
	{DTYPE_F6_E2M3, 2, {2, 4}, {2, 4, 3, true}},
	{DTYPE_F6_E3M2, 2, {4, 3}, {3, 4, 3, false}},
	{DTYPE_F4, 1, {10}, {5, 2, 1, false}},
};

START_TEST(rows_of_a_tensor)
{
	const struct cut *c = &cuts[_i];
	struct model m = {0};
	struct tensor_rows r;

	ck_assert_int_eq(model_add(&m, "t", c->dtype, c->rank, c->dim, NULL),
			 HVQZ_OK);
	r = tensor_rows(&m.tensors[0]);
	ck_assert_uint_eq(r.n_rows, c->want.n_rows);
	ck_assert_uint_eq(r.row_elems, c->want.row_elems);
	ck_assert_uint_eq(r.row_len, c->want.row_len);
	ck_assert_int_eq(r.is_matrix, c->want.is_matrix);
	ck_assert_uint_eq(r.n_rows * r.row_elems, m.tensors[0].n_elems);
	ck_assert_uint_eq(r.n_rows * r.row_len, m.tensors[0].size);
	model_free(&m);
}
END_TEST

START_TEST(model_table)
{
	static const uint64_t dim[] = {2, 3};
	struct model m = {0};
	char name[16], shape[32];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		ck_assert_int_eq(model_add(&m, name, DTYPE_F32, 2, dim, NULL),
				 HVQZ_OK);
	}
	ck_assert_uint_eq(m.n_tensors, 100);
	ck_assert_uint_eq(m.n_params, 600);
	ck_assert_uint_eq(m.data_size, 2400);
	ck_assert_uint_eq(m.tensors[99].off, 99 * 24);
	ck_assert_ptr_eq(model_find(&m, "t41"), &m.tensors[41]);
	ck_assert_ptr_null(model_find(&m, "t100"));
	ck_assert_str_eq(tensor_shape(&m.tensors[5], shape, sizeof(shape)),
			 "[2, 3]");
	ck_assert_str_eq(tensor_shape(&m.tensors[5], shape, 4), "[2,");
	model_free(&m);
	ck_assert_ptr_null(m.tensors);
}
END_TEST

/* One bad tensor each; the table stays as it was, the sentence is filled. */
static const struct bad {
	const char *name;
	unsigned dtype;
	unsigned rank;
	uint64_t dim[9];
	enum hvqz_ret want;
} bad[] = {
	{"", DTYPE_F16, 1, {1}, HVQZ_DAMAGED},
	{"t", 0, 1, {1}, HVQZ_UNSUPPORTED},
	{"t", 23, 1, {1}, HVQZ_UNSUPPORTED},
	{"t", DTYPE_U8, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1},
	 HVQZ_UNSUPPORTED},
	{"t", DTYPE_U8, 2, {1ull << 32, 1ull << 32}, HVQZ_DAMAGED},
	{"t", DTYPE_F32, 1, {1ull << 62}, HVQZ_DAMAGED},
	{"t", DTYPE_F4, 1, {3}, HVQZ_DAMAGED},
	{"t", DTYPE_F6_E2M3, 1, {2}, HVQZ_DAMAGED},
};

START_TEST(model_refuses)
{
	struct hvqz_err err = {0};
	struct model m = {0};

	ck_assert_int_eq(model_add(&m, bad[_i].name,
				   (enum dtype)bad[_i].dtype, bad[_i].rank,
				   bad[_i].dim, &err),
			 bad[_i].want);
	ck_assert_uint_eq(m.n_tensors, 0);
	ck_assert_int_eq(err.ret, bad[_i].want);
	ck_assert(err.msg[0]);
	model_free(&m);
}
END_TEST

START_TEST(model_sum_of_sizes)
{
	static const uint64_t huge[] = {(uint64_t)1 << 60};
	struct hvqz_err err = {0};
	struct model m = {0};

	for (unsigned i = 0; i < 7; i++)
		ck_assert_int_eq(model_add(&m, "a", DTYPE_U8, 1, huge, &err),
				 HVQZ_OK);
	ck_assert_int_eq(model_add(&m, "b", DTYPE_U8, 1, huge, &err),
			 HVQZ_DAMAGED);
	ck_assert_str_eq(err.tensor, "b");
	ck_assert_uint_eq(m.n_tensors, 7);
	model_free(&m);
}
END_TEST

/* A zero among the dims makes an empty tensor, whatever the others say. */
START_TEST(model_empty_tensor)
{
	static const uint64_t dim[] = {UINT64_MAX, 0, UINT64_MAX};
	struct model m = {0};

	ck_assert_int_eq(model_add(&m, "e", DTYPE_F64, 3, dim, NULL), HVQZ_OK);
	ck_assert_uint_eq(m.tensors[0].n_elems, 0);
	ck_assert_uint_eq(m.data_size, 0);
	model_free(&m);
}
END_TEST

static Suite *base_suite(void)
{
	Suite *s = suite_create("base");
	TCase *half = tcase_create("half");
	TCase *plain = tcase_create("plain");
	TCase *model = tcase_create("model");

	tcase_set_timeout(half, 60);
	tcase_add_test(half, half_to_single);
	tcase_add_test(half, half_round_trip);
	tcase_add_test(half, half_rounding_edges);
	tcase_add_test(half, half_rounding_random);
	suite_add_tcase(s, half);

	tcase_add_test(plain, dtype_names);
	tcase_add_test(plain, dtype_numbers);
	tcase_add_test(plain, buf_fields);
	tcase_add_test(plain, buf_growth);
	tcase_add_test(plain, buf_out_of_memory);
	tcase_add_test(plain, cursor_fields);
	tcase_add_test(plain, cursor_end);
	tcase_add_test(plain, checked_arithmetic);
	tcase_add_test(plain, rng_is_fixed);
	tcase_add_test(plain, rng_below_n);
	suite_add_tcase(s, plain);

	tcase_add_loop_test(model, rows_of_a_tensor, 0,
			    sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_test(model, model_table);
	tcase_add_loop_test(model, model_refuses, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(model, model_sum_of_sizes);
	tcase_add_test(model, model_empty_tensor);
	suite_add_tcase(s, model);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(base_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
