/*
 * shim.c - makes the N-th call of a kind fail, and counts blocks of memory
 * that are not freed. To be preloaded into the program under test.
 *
 * Counting begins with main(). What the dynamic linker allocates for threads
 * is left alone: it is kept for the next thread, and is no business of ours.
 */
#include "plan.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

enum { TABLE = 1 << 18, PROBES = 64 };

static struct plan *plan;
static bool armed;
static uintptr_t linker_from, linker_to;

/* Is it this call's turn? */
static bool fails(enum fault kind)
{
	int n;

	if (!armed || !plan || plan->fault != kind)
		return false;
	n = atomic_fetch_add(&plan->calls, 1) + 1;
	if (!plan->at || n < plan->at || (n > plan->at && !plan->from_then_on))
		return false;
	atomic_store(&plan->fired, 1);
	/* For a debugger: who asked. */
	if (getenv("HVQZ_FAULT_ABORT"))
		abort();
	return true;
}

#define FAIL(kind, error, result)       \
	do {                            \
		if (fails(kind)) {      \
			errno = error;  \
			return result;  \
		}                       \
	} while (0)

/* ---- memory ---- */

/* Blocks that are alive: a set of addresses. */
static _Atomic(uintptr_t) table[TABLE];

static size_t place(uintptr_t p)
{
	return (size_t)((p >> 4) * 0x9e3779b97f4a7c15u >> 40) % TABLE;
}

static void born(void *p)
{
	for (size_t i = 0, at = place((uintptr_t)p); p && i < PROBES; i++) {
		uintptr_t none = 0;

		if (atomic_compare_exchange_strong(&table[(at + i) % TABLE],
						   &none, (uintptr_t)p)) {
			atomic_fetch_add(&plan->live, 1);
			return;
		}
	}
}

static bool dead(void *p)
{
	for (size_t i = 0, at = place((uintptr_t)p); p && i < PROBES; i++) {
		uintptr_t it = (uintptr_t)p;

		if (atomic_compare_exchange_strong(&table[(at + i) % TABLE],
						   &it, 0)) {
			atomic_fetch_sub(&plan->live, 1);
			return true;
		}
	}
	return false;
}

static bool counts(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	return armed && plan && (at < linker_from || at >= linker_to);
}

#define CALLER __builtin_return_address(0)
#define BORN(call, caller)                                       \
	do {                                                     \
		void *got;                                       \
		if (!counts(caller))                             \
			return call;                             \
		FAIL(FAULT_MALLOC, ENOMEM, NULL);                \
		got = call;                                      \
		born(got);                                       \
		return got;                                      \
	} while (0)

void *malloc(size_t n)
{
	BORN(__libc_malloc(n), CALLER);
}

void *calloc(size_t n, size_t size)
{
	BORN(__libc_calloc(n, size), CALLER);
}

void *aligned_alloc(size_t align, size_t n)
{
	BORN(__libc_memalign(align, n), CALLER);
}

void *memalign(size_t align, size_t n)
{
	BORN(__libc_memalign(align, n), CALLER);
}

int posix_memalign(void **p, size_t align, size_t n)
{
	if (counts(CALLER) && fails(FAULT_MALLOC))
		return ENOMEM;
	*p = __libc_memalign(align, n);
	if (counts(CALLER))
		born(*p);
	return *p ? 0 : ENOMEM;
}

void *realloc(void *p, size_t n)
{
	void *got;
	bool ours;

	if (!counts(CALLER))
		return __libc_realloc(p, n);
	FAIL(FAULT_MALLOC, ENOMEM, NULL);
	ours = dead(p);
	got = __libc_realloc(p, n);
	if (got && (ours || !p))
		born(got);
	else if (!got && ours && n)
		born(p);
	return got;
}

void free(void *p)
{
	if (armed && plan)
		dead(p);
	__libc_free(p);
}

/* ---- the system ---- */

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t read(int fd, void *buf, size_t n)
{
	FAIL(FAULT_EINTR, EINTR, -1);
	FAIL(FAULT_READ, EIO, -1);
	return REAL(read)(fd, buf, n && fails(FAULT_SHORT) ? 1 : n);
}

ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	FAIL(FAULT_EINTR, EINTR, -1);
	FAIL(FAULT_READ, EIO, -1);
	return REAL(pread)(fd, buf, n && fails(FAULT_SHORT) ? 1 : n, off);
}

