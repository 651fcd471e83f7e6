/*
 * run.h - what is the same for a whole run of a model: its sizes, its rotary
 * angles, the kernels.
 *
 * A run works on slices: a few whole sequences, n tokens together, that one
 * thread takes through a layer. How a text is cut into slices depends on the
 * context length alone, so results do not depend on the number of threads.
 */
#ifndef LM_RUN_H
#define LM_RUN_H

#include "kernels/rows.h"
#include "lm/config.h"

struct lm_run {
	const struct lm_config *conf;
	const struct row_kernels *rows;
	size_t context;		/* tokens of a sequence */
	size_t slice_seqs;	/* sequences of a full slice */
	float *cos, *sin;	/* [context][d_head/2], owned */
};

/* All of *r but the angles: enough to plan with. */
void lm_run_size(struct lm_run *r, const struct lm_config *conf,
		 size_t context);

/* The caller frees *r, also after a failure; conf must outlive it. */
enum hvqz_ret lm_run_init(struct lm_run *r, const struct lm_config *conf,
			  size_t context, struct hvqz_err *err);
void lm_run_free(struct lm_run *r);

/* Tokens of a full slice, and slices of so many sequences. */
size_t lm_slice_tokens(const struct lm_run *r);
size_t lm_n_slices(const struct lm_run *r, size_t n_seqs);

/* Widths of the rows of q and of k or v: heads × d_head. */
static inline size_t lm_q_width(const struct lm_config *c)
{
	return c->n_heads * c->d_head;
}

static inline size_t lm_kv_width(const struct lm_config *c)
{
	return c->n_kv_heads * c->d_head;
}

#endif
