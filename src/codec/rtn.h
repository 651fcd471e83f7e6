/*
 * rtn.h - the payload of codec 4, shared by its encoder and its decoder.
 *
 * Round to nearest, the honest baseline: what INT4 and its kin are elsewhere,
 * with no entropy coding. Its words are the trellis':
 *
 *	channel	an input of the layer. A column of the slab, or a row when
 *		`across`
 *	unit	an output of the layer: what runs along a channel
 *	group	consecutive channels of a unit that share a scale
 *
 * A weight is restored as code · scale, a code being a whole number within
 * ±(2^(bits−1) − 1). The layout is formats/hvqz.md, codec 4.
 */
#ifndef CODEC_RTN_H
#define CODEC_RTN_H

#include "codec/codec.h"

enum {
	RTN_ACROSS = 1,		/* in flags */
	RTN_FLAGS = RTN_ACROSS,
};

/* A slab taken apart, but for its codes. */
struct rtn {
	bool across;
	unsigned bits;
	size_t n_channels, n_units;
	size_t group;		/* channels in one, 1 … n_channels */
	size_t n_groups;	/* of a unit */
	float *scale;		/* [units][groups], F16 ≥ 0; owned */
};

/* The largest code. */
static inline int rtn_most(unsigned bits)
{
	return (1 << (bits - 1)) - 1;
}

/* All but the scales' room, which is rtn_alloc()'s. group 0: all channels. */
void rtn_init(struct rtn *q, const struct slab *slab, bool across,
	      unsigned bits, uint32_t group);
/* Room for scales, all 0. */
enum hvqz_ret rtn_alloc(struct rtn *q, struct hvqz_err *err);
void rtn_free(struct rtn *q);

/* Append everything of q; code [rows][cols]: the slab's. */
enum hvqz_ret rtn_put(const struct rtn *q, const int8_t *code, struct buf *out,
		      struct hvqz_err *err);

/*
 * A row's codes [n_cols] to its elements in raw, which is the row's; w
 * [n_cols] is scratch.
 */
void rtn_restore(const struct rtn *q, const struct slab *slab, size_t row,
		 const int8_t *code, float *w, uint8_t *raw);

/* ---- rtn_encode.c ---- */

enum hvqz_ret rtn_encode(const struct codec_env *env, const struct slab *slab,
			 const struct codec_settings *set,
			 const struct sens *sens, const uint8_t *raw,
			 struct buf *out, struct codec_stats *stats,
			 bool *declined, struct hvqz_err *err);
uint64_t rtn_encode_memory(const struct slab *slab,
			   const struct codec_settings *set);

#endif
