/*
 * hasvq.h - the payload of codec 2, shared by its encoder and its decoder.
 *
 * HAS-VQ (Hessian-Adaptive Sparse Vector Quantization, arXiv 2601.06959): row
 * scales s_i, outliers Ω by importance, a k-means codebook for blocks of b
 * consecutive inputs of the normalised body, an exact sparse residual at Ω.
 * The layout is formats/hvqz.md, codec 2; two forms share it:
 *
 *	plain	as published: F16 scales (absmax), F16 codebook, fixed-width
 *		indices, 48-bit outliers
 *	compact	ours: logarithmic scales, a codebook on a grid whose centroids
 *		are used with both signs, entropy-coded indices and outliers
 */
#ifndef CODEC_HASVQ_H
#define CODEC_HASVQ_H

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/codec.h"
#include "codec/hasvq_index.h"
#include "base/scale.h"
#include "codec/sparse.h"

enum {
	HASVQ_BODY_KMEANS = 1,
	HASVQ_COMPACT = 1,		/* in flags */
};

/* A slab taken apart: what the payload says, in memory. */
struct hasvq {
	bool compact;
	unsigned b;		/* block: 1, 2, 4, 8 */
	size_t n_rows, n_cols;
	size_t row_blocks;	/* ceil(n_cols / b) */
	float *scale;		/* [n_rows], > 0 or (plain) 0; owned */
	uint16_t *code;		/* [n_rows]: the scales as stored; owned */
	uint32_t k;		/* centroids */
	float *cent;		/* [k][b], values as stored; owned */
	float step;		/* compact: cent = step × integer */
	int32_t *grid;		/* compact: [k][b] those integers; owned */
	uint16_t *idx;		/* [n_rows × row_blocks]: hasvq_index(); owned */
	struct sparse sparse;	/* owned */
};

void hasvq_free(struct hasvq *q);

/* Append q's payload. counts [k]: how often each index occurs. */
enum hvqz_ret hasvq_put(const struct hasvq *q, const uint32_t *counts,
			struct buf *out, struct hvqz_err *err);

/* Parse and check a payload into *q (freed by the caller, also on error). */
enum hvqz_ret hasvq_get(struct hasvq *q, const struct slab *slab,
			const uint8_t *payload, size_t len,
			const struct decode_kernels *kern,
			struct hvqz_err *err);

/*
 * The whole slab's reconstruction, outliers in place, to raw
 * (hasvq_reconstruct.c). HVQZ_NOMEM.
 */
enum hvqz_ret hasvq_reconstruct(const struct hasvq *q, enum dtype dtype,
				const struct decode_kernels *kern,
				uint8_t *raw, struct hvqz_err *err);

/* The encoder (hasvq_encode.c); see struct codec. */
enum hvqz_ret hasvq_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, struct codec_stats *stats,
			   bool *declined, struct hvqz_err *err);
uint64_t hasvq_encode_memory(const struct slab *slab,
			     const struct codec_settings *set);

#endif
