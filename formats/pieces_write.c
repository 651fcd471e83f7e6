/*
 * pieces_write.c - pieces and tensors to bytes again.
 *
 * One walk for all: to replay a source as it was, or to build an archive of
 * another form (or with other check sums) around its members.
 */
#include "formats/pieces.h"

#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct pieces p;
	const struct pieces_form *form;	/* NULL: replay */
	void *ctx;
	size_t at;		/* the piece that is being written, */
	uint64_t done;		/* bytes of it that were */
	bool in_member;
	uint64_t left;		/* of the member */
};

enum hvqz_ret pieces_writer(struct pieces *p, const struct pieces_form *form,
			    void *ctx, const struct model *m, void **state,
			    struct hvqz_err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].kind == PIECE_TENSOR;
	if (!w || n != m->n_tensors) {
		free(w);
		if (form && form->free)
			form->free(ctx);
		return n == m->n_tensors
			       ? hvqz_nomem(err, sizeof(*w), "the writer")
			       : hvqz_fail(err, HVQZ_USAGE,
					   "%zu tensors in the pieces, %zu in "
					   "the table", n, m->n_tensors);
	}
	w->form = form;
	w->ctx = ctx;
	w->p = *p;
	*p = (struct pieces){0};
	*state = w;
	return HVQZ_OK;
}

/* Content to out, where it is wanted. */
static enum hvqz_ret emit(struct writer *w, struct sink *out,
			  const uint8_t *p, uint64_t n, struct hvqz_err *err)
{
	if (!w->form)
		return sink_write(out, p, (size_t)n, err);
	if (!w->in_member || !n)
		return HVQZ_OK;
	TRY(sink_write(out, p, (size_t)n, err));
	if (w->form->data)
		w->form->data(w->ctx, p, (size_t)n);
	w->left -= n;
	if (w->left)
		return HVQZ_OK;
	w->in_member = false;
	return w->form->end(w->ctx, out, err);
}

static enum hvqz_ret begin(struct writer *w, struct sink *out,
			   const struct piece *x, struct hvqz_err *err)
{
	if (!w->form)
		return HVQZ_OK;
	TRY(w->form->begin(w->ctx, x, out, err));
	w->left = x->len;
	w->in_member = x->len;
	return x->len ? HVQZ_OK : w->form->end(w->ctx, out, err);
}

/* Write what comes before the next tensor that wants bytes. */
static enum hvqz_ret advance(struct writer *w, struct sink *out,
			     struct hvqz_err *err)
{
	for (; w->at < w->p.n; w->at++, w->done = 0) {
		const struct piece *x = &w->p.v[w->at];

		if (x->kind == PIECE_TENSOR && w->done < x->len)
			return HVQZ_OK;
		if (x->kind == PIECE_LITERAL)
			TRY(emit(w, out, w->p.literals.p + x->at, x->len,
				 err));
		else if (x->kind != PIECE_TENSOR)
			TRY(begin(w, out, x, err));
	}
	return HVQZ_OK;
}

enum hvqz_ret pieces_write_head(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;

	if (w->form && w->form->open)
		TRY(w->form->open(w->ctx, &w->p, out, err));
	return advance(w, out, err);
}

enum hvqz_ret pieces_put(void *state, struct sink *out, const uint8_t *p,
			 size_t len, struct hvqz_err *err)
{
	struct writer *w = state;

	while (len) {
		const struct piece *x = &w->p.v[w->at];
		size_t n = len;

		if (w->at == w->p.n)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes to write behind the last "
					 "tensor", len);
		if (x->len - w->done < n)
			n = (size_t)(x->len - w->done);
		TRY(emit(w, out, p, n, err));
		w->done += n;
		p += n;
		len -= n;
		TRY(advance(w, out, err));
	}
	return HVQZ_OK;
}

enum hvqz_ret pieces_write_tail(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;

	TRY(advance(w, out, err));
	if (w->at < w->p.n)
		return hvqz_fail(err, HVQZ_USAGE,
				 "%zu of %zu pieces were written", w->at,
				 w->p.n);
	return w->form && w->form->close ? w->form->close(w->ctx, out, err)
					 : HVQZ_OK;
}

void pieces_writer_free(void *state)
{
	struct writer *w = state;

	if (!w)
		return;
	if (w->form && w->form->free)
		w->form->free(w->ctx);
	pieces_free(&w->p);
	free(w);
}

/* ---- a model as files ---- */

static enum hvqz_ret make_file(struct pieces *p, const struct model *m,
			       const uint8_t *head, size_t head_len,
			       struct hvqz_err *err)
{
	struct piece like = {.kind = PIECE_MEMBER,
			     .len = head_len + m->data_size};

	TRY(pieces_member(p, "model.safetensors", &like, err));
	TRY(pieces_literal(p, head, head_len, err));
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY(pieces_tensor(p, m->tensors[i].size, err));
	return HVQZ_OK;
}

enum hvqz_ret pieces_of_files(struct pieces *p, const struct model *m,
			      struct hvqz_err *err)
{
	uint8_t *made = NULL;
	enum hvqz_ret ret;
	size_t len;

	*p = (struct pieces){0};
	if (m->head && format_has_files(m->format))
		return pieces_from_head(p, m, err);
	if (m->head && !strcmp(m->format, "safetensors")) {
		TRY(safetensors_check_head(m, m->head, m->head_len, err));
		return make_file(p, m, m->head, m->head_len, err);
	}
	TRY(safetensors_make_head(m, NULL, 0, &made, &len, err));
	ret = make_file(p, m, made, len, err);
	free(made);
	return ret;
}
