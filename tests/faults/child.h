/*
 * child.h - running the program under test: its standard input from a file by
 * a pipe, its output and its messages into memory.
 */
#ifndef FAULTS_CHILD_H
#define FAULTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct bytes {
	unsigned char *p;	/* owned */
	size_t len, cap;
};

struct child {
	char **argv;
	const char *input;	/* a file for its standard input, or NULL */
	/* what came of it */
	int status;		/* as of waitpid() */
	bool late;		/* it had to be killed after a minute */
	struct bytes out, err;
};

/*
 * Run it until it ends; send it a signal, unless 0, after delay microseconds.
 */
void child_run(struct child *c, int signal, long delay);

/* The whole of a file; false: there is none. */
bool bytes_load(struct bytes *b, const char *path);
bool bytes_equal(const struct bytes *a, const struct bytes *b);
void bytes_free(struct bytes *b);

/* Replace a file's content. */
void file_put(const char *path, const char *text);

/* Is there a temporary file of the program's in this folder? */
bool traces(void);

/* Say what is wrong and end. */
void die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
