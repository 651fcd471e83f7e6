/*
 * layer.h - one decoder layer over one slice, forward and backward.
 *
 *	a = norm(x)·w_attn        q, k, v = a·Wᵀ + bias, [normed], rotated
 *	mid = x + attention(q, k, v)·Woᵀ
 *	m = norm(mid)·w_mlp       act = silu(m·Wgᵀ)·(m·Wuᵀ)
 *	y = mid + act·Wdᵀ
 *
 * Backward gives no gradients of weights; it gives what a sidecar is made of,
 * the squared gradients of the outputs of each matrix, and passes dx on down.
 */
#ifndef LM_LAYER_H
#define LM_LAYER_H

#include "lm/model.h"
#include "lm/run.h"

/* A layer's weights in single precision; NULL for a part it has not. */
struct layer_weights {
	const float *part[LM_N_PARTS];
};

/* Floats that a layer's weights take. */
size_t layer_weights_len(const struct lm_layer *l);

/* Where each part goes in to [layer_weights_len]; nothing is widened yet. */
void layer_weights_place(const struct lm_layer *l, float *to,
			 struct layer_weights *w);

/*
 * What a slice of n tokens computes on its way through a layer. The first four
 * are the inputs of matrices: whoever accumulates Hessians points them at
 * memory of their own.
 */
struct layer_acts {
	float *a;		/* [n][d_model] inputs of q, k, v */
	float *o_in;		/* [n][n_heads·d_head] inputs of o */
	float *m;		/* [n][d_model] inputs of gate, up */
	float *act;		/* [n][d_ff] inputs of down */

	float *q, *k, *v;	/* rotated */
	float *q_raw, *k_raw;	/* before their norms; NULL without */
	float *q_r, *k_r;	/* [n][heads] 1/rms; NULL without */
	float *mid;		/* [n][d_model] */
	float *gate, *up;	/* [n][d_ff] */
	float *a_r, *m_r;	/* [n] 1/rms of x and mid */
};

/* Which of the two halves of struct layer_acts to allot. */
enum layer_acts_part {
	LAYER_INPUTS = 1,
	LAYER_REST = 2,
};

/* Floats for n tokens, and cutting up that many. */
size_t layer_acts_len(const struct lm_run *r, unsigned parts, size_t n);
void layer_acts_place(const struct lm_run *r, unsigned parts, size_t n,
		      float *mem, struct layer_acts *acts);

/*
 * x, y [n][d_model], n = n_seqs·context; y may be x. scratch:
 * attention_scratch(). y NULL: only what layer_back() needs, so no act.
 */
void layer_forward(const struct lm_run *r, const struct layer_weights *w,
		   size_t n_seqs, const float *x, struct layer_acts *acts,
		   float *y, float *scratch, double *flop);

/*
 * Squared gradients summed over tokens and draws, added to: one array for each
 * matrix, as long as it has rows. Only LM_Q … LM_O, LM_GATE … LM_DOWN are used.
 */
struct layer_squares {
	float *part[LM_N_PARTS];
};

/* Floats of scratch for layer_back(). */
size_t layer_back_scratch(const struct lm_run *r, unsigned n_draws, size_t n);

/*
 * acts as layer_forward() left them, x what it was given. dx [n_draws][n]
 * [d_model]: the gradient of y, replaced by that of x.
 */
void layer_back(const struct lm_run *r, const struct layer_weights *w,
		size_t n_seqs, const float *x, const struct layer_acts *acts,
		unsigned n_draws, float *dx, struct layer_squares *g,
		float *scratch, double *flop);

#endif
