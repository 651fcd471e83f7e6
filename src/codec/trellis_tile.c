/*
 * trellis_tile.c - points to weights in their places, 32 channels at a time.
 *
 * A tile of channels is turned so that what lies together in the slab comes
 * together, restored, narrowed and stored; then those weights are whose points
 * need more than a byte.
 */
#include "codec/trellis_points.h"

#include "codec/weights.h"

#include <stdlib.h>

enum { TILE = TRELLIS_SLOTS };

_Static_assert((int)TILE == (int)DECODE_LANES, "what kernels turn and restore");

static size_t whole_tiles(size_t n)
{
	return (n + TILE - 1) / TILE * TILE;
}

/* What is turned is whole tiles, within a channel with rows behind them. */
static size_t slot_size(const struct trellis *q,
			const struct trellis_places *at)
{
	return q->across ? whole_tiles(at->rows) * at->lanes + TILE
			 : whole_tiles(at->n);
}

uint64_t trellis_slots_memory(uint64_t n_units)
{
	uint64_t most = n_units + TILE * TILE + TILE;

	return TILE * most + most * sizeof(size_t) +
	       2 * n_units * sizeof(struct trellis_late);
}

enum hvqz_ret trellis_tile_open(struct trellis_tile *d,
				const struct trellis *q,
				const struct decode_kernels *kern,
				const struct slab *slab, uint8_t *raw,
				struct hvqz_err *err)
{
	size_t n = q->n_units;

	*d = (struct trellis_tile){
		.q = q, .slab = slab, .kern = kern, .raw = raw,
		.at = trellis_places_of(n, q->n_lanes), .end = q->n_channels,
	};
	d->stride = slot_size(q, &d->at);
	d->points = calloc(TILE, d->stride);
	d->unit = malloc(whole_tiles(d->at.n) * sizeof(*d->unit));
	d->late = malloc(2 * n * sizeof(*d->late));
	if (!d->points || !d->unit || !d->late)
		return hvqz_nomem(err, (size_t)trellis_slots_memory(n),
				  "a tile of points");
	for (size_t p = 0; p < whole_tiles(d->at.n); p++)
		d->unit[p] = trellis_unit_at(&d->at, p);
	return HVQZ_OK;
}

void trellis_tile_free(struct trellis_tile *d)
{
	free(d->points);
	free(d->unit);
	free(d->late);
}

uint8_t *trellis_tile_slot(struct trellis_tile *d)
{
	return d->points + (TILE - 1 - d->n) * d->stride;
}

void trellis_tile_late(struct trellis_tile *d, size_t at, int32_t u)
{
	d->late[d->n_late++] = (struct trellis_late){
		.at = (uint32_t)at,
		.slot = (uint32_t)(TILE - 1 - d->n),
		.u = u,
	};
}

/* Restore 32 points, of which n are wanted. */
static void store(const struct trellis_tile *d, const uint8_t *u, const float *step,
		  float scale, size_t n, uint8_t *raw)
{
	uint8_t part[TILE * sizeof(float)];
	float w[TILE];

	d->kern->restore(u, step, scale, w);
	if (n == TILE) {
		d->kern->narrow(d->slab->dtype, w, raw);
		return;
	}
	d->kern->narrow(d->slab->dtype, w, part);
	memcpy(raw, part, n * dtype_bits(d->slab->dtype) / 8);
}

/* Channels are rows: lane after lane. */
static void store_across(const struct trellis_tile *d, const uint8_t *v,
			 float scale, uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	unsigned lanes = d->at.lanes;
	uint8_t turned[TILE * TILE];

	for (size_t t = 0; t < d->at.rows; t += TILE) {
		/* Of fewer lanes, rows behind t come along and are left. */
		d->kern->transpose(v + t * lanes, lanes, turned);
		for (unsigned l = 0; l < lanes; l++) {
			size_t i = d->at.start[l] + t, n;
			float step[TILE] = {0};

			if (i >= d->at.start[l + 1])
				continue;
			n = d->at.start[l + 1] - i;
			n = n < TILE ? n : TILE;
			memcpy(step, d->q->unit.step + i, n * sizeof(*step));
			store(d, turned + l * TILE, step, scale, n,
			      raw + i * elem);
		}
	}
}

/* Channels are columns, 32 of them side by side. */
static void store_down(const struct trellis_tile *d, const float *step,
		       uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	size_t row_len = (size_t)d->slab->n_cols * elem, skip = TILE - d->n;
	uint8_t turned[TILE * TILE];

	for (size_t p = 0; p < d->at.n; p += TILE) {
		d->kern->transpose(d->points + p, d->stride, turned);
		for (unsigned k = 0; k < TILE; k++) {
			size_t i = d->unit[p + k];
			float part[TILE] = {0};
			uint8_t u[TILE] = {0};

			if (i == SIZE_MAX)
				continue;
			if (!skip) {
				store(d, turned + k * TILE, step,
				      d->q->unit.step[i], TILE,
				      raw + i * row_len);
				continue;
			}
			memcpy(part, step + skip, d->n * sizeof(*step));
			memcpy(u, turned + k * TILE + skip, d->n);
			store(d, u, part, d->q->unit.step[i], d->n,
			      raw + i * row_len);
		}
	}
}

static void store_late(struct trellis_tile *d, const float *step)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	size_t n_cols = (size_t)d->slab->n_cols;

	for (const struct trellis_late *p = d->late; p < d->late + d->n_late; p++) {
		size_t j = d->end - TILE + p->slot;
		size_t i = d->unit[p->at];
		float w = ((float)p->u + 0.5f) *
			  (step[p->slot] * d->q->unit.step[i]);
		size_t at = d->q->across ? j * n_cols + i : i * n_cols + j;

		weights_narrow(d->slab->dtype, &w, 1, d->raw + at * elem);
	}
	d->n_late = 0;
}

static void store_tile(struct trellis_tile *d)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8, first = d->end - d->n;
	float step[TILE] = {0};

	for (size_t k = TILE - d->n; k < TILE; k++)
		step[k] = d->q->base * d->q->channel.step[d->end - TILE + k];
	if (d->q->across)
		for (size_t k = TILE - d->n; k < TILE; k++)
			store_across(d, d->points + k * d->stride, step[k],
				     d->raw + (d->end - TILE + k) *
					      (size_t)d->slab->n_cols * elem);
	else
		store_down(d, step, d->raw + first * elem);
	store_late(d, step);
	d->end = first;
	d->n = 0;
}

void trellis_tile_next(struct trellis_tile *d)
{
	d->n++;
	/* Or the next one might find no room for late weights. */
	if (d->n == TILE || d->n == d->end || d->n_late > d->q->n_units)
		store_tile(d);
}
