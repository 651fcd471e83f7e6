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

/* The file's values, as they are, to h [n_in][n_in]. */
static enum hvqz_ret read_values(const struct sens *s, float *h,
				 struct hvqz_err *err)
{
	const struct sens_reader *file = &s->full.file;
	size_t size = s->full.is_f16 ? 2 : 4, n = s->n_in * s->n_in;
	uint8_t *step = malloc(STEP);
	enum hvqz_ret ret = HVQZ_OK;

	if (!step)
		return hvqz_nomem(err, STEP, "reading a Hessian");
	for (size_t done = 0; done < n;) {
		size_t k = n - done < STEP / size ? n - done : STEP / size;

		TRY_OUT(file->read_at(file->ctx,
				      s->full.off + (uint64_t)done * size,
				      step, k * size, err));
		for (size_t i = 0; i < k; i++)
			h[done + i] = size == 2 ?
				f32_from_f16(get_le16(step + 2 * i)) :
				get_lef32(step + 4 * i);
		done += k;
	}
out:
	free(step);
	return ret;
}

/* H_jk = C_jk·s_j·s_k, in the order the diagonal was made in. */
static enum hvqz_ret scale_row(const struct sens *s, size_t j, float *row,
			       struct hvqz_err *err)
{
	const float *scale = s->full.scale;

	for (size_t k = 0; k < s->n_in; k++) {
		if (scale)
			row[k] = row[k] * scale[j] * scale[k];
		TRY(check_value(s, j, k, row[k], err));
	}
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

/* In tiles: a walk down the columns of a large matrix is all cache misses. */
static enum hvqz_ret symmetrise(const struct sens *s, float *h,
				struct hvqz_err *err)
{
	size_t n = s->n_in;

	for (size_t a = 0; a < n; a += TILE)
		for (size_t b = 0; b <= a; b += TILE)
			for (size_t j = a; j < n && j < a + TILE; j++)
				for (size_t k = b; k < j && k < b + TILE; k++)
					TRY(join(s, h, j, k, err));
	return HVQZ_OK;
}

enum hvqz_ret sens_load_full(const struct sens *s, float *h,
			     struct hvqz_err *err)
{
	enum hvqz_ret ret;

	assert(sens_can_load(s));
	ret = read_values(s, h, err);
	if (ret != HVQZ_OK && err && !err->tensor[0])
		snprintf(err->tensor, sizeof(err->tensor), "%s", s->name);
	TRY(ret);
	for (size_t j = 0; j < s->n_in; j++)
		TRY(scale_row(s, j, h + j * s->n_in, err));
	return symmetrise(s, h, err);
}
