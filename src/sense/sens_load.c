/*
 * sens_load.c - one full Hessian out of its sidecar, when it is wanted.
 *
 * Every value was checked when the sidecar was first read; it is checked again
 * here, as it comes from the file again. What only someone with the whole
 * matrix can check, its symmetry (formats/sidecar.md, rule 2), is checked too.
 */
#include "sense/sens.h"

#include "base/bytes.h"
#include "base/half.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP = 256 << 10,	/* bytes of the file in hand at a time */
	TILE = 64,		/* a square of 16 KiB, and its mirror image */
};

/* |H_jk − H_kj| may be this part of √(H_jj·H_kk); F16 rounds by 0.0005. */
#define ROUNDING 0.01

static enum hvqz_ret check_value(const struct sens *s, size_t j, size_t k,
				 float v, struct hvqz_err *err)
{
	if (isfinite(v) && (j != k || v >= 0))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, s->name,
				"the sidecar's hessian has %g in row %zu, "
				"column %zu; it must be finite%s", (double)v,
				j, k, j == k ? " and not negative" : "");
}

/*
 * Where the file's next value belongs: rows of `width` values, which are the
 * columns from `at` on, as many as there are.
 */
struct place {
	size_t row, col, at, width;
};

/* The k values in hand, `size` bytes each, to their places in h [n][n]. */
static void place_values(struct place *to, const uint8_t *p, size_t k,
			 size_t size, float *h, size_t n)
{
	while (k) {
		size_t run = to->width - to->col;
		float *row = h + to->row * n;

		run = k < run ? k : run;
		for (size_t i = 0, c = to->at + to->col; i < run && c < n;
		     i++, c++)
			row[c] = size == 2 ? f32_from_f16(get_le16(p + 2 * i)) :
				get_lef32(p + 4 * i);
		p += run * size;
		k -= run;
		to->col += run;
		if (to->col < to->width)
			continue;
		to->col = 0;
		to->row++;
		if (to->row - to->at == to->width)
			to->at = to->row;
	}
}

/*
 * The file's values, as they are, to h [n_in][n_in]. A row of a block is as
 * long as the block, and its rows are the channels in their order, so that only
 * the padding behind the last of them is left unread.
 */
static enum hvqz_ret read_values(const struct sens *s, float *h,
				 struct hvqz_err *err)
{
	const struct read_again *file = &s->full.file;
	struct place to = {.width = sens_block(s)};
	size_t size = s->full.is_f16 ? 2 : 4, n = s->n_in * to.width;
	uint8_t *step = malloc(STEP);
	enum hvqz_ret ret = HVQZ_OK;

	if (!step)
		return hvqz_nomem(err, STEP, "reading a Hessian");
	for (size_t done = 0; done < n;) {
		size_t k = n - done < STEP / size ? n - done : STEP / size;

		TRY_OUT(file->read_at(file->ctx,
				      s->full.off + (uint64_t)done * size,
				      step, k * size, err));
		place_values(&to, step, k, size, h, s->n_in);
		done += k;
	}
out:
	free(step);
	return ret;
}

/* H_jk = C_jk·s_j·s_k in row j of the block of channels a … b − 1. */
static enum hvqz_ret scale_row(const struct sens *s, size_t j, size_t a,
			       size_t b, float *row, struct hvqz_err *err)
{
	const float *scale = s->full.scale;

	for (size_t k = a; k < b; k++) {
		if (scale)
			row[k] = row[k] * scale[j] * scale[k];
		TRY(check_value(s, j, k, row[k], err));
	}
	/* Where the diagonal was given, this is the root of it, squared. */
	row[j] = s->diag[j];
	return HVQZ_OK;
}

/* Both of a pair become their mean, which must be near them. */
static enum hvqz_ret join(const struct sens *s, float *h, size_t j, size_t k,
			  struct hvqz_err *err)
{
	float *x = &h[j * s->n_in + k], *y = &h[k * s->n_in + j];
	double both = (double)h[j * s->n_in + j] * (double)h[k * s->n_in + k];
	double apart = (double)*x - (double)*y;

	/* A channel without a diagonal loses its correlations anyway. */
	if (both > 0 && apart * apart > ROUNDING * ROUNDING * both)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, s->name,
					"the sidecar's hessian has %g in row "
					"%zu, column %zu, and %g across; it "
					"must be symmetric", (double)*x, j, k,
					(double)*y);
	*x = *y = *x / 2 + *y / 2;
	return HVQZ_OK;
}

/*
 * The block of channels from `from` to `to`. In tiles: a walk down the columns
 * of a large matrix is all cache misses.
 */
static enum hvqz_ret symmetrise(const struct sens *s, float *h, size_t from,
				size_t to, struct hvqz_err *err)
{
	for (size_t a = from; a < to; a += TILE)
		for (size_t b = from; b <= a; b += TILE)
			for (size_t j = a; j < to && j < a + TILE; j++)
				for (size_t k = b; k < j && k < b + TILE; k++)
					TRY(join(s, h, j, k, err));
	return HVQZ_OK;
}

enum hvqz_ret sens_load_full(const struct sens *s, float *h,
			     struct hvqz_err *err)
{
	size_t n = s->n_in, block = sens_block(s);
	enum hvqz_ret ret;

	assert(sens_can_load(s));
	if (block < n)
		memset(h, 0, n * n * sizeof(*h));
	ret = read_values(s, h, err);
	if (ret != HVQZ_OK && err && !err->tensor[0])
		snprintf(err->tensor, sizeof(err->tensor), "%s", s->name);
	TRY(ret);
	for (size_t a = 0; a < n; a += block) {
		size_t b = n - a < block ? n : a + block;

		for (size_t j = a; j < b; j++)
			TRY(scale_row(s, j, a, b, h + j * n, err));
		TRY(symmetrise(s, h, a, b, err));
	}
	return HVQZ_OK;
}
