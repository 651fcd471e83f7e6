/*
 * condition_factor.h - the Hessian in the conditioned coordinates.
 */
#ifndef SENSE_CONDITION_FACTOR_H
#define SENSE_CONDITION_FACTOR_H

#include "sense/condition.h"
#include "sense/factor.h"

/*
 * H' = Rᵀ·S⁻¹·H·S⁻¹·R of the damped H that f is the factor of; f->n channels,
 * as many as c's. Its diagonal to diag [n], its factor to *to, which the caller
 * frees after a success. Where f knows a diagonal only, so does *to, though H'
 * is no longer diagonal: what its other elements cost is zero on average.
 */
enum hvqz_ret condition_factor(const struct conditioner *c,
			       const struct factor *f, struct factor *to,
			       float *diag, struct hvqz_err *err);

/* The most bytes that needs, its result included. */
uint64_t condition_factor_memory(size_t n, bool full);

/*
 * tr(E H Eᵀ) weighed by rows, Σ_i g_i·e_i·H·e_iᵀ, of the damped H that f is the
 * factor of. e [n][w] by channels; g [w].
 */
enum hvqz_ret condition_cost(const struct factor *f, const float *e,
			     const float *g, size_t w, double *cost, struct hvqz_err *err);

/* The ends of a Hessian's spectrum, λ_max and λ_max / λ_min. */
struct spectrum {
	float most, ratio;
};

/*
 * Those of S⁻¹·H·S⁻¹, s_j in c, or of H where c is NULL (R changes nothing
 * here), for the damped H that f is the factor of; by power iteration, good to
 * a few per cent.
 */
enum hvqz_ret spectrum_measure(const struct factor *f,
			       const struct conditioner *c,
			       struct spectrum *s, struct hvqz_err *err);

#endif
