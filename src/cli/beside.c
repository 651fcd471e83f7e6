/* beside.c - the small files that lie beside a model. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP = 1 << 16 };

static enum hvqz_ret read_fd(int fd, const char *path, size_t max,
			     struct buf *b, struct hvqz_err *err)
{
	size_t start = b->len;
	struct stat st;

	/* A pipe would be waited for, a device never end. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%.400s is not a regular file", path);
	for (;;) {
		uint8_t *to = buf_grow(b, STEP);
		ssize_t n;

		if (!to)
			return hvqz_nomem(err, STEP, path);
		do
			n = read(fd, to, STEP);
		while (n < 0 && errno == EINTR);
		b->len -= STEP - (n > 0 ? (size_t)n : 0);
		if (n < 0)
			return hvqz_fail(err, HVQZ_IO, "%.400s: %s", path,
					 strerror(errno));
		if (!n)
			return HVQZ_OK;
		if (b->len - start > max)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "%.400s has more than %zu bytes, the "
					 "most that such a file may have", path,
					 max);
	}
}

/* The folder's part of path, slash included. */
static int folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path + 1) : 0;
}

static enum hvqz_ret get(void *ctx, const char *name, size_t max,
			 struct buf *to, struct hvqz_err *err)
{
	const struct beside *b = ctx;
	size_t len = strlen(b->path) + strlen(name) + 1;
	char *path = malloc(len);
	enum hvqz_ret ret;
	int fd;

	if (!path)
		return hvqz_nomem(err, len, "a path");
	snprintf(path, len, "%.*s%s", folder_len(b->path), b->path, name);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		ret = hvqz_fail(err, errno == ENOENT ? HVQZ_USAGE : HVQZ_IO,
				"needs %.400s beside it: %s", path,
				strerror(errno));
	} else {
		ret = read_fd(fd, path, max, to, err);
		close(fd);
	}
	free(path);
	return ret;
}

static void take_name(struct beside *b, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(b->name, sizeof(b->name), "%.*s", (int)sizeof(b->name) - 1,
		 slash ? slash + 1 : path);
}

/*
 * The last component of the folder that path is in, or is. The file itself may
 * be a link to elsewhere.
 */
static void name_folder(struct beside *b)
{
	int len = folder_len(b->path);
	char *folder = len ? strndup(b->path, (size_t)len) : strdup(".");
	char *full = folder ? realpath(folder, NULL) : NULL;

	if (full)
		take_name(b, full);
	free(full);
	free(folder);
}

void beside_wish(struct beside *b, const char *path, const char *archive,
		 enum dtype dtype, struct format_wish *wish)
{
	b->path = path;
	b->name[0] = '\0';
	*wish = (struct format_wish){.dtype = dtype};
	if (!path)
		return;
	if (archive)
		take_name(b, archive);
	else
		name_folder(b);
	wish->get = get;
	wish->ctx = b;
	wish->name = b->name;
}
