/*
 * progress.h - how far a file has come, on standard error.
 *
 * A thread of its own wakes now and then, so that the line moves (and SIGUSR1
 * is answered) while a long chunk is being worked on.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/args.h"

#include <stdint.h>

/* total: bytes that will come in, or SOURCE_SIZE_UNKNOWN. */
void progress_begin(enum progress_mode mode, const char *file,
		    uint64_t total);

/* For struct job_env; ctx is unused. */
void progress_update(void *ctx, uint64_t in, uint64_t out,
		     const char *tensor);

/* Wipes the line. */
void progress_end(void);

/* Seconds on a clock that nobody sets. */
double progress_clock(void);

#endif
