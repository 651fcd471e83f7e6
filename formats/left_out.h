/*
 * left_out.h - what of a model is not among its tensors, and so is not in a
 * file of another format either.
 *
 * Arrays, views and files that are no tensors to us are kept as bytes, and come
 * back with the source. On the way to another format they are left behind,
 * which is to be told. Files that are not models are not meant.
 */
#ifndef FORMATS_LEFT_OUT_H
#define FORMATS_LEFT_OUT_H

#include "model/model.h"

struct left_out {
	uint64_t n, n_all;	/* left out, of so many */
	char msg[600];		/* if n: a sentence that names the first */
};

/*
 * Of m, as it was read or is in a .hvqz, on the way to that format; n is 0
 * where all of it goes. HVQZ_DAMAGED: its head is.
 */
enum hvqz_ret left_out_find(const struct model *m, const char *to,
			    struct left_out *l, struct hvqz_err *err);

#endif
