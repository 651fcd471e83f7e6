/*
 * conditioned_encoder.h - the encoder's workbench, shared by its files.
 */
#ifndef CODEC_CONDITIONED_ENCODER_H
#define CODEC_CONDITIONED_ENCODER_H

#include "codec/conditioned.h"
#include "codec/metric.h"
#include "sense/condition_learn.h"

struct bench {
	const struct codec_env *env;
	const struct slab *slab;
	const struct codec_settings *set;
	const struct sens *sens;	/* or NULL */
	const uint8_t *raw;
	const struct codec *body;
	bool across;		/* inputs are rows */
	size_t n, units;	/* inputs; outputs */
	float *w;		/* [n][units]: W, 0 at the outliers; owned */
	float *h;		/* [n]: the Hessian's diagonal, > 0; owned */
	struct metric metric;	/* owned */
	struct factor factor;	/* of H, as far as it is known; not owned */
	struct sparse sparse;	/* the outliers; owned */
	/* Scratch of a trial; owned. */
	float *e;		/* [n][units] */
	uint8_t *back;		/* [raw_len] */
	struct buf body_out, out;
	/* The best trial so far: the body's payload and what it is worth. */
	bool tried;
	struct buf best_body;
	const struct conditioner *best_cond;	/* NULL: as they were */
	double best_score;
	struct codec_stats stats;
	struct spectrum before;
};

/*
 * Everything about the slab. *good = false: not for us, it holds what is not
 * finite or too large to be an outlier. Close it in any case.
 */
enum hvqz_ret bench_open(struct bench *b, bool *good, struct hvqz_err *err);
void bench_close(struct bench *b);

/*
 * Encode in the coordinates of c, or as they are where it is NULL; what is
 * better than the best so far takes its place.
 */
enum hvqz_ret bench_try(struct bench *b, const struct conditioner *c,
			struct hvqz_err *err);

/* After a trial has won: its payload of codec 5, with the spectra, to out. */
enum hvqz_ret bench_put_best(struct bench *b, struct buf *out,
			     struct hvqz_err *err);

#endif
