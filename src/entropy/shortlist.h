/*
 * shortlist.h - a list of small signed numbers: as they are, as differences, or
 * as what a guess leaves of them, whichever is shortest (hvqz.md, "short
 * list").
 *
 * Layout: u8 way, then intcode of the zigzag numbers; way 255: all are zero,
 * and nothing follows.
 */
#ifndef ENTROPY_SHORTLIST_H
#define ENTROPY_SHORTLIST_H

#include "base/buf.h"
#include "base/bytes.h"

/* Append v [n]. guess [n]: what the reader knows of them already, or NULL. */
enum hvqz_ret shortlist_put(const int32_t *v, const int32_t *guess, size_t n,
			    struct buf *out, struct hvqz_err *err);

/*
 * Read v [n], with the same guess. HVQZ_DAMAGED ("WHAT: …") when the bytes are
 * no such list or a number is not within ±max.
 */
enum hvqz_ret shortlist_get(struct cursor *c, int32_t *v, const int32_t *guess,
			    size_t n, int32_t max, const char *what,
			    struct hvqz_err *err);

#endif
