/*
 * unpack.h - a compressed input as the bytes that are in it: gzip, xz, zstd,
 * bzip2 and lz4 files, and the members of a zip, most of it by libarchive.
 */
#ifndef STREAM_UNPACK_H
#define STREAM_UNPACK_H

#include "base/buf.h"
#include "stream/source.h"

struct unpack;

/* What compressed these first bytes ("gzip"), or NULL. */
const char *unpack_bid(const uint8_t *p, size_t len);

/*
 * Read from src on. What is more than 1000 times (and 64 MiB) larger than its
 * compressed form is refused (A2), as is what was compressed twice, and, at the
 * end, bytes behind it that are neither zeros nor compressed in the same way.
 * src must outlive *u, u the source. unpack_close() in any case.
 */
enum hvqz_ret unpack_open(struct unpack **u, struct source *src,
			  struct hvqz_err *err);
void unpack_source(struct unpack *u, struct source *out);

/*
 * The same with a zip in sequence, whose members are taken one by one. *name
 * is valid until the next call, and NULL behind the last one; folders are
 * passed over, what is no file either is HVQZ_UNSUPPORTED. *size is
 * SOURCE_SIZE_UNKNOWN where the zip says it only later.
 */
enum hvqz_ret unpack_open_zip(struct unpack **u, struct source *src,
			      struct hvqz_err *err);
enum hvqz_ret unpack_next(struct unpack *u, const char **name, uint64_t *size,
			  struct hvqz_err *err);

/* The next bytes, of the member; *got < n only at their end. */
enum hvqz_ret unpack_read(struct unpack *u, void *to, size_t n, size_t *got,
			  struct hvqz_err *err);

/*
 * Behind the last member: read the source to its end, the last `most` bytes of
 * it to *tail, or all from the zip's directory on where these are fewer.
 * *n_entries: the members and folders that there were. Nothing may be read any
 * more.
 */
enum hvqz_ret unpack_end(struct unpack *u, size_t most, struct buf *tail,
			 uint64_t *n_entries, struct hvqz_err *err);

void unpack_close(struct unpack *u);

#endif
