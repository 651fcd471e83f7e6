/*
 * folder.h - a folder as one stream of bytes.
 *
 * Formats know no file system: who reads a folder (src/cli) makes a stream of
 * it, and who writes one takes a stream apart. Such a stream begins with a
 * table of the files' names and sizes; their bytes follow, in order. It only
 * ever passes from one room to another and is not a format of files.
 */
#ifndef FORMATS_FOLDER_H
#define FORMATS_FOLDER_H

#include "formats/members.h"

enum { FOLDER_MAGIC_LEN = 8, FOLDER_MAX_FILES = 1 << 16 };
extern const char folder_magic[FOLDER_MAGIC_LEN];

/* Append the table for those files; size of each as it will be. */
enum hvqz_ret folder_put_table(struct buf *b, const struct members *files,
			       struct hvqz_err *err);

/*
 * Read the table, and leave the source behind it: files' names are valid, no
 * two are the same; off counts from behind the table.
 */
enum hvqz_ret folder_take_table(struct source *src, struct members *files,
				struct hvqz_err *err);

#endif
