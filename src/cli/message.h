/*
 * message.h - everything the program says on standard error, and the exit
 * status that follows from it.
 *
 * The one place that writes to stderr: messages from any thread come out
 * whole, masked of control characters, and above the progress line instead of
 * through it.
 */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include "hvqz.h"

#include <stdbool.h>

enum {
	EXIT_GOOD = 0,
	EXIT_ERROR = 1,
	EXIT_WARNING = 2,
};

/* What messages begin with: the program's name. Set before all else. */
extern const char *message_program;

/*
 * verbosity: -2 says nothing, -1 errors, 0 warnings too, 1 and 2 the -v lines.
 * no_warn_status: warnings alone leave the exit status 0 (-Q).
 */
void message_setup(int verbosity, bool no_warn_status);

/*
 * "PROGRAM: FILE: sentence"; file may be NULL for a message about no file. An
 * error or warning that -q hides still counts for the exit status.
 */
void message_error(const char *file, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void message_warn(const char *file, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Said at verbosity `level` and above. */
void message_info(int level, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * A library error: "PROGRAM: FILE: tensor 'x': sentence". HVQZ_STOPPED is not
 * an error of the file and prints nothing.
 */
void message_err(const char *file, const struct hvqz_err *err);

/* A warn callback for struct hvqz_notes; ctx is the file's name. */
void message_note(void *ctx, const char *msg);

/*
 * The progress line: with redraw, text replaces the line now on the terminal
 * ("" wipes it); otherwise it is a line of its own.
 */
void message_line(const char *text, bool redraw);

/* Exit status: errors before warnings. */
int message_status(void);

#endif
