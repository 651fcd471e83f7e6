/* hessian.c - tiles: bands of rows of a block, each one product wide. */
#include "lm/hessian.h"

#include "kernels/rows.h"
#include "lm/flop.h"

enum { BAND = 512 }; /* rows of a tile */

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t hessian_len(size_t n, size_t block)
{
	size_t rest;

	if (!block)
		return n;
	rest = n % block;
	return n / block * block * block + rest * rest;
}

static size_t bands(size_t width)
{
	return (width + BAND - 1) / BAND;
}

size_t hessian_tiles(const struct lm_hessian *h)
{
	if (!h->block)
		return 1;
	return h->n / h->block * bands(h->block) + bands(h->n % h->block);
}

/* A band of rows of one block: its own triangle, and what is left of it. */
static void add_band(float *sum, size_t width, size_t row, const float *x,
		     size_t ld, size_t n_rows, double *flop)
{
	size_t high = min(BAND, width - row);
	struct mat right = {x + row, ld}, left = {x, ld};

	if (row)
		count_tn(high, row, n_rows, right, left, 1, sum + row * width,
			 width, flop);
	syrk_lower(high, n_rows, right, sum + row * width + row, width);
	*flop += (double)high * (double)(high + 1) * (double)n_rows;
}

void hessian_add(const struct lm_hessian *h, const struct row_kernels *rows,
		 size_t tile, const float *x, size_t n_rows, double *flop)
{
	size_t block, row, width;

	if (!h->block) {
		for (size_t i = 0; i < n_rows; i++)
			rows->add_squares(h->sum, x + i * h->n, h->n);
		return;
	}
	block = tile / bands(h->block);
	row = tile % bands(h->block) * BAND;
	width = min(h->block, h->n - block * h->block);
	add_band(h->sum + block * h->block * h->block, width, row,
		 x + block * h->block, h->n, n_rows, flop);
}
