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

enum {
	/* Centroid arrays are padded to this many; see nearest. */
	KERNEL_PAD = 16,
};

/* What fills a codebook's padding: so far away that it is never nearest. */
#define KERNEL_FAR 1e18f

struct decode_kernels;
<<<<<<< HEAD
struct trellis_kernels;
=======
struct encode_kernels;
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)

struct kernels {
	const char *name;

	/*
	 * The nearest centroid of each of n points of b coordinates:
	 *
	 *	idx[p] = argmin_k lam[p]·bits[k] + Σ_d w[p,d]·(x[p,d] − c[d,k])²
	 *
	 * the lowest k of equal minima. x, w: [n][b]. cent: [b][k_pad], k_pad
	 * a multiple of KERNEL_PAD, padding KERNEL_FAR. bits: [k_pad] ≥ 0, lam:
	 * [n] ≥ 0. b is 1, 2, 4 or 8. idx: [n].
	 */
	void (*nearest)(const float *x, const float *w, const float *lam,
			size_t n, unsigned b, const float *cent,
			const float *bits, size_t k_pad, uint32_t *idx);

	/*
	 * The same where every centroid also stands for its negative. The
	 * lowest k that minimises
	 *
	 *	lam[p]·bits[k] + Σ_d w·c² − 2·|Σ_d w·x·c|
	 *
	 * plus k_pad when Σ_d w·x·c < 0, that is when −c is the nearer one.
	 */
	void (*nearest_mirrored)(const float *x, const float *w,
				 const float *lam, size_t n, unsigned b,
				 const float *cent, const float *bits,
				 size_t k_pad, uint32_t *idx);

	const struct decode_kernels *decode;
<<<<<<< HEAD
	const struct trellis_kernels *trellis;
=======
	const struct encode_kernels *encode;
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)
};

extern const struct kernels kernels_generic;

/* The fastest table this processor runs. */
const struct kernels *kernels_select(void);

/* By name ("generic", "avx2", "avx512"); NULL when not runnable here. */
const struct kernels *kernels_named(const char *name);

#endif
