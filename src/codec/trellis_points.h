/*
 * trellis_points.h - the points of a trellis payload: where they are, the
 * symbols they become, and the tile they are restored in.
 */
#ifndef CODEC_TRELLIS_POINTS_H
#define CODEC_TRELLIS_POINTS_H

#include "codec/trellis.h"
#include "kernels/decode.h"
#include "kernels/encode.h"
#include "kernels/trellis.h"

/*
 * Lane l has the units start[l] … start[l + 1] − 1. Its t-th is at place
 * t·lanes + l; a lane that is a unit shorter than others has none in the last
 * row. Channels are stride places apart in memory, of which the first n count.
 */
struct trellis_places {
	unsigned lanes;
	size_t rows, n, stride;
	size_t start[TRELLIS_MAX_LANES + 1];
};

struct trellis_places trellis_places_of(size_t n_units, unsigned lanes);

/* The unit at place p, or SIZE_MAX. */
static inline size_t trellis_unit_at(const struct trellis_places *at, size_t p)
{
	size_t l = p % at->lanes, i = at->start[l] + p / at->lanes;

	return p < at->n && i < at->start[l + 1] ? i : SIZE_MAX;
}

/* ---- trellis_symbols.c: for the coder ---- */

/* Keys are classes' symbols, as kernels/trellis.h has them; 0: no symbol. */
enum {
	TRELLIS_KEY_COUNT = (TRELLIS_LAST_CLASS - TRELLIS_ZERO_BELOW + 2) *
			    TRELLIS_KEYS,
};

struct trellis_symbols {
	size_t n_channels;
	uint16_t *key;		/* [channels][n], the last one first; owned */
	struct point_counts *counts;	/* owned */
	uint32_t *hist;		/* [2][TRELLIS_KEY_COUNT]; owned */
	int32_t geometry[MODEL_CLASSES];	/* see struct trellis_settle */
	uint16_t *scratch;	/* [stride]; owned */
	uint8_t *more;		/* [stride / 16]; owned */
	struct buf raw;		/* raw bits; owned */
	struct bit_writer bits;
};

/* Free *s also after a failure. */
enum hvqz_ret trellis_symbols_open(struct trellis_symbols *s,
				   const struct trellis_places *at,
				   size_t n_channels, struct hvqz_err *err);
void trellis_symbols_free(struct trellis_symbols *s);
uint64_t trellis_symbols_memory(uint64_t n_channels, uint64_t stride);

/*
 * Settle (kernels/trellis.h) the points c->u of channel j and add their
 * symbols: channels from the last to the first, each once. Returns the sum.
 */
double trellis_symbols_add(struct trellis_symbols *s,
			   const struct trellis_kernels *kern,
			   const struct trellis_places *at, size_t j,
			   struct trellis_settle *c);

/* Choose q->model, append it and the points. */
enum hvqz_ret trellis_symbols_put(struct trellis_symbols *s, struct trellis *q,
				  const struct trellis_places *at,
				  const struct encode_kernels *kern,
				  struct buf *out, struct hvqz_err *err);

/* Append everything of q. */
enum hvqz_ret trellis_put(struct trellis *q, struct trellis_symbols *s,
			  const struct trellis_places *at,
			  const struct encode_kernels *kern, struct buf *out,
			  struct hvqz_err *err);

/* ---- trellis_tile.c: points to weights, of TRELLIS_WIDE lanes or more ---- */

enum { TRELLIS_SLOTS = 32 };	/* channels of a tile */

/* A weight that is stored by itself, its point being too large for a byte. */
struct trellis_late {
	uint32_t at;		/* place */
	uint32_t slot;
	int32_t u;
};

/*
 * Channels come from the last to the first, into slots from the last to the
 * first.
 */
struct trellis_tile {
	const struct trellis *q;
	const struct slab *slab;
	const struct decode_kernels *kern;
	uint8_t *raw;
	struct trellis_places at;
	size_t *unit;		/* [n up to whole 32]: trellis_unit_at(); owned */
	size_t stride;		/* of a slot */
	uint8_t *points;	/* [TRELLIS_SLOTS][stride]; owned */
	size_t end, n;		/* the last n slots: channels end − n … end − 1 */
	struct trellis_late *late;	/* [2 · units]; owned */
	size_t n_late;
};

/* Free *t also after a failure. */
enum hvqz_ret trellis_tile_open(struct trellis_tile *t,
				const struct trellis *q,
				const struct decode_kernels *kern,
				const struct slab *slab, uint8_t *raw,
				struct hvqz_err *err);
void trellis_tile_free(struct trellis_tile *t);
uint64_t trellis_slots_memory(uint64_t n_units);

/* The next channel's slot [rows][lanes]: points, or −128 for none. */
uint8_t *trellis_tile_slot(struct trellis_tile *t);
/* Point u of the next channel's place `at` is stored by itself. */
void trellis_tile_late(struct trellis_tile *t, size_t at, int32_t u);
/* The slot is filled. Stores the tile when that has to be. */
void trellis_tile_next(struct trellis_tile *t);

#endif
