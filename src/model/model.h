/*
 * model.h - the tensor table: what a model file holds, whatever its format.
 *
 * Tensors stand in the order of their data. The source format's own header is
 * kept byte for byte, so that the restored file can be the input file.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/dtype.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TENSOR_MAX_RANK = 8,
	TENSOR_MAX_NAME = 65536,	/* bytes, without the NUL */
};

struct tensor {
	char *name;		/* UTF-8, owned, NUL-terminated, not empty */
	enum dtype dtype;
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
	uint64_t n_elems;	/* product of the dims; 1 for a scalar */
	uint64_t off;		/* first byte, from the start of the data */
	/*
	 * Bytes that are no tensor's (padding, say) between the data's start
	 * and this tensor's, in the source: there it lies at off + skew behind
	 * the head. The reader sets it; 0 elsewhere.
	 */
	uint64_t skew;
	uint64_t size;		/* bytes; n_elems × dtype bits / 8 */
};

struct model {
	struct tensor *tensors;	/* owned, in data order */
	size_t n_tensors;
	uint64_t data_size;	/* sum of the sizes */
	uint64_t n_params;	/* sum of n_elems */
	char format[16];	/* the reader's name: "safetensors" */
	uint8_t *head;		/* the source's header, byte for byte, owned */
	size_t head_len;
	/*
	 * What the source has behind the last tensor, byte for byte, owned;
	 * known once all data has passed by.
	 */
	uint8_t *rest;
	size_t rest_len;
	bool inexact;		/* to be written: not the source's very bytes */
};

void model_free(struct model *m);

/*
 * Append a tensor whose data follows the last one's. Copies name. Computes
 * n_elems and size. HVQZ_DAMAGED: a product of dims × bits over 2^64, sizes
 * that sum to over 2^63, a sub-byte dtype that does not end on a byte, a name
 * that is empty or over 64 KiB. HVQZ_UNSUPPORTED: unknown dtype, rank above 8.
 */
enum hvqz_ret model_add(struct model *m, const char *name, enum dtype dtype,
			unsigned rank, const uint64_t *dim,
			struct hvqz_err *err);

/*
 * How a tensor is cut: n_rows rows of row_elems elements (row_len bytes).
 * A tensor of rank ≥ 2 is cut along its first dimension, everything behind it
 * being one row, unless such a row is over 64 MiB or ends inside a byte; then,
 * and for rank 0 and 1, a row is the fewest elements that end on a byte.
 */
struct tensor_rows {
	uint64_t n_rows;
	uint64_t row_elems;
	uint64_t row_len;
	bool is_matrix;		/* rows are output channels, not the flat cut */
};
struct tensor_rows tensor_rows(const struct tensor *t);

/* The tensor of that name, or NULL. */
const struct tensor *model_find(const struct model *m, const char *name);

/* "[2, 3]" into buf, cut if it does not fit; returns buf. */
char *tensor_shape(const struct tensor *t, char *buf, size_t len);

#endif
