/* sens.c - the table of sensitivities: building, sorting, searching. */
#include "sense/sens.h"

#include <stdlib.h>
#include <string.h>

/* All that s owns but its name. */
static void free_values(struct sens *s)
{
	free(s->diag);
	free(s->row_sens);
	free(s->full.scale);
}

void sens_table_free(struct sens_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		free_values(&t->v[i]);
	}
	free(t->v);
	free(t->calibration);
	*t = (struct sens_table){0};
}

struct sens *sens_table_add(struct sens_table *t, const char *name)
{
	/* Grows by doubling, at every power of two. */
	if (!(t->n & (t->n - 1))) {
		size_t n = t->n ? 2 * t->n : 1;
		struct sens *more = realloc(t->v, n * sizeof(*more));

		if (!more)
			return NULL;
		t->v = more;
	}
	t->v[t->n] = (struct sens){.name = strdup(name), .axis = 1};
	return t->v[t->n].name ? &t->v[t->n++] : NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct sens *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void sens_table_sort(struct sens_table *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_name);
}

void sens_table_set_reader(struct sens_table *t, const struct read_again *r)
{
	for (size_t i = 0; i < t->n; i++)
		t->v[i].full.file = *r;
}

void sens_move(struct sens *to, struct sens *from)
{
	char *name = to->name, *other = from->name;

	free_values(to);
	*to = *from;
	to->name = name;
	*from = (struct sens){.name = other};
}

bool sens_can_load(const struct sens *s)
{
	return s->has_full && s->full.file.read_at;
}

size_t sens_block(const struct sens *s)
{
	return s->full.block ? s->full.block : s->n_in;
}

const struct sens *sens_find(const struct sens_table *t, const char *name)
{
	struct sens key = {.name = (char *)name};

	if (!t || !t->n)
		return NULL;
	return bsearch(&key, t->v, t->n, sizeof(*t->v), by_name);
}
