/* trellis_place.c - the slab's weights by channel and place. */
#include "codec/trellis_encoder.h"

#include "base/half.h"
#include "codec/weights.h"

#include <stdlib.h>
#include <string.h>

enum { TURN = 32 };	/* rows, and elements of them, turned together */

void trellis_place(const struct trellis_places *at, const float *v,
		   float *placed)
{
	for (size_t p = 0; p < at->stride; p++) {
		size_t i = trellis_unit_at(at, p);

		placed[p] = i == SIZE_MAX ? 0 : v[i];
	}
}

/* Rows that all lanes have. */
static size_t full_rows(const struct trellis_places *at)
{
	size_t least = at->rows;

	for (unsigned l = 0; l < at->lanes; l++)
		if (at->start[l + 1] - at->start[l] < least)
			least = at->start[l + 1] - at->start[l];
	return least;
}

/* Places from p on of channel j, weight by weight. False: not finite. */
static bool place_slowly(const struct trellis_encoder *e, size_t j, size_t p)
{
	const struct trellis_places *at = &e->at;
	size_t elem = dtype_bits(e->slab->dtype) / 8;
	size_t n_cols = (size_t)e->slab->n_cols;
	float *w = e->w + j * at->stride;
	bool finite = true;

	for (; p < at->stride; p++) {
		size_t i = trellis_unit_at(at, p);

		if (i == SIZE_MAX) {
			w[p] = 0;
			continue;
		}
		i = e->q.across ? j * n_cols + i : i * n_cols + j;
		finite &= weights_widen(e->slab->dtype, e->raw + i * elem, 1,
					&w[p]);
	}
	return finite;
}

/* Channels are rows: the lanes' runs are turned. */
static bool place_across(const struct trellis_encoder *e)
{
	size_t full = full_rows(&e->at) / TURN * TURN;
	bool finite = true;

	for (size_t j = 0; j < e->q.n_channels; j++) {
		const uint8_t *row = e->raw + j * e->slab->n_cols * 2;

		for (size_t t = 0; t < full; t += TURN) {
			const uint8_t *lane[TURN];

			for (unsigned l = 0; l < TURN; l++)
				lane[l] = row + (e->at.start[l] + t) * 2;
			finite &= !e->kern->turn(e->slab->dtype, lane,
						 e->w + j * e->at.stride +
							 t * TURN,
						 TURN);
		}
		finite &= place_slowly(e, j, full * TURN);
	}
	return finite;
}

/* Channels are columns: rows of the slab are turned. */
static bool place_down(const struct trellis_encoder *e)
{
	size_t full = full_rows(&e->at) * e->at.lanes / TURN * TURN;
	size_t row_len = (size_t)e->slab->n_cols * 2;
	size_t columns = e->q.n_channels / TURN * TURN;
	bool finite = true;

	for (size_t p = 0; p < full; p += TURN) {
		const uint8_t *rows[TURN], *from[TURN];

		for (unsigned k = 0; k < TURN; k++)
			rows[k] = e->raw + trellis_unit_at(&e->at, p + k) *
						   row_len;
		for (size_t j = 0; j < columns; j += TURN) {
			for (unsigned k = 0; k < TURN; k++)
				from[k] = rows[k] + j * 2;
			finite &= !e->kern->turn(e->slab->dtype, from,
						 e->w + j * e->at.stride + p,
						 e->at.stride);
		}
	}
	for (size_t j = 0; j < e->q.n_channels; j++)
		finite &= place_slowly(e, j, j < columns ? full : 0);
	return finite;
}

static bool place_any(const struct trellis_encoder *e)
{
	bool finite = true;

	for (size_t j = 0; j < e->q.n_channels; j++)
		finite &= place_slowly(e, j, 0);
	return finite;
}

/* 2^−exponent of a number of those bits, within what floats can do; 1 of 0. */
static float norm_of(uint32_t bits)
{
	int exponent = bits ? (int)(bits >> 23) - 127 : 0;

	exponent = exponent < -126 ? -126 : exponent > 126 ? 126 : exponent;
	return f32_from_bits((uint32_t)(127 - exponent) << 23);
}

float trellis_norm(const struct trellis_encoder *e, const float *v)
{
	return norm_of(e->kern->largest(v, e->at.stride));
}

static enum hvqz_ret allocate(struct trellis_encoder *e, struct hvqz_err *err)
{
	size_t stride = e->at.stride, n = e->q.n_channels * stride;

	e->w = malloc(n * sizeof(*e->w));
	e->u = malloc(n * sizeof(*e->u));
	e->places = calloc(5 * stride, sizeof(*e->places));
	e->class = malloc(stride);
	e->norm = malloc(e->q.n_channels * sizeof(*e->norm));
	if (!e->w || !e->u || !e->places || !e->class || !e->norm)
		return hvqz_nomem(err, n * 8, "the slab's weights");
	memset(e->class, TRELLIS_NO_UNIT, stride);
	e->g = e->places;
	e->step = e->g + stride;
	e->inverse = e->step + stride;
	e->level = e->inverse + stride;
	e->level2 = e->level + stride;
	return HVQZ_OK;
}

enum hvqz_ret trellis_place_weights(struct trellis_encoder *e, bool *finite,
				    struct hvqz_err *err)
{
	e->at = trellis_places_of(e->q.n_units, e->q.n_lanes);
	TRY(allocate(e, err));
	if (dtype_bits(e->slab->dtype) != 16 ||
	    (e->q.across && e->at.lanes != TURN))
		*finite = place_any(e);
	else
		*finite = e->q.across ? place_across(e) : place_down(e);
	if (!*finite)
		return HVQZ_OK;
	for (size_t j = 0; j < e->q.n_channels; j++)
		e->norm[j] = trellis_norm(e, e->w + j * e->at.stride);
	trellis_place(&e->at, e->metric.g, e->g);
	e->g_unit = 1 / (double)trellis_norm(e, e->g);
	for (size_t p = 0; p < e->at.stride; p++)
		e->g[p] = (float)(e->g[p] / e->g_unit);
	return HVQZ_OK;
}
