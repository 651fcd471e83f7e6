/*
 * bounded_case.h - for tests: the program itself on a file, and what it took:
 * at most a second and 64 MiB + 16 × the header's own length. Needs HVQZ.
 */
#ifndef TESTS_BOUNDED_CASE_H
#define TESTS_BOUNDED_CASE_H

#include <check.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FREE_KIB = 64 << 10, PER_BYTE = 16 };

/* A sanitizer has memory and time of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	defined(HAS_SANITIZER)
enum { MEASURED = 0 };
#else
enum { MEASURED = 1 };
#endif

static char path[] = "/tmp/hvqz-bounded-XXXXXX";
static const char *hvqz;
static long most_kib;
static double most_seconds;

static inline void put_file(const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, p, n), (ssize_t)n);
	ck_assert_int_eq(close(fd), 0);
}

/* Run it on the file, `to` being mode's argument or NULL; its exit status. */
static inline int run_to(const char *mode, const char *to, const char *name,
			 uint64_t head_len)
{
	pid_t pid = fork();
	struct rusage use;
	double seconds;
	int status;

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		/* A loop without end must not take the machine with it. */
		setrlimit(RLIMIT_CPU, &(struct rlimit){10, 10});
		if (to)
			execl(hvqz, "hvqz", "-T2", "-c", mode, to, path, NULL);
		else
			execl(hvqz, "hvqz", "-T2", "-c", mode, path, NULL);
		_exit(126);
	}
	ck_assert_int_eq(wait4(pid, &status, 0, &use), pid);
	ck_assert_msg(WIFEXITED(status), "%s: %s: signal %d", name, mode,
		      WTERMSIG(status));
	seconds = (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
		  1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
	ck_assert_msg(!MEASURED || seconds <= 1, "%s: %s: %.2f s", name, mode,
		      seconds);
	ck_assert_msg(!MEASURED || (uint64_t)use.ru_maxrss <=
			      FREE_KIB + PER_BYTE * head_len / 1024,
		      "%s: %s: %ld KiB for a header of %llu bytes", name,
		      mode, use.ru_maxrss, (unsigned long long)head_len);
	if (use.ru_maxrss > most_kib)
		most_kib = use.ru_maxrss;
	if (seconds > most_seconds)
		most_seconds = seconds;
	return WEXITSTATUS(status);
}

static inline int run(const char *mode, const char *name, uint64_t head_len)
{
	return run_to(mode, NULL, name, head_len);
}

/* hvqz, and an empty file at path; its descriptor is closed. */
static inline int bounded_start(void)
{
	int fd = mkstemp(path);

	hvqz = getenv("HVQZ");
	if (fd >= 0)
		close(fd);
	return hvqz && fd >= 0;
}

#endif
