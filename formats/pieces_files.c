/*
 * pieces_files.c - the small files that a source of several parts has in it.
 */
#include "formats/pieces.h"

#include <inttypes.h>
#include <string.h>

static unsigned depth_of(const char *name)
{
	unsigned n = 0;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, name);
}

/* The member of that name that lies furthest outside; p->n: none. */
static size_t find(const struct pieces *p, const char *name)
{
	size_t best = p->n;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind >= PIECE_MEMBER &&
		    is_called(p->v[i].name, name) &&
		    (best == p->n ||
		     depth_of(p->v[i].name) < depth_of(p->v[best].name)))
			best = i;
	return best;
}

bool pieces_has_file(const struct pieces *p, const char *name)
{
	return find(p, name) < p->n;
}

enum hvqz_ret pieces_file(const struct pieces *p, const char *name, size_t max,
			  struct buf *b, struct hvqz_err *err)
{
	size_t i = find(p, name);
	const struct piece *x, *bytes;

	if (i == p->n)
		return hvqz_fail(err, HVQZ_USAGE, "there is no %s in it",
				 name);
	x = &p->v[i];
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

bool pieces_is_file(const struct pieces *p, const char *tensor)
{
	if (strchr(tensor, '/'))
		return true;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind >= PIECE_MEMBER &&
		    is_called(p->v[i].name, tensor))
			return true;
	return false;
}
