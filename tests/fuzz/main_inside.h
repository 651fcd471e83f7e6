/*
 * main_inside.h - the program's main() as a function that can be called again
 * and again, and allocations that fail.
 *
 * What it does once in a process's life is left to others here: installing
 * signal handlers, closing standard output, starting itself again, giving up
 * the right to open files.
 */
#ifndef TESTS_FUZZ_MAIN_INSIDE_H
#define TESTS_FUZZ_MAIN_INSIDE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The state behind the exit status is this file's; messages go nowhere. */
static FILE *nowhere;
#undef stderr
#define stderr nowhere
#include "src/cli/message.c"
#undef stderr
#define stderr stderr

#define main hvqz_main
#define signals_install fuzz_install
#define descriptors_close fuzz_close
#define blas_env_settle_for fuzz_settle_for
int hvqz_main(int argc, char **argv);
#include "src/main.c"
#undef main

void signals_install(void)
{
}

void descriptors_close(void)
{
	fflush(stdout);
}

/* It would start the program again. */
void blas_env_settle_for(char **argv, const char *begin)
{
	(void)argv;
	(void)begin;
}

/* The linker wraps these: convert.c calls them too. */
void __wrap_sandbox_close(int folder, const char *beside, const char *reads,
			  int level);
void __wrap_sandbox_close_tree(int folder, const char *beside, int level);
void __wrap_sandbox_read_only(const char *const *paths, size_t n,
			      const char *also, int level);

void __wrap_sandbox_close(int folder, const char *beside, const char *reads,
			  int level)
{
	(void)reads;
	(void)folder;
	(void)beside;
	(void)level;
}

void __wrap_sandbox_close_tree(int folder, const char *beside, int level)
{
	(void)folder;
	(void)beside;
	(void)level;
}

void __wrap_sandbox_read_only(const char *const *paths, size_t n,
			      const char *also, int level)
{
	(void)paths;
	(void)n;
	(void)also;
	(void)level;
}

/* ---- allocations ---- */

static unsigned long n_allocs, fail_at;

static bool fails(void)
{
	if (!fail_at || ++n_allocs != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

#define WRAP(ret, name, params, ...)                                    \
	ret __real_##name params;                                       \
	ret __wrap_##name params;                                       \
	ret __wrap_##name params                                        \
	{                                                               \
		return fails() ? NULL : __real_##name(__VA_ARGS__);     \
	}

WRAP(void *, malloc, (size_t n), n)
WRAP(void *, calloc, (size_t n, size_t size), n, size)
WRAP(void *, realloc, (void *p, size_t n), p, n)
WRAP(void *, aligned_alloc, (size_t align, size_t n), align, n)
WRAP(char *, strdup, (const char *s), s)
WRAP(char *, strndup, (const char *s, size_t n), s, n)

#endif
