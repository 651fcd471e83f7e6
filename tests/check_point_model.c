/*
 * check_point_model.c - the tables of a trellis' points: there and back, their
 * price, damage.
 */
#include "entropy/point_model.h"
#include "tests/random.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hvqz_err err;

/* Counts of n magnitudes of class q; kind says of which distribution. */
static void draw(struct rng *r, unsigned q, size_t n, unsigned kind,
		 struct point_counts *c)
{
	double sigma = exp2(((int)q - MODEL_CLASS_UNIT) / (double)MODEL_STEPS);
	unsigned fold = model_fold(q);

	for (size_t i = 0; i < n; i++) {
		double x = fabs(kind == 0   ? gaussian(r)
				: kind == 1 ? laplacian(r)
				: kind == 2 ? 40 * uniform(r)
					    : 0) *
			   sigma;
		uint32_t s = (uint32_t)x >> model_shift(q);

		c->n[q][s > fold ? fold + 1 : s]++;
	}
}

/* Two models with the same tables, all of them sound. */
static bool same_tables(const struct point_model *a,
			const struct point_model *b)
{
	for (unsigned q = 0; q < MODEL_CLASSES; q++) {
		const struct point_table *t = a->t[q], *u = b->t[q];
		unsigned sum = 0;

		if (!t && !u)
			continue;
		if (!t || !u || t->shift != model_shift(q) ||
		    t->escape != model_fold(q) + 1 || t->shift != u->shift ||
		    t->escape != u->escape ||
		    memcmp(t->slot, u->slot, sizeof(t->slot)) != 0)
			return false;
		for (unsigned s = 0; s <= t->escape; s++) {
			if (t->freq[s] < 1 || t->freq[s] != u->freq[s] ||
			    t->cum[s] != u->cum[s] || t->cum[s] != sum ||
			    t->slot[sum] != s)
				return false;
			sum += t->freq[s];
		}
		if (sum != 1 << MODEL_BITS)
			return false;
	}
	return true;
}

START_TEST(point_tables_come_back)
{
	static const size_t sizes[] = {1, 30, 1000, 20000};
	static struct point_counts c;
	struct rng rng = {7};

	for (unsigned round = 0; round < 40; round++) {
		struct point_model put, get;
		struct buf out = {0};
		struct cursor at;

		memset(&c, 0, sizeof(c));
		/* None, one, some, all classes. */
		for (unsigned q = 0; q < MODEL_CLASSES && round; q++)
			if (round < 8 ? q == round * 11 % MODEL_CLASSES
				      : round > 36 || !rng_below(&rng, 5))
				draw(&rng, q, sizes[rng_below(&rng, 4)],
				     (unsigned)rng_below(&rng, 4), &c);
		ck_assert_int_eq(point_model_put(&put, &c, &out, &err),
				 HVQZ_OK);
		at = (struct cursor){out.p, out.p + out.len};
		ck_assert_int_eq(point_model_get(&get, &at, &err), HVQZ_OK);
		ck_assert_uint_eq(cur_left(&at), 0);
		ck_assert(same_tables(&put, &get));
		point_model_free(&put);
		point_model_free(&get);
		buf_free(&out);
	}
}
END_TEST

/* All of it counted: the tables' own bytes too. */
START_TEST(point_tables_are_near_the_entropy)
{
	enum { N = 40000 };
	static struct point_counts c;
	struct rng rng = {8};
	double worst = 0;

	for (unsigned q = MODEL_CLASS_UNIT - 2; q < MODEL_CLASSES; q++) {
		struct point_model m;
		struct buf out = {0};
		double bits = 0, h = 0;

		memset(&c, 0, sizeof(c));
		draw(&rng, q, N, 0, &c);
		ck_assert_int_eq(point_model_put(&m, &c, &out, &err),
				 HVQZ_OK);
		for (unsigned s = 0; s < MODEL_MAX_SYMBOLS; s++) {
			if (!c.n[q][s])
				continue;
			bits -= c.n[q][s] * log2(m.t[q]->freq[s] * 0x1p-12);
			h -= c.n[q][s] * log2(c.n[q][s] / (double)N);
		}
		bits += 8.0 * (double)out.len;
		worst = fmax(worst, bits / h - 1);
		ck_assert_double_lt(bits, 1.01 * h);
		point_model_free(&m);
		buf_free(&out);
	}
	if (getenv("HVQZ_FIGURES"))
		printf("point tables: %.2f %% above the entropy\n",
		       100 * worst);
}
END_TEST

