/*
 * tar.h - headers of tar archives: POSIX ustar and pax, and what GNU tar adds.
 */
#ifndef FORMATS_TAR_H
#define FORMATS_TAR_H

#include "base/buf.h"

#include <stdbool.h>

enum { TAR_BLOCK = 512, TAR_RECORD = 20 * TAR_BLOCK };

/*
 * Is the block's check sum right, of unsigned or of signed bytes? (A block of
 * zeros has none.)
 */
bool tar_is_header(const uint8_t *block);

/*
 * The size field: octal, or base 256 as GNU tar has it; 0 if it is blank, as in
 * its volume labels. False: no number.
 */
bool tar_size(const uint8_t *block, uint64_t *size);

/* Append a regular file's header, with a pax header before it where needed. */
void tar_put_header(struct buf *b, const char *name, uint64_t size);

#endif
