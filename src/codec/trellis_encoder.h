/*
 * trellis_encoder.h - the encoder's workbench, shared by its stages.
 *
 * All units of a channel are kept by place, as kernels/trellis.h wants them:
 * row after row of a unit of every lane. Nothing minds the order of units but
 * what is read and what is written: trellis_place.c.
 */
#ifndef CODEC_TRELLIS_ENCODER_H
#define CODEC_TRELLIS_ENCODER_H

#include "codec/metric.h"
#include "codec/trellis.h"
#include "codec/trellis_points.h"

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
	const struct trellis_kernels *kern;
	struct trellis q;	/* what will be stored */
	struct trellis_places at;
	/* [channels][stride]: W, and with feedback channel by channel the error
	 * W − Ŵ; owned */
	float *w;
	int32_t *u;		/* [channels][stride]: points; owned */
	struct metric metric;	/* by channel and unit; owned */
	/* [channels]: powers of two; a channel's largest |w·norm| is near 1;
	   owned */
	float *norm;
	/* By place, [stride] each, in one piece; owned */
	float *places;
	float *g;		/* over g_unit */
	float *step, *inverse;	/* the unit's step, and 1 / step */
	/* 1 / (step · 2^(class/4)), which makes all units alike; its square */
	float *level, *level2;
	int8_t *class;		/* of the unit, or TRELLIS_NO_UNIT; owned */
	double g_unit;
	uint32_t *covered;	/* [sparse.n]: channel · stride + place, rising;
				   owned */
	unsigned shape;		/* of the family (point_model.h), a guess */
	bool clipped;		/* a weight is beyond all points */
	double loss;		/* Σ g·(l·(t − ŵ))², outliers left out */
	struct trellis_symbols symbols;
};

/* ---- trellis_place.c ---- */

/*
 * Make e->at for the encoder's lanes, allocate all that is by place, and read
 * W and norm. False in *finite when there is a NaN or an infinity.
 */
enum hvqz_ret trellis_place_weights(struct trellis_encoder *e, bool *finite,
				    struct hvqz_err *err);

/* The norm of a channel of such places, as e->norm has them. */
float trellis_norm(const struct trellis_encoder *e, const float *v);

/* v [units] to its places; 0 elsewhere. */
void trellis_place(const struct trellis_places *at, const float *v,
		   float *placed);

/* ---- trellis_steps.c ---- */

/* The step rule: base, the lists of steps. */
void trellis_choose_steps(struct trellis_encoder *e);

/* Is every weight's step a normal number? */
bool trellis_steps_sound(const struct trellis *q);

/* The units' classes and levels, from the weights. */
enum hvqz_ret trellis_unit_classes(struct trellis_encoder *e,
				   struct hvqz_err *err);

/* The shape, from the weights and the units' classes. */
void trellis_guess_shape(struct trellis_encoder *e);

/* ---- trellis_outliers.c ---- */

/* Ω: the sparse residual and what it covers; there W becomes 0. */
enum hvqz_ret trellis_choose_outliers(struct trellis_encoder *e,
				      struct hvqz_err *err);

/* Bytes for the outliers of n weights, at the most. */
uint64_t trellis_outliers_memory(uint64_t n, double outliers);

/* ---- trellis_quantize.c ---- */

/* All channels, last to first: u, the channels' classes, the symbols. */
enum hvqz_ret trellis_quantize(struct trellis_encoder *e,
			       struct hvqz_err *err);
/* Bytes it needs, at the most, for channels of that stride. */
uint64_t trellis_quantize_memory(unsigned log_states, unsigned lanes,
				 uint64_t n_channels, uint64_t stride,
				 bool feedback);

#endif
