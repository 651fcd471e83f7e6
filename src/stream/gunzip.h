/*
 * gunzip.h - what is in a gzip file (RFC 1952), by zlib.
 *
 * Not through libarchive, which looks at neither the CRC-32 nor the length
 * behind the data (3.6.2, at least): a model with a bit turned would pass.
 */
#ifndef STREAM_GUNZIP_H
#define STREAM_GUNZIP_H

#include "stream/source.h"

struct gunzip;

/* NULL: out of memory. from must outlive it. */
struct gunzip *gunzip_open(struct source *from, struct hvqz_err *err);

/*
 * The next bytes, of one member after the other; *got < n only at their end,
 * when the source, too, is at its end. HVQZ_DAMAGED: it is cut, or a checksum
 * is wrong, or bytes follow that are neither zeros nor a member.
 */
enum hvqz_ret gunzip_read(struct gunzip *g, void *to, size_t n, size_t *got,
			  struct hvqz_err *err);

void gunzip_close(struct gunzip *g);

#endif
