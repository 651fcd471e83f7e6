/*
 * sense.c - the job of sense.h: plan, run group after group, write.
 */
#include "job/sense.h"

#include "job/job_internal.h"
#include "job/sense_pass.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Far from where sizes wrap around. */
#define MOST_TOKENS (1ULL << 40)
#define MOST_FLOATS 0x1p58

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum hvqz_ret job_sense_plan(const struct job_env *env,
			     const struct sense_options *opt,
			     const struct lm_model *m, struct sense_report *rep,
			     struct hvqz_err *err)
{
	struct engine_share share;
	struct lm_run r;

	if (opt->n_sequences > MOST_TOKENS / opt->context)
		return hvqz_fail(err, HVQZ_USAGE, "%zu sequences of %zu tokens "
				 "are too many: %llu tokens at most",
				 opt->n_sequences, opt->context, MOST_TOKENS);
	lm_run_size(&r, &m->conf, opt->context);
	share = engine_share(&r, job_threads(env), opt->n_sequences);
	/* No size below is far beyond this one. */
	if ((double)share.group_seqs * (double)opt->context *
		    (double)(m->conf.d_model + m->conf.d_ff) *
		    (double)(m->conf.n_layers + opt->draws + 8) > MOST_FLOATS)
		return hvqz_fail(err, HVQZ_USAGE, "%zu sequences of %zu tokens "
				 "at a time need more memory than there can "
				 "be", share.group_seqs, opt->context);
	*rep = (struct sense_report){
		.n_tokens = (uint64_t)opt->context * opt->n_sequences,
		.n_weights = sense_n_entries(m, opt),
		.memory = lm_model_bytes(m) + sense_sums_memory(m, opt) +
			  engine_memory(m, opt->context, &share, opt->draws) +
			  sense_pass_memory(m, opt, share.group_seqs),
	};
	return job_check_memory(env, rep->memory,
				opt->full ? "--block or --diag"
					  : "shorter sequences (-c)",
				err);
}

static enum hvqz_ret write_sidecar(const struct sense_options *opt,
				   struct sense_sums *sums, struct sink *out,
				   struct sense_report *rep,
				   struct hvqz_err *err)
{
	static const char *const keys[] = {"model", "draws", "seed", "writer"};
	char hash[17], draws[12], seed[21];
	const char *values[] = {hash, draws, seed, "hvqz-sense"};
	struct sidecar_meta meta = {
		.calibration = opt->calibration,
		.n_tokens = rep->n_tokens,
		.keys = keys,
		.values = values,
		.n_more = sizeof(keys) / sizeof(*keys),
	};
	struct sidecar_entry *v = NULL;
	enum hvqz_ret ret;
	size_t n;

	snprintf(hash, sizeof(hash), "%016" PRIx64, opt->model_hash);
	snprintf(draws, sizeof(draws), "%u", opt->draws);
	snprintf(seed, sizeof(seed), "%" PRIu64, opt->seed);
	TRY_OUT(sense_sums_entries(sums, rep->n_tokens, opt->draws, &v, &n,
				   err));
	TRY_OUT(sidecar_write(&meta, v, n, out, err));
	rep->out_bytes = out->off;
out:
	free(v);
	return ret;
}

static enum hvqz_ret run_all(struct sense_pass *p, struct sense_report *rep,
			     struct hvqz_err *err)
{
	size_t left = p->opt->n_sequences, n;
	double began = now();

	TRY(sense_pass_init(p, err));
	for (; left; left -= n) {
		n = left < p->e->group_seqs ? left : p->e->group_seqs;
		TRY(sense_pass_group(p, n, err));
	}
	rep->seconds = now() - began;
	rep->flop = engine_flop(p->e);
	rep->nll = p->n_targets ? p->nll / (double)p->n_targets : NAN;
	if (p->n_targets && !isfinite(rep->nll))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the model's predictions "
				 "are not numbers: a weight is not finite, or "
				 "too large");
	return HVQZ_OK;
}

enum hvqz_ret job_sense(const struct job_env *env,
			const struct sense_options *opt,
			const struct lm_model *m, const uint32_t *tokens,
			struct sink *out, struct sense_report *rep,
			struct hvqz_err *err)
{
	struct engine_share share;
	struct lm_engine e = {0};
	struct lm_run r;
	struct sense_sums sums = {0};
	struct sense_pass pass = {
		.env = env,
		.opt = opt,
		.e = &e,
		.sums = &sums,
		.tokens = tokens,
	};
	enum hvqz_ret ret;

	TRY(job_sense_plan(env, opt, m, rep, err));
	lm_run_size(&r, &m->conf, opt->context);
	share = engine_share(&r, job_threads(env), opt->n_sequences);
	TRY_OUT(engine_init(&e, m, opt->context, &share, opt->draws,
			    err));
	TRY_OUT(sense_sums_init(&sums, m, opt, err));
	TRY_OUT(run_all(&pass, rep, err));
	TRY_OUT(write_sidecar(opt, &sums, out, rep, err));
out:
	sense_pass_free(&pass);
	sense_sums_free(&sums);
	engine_free(&e);
	return ret;
}
