/*
 * kernels.h - the inner loops that dominate the run time, one table per
 * instruction set.
 *
 * The generic table is portable C and normative: every other table gives the
 * same bits. That holds because each lane does the same IEEE single-precision
 * operations in the same order (no contraction, no reassociation), and ties
 * are broken by a rule that does not know the number of lanes.
 *
 * Chosen once, passed down as a const pointer; there is no global state.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct decode_kernels;
struct trellis_kernels;
struct encode_kernels;
struct nearest_tree;

struct kernels {
	const char *name;

	/*
	 * The number of the nearest entry of each of n points:
	 *
	 *	argmin  lam[p]·bits + Σ_d w[p][d]·(x[p][d] − c[d])²
	 *
	 * the lowest number of equal minima. x, w ≥ 0: [n][b]; lam ≥ 0: [n].
	 * idx: [n], in: a number of the tree to begin with, the nearer the
	 * faster, or NEAREST_ANY; out: the numbers found.
	 */
	void (*search)(const struct nearest_tree *t, const float *x,
		       const float *w, const float *lam, size_t n,
		       uint32_t *idx);

	const struct decode_kernels *decode;
	const struct trellis_kernels *trellis;
	const struct encode_kernels *encode;
};

extern const struct kernels kernels_generic;

/* The fastest table this processor runs. */
const struct kernels *kernels_select(void);

/*
 * The fastest table that this processor runs without the instruction sets in
 * off: their names ("avx2", "avx512"), commas between them, "" for none. What
 * is built on one goes with it. NULL for an unknown name, which *bad then
 * points to: it ends at the next comma or the end of off.
 */
const struct kernels *kernels_without(const char *off, const char **bad);

/* By name ("generic", "avx2", "avx512"); NULL when not runnable here. */
const struct kernels *kernels_named(const char *name);

#endif
