/*
 * lm_case.h - the files of a small decoder: its tensors as a table that a test
 * may change, and the table as a safetensors file.
 *
 * A tensor's bytes follow from its name alone, so that a model is the same
 * however it is cut into files.
 */
#ifndef TESTS_LM_CASE_H
#define TESTS_LM_CASE_H

#include "base/half.h"
#include "formats/safetensors.h"
#include "job/load.h"
#include "tests/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Embedding and head are just large enough to be quantized. */
static inline struct lm_config case_config(void)
{
	return (struct lm_config){
		.n_layers = 12, .d_model = 32, .d_ff = 48, .n_heads = 4,
		.n_kv_heads = 2, .d_head = 6, .n_vocab = 140,
		.max_position = 64, .norm_eps = 1e-6f, .rope_theta = 1e4,
		.qkv_bias = true, .o_bias = true, .qk_norm = true,
	};
}

/* One more tensor in m. */
static inline void case_add(struct model *m, const char *name,
			    enum dtype dtype, uint64_t n_rows,
			    uint64_t n_cols)
{
	uint64_t dim[2] = {n_rows, n_cols};
	unsigned rank = 2;

	if (strstr(name, "norm.") || strstr(name, ".bias") || !n_rows) {
		dim[0] = n_cols;
		rank = 1;
	}
	ck_assert_int_eq(model_add(m, name, dtype, rank, dim, NULL), HVQZ_OK);
}

static inline void case_add_weight(struct model *m, const struct lm_weight *w,
				   enum dtype dtype)
{
	if (w->n_rows)
		case_add(m, w->name, dtype, w->n_rows, w->n_cols);
}

/* The tensors of layers [from, to); those of none with the last layer's. */
static inline struct model case_tensors(const struct lm_config *c, size_t from,
					size_t to)
{
	struct model m = {0};
	struct lm_model lm;

	ck_assert_int_eq(lm_model_init(&lm, c, NULL), HVQZ_OK);
	for (size_t i = from; i < to; i++)
		for (size_t p = 0; p < LM_N_PARTS; p++)
			case_add_weight(&m, &lm.layers[i].part[p],
					p == LM_UP ? DTYPE_BF16 : DTYPE_F16);
	if (to == c->n_layers) {
		case_add_weight(&m, &lm.embed, DTYPE_F16);
		case_add_weight(&m, &lm.final_norm, DTYPE_F32);
		case_add_weight(&m, &lm.head, DTYPE_BF16);
	}
	lm_model_free(&lm);
	return m;
}

/* t's bytes, for b or to compare with. */
static inline void case_bytes(const struct tensor *t, struct buf *b)
{
	struct rng rng = {strlen(t->name)};

	for (const char *s = t->name; *s; s++)
		rng.state = rng.state * 31 + (uint8_t)*s;
	for (uint64_t i = 0; i < t->n_elems; i++) {
		float v = normal(&rng) * 0.05f;

		if (t->dtype == DTYPE_F16)
			buf_u16(b, f16_from_f32(v));
		else if (t->dtype == DTYPE_BF16)
			buf_u16(b, bf16_from_f32(v));
		else if (t->dtype == DTYPE_F32)
			buf_f32(b, v);
		else
			for (unsigned n = dtype_bits(t->dtype) / 8; n; n--)
				buf_u8(b, (uint8_t)rng_u64(&rng));
	}
}

/* m as a safetensors file; m is freed. */
static inline struct buf case_file(struct model *m)
{
	struct buf b = {0};
	uint8_t *head;
	size_t len;

	ck_assert_int_eq(safetensors_make_head(m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&b, head, len);
	for (size_t i = 0; i < m->n_tensors; i++)
		case_bytes(&m->tensors[i], &b);
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.len, len + m->data_size);
	free(head);
	model_free(m);
	return b;
}

#endif
