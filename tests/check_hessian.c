/*
 * check_hessian.c - sums of products of inputs: whole, in blocks, diagonal,
 * wider than a band of tiles, against plain sums in double precision.
 *
 * Only lower triangles are promised; what stands above them is not looked at.
 */
#include "kernels/blas.h"
#include "kernels/rows.h"
#include "lm/hessian.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct shape {
	size_t n, block, n_tiles;
};

static const struct shape shapes[] = {
	{1, 1, 1}, {1, 0, 1}, {5, 5, 1}, {70, 70, 1},
	/* the diagonal alone */
	{7, 0, 1}, {600, 0, 1},
	/* blocks; the last is narrower, or just one channel */
	{12, 4, 3}, {13, 4, 4}, {70, 32, 3}, {64, 63, 2}, {9, 1, 9},
	/* bands: 512 rows each */
	{512, 512, 1}, {513, 513, 2}, {1030, 1030, 3},
	/* blocks of two bands each, the last of two and of one */
	{1200, 520, 5}, {1553, 520, 6},
};

/* Where channel i's square starts, how wide it is, and its first channel. */
static float *square_of(const struct lm_hessian *h, size_t i, size_t *width,
			size_t *first)
{
	*first = i / h->block * h->block;
	*width = h->n - *first < h->block ? h->n - *first : h->block;
	return h->sum + *first / h->block * h->block * h->block;
}

static void check_value(const struct lm_hessian *h, const float *x,
			size_t n_rows, size_t i, size_t j, float is)
{
	double sum = 0, size = 0;

	for (size_t t = 0; t < n_rows; t++) {
		double v = (double)x[t * h->n + i] * (double)x[t * h->n + j];

		sum += v;
		size += fabs(v);
	}
	if (!(fabs((double)is - sum) <= size * 2e-6))
		ck_abort_msg("n %zu, block %zu: H[%zu][%zu] is %.9g, not %.9g",
			     h->n, h->block, i, j, (double)is, sum);
}

static void check_sum(const struct lm_hessian *h, const float *x, size_t n_rows)
{
	struct rng r = {h->n};

	for (size_t i = 0; i < h->n; i++) {
		size_t first, width, step;
		const float *q;

		if (!h->block) {
			check_value(h, x, n_rows, i, i, h->sum[i]);
			continue;
		}
		q = square_of(h, i, &width, &first);
		/* All of a small one; the rim and samples of a large one. */
		step = width > 100 ? 97 : 1;
		for (size_t j = first; j <= i; j += 1 + rng_below(&r, step))
			check_value(h, x, n_rows, i, j,
				    q[(i - first) * width + j - first]);
		check_value(h, x, n_rows, i, i,
			    q[(i - first) * width + i - first]);
	}
}

static float *random_rows(size_t len, uint64_t seed)
{
	float *x = malloc(len * sizeof(*x));
	struct rng r = {seed};

	ck_assert_ptr_nonnull(x);
	for (size_t i = 0; i < len; i++)
		x[i] = normal(&r);
	return x;
}

/* hessian_len() floats as the comment says, counted another way. */
static size_t count(const struct shape *s)
{
	size_t len = 0;

	for (size_t a = 0; s->block && a < s->n; a += s->block) {
		size_t w = s->n - a < s->block ? s->n - a : s->block;

		len += w * w;
	}
	return s->block ? len : s->n;
}

START_TEST(sums_of_products)
{
	static const size_t rows[] = {1, 3, 33};
	const struct shape *s = &shapes[_i];
	size_t len = count(s), n_rows = 37, at = 0;
	struct lm_hessian h = {.n = s->n, .block = s->block};
	float *x = random_rows(n_rows * s->n, s->n + s->block);
	double flop = 0, must = 0;

	blas_init();
	ck_assert_uint_eq(hessian_len(s->n, s->block), len);
	ck_assert_uint_eq(hessian_tiles(&h), s->n_tiles);
	h.sum = calloc(len + 1, sizeof(float));
	h.sum[len] = 77;
	/* In three goes; tiles backwards, as their order is nobody's. */
	for (size_t k = 0; k < 3; k++) {
		for (size_t i = s->n_tiles; i--;)
			hessian_add(&h, rows_select(), i, x + at * s->n,
				    rows[k], &flop);
		at += rows[k];
	}
	check_sum(&h, x, n_rows);
	ck_assert(h.sum[len] == 77);
	/* Half of the square products and the diagonal's. */
	for (size_t a = 0; s->block && a < s->n; a += s->block) {
		double w = (double)(s->n - a < s->block ? s->n - a : s->block);

		must += w * (w + 1) * (double)n_rows;
	}
	ck_assert_msg(fabs(flop - must) <= 1e-9 * must, "%g, not %g", flop,
		      must);
	free(h.sum);
	free(x);
}
END_TEST

/* A tile touches its own rows only: added alone, the others stay 0. */
START_TEST(tiles_keep_to_themselves)
{
	const struct shape *s = &shapes[_i];
	size_t len = count(s), n_rows = 4, wrong = 0;
	struct lm_hessian h = {.n = s->n, .block = s->block};
	float *x = random_rows(n_rows * s->n, 3), *all, *one;
	double flop = 0;

	blas_init();
	all = calloc(len, sizeof(*all));
	one = calloc(len, sizeof(*one));
	h.sum = all;
	for (size_t i = 0; i < s->n_tiles; i++)
		hessian_add(&h, rows_select(), i, x, n_rows, &flop);
	for (size_t k = 0; k < s->n_tiles; k++) {
		size_t n = 0;

		h.sum = one;
		memset(one, 0, len * sizeof(*one));
		hessian_add(&h, rows_select(), k, x, n_rows, &flop);
		for (size_t i = 0; i < len; i++) {
			wrong += one[i] != 0 && one[i] != all[i];
			n += one[i] != 0;
		}
		ck_assert_uint_gt(n, 0);
		/* what is taken away here must be all in the end */
		for (size_t i = 0; i < len; i++)
			all[i] -= one[i];
	}
	for (size_t i = 0; i < len; i++)
		wrong += all[i] != 0;
	ck_assert_uint_eq(wrong, 0);
	free(all);
	free(one);
	free(x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hessian");
	TCase *t = tcase_create("sums");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, sums_of_products, 0,
			    sizeof(shapes) / sizeof(*shapes));
	tcase_add_loop_test(t, tiles_keep_to_themselves, 0,
			    sizeof(shapes) / sizeof(*shapes));
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
