/*
 * hasvq_encoder.h - the encoder's workbench, shared by its stages.
 */
#ifndef CODEC_HASVQ_ENCODER_H
#define CODEC_HASVQ_ENCODER_H

#include "codec/hasvq.h"
#include "codec/kmeans.h"

struct encoder {
	const struct codec_env *env;
	const struct slab *slab;
	const struct codec_settings *set;
	const uint8_t *raw;
	struct hasvq q;		/* what will be stored */
	size_t n_elems;		/* n_rows × n_cols */
	size_t n_blocks;	/* n_rows × row_blocks */
	size_t padded;		/* numbers in a row of x: row_blocks × b */
	float *x;		/* [n_rows][padded]: W, then W / s; owned */
	/*
	 * [n_rows][padded]: 1 where the body's value does not matter, because
	 * an outlier covers it; owned. In the plain form x is 0 there instead,
	 * as the paper has it.
	 */
	uint8_t *covered;
	float *col_u;		/* [padded]: metric weight of a column; owned */
	float *row_v;		/* [n_rows]: metric weight of a row; owned */
	const float *col_h;	/* sidecar's h along columns, or NULL */
	const float *row_h;	/* along rows (axis 0), or NULL */
	uint32_t *idx;		/* [n_blocks]: as kmeans_assign gives; owned */
};

/* ---- hasvq_outliers.c: which weights are outliers ---- */

/*
 * The n_out weights of highest importance (importance.h) become the outliers
 * in q->sparse: zeros in x (plain) or marks in covered (compact).
 */
enum hvqz_ret outliers_by_importance(struct encoder *e, size_t n_out,
				     struct hvqz_err *err);

/*
 * Add outliers until there are n_out: the weights which the body in idx and cb
 * gets most wrong, by the metric.
 */
enum hvqz_ret outliers_by_error(struct encoder *e, const struct codebook *cb,
				size_t n_out, struct hvqz_err *err);

/* ---- hasvq_body.c: the k-means body ---- */

/* The K a slab of n_blocks can afford; see there. */
uint32_t body_centroids(const struct codec_settings *set, uint64_t n_blocks);

/*
 * Train a codebook of k centroids, as it will be stored (q->step is set).
 * rounds: [KMEANS_ROUNDS], of 1, 2, 4 or 8 parts. from: as kmeans.h has it.
 */
enum hvqz_ret body_train(struct encoder *e, uint32_t k,
			 const struct kmeans_round *rounds,
			 const struct codebook *from, struct codebook *cb,
			 struct hvqz_err *err);

/* The best centroid for every block, to idx. */
enum hvqz_ret body_assign(struct encoder *e, const struct codebook *cb,
			  struct hvqz_err *err);

/* Bytes that training k centroids needs on a slab of n_blocks, at the most. */
uint64_t body_train_memory(const struct codec_settings *set, uint32_t k,
			   uint64_t n_blocks);

#endif
