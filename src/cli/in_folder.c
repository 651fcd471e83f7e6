/* in_folder.c - the files of a folder, one after another. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/in_folder.h"

#include "cli/message.h"
#include "cli/signals.h"
#include "formats/gguf_split.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file was like when the folder was looked through. */
struct state {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	mode_t mode;			/* may change */
};

struct in_folder {
	const char *path;
	const char *part;		/* or NULL: see in_folder_open() */
	int dir;
	struct members files;		/* off: behind the table */
	struct state *states;		/* [files.n] */
	struct buf table;
	uint64_t size;			/* of the whole stream */
	uint64_t pos;			/* where the stream is */
	size_t file;			/* the file that fd is of */
	int fd;
};

static struct state state_of(const struct stat *st)
{
	return (struct state){st->st_dev, st->st_ino, st->st_size,
			      st->st_mtim, st->st_mode};
}

static bool same_state(const struct state *a, const struct state *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* ---- what is in the folder ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name,
		      ((const struct member *)b)->name);
}

static bool add_entry(struct in_folder *f, const char *name)
{
	struct hvqz_err err = {0};
	struct stat st;

	if (f->part && gguf_set_cmp(f->part, name))
		return true;
	if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		message_error(f->path, "%s: %s", name, strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		if (*name != '.')
			message_warn(f->path, "the folder %s in it is left "
				     "out ('tar c %s | hvqz' takes all)",
				     name, f->path);
		return true;
	}
	if (!S_ISREG(st.st_mode)) {
		message_error(f->path, "%s is %s and no file of the folder; "
			      "'tar ch %s | hvqz' takes what links lead to",
			      name, S_ISLNK(st.st_mode) ? "a symbolic link"
							: "not a regular file",
			      f->part ? "FILES" : f->path);
		return false;
	}
	if (f->files.n >= FOLDER_MAX_FILES) {
		message_error(f->path, "more than %d files", FOLDER_MAX_FILES);
		return false;
	}
	if (members_add(&f->files, name, 0, (uint64_t)st.st_size, NULL,
			&err) == HVQZ_OK)
		return true;
	message_err(f->path, &err);
	return false;
}

static bool look_through(struct in_folder *f)
{
	int copy = dup(f->dir);
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool good = d;

	if (!d) {
		message_error(f->path, "%s", strerror(errno));
		if (copy >= 0)
			close(copy);
		return false;
	}
	errno = 0;
	while (good && (entry = readdir(d))) {
		good = !strcmp(entry->d_name, ".") ||
		       !strcmp(entry->d_name, "..") ||
		       add_entry(f, entry->d_name);
		errno = 0;
	}
	if (good && errno) {
		message_error(f->path, "%s", strerror(errno));
		good = false;
	}
	closedir(d);
	if (f->files.n)
		qsort(f->files.v, f->files.n, sizeof(*f->files.v), by_name);
	return good;
}

