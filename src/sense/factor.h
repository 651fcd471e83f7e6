/*
 * factor.h - the Cholesky factor of a Hessian: what one column's error costs
 * once the columns behind it have been allowed for.
 *
 * With H = L Lᵀ, L lower triangular, the cost of an error E is
 *
 *	tr(E H Eᵀ) = Σ_j L_jj² |e_j + Σ_{k>j} m_kj·e_k|²,  m_kj = L_kj / L_jj,
 *
 * so columns are quantized from the last to the first, each allowing for the
 * errors made behind it (feedback.h), and column j's step goes by 1/L_jj
 * (DESIGN §4; GPTQ, arXiv 2210.17323; LDLQ, arXiv 2307.13304).
 */
#ifndef SENSE_FACTOR_H
#define SENSE_FACTOR_H

#include "sense/sens.h"

struct factor {
	size_t n;	/* input channels */
	float *l;	/* L_jj [n] of the damped Hessian, finite, > 0; owned */
	/*
	 * m [n][n]: m[k·n + j] = L_kj / L_jj for k > j, finite, 0 elsewhere.
	 * NULL when only a diagonal is known. Owned.
	 */
	float *m;
	size_t mapped;	/* bytes of m that are mapped; 0: m is malloc()'s */
	float damping;	/* δ that was needed; 0 when m is NULL */
	/*
	 * The part of the damped cost that is the Hessian's own, for errors as
	 * quantizing makes them: 0 < real ≤ 1; 1 when m is NULL.
	 */
	float real;
	bool fell_back;	/* there was an H, but no δ made it positive */
};

/*
 * From the full H where it can be read, damped to H + δ·diag(H): δ = 0.1 +
 * 0.5·n/N for n channels in a block and N tokens, or as many times twice that
 * as it takes; else, and where δ = 1 does not help (fell_back), from the
 * diagonal: l_j = √h_j. A channel that was never active,
 * H_jj = 0, gets the geometric mean of the others' diagonal (1 if there are
 * none) and no correlations. Errors: sens_load_full()'s, HVQZ_NOMEM. The
 * caller frees *f after a success. blas_init() comes first. The result does not
 * depend on the thread.
 */
enum hvqz_ret factor_make(const struct sens *s, struct factor *f,
			  struct hvqz_err *err);
/* From the diagonal alone, whatever else is known. HVQZ_NOMEM. */
enum hvqz_ret factor_diagonal(const struct sens *s, struct factor *f,
			      struct hvqz_err *err);
void factor_free(struct factor *f);

/*
 * f->m holds a symmetric H [n][n], damped already, and f->l room for n: both
 * become its factor. False: it has none, and f->m is spoilt.
 */
bool factor_of(struct factor *f);

/*
 * The most bytes factor_make() needs, its result included; BLAS keeps a few
 * MiB more for each thread that calls it. full: as sens_can_load().
 */
uint64_t factor_memory(size_t n, bool full);

#endif
