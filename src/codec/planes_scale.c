/*
 * planes_scale.c - how large are the weights of a row, and of a column?
 *
 * |w| is about a_row · b_column: the means of |w| by row and by column, each
 * with the other divided out. A scale that is off by δ octaves costs about
 * 0.69·δ² bits a weight; a finer list of codes costs bits too. The list whose
 * sum of both is least is taken, for rows and for columns, or none.
 */
#include "codec/planes.h"

#include "base/log2.h"
#include "entropy/exp2.h"

#include <math.h>
#include <stdlib.h>

/* Bits a weight per squared octave of a wrong scale: ln 2. */
#define WRONG 0.69314718f

enum {
	/* A scale's code is this far from the mean's at most, in eighths. */
	MAX_OFF = CLASS_MAX / 4,
	/* Fewer numbers than this know their scale by themselves. */
	MIN_NUMBERS = 512,
};

/* Means of |w| of a kind of line, as 1/scale and log2(scale). */
struct lines {
	size_t n;
	float *sum, *inverse, *log;	/* [n]; sum owns the others */
	uint32_t *count;		/* [n], owned: numbers that are not 0 */
};

static enum hvqz_ret lines_alloc(struct lines *l, size_t n,
				 struct hvqz_err *err)
{
	l->n = n;
	l->sum = calloc(n, 3 * sizeof(*l->sum));
	l->count = calloc(n, sizeof(*l->count));
	if (!l->sum || !l->count)
		return hvqz_nomem(err, n * 16, "scales");
	l->inverse = l->sum + n;
	l->log = l->sum + 2 * n;
	for (size_t i = 0; i < n; i++)
		l->inverse[i] = 1;
	return HVQZ_OK;
}

static void lines_free(struct lines *l)
{
	free(l->sum);
	free(l->count);
}

/* Sums to scales. */
static void lines_settle(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++) {
		float mean = l->count[i] ? l->sum[i] / (float)l->count[i] : 0;

		if (mean > 0x1p-60f && mean < 0x1p60f) {
			l->inverse[i] = 1 / mean;
			l->log[i] = log2_approx(mean);
		} else {
			l->count[i] = 0;
			l->inverse[i] = 1;
			l->log[i] = 0;
		}
	}
}

/*
 * Magnitudes as numbers, all times the same: what is far from 1 is taken for
 * 0, and subnormals. Exponents of fewer bits move to the place of single
 * precision's, F64's lose their highest ones. In whole steps.
 */
static void magnitudes(const struct front *f, const uint32_t *restrict x,
		       size_t n, float *restrict w)
{
	struct float_format from = float_format(f->held);
	unsigned m = from.mantissa - 8 * f->tail;
	uint32_t mask = (((uint32_t)1 << (f->bits - 1)) - 1) >> f->drop;
	uint32_t bias = (1u << (from.exponent - 1)) - 1;
	uint32_t low = (127u - 60) << 23, span = 120u << 23;
	/* An exponent e becomes e − bias + 127, modulo 2^32. */
	uint32_t up = (127u - bias) << 23;
	unsigned left = 23 - m + f->drop;

	for (size_t i = 0; i < n; i += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++) {
			uint32_t u = (x[i + k] & mask) << left;
			uint32_t normal = u >> 23 != 0;

			u += up;
			u &= 0u - (normal & (u - low < span));
			w[i + k] = f32_from_bits(u);
		}
}

/* Σ w·by and how many w are not 0, in an order that is always the same. */
static float weigh(const float *restrict w, const float *restrict by, size_t n,
		   uint32_t *count)
{
	float sum[PLANES_STEP] = {0}, all = 0;
	uint32_t some[PLANES_STEP] = {0};
	size_t j = 0;

	for (; j + PLANES_STEP <= n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++) {
			sum[k] += w[j + k] * by[j + k];
			some[k] += w[j + k] > 0;
		}
	for (; j < n; j++) {
		all += w[j] * by[j];
		*count += w[j] > 0;
	}
	for (unsigned k = 0; k < PLANES_STEP; k++) {
		all += sum[k];
		*count += some[k];
	}
	return all;
}

/*
 * A pass over the numbers: the sums of rows; with `both` also those of columns,
 * by the rows' scales as they are known, which is by their beginnings.
 */
static void measure_32(const struct numbers *v, struct lines *row,
		    struct lines *col, bool both)
{
	size_t width = col->n;
	uint32_t x[PLANES_BLOCK] = {0};
	float w[PLANES_BLOCK];

	for (size_t r = 0; r < row->n; r++) {
		size_t begin = r * width, end = begin + width;

		end = end < v->n ? end : v->n;
		row->sum[r] = 0;
		row->count[r] = 0;
		for (size_t i = begin; i < end; i += PLANES_BLOCK) {
			size_t m = end - i < PLANES_BLOCK ? end - i
							  : PLANES_BLOCK;
			size_t c = i - begin;

			numbers_get(v, i, m, x, NULL);
			magnitudes(v->front, x, m, w);
			row->sum[r] += weigh(w, col->inverse + c, m,
					     &row->count[r]);
			if (both && row->sum[r] > 0)
				v->kern->spread(w, (float)row->count[r] /
							   row->sum[r],
						m, col->sum + c,
						col->count + c);
		}
	}
}

