/*
 * progress.h - how far a file has come, on standard error.
 *
 * A thread of its own wakes now and then, so that the line moves (and SIGUSR1
 * is answered) while a long chunk is being worked on.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "stream/source.h"

#include <stdint.h>

enum progress_mode {
	PROGRESS_AUTO,		/* a line when stderr is a terminal */
	PROGRESS_PLAIN,		/* one plain line a second */
	PROGRESS_NONE,
};

/* What is counted. */
enum progress_unit {
	PROGRESS_BYTES,
	PROGRESS_TOKENS,
};

/* total: how much will come in, or SOURCE_SIZE_UNKNOWN. */
void progress_begin(enum progress_mode mode, const char *file,
		    enum progress_unit unit, uint64_t total);

/* For struct job_env; ctx is unused. */
void progress_update(void *ctx, uint64_t in, uint64_t out,
		     const char *tensor);

/* Wipes the line. */
void progress_end(void);

/* Seconds on a clock that nobody sets. */
double progress_clock(void);

#endif
