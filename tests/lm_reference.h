/*
 * lm_reference.h - a Llama-family decoder written down plainly, in double
 * precision, one sequence at a time, forward only: what src/lm is held against.
 *
 * It shares nothing with src/lm but the tables of the weights. Gradients are
 * taken by moving one number of what a matrix gives and looking at what comes
 * out (struct ref_bump).
 */
#ifndef TESTS_LM_REFERENCE_H
#define TESTS_LM_REFERENCE_H

#include "lm/layer.h"
#include "lm/model.h"

/* What the matrix `part` gives, or the embedding: REF_EMBED. */
enum { REF_EMBED = LM_N_PARTS };

struct ref_bump {
	size_t layer;
	unsigned part;
	size_t token, row;
	double by;
};

/* Inputs of matrices, as in struct layer_acts; the reader frees none. */
struct ref_inputs {
	double *a, *o_in, *m, *act;
};

/* Memory for n tokens, and its release. */
struct ref_inputs ref_inputs_new(const struct lm_config *c, size_t n);
void ref_inputs_free(struct ref_inputs *in);

/*
 * y [n][d_model] of x, the n tokens of a whole sequence. bump may be NULL; its
 * layer does not count. in may be NULL.
 */
void ref_layer(const struct lm_config *c, const struct layer_weights *w,
	       size_t n, const double *x, double *y,
	       const struct ref_bump *bump, const struct ref_inputs *in);

/* y = x·w / √(mean x² + eps) */
void ref_norm(double *y, const double *x, const float *w, size_t n, double eps);

/* z [n] to log p in place. */
void ref_log_softmax(double *z, size_t n);

/* A model's weights in single precision. */
struct ref_model {
	const struct lm_config *conf;
	float *embed, *norm, *head;	/* head may be embed */
	float **wide;			/* [n_layers] */
	struct layer_weights *layers;	/* [n_layers], into wide */
};

/* m must outlive *r. The caller frees *r. */
void ref_init(struct ref_model *r, const struct lm_model *m);
void ref_free(struct ref_model *r);

/*
 * The n tokens of a sequence: log p [n][n_vocab] of what comes next, and x
 * [n][d_model], the inputs of the head, or NULL. in [n_layers] or NULL.
 */
void ref_predict(const struct ref_model *r, const uint32_t *tokens, size_t n,
		 double *log_p, double *x, const struct ref_bump *bump,
		 const struct ref_inputs *in);

#endif
