/*
 * decouple.h - choosing the outliers Ω: the share ρ of a slab with the highest
 * importance, which the body codec leaves out and the sparse residual keeps.
 */
#ifndef SENSE_DECOUPLE_H
#define SENSE_DECOUPLE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* How many outliers a share rho of n weights is: rounded to nearest. */
size_t decouple_count(size_t n, double rho);

/*
 * The positions of the n_out highest scores [n], in increasing order, to pos
 * [n_out]. Of equal scores the lower positions win. Scores are finite, ≥ 0;
 * n below 2^32.
 */
enum hvqz_ret decouple(const float *score, size_t n, size_t n_out,
		       uint32_t *pos, struct hvqz_err *err);

#endif
