/*
 * trellis_points.c - decoding the points of 8 to 32 lanes, a channel at a
 * time.
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
 *	points	all trellises a row at a time
 *
 * From there on it is trellis_tile.c's.
 */
#include "codec/trellis_points.h"

#include "codec/trellis_code.h"
#include "entropy/lanes.h"

#include <stdlib.h>

enum {
	/* Tables by class, behind the one for no symbol. */
	FIRST_TABLE = TRELLIS_MIN_CLASS - 1,
	TABLES = MODEL_CLASSES - FIRST_TABLE,
	MORE = 0x80,		/* in a symbol: raw bits follow */
	NO_UNIT = TRELLIS_NO_UNIT,
};

_Static_assert((int)MODEL_MAX_SYMBOLS <= (int)DECODE_NO_POINT,
	       "a symbol is mistaken for none");

struct points {
	const struct trellis *q;
	struct trellis_tile tile;
	struct lanes_dec lanes;
	struct bit_reader *bits;
	struct trellis_code code;
	uint8_t state[DECODE_LANES];	/* the trellis' */
	size_t n;		/* places of a channel */
	uint32_t *slots;	/* [TABLES][LANES_SLOTS] */
	int8_t *class;		/* [n]: the units', or NO_UNIT */
	uint8_t *which;		/* [n]: tables of ... */
	int which_class;	/* ... channels of this class */
	bool any;		/* one of them has a symbol */
	bool used[256];		/* unit classes, + 128 */
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
	for (size_t p = 0; p < d->n; p++) {
		size_t i = trellis_unit_at(&d->tile.at, p);

		d->class[p] = i == SIZE_MAX ? NO_UNIT : d->q->unit.class[i];
		if (i != SIZE_MAX)
			d->used[d->class[p] + 128] = true;
	}
}

uint64_t trellis_points_memory(uint64_t n_units)
{
	return trellis_slots_memory(n_units) + 2 * (n_units + DECODE_LANES) +
	       TABLES * LANES_SLOTS * sizeof(uint32_t);
}

static enum hvqz_ret prepare(struct points *d, struct hvqz_err *err)
{
	d->n = d->tile.at.n;
	d->slots = malloc(TABLES * LANES_SLOTS * sizeof(*d->slots));
	d->class = malloc(d->n);
	d->which = malloc(d->n);
	if (!d->slots || !d->class || !d->which)
		return hvqz_nomem(err,
				  (size_t)trellis_points_memory(d->q->n_units),
				  "points");
	trellis_code_make(&d->code, d->q->log_states);
	make_slots(&d->q->model, d->slots);
	make_classes(d);
	d->which_class = NO_UNIT;
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
	for (size_t i = 0; i < d->n; i++) {
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
	size_t n = d->n, at = 0;

	while ((at = find_more(v, at, n)) < n)
		for (size_t end = at + 8; at < end; at++) {
			const struct point_table *t;
			uint32_t more;

			if (!(v[at] & MORE))
				continue;
			t = d->q->model.t[FIRST_TABLE + d->which[at]];
			if (!model_magnitude(t, v[at] & ~MORE, d->bits, &more))
				return false;
			trellis_tile_late(&d->tile, at, (int32_t)more);
			v[at] = more & 3;
		}
	return true;
}

/* Channel j to its slot of the tile. */
static bool take_channel(struct points *d, size_t j)
{
	struct trellis_tile *tile = &d->tile;
	uint8_t *v = trellis_tile_slot(tile);
	const uint8_t *next = d->code.next[0];
	size_t first = tile->n_late;

	if (!set_which(d, d->q->channel.class[j]))
		return false;
	if (!d->any)
		memset(v, DECODE_NO_POINT, d->n);
	else if (!lanes_take(&d->lanes, tile->kern, d->slots, d->which, v,
			     d->n))
		return false;
	if (!take_bits(d, v))
		return false;
	/* The code is linear: what state 1 adds, and what p does. */
	tile->kern->points(tile->at.lanes, v, tile->at.rows, d->state, d->code.next[1][0],
			   next[1]);
	for (size_t i = first; i < tile->n_late; i++)
		if (v[tile->late[i].at] & 0x80)
			tile->late[i].u = ~tile->late[i].u;
	trellis_tile_next(tile);
	return true;
}

enum hvqz_ret trellis_points_get(const struct trellis *q,
				 const struct decode_kernels *kern,
				 const struct slab *slab,
				 struct lanes_dec *lanes,
				 struct bit_reader *bits, uint8_t *raw,
				 bool *good, struct hvqz_err *err)
{
	struct points d = {.q = q, .lanes = *lanes, .bits = bits};
	enum hvqz_ret ret;

	TRY_OUT(trellis_tile_open(&d.tile, q, kern, slab, raw, err));
	TRY_OUT(prepare(&d, err));
	*good = true;
	for (size_t j = q->n_channels; *good && j-- > 0;)
		*good = take_channel(&d, j);
	*lanes = d.lanes;
out:
	trellis_tile_free(&d.tile);
	free(d.slots);
	free(d.class);
	free(d.which);
	return ret;
}
