/*
 * torch.h - what a PyTorch file says of tensors, besides those in the table.
 *
 * The table has a tensor once, under the first name that the pickle has for its
 * place, and none whose storage is bytes to us. The other names are these.
 */
#ifndef FORMATS_TORCH_H
#define FORMATS_TORCH_H

#include "formats/members.h"

struct torch_extra {
	char *name;		/* owned */
	size_t member;		/* of the list: the storage it is a view of */
	/* NULL: it has the bytes of that tensor, and a shape of its own. */
	const char *why;	/* or why it cannot be a tensor */
	size_t tensor;
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
};

struct torch_extras {
	struct torch_extra *v;	/* owned */
	size_t n;
	size_t n_views;		/* names there are, those in the table too */
};

enum {
	/*
	 * A few bytes of a pickle can give a large tensor a thousand names:
	 * bytes under second names are so many times those of all tensors, or
	 * they are not to be had.
	 */
	TORCH_MAX_TWINS = 4,
};

void torch_extras_free(struct torch_extras *x);

/*
 * As torch_members() of zip.h; the other names, whose tensors are counted from
 * the first of their member, to *x unless that is NULL.
 */
enum hvqz_ret torch_look(struct source *src, uint64_t start,
			 struct members *list, bool *is_torch,
			 struct torch_extras *x, struct hvqz_err *err);

/*
 * The other names that the file had which m was read from: its head is of
 * format "torch", and may come from a damaged or hostile file. Tensors are
 * those of m, in whose order the names that have one come. With these names, no
 * two are the same. HVQZ_UNSUPPORTED: its pickle is too large for the head.
 * torch_extras_free() in any case.
 */
enum hvqz_ret torch_extras_of(const struct model *m, struct torch_extras *x,
			      struct hvqz_err *err);

#endif
