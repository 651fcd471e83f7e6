/*
 * remap.h - a writer in front of a writer: the same tensors in the same order
 * under other names, in other types, some of their rows in another order, some
 * left out.
 *
 * For converters between formats. One of them makes a remap in its plan(),
 * tells it what becomes of each tensor, and starts it; head, put, tail and free
 * are then remap's.
 */
#ifndef FORMATS_REMAP_H
#define FORMATS_REMAP_H

#include "formats/format.h"

#include "base/buf.h"

struct remap_tensor {
	bool keep;
	enum dtype dtype;	/* what it becomes: another floating-point one */
	bool exact;		/* and must lose nothing by it */
	/*
	 * Rows are regrouped within heads of so many (even): row j·half + i of
	 * a head becomes row 2i + j if to_pairs, else the other way round; 0:
	 * they stay.
	 */
	uint64_t head_rows;
	bool to_pairs;
};

struct remap {
	const struct model *from;
	struct remap_tensor *t;	/* [from->n_tensors]; owned */
	struct model to;	/* the new table, and head; owned */
	struct buf first;	/* data of tensors in front that are made */
	const struct writer_ops *writer;
	void *state;		/* the writer's */
	size_t tensor;		/* where put() is, */
	uint64_t done;		/* and how far into it */
	uint64_t *n_clamped;	/* the wish's */
	/* Bytes that are dealt with together, and as they go out. */
	struct buf unit, turned, out;
	float *wide;
	size_t wide_len;
};

/* No tensor is kept yet. NULL: out of memory. */
struct remap *remap_new(const struct model *from, struct hvqz_err *err);

/* Tensor i goes on, as `name` and how->dtype; in the order of i. */
enum hvqz_ret remap_keep(struct remap *r, size_t i, const char *name,
			 const struct remap_tensor *how, struct hvqz_err *err);

/* r->to is complete: what follows goes to that writer, or wish's (or NULL). */
enum hvqz_ret remap_start(struct remap *r, const struct writer_ops *writer,
			  const struct format_wish *wish,
			  struct hvqz_err *err);

/* For a struct writer_ops; state is the remap. */
enum hvqz_ret remap_head(void *state, struct sink *out, struct hvqz_err *err);
enum hvqz_ret remap_put(void *state, struct sink *out, const uint8_t *p,
			size_t len, struct hvqz_err *err);
enum hvqz_ret remap_tail(void *state, struct sink *out, struct hvqz_err *err);
void remap_free(void *state);

#endif
