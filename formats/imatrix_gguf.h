/*
 * imatrix_gguf.h - the head of a GGUF imatrix, between the two files that
 * read one: imatrix_keys.c up to the tensor table, imatrix_gguf.c from there.
 */
#ifndef FORMATS_IMATRIX_GGUF_H
#define FORMATS_IMATRIX_GGUF_H

#include "base/buf.h"
#include "base/bytes.h"

struct span {
	const uint8_t *p;
	size_t len;
};

struct gguf {
	struct cursor c;
	const uint8_t *start;	/* of the file */
	uint64_t alignment;
	uint64_t n_chunks, chunk_size;
	bool is_imatrix;
	struct buf texts;	/* the calibration texts' names */
	struct span *keys;	/* owned, like texts */
	struct gguf_info *infos;	/* imatrix_gguf.c's; owned */
	uint64_t n_keys, n_infos;
};

/*
 * Magic, version, counts and all key/value pairs; leaves the cursor at the
 * tensor table. The caller frees what *g owns, also after a failure.
 */
enum hvqz_ret imatrix_gguf_head(struct gguf *g, struct hvqz_err *err);

/* "truncated: WHAT at offset N needs more than the M bytes left" */
enum hvqz_ret imatrix_cut_short(const struct gguf *g, const char *what,
				struct hvqz_err *err);
enum hvqz_ret imatrix_take_string(struct gguf *g, const char *what,
				  struct span *s, struct hvqz_err *err);
int imatrix_span_cmp(const struct span *a, const struct span *b);

#endif
