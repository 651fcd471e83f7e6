/*
 * sidecar_match.c - a sidecar's names and lengths against a model's: the check
 * that every entry fits the tensor it is for (rule M2). Not here: reading
 * sidecars (sidecar.c), using them (src/sense).
 */
#include "formats/gguf_files.h"
#include "formats/sidecar.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	const struct tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The model's tensors by name: both tables may be long. */
static const struct tensor *find(const struct tensor **v, size_t n,
				 const char *name)
{
	struct tensor key = {.name = (char *)name};
	const struct tensor *p = &key, **at;

	at = n ? bsearch(&p, v, n, sizeof(*v), by_name) : NULL;
	return at ? *at : NULL;
}

/*
 * In a model with a tied head the output matrix is the embedding: an entry for
 * the first is one for the second, unless there is one already.
 */
static enum hvqz_ret tie_head(struct sens_table *t,
			      const struct tensor **v, size_t n, bool gguf,
			      struct hvqz_err *err)
{
	const char *head = gguf ? "output.weight" : "lm_head.weight";
	const char *embed = gguf ? "token_embd.weight"
				 : "model.embed_tokens.weight";
	const struct sens *s = sens_find(t, head);
	char *name;

	if (!s || find(v, n, head) || !find(v, n, embed) ||
	    sens_find(t, embed))
		return HVQZ_OK;
	name = strdup(embed);
	if (!name)
		return hvqz_nomem(err, strlen(embed), "a tensor's name");
	free(s->name);
	t->v[s - t->v].name = name;
	sens_table_sort(t);
	return HVQZ_OK;
}

/* Product of the dimensions but the first; capped, as it is only compared. */
static uint64_t behind_first(const struct tensor *m)
{
	uint64_t n = 1;

	for (unsigned i = 1; i < m->rank; i++)
		if (!ckd_mul64(&n, n, m->dim[i]))
			return UINT64_MAX;
	return n;
}

/* M2. A tensor of rank 0 or 1 has rows of one element. */
static enum hvqz_ret check_shape(const struct sens *s, const struct tensor *m,
				 struct hvqz_err *err)
{
	uint64_t first = m->rank ? m->dim[0] : 1;
	uint64_t n_in = s->axis ? behind_first(m) : first;
	uint64_t n_out = s->axis ? first : behind_first(m);
	char shape[200];

	tensor_shape(m, shape, sizeof(shape));
	if (s->n_in != n_in)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, m->name,
					"the sidecar has %zu input channels, "
					"the model's tensor %s has %" PRIu64,
					s->n_in, shape, n_in);
	if (s->row_sens && s->n_out != n_out)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, m->name,
					"the sidecar has %zu row "
					"sensitivities, the model's tensor %s "
					"has %" PRIu64 " output rows",
					s->n_out, shape, n_out);
	return HVQZ_OK;
}

enum hvqz_ret sidecar_match(struct sens_table *t, const struct model *m,
			    const struct hvqz_notes *notes,
			    struct hvqz_err *err)
{
	size_t n_lost = 0, first_lost = 0;
	bool gguf = m->head && (!strcmp(m->format, "gguf") ||
				gguf_files_any(m));
	const struct tensor **v;
	enum hvqz_ret ret;

	if (gguf)
		TRY(sidecar_to_gguf(t, m, err));
	v = malloc(m->n_tensors * sizeof(*v) + 1);
	if (!v)
		return hvqz_nomem(err, m->n_tensors * sizeof(*v),
				  "the model's names");
	for (size_t i = 0; i < m->n_tensors; i++)
		v[i] = &m->tensors[i];
	qsort(v, m->n_tensors, sizeof(*v), by_name);
	TRY_OUT(tie_head(t, v, m->n_tensors, gguf, err));
	for (size_t i = 0; i < t->n; i++) {
		const struct tensor *x = find(v, m->n_tensors, t->v[i].name);

		if (x)
			TRY_OUT(check_shape(&t->v[i], x, err));
		else if (!n_lost++)
			first_lost = i;
	}
	if (!t->n)
		hvqz_warn(notes, "the sidecar has no entry we can use");
	else if (n_lost == t->n)
		hvqz_warn(notes, "none of the sidecar's %zu entries matches a "
			  "tensor of this model (the first is %.200s)",
			  t->n, t->v[0].name);
	else if (n_lost)
		hvqz_warn(notes, "%zu of the sidecar's %zu entries match no "
			  "tensor of this model (the first is %.200s)",
			  n_lost, t->n, t->v[first_lost].name);
out:
	free(v);
	return ret;
}
