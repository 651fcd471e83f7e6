/* blas_env.c - what OpenBLAS thinks, what the processor says. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/blas_env.h"

#include "kernels/blas.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
