/*
 * in_file.h - an input: standard input, a file or a model's folder, and whether
 * it held still.
 *
 * Says its own error messages.
 */
#ifndef CLI_IN_FILE_H
#define CLI_IN_FILE_H

#include "cli/fd_stream.h"

#include <stdbool.h>
#include <sys/stat.h>

struct in_file {
	/* NULL: standard input. Of a split model: what its parts begin with. */
	const char *path;
	const char *name;	/* for messages */
	int fd;
	struct stat st;		/* as it was at the start */
	bool regular;
	struct fd_stream io;
	struct source src;
	struct in_folder *folder;	/* or NULL */
	char *folder_path;		/* of a file that means one; owned */
	char *set;			/* of a split model, path; owned */
	char *inside;			/* the folder with a slash; owned */
	/* Between what is read and src, where in_prepare() has put them: */
	struct unpack *unpack;		/* or NULL, */
	struct zip_unpack *unzip;	/* as this */
	struct source packed;
	int spool;			/* descriptor of a copy, or -1 */
};

enum in_flags {
	IN_FORCE = 1,		/* a terminal is fine */
	IN_SEQUENTIAL = 2,	/* all of it will be read, once */
	/* A folder is fine, as is its shards' index; a part means its set. */
	IN_MODEL = 4,
};

/*
 * Open path ("-" is standard input) into *in, which must not move until
 * in_close(). A directory (without IN_MODEL) or a terminal (without IN_FORCE)
 * is refused.
 */
bool in_open(struct in_file *in, const char *path, unsigned flags);

/*
 * The input is a model file: where it is compressed, src becomes what it
 * unpacks to; where its format has to seek and src cannot, src becomes a copy
 * in a nameless temporary file ($TMPDIR or /tmp).
 */
bool in_prepare(struct in_file *in);

/* Is st that file, or one of the folder's or the split model's? */
bool in_is(const struct in_file *in, const struct stat *st);

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

/*
 * Remove the input's name if it still is the file that was read, as it was at
 * the start; a warning says why it stays.
 */
void in_remove(const struct in_file *in);

void in_close(struct in_file *in);

#endif
