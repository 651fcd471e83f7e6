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
#include "kernels/encode.h"

#include <stdbool.h>

enum {
	LANES_BITS = 12,
	LANES_SLOTS = 1 << LANES_BITS,
	LANES_SYMBOLS = 256,
};

/* Symbols 0 … n − 1 of frequencies that sum to 2^12. */
void lanes_fill_syms(const uint16_t *freq, unsigned n, struct encode_sym *to);

/* The decoder's table: slot[LANES_SLOTS], symbol | freq − 1 << 8 | y − c << 20. */
void lanes_fill_slots(const uint16_t *freq, unsigned n, uint32_t *slot);

/* A stream in the making, from its last symbol to its first. */
struct lanes_enc {
	const struct encode_kernels *kern;
	const struct encode_sym *syms;
	uint32_t state[RANS_MAX_LANES];
	unsigned n_lanes;
	size_t left;			/* symbols that are not pushed yet */
	uint8_t *words, *at, *end;	/* at: the first; words owned */
	uint8_t right[256][16];
};

/* Begin a stream of n symbols; syms is used until its end. */
enum hvqz_ret lanes_enc_begin(struct lanes_enc *e,
			      const struct encode_kernels *kern,
			      const struct encode_sym *syms, size_t n,
			      struct hvqz_err *err);
/* The same in n_lanes, 1 to 32, whatever n is. */
enum hvqz_ret lanes_enc_begin_in(struct lanes_enc *e, unsigned n_lanes,
				 const struct encode_kernels *kern,
				 const struct encode_sym *syms, size_t n,
				 struct hvqz_err *err);
/*
 * The last n of those left: key[i] is an index into syms, which has the
 * symbols of all tables. All have a frequency above 0.
 */
void lanes_enc_push(struct lanes_enc *e, const uint16_t *key, size_t n);
/* None is left: append the stream. */
enum hvqz_ret lanes_enc_put(const struct lanes_enc *e, struct buf *out,
			    struct hvqz_err *err);
void lanes_enc_free(struct lanes_enc *e);

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
