/*
 * eval.h - the job of hvqz-eval: how well a model predicts a text, and how far
 * another set of weights is from it.
 *
 * Means over all tokens: nll is −log p(next token), kl is KL(original || given),
 * both in nats.
 */
#ifndef JOB_EVAL_H
#define JOB_EVAL_H

#include "job/job.h"
#include "lm/model.h"

struct eval_options {
	size_t context;		/* tokens of a sequence */
	size_t n_sequences;
	bool alone;		/* nothing will be compared with it */
};

/* The original, and what the given weights are compared with. */
struct eval_base;

struct eval_score {
	uint64_t n_tokens;
	double nll;		/* nats per token */
	double ppl;		/* exp(nll) */
	/* Against the original; 0, 0, 0 and 1 for the original itself. */
	double dnll;
	double kl, kl99;	/* mean, and 99th percentile over the tokens */
	double top1;		/* share of tokens with the same best guess */
};

/*
 * Bytes that an evaluation will hold at most, m included, and another like it
 * unless it is alone.
 */
uint64_t job_eval_memory(const struct job_env *env,
			 const struct eval_options *opt,
			 const struct lm_model *m);

/*
 * Score the original m (which must outlive *base; its layers are not needed
 * any more, its head and final norm are). tokens: n_sequences × context + 1
 * ids below n_vocab: sequence s is tokens [s·context, (s+1)·context) and its
 * targets are one further. Progress in tokens.
 */
enum hvqz_ret job_eval_base(const struct job_env *env,
			    const struct eval_options *opt,
			    const struct lm_model *m, const uint32_t *tokens,
			    struct eval_base **base, struct eval_score *score,
			    struct hvqz_err *err);

/* Score other weights of the same config against it. */
enum hvqz_ret job_eval_given(const struct job_env *env,
			     const struct eval_base *base,
			     const struct lm_model *given,
			     struct eval_score *score, struct hvqz_err *err);

void job_eval_free(struct eval_base *base);

#endif
