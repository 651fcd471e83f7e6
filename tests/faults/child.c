/* child.c - fork, exec, pipes. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 16, PATIENCE = 60 };

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("FAIL: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

/* Read what there is; false at the end. */
static bool take(struct bytes *b, int fd)
{
	ssize_t n;

	if (b->cap - b->len < PIECE) {
		b->cap = 2 * b->cap + PIECE;
		b->p = realloc(b->p, b->cap);
		if (!b->p)
			die("out of memory");
	}
	do {
		n = read(fd, b->p + b->len, b->cap - b->len);
	} while (n < 0 && errno == EINTR);
	b->len += n > 0 ? (size_t)n : 0;
	return n > 0;
}

bool bytes_load(struct bytes *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	b->len = 0;
	if (fd < 0)
		return false;
	while (take(b, fd))
		;
	close(fd);
	return true;
}

bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->p, b->p, a->len));
}

void bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){0};
}

void file_put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) < 0)
		die("%s: %s", path, strerror(errno));
}

bool traces(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	bool any = false;

	while (d && (e = readdir(d)))
		any |= strncmp(e->d_name, ".hvqz-", 6) == 0;
	if (d)
		closedir(d);
	return any;
}

/* A process that writes a file to fd; whoever reads may go. */
static pid_t feed(const char *path, int fd)
{
	pid_t pid = fork();
	char buf[PIECE];
	ssize_t n;
	int in;

	if (pid)
		return pid;
	signal(SIGPIPE, SIG_DFL);
	in = open(path, O_RDONLY);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, k; done < n; done += k)
			if ((k = write(fd, buf + done,
				       (size_t)(n - done))) < 0)
				_exit(1);
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static pid_t start(const struct child *c, const int *in, const int *out,
		   const int *err)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(in[0], 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	/* All of ours but these and the plan close on exec. */
	execv(c->argv[0], c->argv);
	_exit(126);
}

/* Until both pipes are at their ends. */
static void listen_to(struct child *c, pid_t pid, int out, int err, int sig,
		      double at)
{
	double end = now() + PATIENCE;
	struct pollfd p[2] = {
		{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		double wait = (sig ? at : end) - now();

		if (wait <= 0 && sig) {
			kill(pid, sig);
			sig = 0;
			continue;
		}
		if (wait <= 0) {
			c->late = true;
			kill(pid, SIGKILL);
			end += PATIENCE;
			continue;
		}
		/* Tenths of a millisecond count: poll() has no such. */
		if (ppoll(p, 2, &(struct timespec){
				  (time_t)wait,
				  (long)((wait - (double)(time_t)wait) * 1e9)},
			  NULL) <= 0)
			continue;
		if (p[0].revents && !take(&c->out, out))
			p[0].fd = -1;
		if (p[1].revents && !take(&c->err, err))
			p[1].fd = -1;
	}
}

void child_run(struct child *c, int sig, long delay)
{
	int in[2], out[2], err[2];
	pid_t pid, feeder = 0;

	c->out.len = c->err.len = 0;
	c->late = false;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    pipe2(err, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	if (c->input) {
		feeder = fork();
		if (!feeder) {
			close(in[0]);
			waitpid(feed(c->input, in[1]), NULL, 0);
			_exit(0);
		}
	}
	pid = start(c, in, out, err);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	close(err[1]);
	listen_to(c, pid, out[0], err[0], sig, now() + 1e-6 * (double)delay);
	close(out[0]);
	close(err[0]);
	waitpid(pid, &c->status, 0);
	if (feeder)
		waitpid(feeder, NULL, 0);
	/* Messages are text. */
	c->err.p = realloc(c->err.p, c->err.len + 1);
	if (!c->err.p)
		die("out of memory");
	c->err.cap = c->err.len + 1;
	c->err.p[c->err.len] = '\0';
}
