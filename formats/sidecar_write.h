/*
 * sidecar_write.h - writing a sidecar of our own (formats/sidecar.md).
 */
#ifndef FORMATS_SIDECAR_WRITE_H
#define FORMATS_SIDECAR_WRITE_H

#include "base/error.h"
#include "stream/sink.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What is known of one weight W [out, in] whose inputs run along its columns.
 * Everything stays the caller's. The Hessian is given as the means of products
 * as they were accumulated, in single precision; the writer turns it into
 * correlations (F16) and scales (F32), cut to -1 … 1. A channel that was never
 * active, H_jj = 0, keeps none.
 */
struct sidecar_entry {
	const char *name;	/* the weight's, "model.layers.0…weight" */
	size_t n_in;
	/* h [n_in] when there is no full Hessian, or NULL. */
	const float *diag;
	/*
	 * H = E[x xᵀ], or NULL: n_blocks = ⌈n_in / block⌉ squares along the
	 * diagonal, block b [w_b][w_b] of which holds channels b·block …
	 * b·block + w_b − 1, w_b = min(block, n_in − b·block), one behind the
	 * other. block ≥ n_in: the whole matrix. Only the lower triangle
	 * (column ≤ row) of each square is read.
	 */
	const float *full;
	size_t block;
	/* g [n_out], or NULL. */
	const float *row_sens;
	size_t n_out;
};

struct sidecar_meta {
	const char *calibration;	/* UTF-8, or NULL: not said */
	uint64_t n_tokens;		/* 0: not said */
	/* More pairs for the metadata, key by key; values are any UTF-8. */
	const char *const *keys;
	const char *const *values;
	size_t n_more;
};

/*
 * Write a whole sidecar: head, then the entries in the order given. The head
 * is made from the entries' shapes alone; data follows weight by weight with
 * bounded memory. A value that is not finite, or a negative diagonal or
 * row_sens, is HVQZ_USAGE naming the weight, and so is metadata that is no
 * UTF-8 or has a key twice: nothing may be written that the reader refuses.
 * All is checked before the first byte. The same entries give the same bytes.
 */
enum hvqz_ret sidecar_write(const struct sidecar_meta *meta,
			    const struct sidecar_entry *v, size_t n,
			    struct sink *out, struct hvqz_err *err);

#endif
