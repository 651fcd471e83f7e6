/*
 * copies.h - tensors that are the same as one before them: tied heads, repeated
 * layers.
 */
#ifndef JOB_COPIES_H
#define JOB_COPIES_H

#include "model/plan.h"
#include "stream/source.h"

#include <xxhash.h>

struct copies {
	/* [n_tensors]: as container_info's; owned. NULL: none were found. */
	uint32_t *of;
	bool *shared;		/* [n_tensors]: has or is a copy; owned */
	XXH128_hash_t *hash;	/* [n_tensors]: of their bytes; owned */
	size_t n;
	uint64_t size;		/* bytes of all copies */
};

/*
 * Find them. src can seek and is at the first byte of tensor data, where it is
 * left again; where tensors do not follow each other, at [n_tensors] says
 * where in src they begin (else NULL). Only tensors that may have equals are read: first their first
 * bytes, then those that these are alike in. Equal is what has the same size,
 * dtype, XXH3-128 and bytes. A lossy tensor is no copy of one that has sensitivities
 * or a rule of its own. What plan says of copies' chunks is taken back.
 */
enum hvqz_ret copies_find(struct copies *c, struct source *src,
			  const uint64_t *at, const struct model *m,
			  struct plan *plan,
			  bool (*stopped)(void *ctx), void *stopped_ctx,
			  struct hvqz_err *err);
void copies_free(struct copies *c);

#endif
