/*
 * codec.h - what a codec is: a slab of weights in, bytes out, and back.
 *
 * A slab is whole rows of one tensor and is coded alone: everything its
 * decoder needs is in its payload and in the slab's geometry. Codecs know no
 * files, formats or threads; encode and decode may run in many threads at
 * once on different slabs.
 */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include "base/buf.h"
#include "base/dtype.h"
#include "base/error.h"
#include "sense/sens.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernels;
struct factor;

enum codec_id {
	CODEC_RAW = 0,
	CODEC_PLANES = 1,
	CODEC_HASVQ = 2,
	CODEC_TRELLIS = 3,
	CODEC_RTN = 4,
	CODEC_CONDITIONED = 5,	/* a body of 2, 3 or 4 inside */
	CODEC_DELTA = 6,	/* from the same rows of a base model */
};

/* In which coordinates to quantize (sense/condition.h). */
enum condition {
	CONDITION_NONE,		/* as they are */
	CONDITION_SMOOTH,	/* channels scaled: S */
	CONDITION_HERO,		/* and rotated: S·R */
};

/* The largest codebook. */
#define HVQZ_MAX_CENTROIDS 16384

/* Rounding to nearest: the bits of a weight, the weights a scale is for. */
enum {
	RTN_MIN_BITS = 2,
	RTN_MAX_BITS = 8,
	RTN_MAX_GROUP = 1 << 20,
};

/*
 * The mean error of a weight on a trellis, in squared steps: 4/12 of a scalar
 * quantizer with the same points less what the trellis gains.
 */
#define TRELLIS_NOISE 0.27

/*
 * What the weighted error Σ g·(l·e)² does to the KL divergence, nats per token.
 * ½ by theory; the rest was measured on docs-5m: the sensitivities know nothing
 * of what errors in different layers do together.
 */
#define TRELLIS_LOSS (0.5 * 1.4)

/* The largest raw_len of any slab, 256 MiB. */
#define SLAB_MAX_RAW ((uint32_t)1 << 28)

struct slab {
	enum dtype dtype;
	uint64_t first_row;	/* of the tensor */
	uint32_t n_rows;
	uint64_t n_cols;	/* elements per row */
	uint32_t raw_len;	/* bytes; n_rows × n_cols × dtype bits / 8 */
};

/* What the user asked for; the same for every slab of a tensor. */
struct codec_settings {
	enum codec_id codec;
	int effort;		/* 1 … 9 */
	bool faithful;		/* HAS-VQ as published */
	uint32_t centroids;	/* K: 2 … HVQZ_MAX_CENTROIDS */
	uint32_t block;		/* b: 1, 2, 4 or 8 */
	double outliers;	/* ρ: 0 … 0.5 */
	uint32_t bits;		/* RTN_MIN_BITS … RTN_MAX_BITS */
	uint32_t group;		/* 1 … RTN_MAX_GROUP; 0: all of a unit */
	enum condition condition;
	double alpha;		/* 0 … 1; NAN: what is best */
	/*
	 * The trellis' step constant c: where no row sensitivities are known,
	 * in the weights' unit; where they are, in √nats. Made by the job from
	 * the wanted rate, or from quality where that is not NAN.
	 */
	double step, step_sens;
	double quality;
	/*
	 * Only the payload's length is wanted: the trellis takes the nearest
	 * points instead of searching. Within a percent or so.
	 */
	bool quick;
};

/* What the encoder knows about the slab's quality; zero when lossless. */
struct codec_stats {
	double noise;		/* Σ (w − ŵ)² */
	double signal;		/* Σ w² */
	double loss;		/* estimated KL, nats per token; 0: unknown */
	bool nonfinite;		/* NaN or Inf met: went lossless for it */
};

struct codec_env {
	const struct kernels *kern;
	/* Of the Hessian of the slab's tensor, or NULL. */
	const struct factor *factor;
	/*
	 * The same rows of the same tensor in the base model, [raw_len], or
	 * NULL. Codec 6 codes the difference.
	 */
	const uint8_t *base;
	/* Asked now and then in long loops: true means give up. May be NULL. */
	bool (*stopped)(void *ctx);
	void *stopped_ctx;
};

/* Which of a Hessian's factors encode has a use for, in codec_env. */
enum factor_use {
	FACTOR_NONE,
	FACTOR_FULL,		/* one with correlations */
	FACTOR_ANY,		/* also the diagonal's */
};

struct codec {
	enum codec_id id;
	const char *name;
	bool lossless;
	enum factor_use factor_use;

	/*
	 * Append the payload to out. HVQZ_OK with *declined = true means "not
	 * worth it": out is then to be ignored. sens may be NULL.
	 */
	enum hvqz_ret (*encode)(const struct codec_env *env,
				const struct slab *slab,
				const struct codec_settings *set,
				const struct sens *sens, const uint8_t *raw,
				struct buf *out, struct codec_stats *stats,
				bool *declined, struct hvqz_err *err);

	/*
	 * Fill raw[slab->raw_len]. Bad payload: HVQZ_DAMAGED. Time and memory
	 * are bounded by a constant times raw_len + len.
	 */
	enum hvqz_ret (*decode)(const struct codec_env *env,
				const struct slab *slab,
				const uint8_t *payload, size_t len,
				uint8_t *raw, struct hvqz_err *err);

	/* Bytes encode needs besides raw and out, at the most. */
	uint64_t (*encode_memory)(const struct slab *slab,
				  const struct codec_settings *set);
	/* Bytes decode needs besides raw and the payload, at the most. */
	uint64_t (*decode_memory)(const struct slab *slab);
};

extern const struct codec codec_raw;
extern const struct codec codec_planes;
extern const struct codec codec_hasvq;
extern const struct codec codec_trellis;
extern const struct codec codec_rtn;
extern const struct codec codec_conditioned;
extern const struct codec codec_delta;

/* Who gets the first try: set->codec, or the conditioner around it. */
unsigned codec_first(const struct codec_settings *set);

/* Whose turn it is when codec id declines: planes, and after them raw. */
unsigned codec_fallback(unsigned id);

/* NULL for an id no codec has. */
const struct codec *codec_find(unsigned id);

/*
 * Encode with set->codec, or with planes, or raw: the first that does not
 * decline and whose payload is smaller than the slab (raw always fits: its
 * payload is the slab). A lossy payload that planes can match in length gives
 * way to them. out is cleared first. *used is the codec taken.
 */
enum hvqz_ret codec_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, const struct codec **used,
			   struct codec_stats *stats, struct hvqz_err *err);

#endif
