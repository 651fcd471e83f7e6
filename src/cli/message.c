/* message.c - standard error and the exit status. */
#include "cli/message.h"

#include "cli/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A path (4096 bytes) and a sentence (struct hvqz_err) fit. */
enum { MESSAGE_LEN = 6000 };

const char *message_program = "hvqz";

static struct {
	pthread_mutex_t lock;	/* over all below, and over stderr */
	int verbosity;
	bool no_warn_status;
	bool errors, warnings;	/* any so far? */
	bool line;		/* a progress line stands on the terminal */
} said = {.lock = PTHREAD_MUTEX_INITIALIZER};

void message_setup(int verbosity, bool no_warn_status)
{
	pthread_mutex_lock(&said.lock);
	said.verbosity = verbosity;
	said.no_warn_status = no_warn_status;
	pthread_mutex_unlock(&said.lock);
}

/* Under the lock: one masked line, one fputs, so that lines do not mix. */
static void put_line(char *text, const char *end)
{
	char out[MESSAGE_LEN + 16];

	snprintf(out, sizeof(out), "%s%s%s", said.line ? "\r\033[K" : "",
		 text_mask(text), end);
	fputs(out, stderr);
	said.line = false;
}

static void say(const char *file, const char *fmt, va_list ap)
{
	char text[MESSAGE_LEN];
	int n;

	if (file)
		n = snprintf(text, sizeof(text), "%.40s: %.4200s: ",
			     message_program, file);
	else
		n = snprintf(text, sizeof(text), "%.40s: ", message_program);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	put_line(text, "\n");
}

void message_error(const char *file, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&said.lock);
	said.errors = true;
	if (said.verbosity > -2)
		say(file, fmt, ap);
	pthread_mutex_unlock(&said.lock);
	va_end(ap);
}

void message_warn(const char *file, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&said.lock);
	said.warnings = true;
	if (said.verbosity > -1)
		say(file, fmt, ap);
	pthread_mutex_unlock(&said.lock);
	va_end(ap);
}

void message_info(int level, const char *file, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&said.lock);
	if (said.verbosity >= level)
		say(file, fmt, ap);
	pthread_mutex_unlock(&said.lock);
	va_end(ap);
}

void message_err(const char *file, const struct hvqz_err *err)
{
	if (err->ret == HVQZ_STOPPED)
		return;
	if (err->tensor[0])
		message_error(file, "tensor '%s': %s", err->tensor, err->msg);
	else
		message_error(file, "%s", err->msg);
}

void message_note(void *ctx, const char *msg)
{
	message_warn(ctx, "%s", msg);
}

void message_line(const char *text, bool redraw)
{
	char copy[MESSAGE_LEN];

	snprintf(copy, sizeof(copy), "%s", text);
	pthread_mutex_lock(&said.lock);
	if (redraw) {
		if (*copy || said.line)
			put_line(copy, "");
		said.line = *copy != '\0';
	} else {
		put_line(copy, "\n");
	}
	fflush(stderr);
	pthread_mutex_unlock(&said.lock);
}

int message_status(void)
{
	if (said.errors)
		return EXIT_ERROR;
	if (said.warnings && !said.no_warn_status)
		return EXIT_WARNING;
	return EXIT_GOOD;
}
