/* temp_file.c - without a name, or with one that nobody else has. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/temp_file.h"

#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PROC_LEN = 40 };

/* The folder of path, as a descriptor; *leaf is the name in it. */
static int open_folder(const char *path, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	char *s;
	int fd;

	*leaf = slash ? slash + 1 : path;
	s = slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");
	if (!s)
		return -1;
	do {
		fd = open(s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR && !signals_stopped(NULL));
	/* One may write where one may not read; then it cannot be synced. */
	if (fd < 0 && errno == EACCES)
		fd = open(s, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(s);
	return fd;
}

/* Short and fixed: target's own name may already be as long as they get. */
void temp_new_name(char name[TEMP_NAME_LEN], const void *salt, unsigned n)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	struct timespec now;
	uint64_t x;

	clock_gettime(CLOCK_REALTIME, &now);
	x = ((uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec ^
	     (uint64_t)getpid() << 32 ^ (uintptr_t)salt) + n;
	x *= 0x9e3779b97f4a7c15u;
	strcpy(name, ".hvqz-");
	for (size_t i = 6; i < 12; i++, x <<= 5)
		name[i] = digits[x >> 59];
	name[12] = '\0';
}

static void proc_name(const struct temp_file *t, char *to)
{
	snprintf(to, PROC_LEN, "/proc/self/fd/%d", t->fd);
}

/* A name can be given later only by way of /proc. */
static bool open_nameless(struct temp_file *t)
{
#ifdef O_TMPFILE
	char proc[PROC_LEN];

	t->fd = openat(t->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return false;
	proc_name(t, proc);
	if (faccessat(AT_FDCWD, proc, F_OK, 0) == 0)
		return true;
	close(t->fd);
	t->fd = -1;
#endif
	return false;
}

static bool open_named(struct temp_file *t)
{
	for (unsigned i = 0; i < TEMP_TRIES; i++) {
		temp_new_name(t->name, t, i);
		/* Before it is there, for a signal may come in between. */
		signals_remove(t->folder, t->name);
		t->fd = openat(t->folder, t->name,
			       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (t->fd >= 0)
			return true;
		signals_remove(-1, NULL);
		if (errno != EEXIST && errno != EINTR)
			break;
	}
	t->name[0] = '\0';
	return false;
}

bool temp_open(struct temp_file *t, const char *target)
{
	int saved;

	*t = (struct temp_file){.fd = -1};
	t->folder = open_folder(target, &t->leaf);
	if (t->folder < 0)
		return false;
	if (open_nameless(t) || open_named(t))
		return true;
	saved = errno;
	temp_free(t);
	errno = saved;
	return false;
}

/* A name for a file that has none; false, with errno. */
static bool link_nameless(const struct temp_file *t, const char *name)
{
	char proc[PROC_LEN];

	proc_name(t, proc);
	return linkat(AT_FDCWD, proc, t->folder, name, AT_SYMLINK_FOLLOW) == 0;
}

/* The file has a name; target's must be free. */
static bool move(const struct temp_file *t)
{
	struct stat st;

#ifdef RENAME_NOREPLACE
	if (renameat2(t->folder, t->name, t->folder, t->leaf,
		      RENAME_NOREPLACE) == 0)
		return true;
	if (errno == EEXIST)
		return false;
#endif
	if (linkat(t->folder, t->name, t->folder, t->leaf, 0) == 0)
		return unlinkat(t->folder, t->name, 0) == 0;
	if (errno == EEXIST)
		return false;
	/* Neither call on this file system: a look has to do. */
	if (fstatat(t->folder, t->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return false;
	}
	return renameat(t->folder, t->name, t->folder, t->leaf) == 0;
}

/* No name to any name of ours, for the moment before a rename. */
static bool name_it(struct temp_file *t)
{
	for (unsigned i = 0; i < TEMP_TRIES; i++) {
		temp_new_name(t->name, t, i);
		signals_remove(t->folder, t->name);
		if (link_nameless(t, t->name))
			return true;
		signals_remove(-1, NULL);
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return false;
}

static bool give_name(struct temp_file *t, bool replace)
{
	if (!t->name[0]) {
		if (link_nameless(t, t->leaf))
			return true;
		if (errno != EEXIST || !replace || !name_it(t))
			return false;
	}
	return replace ? renameat(t->folder, t->name, t->folder, t->leaf) == 0
		       : move(t);
}

bool temp_give_name(struct temp_file *t, bool replace)
{
	int fd = t->fd;

	/* A disk far away may find fault with the data only now. */
	if (t->name[0]) {
		t->fd = -1;
		if (close(fd) < 0)
			return false;
	}
	if (!give_name(t, replace))
		return false;
	signals_remove(-1, NULL);
	t->name[0] = '\0';
	return true;
}

bool temp_sync(int folder)
{
	/* Some file systems cannot sync and say so: nothing to wait for. */
	int ret;

	do {
		ret = fsync(folder);
	} while (ret < 0 && errno == EINTR);
	return ret == 0 || errno == EINVAL || errno == EROFS ||
	       errno == ENOTSUP || errno == EBADF;
}

bool temp_sync_folder(const struct temp_file *t)
{
	return temp_sync(t->folder);
}

void temp_free(struct temp_file *t)
{
	if (t->name[0] && unlinkat(t->folder, t->name, 0) < 0) {
		/* There is nothing that could still be done about it. */
	}
	signals_remove(-1, NULL);
	if (t->fd >= 0)
		close(t->fd);
	if (t->folder >= 0)
		close(t->folder);
	*t = (struct temp_file){.fd = -1, .folder = -1};
}
