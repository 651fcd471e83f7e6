/*
 * lanes.h - rANS of bytes under a context, fast.
 *
 * The stream is that of rans.h with 12 bits (formats/hvqz.md, rANS stream):
 * the same lanes and the same words. Here each symbol brings its own table,
 * and symbols are bytes, so that a table's slot holds in 32 bits all that the
 * decoder wants to know. A decoder gives the symbols in pieces: what is made
 * of them stays in the cache.
 */
#ifndef ENTROPY_LANES_H
#define ENTROPY_LANES_H

#include "base/buf.h"
#include "base/bytes.h"
#include "entropy/rans.h"
#include "kernels/decode.h"

#include <stdbool.h>

enum {
	LANES_BITS = 12,
	LANES_SLOTS = 1 << LANES_BITS,
	LANES_SYMBOLS = 256,
};

/* A symbol as the encoder wants it. */
struct lanes_sym {
	uint64_t rcp;		/* ceil(2^shift / freq) */
	uint16_t freq, cum;	/* 4096 is a frequency: fits */
	uint8_t shift;
};

/* Symbols 0 … n − 1 of frequencies that sum to 2^12. */
void lanes_fill_syms(const uint16_t *freq, unsigned n, struct lanes_sym *to);

/* The decoder's table: slot[LANES_SLOTS], symbol | freq − 1 << 8 | y − c << 20. */
void lanes_fill_slots(const uint16_t *freq, unsigned n, uint32_t *slot);

/*
 * Append the stream of n ≥ 1 symbols: key[i] is an index into syms, which has
 * the symbols of all tables. All have freq > 0.
 */
enum hvqz_ret lanes_encode(const struct lanes_sym *syms, const uint16_t *key,
			   size_t n, struct buf *out, struct hvqz_err *err);

/* The same in so many lanes, 1 to 32, whatever n is. */
enum hvqz_ret lanes_encode_in(unsigned lanes, const struct lanes_sym *syms,
			      const uint16_t *key, size_t n, struct buf *out,
			      struct hvqz_err *err);

struct lanes_dec {
	uint32_t state[RANS_MAX_LANES];
	unsigned n_lanes, at;	/* at: the lane of the next symbol */
	const uint8_t *word, *end;
};

/* Begin a stream of n symbols; false when it is cut or a state is bad. */
bool lanes_begin(struct lanes_dec *d, struct cursor *c, size_t n);

/*
 * The next n symbols to sym. Symbol i's table of slots is
 * slots + LANES_SLOTS · which[i]; which may be NULL: all are of the first.
 * False when a word lacks.
 */
bool lanes_take(struct lanes_dec *d, const struct decode_kernels *kern,
		const uint32_t *slots, const uint8_t *which, uint8_t *sym,
		size_t n);

/* Did it end where the encoder began? */
bool lanes_end(const struct lanes_dec *d);

#endif
