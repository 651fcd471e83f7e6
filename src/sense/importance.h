/*
 * importance.h - which weights matter most (HAS-VQ, arXiv 2601.06959).
 */
#ifndef SENSE_IMPORTANCE_H
#define SENSE_IMPORTANCE_H

#include <stddef.h>

/*
 * I_ij = |x_ij|·√h_j over an [n_rows, n_cols] matrix x of row-normalised
 * weights (W_ij / s_i). col_h: h [n_cols], or NULL for all ones; row_h: the
 * same along the rows for weights stored as [in, out], or NULL. All finite,
 * h ≥ 0. out: [n_rows, n_cols].
 */
void importance(const float *x, size_t n_rows, size_t n_cols,
		const float *col_h, const float *row_h, float *out);

#endif
