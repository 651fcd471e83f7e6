/*
 * trellis_tile.c - points of 32 lanes to weights in their places.
 *
 * A tile of channels is turned so that what lies together in the slab comes
 * together, restored, narrowed and stored; then those weights are whose points
 * need more than a byte.
 */
#include "codec/trellis_points.h"

#include "codec/weights.h"

#include <stdlib.h>

enum {
	LANES = DECODE_LANES,
	TILE = TRELLIS_SLOTS,
};

/* Whole tiles where they are turned within a channel. */
static size_t slot_size(const struct trellis *q, size_t rows)
{
	return (q->across ? (rows + TILE - 1) / TILE * TILE : rows) * LANES;
}

uint64_t trellis_slots_memory(uint64_t n_units)
{
	return TILE * (n_units + TILE * LANES) +
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
		.at = trellis_places_of(n, LANES), .end = q->n_channels,
	};
	d->stride = slot_size(q, d->at.rows);
	d->points = calloc(TILE, d->stride);
	d->late = malloc(2 * n * sizeof(*d->late));
	if (!d->points || !d->late)
		return hvqz_nomem(err, (size_t)trellis_slots_memory(n),
				  "a tile of points");
	return HVQZ_OK;
}

void trellis_tile_free(struct trellis_tile *d)
{
	free(d->points);
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
	uint8_t part[LANES * sizeof(float)];
	float w[LANES];

	d->kern->restore(u, step, scale, w);
	if (n == LANES) {
		d->kern->narrow(d->slab->dtype, w, raw);
		return;
	}
	d->kern->narrow(d->slab->dtype, w, part);
	memcpy(raw, part, n * dtype_bits(d->slab->dtype) / 8);
}

/* Channels are rows: lane after lane. */
static void store_across(const struct trellis_tile *d, const uint8_t *v, float scale,
			 uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	uint8_t turned[TILE * LANES];

	for (size_t t = 0; t < d->at.rows; t += TILE) {
		d->kern->transpose(v + t * LANES, LANES, turned);
		for (unsigned l = 0; l < LANES; l++) {
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
static void store_down(const struct trellis_tile *d, const float *step, uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	size_t row_len = (size_t)d->slab->n_cols * elem, skip = TILE - d->n;
	uint8_t turned[TILE * LANES];

	for (size_t t = 0; t < d->at.rows; t++) {
		d->kern->transpose(d->points + t * LANES, d->stride, turned);
		for (unsigned l = 0; l < LANES; l++) {
			size_t i = d->at.start[l] + t;
			float part[TILE] = {0};
			uint8_t u[TILE] = {0};

			if (i >= d->at.start[l + 1])
				continue;
			if (!skip) {
				store(d, turned + l * TILE, step,
				      d->q->unit.step[i], TILE,
				      raw + i * row_len);
				continue;
			}
			memcpy(part, step + skip, d->n * sizeof(*step));
			memcpy(u, turned + l * TILE + skip, d->n);
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
		size_t i = d->at.start[p->at % LANES] + p->at / LANES;
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
