/* scale.c - the grid of scale.h. */
#include "base/scale.h"

#include "base/half.h"

/* 2^(i/8), and the bounds halfway (in ratio) to the next: 2^((2i+1)/16). */
static const float eighth[8] = {
	0x1p+0f,	0x1.172b84p+0f, 0x1.306fep+0f,	0x1.4bfdaep+0f,
	0x1.6a09e6p+0f, 0x1.8ace54p+0f, 0x1.ae89fap+0f, 0x1.d5818ep+0f,
};
static const float halfway[8] = {
	0x1.0b5586p+0f, 0x1.2387a6p+0f, 0x1.3dea64p+0f, 0x1.5ab07ep+0f,
	0x1.7a1148p+0f, 0x1.9c4918p+0f, 0x1.c199bep+0f, 0x1.ea4afap+0f,
};

float scale_value(unsigned code)
{
	return eighth[code & 7] *
	       f32_from_bits((uint32_t)((int)(code >> 3) - 64 + 127) << 23);
}

unsigned scale_code(float v)
{
	uint32_t u = f32_to_bits(v);
	float m = f32_from_bits((u & 0x7fffff) | 0x3f800000);
	int q = ((int)(u >> 23) - 127 + 64) * 8;

	for (int i = 0; i < 8 && m >= halfway[i]; i++)
		q++;
	if (q < 0)
		return 0;
	return q < SCALE_CODES ? (unsigned)q : SCALE_CODES - 1;
}
