/*
 * engine.h - a model, a team of threads, and a group of sequences that they
 * take through it layer by layer.
 *
 * A layer is widened to single precision once for the whole group; then each
 * thread takes slices of the group through it. So memory is one layer in single
 * precision, the group's hidden states, and a slice's activations a thread.
 */
#ifndef LM_ENGINE_H
#define LM_ENGINE_H

#include "lm/head.h"
#include "lm/layer.h"
#include "lm/model.h"
#include "lm/run.h"
#include "lm/team.h"

struct lm_engine {
	const struct lm_model *model;
	struct lm_run run;
	struct lm_head head;
	struct team *team;
	unsigned n_draws;	/* gradients at a time; 0: no way back */
	size_t group_seqs;	/* sequences of a full group */
	float *wide;		/* a layer's weights; owned */
	struct layer_weights w;	/* into wide */
	struct lm_desk {	/* one for each thread */
		float *mem;	/* owned */
		double flop;
	} *desks;
	size_t desk_len;	/* floats */
};

/*
 * How n_seqs sequences are shared out: never more threads than slices, and a
 * group no larger than what there is.
 */
struct engine_share {
	unsigned n_threads;
	size_t group_seqs;	/* sequences of a full group */
};
struct engine_share engine_share(const struct lm_run *r, unsigned n_threads,
				 size_t n_seqs);

/* n_draws: the most that engine_back() will get. The caller frees *e always. */
enum hvqz_ret engine_init(struct lm_engine *e, const struct lm_model *m,
			  size_t context, const struct engine_share *share,
			  unsigned n_draws, struct hvqz_err *err);
void engine_free(struct lm_engine *e);

/* Bytes it will hold, the model not counted. */
uint64_t engine_memory(const struct lm_model *m, size_t context,
		       const struct engine_share *share, unsigned n_draws);

/* Multiplications and additions in matrix products so far. */
double engine_flop(const struct lm_engine *e);

/* x [n][d_model] = the rows of the embedding. */
void engine_embed(struct lm_engine *e, const uint32_t *tokens, size_t n,
		  float *x);

/* Widen a layer for what follows. */
void engine_take_layer(struct lm_engine *e, size_t layer);

/*
 * The layer taken, over n_seqs sequences: x to y [n][d_model], which may be x.
 * inputs: where the inputs of its matrices are to be left, for all n tokens (a
 * layer_acts of LAYER_INPUTS); NULL when nobody wants them.
 */
void engine_forward(struct lm_engine *e, size_t n_seqs, const float *x,
		    float *y, const struct layer_acts *inputs);

/*
 * The layer taken, backward, from x computing it again. dx: slice by slice, each
 * [n_draws][slice tokens][d_model]. squares [n_slices]: one for each slice.
 */
void engine_back(struct lm_engine *e, size_t n_seqs, const float *x, float *dx,
		 struct layer_squares *squares);

/* Run fn for each slice of n_seqs sequences. */
struct engine_slice {
	size_t number;
	size_t first, n;	/* tokens within the group */
	size_t n_seqs;
	unsigned thread;
	float *scratch;		/* the thread's, e->desk_len floats */
	double *flop;
};

void engine_slices(struct lm_engine *e, size_t n_seqs,
		   void (*fn)(void *ctx, const struct engine_slice *s),
		   void *ctx);

#endif
