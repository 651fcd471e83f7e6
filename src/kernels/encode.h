/*
 * encode.h - the inner loops of lossless encoding: surveys, symbols, rANS.
 *
 * As in decode.h: the generic table is normative, and the others give the same
 * bits. Numbers of 16 bits come as they lie in a file, little-endian and at
 * any address. No function reads behind what it is told.
 */
#ifndef KERNELS_ENCODE_H
#define KERNELS_ENCODE_H

#include <stddef.h>
#include <stdint.h>

enum {
	ENCODE_LANES = 32,	/* of a rANS stream */
	ENCODE_STEP = 16,	/* loops over n may write to a multiple of it */
	ENCODE_MAX_FIELD = 9,	/* bits of a raw field that split16 packs */
	/* Bytes that rounds may write below its words, split16 behind. */
	ENCODE_SLACK = 32,
};

/*
 * A rANS symbol of frequency f, in 2^12, as the encoder wants it:
 * x / f = (x + inc)·rcp >> K for all x below f·2^20. entropy/lanes.c has why.
 */
struct encode_sym {
	uint32_t rcp;
	uint32_t what;	/* f − 1 | cumulative f << 12 | inc << 24 | K << 26 */
};

/* How split16 and index16 cut a number of 16 bits, its sign on top. */
struct encode_split {
	unsigned shift;		/* low bits that are no part of the symbol */
	unsigned bits;		/* of a magnitude, 15 or fewer with a sign */
	unsigned octave;	/* log2 of the symbols a class step of 8 moves */
	uint16_t first;		/* the first symbol of class 0, modulo 2^16 */
	uint8_t n;		/* symbols in the window */
	uint8_t sign;		/* 1: the bit above the magnitude is kept */
};

struct encode_kernels {
	/*
	 * n rounds of a 32-lane rANS stream, from the last to the first: of
	 * key[n][32], indices into syms. Words go below end, in the order
	 * a decoder takes them; at most 64 bytes a round, and ENCODE_SLACK
	 * below them may be written. Returns where they begin. right: what
	 * encode_fill_right() makes.
	 */
	uint8_t *(*rounds)(uint32_t *state, const struct encode_sym *syms,
			   const uint8_t right[256][16], const uint16_t *key,
			   size_t n, uint8_t *end);

	/* The bits set in any of n numbers; *n_zeros: how many are 0. */
	uint32_t (*survey16)(const uint8_t *raw, size_t n, size_t *n_zeros);

	/*
	 * Where each number is counted: its symbol less its class's octaves,
	 * plus `zero`, plus `size` for each phase of its class; modulo 2^16.
	 * class [n] may be NULL: 0. index: written in whole steps.
	 */
	void (*index16)(const uint8_t *raw, const uint8_t *class, size_t n,
			const struct encode_split *s, uint16_t zero,
			uint16_t size, uint16_t *index);

	/*
	 * Keys of n numbers, phase · 256 + symbol in the window, s->n where it
	 * is outside; escape[n] gets the places of these, their number is
	 * returned. The low bits with the sign above them go to `field`,
	 * s->shift + s->sign ≤ ENCODE_MAX_FIELD bits each, from a whole byte
	 * on and padded with zeros to one; NULL when there are none.
	 */
	size_t (*split16)(const uint8_t *raw, const uint8_t *class, size_t n,
			  const struct encode_split *s, uint16_t *key,
			  uint8_t *field, uint16_t *escape);

	/*
	 * Magnitudes w[n] of floats, u = (x & mask) << left, plus up where its
	 * exponent is not 0; 0 where that is below 2^-60 or above 2^60.
	 * Returns Σ w·by: sixteen sums, added to that of the n mod 16 last
	 * ones. *count: one more for each w that is not 0.
	 */
	float (*weigh16)(const uint8_t *raw, size_t n, uint32_t mask,
			 unsigned left, uint32_t up, const float *by,
			 float *w, uint32_t *count);
	/* sum += w · by, and count one more where w is not 0. */
	void (*spread)(const float *w, float by, size_t n, float *sum,
		       uint32_t *count);
};

/*
 * right[m]: which bytes of eight 16-bit words bring those of mask m to the
 * upper end, in their order; 0x80 for a byte below them.
 */
void encode_fill_right(uint8_t right[256][16]);

/* kernels.h chooses; the last two are only there on x86-64. */
extern const struct encode_kernels encode_generic;
extern const struct encode_kernels encode_avx2, encode_avx512;

#endif
