/*
 * trellis_stream.c - decoding the points of a trellis payload: rANS stream
 * and raw bits.
 *
 * Order of the points: channels from the last to the first; in a channel, the
 * first unit of every lane, then the second of every lane, and so on. Lane l's
 * points are in coder state l. Some lanes are one unit longer than others.
 */
#include "codec/trellis_points.h"

#include "entropy/rans.h"

#include <stdlib.h>

/* Where the lanes are in a column of units. */
struct lanes {
	unsigned n;
	size_t start[TRELLIS_MAX_LANES + 1];
	size_t longest;
};

static struct lanes make_lanes(const struct trellis *q)
{
	struct lanes la = {.n = q->n_lanes};

	for (unsigned l = 0; l <= la.n; l++)
		la.start[l] = trellis_lane_start(q->n_units, la.n, l);
	for (unsigned l = 0; l < la.n; l++)
		if (la.start[l + 1] - la.start[l] > la.longest)
			la.longest = la.start[l + 1] - la.start[l];
	return la;
}

/*
 * Weight by weight: fewer lanes than 32, and what the tests hold
 * trellis_points.c, that has the others, against.
 */
struct decoder {
	const struct trellis *q;
	struct trellis_code code;
	struct lanes la;
	uint32_t *state;			/* the coder's */
	uint8_t at[TRELLIS_MAX_LANES];		/* the trellis' */
	const uint8_t **word, *end;
	struct bit_reader *bits;
};

/* One point of lane l with the table t, or false. */
static inline bool take(struct decoder *d, const struct point_table *t,
			unsigned l, int32_t *u)
{
	uint32_t slot = d->state[l] & ((1 << MODEL_BITS) - 1);
	unsigned s = t->slot[slot];
	uint32_t n = s;

	if (!rans_pop(&d->state[l], t->freq[s], t->cum[s], slot, MODEL_BITS,
		      d->word, d->end))
		return false;
	if ((s == t->escape || t->shift) &&
	    !model_magnitude(t, s, d->bits, &n))
		return false;
	*u = trellis_point(n, d->at[l] & 1);
	d->at[l] = d->code.next[d->at[l]][*u >> 1 & 1];
	return true;
}

/* One channel to column [n_units]. */
static bool take_channel(struct decoder *d, size_t j, float *column)
{
	const struct trellis *q = d->q;
	float step = q->base * q->channel.step[j];

	for (size_t t = 0; t < d->la.longest; t++)
		for (unsigned l = 0; l < d->la.n; l++) {
			size_t i = d->la.start[l] + t;
			const struct point_table *tab;
			int32_t u;

			if (i >= d->la.start[l + 1])
				continue;
			if (trellis_is_zero(q, j, i)) {
				column[i] = 0;
				continue;
			}
			tab = q->model.t[trellis_class(q->channel.class[j],
						       q->unit.class[i])];
			if (!tab || !take(d, tab, l, &u))
				return false;
			column[i] = ((float)u + 0.5f) *
				    (step * q->unit.step[i]);
		}
	return true;
}

static enum hvqz_ret get_few_lanes(const struct trellis *q,
				   const struct slab *slab,
				   struct lanes_dec *lanes,
				   struct bit_reader *bits, uint8_t *raw,
				   bool *good, struct hvqz_err *err)
{
	struct decoder d = {
		.q = q, .la = make_lanes(q), .state = lanes->state,
		.word = &lanes->word, .end = lanes->end, .bits = bits,
	};
	float *tile = malloc(trellis_tile_size(q));

	if (!tile)
		return hvqz_nomem(err, trellis_tile_size(q), "a tile");
	trellis_code_make(&d.code, q->log_states);
	*good = true;
	for (size_t left = q->n_channels; *good && left;) {
		size_t n = left % TRELLIS_TILE ? left % TRELLIS_TILE
					       : TRELLIS_TILE;

		left -= n;
		for (size_t j = n; *good && j-- > 0;)
			*good = take_channel(&d, left + j,
					     tile + j * q->n_units);
		if (*good)
			trellis_store(q, slab, tile, left, n, raw);
	}
	free(tile);
	return HVQZ_OK;
}

static bool open_stream(struct lanes_dec *d, struct bit_reader *bits,
			struct cursor *c)
{
	const uint8_t *p;
	uint32_t n;

	if (!rans_get_frame(c, d->n_lanes, d->state, &d->word, &d->end) ||
	    !varint_get(c, &n))
		return false;
	p = cur_take(c, n);
	if (!p)
		return false;
	*bits = (struct bit_reader){.p = p, .end = p + n};
	return true;
}

enum hvqz_ret trellis_stream_get(const struct trellis *q,
				 const struct decode_kernels *kern,
				 const struct slab *slab, struct cursor *c,
				 uint8_t *raw, struct hvqz_err *err)
{
	struct lanes_dec lanes = {.n_lanes = q->n_lanes};
	struct bit_reader bits;
	bool good = open_stream(&lanes, &bits, c);

	if (good && kern && q->n_lanes >= TRELLIS_WIDE)
		TRY(trellis_points_get(q, kern, slab, &lanes, &bits, raw,
				       &good, err));
	else if (good)
		TRY(get_few_lanes(q, slab, &lanes, &bits, raw, &good, err));
	if (!good || !lanes_end(&lanes) || !bits_end(&bits) ||
	    bits.p != bits.end)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the points are not what was encoded");
	return HVQZ_OK;
}
