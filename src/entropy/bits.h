/*
 * bits.h - bit fields packed little-endian, lowest bit first, and unsigned
 * LEB128 numbers.
 *
 * The reader is bounds-checked: reading past the end gives zeros and sets
 * `over`, which the caller checks once at the end.
 */
#ifndef ENTROPY_BITS_H
#define ENTROPY_BITS_H

#include "base/buf.h"
#include "base/bytes.h"

#include <stdbool.h>

struct bit_writer {
	struct buf *out;
	uint64_t acc;
	unsigned n;		/* bits in acc, always below 8 between calls */
};

/* n ≤ 32 bits of v. */
static inline void bits_put(struct bit_writer *w, uint32_t v, unsigned n)
{
	w->acc |= (uint64_t)v << w->n;
	w->n += n;
	while (w->n >= 8) {
		buf_u8(w->out, (uint8_t)w->acc);
		w->acc >>= 8;
		w->n -= 8;
	}
}

/* Elias gamma code of v + 1, v below 2^31: short for small v. */
static inline void bits_put_gamma(struct bit_writer *w, uint32_t v)
{
	unsigned n = 31 - (unsigned)__builtin_clz(v + 1);

	bits_put(w, 0, n);
	bits_put(w, 1, 1);
	bits_put(w, (v + 1) & ((1u << n) - 1), n);
}

/* Fill the last byte with zeros. */
static inline void bits_flush(struct bit_writer *w)
{
	if (w->n)
		bits_put(w, 0, 8 - w->n);
}

struct bit_reader {
	const uint8_t *p, *end;
	uint64_t acc;
	unsigned n;
	bool over;
};

static inline uint32_t bits_get(struct bit_reader *r, unsigned n)
{
	uint32_t v;

	while (r->n < n) {
		if (r->p < r->end)
			r->acc |= (uint64_t)*r->p++ << r->n;
		else
			r->over = true;
		r->n += 8;
	}
	v = (uint32_t)(r->acc & (((uint64_t)1 << n) - 1));
	r->acc >>= n;
	r->n -= n;
	return v;
}

static inline uint32_t bits_get_gamma(struct bit_reader *r)
{
	unsigned n = 0;

	while (!bits_get(r, 1)) {
		if (++n > 30 || r->over) {
			r->over = true;
			return 0;
		}
	}
	return (bits_get(r, n) | 1u << n) - 1;
}

/* Whole, nothing past the end read, and the padding is zero? */
static inline bool bits_end(struct bit_reader *r)
{
	return !r->over && r->n < 8 && r->acc == 0;
}

/* LEB128: seven bits a byte, low first; at most five bytes for 32 bits. */
void varint_put(struct buf *out, uint32_t v);
/* False when cut, over 32 bits, or longer than it needs to be. */
bool varint_get(struct cursor *c, uint32_t *v);

#endif
