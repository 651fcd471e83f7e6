/*
 * scale.h - positive numbers on a logarithmic grid of eight steps an octave.
 *
 * Code q stands for 2^(q/8 − 64), made by basic arithmetic from a table: the
 * same on every machine.
 */
#ifndef BASE_SCALE_H
#define BASE_SCALE_H

enum {
	SCALE_CODES = 1024,
	SCALE_UNIT = 512,	/* the code of 1 */
};

float scale_value(unsigned code);

/* The code whose value is nearest (in ratio) to v > 0, clamped. */
unsigned scale_code(float v);

#endif
