/* out_file.c - temporary name, attributes, fsync, rename. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/out_file.h"

#include "cli/attributes.h"
#include "cli/in_folder.h"
#include "cli/message.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file that messages are about. */
static const char *about(const struct out_file *out)
{
	return out->in ? out->in->name : NULL;
}

/* Is st the file that the output is made of? */
static bool is_input(const struct out_file *out, const struct stat *st)
{
	return out->in && S_ISREG(st->st_mode) && in_is(out->in, st);
}

/* The open descriptor, written as it is: a pipe, a device, a terminal. */
static bool use_directly(struct out_file *out)
{
	struct stat st;

	if (fstat(out->fd, &st) == 0 && is_input(out, &st)) {
		message_error(about(out), "the output is the input");
		return false;
	}
	if (isatty(out->fd) && !(out->flags & OUT_FORCE)) {
		message_error(about(out), "%s is a terminal, and the output is "
			      "not text; -o FILE, a redirection or -f",
			      out->name);
		return false;
	}
	fd_sink_init(&out->sink, &out->io, out->fd, out->name);
	return true;
}

static bool open_device(struct out_file *out)
{
	do {
		out->fd = open(out->name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	} while (out->fd < 0 && errno == EINTR && !signals_stopped(NULL));
	if (out->fd < 0) {
		if (errno != EINTR)
			message_error(about(out), "cannot write %s: %s",
				      out->name, strerror(errno));
		return false;
	}
	if (use_directly(out))
		return true;
	close(out->fd);
	return false;
}

static bool open_temp(struct out_file *out)
{
	if (!out->target || !temp_open(&out->temp, out->target)) {
		message_error(about(out), "cannot write %s: %s", out->name,
			      strerror(errno));
		free(out->target);
		out->target = NULL;
		return false;
	}
	out->fd = out->temp.fd;
	fd_sink_init(&out->sink, &out->io, out->fd, out->name);
	return true;
}

bool out_open(struct out_file *out, const char *path,
	      const struct in_file *in, unsigned flags)
{
	bool force = flags & OUT_FORCE;
	struct stat st;

	*out = (struct out_file){
		.name = path, .in = in, .flags = flags, .fd = -1,
		.temp = {.fd = -1, .folder = -1}};
	if (!path) {
		out->name = "(stdout)";
		out->fd = STDOUT_FILENO;
		return use_directly(out);
	}
	if (stat(path, &st) < 0) {
		int saved = errno;

		if (lstat(path, &st) == 0) {
			message_error(about(out), "%s is a symbolic link that "
				      "leads nowhere", path);
			return false;
		}
		/* A name too long would be found out only behind the work. */
		if (saved != ENOENT) {
			message_error(about(out), "cannot write %s: %s", path,
				      strerror(saved));
			return false;
		}
		out->target = strdup(path);
		return open_temp(out);
	}
	if (S_ISDIR(st.st_mode)) {
		message_error(about(out), "%s is a directory; -o wants a file",
			      path);
		return false;
	}
	if (!S_ISREG(st.st_mode))
		return open_device(out);
	if (is_input(out, &st)) {
		message_error(about(out), "the output %s is the input", path);
		return false;
	}
	if (!force) {
		message_error(about(out), "%s exists already; -f replaces it",
			      path);
		return false;
	}
	/* What a link points to is replaced, the link itself stays. */
	out->target = realpath(path, NULL);
	return open_temp(out);
}

/*
 * The input's permissions and times, its owner where we may. Of a folder there
 * is no one time; who may not read all of its files may not read this.
 */
static void copy_attributes(int fd, const struct in_file *in)
{
	struct timespec times[2];

	if (!in || !in->path || !(in->regular || in->folder)) {
		if (fchmod(fd, attributes_usual_mode()) < 0) {
			/* It stays ours alone: safe. */
		}
		return;
	}
	if (in->folder) {
		attributes_give(fd, &in->st, in->st.st_mode &
					     in_folder_mode(in->folder));
		return;
	}
	attributes_give(fd, &in->st, in->st.st_mode & 0777);
	times[0] = in->st.st_atim;
	times[1] = in->st.st_mtim;
	if (futimens(fd, times) < 0) {
		/* A file system without times loses nothing by it. */
	}
}

/* Some file systems cannot sync and say so; then there is nothing to wait. */
static bool sync_fd(int fd)
{
	int ret;

	do {
		ret = fsync(fd);
	} while (ret < 0 && errno == EINTR);
	return ret == 0 || errno == EINVAL || errno == EROFS ||
	       errno == ENOTSUP;
}

bool out_commit(struct out_file *out)
{
	bool wait = !(out->flags & OUT_NO_SYNC), good = true;
	int saved;

	if (!out->target) {
		if (out->fd != STDOUT_FILENO)
			good = close(out->fd) == 0;
		if (!good)
			message_error(about(out), "cannot write %s: %s",
				      out->name, strerror(errno));
		return good;
	}
	copy_attributes(out->fd, out->in);
	good = (!wait || sync_fd(out->fd)) &&
	       temp_give_name(&out->temp, out->flags & OUT_FORCE);
	saved = errno;
	if (good && wait && !temp_sync_folder(&out->temp)) {
		message_error(about(out), "%s is complete, but may not survive "
			      "a loss of power: %s", out->name,
			      strerror(errno));
		temp_free(&out->temp);
		free(out->target);
		return false;
	}
	if (!good)
		message_error(about(out), "cannot write %s: %s", out->name,
			      strerror(saved));
	temp_free(&out->temp);
	free(out->target);
	return good;
}

void out_discard(struct out_file *out)
{
	if (out->target)
		temp_free(&out->temp);
	else if (out->fd >= 0 && out->fd != STDOUT_FILENO)
		close(out->fd);
	free(out->target);
}
