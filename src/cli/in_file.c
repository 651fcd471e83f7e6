/* in_file.c - opening, watching, removing an input. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/in_file.h"

#include "cli/in_folder.h"
#include "cli/in_parts.h"
#include "cli/message.h"
#include "cli/scratch_file.h"
#include "cli/signals.h"
#include "cli/suffix.h"
#include "formats/format.h"
#include "formats/gguf_split.h"
#include "formats/shards.h"
#include "formats/zip_unpack.h"
#include "stream/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool refuse(struct in_file *in, const char *why)
{
	message_error(in->name, "%s", why);
	if (in->path && in->fd >= 0)
		close(in->fd);
	return false;
}

static const char *leaf_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder that path is in; the caller frees. */
static char *folder_of(const char *path)
{
	size_t n = (size_t)(leaf_of(path) - path);

	if (!n)
		return strdup(".");
	return strndup(path, n > 1 ? n - 1 : 1);
}

/*
 * Where path is a shards' index or a part of a split model, the folder it is
 * in: all of it, or of the parts only those.
 */
static void find_folder(struct in_file *in, const char *path)
{
	if (!strcmp(leaf_of(path), SHARDS_INDEX)) {
		in->folder_path = folder_of(path);
	} else if (in_parts_is(path)) {
		in->folder_path = folder_of(path);
		in->set = strndup(path, gguf_part_prefix(path));
	}
}

static void free_paths(struct in_file *in)
{
	free(in->folder_path);
	free(in->set);
	free(in->inside);
	in->folder_path = in->set = in->inside = NULL;
}

/* Is path a folder, or a file that means one? Then it is open now. */
static bool open_folder(struct in_file *in, const char *path, bool *good)
{
	const char *folder = path;
	struct stat st;

	find_folder(in, path);
	if (in->folder_path)
		folder = in->folder_path;
	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
		free_paths(in);
		return false;
	}
	in->path = in->set ? in->set : folder;
	in->name = in->set ? path : folder;
	in->st = st;
	in->fd = -1;
	in->inside = suffix_add(folder, "/");
	if (in->inside)
		in->folder = in_folder_open(folder, in->set ? leaf_of(path)
							    : NULL);
	else
		message_error(in->name, "out of memory");
	if (in->folder)
		in_folder_source(in->folder, &in->src);
	else
		free_paths(in);
	*good = in->folder;
	return true;
}

bool in_open(struct in_file *in, const char *path, unsigned flags)
{
	bool good;

	*in = (struct in_file){.path = path, .name = path, .spool = -1};
	if (flags & IN_MODEL && strcmp(path, "-") &&
	    open_folder(in, path, &good))
		return good;
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
		return refuse(in, "is a directory, not a file");
	if (!(flags & IN_FORCE) && isatty(in->fd))
		return refuse(in, "is a terminal, and models are not typed; "
			      "-f reads it all the same, 'hvqz -h' helps");
	in->regular = S_ISREG(in->st.st_mode);
	if (in->regular && flags & IN_SEQUENTIAL)
		posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	fd_source_init(&in->src, &in->io, in->fd, &in->st, in->name);
	return true;
}

/* ---- compressed, or scattered ---- */

static bool complain(const struct in_file *in, const struct hvqz_err *err)
{
	message_err(in->name, err);
	return false;
}

static enum hvqz_ret open_packed(struct in_file *in, bool zip,
				 struct hvqz_err *err)
{
	if (zip) {
		TRY(zip_unpack_open(&in->unzip, &in->packed, err));
		zip_unpack_source(in->unzip, &in->src);
	} else {
		TRY(unpack_open(&in->unpack, &in->packed, err));
		unpack_source(in->unpack, &in->src);
	}
	return HVQZ_OK;
}

static void close_packed(struct in_file *in)
{
	unpack_close(in->unpack);
	zip_unpack_close(in->unzip);
	source_free(&in->packed);
	in->unpack = NULL;
	in->unzip = NULL;
}

