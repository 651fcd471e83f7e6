/*
 * check_trellis.c - the trellis codes, and the search for the best path.
 */
#include "codec/trellis_code.h"
#include "codec/trellis_search.h"
#include "tests/random.h"

#include <check.h>
#include <stdbool.h>
#include <string.h>

static struct hvqz_err err;

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
	SHORT = 10,		/* numbers that all paths are tried for */
	LONG = 61,		/* the longest lane */
};

/* Prices as a coder's: rising, no two alike. */
static void make_price(struct rng *r, struct trellis_price *p, double slope)
{
	double sum = 0;

	for (unsigned n = 0; n < TRELLIS_PRICES; n++) {
		p->of[n] = (float)sum;
		sum += slope * uniform(r);
	}
	p->shrink = slope > 0 ? 0.9f : 1.0f;
}

/* The u of a subset whose point is nearest to the shrunk x. */
static int32_t nearest(float x, const struct trellis_price *p, unsigned subset)
{
	double y = (double)(x * p->shrink) - 0.5;

	return 4 * (int32_t)floor((y - subset) / 4 + 0.5) + (int32_t)subset;
}

static double cost(float x, const struct trellis_price *p, int32_t u)
{
	uint32_t n = trellis_magnitude(u);
	double d = (double)x - (u + 0.5);

	return d * d + (double)p->of[n < TRELLIS_PRICES ? n
						       : TRELLIS_PRICES - 1];
}

/* The least metric of all 2^n paths from a state. */
static double least_metric(const struct trellis_code *t, unsigned state,
			   const float *x,
			   const struct trellis_price *const *price, size_t n)
{
	double best = INFINITY;

	if (!n)
		return 0;
	for (unsigned p = 0; p < 2; p++) {
		int32_t u = nearest(*x, *price, 2 * p + (state & 1));
		double m = cost(*x, *price, u) +
			   least_metric(t, t->next[state][p], x + 1,
					price + 1, n - 1);

		best = m < best ? m : best;
	}
	return best;
}

/* The metric of the path u; it must be one, and end in state `end`. */
static double path_metric(const struct trellis_code *t, unsigned state,
			  unsigned end, const float *x,
			  const struct trellis_price *const *price, size_t n,
			  const int32_t *u)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq((unsigned)u[i] & 1, state & 1);
		sum += cost(x[i], price[i], u[i]);
		state = t->next[state][u[i] >> 1 & 1];
	}
	ck_assert_uint_eq(state, end);
	return sum;
}

START_TEST(the_search_finds_the_best_path)
{
	const size_t start[] = {0, SHORT};
	struct rng rng = {2};

	for (int round = 0; round < 200; round++) {
		unsigned log = TRELLIS_MIN_LOG + (unsigned)round % 7, from;
		double size = exp2(rng_below(&rng, 8)) / 4, best, got;
		const struct trellis_price *price[SHORT];
		struct trellis_price prices[3];
		struct trellis_search s;
		struct trellis_code t;
		int32_t u[SHORT];
		float x[SHORT];

		trellis_code_make(&t, log);
		for (unsigned p = 0; p < 3; p++)
			make_price(&rng, &prices[p], 0.5 * p);
		for (size_t i = 0; i < SHORT; i++) {
			x[i] = (float)(size * gaussian(&rng));
			price[i] = &prices[rng_below(&rng, 3)];
		}
		ck_assert_int_eq(trellis_search_open(&s, &t, 1, SHORT, &err),
				 HVQZ_OK);
		from = (unsigned)rng_below(&rng, t.n_states);
		s.state[0] = (uint8_t)from;
		trellis_search_run(&s, x, price, start, u);
		best = least_metric(&t, from, x, price, SHORT);
		got = path_metric(&t, from, s.state[0], x, price, SHORT, u);
		ck_assert_double_lt(fabs(got - best), 1e-5 * (best + 1));
		trellis_search_close(&s);
	}
}
END_TEST

/* Far away points cost what they must, and do not overflow. */
START_TEST(the_search_takes_any_number)
{
	static const float x[] = {1e30f, -1e30f, 0x1p22f, -0x1p22f, 3e38f,
				  0, -0.0f, 1e-40f, 0x1p21f, 70.3f};
	const size_t start[] = {0, SHORT};
	const struct trellis_price *price[SHORT];
	struct trellis_price p = {.shrink = 1};
	struct trellis_search s;
	struct trellis_code t;
	int32_t u[SHORT];

	for (size_t i = 0; i < SHORT; i++)
		price[i] = &p;
	trellis_code_make(&t, 3);
	ck_assert_int_eq(trellis_search_open(&s, &t, 1, SHORT, &err), HVQZ_OK);
	trellis_search_run(&s, x, price, start, u);
	for (size_t i = 0; i < SHORT; i++) {
		double v = fmax(-0x1p22, fmin(0x1p22, (double)x[i]));

		ck_assert_uint_lt(trellis_magnitude(u[i]), 1 << 23);
		ck_assert_double_lt(fabs(u[i] + 0.5 - v), 4);
	}
	trellis_search_close(&s);
}
END_TEST

/* Each lane as it would be alone, twice in a row: the states go on. */
START_TEST(lanes_do_not_touch_each_other)
{
	enum { N = LONG * TRELLIS_MAX_LANES };
	static const struct trellis_price *price[N];
	static struct trellis_price prices[2];
	static float x[N];
	static int32_t u[2][N], alone[LONG];
	struct rng rng = {3};

	for (unsigned p = 0; p < 2; p++)
		make_price(&rng, &prices[p], 0.3);
	for (size_t i = 0; i < N; i++) {
		x[i] = (float)(3 * gaussian(&rng));
		price[i] = &prices[rng_below(&rng, 2)];
	}
	for (unsigned n = 1; n <= TRELLIS_MAX_LANES; n++) {
		size_t start[TRELLIS_MAX_LANES + 1] = {0};
		unsigned log = TRELLIS_MIN_LOG + n % 7;
		struct trellis_search s, one;
		struct trellis_code t;

		/* Some are empty. */
		for (unsigned l = 0; l < n; l++)
			start[l + 1] = start[l] + rng_below(&rng, LONG + 1);
		trellis_code_make(&t, log);
		ck_assert_int_eq(trellis_search_open(&s, &t, n, LONG, &err),
				 HVQZ_OK);
		trellis_search_run(&s, x, price, start, u[0]);
		trellis_search_run(&s, x, price, start, u[1]);
		for (unsigned l = 0; l < n; l++) {
			size_t len = start[l + 1] - start[l];
			const size_t span[] = {0, len};

			ck_assert_int_eq(trellis_search_open(&one, &t, 1, LONG,
							     &err), HVQZ_OK);
			for (int k = 0; k < 2; k++) {
				trellis_search_run(&one, x + start[l],
						   price + start[l], span,
						   alone);
				ck_assert(!len ||
					  !memcmp(alone, u[k] + start[l],
						  len * sizeof(*alone)));
			}
			ck_assert_uint_eq(one.state[0], s.state[l]);
			trellis_search_close(&one);
		}
		trellis_search_close(&s);
	}
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
	tcase_add_test(t, the_search_finds_the_best_path);
	tcase_add_test(t, the_search_takes_any_number);
	tcase_add_test(t, lanes_do_not_touch_each_other);
	tcase_add_test(t, lanes_cover_all_units);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
