/*
 * trellis.h - the payload of codec 3, shared by its encoder and its decoder.
 *
 * An entropy-coded trellis quantizer (T. R. Fischer and M. Wang, "Entropy-
 * constrained trellis-coded quantization", IEEE Trans. Inf. Theory 38, 1992).
 * Its words:
 *
 *	channel	an input of the layer; quantized one after another, the last
 *		first. A column of the slab, or a row when `across`
 *	unit	an output of the layer: what runs along a channel
 *	lane	a run of units that has its own trellis state and coder state
 *
 * The weight of channel j and unit i is restored as
 *
 *	(u + ½) · (base · channel_step[j] · unit_step[i])
 *
 * with u its lattice point (trellis_code.h). Its class, which picks the
 * frequency table (entropy/point_model.h), is channel_class[j] +
 * unit_class[i]. Below TRELLIS_MIN_CLASS the weights are smaller than the
 * noise would be: they are 0, have no point, and the trellis passes over them
 * (reverse water-filling). The layout is formats/hvqz.md, codec 3.
 */
#ifndef CODEC_TRELLIS_H
#define CODEC_TRELLIS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/codec.h"
#include "codec/sparse.h"
#include "codec/trellis_code.h"
#include "entropy/lanes.h"
#include "entropy/point_model.h"

enum {
	TRELLIS_MAX_LANES = 32,
	TRELLIS_ACROSS = 1,	/* in flags */
	TRELLIS_FLAGS = TRELLIS_ACROSS,
	TRELLIS_TILE = 16,	/* channels restored together */
	TRELLIS_MIN_CLASS = 12,
};

/*
 * Steps on the grid 2^(code·2^−res), one octave / 2^res apart: coarser where
 * there are few weights to pay for a number. res 0 … 3.
 */
struct step_list {
	unsigned res;
	int16_t *code;		/* [n]; owned */
	float *step;		/* [n]; owned */
	int8_t *class;		/* [n]; owned */
};

/* A slab taken apart: what the payload says, in memory. */
struct trellis {
	bool across;
	unsigned log_states, n_lanes;
	size_t n_channels, n_units;
	float base;
	struct step_list channel, unit;
	struct point_model model;
	struct sparse sparse;	/* positions row-major in the slab */
};

enum hvqz_ret trellis_alloc(struct trellis *q, const struct slab *slab,
			    bool across, struct hvqz_err *err);
void trellis_free(struct trellis *q);

/* The first of lane l's units when n_lanes share n of them. */
static inline size_t trellis_lane_start(size_t n, unsigned n_lanes, unsigned l)
{
	return n * l / n_lanes;
}

/* The class of channel j and unit i. */
static inline unsigned trellis_class(int channel, int unit)
{
	int q = channel + unit;

	return q < 0 ? 0 : q < MODEL_CLASSES ? (unsigned)q : MODEL_CLASSES - 1;
}

static inline bool trellis_is_zero(const struct trellis *q, size_t j, size_t i)
{
	return q->channel.class[j] + q->unit.class[i] < TRELLIS_MIN_CLASS;
}

/* Bytes of a tile of q's channels. */
static inline size_t trellis_tile_size(const struct trellis *q)
{
	return (q->n_channels < TRELLIS_TILE ? q->n_channels : TRELLIS_TILE) *
	       q->n_units * sizeof(float);
}

/* The same for a slab that may lie either way, at the most. */
uint64_t trellis_tile_memory(const struct slab *slab, unsigned n_channels);

/* Fill l->step from l->code. */
void step_list_values(struct step_list *l, size_t n);

/* Append what comes before the points: head and steps. */
enum hvqz_ret trellis_put_head(const struct trellis *q, struct buf *out,
			       struct hvqz_err *err);

/* The weight of channel j and unit i from its point u. */
float trellis_restore(const struct trellis *q, size_t j, size_t i, int32_t u);

/*
 * Channels [first, first + n), n ≤ TRELLIS_TILE, restored in tile
 * [n][n_units], to their places in raw.
 */
void trellis_store(const struct trellis *q, const struct slab *slab,
		   const float *tile, size_t first, size_t n, uint8_t *raw);

/* The outliers to their places in raw. */
void trellis_store_sparse(const struct trellis *q, const struct slab *slab,
			  uint8_t *raw);

/* ---- trellis_stream.c: the points ---- */

/* Decode the points and restore them into raw. kern NULL: weight by weight. */
enum hvqz_ret trellis_stream_get(const struct trellis *q,
				 const struct decode_kernels *kern,
				 const struct slab *slab, struct cursor *c,
				 uint8_t *raw, struct hvqz_err *err);

/* ---- trellis_points.c: the same for 32 lanes ---- */

/* Both are moved on. *good = false: damaged. */
enum hvqz_ret trellis_points_get(const struct trellis *q,
				 const struct decode_kernels *kern,
				 const struct slab *slab,
				 struct lanes_dec *lanes,
				 struct bit_reader *bits, uint8_t *raw,
				 bool *good, struct hvqz_err *err);
/* Bytes it needs for channels of n_units. */
uint64_t trellis_points_memory(uint64_t n_units);

/* ---- trellis_encode.c ---- */

enum hvqz_ret trellis_encode(const struct codec_env *env,
			     const struct slab *slab,
			     const struct codec_settings *set,
			     const struct sens *sens, const uint8_t *raw,
			     struct buf *out, struct codec_stats *stats,
			     bool *declined, struct hvqz_err *err);
uint64_t trellis_encode_memory(const struct slab *slab,
			       const struct codec_settings *set);

#endif
