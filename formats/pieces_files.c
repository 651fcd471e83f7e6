/*
 * pieces_files.c - the small files that a source of several parts has in it.
 */
#include "formats/pieces.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static unsigned depth_of(const char *name)
{
	unsigned n = 0;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The member of that name that lies furthest outside, in the first of several
 * folders; p->n: none. Of one path it is the last that counts, as for who
 * unpacks the archive: tar appends the newer file and leaves the older.
 */
static size_t find(const struct pieces *p, const char *name)
{
	size_t best = p->n;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind >= PIECE_MEMBER &&
		    !strcmp(base_name(p->v[i].name), name) &&
		    (best == p->n ||
		     depth_of(p->v[i].name) < depth_of(p->v[best].name) ||
		     !strcmp(p->v[i].name, p->v[best].name)))
			best = i;
	return best;
}

bool pieces_has_file(const struct pieces *p, const char *name)
{
	return find(p, name) < p->n;
}

enum hvqz_ret pieces_file_at(const struct pieces *p, size_t i, size_t max,
			     struct buf *b, struct hvqz_err *err)
{
	const struct piece *x = &p->v[i], *bytes;

	if (x->kind == PIECE_PACKED)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%.200s is compressed in it, and not looked "
				 "into", x->name);
	if (x->len > max)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%.200s has %" PRIu64 " bytes, and such a "
				 "file may have %zu", x->name, x->len, max);
	bytes = i + 1 < p->n ? &p->v[i + 1] : x;
	/* Its bytes begin the next piece, which may go on behind it. */
	if (x->len && (bytes->kind != PIECE_LITERAL || bytes->len < x->len))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%.200s is not a plain file", x->name);
	buf_put(b, p->literals.p + bytes->at, (size_t)x->len);
	return buf_ok(b, err);
}

enum hvqz_ret pieces_file(const struct pieces *p, const char *name, size_t max,
			  struct buf *b, struct hvqz_err *err)
{
	size_t i = find(p, name);

	if (i == p->n)
		return hvqz_fail(err, HVQZ_USAGE, "there is no %s in it",
				 name);
	return pieces_file_at(p, i, max, b, err);
}

/* ---- which tensors are files ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum hvqz_ret file_names_of(const struct pieces *p, struct file_names *names,
			    struct hvqz_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].kind >= PIECE_MEMBER;
	*names = (struct file_names){.v = malloc((n + 1) *
						 sizeof(*names->v))};
	if (!names->v)
		return hvqz_nomem(err, n * sizeof(*names->v),
				  "the files' names");
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind >= PIECE_MEMBER)
			names->v[names->n++] = base_name(p->v[i].name);
	qsort(names->v, names->n, sizeof(*names->v), by_text);
	return HVQZ_OK;
}

void file_names_free(struct file_names *names)
{
	free(names->v);
	*names = (struct file_names){0};
}

bool file_names_have(const struct file_names *names, const char *tensor)
{
	if (strchr(tensor, '/'))
		return true;
	return names->n && bsearch(&tensor, names->v, names->n,
				   sizeof(*names->v), by_text);
}
