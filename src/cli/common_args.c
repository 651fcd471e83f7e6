/* common_args.c - the options that every program has. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/common_args.h"

#include "cli/hardware.h"
#include "cli/number.h"

#include <string.h>

enum { OPT_PROGRESS = OPT_COMMON };

static bool take_progress(struct common_args *c, const char *arg)
{
	if (strcmp(arg, "auto") == 0)
		c->progress = PROGRESS_AUTO;
	else if (strcmp(arg, "plain") == 0)
		c->progress = PROGRESS_PLAIN;
	else if (strcmp(arg, "none") == 0)
		c->progress = PROGRESS_NONE;
	else
		return REFUSE("--progress: '%s' is not auto, plain or none",
			      arg);
	return true;
}

/* At once: what is wrong behind -qq is not told either. */
static bool take_verbosity(struct common_args *c, int verbosity)
{
	c->verbosity = verbosity;
	message_setup(verbosity, c->no_warn_status);
	return true;
}

static bool take(void *ctx, int code, const char *arg)
{
	struct common_args *c = ctx;
	uint64_t n = 0;

	switch (code) {
	case 'T':
		if (!number_parse(arg, 0, HARDWARE_MAX_THREADS, &n))
			return REFUSE("-T: '%s' is not a number of threads "
				      "from 0 to %d", arg,
				      HARDWARE_MAX_THREADS);
		c->has_threads = true;
		c->threads = (unsigned)n;
		return true;
	case 'M':
		c->has_memory = true;
		return number_size(arg, 0, UINT64_MAX, &c->memory) ||
		       REFUSE("-M: '%s' is not a size such as 400M", arg);
	case 'v':
		return take_verbosity(c, c->verbosity < 0 ? 1
							  : c->verbosity + 1);
	case 'q':
		return take_verbosity(c, c->verbosity > 0 ? -1
							  : c->verbosity - 1);
	case 'Q':
		return c->no_warn_status = true;
	default:		/* OPT_PROGRESS */
		return take_progress(c, arg);
	}
}

static const struct option_row rows[] = {
	{"threads", required_argument, 'T', 0, take},
	{"memory", required_argument, 'M', 0, take},
	{"verbose", no_argument, 'v', 0, take},
	{"quiet", no_argument, 'q', 0, take},
	{"no-warn", no_argument, 'Q', 0, take},
	{"progress", required_argument, OPT_PROGRESS, 0, take},
	{"help", no_argument, 'h', 0, NULL},
	{"long-help", no_argument, 'H', 0, NULL},
	{"version", no_argument, 'V', 0, NULL},
};

struct option_group common_args_group(struct common_args *c)
{
	return (struct option_group){
		.rows = rows,
		.n = sizeof(rows) / sizeof(*rows),
		.ctx = c,
	};
}

bool common_take_output(const char **output, const char *arg)
{
	if (*output)
		return REFUSE("two outputs: -o %s and -o %s", *output, arg);
	*output = arg;
	return *arg || REFUSE("-o: the name is empty");
}
