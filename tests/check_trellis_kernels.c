/*
 * check_trellis_kernels.c - the inner loops of kernels/trellis.h: portable C
 * against plain loops, and every instruction set against portable C, bit for
 * bit.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "codec/trellis_code.h"
#include "kernels/kernels.h"
#include "kernels/trellis.h"
#include "tests/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS = 21,
	LANES = 32,
	STRIDE = ROWS * LANES + TRELLIS_SUM,
	CHANNELS = 3,
	N = CHANNELS * STRIDE,
	CLASSES = 80,
};

static const struct trellis_kernels *const plain = &trellis_generic;
static const struct trellis_kernels *fast;

/* Everything random, some places without a unit, some weights 0. */
struct input {
	float target[N], inverse[STRIDE], step[STRIDE], weight[STRIDE];
	int8_t class[STRIDE], channel[CHANNELS];
	float scale[CHANNELS];
	float price[CLASSES * TRELLIS_PRICES], shrink[CLASSES];
	int32_t geometry[CLASSES];
};

static struct input in;

static void fill(uint64_t seed)
{
	struct rng r = {seed};
	double size = exp2((double)rng_below(&r, 12) - 2);

	for (size_t i = 0; i < N; i++)
		in.target[i] = (float)(size * gaussian(&r));
	for (size_t i = 0; i < STRIDE; i++) {
		in.step[i] = (float)exp2(uniform(&r));
		in.inverse[i] = 1 / in.step[i];
		in.weight[i] = (float)uniform(&r);
		in.class[i] = (int8_t)(10 + rng_below(&r, 40));
		if (i >= ROWS * LANES || !rng_below(&r, 40))
			in.class[i] = TRELLIS_NO_UNIT;
	}
	for (unsigned c = 0; c < CHANNELS; c++) {
		in.channel[c] = (int8_t)((int)rng_below(&r, 60) - 20);
		in.scale[c] = (float)uniform(&r) * 3;
	}
	for (unsigned c = 0; c < CLASSES; c++) {
		in.shrink[c] = 1 - (float)uniform(&r) / 10;
		in.geometry[c] = (int32_t)(5 + c + (c / 20 << 16));
		for (unsigned n = 0; n < TRELLIS_PRICES; n++)
			in.price[c * TRELLIS_PRICES + n] =
				(float)(n * uniform(&r));
	}
}

static void search_with(const struct trellis_kernels *k, unsigned log,
			unsigned lanes, int near, int32_t *u, uint8_t *state)
{
	struct trellis_code code;
	int32_t from[2 * TRELLIS_MAX_STATES];
	size_t size = trellis_work_size(log, CHANNELS * ROWS);
	struct trellis_job job = {
		.log_states = log, .from = from, .lanes = lanes, .rows = ROWS,
		.stride = STRIDE, .n_channels = CHANNELS,
		.target = in.target, .inverse = in.inverse,
		.scale = in.scale, .unit_class = in.class,
		.channel_class = in.channel, .price = in.price,
		.shrink = in.shrink, .state = state, .u = u,
		.work = aligned_alloc(64, (size + 63) / 64 * 64),
	};

	trellis_code_make(&code, log);
	for (unsigned s = 0; s < code.n_states; s++)
		for (unsigned way = 0; way < 2; way++)
			from[2 * s + way] = code.from[s][way] |
					    code.subset[s][way] << 8;
	ck_assert_ptr_nonnull(job.work);
	memset(state, 1, LANES);
	memset(u, 0, N * sizeof(*u));
	ck_assert_int_eq(near ? k->nearest(&job) : k->search(&job), 0);
	free(job.work);
}

/* Lanes and states of every number; twice with the same result. */
START_TEST(searches_are_alike)
{
	static int32_t u[2][N];
	uint8_t state[2][LANES];

	for (unsigned round = 0; round < 56; round++) {
		unsigned log = 2 + round % 7, lanes = 8u << round % 3;

		fill(round);
		for (int near = 0; near < 2; near++) {
			search_with(plain, log, lanes, near, u[0], state[0]);
			search_with(fast, log, lanes, near, u[1], state[1]);
			ck_assert_mem_eq(u[0], u[1], sizeof(u[0]));
			ck_assert_mem_eq(state[0], state[1], LANES);
		}
	}
}
END_TEST

