/* eval_args.c - the command line of hvqz-eval. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/eval_args.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_WEIGHTS = OPT_OWN, OPT_JSON };

static bool take(void *ctx, int code, const char *arg)
{
	struct eval_args *a = ctx;

	if (code == OPT_JSON)
		return a->json = true;
	return options_append(&a->weights, &a->n_weights, arg);
}

static const struct option_row rows[] = {
	{"weights", required_argument, OPT_WEIGHTS, 0, take},
	{"json", no_argument, OPT_JSON, 0, take},
};

static bool check_stdin(const struct eval_args *a)
{
	size_t n = a->model.text && strcmp(a->model.text, "-") == 0;

	for (size_t i = 0; i < a->n_weights; i++)
		n += strcmp(a->weights[i], "-") == 0;
	return options_check_stdin(n);
}

enum args_result eval_args_parse(struct eval_args *args, int argc,
				 char **argv)
{
	const struct option_group own = {
		rows, sizeof(rows) / sizeof(*rows), args, NULL};
	enum args_result result;

	*args = (struct eval_args){0};
	result = model_args_parse(&args->model, &args->common, &own,
				  &help_eval, argc, argv);
	if (result == ARGS_RUN && !check_stdin(args))
		result = ARGS_BAD;
	return result;
}

void eval_args_free(struct eval_args *args)
{
	free(args->weights);
}
