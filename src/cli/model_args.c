/* model_args.c - options of the programs that run models. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/model_args.h"

#include "cli/number.h"

#include <string.h>

enum {
	OPT_TEXT = OPT_MODEL, OPT_TOKENS,
	MAX_SEQUENCES = 1000000000,
	MAX_CONTEXT = 1 << 24,
};

size_t model_args_id_bytes(const char *tokens)
{
	const char *dot = strrchr(tokens, '.');

	if (dot && strcmp(dot, ".u16") == 0)
		return 2;
	return dot && strcmp(dot, ".u32") == 0 ? 4 : 0;
}

/* --text or --tokens: one of them, once. */
static bool take_text(struct model_args *m, const char **to, const char *arg)
{
	if (*to)
		return REFUSE("two texts: %s and %s", *to, arg);
	if (m->text || m->tokens)
		return REFUSE("--text and --tokens exclude each other");
	*to = arg;
	if (to == &m->tokens && !model_args_id_bytes(arg))
		return REFUSE("--tokens: '%s' must end in .u16 or .u32, which "
			      "says how long an id is", arg);
	return true;
}

static bool take(void *ctx, int code, const char *arg)
{
	struct model_args *m = ctx;
	uint64_t n = 0;

	switch (code) {
	case OPT_TEXT:
		return take_text(m, &m->text, arg);
	case OPT_TOKENS:
		return take_text(m, &m->tokens, arg);
	case 'n':
		if (!number_parse(arg, 1, MAX_SEQUENCES, &n))
			return REFUSE("-n: '%s' is not a number of sequences "
				      "from 1 to %d", arg, MAX_SEQUENCES);
		m->n_sequences = (size_t)n;
		return true;
	default:		/* 'c' */
		if (!number_parse(arg, 2, MAX_CONTEXT, &n))
			return REFUSE("-c: '%s' is not a number of tokens from "
				      "2 to %d", arg, MAX_CONTEXT);
		m->context = (size_t)n;
		return true;
	}
}

static const struct option_row rows[] = {
	{"text", required_argument, OPT_TEXT, 0, take},
	{"tokens", required_argument, OPT_TOKENS, 0, take},
	{"sequences", required_argument, 'n', 0, take},
	{"context", required_argument, 'c', 0, take},
};

/* The folder, from the words behind the options; and is there a text? */
static bool finish(struct model_args *m, int argc, char **argv, int first)
{
	if (first == argc)
		return REFUSE("which model? The folder is missing; try "
			      "'%s -h'", message_program);
	if (argc - first > 1)
		return REFUSE("one model at a time, not %d: '%s' and '%s'",
			      argc - first, argv[first], argv[first + 1]);
	m->dir = argv[first];
	return m->text || m->tokens ||
	       REFUSE("which text? --text FILE or --tokens FILE is missing; "
		      "try '%s -h'", message_program);
}

enum args_result model_args_parse(struct model_args *m, struct common_args *c,
				  const struct option_group *own,
				  const struct help *help, int argc,
				  char **argv)
{
	const struct option_group groups[] = {
		*own,
		{rows, sizeof(rows) / sizeof(*rows), m, NULL},
		common_args_group(c),
	};
	enum args_result result;
	int first;

	result = options_walk(groups, 3, help, argc, argv, &first);
	if (result == ARGS_RUN && !finish(m, argc, argv, first))
		result = ARGS_BAD;
	return result;
}
