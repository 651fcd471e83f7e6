/* members_names.c - no two tensors of a source have the same name. */
#include "formats/members_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct owned_name {
	const char *name;
	size_t number;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct owned_name *)a)->name,
		      ((const struct owned_name *)b)->name);
}

/* The name of the member that has tensor number i. */
static const char *owner(const struct members *list, size_t i)
{
	size_t k = 0;

	while (i >= list->v[k].content.n_tensors)
		i -= list->v[k++].content.n_tensors;
	return list->v[k].name;
}

/* ---- twins ---- */

struct twin {
	char *name;		/* as it was */
	struct tensor *t;
	bool is_file;		/* a member as a whole, which keeps it */
	size_t number;		/* in their order */
};

static int by_twin_name(const void *a, const void *b)
{
	return strcmp(((const struct twin *)a)->name,
		      ((const struct twin *)b)->name);
}

/* Where the names are the same, by which is to keep it. */
static int by_right(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;
	int names = by_twin_name(a, b);

	if (names)
		return names;
	if (x->is_file != y->is_file)
		return x->is_file ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * x gets the next number above *number that makes a name none of v [n] had.
 * Two given names cannot be the same: what is before the last '#' was one
 * name, and its numbers go up.
 */
static enum hvqz_ret number_twin(const struct twin *v, size_t n,
				 const struct twin *x, size_t *number,
				 struct hvqz_err *err)
{
	size_t len = strlen(x->name) + 24;
	char *name = malloc(len);
	struct twin want = {.name = name};

	if (!name)
		return hvqz_nomem(err, len, "a tensor's name");
	do {
		snprintf(name, len, "%s#%zu", x->name, ++*number);
	} while (bsearch(&want, v, n, sizeof(*v), by_twin_name));
	x->t->name = name;
	return HVQZ_OK;
}

static size_t list_tensors(const struct members *list, struct twin *v)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct member *x = &list->v[i];

		for (size_t k = 0; k < x->content.n_tensors; k++, n++)
			v[n] = (struct twin){
				x->content.tensors[k].name,
				&x->content.tensors[k], !x->is_understood, n};
	}
	return n;
}

enum hvqz_ret members_number_twins(struct members *list, struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	size_t n = 0, number = 1;
	struct twin *v;

	for (size_t i = 0; i < list->n; i++)
		n += list->v[i].content.n_tensors;
	v = malloc((n + 1) * sizeof(*v));
	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "the names");
	n = list_tensors(list, v);
	qsort(v, n, sizeof(*v), by_right);
	for (size_t i = 1; i < n && ret == HVQZ_OK; i++) {
		if (strcmp(v[i].name, v[i - 1].name))
			number = 1;
		else
			ret = number_twin(v, n, &v[i], &number, err);
	}
	for (size_t i = 0; i < n; i++)
		if (v[i].t->name != v[i].name)
			free(v[i].name);
	free(v);
	return ret;
}

enum hvqz_ret members_check_names(const struct members *list,
				  const struct model *m, struct hvqz_err *err)
{
	struct owned_name *v = malloc((m->n_tensors + 1) * sizeof(*v));
	enum hvqz_ret ret = HVQZ_OK;

	if (!v)
		return hvqz_nomem(err, m->n_tensors * sizeof(*v),
				  "the tensors' names");
	for (size_t i = 0; i < m->n_tensors; i++)
		v[i] = (struct owned_name){m->tensors[i].name, i};
	qsort(v, m->n_tensors, sizeof(*v), by_name);
	for (size_t i = 1; i < m->n_tensors && ret == HVQZ_OK; i++)
		if (!strcmp(v[i - 1].name, v[i].name))
			ret = hvqz_fail_tensor(
				err, HVQZ_DAMAGED, v[i].name,
				"is there twice, in %.200s and in %.200s",
				owner(list, v[i - 1].number),
				owner(list, v[i].number));
	free(v);
	return ret;
}
