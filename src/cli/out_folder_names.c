/*
 * out_folder_names.c - folders, temporary names and names in a folder, and how
 * they are taken away again.
 *
 * All that is made is announced in *f before, since out_folder_undo() may be
 * called in between, by a signal.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/out_folder_names.h"

#include "cli/attributes.h"
#include "cli/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum hvqz_ret out_folder_failed(const struct out_folder *f, const char *name,
				struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_IO, "cannot write %.200s/%.200s: %s",
			 f->path, name, strerror(errno));
}

int out_folder_open_parent(const struct out_folder *f, size_t i,
			   const char **leaf)
{
	const char *name = f->files.v[i].name, *slash;
	int at = dup(f->dir), next;
	char part[256];

	while (at >= 0 && (slash = strchr(name, '/'))) {
		if ((size_t)(slash - name) >= sizeof(part)) {
			close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, name, (size_t)(slash - name));
		part[slash - name] = '\0';
		next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					O_CLOEXEC);
		close(at);
		at = next;
		name = slash + 1;
	}
	*leaf = name;
	return at;
}

bool out_folder_has_source(const struct out_folder *f)
{
	return f->in->path && f->in->regular;
}

void out_folder_give_mode(const struct out_folder *f, int dir)
{
	mode_t mode = f->mode | 0700 | (f->mode & 0444) >> 2;
	struct stat st;

	if (!out_folder_has_source(f) || fstat(dir, &st) < 0)
		return;
	/* Where a folder gives its group to what is in it, that stays so. */
	if (st.st_mode & S_ISGID)
		fchmod(dir, mode | S_ISGID);
	else
		attributes_give(dir, &f->in->st, mode);
}

/* The same, of the one at path in f's. */
static void give_mode_at(const struct out_folder *f, const char *path)
{
	int dir = openat(f->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				       O_CLOEXEC);

	if (dir >= 0) {
		out_folder_give_mode(f, dir);
		close(dir);
	}
}

/*
 * Make the folder path, which the list takes over. It is on the list before it
 * is there: a signal may come in between.
 */
static enum hvqz_ret make_folder(struct out_folder *f, char *path,
				 struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	struct stat st;

	if (fstatat(f->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		free(path);
		return HVQZ_OK;
	}
	f->folders[f->n_folders] = path;
	f->n_folders++;
	if (mkdirat(f->dir, path, 0777) == 0) {
		give_mode_at(f, path);
		return HVQZ_OK;
	}
	if (errno != EEXIST)
		ret = out_folder_failed(f, path, err);
	f->n_folders--;
	free(path);
	return ret;
}

enum hvqz_ret out_folder_make_folders(struct out_folder *f, const char *name,
				      struct hvqz_err *err)
{
	for (const char *slash = strchr(name, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		char *path = strndup(name, (size_t)(slash - name));

		if (!path)
			return hvqz_nomem(err, strlen(name), "a path");
		TRY(make_folder(f, path, err));
	}
	return HVQZ_OK;
}

int out_folder_open_temp(struct out_folder *f, size_t i, int at)
{
	char *temp = f->temps[i];
	int fd = -1;

	errno = EEXIST;
	for (unsigned n = 0; n < TEMP_TRIES && fd < 0 && errno == EEXIST; n++) {
		temp_new_name(temp, temp, n);
		/* Before it is there, for a signal may come in between. */
		f->n_temps = i + 1;
		fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL |
				      O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		f->n_temps = i;
	return fd;
}

/* May what it writes take the place of files that were there before? */
static bool replaces(const struct out_folder *f)
{
	return f->flags & OUT_FORCE && !f->made;
}

/* Are these names of one file? */
static bool is_linked(int at, const char *a, const char *b)
{
	struct stat x, y;

	return fstatat(at, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(at, b, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void out_folder_undo(void *ctx)
{
	struct out_folder *f = ctx;

	for (size_t i = 0; i < f->n_temps; i++) {
		const char *leaf;
		int at = out_folder_open_parent(f, i, &leaf);

		if (at < 0)
			continue;
		/* Between link() and the count it has both names. */
		if (!replaces(f) && (i < f->n_named ||
				     is_linked(at, leaf, f->temps[i])))
			unlinkat(at, leaf, 0);
		unlinkat(at, f->temps[i], 0);
		close(at);
	}
	for (size_t i = f->n_folders; i-- > 0;)
		unlinkat(f->dir, f->folders[i], AT_REMOVEDIR);
	if (f->made)
		rmdir(f->path);
}

bool out_folder_give_name(struct out_folder *f, size_t i)
{
	const char *leaf, *temp = f->temps[i];
	int at = out_folder_open_parent(f, i, &leaf), saved;
	bool good;

	if (at < 0)
		return false;
	good = replaces(f) ? renameat(at, temp, at, leaf) == 0
			   : linkat(at, temp, at, leaf, 0) == 0;
	if (good)
		f->n_named = i + 1;
	if (good && !replaces(f))
		good = unlinkat(at, temp, 0) == 0;
	saved = errno;
	close(at);
	errno = saved;
	return good;
}

/* Is file i in the same folder as the one before it? */
static bool is_beside_last(const struct out_folder *f, size_t i)
{
	const char *name = f->files.v[i].name, *last, *slash, *last_slash;

	if (!i)
		return false;
	last = f->files.v[i - 1].name;
	slash = strrchr(name, '/');
	last_slash = strrchr(last, '/');
	if (!slash || !last_slash)
		return !slash && !last_slash;
	return slash - name == last_slash - last &&
	       !memcmp(name, last, (size_t)(slash - name));
}

/* Close at, which may be -1, when its names are safe on disk. */
static bool sync_and_close(int at)
{
	bool good = at >= 0 && temp_sync(at);
	int saved = errno;

	if (at >= 0)
		close(at);
	errno = saved;
	return good;
}

bool out_folder_sync_names(const struct out_folder *f)
{
	const char *leaf;

	for (size_t i = 0; i < f->files.n; i++)
		if (!is_beside_last(f, i) &&
		    !sync_and_close(out_folder_open_parent(f, i, &leaf)))
			return false;
	/* Some that are new may have nothing but folders in them. */
	for (size_t i = 0; i < f->n_folders; i++)
		if (!sync_and_close(openat(f->dir, f->folders[i],
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
			return false;
	return temp_sync(f->dir);
}

