/*
 * rate.h - from what the user wants to the step constants of the trellis.
 */
#ifndef JOB_RATE_H
#define JOB_RATE_H

#include "job/job.h"

/*
 * The step constants for a quality, for a model of n_params lossy parameters.
 * With row sensitivities every weight adds ½·g·l²·e² to the KL divergence, e²
 * being 0.27 steps squared whatever its tensor: so the constant follows from
 * the number of weights.
 */
void rate_from_quality(double quality, uint64_t n_lossy,
		       struct codec_settings *set);

/* The same for a wanted KL divergence, nats per token. */
void rate_from_kl(double kl, uint64_t n_lossy, struct codec_settings *set);

#endif
