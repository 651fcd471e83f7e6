/*
 * base_file.h - the base model of the command line, open for the whole run.
 */
#ifndef CLI_BASE_FILE_H
#define CLI_BASE_FILE_H

#include "cli/in_file.h"
#include "job/base.h"

struct args;

struct base_file {
	struct in_file in;
	struct base_model model;
	char *name;		/* for people; owned */
	bool open;
};

/*
 * Open args' base model, if it has one, and let all jobs in args have it. *b
 * must not move. False: error message. base_file_close() in either case.
 */
bool base_file_open(struct base_file *b, struct args *args);

/* Is path that model itself, which is not to be removed? Then error message. */
bool base_file_is_input(const struct args *args, const char *path);

/* Has it kept still? False: error message. */
bool base_file_unchanged(const struct base_file *b);
void base_file_close(struct base_file *b);

#endif