struct settled {
	float error[STRIDE];
	uint16_t key[STRIDE];
	uint8_t more[STRIDE / TRELLIS_SUM];
	double sum;
};

static void settle_with(const struct trellis_kernels *k, const int32_t *u,
			struct settled *s)
{
	struct trellis_settle c = {
		.n = STRIDE, .u = u, .target = in.target, .weight = in.weight,
		.unit_step = in.step, .unit_class = in.class,
		.channel_class = in.channel[0], .step = 0.7f, .norm = 0.5f,
		.geometry = in.geometry, .error = s->error, .damp = 0.9f,
		.key = s->key, .more = s->more,
	};

	memcpy(s->error, in.target, sizeof(s->error));
	s->sum = k->settle(&c);
}

START_TEST(settling_is_as_said)
{
	static struct settled s[2];
	static int32_t u[STRIDE];
	struct rng r = {5};

	for (unsigned round = 0; round < 40; round++) {
		uint8_t more[STRIDE / TRELLIS_SUM] = {0};
		double sum = 0;

		fill(round);
		for (size_t i = 0; i < STRIDE; i++)
			u[i] = (int32_t)(gaussian(&r) *
					 exp2(rng_below(&r, 8)));
		memset(s, 0, sizeof(s));
		settle_with(plain, u, &s[0]);
		settle_with(fast, u, &s[1]);
		ck_assert_mem_eq(&s[0], &s[1], sizeof(s[0]));
		for (size_t i = 0; i < STRIDE; i++) {
			int c = in.class[i] + in.channel[0];
			unsigned n = (unsigned)(u[i] < 0 ? ~u[i] : u[i]);
			unsigned escape, shift, sym;
			double made = 0, d;

			c = c > 79 ? 79 : c;
			if (c >= TRELLIS_ZERO_BELOW)
				made = (u[i] + 0.5) * 0.7 * (double)in.step[i];
			d = (double)in.target[i] - made;
			sum += (double)in.weight[i] * d * d / 4;
			ck_assert_double_eq_tol((double)s[0].error[i], 0.9 * d,
						1e-5 * (1 + fabs(made) +
							fabs(d)));
			if (c < TRELLIS_ZERO_BELOW) {
				ck_assert_uint_eq(s[0].key[i], 0);
				continue;
			}
			escape = (unsigned)in.geometry[c] & 0xffff;
			shift = (unsigned)in.geometry[c] >> 16;
			sym = n >> shift < escape ? n >> shift : escape;
			ck_assert_uint_eq(s[0].key[i],
					  (unsigned)(c - 11) * TRELLIS_KEYS +
						  sym);
			if (shift || sym == escape)
				more[i / TRELLIS_SUM] = 1;
		}
		ck_assert_mem_eq(more, s[0].more, sizeof(more));
		ck_assert_double_eq_tol(s[0].sum / sum, 1, 1e-4);
	}
}
END_TEST

START_TEST(sums_are_as_said)
{
	for (size_t n = TRELLIS_SUM; n <= STRIDE; n += 5 * TRELLIS_SUM) {
		double energy = 0, magnitude = 0, most = 0, got;
		float bits;
		uint32_t u;

		fill(n);
		for (size_t i = 0; i < n; i++) {
			double x = (double)in.target[i];

			energy += x * x / 4 * (double)in.weight[i];
			magnitude += fabs(x) / 2 * (double)in.weight[i];
			most = fmax(most, fabs(x));
		}
		got = plain->energy(in.target, in.weight, 0.5f, n);
		ck_assert_double_eq_tol(got / energy, 1, 1e-5);
		ck_assert(got == fast->energy(in.target, in.weight, 0.5f, n));
		got = plain->magnitude(in.target, in.weight, 0.5f, n);
		ck_assert_double_eq_tol(got / magnitude, 1, 1e-5);
		ck_assert(got ==
			  fast->magnitude(in.target, in.weight, 0.5f, n));
		u = plain->largest(in.target, n);
		memcpy(&bits, &u, sizeof(bits));
		ck_assert((double)bits == most);
		ck_assert_uint_eq(u, fast->largest(in.target, n));
	}
}
END_TEST

