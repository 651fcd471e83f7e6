/*
 * slab_case.h - slabs of made-up weights for the tests of the codecs.
 */
#ifndef TESTS_SLAB_CASE_H
#define TESTS_SLAB_CASE_H

#include "codec/codec.h"
#include "codec/weights.h"
#include "tests/random.h"

#include <stdlib.h>

struct sample {
	struct slab slab;
	uint8_t *raw, *back;
};

/* Room for a slab and for what comes back; its weights are not set. */
static inline struct sample blank_sample(enum dtype dtype, uint32_t rows,
					 uint64_t cols)
{
	size_t len = (size_t)(rows * cols) * dtype_bits(dtype) / 8;

	return (struct sample){
		.slab = {.dtype = dtype,
			 .n_rows = rows,
			 .n_cols = cols,
			 .raw_len = (uint32_t)len},
		.raw = calloc(len + 1, 1),
		.back = calloc(len + 1, 1),
	};
}

static inline size_t sample_elems(const struct sample *s)
{
	return (size_t)(s->slab.n_rows * s->slab.n_cols);
}

/* Gaussian rows of log-normal scale; the dtype's own rounding. */
static inline struct sample make_sample(enum dtype dtype, uint32_t rows,
					uint64_t cols, uint64_t seed)
{
	struct sample s = blank_sample(dtype, rows, cols);
	float *w = malloc(sample_elems(&s) * sizeof(*w));
	struct rng rng = {seed};

	for (uint32_t i = 0; i < rows; i++) {
		float scale = expf(0.5f * normal(&rng)) * 0.02f;

		for (uint64_t j = 0; j < cols; j++)
			w[i * cols + j] = scale * normal(&rng);
	}
	weights_narrow(dtype, w, sample_elems(&s), s.raw);
	free(w);
	return s;
}

/* All its weights as numbers: raw's, or those that came back. Caller frees. */
static inline float *sample_weights(const struct sample *s,
				    const uint8_t *from)
{
	float *w = malloc(sample_elems(s) * sizeof(*w));

	weights_widen(s->slab.dtype, from, sample_elems(s), w);
	return w;
}

static inline void free_sample(struct sample *s)
{
	free(s->raw);
	free(s->back);
}

/* Codec 2: K centroids of b weights, rho of them outliers. */
static inline struct codec_settings hasvq_settings(bool faithful, uint32_t k,
						   uint32_t b, double rho)
{
	return (struct codec_settings){
		.codec = CODEC_HASVQ,
		.effort = 5,
		.faithful = faithful,
		.centroids = k,
		.block = b,
		.outliers = rho,
	};
}

#endif
