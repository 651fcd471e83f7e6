/*
 * peak_rss.c - run a command and note what it cost.
 *
 *	peak_rss REPORT COMMAND [ARGUMENT...]
 *
 * Writes one line to the file REPORT: peak resident memory in KiB, bytes it
 * asked read() for (rchar of /proc/PID/io, all threads; 0 where the system
 * has no such file), seconds, and seconds of all cores together. The exit
 * status is the command's.
 *
 * The child is looked at between its death and its burial: waitid(WNOWAIT)
 * leaves it a zombie, whose counters are final and still readable.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t bytes_read(pid_t pid)
{
	char path[64], line[128];
	uint64_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/io", (long)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "rchar: %" SCNu64, &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static int fail(const char *what)
{
	fprintf(stderr, "peak_rss: %s: %s\n", what, strerror(errno));
	return 127;
}

int main(int argc, char **argv)
{
	double start = now();
	struct rusage use;
	siginfo_t info;
	uint64_t n_read;
	int status;
	FILE *f;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: peak_rss REPORT COMMAND [ARG...]\n");
		return 127;
	}
	pid = fork();
	if (pid < 0)
		return fail("fork");
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(fail(argv[2]));
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
		if (errno != EINTR)
			return fail("waitid");
	n_read = bytes_read(pid);
	if (wait4(pid, &status, 0, &use) != pid)
		return fail("wait4");
	f = fopen(argv[1], "w");
	if (!f)
		return fail(argv[1]);
	fprintf(f, "%ld %" PRIu64 " %.2f %.2f\n", use.ru_maxrss, n_read,
		now() - start, seconds(use.ru_utime) + seconds(use.ru_stime));
	if (fclose(f))
		return fail(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}
