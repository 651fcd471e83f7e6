/* progress.c - the progress line and its thread. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/progress.h"

#include "cli/message.h"
#include "cli/signals.h"
#include "cli/text.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 200 };

static struct {
	pthread_mutex_t lock;	/* over all below but thread */
	pthread_cond_t ended;
	bool end;
	enum progress_mode mode;
	bool terminal;
	const char *file;
	enum progress_unit unit;
	uint64_t total, in, out;
	char tensor[200];
	double began, said;

	bool running;		/* main thread only, as is thread */
	pthread_t thread;
} now = {.lock = PTHREAD_MUTEX_INITIALIZER};

double progress_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* How much, for people. */
static const char *amount(uint64_t n, char *buf)
{
	return now.unit == PROGRESS_BYTES ? text_bytes(n, buf)
					  : text_number(n, buf);
}

/* Under the lock: the line's text. */
static void describe(char *to, size_t len, double at)
{
	bool bytes = now.unit == PROGRESS_BYTES;
	const char *unit = bytes ? "" : " tokens";
	double seconds = at - now.began;
	double rate = seconds > 0 ? (double)now.in / seconds : 0;
	char in[TEXT_LEN], total[TEXT_LEN], left[TEXT_LEN];
	int n;

	if (now.total == SOURCE_SIZE_UNKNOWN || !now.total)
		n = snprintf(to, len, "%.80s: %s%s in", now.file,
			     amount(now.in, in), unit);
	else
		n = snprintf(to, len, "%.80s: %3.0f %%, %s of %s%s", now.file,
			     100.0 * (double)now.in / (double)now.total,
			     amount(now.in, in), amount(now.total, total),
			     unit);
	if (!now.in) {
		/* No rate yet; the first chunk may take its time. */
		snprintf(to + n, len - (size_t)n, ", at the first %s",
			 bytes ? "chunk" : "sequence");
		return;
	}
	if (now.out && bytes)
		n += snprintf(to + n, len - (size_t)n, ", %s out",
			      text_bytes(now.out, in));
	if (bytes)
		n += snprintf(to + n, len - (size_t)n, ", %.1f MB/s",
			      rate / 1e6);
	else
		n += snprintf(to + n, len - (size_t)n, ", %.0f tok/s", rate);
	if (now.total != SOURCE_SIZE_UNKNOWN && now.total > now.in)
		n += snprintf(to + n, len - (size_t)n, ", %s left",
			      text_duration((double)(now.total - now.in) /
					    rate, left));
	if (*now.tensor)
		snprintf(to + n, len - (size_t)n, ", %s", now.tensor);
}

/* Columns of the terminal behind stderr; 80 when it does not say. */
static size_t columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col)
		return 80;
	return w.ws_col;
}

/* Under the lock: is it time for a line, and which kind? */
static void tick(void)
{
	double at = progress_clock();
	bool asked = signals_take_usr1();
	bool redraw = now.mode == PROGRESS_AUTO && now.terminal;
	char line[512] = "";
	size_t head = 0;

	/* A job of less than a second needs no line. */
	if (!asked && (now.mode == PROGRESS_NONE ||
		       (now.mode == PROGRESS_AUTO && !now.terminal) ||
		       at - now.began < 1 ||
		       (!redraw && at - now.said < 1)))
		return;
	now.said = at;
	if (!redraw)
		head = (size_t)snprintf(line, sizeof(line), "%.40s: ",
					message_program);
	describe(line + head, sizeof(line) - head, at);
	text_mask(line);
	if (redraw)
		text_cut(line, columns() - 1);
	message_line(line, redraw);
}

static void *run(void *arg)
{
	struct timespec until;

	(void)arg;
	pthread_mutex_lock(&now.lock);
	while (!now.end) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&now.ended, &now.lock, &until);
		if (!now.end)
			tick();
	}
	pthread_mutex_unlock(&now.lock);
	return NULL;
}

void progress_begin(enum progress_mode mode, const char *file,
		    enum progress_unit unit, uint64_t total)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	now.mode = mode;
	now.file = file;
	now.unit = unit;
	now.total = total;
	now.in = now.out = 0;
	now.tensor[0] = '\0';
	now.began = now.said = progress_clock();
	now.terminal = isatty(STDERR_FILENO);
	now.end = false;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&now.ended, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are to interrupt those who read and write, not this one. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	now.running = pthread_create(&now.thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void progress_update(void *ctx, uint64_t in, uint64_t out,
		     const char *tensor)
{
	(void)ctx;
	pthread_mutex_lock(&now.lock);
	now.in = in;
	now.out = out;
	snprintf(now.tensor, sizeof(now.tensor), "%s", tensor ? tensor : "");
	pthread_mutex_unlock(&now.lock);
}

void progress_end(void)
{
	if (now.running) {
		pthread_mutex_lock(&now.lock);
		now.end = true;
		pthread_cond_signal(&now.ended);
		pthread_mutex_unlock(&now.lock);
		pthread_join(now.thread, NULL);
	}
	now.running = false;
	pthread_cond_destroy(&now.ended);
	message_line("", true);
}
