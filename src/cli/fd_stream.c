/* fd_stream.c - reading from and writing to descriptors. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/fd_stream.h"

#include "cli/signals.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	/* Some systems refuse more than 2 GiB at once. */
	LARGEST = 1 << 30,
	/*
	 * What a pipe that polls as writable takes without blocking: more
	 * could block where a signal to another thread does not wake us.
	 */
	PIPE_PIECE = 4096,
};

static enum hvqz_ret stopped(struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_STOPPED, "stopped by a signal");
}

/* May the call go ahead now? False: a signal says stop. */
static bool ready(const struct fd_stream *io, short events)
{
	return io->regular ? !signals_stopped(NULL)
			   : signals_wait(io->fd, events);
}

static enum hvqz_ret fd_read(void *ctx, void *buf, size_t n, size_t *got,
			     struct hvqz_err *err)
{
	struct fd_stream *io = ctx;
	ssize_t r;

	do {
		if (!ready(io, POLLIN))
			return stopped(err);
		r = read(io->fd, buf, n < LARGEST ? n : LARGEST);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	if (r < 0)
		return hvqz_fail(err, HVQZ_IO, "cannot read: %s",
				 strerror(errno));
	*got = (size_t)r;
	return HVQZ_OK;
}

static enum hvqz_ret fd_seek(void *ctx, uint64_t off, struct hvqz_err *err)
{
	struct fd_stream *io = ctx;
	uint64_t to = io->base + off;

	if (to < off || to > INT64_MAX)
		return hvqz_fail(err, HVQZ_IO, "cannot seek: %s",
				 strerror(EOVERFLOW));
	if (lseek(io->fd, (off_t)to, SEEK_SET) < 0)
		return hvqz_fail(err, HVQZ_IO, "cannot seek: %s",
				 strerror(errno));
	return HVQZ_OK;
}

enum hvqz_ret fd_read_at(const struct fd_stream *io, uint64_t off, void *buf,
			 size_t n, size_t *got, struct hvqz_err *err)
{
	uint64_t at = io->base + off;
	char *to = buf;
	ssize_t r = 1;

	*got = 0;
	if (at < off || at > INT64_MAX)
		return HVQZ_OK;
	while (*got < n && r) {
		size_t left = n - *got;

		if (signals_stopped(NULL))
			return stopped(err);
		r = pread(io->fd, to + *got, left < LARGEST ? left : LARGEST,
			  (off_t)(at + *got));
		if (r < 0 && errno != EINTR)
			return hvqz_fail(err, HVQZ_IO, "cannot read %.300s: "
					 "%s", io->name, strerror(errno));
		*got += r > 0 ? (size_t)r : 0;
	}
	return HVQZ_OK;
}

static enum hvqz_ret fd_write(void *ctx, const void *p, size_t n,
			      struct hvqz_err *err)
{
	struct fd_stream *io = ctx;
	const char *from = p;
	size_t most = io->regular ? LARGEST : PIPE_PIECE;

	while (n) {
		ssize_t r;

		if (!ready(io, POLLOUT))
			return stopped(err);
		r = write(io->fd, from, n < most ? n : most);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r <= 0)
			return hvqz_fail(err, HVQZ_IO, "cannot write %s: %s",
					 io->name,
					 strerror(r ? errno : ENOSPC));
		from += r;
		n -= (size_t)r;
	}
	return HVQZ_OK;
}

void fd_source_init(struct source *s, struct fd_stream *io, int fd,
		    const struct stat *st, const char *name)
{
	static const struct source_ops pipe_ops = {fd_read, NULL};
	static const struct source_ops file_ops = {fd_read, fd_seek};
	off_t at;

	*io = (struct fd_stream){.fd = fd, .name = name};
	/* Files under /proc are regular, have no size, and yet have bytes. */
	if (!S_ISREG(st->st_mode) || st->st_size == 0 ||
	    (at = lseek(fd, 0, SEEK_CUR)) < 0) {
		source_init(s, &pipe_ops, io, SOURCE_SIZE_UNKNOWN);
		return;
	}
	io->regular = true;
	io->base = (uint64_t)at;
	source_init(s, &file_ops, io,
		    at < st->st_size ? (uint64_t)(st->st_size - at) : 0);
}

void fd_sink_init(struct sink *s, struct fd_stream *io, int fd,
		  const char *name)
{
	static const struct sink_ops ops = {fd_write};
	struct stat st;

	*io = (struct fd_stream){.fd = fd, .name = name};
	io->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	sink_init(s, &ops, io);
}
