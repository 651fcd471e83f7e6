/*
 * log2.h - a base-2 logarithm that is the same on every machine.
 *
 * The encoder prices symbols with it. libm's logf may differ in the last bit
 * from one C library to the next, and with it our output; this one is basic
 * arithmetic in a fixed order. Exact at powers of two, error below 2e-4.
 */
#ifndef BASE_LOG2_H
#define BASE_LOG2_H

#include "base/half.h"

/* log2(v) for a normal v > 0. */
static inline float log2_approx(float v)
{
	uint32_t u = f32_to_bits(v);
	float e = (float)((int32_t)(u >> 23) - 127);
	float m = f32_from_bits((u & 0x7fffff) | 0x3f800000);
	/*
	 * log2(m) = (2 / ln 2)·atanh(t), t = (m − 1)/(m + 1) in [0, 1/3]; four
	 * terms of the series.
	 */
	float t = (m - 1.0f) / (m + 1.0f), t2 = t * t;
	float p = t2 * (1.0f / 7.0f) + 0.2f;

	p = p * t2 + 1.0f / 3.0f;
	p = p * t2 + 1.0f;
	return e + 2.8853900817779268f * t * p;
}

#endif
