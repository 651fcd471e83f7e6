/* hardware.c - threads and memory. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/hardware.h"

#include "cli/common_args.h"
#include "cli/message.h"
#include "cli/number.h"

#include <errno.h>
#include <limits.h>
#ifdef HAVE_MALLOC_H
#include <malloc.h>
#endif
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* Cores in this process's affinity mask: a container or taskset may narrow. */
static unsigned cores_allowed(void)
{
	long online;

	for (int n = 1024; n <= 1 << 20; n *= 4) {
		cpu_set_t *set = CPU_ALLOC(n);
		size_t size = CPU_ALLOC_SIZE(n);
		int count = 0;

		if (!set)
			break;
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return (unsigned)count;
		/* EINVAL: the kernel's mask is wider than n. */
		if (errno != EINVAL)
			break;
	}
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

void hardware_keep_memory(void)
{
#if defined(M_MMAP_THRESHOLD) && defined(M_TRIM_THRESHOLD)
	/* The most that a thread's heap takes. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

bool hardware_settle(struct common_args *c)
{
	const char *threads = getenv("HVQZ_THREADS");
	const char *memory = getenv("HVQZ_MEMLIMIT");
	uint64_t n = 0;

	if (threads && *threads &&
	    !number_parse(threads, 0, HARDWARE_MAX_THREADS, &n)) {
		message_error(NULL, "the environment's HVQZ_THREADS is '%s', "
			      "not a number from 0 to %d", threads,
			      HARDWARE_MAX_THREADS);
		return false;
	}
	if (!c->has_threads)
		c->threads = (unsigned)n;
	n = 0;
	if (memory && *memory && !number_size(memory, 0, UINT64_MAX, &n)) {
		message_error(NULL, "the environment's HVQZ_MEMLIMIT is '%s', "
			      "not a size such as 400M", memory);
		return false;
	}
	if (!c->has_memory)
		c->memory = n;
	if (!c->threads)
		c->threads = cores_allowed();
	if (c->threads > HARDWARE_MAX_THREADS)
		c->threads = HARDWARE_MAX_THREADS;
	return true;
}
