/*
 * check_trellis.c - the trellis codes, and the search for the best path.
 */
#include "codec/trellis.h"
#include "kernels/kernels.h"
#include "kernels/trellis.h"
#include "tests/random.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const kernel_names[] = {"generic", "avx2", "avx512"};

enum { KERNELS = 3 };

/* ---- the codes ---- */

START_TEST(every_state_has_two_ways_in)
{
	for (unsigned log = TRELLIS_MIN_LOG; log <= TRELLIS_MAX_LOG; log++) {
		unsigned ways[TRELLIS_MAX_STATES] = {0};
		struct trellis_code t;

		trellis_code_make(&t, log);
		ck_assert_uint_eq(t.n_states, 1u << log);
		for (unsigned s = 0; s < t.n_states; s++)
			for (unsigned p = 0; p < 2; p++) {
				ck_assert_uint_lt(t.next[s][p], t.n_states);
				ways[t.next[s][p]]++;
			}
		for (unsigned s = 0; s < t.n_states; s++) {
			ck_assert_uint_eq(ways[s], 2);
			for (unsigned w = 0; w < 2; w++) {
				unsigned from = t.from[s][w];
				unsigned subset = t.subset[s][w];

				ck_assert_uint_lt(subset, 4);
				ck_assert_uint_eq(subset & 1, from & 1);
				ck_assert_uint_eq(t.next[from][subset >> 1],
						  s);
			}
			ck_assert(t.from[s][0] != t.from[s][1] ||
				  t.subset[s][0] != t.subset[s][1]);
		}
	}
}
END_TEST

/*
 * The least squared distance, in spacings, of two paths that part and meet
 * again: it shows a wrong polynomial. As published (Ungerboeck 1982, table I),
 * with 16 where the subsets' own spacing is the limit.
 */
START_TEST(codes_have_their_free_distance)
{
	static const unsigned published[] = {9, 10, 11, 13, 14, 16, 16};

	for (unsigned log = TRELLIS_MIN_LOG; log <= TRELLIS_MAX_LOG; log++) {
		unsigned least[TRELLIS_MAX_STATES], best = 16;
		struct trellis_code t;
		bool better = true;

		trellis_code_make(&t, log);
		for (unsigned s = 0; s < t.n_states; s++)
			least[s] = 1000;
		/* The code is linear: the other path may be all zeros. */
		least[t.next[0][1]] = 4;
		while (better) {
			better = false;
			for (unsigned s = 1; s < t.n_states; s++)
				for (unsigned p = 0; p < 2; p++) {
					unsigned to = t.next[s][p];
					unsigned d = least[s] +
						     (s & 1 ? 1 : 4 * p);

					if (d >= least[to])
						continue;
					least[to] = d;
					better = true;
				}
		}
		best = least[0] < best ? least[0] : best;
		ck_assert_uint_eq(best, published[log - TRELLIS_MIN_LOG]);
	}
}
END_TEST

START_TEST(points_and_magnitudes_agree)
{
	for (int32_t u = -1000; u <= 1000; u++) {
		uint32_t n = trellis_magnitude(u);
		unsigned z = (unsigned)u & 1;

		/* |u + ½| − ½ */
		ck_assert_uint_eq(n, (uint32_t)(u < 0 ? -1 - u : u));
		ck_assert_int_eq(trellis_point(n, z), u);
		ck_assert_int_eq(trellis_point(n, !z), -1 - u);
	}
}
END_TEST

/* What the decoder does with magnitudes gives the points back. */
START_TEST(a_walk_is_found_again)
{
	struct rng rng = {1};

	for (unsigned log = TRELLIS_MIN_LOG; log <= TRELLIS_MAX_LOG; log++) {
		unsigned there = 0, back = 0;
		struct trellis_code t;

		trellis_code_make(&t, log);
		for (int i = 0; i < 5000; i++) {
			unsigned p = (unsigned)rng_below(&rng, 2);
			int32_t u = 4 * ((int32_t)rng_below(&rng, 41) - 20) +
				    (int32_t)(2 * p + (there & 1)), v;

			there = t.next[there][p];
			v = trellis_point(trellis_magnitude(u), back & 1);
			ck_assert_int_eq(v, u);
			back = t.next[back][v >> 1 & 1];
			ck_assert_uint_eq(back, there);
		}
	}
}
END_TEST

