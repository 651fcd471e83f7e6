/*
 * in_file.h - an input: standard input or a file, and whether it held still.
 *
 * Says its own error messages.
 */
#ifndef CLI_IN_FILE_H
#define CLI_IN_FILE_H

#include "cli/fd_stream.h"

#include <stdbool.h>
#include <sys/stat.h>

struct in_file {
	const char *path;	/* NULL: standard input */
	const char *name;	/* for messages */
	int fd;
	struct stat st;		/* as it was at the start */
	bool regular;
	struct fd_stream io;
	struct source src;
};

enum in_flags {
	IN_FORCE = 1,		/* a terminal is fine */
	IN_SEQUENTIAL = 2,	/* all of it will be read, once */
};

/*
 * Open path ("-" is standard input) into *in, which must not move until
 * in_close(). A directory or a terminal (without IN_FORCE) is refused.
 */
bool in_open(struct in_file *in, const char *path, unsigned flags);

/* Has the file kept its size and times? False: error message. */
bool in_unchanged(const struct in_file *in);

/*
 * The n bytes at offset off, of a file of which in_can_reread(). To be called
 * from any thread, as read_again.read_at; ctx is the struct in_file.
 * HVQZ_IO: the file has changed since in_open().
 */
enum hvqz_ret in_read_at(void *ctx, uint64_t off, void *buf, size_t n,
			 struct hvqz_err *err);
bool in_can_reread(const struct in_file *in);

/* Remove the input's name if it still is the file that was read. */
void in_remove(const struct in_file *in);

void in_close(struct in_file *in);

#endif
