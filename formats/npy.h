/*
 * npy.h - the header of a NumPy array file, versions 1.0 to 3.0.
 */
#ifndef FORMATS_NPY_H
#define FORMATS_NPY_H

#include "base/buf.h"
#include "model/model.h"

enum {
	NPY_MAGIC_LEN = 8,		/* with the version */
	NPY_MAX_HEAD = 1 << 20,
};

struct npy {
	bool is_tensor;		/* false: an array we keep as bytes */
	bool is_turned;		/* in Fortran order: dim is reversed */
	const char *descr;	/* in the header [descr_len], its type; or */
	size_t descr_len;	/* NULL: a structure */
	enum dtype dtype;	/* 0: none of ours */
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
	size_t head_len;	/* bytes before the data */
};

/* Do these bytes begin an array file? */
bool npy_bid(const uint8_t *p, size_t len);

/*
 * The header's length from the first 12 bytes (fewer when the file is that
 * short): HVQZ_DAMAGED, HVQZ_UNSUPPORTED for a version we do not know.
 */
enum hvqz_ret npy_head_len(const uint8_t *p, size_t len, size_t *head_len,
			   struct hvqz_err *err);

/*
 * The header, p [head_len]. Objects, structures, strings, dates, big-endian
 * numbers, more than 8 dimensions: is_tensor is false. HVQZ_DAMAGED: not a
 * header.
 */
enum hvqz_ret npy_parse(const uint8_t *p, size_t head_len, struct npy *npy,
			struct hvqz_err *err);

/*
 * Append a header of version 1.0 for t; is_turned: for the array in Fortran
 * order that t, as it lies there, is the transpose of. BF16 (which retype.c
 * widens before it comes here) and the floats of 8 bits and fewer are
 * HVQZ_UNSUPPORTED: what ml_dtypes writes for them, |V1, says to nobody which
 * of them it was.
 */
enum hvqz_ret npy_make_head(const struct tensor *t, bool is_turned,
			    struct buf *b, struct hvqz_err *err);

/*
 * `to` is the table of `from`, an npy or npz file, some tensors of other types:
 * its head becomes that of such a file, inexact. Arrays keep name, shape and
 * order, everything else stays. format is that of `from`, or, where that is an
 * npz of one tensor, npy. HVQZ_UNSUPPORTED: a type that NumPy has not.
 * HVQZ_DAMAGED: the kept head of `from` is.
 */
enum hvqz_ret npy_retype(const struct model *from, const char *format,
			 struct model *to, struct hvqz_err *err);

#endif
