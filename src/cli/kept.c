/* kept.c - a list of files, by device and inode. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/kept.h"

#include "cli/args.h"
#include "cli/message.h"

#include <stdlib.h>

static void add(struct kept *k, const struct stat *st, enum kept_as as,
		const char *from)
{
	if (S_ISREG(st->st_mode))
		k->v[k->n++] = (struct kept_file){st->st_dev, st->st_ino, as,
						  from};
}

/* Where there is no file, or standard input, there is nothing to replace. */
static void add_path(struct kept *k, const char *path, enum kept_as as)
{
	struct stat st;

	if (stat(path, &st) == 0)
		add(k, &st, as, NULL);
}

bool kept_begin(struct kept *k, const struct args *args)
{
	struct hvqz_err err = {0};

	if (kept_room(k, args->n_sidecars + 1, &err) != HVQZ_OK) {
		message_err(NULL, &err);
		return false;
	}
	if (args->base)
		add_path(k, args->base, KEPT_BASE);
	for (size_t i = 0; i < args->n_sidecars; i++)
		add_path(k, args->sidecars[i], KEPT_SIDECAR);
	return true;
}

enum hvqz_ret kept_check(const struct kept *k, const struct stat *st,
			 const char *path, struct hvqz_err *err)
{
	size_t i = 0;

	while (i < k->n && (k->v[i].dev != st->st_dev ||
			    k->v[i].ino != st->st_ino))
		i++;
	if (i == k->n || !S_ISREG(st->st_mode))
		return HVQZ_OK;
	if (k->v[i].as == KEPT_BASE)
		return hvqz_fail(err, HVQZ_USAGE, "the output %.300s is the "
				 "base model, without which it could not be "
				 "read again", path);
	if (k->v[i].as == KEPT_SIDECAR)
		return hvqz_fail(err, HVQZ_USAGE, "the output %.300s is the "
				 "sidecar, which it would replace", path);
	return hvqz_fail(err, HVQZ_USAGE, "the output %.200s was made of "
			 "%.200s a moment ago: this one would replace it",
			 path, k->v[i].from);
}

enum hvqz_ret kept_room(struct kept *k, size_t n, struct hvqz_err *err)
{
	size_t cap = k->cap ? k->cap : 16;
	struct kept_file *more;

	if (n <= k->cap - k->n)
		return HVQZ_OK;
	while (cap - k->n < n)
		cap *= 2;
	more = realloc(k->v, cap * sizeof(*more));
	if (!more)
		return hvqz_nomem(err, cap * sizeof(*more), "files' names");
	k->v = more;
	k->cap = cap;
	return HVQZ_OK;
}

void kept_add_output(struct kept *k, const struct stat *st, const char *from)
{
	add(k, st, KEPT_OUTPUT, from);
}

void kept_free(struct kept *k)
{
	free(k->v);
	*k = (struct kept){0};
}
