/*
 * out_folder.h - files that appear in a folder, all of them or none.
 *
 * Takes the stream of formats/folder.h apart. Every file is written under a
 * temporary name where it belongs; when all are complete and on disk they are
 * given their names. The second of two stopping signals leaves none of either.
 * Says its own error messages.
 */
#ifndef CLI_OUT_FOLDER_H
#define CLI_OUT_FOLDER_H

#include "cli/kept.h"
#include "cli/out_file.h"
#include "formats/folder.h"

#include <stdatomic.h>
#include <stdbool.h>

struct out_folder {
	const char *path;
	const char *about;	/* the input's name, for messages */
	const struct in_file *in;
	struct kept *kept;
	unsigned flags;		/* enum out_flags */
	mode_t mode;		/* of its files */
	int dir;
	bool made;		/* the folder itself is ours */
	struct members files;
	bool has_table;
	size_t file;		/* the one being written, */
	int fd;			/* its descriptor or -1, */
	uint64_t left;		/* and what it still wants */
	/* For the second signal, too, the counts of what can be undone: */
	char (*temps)[TEMP_NAME_LEN];	/* [files.n]; owned */
	atomic_size_t n_temps;	/* files that have a temporary name, or had */
	atomic_size_t n_named;	/* and have their own now */
	char **folders;		/* made in it, outer ones first; owned */
	atomic_size_t n_folders;
	struct sink sink;
};

/*
 * Make the folder path unless it is there; its name is safe on disk then, but
 * with OUT_NO_SYNC. *made: it was not there. False: error message.
 */
bool out_folder_make(const char *path, const char *about, unsigned flags,
		     bool *made);

/*
 * Make the folder path, or use it if it is there, for what will be made of in.
 * Neither in itself nor what is in kept is replaced, and what is written goes
 * there. *f, *in and *kept must not move until commit or discard.
 */
bool out_folder_open(struct out_folder *f, const char *path,
		     const struct in_file *in, unsigned flags,
		     struct kept *kept);

/*
 * False: error message; what had got a name is taken away again, unless only
 * the disk could not be waited for.
 */
bool out_folder_commit(struct out_folder *f);
void out_folder_discard(struct out_folder *f);

#endif
