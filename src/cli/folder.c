/* folder.c - finding and reading the files of a model's folder. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/folder.h"

#include "cli/in_file.h"
#include "cli/in_parts.h"
#include "cli/message.h"
#include "formats/shards.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINGLE "model.safetensors"
#define PACKED ".hvqz"

enum {
	MAX_CONFIG = 4 << 20,
	LOOK = 64 << 10,
};

/* "DIR/NAME" and suffix; the caller frees. NULL: no memory, message. */
static char *join(const char *dir, const char *name, const char *suffix)
{
	size_t len = strlen(dir) + strlen(name) + strlen(suffix) + 2;
	bool slash = *dir && dir[strlen(dir) - 1] == '/';
	char *path = malloc(len);

	if (path)
		snprintf(path, len, "%s%s%s%s", dir, slash ? "" : "/", name,
			 suffix);
	else
		message_error(dir, "out of memory: %zu bytes for a path", len);
	return path;
}

/* A name that is there; a link that leads nowhere is for in_open() to tell. */
static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

static bool is_owned_name(const char *name)
{
	return !strcmp(name, "config.json") ||
	       !strcmp(name, "tokenizer.json") || !strncmp(name, "model", 5);
}

/* A safetensors or .hvqz file of DIR, if it does not say it is a sidecar. */
static bool is_weights(int dir, const char *name)
{
	static const char mark[] = "\"hvqz.sidecar\"";
	char head[4096];
	ssize_t n = 0;
	int fd;

	if (!ends_with(name, ".safetensors") && !ends_with(name, PACKED))
		return false;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, head, sizeof(head));
		close(fd);
	}
	return n <= 0 || !memmem(head, (size_t)n, mark, sizeof(mark) - 1);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is path a name in the directory d? Then it is at *base. */
static bool lies_in(int d, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1)
			     : strdup(".");
	struct stat a, b;
	bool in = parent && !stat(parent, &a) && !fstat(d, &b) &&
		  same_file(&a, &b);

	free(parent);
	*base = slash ? slash + 1 : path;
	return in;
}

bool folder_owns(const char *dir, const char *path)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	struct stat file, own;
	const char *base;
	bool found;

	if (!d)
		return false;
	found = lies_in(dirfd(d), path, &base) && is_owned_name(base);
	if (!found && !stat(path, &file))
		while (!found && (entry = readdir(d)))
			found = !fstatat(dirfd(d), entry->d_name, &own, 0) &&
				same_file(&own, &file) &&
				(is_owned_name(entry->d_name) ||
				 is_weights(dirfd(d), entry->d_name));
	closedir(d);
	return found;
}

/* ---- small files ---- */

static enum hvqz_ret read_all(struct source *src, size_t max, struct buf *b,
			      struct hvqz_err *err)
{
	const uint8_t *p;
	size_t n;

	for (;;) {
		TRY(source_ahead(src, LOOK, &p, &n, err));
		if (!n)
			return buf_ok(b, err);
		if (n > max - b->len)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "more than %zu bytes, the most that "
					 "such a file may have", max);
		buf_put(b, p, n);
		TRY(buf_ok(b, err));
		source_consume(src, n);
	}
}

bool folder_read_file(const char *dir, const char *name, size_t max,
		      uint8_t **p, size_t *len)
{
	char *path = join(dir, name, "");
	struct hvqz_err err = {0};
	struct buf b = {0};
	struct in_file in;
	bool good = false;

	*p = NULL;
	*len = 0;
	if (!path)
		return false;
	if (!in_open(&in, path, IN_SEQUENTIAL)) {
		free(path);
		return false;
	}
	if (read_all(&in.src, max, &b, &err) != HVQZ_OK)
		message_err(path, &err);
	else
		good = in_unchanged(&in);
	in_close(&in);
	free(path);
	if (!good) {
		buf_free(&b);
		return false;
	}
	*p = b.p;
	*len = b.len;
	return true;
}

/* Say err about DIR/NAME. */
static void complain(const char *dir, const char *name,
		     const struct hvqz_err *err)
{
	char *path = join(dir, name, "");

	if (path)
		message_err(path, err);
	free(path);
}

bool folder_config(const char *dir, struct lm_config *c)
{
	struct hvqz_err err = {0};
	enum hvqz_ret ret;
	uint8_t *p;
	size_t len;

	if (!folder_read_file(dir, "config.json", MAX_CONFIG, &p, &len))
		return false;
	ret = lm_config_parse(p, len, c, &err);
	free(p);
	if (ret != HVQZ_OK)
		complain(dir, "config.json", &err);
	return ret == HVQZ_OK;
}

/* ---- weights ---- */

/* Where a load has come to; see folder_load(). */
struct load {
	const struct job_env *env;
	struct lm_model *m;
	uint64_t hash, file_bytes;
};

/* A part of a split GGUF model means all of them. */
static bool load_file(struct load *l, const char *path)
{
	unsigned flags = IN_SEQUENTIAL | (in_parts_is(path) ? IN_MODEL : 0);
	struct hvqz_err err = {0};
	struct in_file in;
	bool good = false;

	if (!in_open(&in, path, flags))
		return false;
	if (job_load(l->env, &in.src, l->m, &l->hash, &err) != HVQZ_OK)
		message_err(in.name, &err);
	else
		good = in_unchanged(&in);
	l->file_bytes += in.src.off;
	in_close(&in);
	return good;
}

/* DIR/NAME, or DIR/NAME.hvqz where that is not there. */
static bool load_member(struct load *l, const char *dir, const char *name)
{
	char *path = join(dir, name, "");
	char *packed = join(dir, name, PACKED);
	bool good = path && packed &&
		    load_file(l, !exists(path) && exists(packed) ? packed
								  : path);

	free(path);
	free(packed);
	return good;
}

static bool load_shards(struct load *l, const char *dir)
{
	struct hvqz_err err = {0};
	struct shards shards;
	bool good = true;
	uint8_t *p;
	size_t len;

	if (!folder_read_file(dir, SHARDS_INDEX, SHARDS_MAX_INDEX, &p, &len))
		return false;
	if (shards_parse(p, len, &shards, &err) != HVQZ_OK) {
		complain(dir, SHARDS_INDEX, &err);
		good = false;
	}
	free(p);
	for (size_t i = 0; i < shards.n && good; i++)
		good = load_member(l, dir, shards.name[i]);
	shards_free(&shards);
	return good;
}

static bool load_dir(struct load *l, const char *dir)
{
	static const char *const names[] = {SINGLE, SINGLE PACKED,
					    SHARDS_INDEX};
	bool there[3];

	for (size_t i = 0; i < 3; i++) {
		char *path = join(dir, names[i], "");

		if (!path)
			return false;
		there[i] = exists(path);
		free(path);
	}
	if (there[0] || there[1])
		return load_member(l, dir, SINGLE);
	if (there[2])
		return load_shards(l, dir);
	message_error(dir, "has neither " SINGLE " nor " SHARDS_INDEX);
	return false;
}

bool folder_load(const struct job_env *env, const char *path,
		 struct lm_model *m, uint64_t *hash, uint64_t *file_bytes)
{
	struct load l = {.env = env, .m = m};
	struct hvqz_err err = {0};
	struct stat st;
	bool good;

	if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode))
		good = load_dir(&l, path);
	else
		good = load_file(&l, path);
	if (good && lm_model_complete(m, &err) != HVQZ_OK) {
		message_err(path, &err);
		good = false;
	}
	if (hash)
		*hash = l.hash;
	if (file_bytes)
		*file_bytes = l.file_bytes;
	return good;
}
