/*
 * exp2.h - powers of two that are the same on every machine.
 *
 * The frequency tables that both sides of a codec compute stand on these:
 * single precision, basic operations only, never contracted
 * (formats/hvqz.md, the family of distributions: T, H and E).
 */
#ifndef ENTROPY_EXP2_H
#define ENTROPY_EXP2_H

#include "base/half.h"

#include <stdint.h>

/* 2^(n/16); exact in the exponent, from a table in its sixteenths. */
static inline float exp2_sixteenths(int n)
{
	/* 2^(i/16), i = 0 … 15. */
	static const float sixteenth[16] = {
		0x1p+0f,	0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f,
		0x1.306fep+0f,	0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f,
		0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
		0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f,
	};

	return sixteenth[n & 15] *
	       f32_from_bits((uint32_t)((n >> 4) + 127) << 23);
}

/* 2^−y for y ≥ 0, error below 1e-5; 0 above 120. */
static inline float exp2_neg(float y)
{
	int i;
	float f;

	if (y > 120.0f)
		return 0;
	i = (int)y;
	f = (y - (float)i) * 0.69314718f;
	/* e^−f, f in [0, 0.69] */
	f = 1.0f - f * (1.0f - f * (0.5f - f * (1.0f / 6 - f * (1.0f / 24 -
		f * (1.0f / 120)))));
	return f * f32_from_bits((uint32_t)(127 - i) << 23);
}

#endif
