/* suffix.c - output names. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/suffix.h"

#include "formats/format.h"

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

static bool ends_with(const char *s, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n > m && !memcmp(s + n - m, end, m) && s[n - m - 1] != '/';
}

char *suffix_encoded(const char *path, bool compressed, const char *suffix)
{
	static const char *const packers[] = {".gz", ".xz", ".zst", ".bz2",
					      ".lz4"};
	size_t n = strlen(path);
	char *name, *out;

	while (n && path[n - 1] == '/')
		n--;
	if (!n || (path[n - 1] == '.' && (n == 1 || path[n - 2] == '/')) ||
	    (n >= 2 && !memcmp(path + n - 2, "..", 2) &&
	     (n == 2 || path[n - 3] == '/'))) {
		errno = EINVAL;
		return NULL;
	}
	for (size_t i = 0; compressed && i < 5; i++)
		if (ends_with(path, n, packers[i])) {
			n -= strlen(packers[i]);
			break;
		}
	name = strndup(path, n);
	out = name ? suffix_add(name, suffix) : NULL;
	free(name);
	return out;
}

/* With the suffix of that format in place of any other one's. Frees name. */
static char *change_format(char *name, const char *to)
{
	const struct writer_ops *w = format_writer(to), *had;
	size_t n = strlen(name);
	char *out;

	for (unsigned i = 0; (had = format_writer_at(i)); i++)
		if (*had->suffix && ends_with(name, n, had->suffix)) {
			name[n - strlen(had->suffix)] = '\0';
			break;
		}
	out = suffix_add(name, w->suffix);
	free(name);
	return out;
}

char *suffix_decoded(const char *path, const char *suffix, const char *to)
{
	char *name = suffix_strip(path, suffix);

	return name && to ? change_format(name, to) : name;
}

char *suffix_converted(const char *path, bool compressed, const char *to)
{
	char *name = suffix_encoded(path, compressed, "");

	return name ? change_format(name, to) : NULL;
}

char *suffix_move(char *name, const char *dir)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	size_t n = strlen(dir), m = strlen(base);
	char *out = malloc(n + m + 2);

	if (out) {
		memcpy(out, dir, n);
		out[n] = '/';
		memcpy(out + n + 1, base, m + 1);
	}
	free(name);
	return out;
}
