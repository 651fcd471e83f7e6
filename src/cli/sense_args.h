/*
 * sense_args.h - the command line of hvqz-sense, understood and checked.
 */
#ifndef CLI_SENSE_ARGS_H
#define CLI_SENSE_ARGS_H

#include "cli/common_args.h"
#include "cli/model_args.h"
#include "job/sense.h"

struct sense_args {
	struct common_args common;
	struct model_args model;
	struct sense_options opt;	/* full, block, draws, seed are set */
	const char *output;	/* -o; NULL with to_stdout or dry_run only */
	bool to_stdout;		/* -o - */
	bool force;		/* -f */
	bool no_sync;		/* --no-sync */
	bool dry_run;		/* --dry-run */
};

/* The strings stay argv's. */
enum args_result sense_args_parse(struct sense_args *args, int argc,
				  char **argv);

#endif
