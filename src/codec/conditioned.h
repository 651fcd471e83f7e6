/*
 * conditioned.h - codec 5: another codec's payload in conditioned coordinates.
 *
 * The stages of DESIGN §3 around a body: condition (sense/condition.h),
 * decouple, body, sparse residual. The body is codec 2, 3 or 4 and codes the
 * slab V = W·S·R of F32, W without its outliers; they are put back, exactly,
 * after the transform is undone. The layout is formats/hvqz.md, codec 5.
 */
#ifndef CODEC_CONDITIONED_H
#define CODEC_CONDITIONED_H

#include "codec/codec.h"
#include "codec/sparse.h"
#include "sense/condition.h"
#include "sense/condition_factor.h"

enum {
	CONDITIONED_ACROSS = 1,	/* in flags: inputs are rows */
	CONDITIONED_PLAIN = 2,	/* outliers of 48 bits, as published */
	CONDITIONED_FLAGS = CONDITIONED_ACROSS | CONDITIONED_PLAIN,
};

/* A payload's parts; the body's stay where they are. */
struct conditioned {
	bool across, plain;
	const struct codec *body;
	struct conditioner cond;	/* owned */
	struct spectrum before, after;	/* they inform */
	const uint8_t *payload;		/* the body's */
	size_t len;
	struct sparse sparse;		/* positions row-major; owned */
};

void conditioned_free(struct conditioned *q);

enum hvqz_ret conditioned_put(const struct conditioned *q,
			      const struct slab *slab, struct buf *out,
			      struct hvqz_err *err);

/*
 * Take a payload apart, up to but not including the outliers if head_only. The
 * caller frees *q, also after an error.
 */
enum hvqz_ret conditioned_get(struct conditioned *q, const struct slab *slab,
			      const uint8_t *payload, size_t len,
			      bool head_only, struct hvqz_err *err);

/* The slab the body codes. */
struct slab conditioned_inner(const struct slab *slab);

/* Is codec id one that can be a body? */
bool conditioned_body(unsigned id);

/* ---- conditioned_encode.c ---- */

enum hvqz_ret conditioned_encode(const struct codec_env *env,
				 const struct slab *slab,
				 const struct codec_settings *set,
				 const struct sens *sens, const uint8_t *raw,
				 struct buf *out, struct codec_stats *stats,
				 bool *declined, struct hvqz_err *err);
uint64_t conditioned_encode_memory(const struct slab *slab,
				   const struct codec_settings *set);

#endif
