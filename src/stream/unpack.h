/*
 * unpack.h - a compressed input as the bytes that are in it, through
 * libarchive: gzip, xz, zstd, bzip2 and lz4 files, and of NPZ files whose arrays
 * are deflated (numpy.savez_compressed) the same with arrays that are not.
 */
#ifndef STREAM_UNPACK_H
#define STREAM_UNPACK_H

#include "stream/source.h"

struct unpack;

/* What compressed these first bytes ("gzip"), or NULL. */
const char *unpack_bid(const uint8_t *p, size_t len);

/*
 * Read from src on. What is more than 1000 times (and 64 MiB) larger than its
 * compressed form is refused (A2), as is what was compressed twice. src must
 * outlive *u, u the source. unpack_close() in any case.
 */
enum hvqz_ret unpack_open(struct unpack **u, struct source *src,
			  struct hvqz_err *err);
void unpack_source(struct unpack *u, struct source *out);
void unpack_close(struct unpack *u);

#endif
