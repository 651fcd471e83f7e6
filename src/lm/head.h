/*
 * head.h - the end of a model: from its last hidden states to what it predicts.
 *
 * x = norm(h)·w_final, z = x·Eᵀ over the vocabulary. A vocabulary is too wide to
 * hold all logits z of a slice, so they come in slabs of it, and are computed
 * again where they are wanted twice.
 */
#ifndef LM_HEAD_H
#define LM_HEAD_H

#include "lm/model.h"
#include "lm/run.h"

struct lm_head {
	const struct lm_run *run;
	const struct lm_weight *w;	/* [n_vocab, d_model] */
	float *norm;			/* [d_model] final norm, widened; owned */
};

/* m must outlive *h. The caller frees *h, also after a failure. */
enum hvqz_ret lm_head_init(struct lm_head *h, const struct lm_run *r,
			   const struct lm_model *m, struct hvqz_err *err);
void lm_head_free(struct lm_head *h);

/* x [n][d_model] from hidden states [n][d_model]; rms [n] or NULL. */
void lm_head_norm(const struct lm_head *h, size_t n, const float *hidden,
		  float *x, float *rms);

/* Floats of scratch for the functions below, for n tokens. */
size_t lm_head_scratch(const struct lm_head *h, size_t n);

/* Of one token, in nats. */
struct lm_token_score {
	float nll;		/* −log p(target) */
	float kl;		/* KL(original || given); 0 without one */
	bool same_top;		/* both have the same best guess */
};

/*
 * Score n tokens. given, y: another head and its normed states, or NULL, NULL:
 * then the scores are h's own; else nll is the given one's.
 */
void lm_head_score(const struct lm_head *h, const float *x,
		   const struct lm_head *given, const float *y, size_t n,
		   const uint32_t *targets, struct lm_token_score *score,
		   float *scratch, double *flop);

/*
 * The softmax Fisher of n tokens, and gradients for labels drawn from the
 * model's own predictions. *nll gets the sum of −log p(targets[i]) over the
 * tokens that have one (NO_TARGET: none).
 *
 *	g [n_vocab] += Σ p(1 − p)
 *	dx [n_draws][n][d_model] = (p − onehot(label))·E
 *
 * The label of token i in draw e depends on seed, first + i and e alone.
 */
struct lm_labels {
	uint64_t seed, first;
	unsigned n_draws;
};

#define LM_NO_TARGET UINT32_MAX

void lm_head_fisher(const struct lm_head *h, const float *x, size_t n,
		    const uint32_t *targets, const struct lm_labels *labels,
		    float *g, float *dx, double *nll, float *scratch,
		    double *flop);

#endif
