/*
 * out_folder.c - the stream of a folder into files.
 *
 * Names come from a .hvqz somebody has sent: they have been checked to be
 * relative and without "..", and every step on the way to a file is opened
 * without following links.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/out_folder.h"

#include "cli/attributes.h"
#include "cli/message.h"
#include "cli/out_folder_names.h"
#include "cli/signals.h"
#include "cli/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum hvqz_ret open_next(struct out_folder *f, struct hvqz_err *err)
{
	size_t i = f->file;
	const char *leaf;
	int at = out_folder_open_parent(f, i, &leaf);

	if (at < 0)
		return out_folder_failed(f, f->files.v[i].name, err);
	f->fd = out_folder_open_temp(f, i, at);
	close(at);
	if (f->fd < 0)
		return out_folder_failed(f, f->files.v[i].name, err);
	f->left = f->files.v[i].size;
	return HVQZ_OK;
}

static enum hvqz_ret close_file(struct out_folder *f, struct hvqz_err *err)
{
	const char *name = f->files.v[f->file].name;
	int fd = f->fd;

	f->fd = -1;
	f->file++;
	if (out_folder_has_source(f)) {
		attributes_give(fd, &f->in->st, f->mode);
	} else if (fchmod(fd, f->mode) < 0) {
		/* It stays ours alone: safe. */
	}
	if (!(f->flags & OUT_NO_SYNC) && fsync(fd) < 0 && errno != EINVAL &&
	    errno != EROFS && errno != ENOTSUP) {
		close(fd);
		return out_folder_failed(f, name, err);
	}
	return close(fd) < 0 ? out_folder_failed(f, name, err) : HVQZ_OK;
}

/* Up to the next file that wants bytes; empty ones are made on the way. */
static enum hvqz_ret advance(struct out_folder *f, struct hvqz_err *err)
{
	while (f->fd < 0 || !f->left) {
		if (f->fd >= 0)
			TRY(close_file(f, err));
		if (f->file == f->files.n)
			return HVQZ_OK;
		TRY(open_next(f, err));
	}
	return HVQZ_OK;
}

/* Room for what out_folder_undo() looks at: it must not move any more. */
static enum hvqz_ret make_room(struct out_folder *f, struct hvqz_err *err)
{
	size_t n = f->files.n, n_slashes = 0;

	for (size_t i = 0; i < n; i++)
		for (const char *s = f->files.v[i].name; *s; s++)
			n_slashes += *s == '/';
	f->temps = calloc(n + 1, sizeof(*f->temps));
	f->folders = calloc(n_slashes + 1, sizeof(*f->folders));
	if (!f->temps || !f->folders)
		return hvqz_nomem(err, n * sizeof(*f->temps) +
				       n_slashes * sizeof(*f->folders),
				  "the names of a folder");
	return HVQZ_OK;
}

/* A name that is there already: may the new file have it? */
static enum hvqz_ret check_old(const struct out_folder *f, const char *name,
			       const struct stat *st, struct hvqz_err *err)
{
	char path[420];

	snprintf(path, sizeof(path), "%.200s/%.200s", f->path, name);
	if (!S_ISREG(st->st_mode))
		return hvqz_fail(err, HVQZ_IO, "%s exists and is no file",
				 path);
	if (in_is(f->in, st))
		return hvqz_fail(err, HVQZ_USAGE, "the output %s is the input",
				 path);
	TRY(kept_check(f->kept, st, path, err));
	if (f->flags & OUT_FORCE)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_IO, "%s exists already; -f replaces it",
			 path);
}

/* The first write is the whole table. */
static enum hvqz_ret take_table(struct out_folder *f, const void *p, size_t n,
				struct hvqz_err *err)
{
	struct source_memory memory;
	struct source src;
	enum hvqz_ret ret;
	struct stat st;

	source_init_memory(&src, &memory, p, n);
	ret = folder_take_table(&src, &f->files, err);
	source_free(&src);
	TRY(ret);
	f->has_table = true;
	TRY(kept_room(f->kept, f->files.n, err));
	TRY(make_room(f, err));
	for (size_t i = 0; i < f->files.n; i++) {
		const char *name = f->files.v[i].name;

		TRY(out_folder_make_folders(f, name, err));
		if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return out_folder_failed(f, name, err);
			continue;
		}
		TRY(check_old(f, name, &st, err));
	}
	return advance(f, err);
}