/* ---- the search ---- */

enum {
	ROWS = 10,		/* numbers that all paths are tried for */
	LANES = TRELLIS_WIDE,
	CLASS = 20,		/* and the next two */
};

/* A search through a channel; places without a point among its units. */
struct searched {
	struct trellis_job job;
	struct trellis_code code;
	int32_t from[2 * TRELLIS_MAX_STATES];
	float target[ROWS * LANES], inverse[ROWS * LANES], scale;
	int8_t class[ROWS * LANES], channel;
	float price[MODEL_CLASSES * TRELLIS_PRICES], shrink[MODEL_CLASSES];
	uint8_t state[LANES];
	int32_t u[ROWS * LANES];
	void *work;
};

/* Prices as a coder's: rising, no two alike. */
static void make_price(struct rng *r, struct searched *s, unsigned class,
		       double slope)
{
	double sum = 0;

	for (unsigned n = 0; n < TRELLIS_PRICES; n++) {
		s->price[class * TRELLIS_PRICES + n] = (float)sum;
		sum += slope * uniform(r);
	}
	s->shrink[class] = slope > 0 ? 0.9f : 1.0f;
}

static void open_search(struct searched *s, unsigned log)
{
	size_t size = trellis_work_size(log, ROWS);

	trellis_code_make(&s->code, log);
	for (unsigned n = 0; n < s->code.n_states; n++)
		for (unsigned way = 0; way < 2; way++)
			s->from[2 * n + way] = s->code.from[n][way] |
					       s->code.subset[n][way] << 8;
	s->scale = 1;
	s->channel = 0;
	for (size_t i = 0; i < ROWS * LANES; i++)
		s->inverse[i] = 1;
	s->work = aligned_alloc(64, (size + 63) / 64 * 64);
	ck_assert_ptr_nonnull(s->work);
	s->job = (struct trellis_job){
		.log_states = log, .from = s->from, .lanes = LANES,
		.rows = ROWS, .stride = ROWS * LANES, .n_channels = 1,
		.target = s->target, .inverse = s->inverse,
		.scale = &s->scale, .unit_class = s->class,
		.channel_class = &s->channel, .price = s->price,
		.shrink = s->shrink, .state = s->state, .work = s->work,
		.u = s->u,
	};
}

/* The u of a subset whose point is nearest to the shrunk x. */
static int32_t nearest(const struct searched *s, size_t at, unsigned subset)
{
	float shrunk = s->target[at] * s->shrink[s->class[at]];

	return 4 * (int32_t)floor(((double)shrunk - 0.5 - subset) / 4 + 0.5) +
	       (int32_t)subset;
}

static double cost(const struct searched *s, size_t at, int32_t u)
{
	uint32_t n = trellis_magnitude(u);
	double d = (double)s->target[at] - (u + 0.5);

	n = n < TRELLIS_PRICES ? n : TRELLIS_PRICES - 1;
	return d * d +
	       (double)s->price[s->class[at] * TRELLIS_PRICES + (int)n];
}

/* The least metric of all paths of a lane from row t and a state. */
static double least_metric(const struct searched *s, unsigned state, size_t t,
			   unsigned lane)
{
	size_t at = t * LANES + lane;
	double best = INFINITY;

	if (t == ROWS)
		return 0;
	if (s->class[at] < TRELLIS_ZERO_BELOW)
		return least_metric(s, state, t + 1, lane);
	for (unsigned p = 0; p < 2; p++) {
		int32_t u = nearest(s, at, 2 * p + (state & 1));
		double m = cost(s, at, u) +
			   least_metric(s, s->code.next[state][p], t + 1,
					lane);

		best = m < best ? m : best;
	}
	return best;
}

/* The metric of a lane's path; it must be one, and end in its state. */
static double path_metric(const struct searched *s, unsigned state,
			  unsigned lane)
{
	double sum = 0;

	for (size_t t = 0; t < ROWS; t++) {
		size_t at = t * LANES + lane;

		if (s->class[at] < TRELLIS_ZERO_BELOW) {
			ck_assert_int_eq(s->u[at], 0);
			continue;
		}
		ck_assert_uint_eq((unsigned)s->u[at] & 1, state & 1);
		sum += cost(s, at, s->u[at]);
		state = s->code.next[state][s->u[at] >> 1 & 1];
	}
	ck_assert_uint_eq(state, s->state[lane]);
	return sum;
}

