/*
 * model_args.h - what hvqz-sense and hvqz-eval are told alike: a model, a
 * text, how much of it.
 */
#ifndef CLI_MODEL_ARGS_H
#define CLI_MODEL_ARGS_H

#include "cli/common_args.h"

#include <stdbool.h>
#include <stddef.h>

struct model_args {
	const char *dir;	/* the model's folder */
	/* One of these; the other is NULL. */
	const char *text;	/* --text; "-" is standard input */
	const char *tokens;	/* --tokens; its name ends in .u16 or .u32 */
	size_t n_sequences;	/* -n; 0: not given */
	size_t context;		/* -c; 0: not given */
};

/*
 * Walk the command line of a program whose own options are `own`, and see that
 * it names a model and a text. The strings stay argv's.
 */
enum args_result model_args_parse(struct model_args *m, struct common_args *c,
				  const struct option_group *own,
				  const struct help *help, int argc,
				  char **argv);

/* Bytes of an id in the file of --tokens, as its name says: 2, 4 or 0. */
size_t model_args_id_bytes(const char *tokens);

#endif
