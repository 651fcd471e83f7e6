/*
 * encode_plan.h - what to do with every tensor, within the memory there is.
 */
#ifndef JOB_ENCODE_PLAN_H
#define JOB_ENCODE_PLAN_H

#include "job/encode_pass.h"

/*
 * The plan for m to *plan, with settings set, what it takes to rep. Where that
 * is over env's memory limit, threads go first, as they change no byte of the
 * output (env->n_threads is what is left), and then, where opt allows it,
 * chunks become smaller. HVQZ_USAGE: it is over the limit all the same.
 */
enum hvqz_ret encode_plan(struct plan *plan, struct job_env *env,
			  const struct encode_options *opt,
			  const struct encode_pass *pass,
			  const struct codec_settings *set,
			  const struct model *m, struct job_report *rep,
			  struct hvqz_err *err);

#endif
