/*
 * blas_env.c - what OpenBLAS thinks, what the processor says; and where memory
 * is scarce, no threads of its own.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/blas_env.h"

#include "kernels/blas.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && defined(__ELF__) && defined(__GNUC__)

#include <sys/auxv.h>
#include <sys/resource.h>

/*
 * When it is loaded, before main(), OpenBLAS starts a thread for every core.
 * They never have work, for ours call it one by one, but each wants a buffer,
 * and where none can be had (ulimit -v) it asks for ever: the program hangs
 * when it waits for them at its end. How many there are the environment says,
 * so the program starts anew with it before OpenBLAS looks. That is the time
 * for what an executable has in .preinit_array; a C library that does not call
 * it leaves things as they were.
 */
static bool is_limited(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY;
}

/* The C library is not set up yet: no environment, no streams, no threads. */
static void settle_threads(int argc, char **argv, char **envp)
{
	enum { MAX_VARIABLES = 4094 };
	static char *more[MAX_VARIABLES + 2];
	static char one[] = "OPENBLAS_NUM_THREADS=1";
	size_t n = 0;

	(void)argc;
	/*
	 * Who starts us with rights that he has not could put another program
	 * in our place; and where the loader was called by name, it is what
	 * would be started.
	 */
	if (getauxval(AT_SECURE) || !getauxval(AT_BASE))
		return;
	for (; envp[n]; n++)
		if (!strncmp(envp[n], one, sizeof(one) - 2)) {
			/* Who set it meant others: our own threads are enough. */
			envp[n] = one;
			return;
		}
	if (n > MAX_VARIABLES ||
	    !(is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA)))
		return;
	memcpy(more, envp, n * sizeof(*more));
	more[n] = one;
	/* By its own name, if that still leads here: it is what ps shows. */
	execve((const char *)getauxval(AT_EXECFN), argv, more);
	execve("/proc/self/exe", argv, more);
	/* It did not work: go on as it is. */
}

__attribute__((used, section(".preinit_array")))
static void (*const before_libraries)(int, char **, char **) = settle_threads;

#endif

#if defined(__x86_64__) && defined(__GNUC__)

/* Cores without AVX2: no processor that has it should be taken for one. */
static bool is_ancient(const char *core)
{
	static const char *const names[] = {
		"Prescott", "Core2",	 "Penryn",    "Dunnington", "Nehalem",
		"Atom",	    "Athlon",	 "Opteron",   "Barcelona",  "Bobcat",
		"Nano",	    "Unknown",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(core, names[i]))
			return true;
	return false;
}

/* The newest core whose instructions this processor has; NULL: none. */
static const char *newer_core(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl"))
		return "SkylakeX";
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return "Haswell";
	return NULL;
}

void blas_env_settle(char **argv)
{
	const char *core;

	if (getenv("OPENBLAS_CORETYPE") || !is_ancient(blas_core()))
		return;
	core = newer_core();
	if (core && setenv("OPENBLAS_CORETYPE", core, 0) == 0)
		execv("/proc/self/exe", argv);
	/* It did not work: go on as it is. */
}

#else

void blas_env_settle(char **argv)
{
	(void)argv;
}

#endif

void blas_env_settle_for(char **argv, const char *begin)
{
	for (char **word = argv; *word; word++)
		if (!strncmp(*word, begin, strlen(begin))) {
			blas_env_settle(argv);
			return;
		}
}
