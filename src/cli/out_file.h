/*
 * out_file.h - an output that appears whole or not at all.
 *
 * A file gets its name when it is complete and on disk (temp_file.h). Standard output, pipes and devices are written
 * as they are. Says its own error messages.
 */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H

#include "cli/fd_stream.h"
#include "cli/in_file.h"
#include "cli/temp_file.h"

#include <stdbool.h>

enum out_flags {
	OUT_FORCE = 1,		/* replace; a terminal is fine */
	OUT_NO_SYNC = 2,	/* do not wait for the disk */
};

struct out_file {
	const char *name;	/* for messages */
	const struct in_file *in;	/* what it is made of, or NULL */
	unsigned flags;
	int fd;
	char *target;		/* NULL: nothing to rename; owned */
	struct temp_file temp;	/* with a target */
	struct fd_stream io;
	struct sink sink;
};

/*
 * Open path (NULL: standard output) for what will be made of in; NULL: it is
 * not made of one file. Refused: an existing file without OUT_FORCE, the input
 * itself or a file of the folder that it is, a directory, a terminal without
 * OUT_FORCE. Neither *out nor *in must move until commit or discard.
 */
bool out_open(struct out_file *out, const char *path,
	      const struct in_file *in, unsigned flags);

/*
 * All was written: give the file the input's mode, owner and times, make it
 * safe on disk and give it its name. False: error message, nothing left
 * behind. Either way *out is released.
 */
bool out_commit(struct out_file *out);

/* Leave no trace (of a file; what a pipe has got it has got). */
void out_discard(struct out_file *out);

#endif