/* The states and places of the files, which are sorted now, and the table. */
static bool settle(struct in_folder *f)
{
	struct hvqz_err err = {0};

	f->states = calloc(f->files.n + 1, sizeof(*f->states));
	if (!f->states) {
		message_error(f->path, "out of memory");
		return false;
	}
	for (size_t i = 0; i < f->files.n; i++) {
		struct member *x = &f->files.v[i];
		struct stat st;

		if (fstatat(f->dir, x->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			message_error(f->path, "%s: %s", x->name,
				      strerror(errno));
			return false;
		}
		f->states[i] = state_of(&st);
		x->off = f->size;
		x->size = (uint64_t)st.st_size;
		f->size += x->size;
	}
	if (folder_put_table(&f->table, &f->files, &err) != HVQZ_OK) {
		message_err(f->path, &err);
		return false;
	}
	f->size += f->table.len;
	return true;
}

struct in_folder *in_folder_open(const char *path, const char *part)
{
	struct in_folder *f = calloc(1, sizeof(*f));

	if (!f) {
		message_error(path, "out of memory");
		return NULL;
	}
	f->path = path;
	f->part = part;
	f->fd = -1;
	f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		message_error(path, "%s", strerror(errno));
	else if (look_through(f) && settle(f))
		return f;
	in_folder_close(f);
	return NULL;
}

/* ---- the stream ---- */

static enum hvqz_ret open_file(struct in_folder *f, size_t i,
			       struct hvqz_err *err)
{
	const char *name = f->files.v[i].name;
	struct state now;
	struct stat st;

	if (f->fd >= 0)
		close(f->fd);
	f->fd = openat(f->dir, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return hvqz_fail(err, HVQZ_IO, "cannot read %.200s: %s", name,
				 strerror(errno));
	now = state_of(&st);
	if (!same_state(&now, &f->states[i]))
		return hvqz_fail(err, HVQZ_IO, "%.200s changed while the "
				 "folder was being read", name);
	f->file = i;
	return HVQZ_OK;
}

/* The file that has byte at of the data: the last that begins before. */
static size_t find_file(const struct in_folder *f, uint64_t at)
{
	size_t lo = 0, hi = f->files.n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->files.v[mid].off <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static enum hvqz_ret read_file(struct in_folder *f, void *buf, size_t n,
			       size_t *got, struct hvqz_err *err)
{
	uint64_t at = f->pos - f->table.len, left;
	size_t i = find_file(f, at);
	const struct member *x = &f->files.v[i];
	ssize_t r;

	if (f->fd < 0 || f->file != i)
		TRY(open_file(f, i, err));
	left = x->off + x->size - at;
	do {
		if (signals_stopped(NULL))
			return hvqz_fail(err, HVQZ_STOPPED,
					 "stopped by a signal");
		r = pread(f->fd, buf, n < left ? n : (size_t)left,
			  (off_t)(at - x->off));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return hvqz_fail(err, HVQZ_IO, "cannot read %.200s: %s",
				 x->name, strerror(errno));
	if (!r)
		return hvqz_fail(err, HVQZ_IO, "%.200s became shorter while "
				 "it was being read", x->name);
	*got = (size_t)r;
	return HVQZ_OK;
}

static enum hvqz_ret folder_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct in_folder *f = ctx;

	*got = 0;
	if (n > 1 << 30)
		n = 1 << 30;
	if (f->pos < f->table.len) {
		*got = f->table.len - (size_t)f->pos;
		*got = *got < n ? *got : n;
		memcpy(buf, f->table.p + f->pos, *got);
	} else if (f->pos < f->size) {
		TRY(read_file(f, buf, n, got, err));
	}
	f->pos += *got;
	return HVQZ_OK;
}

static enum hvqz_ret folder_seek(void *ctx, uint64_t off,
				 struct hvqz_err *err)
{
	struct in_folder *f = ctx;

	(void)err;
	f->pos = off;
	return HVQZ_OK;
}

void in_folder_source(struct in_folder *f, struct source *src)
{
	static const struct source_ops ops = {folder_read, folder_seek};

	f->pos = 0;
	source_init(src, &ops, f, f->size);
}

bool in_folder_unchanged(const struct in_folder *f)
{
	for (size_t i = 0; i < f->files.n; i++) {
		const char *name = f->files.v[i].name;
		struct state now;
		struct stat st;

		if (!fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
			now = state_of(&st);
			if (same_state(&now, &f->states[i]))
				continue;
		}
		message_error(f->path, "%s changed while the folder was being "
			      "read: the result is not used", name);
		return false;
	}
	return true;
}

mode_t in_folder_mode(const struct in_folder *f)
{
	mode_t mode = 0666;

	for (size_t i = 0; i < f->files.n; i++)
		mode &= f->states[i].mode | 0600;
	return mode;
}

bool in_folder_has(const struct in_folder *f, const struct stat *st)
{
	for (size_t i = 0; i < f->files.n; i++)
		if (f->states[i].dev == st->st_dev &&
		    f->states[i].ino == st->st_ino)
			return true;
	return false;
}

void in_folder_close(struct in_folder *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->dir >= 0)
		close(f->dir);
	members_free(&f->files);
	buf_free(&f->table);
	free(f->states);
	free(f);
}
