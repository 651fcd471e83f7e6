/*
 * trellis_points.c - the points of 32 lanes, a channel at a time.
 *
 * The plain version is in trellis_stream.c: weight by weight, a symbol, its
 * raw bits, its point, its place. But symbols depend on no points, and points
 * on no floats; so here a channel is taken in turns:
 *
 *	symbols	of all its units, a round of the coder each row of 32. Which
 *		tables is known beforehand. Where a lane has no symbol (the
 *		weight is 0, or the lane is a unit shorter) it has table 0,
 *		whose one symbol leaves the coder as it is
 *	bits	the few symbols that need raw bits have their high bit set:
 *		these are listed, with the whole magnitude, and leave in their
 *		row what the trellis wants to know: its low two bits
 *	points	all 32 trellises a row at a time
 *
 * A tile of such channels is turned so that what lies together in the slab
 * comes together, restored, narrowed and stored; then the listed weights are.
 */
#include "codec/trellis.h"

#include "codec/trellis_search.h"
#include "codec/weights.h"
#include "entropy/lanes.h"
#include "kernels/kernels.h"

#include <stdlib.h>

enum {
	LANES = DECODE_LANES,
	TILE = 32,		/* channels; one slot of the tile each */
	/* Tables by class, behind the one for no symbol. */
	FIRST_TABLE = TRELLIS_MIN_CLASS - 1,
	TABLES = MODEL_CLASSES - FIRST_TABLE,
	MORE = 0x80,		/* in a symbol: raw bits follow */
	NO_UNIT = -128,		/* a class for places without a unit */
};

_Static_assert((int)MODEL_MAX_SYMBOLS <= (int)DECODE_NO_POINT,
	       "a symbol is mistaken for none");

/* A weight that is stored by itself. */
struct late {
	uint32_t at;		/* in the channel's rows */
	uint32_t slot;
	int32_t u;
};

struct points {
	const struct trellis *q;
	const struct slab *slab;
	const struct decode_kernels *kern;
	uint8_t *raw;
	struct lanes_dec lanes;
	struct bit_reader *bits;
	struct trellis_code code;
	uint8_t state[LANES];	/* the trellis' */
	size_t start[LANES + 1];
	size_t rows, stride;	/* of a channel; bytes of a slot, whole tiles */
	uint32_t *slots;	/* [TABLES][LANES_SLOTS] */
	int8_t *class;		/* [rows][LANES]: the units', or NO_UNIT */
	uint8_t *which;		/* [rows][LANES]: tables of ... */
	int which_class;	/* ... channels of this class */
	bool any;		/* one of them has a symbol */
	bool used[256];		/* unit classes, + 128 */
	uint8_t *tile;		/* [TILE][stride] */
	size_t end, n;		/* slots TILE − n … are channels end − n … */
	struct late *late;	/* [2 · units] */
	size_t n_late;
};

/* ---- preparation ---- */

static void make_slots(const struct point_model *m, uint32_t *slots)
{
	for (uint32_t i = 0; i < LANES_SLOTS; i++)
		slots[i] = DECODE_NO_POINT | (LANES_SLOTS - 1) << 8 | i << 20;
	for (unsigned c = TRELLIS_MIN_CLASS; c < MODEL_CLASSES; c++) {
		const struct point_table *t = m->t[c];
		uint32_t *to = slots + (c - FIRST_TABLE) * LANES_SLOTS;

		if (!t)
			continue;
		lanes_fill_slots(t->freq, t->escape + 1u, to);
		for (uint32_t i = 0; i < LANES_SLOTS; i++)
			if (t->shift || (to[i] & 0xff) == t->escape)
				to[i] |= MORE;
	}
}

static void make_classes(struct points *d)
{
	memset(d->class, NO_UNIT, d->rows * LANES);
	for (unsigned l = 0; l < LANES; l++)
		for (size_t i = d->start[l]; i < d->start[l + 1]; i++) {
			int c = d->q->unit.class[i];

			d->class[(i - d->start[l]) * LANES + l] = (int8_t)c;
			d->used[c + 128] = true;
		}
}

static size_t count_rows(const struct trellis *q)
{
	return (q->n_units + LANES - 1) / LANES;
}

