/* remap.c - a writer in front of a writer. */
#include "formats/remap.h"

#include "codec/weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNIT = 1 << 16,		/* bytes converted at a time: whole elements */
	MAX_UNIT = 256 << 20,	/* of a head whose rows are regrouped */
};

struct remap *remap_new(const struct model *from, struct hvqz_err *err)
{
	struct remap *r = calloc(1, sizeof(*r));

	if (r) {
		r->from = from;
		r->t = calloc(from->n_tensors + 1, sizeof(*r->t));
	}
	if (!r || !r->t) {
		free(r);
		hvqz_nomem(err, from->n_tensors * sizeof(*r->t),
			   "the conversion");
		return NULL;
	}
	return r;
}

void remap_free(void *state)
{
	struct remap *r = state;

	if (!r)
		return;
	if (r->state)
		r->writer->free(r->state);
	model_free(&r->to);
	buf_free(&r->first);
	buf_free(&r->unit);
	buf_free(&r->turned);
	buf_free(&r->out);
	free(r->wide);
	free(r->t);
	free(r);
}

/* Bytes of tensor i that are dealt with together; 0: any number. */
static uint64_t unit_len(const struct remap *r, size_t i)
{
	const struct tensor *t = &r->from->tensors[i];

	if (r->t[i].head_rows)
		return t->size / t->dim[0] * r->t[i].head_rows;
	return r->t[i].dtype == t->dtype ? 0 : UNIT;
}

enum hvqz_ret remap_keep(struct remap *r, size_t i, const char *name,
			 const struct remap_tensor *how, struct hvqz_err *err)
{
	const struct tensor *t = &r->from->tensors[i];
	uint64_t h = how->head_rows;

	if (how->dtype != t->dtype &&
	    !(dtype_is_weight(how->dtype) && dtype_is_weight(t->dtype)))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"%s cannot become %s",
					dtype_name(t->dtype),
					dtype_name(how->dtype));
	if (h && (h % 2 || !t->rank || !t->n_elems || t->dim[0] % h))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"its %" PRIu64 " rows are not heads of "
					"%" PRIu64 " rows each, in pairs",
					t->rank ? t->dim[0] : 1, h);
	r->t[i] = *how;
	r->t[i].keep = true;
	if (unit_len(r, i) > MAX_UNIT)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"a head of %" PRIu64 " bytes; the most "
					"is %d", unit_len(r, i), MAX_UNIT);
	return model_add(&r->to, name, how->dtype, t->rank, t->dim, err);
}

enum hvqz_ret remap_start(struct remap *r, const struct writer_ops *writer,
			  const struct format_wish *wish,
			  struct hvqz_err *err)
{
	r->writer = writer;
	r->n_clamped = wish ? wish->n_clamped : NULL;
	if (wish && wish->writer) {
		r->writer = wish->writer;
		r->state = wish->writer_state;
	}
	return r->writer->plan(&r->to, &r->state, err);
}

enum hvqz_ret remap_head(void *state, struct sink *out, struct hvqz_err *err)
{
	struct remap *r = state;

	TRY(r->writer->head(r->state, out, err));
	return r->first.len ? r->writer->put(r->state, out, r->first.p,
					     r->first.len, err)
			    : HVQZ_OK;
}

/* The unit with its rows in their new order, to r->turned. */
static enum hvqz_ret turn(struct remap *r, struct hvqz_err *err)
{
	const struct remap_tensor *how = &r->t[r->tensor];
	size_t n = (size_t)how->head_rows, half = n / 2;
	size_t row = r->unit.len / n;
	uint8_t *to;

	buf_clear(&r->turned);
	to = buf_grow(&r->turned, r->unit.len);
	if (!to)
		return buf_ok(&r->turned, err);
	for (size_t i = 0; i < half; i++)
		for (size_t j = 0; j < 2; j++) {
			size_t halves = j * half + i, pairs = 2 * i + j;

			memcpy(to + (how->to_pairs ? pairs : halves) * row,
			       r->unit.p +
			       (how->to_pairs ? halves : pairs) * row, row);
		}
	return HVQZ_OK;
}

