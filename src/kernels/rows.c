/*
 * rows.c - the tables of rows.h and the choice between them.
 *
 * There is none for AVX-512: what gcc 12 makes of these loops there is no
 * faster than AVX2 and sometimes half as fast.
 */
#include "kernels/rows.h"

#include "base/bytes.h"
#include "base/half.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROWS(f) generic_##f
#define ROWS_NAME "generic"
#define ROWS_TARGET
#define ROWS_LANES 4
#include "kernels/rows_template.h"

#if defined(__x86_64__) && defined(__GNUC__)

#define ROWS(f) avx2_##f
#define ROWS_NAME "avx2"
#define ROWS_TARGET __attribute__((target("avx2")))
#define ROWS_LANES 8
#include "kernels/rows_template.h"

const struct row_kernels *rows_named(const char *name)
{
	__builtin_cpu_init();
	if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2"))
		return &avx2_table;
	return strcmp(name, "generic") ? NULL : &generic_table;
}

#else

const struct row_kernels *rows_named(const char *name)
{
	return strcmp(name, "generic") ? NULL : &generic_table;
}

#endif

const struct row_kernels *rows_select(void)
{
	const struct row_kernels *fast = rows_named("avx2");

	return fast ? fast : &generic_table;
}
