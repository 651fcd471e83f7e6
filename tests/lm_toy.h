/*
 * lm_toy.h - small decoders of random weights, made in memory, whose layers all
 * have something to say: norms near 1, matrices that keep the size of what
 * passes, attention that is not flat.
 */
#ifndef TESTS_LM_TOY_H
#define TESTS_LM_TOY_H

#include "base/bytes.h"
#include "base/half.h"
#include "lm/model.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a config can have; a test takes away what it likes. */
static inline struct lm_config toy_config(void)
{
	return (struct lm_config){
		.n_layers = 2, .d_model = 10, .d_ff = 14, .n_heads = 4,
		.n_kv_heads = 2, .d_head = 6, .n_vocab = 11,
		.max_position = 512, .norm_eps = 1e-5f, .rope_theta = 1e4,
		.rope = LM_ROPE_LLAMA3,
		/* of three angles one each: kept, between, slowed down */
		.llama3 = {8, 1, 4, 200},
		.qkv_bias = true, .o_bias = true, .qk_norm = true,
	};
}

static inline void *toy_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		ck_abort_msg("out of memory");
	return p;
}

/* Value i of w, in w's own dtype. */
static inline void toy_set(struct lm_weight *w, size_t i, float v)
{
	uint8_t *p = w->data;

	if (w->dtype == DTYPE_F32)
		put_lef32(p + 4 * i, v);
	else
		put_le16(p + 2 * i, w->dtype == DTYPE_F16 ?
				    f16_from_f32(v) : bf16_from_f32(v));
}

static inline float toy_get(const struct lm_weight *w, size_t i)
{
	float row[4096];

	ck_assert_uint_le(w->n_cols, 4096);
	lm_weight_widen(w, i / w->n_cols, 1, row);
	return row[i % w->n_cols];
}

static inline void toy_fill(struct lm_weight *w, enum dtype dtype,
			    struct rng *r)
{
	size_t n = w->n_rows * w->n_cols;
	bool norm = strstr(w->name, "norm.");
	double size = norm || strstr(w->name, ".bias") ? 0.3 :
		      strstr(w->name, "embed") ? 1 :
		      1.4 / sqrt((double)(n ? w->n_cols : 1));

	if (!n)
		return;
	w->dtype = dtype;
	w->data = toy_alloc(n, 4);
	for (size_t i = 0; i < n; i++)
		toy_set(w, i, (float)(norm + size * (double)normal(r)));
}

/* conf's model, all dtypes in turn. The caller frees it. */
static inline void toy_init(struct lm_model *m, const struct lm_config *conf,
			    uint64_t seed)
{
	static const enum dtype dtypes[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16};
	struct rng r = {seed};
	size_t at = seed;

	ck_assert_int_eq(lm_model_init(m, conf, NULL), HVQZ_OK);
	toy_fill(&m->embed, dtypes[at++ % 3], &r);
	toy_fill(&m->final_norm, dtypes[at++ % 3], &r);
	toy_fill(&m->head, dtypes[at++ % 3], &r);
	for (size_t i = 0; i < conf->n_layers; i++)
		for (size_t p = 0; p < LM_N_PARTS; p++)
			toy_fill(&m->layers[i].part[p], dtypes[at++ % 3], &r);
	ck_assert_int_eq(lm_model_complete(m, NULL), HVQZ_OK);
}

/* n tokens of conf's vocabulary; the caller frees them. */
static inline uint32_t *toy_text(const struct lm_config *conf, size_t n,
				 uint64_t seed)
{
	uint32_t *tokens = toy_alloc(n, sizeof(*tokens));
	struct rng r = {seed};

	for (size_t i = 0; i < n; i++)
		tokens[i] = (uint32_t)rng_below(&r, conf->n_vocab);
	return tokens;
}

#endif
