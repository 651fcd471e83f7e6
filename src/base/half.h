/*
 * half.h - F16 (IEEE 754 binary16) and BF16 to single precision and back.
 *
 * Integer arithmetic only, round to nearest even, exact on every machine.
 * NaNs stay NaNs (payload is not kept: lossy codecs never see them).
 */
#ifndef BASE_HALF_H
#define BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float f32_from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline uint32_t f32_to_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float f32_from_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t mag = (uint32_t)(h & 0x7fff) << 13;

	if (mag >= 0x0f800000u)		/* infinity or NaN */
		return f32_from_bits(sign | 0x70000000u | mag);
	/* Re-bias by 2^112; exact, and subnormals come out normalised. */
	return f32_from_bits(sign | f32_to_bits(f32_from_bits(mag) *
						f32_from_bits(0x77800000u)));
}

static inline uint16_t f16_from_f32(float f)
{
	uint32_t u = f32_to_bits(f);
	uint32_t sign = u >> 16 & 0x8000;
	uint32_t mag = u & 0x7fffffffu;

	if (mag > 0x7f800000u)
		return (uint16_t)(sign | 0x7e00);
	if (mag >= 0x477ff000u)		/* 65520 and more round to infinity */
		return (uint16_t)(sign | 0x7c00);
	if (mag < 0x38800000u) {	/* subnormal: let the FPU round at 2^-24 */
		float r = f32_from_bits(mag) + 0.5f;

		return (uint16_t)(sign | (f32_to_bits(r) - 0x3f000000u));
	}
	mag += 0xfff + (mag >> 13 & 1);
	return (uint16_t)(sign | (mag - 0x38000000u) >> 13);
}

static inline float f32_from_bf16(uint16_t h)
{
	return f32_from_bits((uint32_t)h << 16);
}

static inline uint16_t bf16_from_f32(float f)
{
	uint32_t u = f32_to_bits(f);

	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

#endif
