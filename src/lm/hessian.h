/*
 * hessian.h - sums of products of a layer's inputs: H = Σ x xᵀ over tokens.
 *
 * Only the lower triangle is kept up, of the whole matrix or of square blocks
 * along its diagonal, or the diagonal alone. A sum is made of tiles that can
 * be worked on by different threads; each adds the slices in the order it is
 * given them, so that the result does not depend on who did what.
 */
#ifndef LM_HESSIAN_H
#define LM_HESSIAN_H

#include <stdbool.h>
#include <stddef.h>

struct row_kernels;

struct lm_hessian {
	size_t n;		/* input channels */
	size_t block;		/* width of the squares; n: all in one; 0: diagonal */
	float *sum;		/* [hessian_len()], blocks one behind the other */
};

/* Floats of the sum. */
size_t hessian_len(size_t n, size_t block);

/* Pieces of work in adding a slice. */
size_t hessian_tiles(const struct lm_hessian *h);

/* Add x [n_rows][h->n] to one tile. */
void hessian_add(const struct lm_hessian *h, const struct row_kernels *rows,
		 size_t tile, const float *x, size_t n_rows, double *flop);

#endif
