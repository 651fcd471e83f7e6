/*
 * twins.h - tensors that come out under several names: those of a PyTorch file
 * that share their memory, on the way to a format where each has bytes of its
 * own.
 *
 * The table has such a tensor once. Its bytes are kept in the caller's scratch
 * file, or in memory if there is none, as they pass by, and follow again for
 * every other name.
 */
#ifndef JOB_TWINS_H
#define JOB_TWINS_H

#include "job/job.h"

struct twins {
	const struct model *from;	/* whose bytes come */
	struct model made;		/* with all names; owned */
	uint32_t *n_more;		/* [from's tensors]; owned; NULL: none */
	size_t tensor;			/* where put() is, */
	uint64_t done;			/* and how far into it */
	uint64_t at, in_file;		/* where in the file it begins, ends */
	struct buf kept;		/* without a file: all of it */
	struct buf piece;
};

/*
 * source is the model as it was read, with its head; from, which must outlive
 * *t, has the same tensors, perhaps of other types. Nothing is done, and
 * t->n_more is NULL, if there are no twins or if the format `to` has no need of
 * them. twins_free() in any case.
 */
enum hvqz_ret twins_plan(struct twins *t, const struct model *source,
			 const struct model *from, const char *to,
			 struct hvqz_err *err);
void twins_free(struct twins *t);

/* What is to be written of m: it, or all names. */
static inline const struct model *twins_model(const struct twins *t,
					      const struct model *m)
{
	return t->n_more ? &t->made : m;
}

/*
 * The next len bytes of `from`, to a writer that was planned for t->made. The
 * file, or NULL, is nobody else's.
 */
enum hvqz_ret twins_put(struct twins *t, const struct job_scratch *file,
			const struct writer_ops *writer, void *state,
			struct sink *out, const uint8_t *p, size_t len,
			struct hvqz_err *err);

#endif
