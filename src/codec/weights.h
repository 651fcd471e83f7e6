/*
 * weights.h - a slab's bytes as single-precision numbers, and back.
 *
 * For F16, BF16 and F32 slabs. Widening is exact; narrowing rounds to nearest
 * even and clamps to the largest finite number, so a decoder never makes an
 * infinity. Both use integer and basic arithmetic only: the same bits
 * everywhere.
 */
#ifndef CODEC_WEIGHTS_H
#define CODEC_WEIGHTS_H

#include "base/dtype.h"

#include "kernels/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n elements of raw to w; false when one of them is a NaN or an infinity. */
bool weights_widen(enum dtype dtype, const uint8_t *raw, size_t n, float *w);

/* The same for rows × cols elements, to columns: w [cols][rows]. */
bool weights_widen_turned(enum dtype dtype, const uint8_t *raw, size_t rows,
			  size_t cols, float *w);

/* n elements of w to raw, clamped. */
void weights_narrow(enum dtype dtype, const float *w, size_t n, uint8_t *raw);

/*
 * The same, but infinities and NaNs stay what they are. Returns how many
 * weights were too large and were clamped.
 */
size_t weights_narrow_any(enum dtype dtype, const float *w, size_t n,
			  uint8_t *raw);

/*
 * noise = Σ (a − b)², signal = Σ a² over n elements of two raw slabs, in single
 * precision a few thousand at a time. The same for all kernels.
 */
void weights_error(const struct kernels *kern, enum dtype dtype,
		   const uint8_t *a, const uint8_t *b, size_t n, double *noise,
		   double *signal);

#endif
