/* weights.c - the conversions of weights.h. */
#include "codec/weights.h"

#include "base/bytes.h"
#include "base/half.h"
#include "kernels/trellis.h"

#include <float.h>
#include <math.h>

/* Every operation rounds to single precision, or decoders would differ. */
_Static_assert(FLT_EVAL_METHOD == 0, "float arithmetic is not float");

static float widen(enum dtype dtype, const uint8_t *raw, size_t i)
{
	switch (dtype) {
	case DTYPE_F16:
		return f32_from_f16(get_le16(raw + 2 * i));
	case DTYPE_BF16:
		return f32_from_bf16(get_le16(raw + 2 * i));
	default:
		return get_lef32(raw + 4 * i);
	}
}

bool weights_widen(enum dtype dtype, const uint8_t *raw, size_t n, float *w)
{
	uint32_t worst = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t mag;

		w[i] = widen(dtype, raw, i);
		mag = f32_to_bits(w[i]) & 0x7fffffff;
		worst = mag > worst ? mag : worst;
	}
	return worst < 0x7f800000;
}

bool weights_widen_turned(enum dtype dtype, const uint8_t *raw, size_t rows,
			  size_t cols, float *w)
{
	size_t elem = dtype_bits(dtype) / 8;
	bool finite = true;
	float part[64];

	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0, n; j < cols; j += n) {
			n = cols - j < 64 ? cols - j : 64;
			finite &= weights_widen(
				dtype, raw + (i * cols + j) * elem, n, part);
			for (size_t k = 0; k < n; k++)
				w[(j + k) * rows + i] = part[k];
		}
	return finite;
}

/* v within ±max; NaN (only from damage) becomes max. */
static float clamp(float v, float max)
{
	if (v < -max)
		return -max;
	return v <= max ? v : max;
}

static void narrow(enum dtype dtype, float v, uint8_t *raw, size_t i)
{
	switch (dtype) {
	case DTYPE_F16:
		put_le16(raw + 2 * i, f16_from_f32(v));
		break;
	case DTYPE_BF16:
		put_le16(raw + 2 * i, bf16_from_f32(v));
		break;
	default:
		put_lef32(raw + 4 * i, v);
		break;
	}
}

static float largest(enum dtype dtype)
{
	return dtype == DTYPE_F16    ? 65504.0f
	       : dtype == DTYPE_BF16 ? 0x1.fep127f
				     : FLT_MAX;
}

void weights_narrow(enum dtype dtype, const float *w, size_t n, uint8_t *raw)
{
	float max = largest(dtype);

	for (size_t i = 0; i < n; i++)
		narrow(dtype, clamp(w[i], max), raw, i);
}

size_t weights_narrow_any(enum dtype dtype, const float *w, size_t n,
			  uint8_t *raw)
{
	float max = largest(dtype);
	size_t clamped = 0;

	for (size_t i = 0; i < n; i++) {
		float v = isfinite(w[i]) ? clamp(w[i], max) : w[i];

		clamped += fabsf(w[i]) > max && isfinite(w[i]);
		narrow(dtype, v, raw, i);
	}
	return clamped;
}

enum { ERROR_STEP = 4096 };	/* elements summed in single precision */

/* Squares beyond these might overflow, or vanish. */
#define MOST_SQUARES 1e36f
#define LEAST_SQUARES 1e-20f

static void error_slowly(enum dtype dtype, const uint8_t *a, const uint8_t *b,
			 size_t n, double *noise, double *signal)
{
	for (size_t i = 0; i < n; i++) {
		double x = widen(dtype, a, i), y = widen(dtype, b, i);

		*noise += (x - y) * (x - y);
		*signal += x * x;
	}
}

void weights_error(const struct kernels *kern, enum dtype dtype,
		   const uint8_t *a, const uint8_t *b, size_t n, double *noise,
		   double *signal)
{
	size_t elem = dtype_bits(dtype) / 8;

	*noise = *signal = 0;
	for (size_t step; n; n -= step, a += step * elem, b += step * elem) {
		float sum[2];

		step = n < ERROR_STEP ? n : ERROR_STEP;
		kern->trellis->error(dtype, a, b, step, sum);
		if (sum[1] > LEAST_SQUARES && sum[1] < MOST_SQUARES &&
		    sum[0] < MOST_SQUARES) {
			*noise += (double)sum[0];
			*signal += (double)sum[1];
		} else {
			error_slowly(dtype, a, b, step, noise, signal);
		}
	}
}
