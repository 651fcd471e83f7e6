/* scratch_file.c - what a job cannot keep in memory. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/scratch_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static enum hvqz_ret failed(const char *what, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_IO, "cannot %s a temporary file: %s", what,
			 strerror(errno));
}

static enum hvqz_ret append(void *ctx, const void *p, size_t n,
			    struct hvqz_err *err)
{
	struct scratch_file *f = ctx;
	const uint8_t *from = p;

	if (!f->file)
		f->file = tmpfile();
	if (!f->file)
		return failed("make", err);
	while (n) {
		ssize_t done = pwrite(fileno(f->file), from, n,
				      (off_t)f->len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed("write", err);
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
		ssize_t done = pread(fileno(f->file), to, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed("read", err);
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
	if (f->file)
		fclose(f->file);
	*f = (struct scratch_file){0};
}