static enum hvqz_ret folder_write(void *ctx, const void *p, size_t n,
				  struct hvqz_err *err)
{
	struct out_folder *f = ctx;
	const char *from = p;

	if (!f->has_table)
		return take_table(f, p, n, err);
	while (n) {
		size_t want = n < f->left ? n : (size_t)f->left;
		ssize_t r;

		if (f->fd < 0)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes behind the last file", n);
		if (signals_stopped(NULL))
			return hvqz_fail(err, HVQZ_STOPPED,
					 "stopped by a signal");
		r = write(f->fd, from, want < 1 << 30 ? want : 1 << 30);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return out_folder_failed(
				f, f->files.v[f->file].name, err);
		from += r;
		n -= (size_t)r;
		f->left -= (uint64_t)r;
		TRY(advance(f, err));
	}
	return HVQZ_OK;
}

/* The name of the folder at path, in the one above, to the disk. */
static bool sync_above(const char *path)
{
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), above, saved;
	bool good;

	if (dir < 0)
		return false;
	above = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What may not be read cannot be synced. */
	good = above >= 0 ? temp_sync(above) : errno == EACCES;
	saved = errno;
	if (above >= 0)
		close(above);
	close(dir);
	errno = saved;
	return good;
}

bool out_folder_make(const char *path, const char *about, unsigned flags,
		     bool *made)
{
	struct stat st;
	int saved;

	/* Said before it is, for a signal may come in between. */
	*made = lstat(path, &st) < 0;
	if (mkdir(path, 0777) < 0)
		*made = false;
	if ((*made || errno == EEXIST) &&
	    (flags & OUT_NO_SYNC || sync_above(path)))
		return true;
	saved = errno;
	if (*made)
		rmdir(path);
	message_error(about, "cannot make the folder %s: %s", path,
		      strerror(saved));
	return false;
}

bool out_folder_open(struct out_folder *f, const char *path,
		     const struct in_file *in, unsigned flags,
		     struct kept *kept)
{
	static const struct sink_ops ops = {folder_write};

	*f = (struct out_folder){.path = path, .about = in->name, .in = in,
				 .kept = kept, .flags = flags, .dir = -1,
				 .fd = -1};
	f->mode = out_folder_has_source(f) ? in->st.st_mode & 0666
				: attributes_usual_mode();
	signals_undo(out_folder_undo, f);
	if (!out_folder_make(path, f->about, flags, &f->made)) {
		signals_undo(NULL, NULL);
		return false;
	}
	f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0) {
		message_error(f->about, "cannot write the folder %s: %s", path,
			      strerror(errno));
		if (f->made)
			rmdir(path);
		signals_undo(NULL, NULL);
		return false;
	}
	if (f->made)
		out_folder_give_mode(f, f->dir);
	sink_init(&f->sink, &ops, f);
	return true;
}

static void release(struct out_folder *f)
{
	signals_undo(NULL, NULL);
	if (f->fd >= 0)
		close(f->fd);
	close(f->dir);
	members_free(&f->files);
	for (size_t i = 0; i < f->n_folders; i++)
		free(f->folders[i]);
	free(f->folders);
	free(f->temps);
}

/* All files are there: no later output may take the place of one. */
static void keep(const struct out_folder *f)
{
	struct stat st;

	for (size_t i = 0; i < f->files.n; i++)
		if (fstatat(f->dir, f->files.v[i].name, &st,
			    AT_SYMLINK_NOFOLLOW) == 0)
			kept_add_output(f->kept, &st, f->about);
}

bool out_folder_commit(struct out_folder *f)
{
	bool good = f->has_table;

	while (good && f->n_named < f->n_temps)
		good = out_folder_give_name(f, f->n_named);
	good = good && f->n_named == f->files.n;
	if (!good) {
		message_error(f->about, "cannot write %s/%s: %s", f->path,
			      f->n_named < f->files.n ?
				      f->files.v[f->n_named].name : "",
			      strerror(errno));
		out_folder_undo(f);
	} else {
		signals_undo(NULL, NULL);
		keep(f);
		if (!(f->flags & OUT_NO_SYNC) && !out_folder_sync_names(f)) {
			message_error(f->about, "%s is complete, but may not "
				      "survive a loss of power: %s", f->path,
				      strerror(errno));
			good = false;
		}
	}
	release(f);
	return good;
}

void out_folder_discard(struct out_folder *f)
{
	out_folder_undo(f);
	release(f);
}
