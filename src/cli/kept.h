/*
 * kept.h - files that no output may replace, -f or not: the base model and the
 * sidecars of the command line, and what this run has written itself.
 */
#ifndef CLI_KEPT_H
#define CLI_KEPT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct args;

enum kept_as { KEPT_BASE, KEPT_SIDECAR, KEPT_OUTPUT };

struct kept {
	struct kept_file {
		dev_t dev;
		ino_t ino;
		enum kept_as as;
		const char *from;	/* of an output: its input's name */
	} *v;			/* owned, the names are not */
	size_t n, cap;
};

/* Remember args' base model and sidecars. False: error message. */
bool kept_begin(struct kept *k, const struct args *args);

/*
 * Is the file that st is of, at path, free to be replaced? HVQZ_USAGE: no, and
 * why. What is not a regular file is never replaced, and free.
 */
enum hvqz_ret kept_check(const struct kept *k, const struct stat *st,
			 const char *path, struct hvqz_err *err);

/* Make room for n outputs more, before there is one that must be remembered. */
enum hvqz_ret kept_room(struct kept *k, size_t n, struct hvqz_err *err);

/* Remember an output made of `from`. There must be room for it. */
void kept_add_output(struct kept *k, const struct stat *st, const char *from);

void kept_free(struct kept *k);

#endif
