/*
 * kill.c - signals at random moments of a run.
 *
 *	kill -n N -t TARGET [-i INPUT] PROGRAM ARGUMENT...
 *
 * N times SIGINT, SIGTERM and SIGKILL each, from before it begins to after it
 * ends. It must have died of the signal or have come to its end with status 0;
 * the target, which was there before, is the old one or the whole new one; and
 * no temporary is left. After SIGKILL one may be left on a file system that
 * has no files without names; then the next run must not mind.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *target;
static struct bytes good, have;

enum { OLD, NEW };

static int which(void)
{
	if (!bytes_load(&have, target))
		die("the target is gone");
	if (bytes_equal(&have, &good))
		return NEW;
	if (have.len == 4 && !memcmp(have.p, "old\n", 4))
		return OLD;
	die("the target is neither old nor new: %zu bytes", have.len);
}

static void sweep(struct child *c, int sig, int n, long usual)
{
	int died = 0, replaced = 0, left = 0, stderr_bytes = 0;

	for (int i = 0; i < n; i++) {
		/* Most within the run, some just before and after. */
		long delay = random() % (usual + usual / 8 + 1);
		bool is_new;

		file_put(target, "old\n");
		child_run(c, sig, delay);
		is_new = which() == NEW;
		if (c->late)
			die("%s: it does not end", strsignal(sig));
		if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == sig)
			died++;
		else if (c->status || !is_new)
			die("%s after %ld us: status %x, a %s target: %s",
			    strsignal(sig), delay, (unsigned)c->status,
			    is_new ? "new" : "old", c->err.p);
		replaced += is_new;
		stderr_bytes += (int)c->err.len;
		if (traces()) {
			if (sig != SIGKILL)
				die("%s after %ld us: a temporary is left",
				    strsignal(sig), delay);
			left++;
			if (system("rm -f .hvqz-*"))
				die("cannot remove what is left");
		}
	}
	if (stderr_bytes)
		die("%s: it has something to say: %s", strsignal(sig),
		    c->err.p);
	printf("  %-11s %4d runs, %4d died of it, %4d targets replaced, %d "
	       "temporaries\n", strsignal(sig), n, died, replaced, left);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
	struct child c = {0};
	struct timespec a, b;
	long usual;
	int opt, n = 20;

	while ((opt = getopt(argc, argv, "+n:t:i:")) != -1)
		if (opt == 'n')
			n = atoi(optarg);
		else if (opt == 't')
			target = optarg;
		else if (opt == 'i')
			c.input = optarg;
		else
			return 99;
	c.argv = argv + optind;
	if (!target || !*c.argv)
		return 99;
	/* A shell lets what it runs in the background ignore SIGINT. */
	signal(SIGINT, SIG_DFL);
	srandom(1);
	clock_gettime(CLOCK_MONOTONIC, &a);
	child_run(&c, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (c.status || !bytes_load(&good, target))
		die("it does not work at all: %s", c.err.p);
	usual = (b.tv_sec - a.tv_sec) * 1000000 +
		(b.tv_nsec - a.tv_nsec) / 1000;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sweep(&c, signals[i], n, usual);
	child_run(&c, 0, 0);
	if (c.status || which() != NEW)
		die("the run after all that fails: %s", c.err.p);
	bytes_free(&good);
	bytes_free(&have);
	bytes_free(&c.out);
	bytes_free(&c.err);
	return 0;
}
