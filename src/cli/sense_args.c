/* sense_args.c - the command line of hvqz-sense. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/sense_args.h"

#include "cli/number.h"

#include <string.h>

enum {
	OPT_DIAG = OPT_OWN, OPT_FULL, OPT_BLOCK, OPT_DRAWS, OPT_SEED,
	OPT_NO_SYNC, OPT_DRY_RUN,

	DRAWS_DEFAULT = 2,
	MAX_DRAWS = 1000,
	MAX_BLOCK = 1 << 20,
};

static bool take_number(struct sense_options *opt, int code, const char *arg)
{
	uint64_t n = 0;

	switch (code) {
	case OPT_BLOCK:
		if (!number_parse(arg, 0, MAX_BLOCK, &n))
			return REFUSE("--block: '%s' is not a number of "
				      "channels from 0 to %d", arg, MAX_BLOCK);
		opt->block = (size_t)n;
		return true;
	case OPT_DRAWS:
		if (!number_parse(arg, 0, MAX_DRAWS, &n))
			return REFUSE("--draws: '%s' is not a number from 0 "
				      "to %d", arg, MAX_DRAWS);
		opt->draws = (unsigned)n;
		return true;
	default:		/* OPT_SEED */
		return number_parse(arg, 0, UINT64_MAX, &opt->seed) ||
		       REFUSE("--seed: '%s' is not a whole number below 2^64",
			      arg);
	}
}

static bool take(void *ctx, int code, const char *arg)
{
	struct sense_args *a = ctx;

	switch (code) {
	case OPT_DIAG:
	case OPT_FULL:
		a->opt.full = code == OPT_FULL;
		return true;
	case 'o':
		return common_take_output(&a->output, arg);
	case 'f':
		return a->force = true;
	case OPT_NO_SYNC:
		return a->no_sync = true;
	case OPT_DRY_RUN:
		return a->dry_run = true;
	default:
		return take_number(&a->opt, code, arg);
	}
}

static const struct option_row rows[] = {
	{"diag", no_argument, OPT_DIAG, 0, take},
	{"full", no_argument, OPT_FULL, 0, take},
	{"block", required_argument, OPT_BLOCK, 0, take},
	{"draws", required_argument, OPT_DRAWS, 0, take},
	{"seed", required_argument, OPT_SEED, 0, take},
	{"output", required_argument, 'o', 0, take},
	{"force", no_argument, 'f', 0, take},
	{"no-sync", no_argument, OPT_NO_SYNC, 0, take},
	{"dry-run", no_argument, OPT_DRY_RUN, 0, take},
};

/* Does everything that was said go together? */
static bool check(struct sense_args *a)
{
	if (a->opt.block && !a->opt.full)
		return REFUSE("--block is for full Hessians, and --diag makes "
			      "none");
	if (!a->output && !a->dry_run)
		return REFUSE("where to? -o SIDECAR is missing; try '%s -h'",
			      message_program);
	if (a->output && strcmp(a->output, "-") == 0) {
		a->output = NULL;
		a->to_stdout = true;
	}
	return true;
}

enum args_result sense_args_parse(struct sense_args *args, int argc,
				  char **argv)
{
	const struct option_group own = {
		rows, sizeof(rows) / sizeof(*rows), args, NULL};
	enum args_result result;

	*args = (struct sense_args){
		.opt.full = true,
		.opt.draws = DRAWS_DEFAULT,
	};
	result = model_args_parse(&args->model, &args->common, &own,
				  &help_sense, argc, argv);
	if (result == ARGS_RUN && !check(args))
		result = ARGS_BAD;
	return result;
}
