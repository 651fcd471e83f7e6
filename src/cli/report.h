/* report.h - what -v says about a file when it is done, and what -n says. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/args.h"

/* On standard error; for verbosity 1 and 2. */
void report_done(const struct args *args, const char *file,
		 const struct job_report *rep, double seconds);

/* A warning, where --dtype was too narrow for some weights. */
void report_clamped(const struct args *args, const char *file,
		    const struct job_report *rep);

/* On standard output. */
void report_plan(const char *file, const struct job_report *rep);

#endif
