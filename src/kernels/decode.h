/*
 * decode.h - the inner loops of decoding: rANS, raw bits, points, narrowing.
 *
 * As in kernels.h the generic table is normative and the others give the same
 * bits; here nothing is summed, so that is easy. No function reads behind what
 * it is told.
 */
#ifndef KERNELS_DECODE_H
#define KERNELS_DECODE_H

#include "base/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum {
	DECODE_LANES = 32,	/* of a rANS stream, and of a row of points */
	DECODE_STEP = 16,	/* loops over n may go on to a multiple of it */
	DECODE_MAX_FIELD = 32,
	DECODE_MAX_FIELD_16 = 9,	/* of rounds16 */
	/* What no point is: the weight is 0 and the trellis passes over it. */
	DECODE_NO_POINT = 127,
};

/* How rounds16 makes numbers of 16 bits. */
struct decode_split {
	uint16_t first;		/* the first symbol of class 0, modulo 2^16 */
	unsigned octave;	/* log2 of the symbols a class step of 8 moves */
	unsigned raw;		/* low bits, in the field */
	unsigned bits;		/* of a magnitude, < 16 */
	uint8_t sign;		/* 1: above its low bits, the field has a sign */
	uint8_t n;		/* the symbol that is an escape */
};

struct decode_kernels {
	/*
	 * Rounds of a rANS stream of `lanes` lanes, 8, 16 or 32; n of them or
	 * as many as there are surely words for, 64 bytes a round; returns how
	 * many. Symbol l of a
	 * round is taken from state[l] with the table
	 * slots + 4096 · which[l] (lanes.h; which may be NULL: 0), words in
	 * the lanes' order from *word. sym, which: [n][lanes].
	 */
	size_t (*rounds)(unsigned lanes, uint32_t *state, const uint8_t **word,
			 const uint8_t *end, const uint32_t *slots,
			 const uint8_t *which, uint8_t *sym, size_t n);

	/*
	 * The same and, at once, the numbers: as place() and join() make them
	 * of the symbols and of fields of raw + sign ≤ DECODE_MAX_FIELD_16
	 * bits in the `left` bytes at field, little-endian to to[n][32]. The
	 * table is that of the class's phase; class [n][32] may be NULL: 0.
	 * Fewer rounds also where fields might lack. Where sym says escape a
	 * number has only its field's bits, else symbols are or-ed to *any.
	 */
	size_t (*rounds16)(uint32_t *state, const uint8_t **word,
			   const uint8_t *end, const uint32_t *slots,
			   const uint8_t *class, const struct decode_split *s,
			   const uint8_t *field, size_t left, uint8_t *sym,
			   size_t n, uint8_t *to, uint32_t *any);

	/*
	 * Fields of width ≤ 32 bits, lowest bit first, from the `left` bytes at
	 * p: n of them or fewer, a multiple of 8; returns how many.
	 */
	size_t (*fields)(const uint8_t *p, size_t left, unsigned width,
			 size_t n, uint32_t *v);

	/* x = first + sym + (class >> 3 << octave); class may be NULL: 0. */
	void (*place)(const uint8_t *sym, const uint8_t *class, size_t n,
		      uint32_t first, unsigned octave, uint32_t *x);
	/*
	 * x = x << raw, v's low raw bits below it, the rest above bit `bits`.
	 * Returns the bits that were set in any x; n: a multiple of the step,
	 * also of zeros.
	 */
	uint32_t (*join)(uint32_t *x, const uint32_t *v, size_t n,
			 unsigned raw, unsigned bits);
	/* x's low halves, little-endian; n exactly. */
	void (*store16)(const uint32_t *x, size_t n, uint8_t *raw);

	/*
	 * In place, rows v[n][lanes], 8, 16 or 32, of magnitudes below 127, or DECODE_NO_POINT,
	 * to points u (formats/hvqz.md, 8.3.4, steps 4 and 5), −128 for no
	 * point. state[lanes]: of the trellises; a, b: the code's.
	 */
	void (*points)(unsigned lanes, uint8_t *v, size_t n, uint8_t *state,
		       uint8_t a, uint8_t b);
	/* to[j][i] = from[i · stride + j], 32 by 32. */
	void (*transpose)(const uint8_t *from, size_t stride, uint8_t *to);
	/* 32 weights w = (u + ½) · (step · scale), 0 where u is −128. */
	void (*restore)(const uint8_t *u, const float *step, float scale,
			float *w);
	/* 32 weights as weights_narrow() has it, to raw. */
	void (*narrow)(enum dtype dtype, const float *w, uint8_t *raw);

	/*
	 * As rounds, for symbols of 16 bits and frequencies that sum to
	 * 2^bits, bits ≤ 15: y mod 2^bits means the symbol s = slot[y], whose
	 * frequency and cumulative frequency are span[s], low and high half.
	 * slot: [2^bits + 1], the last one being read but not used.
	 */
	size_t (*wide_rounds)(uint32_t *state, const uint8_t **word,
			      const uint8_t *end, const uint16_t *slot,
			      const uint32_t *span, unsigned bits,
			      uint16_t *sym, size_t n);
};

/* kernels.h chooses; the last two are only there on x86-64. */
extern const struct decode_kernels decode_generic;
extern const struct decode_kernels decode_avx2, decode_avx512;

#endif
