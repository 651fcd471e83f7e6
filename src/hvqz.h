/*
 * hvqz.h - the words every room of hvqz shares.
 *
 * What is here: result codes, the error record, the note callback. What is
 * not: anything about one room's work; each room has headers of its own.
 */
#ifndef HVQZ_H
#define HVQZ_H

#include <stdint.h>

enum hvqz_ret {
	HVQZ_OK = 0,
	HVQZ_DAMAGED,		/* the input breaks its own format's rules */
	HVQZ_UNSUPPORTED,	/* well formed, but not something we handle */
	HVQZ_IO,		/* the system refused a read or a write */
	HVQZ_NOMEM,
	HVQZ_USAGE,		/* the caller asked for something impossible */
	HVQZ_STOPPED,		/* a signal asked us to stop */
};

/*
 * One error, filled once where it happened. msg is a whole sentence part with
 * the numbers in it, no newline, no file name (the program adds that).
 */
struct hvqz_err {
	enum hvqz_ret ret;
	char tensor[200];	/* the tensor it is about, or "" */
	char msg[600];
};

/*
 * A remark that is not an error: a warning the user should see. `fn` may be
 * called from one thread only (the one that called the library) and may be
 * NULL.
 */
struct hvqz_notes {
	void (*warn)(void *ctx, const char *msg);
	void *ctx;
};

#endif
