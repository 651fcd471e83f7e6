/*
 * condition_learn.h - choosing S and R.
 */
#ifndef SENSE_CONDITION_LEARN_H
#define SENSE_CONDITION_LEARN_H

#include "sense/condition.h"

#include <stdbool.h>

/*
 * The weights to condition and what they are worth: w [n][units] by channels,
 * h [n] ≥ 0, g [units] > 0.
 */
struct condition_task {
	size_t n, n_units;
	const float *w, *h, *g;
	/*
	 * The quantizer to prepare for. With bits: round to nearest, absmax
	 * scales of `group` channels (0: all of a row). Else one with a fixed
	 * number of levels that adapts to the distribution.
	 */
	unsigned bits;
	size_t group;
};

/*
 * The α, in hundredths, of 0, 0.1, … 1 with the least proxy tr(E H Eᵀ) at fixed
 * rate, to *alpha; with R as c has it so far. Rounding is tried on at most 256
 * rows; for the other quantizers it is Σ g·|V|²·tr(H') (variance times what the
 * noise costs). *proxy: the least, up to a factor.
 */
enum hvqz_ret condition_choose_alpha(const struct condition_task *task,
				     struct conditioner *c, double *proxy,
				     struct hvqz_err *err);

/*
 * The proxy of round to nearest with c as it is, on at most max_units rows:
 * Σ g_i·h_j·e_ij², per weight.
 */
enum hvqz_ret condition_proxy(const struct condition_task *task,
			      const struct conditioner *c, size_t max_units,
			      double *proxy, struct hvqz_err *err);

/*
 * Learn c's angles from all of the weights: sweeps through the block's log₂
 * distances, pair after pair, each to the angle that lowers Σ g_i·‖v_i‖₈² most,
 * ‖v_i‖₈ being the 8-norm of a row (or group) of V, a smooth stand-in for the
 * largest magnitude, which is what an absmax scale goes by. An angle is only
 * kept if it saves more than angles cost to store, on average; last levels in
 * which nothing turns are dropped. HVQZ_STOPPED when stopped (may be NULL) says
 * so.
 */
enum hvqz_ret condition_learn(const struct condition_task *task,
			      struct conditioner *c, unsigned sweeps,
			      bool (*stopped)(void *ctx), void *stopped_ctx,
			      struct hvqz_err *err);

#endif
