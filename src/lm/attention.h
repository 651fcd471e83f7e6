/*
 * attention.h - causal attention with grouped key/value heads, forward and
 * backward, over the whole sequences of a slice.
 *
 * Per head: O = P·V, P = softmax(Q·Kᵀ/√d_head) over the keys up to the query's
 * own position; head h shares the keys and values h / (n_heads/n_kv_heads).
 * Queries are taken in blocks, so that P is never larger than a block of rows,
 * and going backward it is computed again instead of kept.
 */
#ifndef LM_ATTENTION_H
#define LM_ATTENTION_H

#include "lm/run.h"

/* Floats of scratch for either direction. */
size_t attention_scratch(const struct lm_run *r);

/*
 * q, o [n][n_heads·d_head], k, v [n][n_kv_heads·d_head], n = n_seqs·context,
 * q and k already rotated.
 */
void attention(const struct lm_run *r, size_t n_seqs, const float *q,
	       const float *k, const float *v, float *o, float *scratch,
	       double *flop);

/*
 * Of n_draws gradients at once, each laid out as its matrix: from dO to dQ, dK,
 * dV (written), one draw behind the other.
 */
void attention_back(const struct lm_run *r, size_t n_seqs, const float *q,
		    const float *k, const float *v, unsigned n_draws,
		    const float *d_o, float *dq, float *dk, float *dv,
		    float *scratch, double *flop);

#endif