START_TEST(magnitudes_of_any_size_come_back)
{
	static struct point_counts c;
	struct rng rng = {9};
	struct point_model m;
	struct buf out = {0};

	memset(&c, 0, sizeof(c));
	for (unsigned q = 0; q < MODEL_CLASSES; q++)
		draw(&rng, q, 100, 0, &c);
	ck_assert_int_eq(point_model_put(&m, &c, &out, &err), HVQZ_OK);
	for (unsigned q = 0; q < MODEL_CLASSES; q++)
		for (uint32_t v = 0; v <= 1 << 23; v += 1 + v / 7) {
			const struct point_table *t = m.t[q];
			uint32_t edge = (uint32_t)t->escape << t->shift;
			uint32_t n[] = {v, v ^ 1, edge, edge - 1,
					(1 << 23) - v};

			for (size_t i = 0; i < 5; i++) {
				struct bit_writer w = {.out = &out};
				struct bit_reader r;
				uint32_t back;
				unsigned s;

				buf_clear(&out);
				s = model_symbol(t, n[i], &w);
				bits_flush(&w);
				ck_assert_uint_le(s, t->escape);
				r = (struct bit_reader){
					.p = out.p, .end = out.p + out.len};
				ck_assert(model_magnitude(t, s, &r, &back));
				ck_assert(bits_end(&r));
				ck_assert_uint_eq(back, n[i]);
			}
		}
	point_model_free(&m);
	buf_free(&out);
}
END_TEST

/* A magnitude that no encoder makes. */
START_TEST(magnitudes_beyond_the_limit_are_refused)
{
	static struct point_counts c;
	struct rng rng = {9};
	struct point_model m;
	struct buf out = {0};

	memset(&c, 0, sizeof(c));
	for (unsigned q = 0; q < MODEL_CLASSES; q++)
		draw(&rng, q, 1, 0, &c);
	ck_assert_int_eq(point_model_put(&m, &c, &out, &err), HVQZ_OK);
	for (unsigned q = 0; q < MODEL_CLASSES; q++)
		for (unsigned e = 24; e < 31; e++) {
			struct bit_writer w = {.out = &out};
			struct bit_reader r;
			uint32_t n;

			buf_clear(&out);
			bits_put_gamma(&w, 1u << e >> (e < 30 ? m.t[q]->shift
							      : 0));
			bits_put(&w, 0, m.t[q]->shift);
			bits_flush(&w);
			r = (struct bit_reader){.p = out.p,
						.end = out.p + out.len};
			ck_assert(!model_magnitude(m.t[q], m.t[q]->escape, &r,
						   &n));
		}
	point_model_free(&m);
	buf_free(&out);
}
END_TEST

/* What n costs is what coding it takes. */
START_TEST(prices_are_those_of_the_table)
{
	enum { MAX = 3000 };
	static struct point_counts c;
	static float bits[MAX];
	struct rng rng = {10};

	for (unsigned q = 0; q < MODEL_CLASSES; q += 3) {
		struct point_model m;
		struct buf out = {0};

		memset(&c, 0, sizeof(c));
		draw(&rng, q, 5000, 1, &c);
		ck_assert_int_eq(point_model_put(&m, &c, &out, &err),
				 HVQZ_OK);
		model_price(m.t[q], bits, MAX);
		for (uint32_t n = 0; n < MAX; n++) {
			struct bit_writer w = {.out = &out};
			double want;
			unsigned s;

			buf_clear(&out);
			s = model_symbol(m.t[q], n, &w);
			want = 12 - log2(m.t[q]->freq[s]) +
			       8.0 * (double)out.len + w.n;
			ck_assert_double_lt(fabs(want - (double)bits[n]),
					    1e-3);
		}
		point_model_free(&m);
		buf_free(&out);
	}
}
END_TEST

/* Cut anywhere: refused. Any bit flipped: refused, or other tables. */
START_TEST(damaged_tables_are_refused)
{
	static struct point_counts c;
	struct rng rng = {11};
	struct point_model m, zero = {0};
	struct buf out = {0};
	struct cursor at;

	memset(&c, 0, sizeof(c));
	for (unsigned q = 20; q < 50; q += 3)
		draw(&rng, q, 4000, q % 3, &c);
	ck_assert_int_eq(point_model_put(&m, &c, &out, &err), HVQZ_OK);
	point_model_free(&m);
	for (size_t len = 0; len < out.len; len++) {
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, out.p, len);
		at = (struct cursor){copy, copy + len};
		ck_assert_int_eq(point_model_get(&m, &at, &err),
				 HVQZ_DAMAGED);
		point_model_free(&m);
		free(copy);
	}
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		enum hvqz_ret ret;

		out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		at = (struct cursor){out.p, out.p + out.len};
		ret = point_model_get(&m, &at, &err);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_DAMAGED);
		if (ret == HVQZ_OK)
			ck_assert(same_tables(&m, &m));
		point_model_free(&m);
		ck_assert_mem_eq(&m, &zero, sizeof(m));
		out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("point model");
	TCase *t = tcase_create("tables");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(t, point_tables_come_back);
	tcase_add_test(t, point_tables_are_near_the_entropy);
	tcase_add_test(t, magnitudes_of_any_size_come_back);
	tcase_add_test(t, magnitudes_beyond_the_limit_are_refused);
	tcase_add_test(t, prices_are_those_of_the_table);
	tcase_add_test(t, damaged_tables_are_refused);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
