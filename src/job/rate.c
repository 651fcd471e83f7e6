/* rate.c - the step constants of rate.h. */
#include "job/rate.h"

#include "codec/codec.h"

#include <math.h>

/* KL divergence in nats per token at the default quality. */
#define DEFAULT_KL 0.0005

/* The step at the default quality where no sensitivities are known: in the
 * weights' own unit. Calibrated so that the loss is then below the same. */
#define DEFAULT_STEP 0.0013

void rate_from_kl(double kl, uint64_t n_lossy, struct codec_settings *set)
{
	double n = n_lossy ? (double)n_lossy : 1;

	set->step_sens = sqrt(kl / (TRELLIS_LOSS * TRELLIS_NOISE * n));
	set->step = DEFAULT_STEP * sqrt(kl / DEFAULT_KL);
}

void rate_from_quality(double quality, uint64_t n_lossy,
		       struct codec_settings *set)
{
	rate_from_kl(DEFAULT_KL * exp2(QUALITY_DEFAULT - quality), n_lossy,
		     set);
}
