/*
 * sense_pass.h - one group of sequences forward and backward, into the sums.
 */
#ifndef JOB_SENSE_PASS_H
#define JOB_SENSE_PASS_H

#include "job/sense_sums.h"

struct sense_pass {
	const struct job_env *env;
	const struct sense_options *opt;
	struct lm_engine *e;
	struct sense_sums *sums;
	const uint32_t *tokens;	/* [n_sequences × context] */
	double nll;		/* summed over n_targets tokens */
	uint64_t n_targets;

	float *x;		/* [n_layers + 1][group][d_model] hidden states */
	float *inputs_mem;
	struct layer_acts inputs;	/* of a layer's matrices, [group] */
	float *dx;		/* slice by slice [draws][slice][d_model] */
	float *squares_mem;	/* [slices][g_len] */
	struct layer_squares *squares;	/* [slices], into it */
	float *g_head;		/* [slices][n_vocab] */
	double *slice_nll;	/* [slices] */
	uint32_t *targets;	/* [group] */
	size_t first;		/* the group's first token */
};

/* The caller sets the first five, and frees *p always. */
enum hvqz_ret sense_pass_init(struct sense_pass *p, struct hvqz_err *err);
void sense_pass_free(struct sense_pass *p);
/* Bytes, for groups of so many sequences. */
uint64_t sense_pass_memory(const struct lm_model *m,
			   const struct sense_options *opt, size_t seqs);

/* The next n_seqs sequences, at most a group of them. */
enum hvqz_ret sense_pass_group(struct sense_pass *p, size_t n_seqs,
			       struct hvqz_err *err);

#endif
