/*
 * steer.h - a size to land on while the model passes by once.
 *
 * On a pipe nothing is known of the tensors to come. So they are taken to be
 * like those seen so far: before each chunk is encoded its length is predicted,
 * and the step is set so that what is left of the budget lasts for what is left
 * of the model. Done in the order of the chunks, it is the same for any number
 * of threads.
 */
#ifndef JOB_STEER_H
#define JOB_STEER_H

#include "base/error.h"

#include <stdint.h>

struct steer {
	double budget;		/* bits not spent yet */
	double rest;		/* steered weights not yet passed */
	/* Seen: weights, and what they would take with a gain of 1, in bits. */
	double seen, seen_bits;
	double at;		/* log2 of the gain */
};

/* Predicts, with a gain of 2^at, the bits of the chunk at hand. */
typedef enum hvqz_ret steer_predict(void *ctx, double at, double *bits,
				    struct hvqz_err *err);

/*
 * The gain for a chunk of n steered weights, to *gain; what it will take is off
 * the budget afterwards.
 */
enum hvqz_ret steer_chunk(struct steer *s, uint64_t n, steer_predict *predict,
			  void *ctx, double *gain, struct hvqz_err *err);

#endif
