/* suffix.c - output names. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/suffix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool suffix_valid(const char *suffix)
{
	return suffix[0] == '.' && suffix[1] && !strchr(suffix, '/');
}

char *suffix_add(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);
	char *out = malloc(n + m + 1);

	if (!out)
		return NULL;
	memcpy(out, path, n);
	memcpy(out + n, suffix, m + 1);
	return out;
}

char *suffix_strip(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	errno = 0;
	/* "dir/.hvqz" would leave no name at all. */
	if (n <= m || strcmp(path + n - m, suffix) != 0 ||
	    path[n - m - 1] == '/')
		return NULL;
	return strndup(path, n - m);
}