START_TEST(sums_by_place_are_as_said)
{
	static float acc[2][STRIDE], y[2][STRIDE];

	for (size_t n = 1; n <= STRIDE; n += 1 + n / 3) {
		size_t whole = n / TRELLIS_SUM * TRELLIS_SUM;

		fill(n);
		for (unsigned v = 0; v < 2; v++) {
			const struct trellis_kernels *k = v ? fast : plain;

			memcpy(acc[v], in.weight, sizeof(acc[v]));
			memcpy(y[v], in.weight, sizeof(y[v]));
			k->accumulate(in.target, in.inverse, 0.5f, 1.5f, whole,
				      acc[v]);
			k->combine(y[v], n, in.target, STRIDE, in.scale, 1,
				   CHANNELS);
		}
		ck_assert_mem_eq(acc[0], acc[1], sizeof(acc[0]));
		ck_assert_mem_eq(y[0], y[1], sizeof(y[0]));
		for (size_t i = 0; i < STRIDE; i++) {
			double x = (double)in.target[i];
			double a = (double)in.weight[i], b = a, tol = 1e-5;

			a += x * x / 4 * (double)in.inverse[i] * 1.5;
			for (unsigned c = 0; c < CHANNELS; c++)
				b += (double)in.target[c * STRIDE + i] *
				     (double)in.scale[c];
			if (i >= whole)
				a = (double)in.weight[i];
			if (i >= n)
				b = (double)in.weight[i];
			ck_assert_double_eq_tol((double)acc[0][i], a,
						tol * (1 + fabs(a)));
			ck_assert_double_eq_tol((double)y[0][i], b,
						2e-3 * (1 + fabs(b)));
		}
	}
}
END_TEST

START_TEST(the_largest_are_found)
{
	for (unsigned round = 0; round < 30; round++) {
		float least;

		fill(round);
		least = in.inverse[3] * fabsf(in.target[3]);
		for (size_t at = 0; at < STRIDE; at += TRELLIS_SUM) {
			size_t want = at, got;

			for (; want < STRIDE; want++)
				if (fabsf(in.target[want]) *
					    (in.inverse[want] * 1.25f) > least)
					break;
			want = want < STRIDE ? want / TRELLIS_SUM * TRELLIS_SUM
					     : STRIDE;
			got = plain->above(in.target, in.inverse, 1.25f, least,
					   at, STRIDE);
			ck_assert_uint_eq(got, want);
			ck_assert_uint_eq(fast->above(in.target, in.inverse,
						      1.25f, least, at, STRIDE),
					  want);
		}
	}
}
END_TEST

/* Every pattern of 16 bits once, in each dtype. */
START_TEST(turning_widens_exactly)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16};
	enum { SKIP = 40 };
	static uint8_t rows[32][64];
	static float to[2][32 * SKIP];
	const uint8_t *at[32];

	for (unsigned i = 0; i < 32; i++)
		at[i] = rows[i];
	for (unsigned d = 0; d < 2; d++)
		for (unsigned first = 0; first < 65536; first += 1024) {
			int bad = 0;

			for (unsigned k = 0; k < 1024; k++)
				put_le16(&rows[k / 32][2 * (k % 32)],
					 (uint16_t)(first + k));
			memset(to, 0, sizeof(to));
			ck_assert_int_eq(!plain->turn(dtypes[d], at, to[0],
						      SKIP),
					 !fast->turn(dtypes[d], at, to[1],
						     SKIP));
			ck_assert_mem_eq(to[0], to[1], sizeof(to[0]));
			for (unsigned k = 0; k < 1024; k++) {
				uint16_t h = (uint16_t)(first + k);
				float want = d ? f32_from_bf16(h)
					       : f32_from_f16(h);
				float got = to[0][k % 32 * SKIP + k / 32];

				bad |= !isfinite(want);
				if (isfinite(want))
					ck_assert(!memcmp(&got, &want, 4));
			}
			ck_assert_int_eq(!plain->turn(dtypes[d], at, to[0],
						      SKIP), !bad);
		}
}
END_TEST

