/*
 * zframe.h - which zstd frames we accept (formats/hvqz.md, section 1).
 *
 * A frame header must say what ours says (RFC 8878, section 3.1.1.1): content
 * size present and right, window at most 8 MiB, no dictionary, no checksum, no
 * reserved bit; no skippable or legacy frame.
 */
#ifndef BASE_ZFRAME_H
#define BASE_ZFRAME_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* zstd levels 1 to 19 never use a larger one. */
enum { ZFRAME_MAX_WINDOW = 8 << 20 };

/*
 * Check the header of the frame in p[n], which must announce raw_len bytes.
 * HVQZ_DAMAGED: "WHAT's zstd frame …".
 */
enum hvqz_ret zframe_check(const uint8_t *p, size_t n, const char *what,
			   uint64_t raw_len, struct hvqz_err *err);

/*
 * Unpack the frame in p[n], whose header has been checked, to `to`, which is
 * neither NULL nor shorter than raw_len. It must end with p[n], and what it
 * holds with raw_len. HVQZ_DAMAGED: "WHAT's zstd frame …"; HVQZ_NOMEM.
 */
enum hvqz_ret zframe_unpack(const uint8_t *p, size_t n, const char *what,
			    uint8_t *to, size_t raw_len, struct hvqz_err *err);

#endif
