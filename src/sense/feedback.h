/*
 * feedback.h - what the errors of columns already quantized ask of the ones
 * still to come: successive interference cancellation (GPTQ, LDLQ; DESIGN §4).
 *
 * Columns go from the last to the first. The target of column j is
 * w_j + Σ_{k>j} m_kj·e_k, e_k = w_k − ŵ_k. In blocks of columns [a, b), taken
 * from the end: feedback_block() adds what comes from behind the block, for
 * all its columns in one product of matrices; then, for each j from b-1 down
 * to a, feedback_column() what comes from inside it.
 *
 * Everything is by column: e [n][rows], e + k·rows being the errors of channel
 * k; t the same for the targets. Where f->m is NULL both do nothing. The
 * results depend on rows, a and b, but not on the thread (blas_init()).
 */
#ifndef SENSE_FEEDBACK_H
#define SENSE_FEEDBACK_H

#include "kernels/kernels.h"
#include "sense/factor.h"

/* t [b-a][rows], of columns [a, b): t_j += Σ_{k≥b} m_kj·e_k. a < b ≤ n. */
void feedback_block(const struct factor *f, const float *e, size_t rows,
		    size_t a, size_t b, float *t);

/* t_j [rows], of column j: t_j += Σ_{j<k<b} m_kj·e_k. j < b ≤ n. */
void feedback_column(const struct factor *f, const struct kernels *kern,
		     const float *e, size_t rows, size_t j, size_t b,
		     float *t_j);

#endif
