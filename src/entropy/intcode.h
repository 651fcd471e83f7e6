/*
 * intcode.h - a list of unsigned numbers of any distribution, near its
 * entropy. Two ways; the encoder takes the shorter one:
 *
 * Classes, for long lists. A number v < 4 is its own class; a larger one has
 * class 4·(e − 1) + (the two bits below its leading one), e = floor(log2 v) ≥
 * 2, and e − 2 bits that follow. Classes are rANS-coded with a table from
 * their own counts; the following bits are stored raw: within a quarter of an
 * octave a distribution is flat enough.
 *
 * Rice, for short lists, where a table would cost more than it gains: v >> r
 * zeros, a one, and the low r bits of v. From ESCAPE zeros on (no one then)
 * all 32 bits of v follow (R. F. Rice, JPL Publication 79-22, 1979).
 *
 * Layout: u8 way: 0 … 30 is the Rice parameter r, 255 is classes.
 *	Rice	the codes, to a byte boundary
 *	classes	varint highest class; gamma-coded frequencies of classes 0 …
 *		highest (12 bits) to a byte boundary; the rANS stream; the raw
 *		bits to a byte boundary
 * An empty list takes no bytes.
 */
#ifndef ENTROPY_INTCODE_H
#define ENTROPY_INTCODE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "kernels/decode.h"

/* Append the n numbers. */
enum hvqz_ret intcode_put(const uint32_t *v, size_t n, struct buf *out,
			  struct hvqz_err *err);

/*
 * Read n numbers to v. HVQZ_DAMAGED ("WHAT: …") when the bytes are not such a
 * list.
 */
enum hvqz_ret intcode_get(struct cursor *c, uint32_t *v, size_t n,
			  const char *what, struct hvqz_err *err);
/* The same with these kernels. */
enum hvqz_ret intcode_get_by(struct cursor *c,
			     const struct decode_kernels *kern, uint32_t *v,
			     size_t n, const char *what, struct hvqz_err *err);

/* Signed numbers as unsigned ones: 0, -1, 1, -2, … */
static inline uint32_t zigzag(int32_t v)
{
	return (uint32_t)v << 1 ^ (0u - ((uint32_t)v >> 31));
}

static inline int32_t unzigzag(uint32_t v)
{
	return (int32_t)(v >> 1 ^ (0u - (v & 1)));
}

#endif
