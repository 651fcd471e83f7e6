/*
 * scratch_file.h - a nameless temporary file in TMPDIR, or in /tmp.
 *
 * It is opened while the program may still open files, needed or not; that it
 * cannot be is told when it is needed.
 */
#ifndef CLI_SCRATCH_FILE_H
#define CLI_SCRATCH_FILE_H

#include "job/job.h"

#include <stdint.h>

struct scratch_file {
	int fd;			/* −1: see error */
	int error;		/* an errno, of opening it */
	uint64_t len;
};

/* The folder. */
const char *scratch_file_folder(void);

void scratch_file_open(struct scratch_file *f);

/* How a job uses f, which must outlive it. */
struct job_scratch scratch_file_ops(struct scratch_file *f);
void scratch_file_close(struct scratch_file *f);

#endif
