/*
 * trellis_search.h - the best path through the trellis.
 *
 * Viterbi's algorithm on the rate-distortion metric: the points that minimise
 *
 *	Σ_i (x_i − v_i)² + price_i[n_i]
 *
 * over all paths that start in the state the lane was left in. Every lane is a
 * sequence of numbers of its own, and all lanes are searched at once.
 */
#ifndef CODEC_TRELLIS_SEARCH_H
#define CODEC_TRELLIS_SEARCH_H

#include "base/error.h"
#include "codec/trellis_code.h"

#include <stddef.h>

/* |x| beyond this is cut: magnitudes stay below 2^24. */
#define TRELLIS_MAX_X 4194304.0f

enum {
	TRELLIS_MAX_LANES = 32,
	TRELLIS_PRICES = 64,	/* larger n cost what 63 does */
};

/* What a class' points cost. */
struct trellis_price {
	float of[TRELLIS_PRICES];	/* λ·bits of magnitude n */
	float shrink;	/* per subset only the point nearest shrink·x is tried */
};

struct trellis_search {
	const struct trellis_code *code;
	unsigned n_lanes;
	size_t longest;		/* lane */
	uint8_t state[TRELLIS_MAX_LANES];
	void *work;		/* owned */
};

/* The first of lane l's units when n_lanes share n of them. */
static inline size_t trellis_lane_start(size_t n, unsigned n_lanes, unsigned l)
{
	return n * l / n_lanes;
}

enum hvqz_ret trellis_search_open(struct trellis_search *s,
				  const struct trellis_code *code,
				  unsigned n_lanes, size_t longest,
				  struct hvqz_err *err);
void trellis_search_close(struct trellis_search *s);

/* Bytes that a search through lanes that long needs. */
uint64_t trellis_search_memory(unsigned n_states, size_t longest);

/*
 * Quantize: x, in lattice spacings, price and the result u are by lane, lane l
 * being [start[l], start[l + 1]), at most `longest`. The states move on.
 */
void trellis_search_run(struct trellis_search *s, const float *x,
			const struct trellis_price *const *price,
			const size_t *start, int32_t *u);

#endif
