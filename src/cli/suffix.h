/*
 * suffix.h - the name of the output from the name of the input.
 *
 * Names only: what a file is, its content decides.
 */
#ifndef CLI_SUFFIX_H
#define CLI_SUFFIX_H

#include <stdbool.h>

#define SUFFIX_DEFAULT ".hvqz"

/* May this be given to -S: a dot and more, no slash? */
bool suffix_valid(const char *suffix);

/* path + suffix, allocated; NULL when out of memory. */
char *suffix_add(const char *path, const char *suffix);

/*
 * path without the suffix, allocated. NULL when it has not got it (or nothing
 * but it), or out of memory, which errno tells (0 or ENOMEM).
 */
char *suffix_strip(const char *path, const char *suffix);

/*
 * What a model at path becomes: a folder's slashes are left out (NULL, errno
 * EINVAL: a path like "." or "/", that has no name), and if it was compressed
 * the suffix that says so.
 */
char *suffix_encoded(const char *path, bool compressed, const char *suffix);

/*
 * What path decodes to: stripped, and where to names a format with that
 * format's suffix instead of the one it has now.
 */
char *suffix_decoded(const char *path, const char *suffix, const char *to);

/* What a model at path is called in another format; as for suffix_encoded(). */
char *suffix_converted(const char *path, bool compressed, const char *to);

/* The last part of name, in dir. Frees name. NULL: no memory. */
char *suffix_move(char *name, const char *dir);

#endif
