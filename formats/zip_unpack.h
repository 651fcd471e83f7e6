/*
 * zip_unpack.h - an NPZ file whose arrays are deflated (numpy.savez_compressed)
 * as one whose arrays are stored, in sequence.
 */
#ifndef FORMATS_ZIP_UNPACK_H
#define FORMATS_ZIP_UNPACK_H

#include "stream/source.h"

struct zip_unpack;

/* Do these first bytes, ZIP_UNPACK_PEEK or all, begin such a file? */
enum { ZIP_UNPACK_PEEK = 4096 };
bool zip_unpack_bid(const uint8_t *p, size_t len);

/*
 * Read from src on; it must outlive *u, and u the source. zip_unpack_close()
 * in any case. The same members in the same order, under the same names.
 */
enum hvqz_ret zip_unpack_open(struct zip_unpack **u, struct source *src,
			      struct hvqz_err *err);
void zip_unpack_source(struct zip_unpack *u, struct source *out);
void zip_unpack_close(struct zip_unpack *u);

#endif
