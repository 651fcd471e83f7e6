/*
 * common_args.h - the options that every program has: threads, memory,
 * messages, help.
 */
#ifndef CLI_COMMON_ARGS_H
#define CLI_COMMON_ARGS_H

#include "cli/options.h"
#include "cli/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct common_args {
	bool has_threads;		/* -T was given */
	unsigned threads;		/* 0: not settled yet */
	bool has_memory;		/* -M was given */
	uint64_t memory;		/* 0: no limit */
	/* Not an option: of test builds (cpu_off.h). NULL: the fastest. */
	const struct kernels *kern;

	int verbosity;			/* as message_setup() */
	bool no_warn_status;		/* -Q */
	enum progress_mode progress;
};

/* The group of these options, to be taken into *c. */
struct option_group common_args_group(struct common_args *c);

/* -o FILE, once; *output is NULL before. */
bool common_take_output(const char **output, const char *arg);

#endif