/* Loop: which kernels. */
START_TEST(the_search_finds_the_best_path)
{
	const struct kernels *k = kernels_named(kernel_names[_i]);
	static struct searched s;
	struct rng rng = {2};

	for (int round = 0; k && round < 70; round++) {
		double size = exp2(rng_below(&rng, 8)) / 4;
		uint8_t from[LANES];

		open_search(&s, TRELLIS_MIN_LOG + (unsigned)round % 7);
		for (unsigned c = 0; c < 3; c++)
			make_price(&rng, &s, CLASS + c, 0.5 * c);
		for (size_t i = 0; i < ROWS * LANES; i++) {
			s.target[i] = (float)(size * gaussian(&rng));
			s.class[i] = (int8_t)(CLASS + rng_below(&rng, 3));
			if (round & 1 && !rng_below(&rng, 5))
				s.class[i] = TRELLIS_NO_UNIT;
		}
		for (unsigned l = 0; l < LANES; l++)
			s.state[l] = (uint8_t)rng_below(&rng, s.code.n_states);
		memcpy(from, s.state, sizeof(from));
		ck_assert_int_eq(k->trellis->search(&s.job), 0);
		for (unsigned l = 0; l < LANES; l++) {
			double best = least_metric(&s, from[l], 0, l);
			double got = path_metric(&s, from[l], l);

			ck_assert_double_lt(fabs(got - best),
					    1e-5 * (best + 1));
		}
		free(s.work);
	}
}
END_TEST

/* Far away points cost what they must, and do not overflow. */
START_TEST(the_search_takes_any_number)
{
	static const float x[ROWS] = {1e30f, -1e30f, 0x1p22f, -0x1p22f, 3e38f,
				      0, -0.0f, 1e-40f, 0x1p21f, 70.3f};
	const struct kernels *k = kernels_named(kernel_names[_i]);
	static struct searched s;

	if (!k)
		return;
	open_search(&s, 3);
	s.shrink[CLASS] = 1;
	memset(s.price, 0, sizeof(s.price));
	memset(s.state, 0, sizeof(s.state));
	memset(s.class, CLASS, sizeof(s.class));
	for (size_t i = 0; i < ROWS * LANES; i++)
		s.target[i] = x[i / LANES];
	ck_assert_int_eq(k->trellis->search(&s.job), 1);
	for (size_t i = 0; i < ROWS * LANES; i++) {
		double v = fmax(-0x1p22, fmin(0x1p22, (double)x[i / LANES]));

		ck_assert_uint_lt(trellis_magnitude(s.u[i]), 1 << 23);
		ck_assert_double_lt(fabs(s.u[i] + 0.5 - v), 4);
	}
	s.scale = NAN;
	ck_assert_int_eq(k->trellis->search(&s.job), 1);
	ck_assert_int_eq(k->trellis->nearest(&s.job), 1);
	free(s.work);
}
END_TEST

START_TEST(lanes_cover_all_units)
{
	for (size_t n = 1; n < 300; n += 1 + n / 9)
		for (unsigned lanes = 1; lanes <= TRELLIS_MAX_LANES;
		     lanes *= 2) {
			if (lanes > n)
				break;
			ck_assert_uint_eq(trellis_lane_start(n, lanes, 0), 0);
			ck_assert_uint_eq(trellis_lane_start(n, lanes, lanes),
					  n);
			for (unsigned l = 0; l < lanes; l++) {
				size_t len =
					trellis_lane_start(n, lanes, l + 1) -
					trellis_lane_start(n, lanes, l);

				ck_assert(len == n / lanes ||
					  len == n / lanes + 1);
			}
		}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trellis");
	TCase *t = tcase_create("codes and search");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(t, every_state_has_two_ways_in);
	tcase_add_test(t, codes_have_their_free_distance);
	tcase_add_test(t, points_and_magnitudes_agree);
	tcase_add_test(t, a_walk_is_found_again);
	tcase_add_loop_test(t, the_search_finds_the_best_path, 0, KERNELS);
	tcase_add_loop_test(t, the_search_takes_any_number, 0, KERNELS);
	tcase_add_test(t, lanes_cover_all_units);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