static bool begin_unpacking(struct in_file *in, bool zip)
{
	struct hvqz_err err = {0};

	/* What libarchive is shown belongs to this source now. */
	in->packed = in->src;
	in->src = (struct source){0};
	if (open_packed(in, zip, &err) == HVQZ_OK)
		return true;
	close_packed(in);
	return complain(in, &err);
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static bool copy_to_spool(struct in_file *in)
{
	const char *dir = scratch_file_folder();
	struct hvqz_err err = {0};
	const uint8_t *p;
	struct stat st;
	size_t n;

	for (;;) {
		if (source_ahead(&in->src, 1, &p, &n, &err) != HVQZ_OK)
			return complain(in, &err);
		if (!n)
			break;
		if (signals_stopped(NULL))
			return false;
		if (!write_all(in->spool, p, n)) {
			message_error(in->name, "has to be read twice, and the "
				      "temporary copy in %s fails at byte %llu:"
				      " %s (TMPDIR chooses another place)",
				      dir, (unsigned long long)in->src.off,
				      strerror(errno));
			return false;
		}
		source_consume(&in->src, n);
	}
	if (lseek(in->spool, 0, SEEK_SET) < 0 || fstat(in->spool, &st) < 0) {
		message_error(in->name, "%s", strerror(errno));
		return false;
	}
	source_free(&in->src);
	fd_source_init(&in->src, &in->io, in->spool, &st, in->name);
	return true;
}

/* What format it has, compressed or not; *r is NULL if that is not known. */
static bool look_inside(struct in_file *in, const struct reader_ops **r)
{
	struct hvqz_err err = {0};
	bool known, zip;
	const uint8_t *p;
	size_t n;

	*r = NULL;
	known = format_detect(&in->src, r, &err) == HVQZ_OK;
	if (source_ahead(&in->src, ZIP_UNPACK_PEEK, &p, &n, &err) != HVQZ_OK)
		return true;
	zip = zip_unpack_bid(p, n);
	if (!zip && (known || !unpack_bid(p, n)))
		return true;
	return begin_unpacking(in, zip) &&
	       (format_detect(&in->src, r, &err) == HVQZ_OK ||
		complain(in, &err));
}

bool in_prepare(struct in_file *in)
{
	const struct reader_ops *r;
	struct scratch_file spool;

	if (!look_inside(in, &r))
		return false;
	/* Whatever else is wrong with it, the job will say. */
	if (!r || !r->needs_seek || source_can_seek(&in->src))
		return true;
	scratch_file_open(&spool);
	in->spool = spool.fd;
	if (in->spool >= 0)
		return copy_to_spool(in);
	message_error(in->name, "has to be read twice, and no temporary file "
		      "can be made in %s: %s (TMPDIR chooses another place)",
		      scratch_file_folder(), strerror(spool.error));
	return false;
}

/* ---- did it hold still? ---- */

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

bool in_is(const struct in_file *in, const struct stat *st)
{
	return (in->st.st_dev == st->st_dev && in->st.st_ino == st->st_ino) ||
	       (in->folder && in_folder_has(in->folder, st));
}

bool in_unchanged(const struct in_file *in)
{
	struct stat now;

	if (in->folder)
		return in_folder_unchanged(in->folder);
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
	else if (!same_state(in, &now))
		message_warn(in->name, "not removed: it changed after it was "
			     "read (%lld bytes then, %lld now), and the result "
			     "is of what it was", (long long)in->st.st_size,
			     (long long)now.st_size);
	else if (unlink(in->path) < 0)
		message_warn(in->name, "not removed: %s", strerror(errno));
}

void in_close(struct in_file *in)
{
	source_free(&in->src);
	if (in->spool >= 0)
		close(in->spool);
	close_packed(in);
	in_folder_close(in->folder);
	free_paths(in);
	if (in->path && in->fd >= 0)
		close(in->fd);
}