/* A handler's write to its pipe may fail without harm: it is not counted. */
ssize_t write(int fd, const void *buf, size_t n)
{
	if (n > 1) {
		FAIL(FAULT_EINTR, EINTR, -1);
		FAIL(FAULT_WRITE, ENOSPC, -1);
	}
	return REAL(write)(fd, buf, n && fails(FAULT_SHORT) ? 1 : n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	FAIL(FAULT_EINTR, EINTR, -1);
	FAIL(FAULT_WRITE, ENOSPC, -1);
	return REAL(pwrite)(fd, buf, n && fails(FAULT_SHORT) ? 1 : n, off);
}

/* Without a plan: somebody edits this file while we wait for the disk, */
static int edited = -1;
/* and this folder cannot be made safe on it. */
static const char *lost;

static bool is_lost(int fd)
{
	struct stat a, b;

	return lost && !REAL(fstat)(fd, &a) && !stat(lost, &b) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int fsync(int fd)
{
	FAIL(FAULT_EINTR, EINTR, -1);
	FAIL(FAULT_SYNC, EIO, -1);
	if (edited >= 0 && REAL(write)(edited, "edit", 4) < 0)
		abort();
	if (is_lost(fd)) {
		errno = EIO;
		return -1;
	}
	return REAL(fsync)(fd);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	FAIL(FAULT_EINTR, EINTR, -1);
	return REAL(poll)(fds, n, timeout);
}

int fstat(int fd, struct stat *st)
{
	FAIL(FAULT_STAT, EIO, -1);
	return REAL(fstat)(fd, st);
}

int renameat(int a, const char *from, int b, const char *to)
{
	FAIL(FAULT_NAME, EIO, -1);
	return REAL(renameat)(a, from, b, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	FAIL(FAULT_NAME, EIO, -1);
	return REAL(renameat2)(a, from, b, to, flags);
}

int linkat(int a, const char *from, int b, const char *to, int flags)
{
	FAIL(FAULT_NAME, EIO, -1);
	return REAL(linkat)(a, from, b, to, flags);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE
		       ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	FAIL(FAULT_EINTR, EINTR, -1);
	FAIL(FAULT_OPEN, EMFILE, -1);
	return REAL(open)(path, flags, mode);
}

int openat(int fd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	FAIL(FAULT_OPEN, EMFILE, -1);
	return REAL(openat)(fd, path, flags, mode);
}

int pthread_create(pthread_t *t, const pthread_attr_t *attr,
		   void *(*start)(void *), void *arg)
{
	if (fails(FAULT_THREAD))
		return EAGAIN;
	return REAL(pthread_create)(t, attr, start, arg);
}

/* ---- main ---- */

static int (*real_main)(int, char **, char **);

static int find_linker(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (!strstr(info->dlpi_name, "ld-linux"))
		return 0;
	linker_from = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
				info->dlpi_phdr[i].p_memsz;

		linker_to = end > linker_to ? end : linker_to;
	}
	return 1;
}

static int counted_main(int argc, char **argv, char **env)
{
	int status;

	/* The program may have begun anew by exec(). */
	if (plan)
		atomic_store(&plan->live, 0);
	armed = true;
	status = real_main(argc, argv, env);
	armed = false;
	return status;
}

int __libc_start_main(int (*main_)(int, char **, char **), int argc,
		      char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*main_)(int, char **, char **), int argc,
		      char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	const char *fd = getenv(PLAN_ENV);
	__typeof__(__libc_start_main) *real =
		dlsym(RTLD_NEXT, "__libc_start_main");
	void *p = MAP_FAILED;

	if (fd)
		p = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE,
			 MAP_SHARED, atoi(fd), 0);
	if (p != MAP_FAILED)
		plan = p;
	/* The sandbox lets nothing be opened later. */
	if (getenv("HVQZ_FAULT_EDIT"))
		edited = REAL(open)(getenv("HVQZ_FAULT_EDIT"),
				    O_WRONLY | O_APPEND | O_CLOEXEC);
	lost = getenv("HVQZ_FAULT_SYNC");
	dl_iterate_phdr(find_linker, NULL);
	/* dlsym() may allocate at its first use: not in a test. */
	REAL(read);
	real_main = main_;
	return real(counted_main, argc, argv, init, fini, rtld_fini,
		    stack_end);
}
