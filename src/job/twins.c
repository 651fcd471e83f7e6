/* twins.c - one tensor, several names. */
#include "job/twins.h"

#include "formats/torch.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };	/* bytes read back at a time */

void twins_free(struct twins *t)
{
	model_free(&t->made);
	free(t->n_more);
	buf_free(&t->kept);
	buf_free(&t->piece);
}

/* A GGUF without an output takes the embedding for it. */
static bool is_needless(const struct model *m, const struct torch_extra *x,
			const char *to)
{
	return !strcmp(to, "gguf") && !strcmp(x->name, "lm_head.weight") &&
	       !strcmp(m->tensors[x->tensor].name,
		       "model.embed_tokens.weight");
}

static enum hvqz_ret make(struct twins *t, const struct torch_extras *x,
			  const char *to, struct hvqz_err *err)
{
	const struct model *m = t->from;
	uint64_t n = 0;
	size_t k = 0;

	t->n_more = calloc(m->n_tensors + 1, sizeof(*t->n_more));
	if (!t->n_more)
		return hvqz_nomem(err, m->n_tensors * 4, "names");
	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *a = &m->tensors[i];

		TRY(model_add(&t->made, a->name, a->dtype, a->rank, a->dim,
			      err));
		/* They are in the order of their tensors. */
		for (; k < x->n && (x->v[k].why || x->v[k].tensor == i); k++) {
			const struct torch_extra *b = &x->v[k];

			if (b->why || is_needless(m, b, to))
				continue;
			TRY(model_add(&t->made, b->name, a->dtype, b->rank,
				      b->dim, err));
			t->n_more[i]++;
			n++;
		}
	}
	if (!n) {
		free(t->n_more);
		t->n_more = NULL;
	}
	return HVQZ_OK;
}

enum hvqz_ret twins_plan(struct twins *t, const struct model *source,
			 const struct model *from, const char *to,
			 struct hvqz_err *err)
{
	struct torch_extras x = {0};
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	*t = (struct twins){.from = from};
	if (strcmp(source->format, "torch") || !strcmp(to, "torch") ||
	    !source->head)
		return HVQZ_OK;
	ret = torch_extras_of(source, &x, &why);
	if (ret == HVQZ_OK)
		ret = make(t, &x, to, err);
	else if (ret == HVQZ_NOMEM && err)
		*err = why;
	torch_extras_free(&x);
	/* Names that cannot be had are told of: formats/left_out.h. */
	return ret == HVQZ_NOMEM || t->n_more ? ret : HVQZ_OK;
}

static enum hvqz_ret keep(struct twins *t, const struct job_scratch *file,
			  const uint8_t *p, size_t n, struct hvqz_err *err)
{
	if (!file) {
		buf_put(&t->kept, p, n);
		return buf_ok(&t->kept, err);
	}
	if (!t->done)
		t->at = t->in_file;
	t->in_file += n;
	return file->append(file->ctx, p, n, err);
}

/* The tensor that has just ended, once more. */
static enum hvqz_ret put_again(struct twins *t, const struct job_scratch *file,
			       const struct writer_ops *writer, void *state,
			       struct sink *out, struct hvqz_err *err)
{
	uint64_t left = t->from->tensors[t->tensor].size, at = t->at;

	if (!file)
		return writer->put(state, out, t->kept.p, t->kept.len, err);
	while (left) {
		size_t n = left < PIECE ? (size_t)left : PIECE;
		uint8_t *p;

		buf_clear(&t->piece);
		p = buf_grow(&t->piece, n);
		if (!p)
			return buf_ok(&t->piece, err);
		TRY(file->read_at(file->ctx, at, p, n, err));
		TRY(writer->put(state, out, p, n, err));
		at += n;
		left -= n;
	}
	return HVQZ_OK;
}

enum hvqz_ret twins_put(struct twins *t, const struct job_scratch *file,
			const struct writer_ops *writer, void *state,
			struct sink *out, const uint8_t *p, size_t len,
			struct hvqz_err *err)
{
	const struct model *m = t->from;

	while (len) {
		uint64_t left;
		size_t n;

		while (t->tensor < m->n_tensors &&
		       t->done == m->tensors[t->tensor].size) {
			t->tensor++;
			t->done = 0;
		}
		if (t->tensor == m->n_tensors)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes to write behind the last "
					 "tensor", len);
		left = m->tensors[t->tensor].size - t->done;
		n = left < len ? (size_t)left : len;
		TRY(writer->put(state, out, p, n, err));
		if (t->n_more[t->tensor])
			TRY(keep(t, file, p, n, err));
		t->done += n;
		p += n;
		len -= n;
		if (n < left)
			continue;
		for (uint32_t i = 0; i < t->n_more[t->tensor]; i++)
			TRY(put_again(t, file, writer, state, out, err));
		buf_clear(&t->kept);
	}
	return HVQZ_OK;
}