/* The same, for numbers of 16 bits. */
static void measure_16(const struct numbers *v, struct lines *row,
		       struct lines *col, bool both)
{
	const struct encode_kernels *kern = v->kern;
	const struct front *f = v->front;
	struct float_format from = float_format(f->held);
	uint32_t mask = (((uint32_t)1 << (f->bits - 1)) - 1) >> f->drop;
	unsigned left = 23u - from.mantissa + f->drop;
	uint32_t up = (128u - (1u << (from.exponent - 1))) << 23;
	uint8_t room[2 * PLANES_BLOCK];
	float w[PLANES_BLOCK];

	for (size_t r = 0; r < row->n; r++) {
		size_t begin = r * col->n, end = begin + col->n;

		end = end < v->n ? end : v->n;
		row->sum[r] = 0;
		row->count[r] = 0;
		for (size_t i = begin; i < end; i += PLANES_BLOCK) {
			size_t m = end - i < PLANES_BLOCK ? end - i
							  : PLANES_BLOCK;
			size_t c = i - begin;

			row->sum[r] += kern->weigh16(
				numbers_16(v, i, m, room), m, mask, left, up,
				col->inverse + c, w, &row->count[r]);
			if (both && row->sum[r] > 0)
				kern->spread(w,
					     (float)row->count[r] / row->sum[r],
					     m, col->sum + c, col->count + c);
		}
	}
}

static void measure(const struct numbers *v, struct lines *row,
		    struct lines *col, bool both)
{
	if (v->front->bits == 16)
		measure_16(v, row, col, both);
	else
		measure_32(v, row, col, both);
}

/*
 * Codes of the lines' scales, or all 0: what costs least. *any says whether
 * there are codes; the lines' scales become what the codes say.
 */
static enum hvqz_ret choose(struct lines *l, uint8_t *code, bool *any,
			    struct hvqz_err *err)
{
	uint8_t *trial = malloc(l->n);
	float mean = 0, total = 0, best = 0;
	enum hvqz_ret ret = HVQZ_OK;

	*any = false;
	if (!trial)
		return hvqz_nomem(err, l->n, "scale codes");
	for (size_t i = 0; i < l->n; i++) {
		mean += l->log[i] * (float)l->count[i];
		total += (float)l->count[i];
	}
	mean = total > 0 ? mean / total : 0;
	memset(code, 0, l->n);
	for (size_t i = 0; i < l->n; i++)
		best += (float)l->count[i] * WRONG * (l->log[i] - mean) *
			(l->log[i] - mean);
	for (unsigned log = 0; log < 4; log++) {
		float unit = 0.125f * (float)(1u << log), bits = 0;
		int most = MAX_OFF >> log, least = most;
		size_t len;

		for (size_t i = 0; i < l->n; i++) {
			float off = l->count[i] ? l->log[i] - mean : 0;
			int q = (int)floorf(off / unit + 0.5f);

			q = q < -most ? -most : q > most ? most : q;
			off -= (float)q * unit;
			bits += (float)l->count[i] * WRONG * off * off;
			trial[i] = (uint8_t)((q + most) << log);
			least = q + most < least ? q + most : least;
		}
		/* A multiple of 8 less leaves the phases as they are. */
		for (size_t i = 0; i < l->n; i++)
			trial[i] = (uint8_t)(trial[i] - (least << log & ~7));
		TRY_OUT(classes_cost(trial, l->n, &len, err));
		bits += 8 * (float)len;
		if (bits < best) {
			best = bits;
			*any = true;
			memcpy(code, trial, l->n);
		}
	}
	for (size_t i = 0; i < l->n; i++) {
		int c = *any ? code[i] : 0;

		l->inverse[i] = exp2_sixteenths(-2 * c);
	}
out:
	free(trial);
	return ret;
}

enum hvqz_ret scale_classes(const struct numbers *v, size_t width, int effort,
			    struct classes *k, struct hvqz_err *err)
{
	struct lines row = {0}, col = {0};
	bool rows = false, cols = false;
	enum hvqz_ret ret = HVQZ_OK;

	*k = (struct classes){0};
	if (effort < 2 || v->n < MIN_NUMBERS || width < 1)
		return HVQZ_OK;
	k->width = width;
	k->n_rows = (v->n + width - 1) / width;
	k->row = calloc(k->n_rows, 1);
	k->col = calloc(width, 1);
	if (!k->row || !k->col) {
		ret = hvqz_nomem(err, k->n_rows + width, "scale codes");
		goto out;
	}
	TRY_OUT(lines_alloc(&row, k->n_rows, err));
	TRY_OUT(lines_alloc(&col, width, err));
	measure(v, &row, &col, true);
	lines_settle(&row);
	lines_settle(&col);
	TRY_OUT(choose(&col, k->col, &cols, err));
	if (cols) {
		measure(v, &row, &col, false);
		lines_settle(&row);
	}
	TRY_OUT(choose(&row, k->row, &rows, err));
out:
	lines_free(&row);
	lines_free(&col);
	if (ret != HVQZ_OK || (!rows && !cols))
		classes_free(k);
	return ret;
}
