/* damage.c - damaged rows, one sentence for those that lie together. */
#include "job/damage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum hvqz_ret damage_open(struct damage *d, struct hvqz_err *err)
{
	size_t n = d->info->model.n_tensors;

	d->tensor = calloc(n + 1, sizeof(*d->tensor));
	return d->tensor ? HVQZ_OK : hvqz_nomem(err, n, "what is damaged");
}

void damage_close(struct damage *d)
{
	free(d->tensor);
	d->tensor = NULL;
}

void damage_flush(struct damage *d)
{
	struct hvqz_err err;

	if (!d->waiting)
		return;
	hvqz_fail_tensor(&err, d->why.ret, d->info->model.tensors[d->as].name,
			 "rows %" PRIu64 " to %" PRIu64 " are lost: %s",
			 d->first, d->end - 1, d->why.msg);
	d->waiting = false;
	d->bad(d->ctx, &err);
}

/* Rows of which there is nothing: to those before, if they go on there. */
static void put_lost(struct damage *d, const struct decode_unit *u)
{
	uint64_t a = u->head.first_row, b = a + u->n_lost;

	if (d->waiting && d->as == u->as && d->end == a) {
		d->end = b;
		return;
	}
	damage_flush(d);
	d->waiting = true;
	d->as = u->as;
	d->first = a;
	d->end = b;
	d->why = u->err;
}

/* Only a copy's own name says which tensor of the output is bad. */
static void put_copy(struct damage *d, const struct decode_unit *u)
{
	const struct tensor *t = d->info->model.tensors;
	struct hvqz_err err;

	hvqz_fail_tensor(&err, u->err.ret, t[u->as].name,
			 "rows %" PRIu64 " to %" PRIu64 ": a copy of '%.150s', "
			 "which is damaged there", u->head.first_row,
			 u->head.first_row + u->head.n_rows - 1,
			 t[u->head.tensor].name);
	d->bad(d->ctx, &err);
}

void damage_put(struct damage *d, const struct decode_unit *u)
{
	if (!u->bad)
		return;
	d->tensor[u->as] = true;
	d->any_lost |= u->lost;
	d->n++;
	if (u->lost && u->as == u->head.tensor) {
		put_lost(d, u);
		return;
	}
	damage_flush(d);
	if (u->as == u->head.tensor)
		d->bad(d->ctx, &u->err);
	else
		put_copy(d, u);
}

void damage_put_copies(struct damage *d)
{
	const struct model *m = &d->info->model;
	struct hvqz_err err;

	damage_flush(d);
	for (size_t i = 0; i < m->n_tensors; i++) {
		size_t of = container_is_copy(d->info, i) ?
				    d->info->copy_of[i] - 1 : i;

		if (of == i || !d->tensor[of])
			continue;
		hvqz_fail_tensor(&err, HVQZ_DAMAGED, m->tensors[i].name,
				 "is a copy of '%.150s', which is damaged",
				 m->tensors[of].name);
		d->bad(d->ctx, &err);
	}
}
