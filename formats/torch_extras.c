/*
 * torch_extras.c - the names of a PyTorch file that its table has not, from
 * what is kept of it: the pickle is in the head.
 *
 * It is read again as it was the first time, from a list of members made of the
 * pieces. Where that gives other tensors than the table has, the names are not
 * to be had.
 */
#include "formats/torch.h"

#include <stdlib.h>
#include <string.h>

void torch_extras_free(struct torch_extras *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].name);
	free(x->v);
	*x = (struct torch_extras){0};
}

/* A member of the archive: where its bytes are in the literals. */
static enum hvqz_ret add_member(struct members *list, const struct pieces *p,
				size_t i, struct hvqz_err *err)
{
	const struct piece *x = &p->v[i];
	const struct piece *next = i + 1 < p->n ? x + 1 : NULL;
	uint64_t at = p->literals.len;
	struct member *added;

	if (next && next->kind == PIECE_LITERAL && next->len >= x->len)
		at = next->at;
	TRY(members_add(list, x->name, at, x->len, &added, err));
	added->packed = x->kind == PIECE_PACKED;
	added->unpacked = added->packed ? x->unpacked : x->len;
	return HVQZ_OK;
}

/* The tensors of the list from `tensor` on are those of member k. */
static enum hvqz_ret check_member(const struct members *list, size_t k,
				  const struct model *m, size_t tensor,
				  size_t n, struct hvqz_err *err)
{
	const struct model *c = &list->v[k].content;
	bool good = c->n_tensors == n || !c->n_tensors;

	for (size_t i = 0; good && i < c->n_tensors; i++)
		good = c->tensors[i].dtype == m->tensors[tensor + i].dtype &&
		       c->tensors[i].size == m->tensors[tensor + i].size;
	return good ? HVQZ_OK
		    : hvqz_fail(err, HVQZ_UNSUPPORTED, "the pickle says other "
				"tensors of '%.200s' than the table",
				list->v[k].name);
}

/* first[k]: the tensors in front of member k. */
static enum hvqz_ret count_tensors(const struct pieces *p,
				   const struct model *m,
				   const struct members *list, size_t *first,
				   struct hvqz_err *err)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].kind >= PIECE_MEMBER)
			first[k++] = n;
		n += p->v[i].kind == PIECE_TENSOR;
	}
	first[k] = n;
	for (k = 0; k < list->n; k++)
		TRY(check_member(list, k, m, first[k], first[k + 1] - first[k],
				 err));
	return HVQZ_OK;
}

static enum hvqz_ret look(const struct pieces *p, const struct model *m,
			  struct members *list, struct torch_extras *x,
			  struct hvqz_err *err)
{
	struct source_memory memory;
	struct source src;
	enum hvqz_ret ret;
	size_t *first;
	bool is_torch;

	source_init_memory(&src, &memory, p->literals.p, p->literals.len);
	ret = torch_look(&src, 0, list, &is_torch, x, err);
	source_free(&src);
	TRY(ret);
	first = calloc(list->n + 1, sizeof(*first));
	if (!first)
		return hvqz_nomem(err, list->n * sizeof(*first), "members");
	ret = count_tensors(p, m, list, first, err);
	for (size_t i = 0; ret == HVQZ_OK && i < x->n; i++)
		x->v[i].tensor += first[x->v[i].member];
	free(first);
	return ret;
}

/* ---- which of them can be tensors ---- */

struct own_name {
	const char *name;
	size_t order;		/* tensors of the table, then extras */
};

static int compare_names(const void *a, const void *b)
{
	const struct own_name *x = a, *y = b;
	int d = strcmp(x->name, y->name);

	return d ? d : x->order < y->order ? -1 : x->order > y->order;
}

/* Is it what has that name already, once more? */
static bool is_same(const struct model *m, const struct torch_extra *x,
		    size_t tensor)
{
	const struct tensor *t = &m->tensors[tensor];

	return x->tensor == tensor && x->rank == t->rank &&
	       !memcmp(x->dim, t->dim, x->rank * sizeof(*x->dim));
}

static const char same[] = "it is there";

static void drop_same(struct torch_extras *x)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].why == same)
			free(x->v[i].name);
		else
			x->v[kept++] = x->v[i];
	x->n = kept;
}

/* A name is there once. */
static enum hvqz_ret check_names(const struct model *m,
				 struct torch_extras *x, struct hvqz_err *err)
{
	size_t n = m->n_tensors;
	struct own_name *v = malloc((n + x->n + 1) * sizeof(*v));

	if (!v)
		return hvqz_nomem(err, (n + x->n) * sizeof(*v), "names");
	for (size_t i = 0; i < n; i++)
		v[i] = (struct own_name){m->tensors[i].name, i};
	for (size_t i = 0; i < x->n; i++)
		if (!x->v[i].why) {
			v[n].name = x->v[i].name;
			v[n++].order = m->n_tensors + i;
		}
	qsort(v, n, sizeof(*v), compare_names);
	for (size_t i = 0, first = 0; i < n; i++) {
		struct torch_extra *e;

		if (!i || strcmp(v[i].name, v[first].name))
			first = i;
		if (v[i].order < m->n_tensors ||
		    (first == i && *v[i].name))
			continue;
		e = &x->v[v[i].order - m->n_tensors];
		e->why = v[first].order < m->n_tensors &&
			 is_same(m, e, v[first].order)
				 ? same : "it has no name of its own";
	}
	free(v);
	drop_same(x);
	return HVQZ_OK;
}

static void check_sizes(const struct model *m, struct torch_extras *x)
{
	uint64_t left = m->data_size > UINT64_MAX / TORCH_MAX_TWINS
				? UINT64_MAX
				: TORCH_MAX_TWINS * m->data_size;

	for (size_t i = 0; i < x->n; i++) {
		uint64_t size;

		if (x->v[i].why)
			continue;
		size = m->tensors[x->v[i].tensor].size;
		if (size > left)
			x->v[i].why = "too many tensors share their memory";
		else
			left -= size;
	}
}

enum hvqz_ret torch_extras_of(const struct model *m, struct torch_extras *x,
			      struct hvqz_err *err)
{
	struct members list = {0};
	struct pieces p = {0};
	enum hvqz_ret ret;

	*x = (struct torch_extras){0};
	TRY_OUT(pieces_from_head(&p, m, err));
	for (size_t i = 0; i < p.n; i++)
		if (p.v[i].kind >= PIECE_MEMBER)
			TRY_OUT(add_member(&list, &p, i, err));
	TRY_OUT(look(&p, m, &list, x, err));
	ret = check_names(m, x, err);
	if (ret == HVQZ_OK)
		check_sizes(m, x);
out:
	members_free(&list);
	pieces_free(&p);
	return ret;
}