static enum hvqz_ret convert(struct remap *r, const struct buf *in,
			     struct hvqz_err *err)
{
	const struct tensor *t = &r->from->tensors[r->tensor];
	const struct remap_tensor *how = &r->t[r->tensor];
	size_t n = in->len / (dtype_bits(t->dtype) / 8), clamped;
	uint8_t *to;

	if (r->wide_len < 2 * n) {
		free(r->wide);
		r->wide = malloc(2 * n * sizeof(float));
		r->wide_len = r->wide ? 2 * n : 0;
	}
	buf_clear(&r->out);
	to = buf_grow(&r->out, n * (dtype_bits(how->dtype) / 8));
	if (!to || !r->wide)
		return hvqz_nomem(err, 12 * n, "converted weights");
	weights_widen(t->dtype, in->p, n, r->wide);
	clamped = weights_narrow_any(how->dtype, r->wide, n, to);
	if (r->n_clamped)
		*r->n_clamped += clamped;
	if (!how->exact)
		return HVQZ_OK;
	weights_widen(how->dtype, to, n, r->wide + n);
	if (!memcmp(r->wide, r->wide + n, n * sizeof(float)))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
				"it has values that %s cannot hold, which the "
				"file says it came from",
				dtype_name(how->dtype));
}

/* r->unit goes out, and is empty. */
static enum hvqz_ret flush(struct remap *r, struct sink *out,
			   struct hvqz_err *err)
{
	const struct tensor *t = &r->from->tensors[r->tensor];
	const struct remap_tensor *how = &r->t[r->tensor];
	const struct buf *b = &r->unit;

	if (how->head_rows) {
		TRY(turn(r, err));
		b = &r->turned;
	}
	if (how->dtype != t->dtype) {
		TRY(convert(r, b, err));
		b = &r->out;
	}
	TRY(r->writer->put(r->state, out, b->p, b->len, err));
	buf_clear(&r->unit);
	return HVQZ_OK;
}

/* n bytes of the tensor where we are. */
static enum hvqz_ret put_part(struct remap *r, struct sink *out,
			      const uint8_t *p, size_t n, struct hvqz_err *err)
{
	uint64_t unit = unit_len(r, r->tensor);
	uint64_t left = r->from->tensors[r->tensor].size - r->done;

	if (!r->t[r->tensor].keep)
		return HVQZ_OK;
	if (!unit)
		return r->writer->put(r->state, out, p, n, err);
	while (n) {
		size_t part = unit - r->unit.len < n
				      ? (size_t)(unit - r->unit.len) : n;

		buf_put(&r->unit, p, part);
		TRY(buf_ok(&r->unit, err));
		p += part;
		n -= part;
		left -= part;
		if (r->unit.len == unit || !left)
			TRY(flush(r, out, err));
	}
	return HVQZ_OK;
}

enum hvqz_ret remap_put(void *state, struct sink *out, const uint8_t *p,
			size_t len, struct hvqz_err *err)
{
	struct remap *r = state;
	const struct model *m = r->from;

	while (len) {
		uint64_t left;
		size_t n;

		while (r->tensor < m->n_tensors &&
		       r->done == m->tensors[r->tensor].size) {
			r->tensor++;
			r->done = 0;
		}
		if (r->tensor == m->n_tensors)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes to write behind the last "
					 "tensor", len);
		left = m->tensors[r->tensor].size - r->done;
		n = left < len ? (size_t)left : len;
		TRY(put_part(r, out, p, n, err));
		r->done += n;
		p += n;
		len -= n;
	}
	return HVQZ_OK;
}

enum hvqz_ret remap_tail(void *state, struct sink *out, struct hvqz_err *err)
{
	struct remap *r = state;

	return r->writer->tail(r->state, out, err);
}
