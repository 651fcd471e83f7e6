/* in_file.c - opening, watching, removing an input. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/in_file.h"

#include "cli/message.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool refuse(struct in_file *in, const char *why)
{
	message_error(in->name, "%s", why);
	if (in->path && in->fd >= 0)
		close(in->fd);
	return false;
}

bool in_open(struct in_file *in, const char *path, unsigned flags)
{
	*in = (struct in_file){.path = path, .name = path};
	if (!*path) {
		in->fd = -1;
		in->name = "''";
		return refuse(in, "a file's name cannot be empty");
	}
	if (strcmp(path, "-") == 0) {
		in->path = NULL;
		in->name = "(stdin)";
		in->fd = STDIN_FILENO;
	} else {
		/* Opening a FIFO waits for a writer, or for a signal. */
		do {
			in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		} while (in->fd < 0 && errno == EINTR &&
			 !signals_stopped(NULL));
		if (in->fd < 0 && errno == EINTR)
			return false;
		if (in->fd < 0)
			return refuse(in, strerror(errno));
	}
	if (fstat(in->fd, &in->st) < 0)
		return refuse(in, strerror(errno));
	if (S_ISDIR(in->st.st_mode))
		return refuse(in, "is a directory; give the files in it");
	if (!(flags & IN_FORCE) && isatty(in->fd))
		return refuse(in, "is a terminal, and models are not typed; "
			      "-f reads it all the same, 'hvqz -h' helps");
	in->regular = S_ISREG(in->st.st_mode);
	if (in->regular && flags & IN_SEQUENTIAL)
		posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	fd_source_init(&in->src, &in->io, in->fd, &in->st, in->name);
	return true;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Does st say what it said at the start? */
static bool same_state(const struct in_file *in, const struct stat *st)
{
	return st->st_size == in->st.st_size &&
	       same_time(st->st_mtim, in->st.st_mtim);
}

bool in_unchanged(const struct in_file *in)
{
	struct stat now;

	if (!in->regular)
		return true;
	if (fstat(in->fd, &now) < 0) {
		message_error(in->name, "%s", strerror(errno));
		return false;
	}
	if (same_state(in, &now))
		return true;
	message_error(in->name, "changed while it was being read (%lld bytes "
		      "then, %lld now): the result is not used",
		      (long long)in->st.st_size, (long long)now.st_size);
	return false;
}

bool in_can_reread(const struct in_file *in)
{
	return in->io.regular;
}

enum hvqz_ret in_read_at(void *ctx, uint64_t off, void *buf, size_t n,
			 struct hvqz_err *err)
{
	const struct in_file *in = ctx;
	struct stat now;
	size_t got;

	TRY(fd_read_at(&in->io, off, buf, n, &got, err));
	if (fstat(in->fd, &now) < 0)
		return hvqz_fail(err, HVQZ_IO, "cannot read %.300s: %s",
				 in->name, strerror(errno));
	if (got < n || !same_state(in, &now))
		return hvqz_fail(err, HVQZ_IO, "%.300s changed after it was "
				 "first read (%lld bytes then, %lld now)",
				 in->name, (long long)in->st.st_size,
				 (long long)now.st_size);
	return HVQZ_OK;
}

void in_remove(const struct in_file *in)
{
	struct stat now;

	if (!in->path)
		return;
	if (lstat(in->path, &now) < 0)
		message_warn(in->name, "not removed: %s", strerror(errno));
	else if (S_ISLNK(now.st_mode))
		message_warn(in->name, "not removed: it is a symbolic link");
	else if (now.st_dev != in->st.st_dev || now.st_ino != in->st.st_ino)
		message_warn(in->name, "not removed: the name now belongs to "
			     "another file");
	else if (unlink(in->path) < 0)
		message_warn(in->name, "not removed: %s", strerror(errno));
}

void in_close(struct in_file *in)
{
	source_free(&in->src);
	if (in->path)
		close(in->fd);
}
