/*
 * trellis_encoder.h - the encoder's workbench, shared by its stages.
 */
#ifndef CODEC_TRELLIS_ENCODER_H
#define CODEC_TRELLIS_ENCODER_H

#include "codec/metric.h"
#include "codec/trellis.h"
#include "codec/trellis_search.h"

enum {
	/* Without feedback a search runs over this many numbers a lane. */
	TRELLIS_RUN = 1024,
	TRELLIS_BLOCK = 64,	/* channels per matrix product */
};

struct trellis_encoder {
	const struct codec_env *env;
	const struct slab *slab;
	const struct codec_settings *set;
	const uint8_t *raw;
	struct trellis q;	/* what will be stored */
	/* [channels][units]: W, then channel by channel the error W − Ŵ */
	float *w;		/* owned */
	int32_t *u;		/* [channels][units]: points; owned */
	struct metric metric;	/* owned */
	/* [units]: 1 / (step · 2^(class/4)), which makes all units alike; owned */
	float *level;
	uint32_t *covered;	/* [sparse.n]: channel-major, rising; owned */
	unsigned shape;		/* of the family (point_model.h), a guess */
	bool clipped;		/* a weight is beyond all points */
	double loss;		/* Σ g·(l·(t − ŵ))², outliers left out */
};

/* ---- trellis_steps.c ---- */

/* The step rule: base, the lists of steps. */
enum hvqz_ret trellis_choose_steps(struct trellis_encoder *e,
				   struct hvqz_err *err);

/* Is every weight's step a normal number? */
bool trellis_steps_sound(const struct trellis *q);

/* The units' classes and levels, from the weights. */
enum hvqz_ret trellis_unit_classes(struct trellis_encoder *e,
				   struct hvqz_err *err);

/* The shape, from the weights and the units' classes. */
void trellis_guess_shape(struct trellis_encoder *e);

/* ---- trellis_quantize.c ---- */

/* All channels, last to first: u, the channels' classes, w the error. */
enum hvqz_ret trellis_quantize(struct trellis_encoder *e,
			       struct hvqz_err *err);

#endif
