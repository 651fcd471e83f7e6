/* options.c - the walk over a command line. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 96 };		/* in all groups of a program */

struct walk {
	const struct option_group *groups;
	size_t n_groups;
	struct option longs[MAX_ROWS + 1];
	char shorts[2 * MAX_ROWS + 2];
};

static const struct option_row *find_row(const struct walk *w, int code,
					 const struct option_group **group)
{
	for (size_t g = 0; g < w->n_groups; g++)
		for (size_t i = 0; i < w->groups[g].n; i++)
			if (w->groups[g].rows[i].code == code) {
				*group = &w->groups[g];
				return &w->groups[g].rows[i];
			}
	return NULL;
}

/* What getopt_long() wants to be told. */
static void prepare(struct walk *w)
{
	size_t n_longs = 0, n_shorts = 0;

	/* A missing argument is ':', not '?'. */
	w->shorts[n_shorts++] = ':';
	for (size_t g = 0; g < w->n_groups; g++)
		for (size_t i = 0; i < w->groups[g].n; i++) {
			const struct option_row *r = &w->groups[g].rows[i];

			assert(n_longs < MAX_ROWS &&
			       n_shorts < 2 * MAX_ROWS);
			if (r->name)
				w->longs[n_longs++] = (struct option){
					r->name, r->has_arg, NULL, r->code};
			if (r->code >= OPT_COMMON)
				continue;
			w->shorts[n_shorts++] = (char)r->code;
			if (r->has_arg == required_argument)
				w->shorts[n_shorts++] = ':';
		}
}

/* Do several long options begin with the word's "--xyz" or "--xyz=…"? */
static bool is_ambiguous(const struct walk *w, const char *word)
{
	size_t len, n = 0;

	if (strncmp(word, "--", 2) != 0)
		return false;
	len = strcspn(word + 2, "=");
	for (const struct option *o = w->longs; o->name; o++)
		n += strncmp(o->name, word + 2, len) == 0;
	return n > 1;
}

/* getopt has met something it does not know. */
static void complain(const struct walk *w, int result, const char *word)
{
	const struct option_group *group;
	const struct option_row *row = find_row(w, optopt, &group);
	const char *me = message_program;

	if (result == ':' && row && optopt < OPT_COMMON)
		message_error(NULL, "-%c, --%s needs an argument; "
			      "try '%s -h'", optopt, row->name, me);
	else if (result == ':' && row)
		message_error(NULL, "--%s needs an argument; try '%s -h'",
			      row->name, me);
	else if (row)		/* --keep=now */
		message_error(NULL, "--%s takes no argument; try '%s -h'",
			      row->name, me);
	else if (optopt)	/* one letter out of several, perhaps */
		message_error(NULL, "unknown option '-%c'; try '%s -h'",
			      optopt, me);
	else
		message_error(NULL, "%s option '%s'; try '%s -h'",
			      is_ambiguous(w, word) ? "ambiguous" : "unknown",
			      word, me);
}

enum args_result options_walk(const struct option_group *groups,
			      size_t n_groups, const struct help *help,
			      int argc, char **argv, int *first)
{
	struct walk w = {.groups = groups, .n_groups = n_groups};
	int code;

	prepare(&w);
	opterr = 0;
	while ((code = getopt_long(argc, argv, w.shorts, w.longs, NULL)) !=
	       -1) {
		const struct option_group *g;
		const struct option_row *row = find_row(&w, code, &g);

		if (code == '?' || code == ':' || !row) {
			complain(&w, code, argv[optind - 1]);
			return ARGS_BAD;
		}
		if (!row->take) {
			help_answer(help, code);
			return ARGS_DONE;
		}
		if (!row->take(g->ctx, code, optarg))
			return ARGS_BAD;
		if (g->seen)
			g->seen[row - g->rows] = true;
	}
	*first = optind;
	return ARGS_RUN;
}

bool options_grow(void *list, size_t n, size_t size)
{
	void *p, **at = list;

	/* Doubles at every power of two. */
	if (n & (n - 1))
		return true;
	p = realloc(*at, (n ? 2 * n : 1) * size);
	if (!p)
		return REFUSE("out of memory");
	*at = p;
	return true;
}

bool options_append(const char ***list, size_t *n, const char *text)
{
	if (!options_grow(list, *n, sizeof(**list)))
		return false;
	(*list)[(*n)++] = text;
	return true;
}

bool options_check_stdin(size_t n)
{
	return n < 2 || REFUSE("standard input can be read once, and is "
			       "wanted %zu times", n);
}
