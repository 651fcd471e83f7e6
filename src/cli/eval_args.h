/*
 * eval_args.h - the command line of hvqz-eval, understood and checked.
 */
#ifndef CLI_EVAL_ARGS_H
#define CLI_EVAL_ARGS_H

#include "cli/common_args.h"
#include "cli/model_args.h"

struct eval_args {
	struct common_args common;
	struct model_args model;
	const char **weights;	/* files and folders to be scored; owned */
	size_t n_weights;
	bool json;
};

/* The strings stay argv's. eval_args_free() in every case. */
enum args_result eval_args_parse(struct eval_args *args, int argc,
				 char **argv);
void eval_args_free(struct eval_args *args);

#endif
