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

#endif