/* Whole tiles where they are turned within a channel. */
static size_t slot_size(const struct trellis *q)
{
	size_t rows = count_rows(q);

	return (q->across ? (rows + TILE - 1) / TILE * TILE : rows) * LANES;
}

uint64_t trellis_points_memory(uint64_t n_units)
{
	/* The tile at most; classes and tables; late ones. */
	return TILE * (n_units + TILE * LANES) + 2 * (n_units + LANES) +
	       2 * n_units * sizeof(struct late) +
	       TABLES * LANES_SLOTS * sizeof(uint32_t);
}

static enum hvqz_ret prepare(struct points *d, struct hvqz_err *err)
{
	size_t n = d->q->n_units;

	d->rows = count_rows(d->q);
	d->stride = slot_size(d->q);
	d->slots = malloc(TABLES * LANES_SLOTS * sizeof(*d->slots));
	d->class = malloc(d->rows * LANES);
	d->which = malloc(d->rows * LANES);
	d->tile = calloc(TILE, d->stride);
	d->late = malloc(2 * n * sizeof(*d->late));
	if (!d->slots || !d->class || !d->which || !d->tile || !d->late)
		return hvqz_nomem(err, (size_t)trellis_points_memory(n),
				  "points");
	for (unsigned l = 0; l <= LANES; l++)
		d->start[l] = trellis_lane_start(n, LANES, l);
	trellis_code_make(&d->code, d->q->log_states);
	make_slots(&d->q->model, d->slots);
	make_classes(d);
	d->which_class = NO_UNIT;
	d->end = d->q->n_channels;
	return HVQZ_OK;
}

/* ---- a channel ---- */

/* The tables of a channel's units; false: one of them is missing. */
static bool set_which(struct points *d, int class)
{
	if (class == d->which_class)
		return true;
	d->which_class = class;
	d->any = false;
	for (int c = -127; c < 128; c++) {
		if (!d->used[c + 128] || class + c < TRELLIS_MIN_CLASS)
			continue;
		d->any = true;
		if (!d->q->model.t[trellis_class(class, c)])
			return false;
	}
	for (size_t i = 0; i < d->rows * LANES; i++) {
		int c = class + d->class[i];

		c = c < FIRST_TABLE ? FIRST_TABLE : c;
		c = c < MODEL_CLASSES ? c : MODEL_CLASSES - 1;
		d->which[i] = (uint8_t)(c - FIRST_TABLE);
	}
	return true;
}

/* The next n' ≥ at of v[n] that is a symbol with raw bits, or n. */
static size_t find_more(const uint8_t *v, size_t at, size_t n)
{
	for (; at < n; at += 8) {
		uint64_t eight;

		memcpy(&eight, v + at, 8);
		if (eight & 0x8080808080808080u)
			break;
	}
	return at;
}

/* Take the raw bits of the symbols of v; false: out of range. */
static bool take_bits(struct points *d, uint8_t *v)
{
	size_t n = d->rows * LANES, at = 0;

	while ((at = find_more(v, at, n)) < n)
		for (size_t end = at + 8; at < end; at++) {
			const struct point_table *t;
			uint32_t more;

			if (!(v[at] & MORE))
				continue;
			t = d->q->model.t[FIRST_TABLE + d->which[at]];
			if (!model_magnitude(t, v[at] & ~MORE, d->bits, &more))
				return false;
			d->late[d->n_late++] = (struct late){
				.at = (uint32_t)at,
				.slot = (uint32_t)(TILE - 1 - d->n),
				.u = (int32_t)more,
			};
			v[at] = more & 3;
		}
	return true;
}

/* Channel end − n − 1 to its slot of the tile. */
static bool take_channel(struct points *d)
{
	uint8_t *v = d->tile + (TILE - 1 - d->n) * d->stride;
	const uint8_t *next = d->code.next[0];
	size_t first = d->n_late;

	if (!set_which(d, d->q->channel.class[d->end - d->n - 1]))
		return false;
	if (!d->any)
		memset(v, DECODE_NO_POINT, d->rows * LANES);
	else if (!lanes_take(&d->lanes, d->kern, d->slots, d->which, v,
			     d->rows * LANES))
		return false;
	if (!take_bits(d, v))
		return false;
	/* The code is linear: what state 1 adds, and what p does. */
	d->kern->points(v, d->rows, d->state, d->code.next[1][0], next[1]);
	for (struct late *p = d->late + first; p < d->late + d->n_late; p++)
		if (v[p->at] & 0x80)
			p->u = ~p->u;
	d->n++;
	return true;
}