START_TEST(packing_is_as_said)
{
	static uint8_t to[2][STRIDE];
	static int32_t u[STRIDE];
	struct rng r = {7};

	for (unsigned round = 0; round < 40; round++) {
		int size = round & 1 ? 127 : 140, large = 0;

		fill(round);
		for (size_t i = 0; i < STRIDE; i++)
			u[i] = (int32_t)rng_below(&r, 2 * (unsigned)size) -
			       size;
		ck_assert_int_eq(!plain->pack(u, in.class, 0, STRIDE, to[0]),
				 !fast->pack(u, in.class, 0, STRIDE, to[1]));
		ck_assert_mem_eq(to[0], to[1], STRIDE);
		for (size_t i = 0; i < STRIDE; i++) {
			int n = u[i] < 0 ? ~u[i] : u[i];

			large |= n > 126;
			if (in.class[i] < TRELLIS_ZERO_BELOW)
				ck_assert_uint_eq(to[0][i], 0x80);
			else if (n <= 126)
				ck_assert_int_eq((int8_t)to[0][i], u[i]);
		}
		ck_assert_int_eq(!plain->pack(u, in.class, 0, STRIDE, to[0]),
				 !large);
	}
}
END_TEST

START_TEST(errors_are_as_said)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	static uint8_t a[4 * 1000], b[4 * 1000];
	struct rng r = {9};

	for (unsigned d = 0; d < 3; d++)
		for (size_t n = 1; n <= 1000; n += 1 + n / 5) {
			double noise = 0, signal = 0;
			float sum[2][2];

			for (size_t i = 0; i < n; i++) {
				float x = (float)gaussian(&r);
				float y = x + (float)gaussian(&r) / 8;
				float v[2] = {x, y};
				uint8_t *to[2] = {a, b};

				for (unsigned k = 0; k < 2; k++)
					if (d == 0)
						put_le16(to[k] + 2 * i,
							 f16_from_f32(v[k]));
					else if (d == 1)
						put_le16(to[k] + 2 * i,
							 bf16_from_f32(v[k]));
					else
						put_lef32(to[k] + 4 * i, v[k]);
				if (d < 2)
					for (unsigned k = 0; k < 2; k++) {
						uint16_t h = get_le16(to[k] +
								      2 * i);

						v[k] = d ? f32_from_bf16(h)
							 : f32_from_f16(h);
					}
				x = v[0];
				noise += (double)(x - v[1]) * (double)(x - v[1]);
				signal += (double)x * (double)x;
			}
			plain->error(dtypes[d], a, b, n, sum[0]);
			fast->error(dtypes[d], a, b, n, sum[1]);
			ck_assert_mem_eq(sum[0], sum[1], sizeof(sum[0]));
			ck_assert_double_eq_tol((double)sum[0][0] / noise, 1,
						1e-4);
			ck_assert_double_eq_tol((double)sum[0][1] / signal, 1,
						1e-4);
		}
}
END_TEST

int main(void)
{
	static const char *const names[] = {"generic", "avx2", "avx512"};
	int failed = 0;

	for (unsigned i = 0; i < 3; i++) {
		const struct kernels *k = kernels_named(names[i]);
		Suite *s = suite_create(names[i]);
		TCase *t = tcase_create("loops");
		SRunner *sr = srunner_create(s);

		tcase_add_test(t, searches_are_alike);
		tcase_add_test(t, settling_is_as_said);
		tcase_add_test(t, sums_are_as_said);
		tcase_add_test(t, sums_by_place_are_as_said);
		tcase_add_test(t, the_largest_are_found);
		tcase_add_test(t, turning_widens_exactly);
		tcase_add_test(t, packing_is_as_said);
		tcase_add_test(t, errors_are_as_said);
		tcase_set_timeout(t, 120);
		suite_add_tcase(s, t);
		if (k) {
			fast = k->trellis;
			srunner_run_all(sr, CK_NORMAL);
			failed += srunner_ntests_failed(sr);
		}
		srunner_free(sr);
	}
	return failed != 0;
}
