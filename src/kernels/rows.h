/*
 * rows.h - the inner loops of running a language model that are not matrix
 * products: norms, activations, softmax, on rows of single precision.
 *
 * One table per instruction set, as in kernels.h; but these work in as many
 * lanes as a register has, so sums along a row differ in their last bits from
 * table to table. Nothing that is decoded depends on them: what they feed goes
 * through BLAS, which differs from machine to machine as well.
 *
 * exp() is our own: 2^k · p(r) with r in ±ln2/2 and a polynomial of degree 6
 * (its relative error is below 3e-7), 0 below −87.
 *
 * Rows need no alignment and may have any length ≥ 1. Arrays that are written
 * must not overlap the others, unless said.
 */
#ifndef KERNELS_ROWS_H
#define KERNELS_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct row_kernels {
	const char *name;

	/* y = x·r·w with r = 1/√(mean x² + eps), which is returned. */
	float (*norm)(float *y, const float *x, const float *w, size_t n,
		      float eps);
	/*
	 * Its gradient, added to dx: with u = dy·w,
	 * dx += r·(u − x·r²·mean(u·x)).
	 */
	void (*norm_back)(float *dx, const float *dy, const float *x,
			  const float *w, size_t n, float r);

	/* a = gate·σ(gate)·up */
	void (*swiglu)(float *a, const float *gate, const float *up, size_t n);
	/* The gradients of gate and up from da, that of a; dgate may be da. */
	void (*swiglu_back)(float *dgate, float *dup, const float *da,
			    const float *gate, const float *up, size_t n);

	/* In place: p = exp(scale·(s − max s)) / sum. */
	void (*softmax)(float *s, size_t n, float scale);
	/* In place of dp, the gradient of s: scale·p·(dp − Σ p·dp). */
	void (*softmax_back)(float *dp, const float *p, size_t n, float scale);

	/*
	 * Rotate the pairs (x_j, x_{j+half}) by the angles whose cosines and
	 * sines are c, s [half]; dir is 1, or −1 to rotate back.
	 */
	void (*rotate)(float *x, const float *c, const float *s, size_t half,
		       float dir);

	/* y += x */
	void (*add)(float *y, const float *x, size_t n);
	/* acc += x² */
	void (*add_squares)(float *acc, const float *x, size_t n);

	float (*max)(const float *x, size_t n);
	/* Σ exp(x − m) */
	double (*sum_exp)(const float *x, size_t n, float m);
	/* Σ exp(x − m)·(x − y); *sum is Σ exp(x − m) */
	double (*sum_exp_diff)(const float *x, const float *y, size_t n,
			       float m, double *sum);
	/* In place: p = exp(x − lse); acc += p·(1 − p). Returns Σ p. */
	double (*fisher)(float *x, float *acc, size_t n, float lse);

	/* y = n little-endian halves: exact, the bits of base/half.h. */
	void (*widen_f16)(float *y, const uint8_t *le, size_t n);
	void (*widen_bf16)(float *y, const uint8_t *le, size_t n);
};

/* The fastest table this processor runs. */
const struct row_kernels *rows_select(void);

/* By name ("generic", "avx2"); NULL when not runnable here. */
const struct row_kernels *rows_named(const char *name);

#endif
