/*
 * encode_pass.h - once through a model: the part of encoding that may have to
 * be done more than once to land on a size.
 */
#ifndef JOB_ENCODE_PASS_H
#define JOB_ENCODE_PASS_H

#include "job/job.h"

#include <stddef.h>

struct encode_pass {
	double gain;		/* on the step constants; 1 is as asked */
	bool measure;		/* only the report is wanted */
	bool quick;		/* and only about */
	/* The bits per parameter to steer for on the way; 0: steady steps. */
	double steer;
	size_t spooled;		/* bytes of the source kept in memory */
};

enum hvqz_ret encode_pass_run(const struct job_env *env,
			      const struct encode_options *opt,
			      const struct encode_pass *pass,
			      struct source *src, struct sink *out,
			      struct job_report *rep, struct hvqz_err *err);

#endif
