/*
 * buf.h - a growable byte buffer for output being assembled.
 *
 * A failed allocation is remembered in `failed` and turns every later call
 * into nothing, so that a run of puts needs one check at its end: buf_ok().
 * Zero-initialise; buf_free() releases.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	bool failed;
};

/* Room for n more bytes, counted into len at once; NULL when out of memory. */
uint8_t *buf_grow(struct buf *b, size_t n);
/* Make an empty buffer's capacity n, if it is less; false: out of memory. */
bool buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_f32(struct buf *b, float v);

/* HVQZ_NOMEM when any call since the last clear failed. */
enum hvqz_ret buf_ok(const struct buf *b, struct hvqz_err *err);

/* Empty it, keep the memory. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

/*
 * What b holds goes to a, whose content goes: the two trade memory, or a few
 * bytes are copied, so that buffers which go round are not held in step by
 * large and small contents that take turns.
 */
void buf_trade(struct buf *a, struct buf *b);

#endif