/* ---- a tile ---- */

/* Restore 32 points, of which n are wanted. */
static void store(const struct points *d, const uint8_t *u, const float *step,
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
static void store_across(const struct points *d, const uint8_t *v, float scale,
			 uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	uint8_t turned[TILE * LANES];

	for (size_t t = 0; t < d->rows; t += TILE) {
		d->kern->transpose(v + t * LANES, LANES, turned);
		for (unsigned l = 0; l < LANES; l++) {
			size_t i = d->start[l] + t, n;
			float step[TILE] = {0};

			if (i >= d->start[l + 1])
				continue;
			n = d->start[l + 1] - i;
			n = n < TILE ? n : TILE;
			memcpy(step, d->q->unit.step + i, n * sizeof(*step));
			store(d, turned + l * TILE, step, scale, n,
			      raw + i * elem);
		}
	}
}

/* Channels are columns, 32 of them side by side. */
static void store_down(const struct points *d, const float *step, uint8_t *raw)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	size_t row_len = (size_t)d->slab->n_cols * elem, skip = TILE - d->n;
	uint8_t turned[TILE * LANES];

	for (size_t t = 0; t < d->rows; t++) {
		d->kern->transpose(d->tile + t * LANES, d->stride, turned);
		for (unsigned l = 0; l < LANES; l++) {
			size_t i = d->start[l] + t;
			float part[TILE] = {0};
			uint8_t u[TILE] = {0};

			if (i >= d->start[l + 1])
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

static void store_late(struct points *d, const float *step)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8;
	size_t n_cols = (size_t)d->slab->n_cols;

	for (const struct late *p = d->late; p < d->late + d->n_late; p++) {
		size_t j = d->end - TILE + p->slot;
		size_t i = d->start[p->at % LANES] + p->at / LANES;
		float w = ((float)p->u + 0.5f) *
			  (step[p->slot] * d->q->unit.step[i]);
		size_t at = d->q->across ? j * n_cols + i : i * n_cols + j;

		weights_narrow(d->slab->dtype, &w, 1, d->raw + at * elem);
	}
	d->n_late = 0;
}

static void store_tile(struct points *d)
{
	size_t elem = dtype_bits(d->slab->dtype) / 8, first = d->end - d->n;
	float step[TILE] = {0};

	for (size_t k = TILE - d->n; k < TILE; k++)
		step[k] = d->q->base * d->q->channel.step[d->end - TILE + k];
	if (d->q->across)
		for (size_t k = TILE - d->n; k < TILE; k++)
			store_across(d, d->tile + k * d->stride, step[k],
				     d->raw + (d->end - TILE + k) *
					      (size_t)d->slab->n_cols * elem);
	else
		store_down(d, step, d->raw + first * elem);
	store_late(d, step);
	d->end = first;
	d->n = 0;
}

enum hvqz_ret trellis_points_get(const struct trellis *q,
				 const struct decode_kernels *kern,
				 const struct slab *slab,
				 struct lanes_dec *lanes,
				 struct bit_reader *bits, uint8_t *raw,
				 bool *good, struct hvqz_err *err)
{
	struct points d = {
		.q = q, .slab = slab, .kern = kern, .raw = raw,
		.lanes = *lanes, .bits = bits,
	};
	enum hvqz_ret ret;

	TRY_OUT(prepare(&d, err));
	for (*good = true; *good && d.end;) {
		*good = take_channel(&d);
		/* Or the next one might find no room for late weights. */
		if (*good && (d.n == TILE || d.n == d.end ||
			      d.n_late > q->n_units))
			store_tile(&d);
	}
	*lanes = d.lanes;
out:
	free(d.slots);
	free(d.class);
	free(d.which);
	free(d.tile);
	free(d.late);
	return ret;
}
