/* scratch_file.c - what a job cannot keep in memory. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/scratch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *scratch_file_folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

static enum hvqz_ret failed(const char *what, int why, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_IO, "cannot %s a temporary file in %.300s: "
			 "%s", what, scratch_file_folder(),
			 strerror(why));
}

/* Made with a name that goes at once. */
static int open_unlinked(const char *dir)
{
	static const char leaf[] = "/hvqz-XXXXXX";
	size_t len = strlen(dir) + sizeof(leaf);
	char *path = malloc(len);
	int fd = -1, saved;

	if (path) {
		snprintf(path, len, "%s%s", dir, leaf);
		fd = mkostemp(path, O_CLOEXEC);
	}
	if (fd >= 0 && unlink(path) < 0) {
		saved = errno;
		close(fd);
		fd = -1;
		errno = saved;
	}
	free(path);
	return fd;
}

void scratch_file_open(struct scratch_file *f)
{
	*f = (struct scratch_file){.fd = -1};
#ifdef O_TMPFILE
	f->fd = open(scratch_file_folder(),
		     O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
#endif
	if (f->fd < 0)
		f->fd = open_unlinked(scratch_file_folder());
	f->error = f->fd < 0 ? errno : 0;
}

static enum hvqz_ret append(void *ctx, const void *p, size_t n,
			    struct hvqz_err *err)
{
	struct scratch_file *f = ctx;
	const uint8_t *from = p;

	if (f->fd < 0)
		return failed("make", f->error, err);
	while (n) {
		ssize_t done = pwrite(f->fd, from, n, (off_t)f->len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed("write", done ? errno : ENOSPC, err);
		from += done;
		n -= (size_t)done;
		f->len += (uint64_t)done;
	}
	return HVQZ_OK;
}

static enum hvqz_ret read_at(void *ctx, uint64_t off, void *p, size_t n,
			     struct hvqz_err *err)
{
	struct scratch_file *f = ctx;
	uint8_t *to = p;

	while (n) {
		ssize_t done = pread(f->fd, to, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed("read", done ? errno : EIO, err);
		to += done;
		n -= (size_t)done;
		off += (uint64_t)done;
	}
	return HVQZ_OK;
}

struct job_scratch scratch_file_ops(struct scratch_file *f)
{
	return (struct job_scratch){append, read_at, f};
}

void scratch_file_close(struct scratch_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
