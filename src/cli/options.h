/*
 * options.h - the walk over a command line, the same for every program.
 *
 * A program names its options in tables of rows; a row says what its option is
 * called and who takes it. What getopt does not know, what lacks an argument,
 * -h, -H and -V are dealt with here. What options mean is the takers' business.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/help.h"
#include "cli/message.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Codes of options without a short form begin here. Those of the groups that
 * meet in one command line must differ.
 */
enum {
	OPT_COMMON = 0x100,	/* of every program */
	OPT_MODEL = 0x200,	/* of the programs that run models */
	OPT_OWN = 0x300,	/* of one program */
};

struct option_row {
	const char *name;	/* NULL: there is a letter only */
	int has_arg;		/* as getopt_long() wants it */
	int code;		/* the letter, or a code from above */
	int modes;		/* where it means something: the program's */
	/*
	 * arg is NULL when it takes none. False: refused, and said so. No
	 * taker: it is -h, -H or -V.
	 */
	bool (*take)(void *ctx, int code, const char *arg);
};

struct option_group {
	const struct option_row *rows;
	size_t n;
	void *ctx;		/* for the takers */
	bool *seen;		/* [n]: was it given? May be NULL */
};

enum args_result {
	ARGS_RUN,		/* there is work */
	ARGS_DONE,		/* -h, -H or -V has been answered */
	ARGS_BAD,		/* an error message has been printed */
};

/*
 * Give every option of argv to its taker. With ARGS_RUN, argv has been
 * permuted: the words from *first on are none.
 */
enum args_result options_walk(const struct option_group *groups,
			      size_t n_groups, const struct help *help,
			      int argc, char **argv, int *first);

/*
 * Room for one more element of size bytes behind the n that *list has; false,
 * and a message, when out of memory.
 */
bool options_grow(void *list, size_t n, size_t size);

/* Append text to a list of *n. The same. */
bool options_append(const char ***list, size_t *n, const char *text);

/* Standard input gives its bytes once: false, and a message, if n > 1. */
bool options_check_stdin(size_t n);

/* Say what is wrong with the command line; false, for the caller to return. */
#define REFUSE(...) (message_error(NULL, __VA_ARGS__), false)

#endif
