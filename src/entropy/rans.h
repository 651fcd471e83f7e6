/*
 * rans.h - range asymmetric numeral systems: symbols at their entropy.
 *
 * Source: J. Duda, "Asymmetric numeral systems", arXiv 1311.2540. A state x in
 * [2^16, 2^32) absorbs symbol s of frequency f_s (of 2^bits) and cumulative
 * frequency c_s by
 *
 *	x' = (x / f_s)·2^bits + c_s + x mod f_s
 *
 * and gives 16 bits away whenever it would grow past 2^32. The decoder undoes
 * the steps in the opposite order, so the encoder works from the last symbol
 * to the first. Several states ("lanes") take turns, symbol i in lane
 * i mod lanes, so that a processor can work on them at the same time; short
 * streams use fewer lanes because each costs four bytes.
 *
 * Stream: lanes × u32 start states, then the u16 words in the order the
 * decoder takes them. The decoder must end with every state at 2^16 and no
 * word left over: a damaged stream is unlikely to pass.
 */
#ifndef ENTROPY_RANS_H
#define ENTROPY_RANS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "kernels/decode.h"

#include <stdbool.h>

enum {
	RANS_MAX_BITS = 15,
	RANS_MAX_LANES = 32,
};

/* Where a state begins; it never falls below. */
#define RANS_LOW ((uint32_t)1 << 16)

struct rans_table {
	unsigned bits;		/* frequencies sum to 2^bits */
	uint32_t n;		/* symbols */
	uint16_t *freq;		/* [n], owned */
	uint16_t *cum;		/* [n]: sum of the earlier ones, owned */
	/*
	 * The decoder's, else NULL, as kernels/decode.h has them: [2^bits + 1],
	 * the symbol of a slot; [n], freq | cum << 16. Owned.
	 */
	uint16_t *slot;
	uint32_t *span;
};

/*
 * From counts [n] (some may be 0, not all): frequencies proportional to the
 * counts, every present symbol at least 1. n ≤ 2^bits.
 */
enum hvqz_ret rans_table_from_counts(struct rans_table *t,
				     const uint32_t *counts, uint32_t n,
				     unsigned bits, struct hvqz_err *err);

/*
 * From frequencies; false in *valid when they do not sum to 2^bits. Makes the
 * slots: this is the decoder's.
 */
enum hvqz_ret rans_table_from_freqs(struct rans_table *t,
				    const uint16_t *freq, uint32_t n,
				    unsigned bits, bool *valid,
				    struct hvqz_err *err);
void rans_table_free(struct rans_table *t);

/*
 * Scale counts [n] to frequencies [n] summing to 2^bits, present symbols at
 * least 1. Largest remainders first, then lowest index: deterministic.
 */
void rans_scale(const uint32_t *counts, uint32_t n, unsigned bits,
		uint16_t *freq);

/* Lanes of a stream of n symbols: 1, 4 or 32. */
unsigned rans_lanes(size_t n);

/*
 * One symbol of frequency f and cumulative frequency c into state *x; a word
 * that it gives away goes to words[*n_words].
 */
static inline void rans_push(uint32_t *x, uint32_t f, uint32_t c,
			     unsigned bits, uint16_t *words, size_t *n_words)
{
	if (*x >= (uint64_t)f << (32 - bits)) {
		words[(*n_words)++] = (uint16_t)*x;
		*x >>= 16;
	}
	*x = (*x / f << bits) + c + *x % f;
}

/*
 * Undo rans_push, slot being *x mod 2^bits. False when a word is needed and
 * *word is at end.
 */
static inline bool rans_pop(uint32_t *x, uint32_t f, uint32_t c, uint32_t slot,
			    unsigned bits, const uint8_t **word,
			    const uint8_t *end)
{
	*x = f * (*x >> bits) + slot - c;
	if (*x < RANS_LOW) {
		if (*word == end)
			return false;
		*x = *x << 16 | get_le16(*word);
		*word += 2;
	}
	return true;
}

/*
 * The frame of a stream: varint(words), the lanes' start states, the words,
 * which the encoder made last to first.
 */
enum hvqz_ret rans_put_frame(const uint32_t *state, unsigned lanes,
			     const uint16_t *words, size_t n_words,
			     struct buf *out, struct hvqz_err *err);
/* False when cut, or a state is out of range. */
bool rans_get_frame(struct cursor *c, unsigned lanes, uint32_t *state,
		    const uint8_t **word, const uint8_t **end);
/* Did the decoder end where the encoder began? */
bool rans_at_end(const uint32_t *state, unsigned lanes, const uint8_t *word,
		 const uint8_t *end);

/* Append n symbols (all with freq > 0) as varint(words) and the stream. */
enum hvqz_ret rans_encode(const struct rans_table *t, const uint16_t *sym,
			  size_t n, struct buf *out, struct hvqz_err *err);

/*
 * Read n symbols with the kernels; false when the stream is not exactly such.
 */
bool rans_decode(const struct rans_table *t, const struct decode_kernels *kern,
		 struct cursor *c, uint16_t *sym, size_t n);

#endif
