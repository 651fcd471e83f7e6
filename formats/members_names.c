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

/* By number where the names are the same. */
static int by_name_and_place(const void *a, const void *b)
{
	const struct owned_name *x = a, *y = b;
	int names = by_name(a, b);

	if (names)
		return names;
	return x->number < y->number ? -1 : x->number > y->number;
}

enum hvqz_ret members_number_twins(struct members *list, struct hvqz_err *err)
{
	struct owned_name *v = malloc((list->n + 1) * sizeof(*v));
	enum hvqz_ret ret = HVQZ_OK;
	size_t n = 0, first = 0;

	if (!v)
		return hvqz_nomem(err, list->n * sizeof(*v), "the names");
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].content.n_tensors == 1)
			v[n++] = (struct owned_name){
				list->v[i].content.tensors->name, i};
	qsort(v, n, sizeof(*v), by_name_and_place);
	for (size_t i = 1; i < n && ret == HVQZ_OK; i++) {
		struct tensor *t = list->v[v[i].number].content.tensors;
		size_t len = strlen(t->name) + 24;
		char *name;

		if (strcmp(v[i].name, v[first].name)) {
			first = i;
			continue;
		}
		name = malloc(len);
		if (!name) {
			ret = hvqz_nomem(err, len, "a tensor's name");
			break;
		}
		snprintf(name, len, "%s#%zu", v[first].name, i - first + 1);
		free(t->name);
		t->name = name;
		v[i].name = v[first].name;
	}
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
