/*
 * args.h - the command line, understood and checked.
 *
 * Parsing is all or nothing: when it succeeds, options that contradict each
 * other or the mode have been refused, and nobody behind has to ask again.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "job/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode {
	MODE_ENCODE,
	MODE_DECODE,
	MODE_TEST,
	MODE_LIST,
	MODE_EXTRACT,
};

enum progress_mode {
	PROGRESS_AUTO,		/* a line when stderr is a terminal */
	PROGRESS_PLAIN,		/* one plain line a second */
	PROGRESS_NONE,
};

struct args {
	enum mode mode;
	const char *mode_option;	/* "-d": for messages */

	const char *output;		/* -o, or NULL */
	bool to_stdout;			/* -c */
	const char *suffix;		/* -S */
	bool force;			/* -f */
	bool remove;			/* --rm */
	bool no_sync;			/* --no-sync */

	bool has_threads;		/* -T was given */
	unsigned threads;		/* 0: not settled yet */
	bool has_memory;		/* -M was given */
	uint64_t memory;		/* 0: no limit */

	int verbosity;			/* as message_setup() */
	bool no_warn_status;		/* -Q */
	enum progress_mode progress;
	bool json;

	struct encode_options encode;	/* rules owned; sens is not set */
	struct decode_options decode;
	struct extract_options extract;	/* globs owned */
	const char **sidecars;		/* owned */
	size_t n_sidecars;

	const char **files;		/* owned; at least one; "-" is stdin */
	size_t n_files;
};

enum args_result {
	ARGS_RUN,		/* there is work */
	ARGS_DONE,		/* -h, -H or -V has been answered */
	ARGS_BAD,		/* an error message has been printed */
};

/* The strings stay argv's. args_free() in every case. */
enum args_result args_parse(struct args *args, int argc, char **argv);
void args_free(struct args *args);

#endif
