/* trellis_case.h - codec 3 on its own: its settings. */
#ifndef TESTS_TRELLIS_CASE_H
#define TESTS_TRELLIS_CASE_H

#include "codec/trellis.h"
#include "tests/known_case.h"

static inline struct codec_settings trellis_settings(int effort, double step,
						     double rho)
{
	return (struct codec_settings){
		.codec = CODEC_TRELLIS,
		.effort = effort,
		.outliers = rho,
		.step = step,
		/* For g around 1 and h around 1. */
		.step_sens = step,
		.quality = NAN,
	};
}

#endif
