/*
 * sense_sums.h - what hvqz-sense adds up over the calibration text, and the
 * sidecar entries that come of it.
 *
 *	q, k, v; gate, up	share the Hessian of their common input
 *	head			inputs of the last projection; g = E[p(1 − p)]
 *	embedding (untied)	its row v is y for the tokens v: H is E[d dᵀ] of
 *				the gradients d at y, g_v the share of v
 */
#ifndef JOB_SENSE_SUMS_H
#define JOB_SENSE_SUMS_H

#include "formats/sidecar_write.h"
#include "job/sense.h"
#include "lm/engine.h"
#include "lm/hessian.h"

enum sense_input {
	SENSE_A,		/* of q, k, v */
	SENSE_O,
	SENSE_M,		/* of gate, up */
	SENSE_ACT,		/* of down */
	SENSE_N_INPUTS,
};

struct sense_sums {
	const struct lm_model *model;
	size_t n_layers;
	struct lm_hessian *in;	/* [n_layers][SENSE_N_INPUTS], owned */
	struct lm_hessian head, embed;	/* embed.sum NULL: tied, or no g */
	float *mem;		/* of all the Hessians; owned */
	bool has_g;
	size_t g_len;		/* rows of a layer's matrices together */
	double *g;		/* [n_layers][g_len], owned */
	double *g_head;		/* [n_vocab], owned */
	uint64_t *seen;		/* [n_vocab] tokens, owned */
	float *g_out;		/* of the entries; owned */
};

/* All zero. The caller frees *s, also after a failure. */
enum hvqz_ret sense_sums_init(struct sense_sums *s, const struct lm_model *m,
			      const struct sense_options *opt,
			      struct hvqz_err *err);
void sense_sums_free(struct sense_sums *s);
uint64_t sense_sums_memory(const struct lm_model *m,
			   const struct sense_options *opt);

/* Floats of a layer's squares, and where each matrix's are in p. */
size_t sense_squares_len(const struct lm_config *c);
void sense_squares_place(const struct lm_config *c, float *p,
			 struct layer_squares *q);

/* Add x [n slices, one behind the other] to k sums at once, on e's team. */
struct sense_add {
	const struct lm_hessian *h;
	const float *x;
	size_t row_factor;	/* rows of x for each token; 1, or draws */
};
void sense_add(struct lm_engine *e, const struct sense_add *what, size_t k,
	       size_t n_seqs);

/*
 * Turn sums over n_tokens tokens into means, and list the entries: *v [*n] is
 * the caller's to free, after a failure too; it points into s. HVQZ_DAMAGED
 * names the first whose means are not finite.
 */
enum hvqz_ret sense_sums_entries(struct sense_sums *s, uint64_t n_tokens,
				 unsigned n_draws, struct sidecar_entry **v,
				 size_t *n, struct hvqz_err *err);

/* How many entries there will be. */
size_t sense_n_entries(const struct lm_model *m,
		       const struct sense_options *opt);

#endif
