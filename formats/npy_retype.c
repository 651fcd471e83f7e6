/*
 * npy_retype.c - NumPy files whose arrays get other types and stay what they
 * are else: their names, shapes and order, and what is beside them.
 *
 * An array that changes gets a new header, in Fortran order if it was. All
 * other pieces are taken over; what is wrong around them in a zip then (places,
 * check sums) is made anew by who writes an inexact one.
 */
#include "formats/npy.h"
#include "formats/pieces.h"

#include <string.h>

struct retype {
	const struct model *from;
	struct model *to;
	struct pieces old, made;
	size_t tensor;		/* the next one */
	bool only;		/* arrays, without what is around them */
};

/* Is the piece v[i] the header of tensor k, which is made anew? */
static bool is_changed(const struct retype *r, size_t i, size_t k)
{
	const struct pieces *p = &r->old;

	return i + 1 < p->n && p->v[i].kind == PIECE_LITERAL &&
	       p->v[i + 1].kind == PIECE_TENSOR &&
	       (r->only ||
		r->from->tensors[k].dtype != r->to->tensors[k].dtype);
}

static enum hvqz_ret make_head(const struct retype *r, size_t i, size_t k,
			       struct buf *head, struct hvqz_err *err)
{
	const struct piece *x = &r->old.v[i];
	const uint8_t *p = r->old.literals.p + x->at;
	struct npy npy = {0};
	size_t len = 0;

	if (npy_bid(p, (size_t)x->len))
		TRY(npy_head_len(p, (size_t)x->len, &len, err));
	if (len != x->len)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED,
					r->from->tensors[k].name,
					"no array's header stands before it");
	TRY(npy_parse(p, len, &npy, err));
	return npy_make_head(&r->to->tensors[k], npy.is_turned, head, err);
}

/* The member at v[i] will have so many bytes. */
static enum hvqz_ret new_len(const struct retype *r, size_t i, uint64_t *len,
			     struct hvqz_err *err)
{
	uint64_t left = r->old.v[i].len;
	enum hvqz_ret ret;
	size_t k = r->tensor;

	*len = 0;
	for (i++; left; i++) {
		const struct piece *x = &r->old.v[i];
		struct buf head = {0};

		left -= x->len;
		if (x->kind == PIECE_TENSOR) {
			*len += r->to->tensors[k++].size;
		} else if (is_changed(r, i, k)) {
			ret = make_head(r, i, k, &head, err);
			*len += head.len;
			buf_free(&head);
			TRY(ret);
		} else {
			*len += x->len;
		}
	}
	return HVQZ_OK;
}

static enum hvqz_ret take_piece(struct retype *r, size_t i,
				struct hvqz_err *err)
{
	const struct piece *x = &r->old.v[i];
	struct piece like = *x;
	struct buf head = {0};
	enum hvqz_ret ret;

	if (x->kind == PIECE_TENSOR)
		return pieces_tensor(&r->made,
				     r->to->tensors[r->tensor++].size, err);
	if (r->only && !is_changed(r, i, r->tensor))
		return HVQZ_OK;
	if (x->kind != PIECE_LITERAL) {
		TRY(new_len(r, i, &like.len, err));
		return pieces_member(&r->made, x->name, &like, err);
	}
	if (!is_changed(r, i, r->tensor))
		return pieces_literal(&r->made, r->old.literals.p + x->at,
				      (size_t)x->len, err);
	ret = make_head(r, i, r->tensor, &head, err);
	if (ret == HVQZ_OK)
		ret = pieces_literal(&r->made, head.p, head.len, err);
	buf_free(&head);
	return ret;
}

enum hvqz_ret npy_retype(const struct model *from, const char *format,
			 struct model *to, struct hvqz_err *err)
{
	struct retype r = {.from = from, .to = to,
			   .only = strcmp(from->format, format)};
	enum hvqz_ret ret;

	if (from->n_tensors != to->n_tensors)
		return hvqz_fail(err, HVQZ_USAGE,
				 "%zu arrays become %zu tensors",
				 from->n_tensors, to->n_tensors);
	TRY_OUT(pieces_from_head(&r.old, from, err));
	for (size_t i = 0; i < r.old.n; i++)
		TRY_OUT(take_piece(&r, i, err));
	TRY_OUT(pieces_to_head(&r.made, format, to, err));
	to->inexact = true;
out:
	pieces_free(&r.old);
	pieces_free(&r.made);
	return ret;
}
