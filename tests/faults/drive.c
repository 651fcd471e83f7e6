/*
 * drive.c - every call of a kind fails once, the first, the second, and so on
 * until the program gets through without having met the failure.
 *
 *	drive [-a N] [-i INPUT] [-t TARGET] SHIM KIND... -- PROGRAM ARGUMENT...
 *
 * -a N: about N of them, evenly; 0 is all. -t: the file it writes, with -f:
 * an old one is there before. Otherwise what it writes to standard output is
 * looked at when it says that all is well.
 *
 * After every run: it ended by itself with status 0 and the right output, or
 * with status 1, one sentence and the old target; no temporary is left, and no
 * memory was not given back. KIND with a '+' behind: from the N-th call on.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "child.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const kinds[N_FAULTS] = {
	"none", "malloc", "read", "write", "sync", "name", "open", "stat",
	"thread", "short", "eintr",
};

static struct plan *plan;
static const char *target;
static struct bytes good;	/* what a run without failures gives */
static struct bytes have;

/* What the run left, in the target or on standard output. */
static const struct bytes *result(const struct child *c)
{
	if (!target)
		return &c->out;
	if (!bytes_load(&have, target))
		have.len = 0;
	return &have;
}

static bool is_old(const struct bytes *b)
{
	return b->len == 4 && !memcmp(b->p, "old\n", 4);
}

/* One sentence, from the program. */
static bool one_sentence(const struct child *c)
{
	const char *text = (const char *)c->err.p;
	const char *end = strchr(text, '\n');

	return !strncmp(text, "hvqz: ", 6) && strlen(text) > 15 && end &&
	       !end[1];
}

/* It ran; NULL: all is as it must be. */
static const char *fault_of(const struct child *c)
{
	bool harmless = plan->fault == FAULT_SHORT ||
			plan->fault == FAULT_EINTR;
	const struct bytes *b = result(c);
	const char *text = (const char *)c->err.p;
	int status = WEXITSTATUS(c->status);

	if (c->late)
		return "it hangs";
	if (!WIFEXITED(c->status))
		return "it dies of a signal";
	if (traces())
		return "a temporary is left";
	if (plan->live)
		return "memory is left";
	if (status == 0)
		return bytes_equal(b, &good) ? NULL : "status 0, wrong output";
	if (harmless)
		return "that must do no harm";
	if (status != 1)
		return "wrong exit status";
	if (!one_sentence(c))
		return "not one sentence";
	/* Who goes on after damage would write zeros for good rows. */
	if (plan->fault == FAULT_MALLOC && strstr(text, "damaged") &&
	    !strstr(text, "out of memory"))
		return "that is no damage";
	/* Its name is there, the disk has not said so. */
	if (target && strstr((const char *)c->err.p, " is complete, but "))
		return bytes_equal(b, &good) ? NULL : "incomplete";
	if (target && !is_old(b))
		return "the old target is gone";
	return NULL;
}

static void run(struct child *c, enum fault fault, int at, int from_then_on)
{
	*plan = (struct plan){
		.fault = fault, .at = at, .from_then_on = from_then_on};
	if (target)
		file_put(target, "old\n");
	child_run(c, 0, 0);
}

static void loop(struct child *c, const char *kind, int about)
{
	size_t len = strcspn(kind, "+");
	enum fault fault = 1;
	int total, failed = 0, runs = 0;
	const char *wrong;

	while (fault < N_FAULTS && (strlen(kinds[fault]) != len ||
				    strncmp(kinds[fault], kind, len)))
		fault++;
	if (fault == N_FAULTS)
		die("%s: no such kind", kind);
	run(c, fault, 0, 0);
	total = plan->calls;
	if (!total && fault == FAULT_MALLOC)
		die("nothing is allocated: is the shim at work?");
	/* Threads make the number of calls vary: until none is met. */
	for (int at = 1, step = 0; total; at += step) {
		run(c, fault, at, kind[len] == '+');
		wrong = fault_of(c);
		if (wrong)
			die("%s, call %d of %d: %s\n  status %x, %d blocks\n  "
			    "%s", kind, at, total, wrong,
			    (unsigned)c->status, plan->live, c->err.p);
		runs++;
		failed += WEXITSTATUS(c->status) != 0;
		if (!plan->fired)
			break;
		/* The first ones are each of their own kind. */
		step = about && at >= about ? (total + about - 1) / about : 1;
	}
	printf("  %-8s %6d calls, %6d runs, %6d with status 1\n", kind, total,
	       runs, failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct child c = {0};
	const char *shim, **names;
	char number[16];
	int about = 0, opt, fd, n = 0;

	while ((opt = getopt(argc, argv, "+a:i:t:")) != -1)
		if (opt == 'a')
			about = atoi(optarg);
		else if (opt == 'i')
			c.input = optarg;
		else if (opt == 't')
			target = optarg;
		else
			return 99;
	shim = argv[optind++];
	names = (const char **)argv + optind;
	while (optind < argc && strcmp(argv[optind], "--")) {
		optind++;
		n++;
	}
	c.argv = argv + optind + 1;
	fd = memfd_create("plan", 0);
	if (fd < 0 || ftruncate(fd, sizeof(*plan)) < 0)
		die("no plan");
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, 0);
	if (plan == MAP_FAILED)
		die("no plan");
	snprintf(number, sizeof(number), "%d", fd);
	setenv(PLAN_ENV, number, 1);
	setenv("LD_PRELOAD", shim, 1);
	run(&c, FAULT_NONE, 0, 0);
	if (!WIFEXITED(c.status) || WEXITSTATUS(c.status))
		die("it does not work at all: %s", c.err.p);
	if (plan->live)
		die("%d blocks are left without any failure", plan->live);
	if (target) {
		bytes_load(&good, target);
	} else {
		good = c.out;
		c.out = (struct bytes){0};
	}
	for (int i = 0; i < n; i++)
		loop(&c, names[i], about);
	bytes_free(&good);
	bytes_free(&have);
	bytes_free(&c.out);
	bytes_free(&c.err);
	return 0;
}
