/*
 * lm/model.h - the weights of a Llama-family decoder, in memory as they are in
 * the file: F16, BF16 or F32. They are widened to single precision a layer at
 * a time by whoever computes with them.
 *
 * This file knows names, shapes and places; not files, not arithmetic.
 */
#ifndef LM_MODEL_H
#define LM_MODEL_H

#include "base/dtype.h"
#include "lm/config.h"
#include "model/model.h"

#include <stdint.h>

enum { LM_MAX_NAME = 80 };	/* bytes of a weight's name, with the NUL */

/* One weight: a matrix [n_rows, n_cols], or a vector (n_rows = 1). */
struct lm_weight {
	char name[LM_MAX_NAME];	/* "model.layers.3.mlp.up_proj.weight" */
	size_t n_rows, n_cols;
	enum dtype dtype;	/* of data: F16, BF16 or F32 */
	void *data;		/* owned; NULL until it is loaded */
};

enum lm_part {
	LM_ATTN_NORM,		/* input_layernorm [d_model] */
	LM_Q, LM_K, LM_V,	/* [heads × d_head, d_model] */
	LM_O,			/* [d_model, n_heads × d_head] */
	LM_Q_BIAS, LM_K_BIAS, LM_V_BIAS, LM_O_BIAS,	/* n_rows 0: none */
	LM_Q_NORM, LM_K_NORM,	/* [d_head]; n_rows 0: none */
	LM_MLP_NORM,		/* post_attention_layernorm [d_model] */
	LM_GATE, LM_UP,		/* [d_ff, d_model] */
	LM_DOWN,		/* [d_model, d_ff] */
	LM_N_PARTS,
};

struct lm_layer {
	struct lm_weight part[LM_N_PARTS];
};

struct lm_model {
	struct lm_config conf;
	struct lm_weight embed;		/* [n_vocab, d_model] */
	struct lm_weight final_norm;	/* [d_model] */
	struct lm_weight head;		/* [n_vocab, d_model]; n_rows 0: tied */
	struct lm_layer *layers;	/* [conf.n_layers], owned */
	uint64_t n_unused;	/* elements passed over in the files */
};

/*
 * All names and shapes that conf implies, no data. The caller frees *m, also
 * after a failure.
 */
enum hvqz_ret lm_model_init(struct lm_model *m, const struct lm_config *conf,
			    struct hvqz_err *err);
void lm_model_free(struct lm_model *m);

/*
 * Where the tensor of a model file belongs, with room allocated for its bytes:
 * *w is the weight whose data is to be filled with t->size bytes, or NULL when
 * the tensor is one that a decoder has no use for (rotary_emb.inv_freq; a
 * lm_head.weight beside a tied embedding). HVQZ_UNSUPPORTED: a tensor that a
 * model of this config does not have, or a dtype that is not F16, BF16 or F32.
 * HVQZ_DAMAGED: another shape than config.json says, or a weight that came
 * already.
 */
enum hvqz_ret lm_model_place(struct lm_model *m, const struct tensor *t,
			     struct lm_weight **w, struct hvqz_err *err);

/* HVQZ_DAMAGED names the first weight that has no data. */
enum hvqz_ret lm_model_complete(const struct lm_model *m,
				struct hvqz_err *err);

/* The head: the embedding when it is tied. */
const struct lm_weight *lm_model_head(const struct lm_model *m);

/* Parameters that conf implies, and bytes of the data that is loaded. */
uint64_t lm_model_params(const struct lm_model *m);
uint64_t lm_model_bytes(const struct lm_model *m);

/*
 * Rows [row, row + n) of w in single precision to `to` [n][n_cols]: exact.
 * From any thread.
 */
void lm_weight_widen(const struct lm_weight *w, size_t row, size_t n,
		     float *to);

#endif
