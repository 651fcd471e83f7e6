/*
 * encode.c - job: a model file in, a .hvqz out.
 *
 * One pass, or with --bpp several: what a step does to the size is learnt by
 * encoding for the size only, quickly. A pipe that is too long to be kept goes
 * by once and is steered (steer.h).
 */
#include "job/encode_pass.h"
#include "stream/spool.h"

#include <inttypes.h>
#include <math.h>

enum {
	MAX_TRIALS = 8,
	SPOOL = 64 << 20,	/* bytes of a pipe that are kept */
};

/* A trial this near to the wanted size is near enough. */
#define NEAR 0.002
/* Below this many bits a parameter quick trials are not trusted. */
#define EARNEST 3.0

/* The report of a pass from the source's offset start, nothing written. */
static enum hvqz_ret measure(const struct job_env *env,
			     const struct encode_options *opt, double gain,
			     bool quick, struct source *src, uint64_t start,
			     struct job_report *rep, struct hvqz_err *err)
{
	struct encode_pass pass = {
		.gain = gain, .measure = true, .quick = quick,
	};
	struct job_env silent = *env;
	struct sink none;

	silent.notes = (struct hvqz_notes){0};
	silent.progress = NULL;
	sink_init_null(&none);
	TRY(encode_pass_run(&silent, opt, &pass, src, &none, rep, err));
	return source_seek(src, start, err);
}

static double bpp(const struct job_report *rep)
{
	return 8.0 * (double)rep->out_bytes /
	       (double)(rep->n_params ? rep->n_params : 1);
}

/*
 * The gain that makes the file opt->rate bits a parameter. A step twice as
 * large takes a bit off every weight, so the rate is nearly linear in the
 * gain's logarithm; the slope is learnt from the last two trials. Quick trials
 * are off by up to a percent where most weights are small, so there the last
 * one is in earnest.
 */
static enum hvqz_ret solve(const struct job_env *env,
			   const struct encode_options *opt,
			   struct source *src, uint64_t start, double *gain,
			   struct hvqz_err *err)
{
	double at = 0, slope = 0, last_at = 0, last_rate = 0;
	bool quick = true;

	for (unsigned trial = 0; trial < MAX_TRIALS; trial++) {
		struct job_report rep;
		double rate, move;

		TRY(measure(env, opt, exp2(at), quick, src, start, &rep,
			    err));
		rate = bpp(&rep);
		if (!rep.n_steered)
			break;
		/* Nothing moves: all at its floor, or kept exactly. */
		if (trial && rate == last_rate && fabs(at - last_at) > 1)
			break;
		if (quick && trial && fabs(at - last_at) > 1e-3)
			slope = (rate - last_rate) / (at - last_at);
		/* At first: a bit off every parameter an octave. */
		if (!trial || !(slope < -0.05))
			slope = -(double)rep.n_steered / (double)rep.n_params;
		last_at = at;
		last_rate = rate;
		move = (opt->rate - rate) / slope;
		move = move < -4 ? -4 : move > 4 ? 4 : move;
		if (!quick || fabs(rate - opt->rate) > NEAR * opt->rate)
			at += move;
		else if (opt->rate < EARNEST)
			quick = false;
		else
			break;
		if (!quick && last_at != at)
			break;
	}
	*gain = exp2(at);
	return HVQZ_OK;
}

/* Does the rate asked for lie within what this model can do? */
static void check_landing(const struct job_env *env,
			  const struct encode_options *opt,
			  const struct job_report *rep)
{
	double got = bpp(rep), margin = 0.03 * opt->rate;

	if (opt->rate_mode != RATE_BPP || !rep->n_params)
		return;
	if (!rep->n_steered)
		hvqz_warn(&env->notes, "nothing in this model is to be "
			  "quantized by the trellis: --bpp moves nothing");
	else if (fabs(got - opt->rate) > margin)
		hvqz_warn(&env->notes, "%.3f bits a parameter were asked for, "
			  "%.3f is as near as this model gets", opt->rate,
			  got);
}

/* How much of a pipe to keep: no more than a quarter of what we may use. */
static size_t spool_size(const struct job_env *env)
{
	uint64_t most = env->memory_limit / 4;

	return env->memory_limit && most < SPOOL ? (size_t)most : SPOOL;
}

enum hvqz_ret job_encode(const struct job_env *env,
			 const struct encode_options *opt, struct source *src,
			 struct sink *out, struct job_report *rep,
			 struct hvqz_err *err)
{
	struct encode_pass pass = {
		.gain = 1, .measure = opt->dry_run, .quick = opt->dry_run,
	};
	struct spool spool = {0};
	enum hvqz_ret ret;

	if (opt->rate_mode == RATE_BPP && !source_can_seek(src)) {
		pass.spooled = spool_size(env);
		TRY_OUT(spool_open(&spool, src, pass.spooled, err));
		src = &spool.src;
	}
	if (opt->rate_mode == RATE_BPP && source_can_seek(src))
		TRY_OUT(solve(env, opt, src, src->off, &pass.gain, err));
	else if (opt->rate_mode == RATE_BPP)
		pass.steer = opt->rate;
	TRY_OUT(encode_pass_run(env, opt, &pass, src, out, rep, err));
	if (!opt->dry_run)
		check_landing(env, opt, rep);
out:
	spool_close(&spool);
	return ret;
}
