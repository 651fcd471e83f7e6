/*
 * in_folder.h - a model's folder as an input: the stream of formats/folder.h
 * over the regular files that lie right in it.
 *
 * Says its own error messages.
 */
#ifndef CLI_IN_FOLDER_H
#define CLI_IN_FOLDER_H

#include "formats/folder.h"

#include <stdbool.h>
#include <sys/stat.h>

struct in_folder;

/*
 * Open the folder at path. Folders in it are left out, with a warning;
 * whatever is neither a file nor a folder is refused, links above all: every
 * file is opened under the folder itself. With `part`, the name of a file in
 * it, only the parts of that split model are taken and looked at. NULL: error
 * message.
 */
struct in_folder *in_folder_open(const char *path, const char *part);

/* A source that can seek. f must outlive it. */
void in_folder_source(struct in_folder *f, struct source *src);

/* Have all files kept their sizes and times? False: error message. */
bool in_folder_unchanged(const struct in_folder *f);

/*
 * Who may read and write all of the files, of 0666; to their owner none of
 * them counts.
 */
mode_t in_folder_mode(const struct in_folder *f);

/* Is it one of the files? */
bool in_folder_has(const struct in_folder *f, const struct stat *st);

void in_folder_close(struct in_folder *f);

#endif
