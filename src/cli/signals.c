/* signals.c - the flag, the pipe, the way out. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/* Lock-free atomics: good in a handler, and good between threads. */
static atomic_int stop_signal;
static atomic_int usr1_came;

/* Never drained: once a byte is in it, every later wait ends at once. */
static int stop_pipe[2] = {-1, -1};

/* What the second signal removes: a name in a folder. */
static atomic_int remove_from = -1;
static _Atomic(const char *) remove_name;

/* And what else it calls. */
static _Atomic(void (*)(void *)) undo_call;
static _Atomic(void *) undo_ctx;
static atomic_bool dying;

/*
 * Where the way out is long (a factorisation asks no flag), somebody who asks
 * twice is not kept waiting: what the ordinary way out removes goes here.
 */
static void die_at_once(int sig)
{
	const char *name = atomic_load(&remove_name);
	int folder = atomic_load(&remove_from);
	void (*undo)(void *);

	atomic_store(&dying, true);
	undo = atomic_load(&undo_call);
	if (undo)
		undo(atomic_load(&undo_ctx));
	if (name && folder >= 0)
		unlinkat(folder, name, 0);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_stop(int sig)
{
	int saved = errno, none = 0;

	/* The first one is the one we die of. */
	if (!atomic_compare_exchange_strong(&stop_signal, &none, sig))
		die_at_once(sig);
	if (write(stop_pipe[1], "", 1) < 0) {
		/* Full or absent: the flag alone must do. */
	}
	errno = saved;
}

static void on_usr1(int sig)
{
	(void)sig;
	atomic_store(&usr1_came, 1);
}

static void handle(int sig, void (*handler)(int))
{
	/* No SA_RESTART: a blocked open() or read() is to come back. */
	struct sigaction act = {.sa_handler = handler}, old;

	sigemptyset(&act.sa_mask);
	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(sig, &act, NULL);
}

void signals_install(void)
{
	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		stop_pipe[0] = stop_pipe[1] = -1;
	handle(SIGINT, on_stop);
	handle(SIGTERM, on_stop);
	handle(SIGHUP, on_stop);
	handle(SIGUSR1, on_usr1);
	handle(SIGPIPE, SIG_IGN);
	handle(SIGXFSZ, SIG_IGN);
}

void signals_remove(int folder, const char *name)
{
	atomic_store(&remove_name, NULL);
	atomic_store(&remove_from, folder);
	atomic_store(&remove_name, name);
}

void signals_undo(void (*undo)(void *), void *ctx)
{
	atomic_store(&undo_call, (void (*)(void *))NULL);
	/* Another thread may be calling it: then this is the end anyway. */
	while (atomic_load(&dying))
		pause();
	atomic_store(&undo_ctx, ctx);
	atomic_store(&undo_call, undo);
}

bool signals_stopped(void *ctx)
{
	(void)ctx;
	return atomic_load(&stop_signal) != 0;
}

bool signals_take_usr1(void)
{
	return atomic_exchange(&usr1_came, 0) != 0;
}

bool signals_wait(int fd, short events)
{
	/* poll() passes over a descriptor of -1. */
	struct pollfd set[2] = {
		{.fd = fd, .events = events},
		{.fd = stop_pipe[0], .events = POLLIN},
	};

	do {
		if (signals_stopped(NULL))
			return false;
	} while (poll(set, 2, -1) < 0 && errno == EINTR);
	/* Errors and hang-ups are for read() or write() to report. */
	return !signals_stopped(NULL);
}

void signals_reraise(void)
{
	int sig = atomic_load(&stop_signal);

	if (!sig)
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}
