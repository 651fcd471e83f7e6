/*
 * shards_check.c - are all the tensors there that the index of a model in
 * several files promises?
 *
 * A list of pieces that has an index has the files it lists (I3, members.c).
 * Which tensors are in them it need not say right: a file may have been made
 * anew since, and an old converter kept the names of tensors that it left out.
 */
#include "formats/pieces.h"
#include "formats/shards.h"

#include <stdlib.h>
#include <string.h>

static size_t folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash + 1 - path) : 0;
}

/* The last index in the folder that all members are in; p->n: none. */
static size_t find_index(const struct pieces *p)
{
	size_t found = p->n, root;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == PIECE_MEMBER &&
		    !strcmp(p->v[i].name + folder_len(p->v[i].name),
			    SHARDS_INDEX) &&
		    (found == p->n || folder_len(p->v[i].name) <=
				      folder_len(p->v[found].name)))
			found = i;
	if (found == p->n)
		return found;
	root = folder_len(p->v[found].name);
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].name &&
		    strncmp(p->v[i].name, p->v[found].name, root))
			return p->n;
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * The names of the tensors in the files it lists, sorted, to v; how many.
 * *packed: a listed one that is compressed, so that nobody knows; or NULL.
 */
static size_t names_in(const struct pieces *p, size_t root,
		       const struct shards *s, const struct model *m,
		       const char **v, const char **packed)
{
	size_t n = 0, tensor = 0;
	uint64_t left = 0;
	bool listed = false;

	*packed = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct piece *x = &p->v[i];

		if (x->name) {
			left = x->len;
			listed = shards_list(s, x->name + root);
			if (listed && x->kind == PIECE_PACKED)
				*packed = x->name;
			continue;
		}
		/* Empty tensors may stand behind a member's last byte. */
		if (x->kind == PIECE_TENSOR) {
			if (listed && x->len <= left)
				v[n++] = m->tensors[tensor].name;
			tensor++;
		}
		left -= x->len < left ? x->len : left;
	}
	qsort(v, n, sizeof(*v), by_name);
	return n;
}

static enum hvqz_ret compare(const struct shards *s, const char **v, size_t n,
			     const char *index, const char *packed,
			     struct hvqz_err *err)
{
	size_t n_lost = 0, first = 0;

	for (size_t i = 0; i < s->n_tensors; i++)
		if (!n || !bsearch(&s->tensor[i], v, n, sizeof(*v), by_name))
			if (!n_lost++)
				first = i;
	if (!n_lost)
		return HVQZ_OK;
	if (packed)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, s->tensor[first],
					"can only be in %.200s, which the "
					"archive compresses: %zu of the %zu "
					"tensors that %.100s lists cannot be "
					"told", packed, n_lost, s->n_tensors,
					index);
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, s->tensor[first],
				"is in none of the files that %.200s lists: "
				"%zu of its %zu tensors are missing", index,
				n_lost, s->n_tensors);
}

enum hvqz_ret shards_check(const struct model *m, struct hvqz_err *err)
{
	struct shards s = {0};
	struct buf json = {0};
	const char **v = NULL, *packed;
	struct pieces p = {0};
	enum hvqz_ret ret;
	size_t at, n;

	if (!m->head || !format_has_files(m->format))
		return HVQZ_OK;
	TRY_OUT(pieces_from_head(&p, m, err));
	at = find_index(&p);
	/* One that is no literal, among many files, is not looked into. */
	if (at == p.n || pieces_file_at(&p, at, SHARDS_MAX_INDEX, &json, NULL))
		goto out;
	/* One that is not understood was no hindrance when it was read. */
	ret = shards_parse(json.p, json.len, &s, err);
	if (ret != HVQZ_OK) {
		ret = ret == HVQZ_NOMEM ? ret : HVQZ_OK;
		goto out;
	}
	v = malloc((m->n_tensors + 1) * sizeof(*v));
	if (!v) {
		ret = hvqz_nomem(err, m->n_tensors * sizeof(*v), "the names");
		goto out;
	}
	n = names_in(&p, folder_len(p.v[at].name), &s, m, v, &packed);
	ret = compare(&s, v, n, p.v[at].name, packed, err);
out:
	free(v);
	shards_free(&s);
	buf_free(&json);
	pieces_free(&p);
	return ret;
}
