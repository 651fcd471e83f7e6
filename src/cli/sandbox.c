/*
 * sandbox.c - Landlock by its three system calls; no library has them.
 *
 * A rule set first names the rights it governs: a right that the kernel does
 * not know must not be named. What is governed is denied but for the folders
 * that a rule allows it beneath.
 *
 * Sanitizers and coverage read and write files of their own at exit, so a
 * build with the former has no sandbox, and --disable-sandbox is there for
 * the latter.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/sandbox.h"

#include "cli/message.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

#if defined(HVQZ_SANDBOX) && defined(HAVE_LINUX_LANDLOCK_H) && \
	!defined(HAS_SANITIZER)

#include <linux/landlock.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has them: the header may be older than the kernel. */
enum {
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_ALL_1 = (1 << 13) - 1,	/* version 1: execute … make symlinks */
	FS_REFER = 1 << 13,		/* 2: rename between folders */
	FS_TRUNCATE = 1 << 14,		/* 3 */
	FS_IOCTL_DEV = 1 << 15,		/* 5 */
	NET_TCP = 3,			/* 4: bind and connect */
	SCOPE_ALL = 3,			/* 6: abstract sockets, signals */
};

/* The kernel takes any size whose unknown rest is zero. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static long create_ruleset(const struct ruleset *r, size_t size,
			   unsigned flags)
{
	return syscall(SYS_landlock_create_ruleset, r, size, flags);
}

/* The kernel's version of Landlock; 0: it has none, or not for us. */
static int version(void)
{
	long v = create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int)v : 0;
}

/* A descriptor of a rule set that governs all there is; −1. */
static int begin(int v)
{
	struct ruleset r = {
		.fs = FS_ALL_1 | (v >= 2 ? FS_REFER : 0) |
		      (v >= 3 ? FS_TRUNCATE : 0) |
		      (v >= 5 ? FS_IOCTL_DEV : 0),
		.net = v >= 4 ? NET_TCP : 0,
		.scoped = v >= 6 ? SCOPE_ALL : 0,
	};
	size_t size = v >= 6 ? 24 : v >= 4 ? 16 : 8;

	return (int)create_ruleset(&r, size, 0);
}

/* Beneath the folder, or to the file: these. What does not work stays denied. */
static void allow(int ruleset, int folder, uint64_t rights)
{
	struct landlock_path_beneath_attr a = {
		.allowed_access = rights,
		.parent_fd = folder,
	};

	if (folder >= 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		    &a, 0) < 0)
		message_info(2, NULL, "sandbox: a folder cannot be allowed: %s",
			     strerror(errno));
}

static void enter(int ruleset, int v, const char *what, int level)
{
	bool good = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		    syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;

	message_info(level, NULL, "sandbox: %s (Landlock, version %d)",
		     good ? what : strerror(errno), v);
	close(ruleset);
}

static void allow_at(int ruleset, const char *folder, uint64_t rights)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	allow(ruleset, fd, rights);
	if (fd >= 0)
		close(fd);
}

/* The folder that a file is in; the caller frees. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");
}

/* The same in the folder that a file is in. */
static void allow_beside(int ruleset, const char *path, uint64_t rights)
{
	char *s = folder_of(path);

	if (s)
		allow_at(ruleset, s, rights);
	free(s);
}

/* Can it be a configuration or a tokenizer? */
static bool is_small(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".json") || !strcmp(dot, ".jinja"));
}

/*
 * Landlock goes by where a file is, not by the way to it, and in a cache of
 * downloads all files are links to another folder.
 */
static void allow_links(int ruleset, const char *path)
{
	char *s = folder_of(path);
	DIR *d = s ? opendir(s) : NULL;
	const struct dirent *entry;
	struct stat st;

	free(s);
	while (d && (entry = readdir(d))) {
		int fd;

		if (!is_small(entry->d_name))
			continue;
		fd = openat(dirfd(d), entry->d_name, O_PATH | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			allow(ruleset, fd, FS_READ_FILE);
		close(fd);
	}
	if (d)
		closedir(d);
}

static void tell_none(int level)
{
	message_info(level, NULL, "sandbox: none, the kernel has no Landlock");
}

void sandbox_close(int folder, const char *beside, const char *reads,
		   int level)
{
	uint64_t rights = FS_MAKE_REG | FS_REMOVE_FILE;
	int v = version(), ruleset = v ? begin(v) : -1;

	if (ruleset < 0) {
		tell_none(level);
		return;
	}
	allow(ruleset, folder, rights);
	if (beside)
		allow_beside(ruleset, beside, rights);
	if (reads) {
		allow_beside(ruleset, reads, FS_READ_FILE);
		allow_links(ruleset, reads);
	}
	enter(ruleset, v, reads ? "only files beside the input can be opened"
				: "no file can be opened any more", level);
}

void sandbox_close_tree(int folder, const char *beside, int level)
{
	int v = version(), ruleset = v ? begin(v) : -1, parent;

	if (ruleset < 0) {
		tell_none(level);
		return;
	}
	allow(ruleset, folder, FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_FILE |
			       FS_MAKE_REG | FS_REMOVE_DIR | FS_MAKE_DIR);
	parent = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	allow(ruleset, parent, FS_REMOVE_DIR);
	if (parent >= 0)
		close(parent);
	if (beside)
		allow_beside(ruleset, beside, FS_REMOVE_FILE);
	enter(ruleset, v, "files can be written only in the output's folder",
	      level);
}

void sandbox_read_only(const char *const *paths, size_t n, const char *also,
		       int level)
{
	uint64_t rights = FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |
			  FS_REMOVE_FILE | FS_MAKE_REG | FS_REMOVE_DIR |
			  FS_MAKE_DIR;
	int v = version(), ruleset = v ? begin(v) : -1;

	if (ruleset < 0)
		return;
	rights |= v >= 3 ? FS_TRUNCATE : 0;
	allow_at(ruleset, "/", FS_READ_FILE | FS_READ_DIR);
	for (size_t i = 0; i < n; i++)
		allow_beside(ruleset, paths[i], rights);
	allow_at(ruleset, also, rights);
	enter(ruleset, v, "files can be written only beside those given",
	      level);
}

#else

void sandbox_close(int folder, const char *beside, const char *reads,
		   int level)
{
	(void)folder;
	(void)beside;
	(void)reads;
	message_info(level, NULL, "sandbox: none in this build");
}

void sandbox_close_tree(int folder, const char *beside, int level)
{
	(void)folder;
	(void)beside;
	message_info(level, NULL, "sandbox: none in this build");
}

void sandbox_read_only(const char *const *paths, size_t n, const char *also,
		       int level)
{
	(void)paths;
	(void)n;
	(void)also;
	message_info(level, NULL, "sandbox: none in this build");
}

#endif
