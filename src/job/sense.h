/*
 * sense.h - the job of hvqz-sense: run a model over a calibration text, forward
 * and backward, and write what its weights' errors cost as a sidecar.
 */
#ifndef JOB_SENSE_H
#define JOB_SENSE_H

#include "job/job.h"
#include "lm/model.h"

#include <stdio.h>

struct sense_options {
	size_t context;		/* tokens of a sequence, ≥ 2 */
	size_t n_sequences;	/* the first so many; ≥ 1 */
	bool full;		/* full Hessians, not only diagonals */
	size_t block;		/* 0: whole; else diagonal blocks this wide */
	unsigned draws;		/* gradients drawn for each token; 0: no g */
	uint64_t seed;
	const char *calibration;	/* for people: what the text was */
	uint64_t model_hash;	/* of job_load() */
};

struct sense_report {
	uint64_t n_tokens;
	uint64_t n_weights;	/* entries in the sidecar */
	uint64_t memory;	/* planned peak, bytes */
	uint64_t out_bytes;
	double nll;		/* of the text itself, nats per token */
	double flop;		/* multiplications and additions in BLAS */
	double seconds;		/* spent computing */
};

/*
 * What it will take, before anything is allocated: rep->memory, n_tokens and
 * n_weights. HVQZ_USAGE when that is over env->memory_limit.
 */
enum hvqz_ret job_sense_plan(const struct job_env *env,
			     const struct sense_options *opt,
			     const struct lm_model *m,
			     struct sense_report *rep, struct hvqz_err *err);

/*
 * tokens [n_sequences × context], all below n_vocab. Progress is reported in
 * tokens: `in` of n_tokens; `tensor` is the name of the step ("forward"…). Only
 * a finished sidecar is written to out.
 */
enum hvqz_ret job_sense(const struct job_env *env,
			const struct sense_options *opt,
			const struct lm_model *m, const uint32_t *tokens,
			struct sink *out, struct sense_report *rep,
			struct hvqz_err *err);

#endif
