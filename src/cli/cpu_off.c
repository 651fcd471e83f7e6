/* cpu_off.c - the environment's word on instruction sets. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/cpu_off.h"

#include "cli/message.h"

#include <stdlib.h>
#include <string.h>

bool cpu_off_settle(const struct kernels **kern)
{
	const char *off = getenv("HVQZ_CPU_OFF"), *bad;

	*kern = NULL;
	if (!off)
		return true;
	*kern = kernels_without(off, &bad);
	if (*kern) {
		message_info(2, NULL, "kernels: %s", (*kern)->name);
		return true;
	}
	message_error(NULL, "the environment's HVQZ_CPU_OFF has '%.*s', which "
		      "is none of avx2, avx512", (int)strcspn(bad, ","), bad);
	return false;
}
