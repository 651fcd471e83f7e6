/* list_condition.c - job: what the conditioned chunks of a .hvqz say. */
#include "job/list_condition.h"

#include "codec/conditioned.h"
#include "job/job_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool list_has_condition(unsigned codec)
{
	return codec == CODEC_CONDITIONED;
}

enum hvqz_ret list_conditions_begin(struct listing *l, struct hvqz_err *err)
{
	size_t n = l->info.model.n_tensors;

	l->cond = calloc(n + 1, sizeof(*l->cond));
	return l->cond ? HVQZ_OK
		       : hvqz_nomem(err, n * sizeof(*l->cond),
				    "the listing");
}

void list_conditions_free(struct listing *l)
{
	for (size_t i = 0; i < l->n_types; i++)
		free(l->types[i].name);
	free(l->types);
	free(l->cond);
}

/* ---- adding up ---- */

static void add(struct listing_condition *to,
		const struct listing_condition *c)
{
	if (!c->n_chunks)
		return;
	if (!to->n_chunks || c->alpha_min < to->alpha_min)
		to->alpha_min = c->alpha_min;
	if (!to->n_chunks || c->alpha_max > to->alpha_max)
		to->alpha_max = c->alpha_max;
	to->alpha_sum += c->alpha_sum;
	to->n_chunks += c->n_chunks;
	to->n_rotated += c->n_rotated;
	to->n_angles += c->n_angles;
	to->bodies |= c->bodies;
	for (int i = 0; i < 2; i++) {
		to->log_most[i] += c->log_most[i];
		to->log_ratio[i] += c->log_ratio[i];
	}
}

void listing_spectra(const struct listing_condition *c, double *most,
		     double *ratio)
{
	for (int i = 0; i < 2; i++) {
		most[i] = exp(c->log_most[i] / (double)c->n_chunks);
		ratio[i] = exp(c->log_ratio[i] / (double)c->n_chunks);
	}
}

/* Of one chunk. The logarithm of 0 makes a mean of 0. */
static struct listing_condition of_chunk(const struct conditioned *q)
{
	const struct conditioner *c = &q->cond;
	size_t n = c->levels * (c->n / 2), n_angles = 0;

	for (size_t i = 0; i < n; i++)
		n_angles += c->angle[i] != 0;
	return (struct listing_condition){
		.n_chunks = 1,
		.n_rotated = c->seeded || n_angles,
		.n_angles = n_angles,
		.bodies = (uint32_t)1 << q->body->id,
		.alpha_min = c->alpha,
		.alpha_max = c->alpha,
		.alpha_sum = c->alpha,
		.log_most = {log(q->before.most), log(q->after.most)},
		.log_ratio = {log(q->before.ratio), log(q->after.ratio)},
	};
}

enum hvqz_ret list_add_condition(struct listing *l,
				 const struct chunk_head *h,
				 const struct buf *payload,
				 struct hvqz_err *err)
{
	struct slab slab = chunk_slab(&l->info, h);
	struct conditioned q = {0};
	struct listing_condition c;
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	TRY(container_check_payload(&l->info, h, payload->p, err));
	ret = conditioned_get(&q, &slab, payload->p, payload->len, true, &why);
	if (ret == HVQZ_OK) {
		c = of_chunk(&q);
		add(&l->cond[h->tensor], &c);
	} else {
		chunk_fail(&l->info, h, &why, err);
	}
	conditioned_free(&q);
	return ret;
}

/* ---- layer types ---- */

char *list_type_name(const char *tensor)
{
	char *name = malloc(strlen(tensor) + 1), *to = name;

	if (!name)
		return NULL;
	for (;;) {
		size_t n = strcspn(tensor, ".");

		if (n && strspn(tensor, "0123456789") == n) {
			*to++ = '*';
		} else {
			memcpy(to, tensor, n);
			to += n;
		}
		tensor += n;
		if (!*tensor)
			break;
		*to++ = *tensor++;
	}
	*to = 0;
	return name;
}

static int by_first(const void *a, const void *b)
{
	const struct listing_type *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int by_name(const void *a, const void *b)
{
	const struct listing_type *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : by_first(a, b);
}

/* Types of the same name, which stand together, become one. */
static void merge(struct listing *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_types; i++) {
		struct listing_type *x = &l->types[i];
		struct listing_type *to = n ? &l->types[n - 1] : NULL;

		if (!to || strcmp(to->name, x->name)) {
			l->types[n++] = *x;
			continue;
		}
		to->n_tensors += x->n_tensors;
		to->n_conditioned += x->n_conditioned;
		to->n_rotated += x->n_rotated;
		add(&to->cond, &x->cond);
		free(x->name);
	}
	l->n_types = n;
}

/* A type for every tensor first: sorting finds those that are the same. */
enum hvqz_ret list_types(struct listing *l, struct hvqz_err *err)
{
	const struct model *m = &l->info.model;

	l->types = calloc(m->n_tensors + 1, sizeof(*l->types));
	if (!l->types)
		return hvqz_nomem(err, m->n_tensors * sizeof(*l->types),
				  "the layer types");
	for (size_t i = 0; i < m->n_tensors; i++) {
		char *name = list_type_name(m->tensors[i].name);

		if (!name)
			return hvqz_nomem(err, strlen(m->tensors[i].name) + 1,
					  "a layer type");
		l->types[l->n_types++] = (struct listing_type){
			.name = name,
			.first = i,
			.n_tensors = 1,
			.n_conditioned = l->cond[i].n_chunks > 0,
			.n_rotated = l->cond[i].n_rotated > 0,
			.cond = l->cond[i],
		};
	}
	qsort(l->types, l->n_types, sizeof(*l->types), by_name);
	merge(l);
	qsort(l->types, l->n_types, sizeof(*l->types), by_first);
	return HVQZ_OK;
}
