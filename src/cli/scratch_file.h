/*
 * scratch_file.h - a nameless temporary file, made when it is first needed.
 */
#ifndef CLI_SCRATCH_FILE_H
#define CLI_SCRATCH_FILE_H

#include "job/job.h"

#include <stdio.h>

struct scratch_file {
	FILE *file;		/* or NULL */
	uint64_t len;
};

/* How a job uses f, which must outlive it. */
struct job_scratch scratch_file_ops(struct scratch_file *f);
void scratch_file_close(struct scratch_file *f);

#endif
