/*
 * gguf_read.c - the reader of GGUF: the head, then the tensors' data in order,
 * from a pipe if need be.
 *
 * What a head may say is gguf_head.c's affair; here is what becomes of it (our
 * table, whose shapes run the other way), the padding between tensors, and
 * whether the data is as long as the head says. The law is formats/gguf.md.
 */
#include "formats/format.h"
#include "formats/gguf.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct source *src;
	struct model *m;
	uint64_t start;		/* of the data, in the source */
	size_t tensor;		/* where next() is, */
	uint64_t done;		/* and how far into it */
	size_t pad;		/* bytes that may follow the last tensor */
};

static unsigned bid(const uint8_t *peek, size_t len)
{
	return len >= 4 && !memcmp(peek, "GGUF", 4) ? 32 : 0;
}

/* ---- the head ---- */

/* GGUF's first dimension is the fastest, ours the last. */
static enum hvqz_ret add_tensor(struct model *m, const struct gguf *g,
				const struct gguf_info *t,
				struct hvqz_err *err)
{
	const struct gguf_type *type = gguf_type(t->type);
	struct span name = gguf_name(g, t);
	uint64_t dim[GGUF_MAX_DIMS];
	char *text = strndup((const char *)name.p, name.len);
	enum hvqz_ret ret;

	if (!text)
		return hvqz_nomem(err, name.len, "a tensor's name");
	for (uint32_t i = 0; i < t->rank; i++)
		dim[i] = t->ne[t->rank - 1 - i];
	/* Blocks are so many bytes, and a row is whole blocks. */
	if (!type->dtype)
		dim[t->rank - 1] = t->ne[0] / type->block * type->bytes;
	ret = model_add(m, text, type->dtype ? type->dtype : DTYPE_U8,
			t->rank, dim, err);
	free(text);
	if (ret == HVQZ_OK)
		m->tensors[m->n_tensors - 1].skew =
			t->off - m->tensors[m->n_tensors - 1].off;
	return ret;
}

/* A number of the split.* keys; *v stays where there is none. */
static enum hvqz_ret split_number(const struct gguf *g, const char *key,
				  enum gguf_value type, uint64_t *v,
				  struct hvqz_err *err)
{
	const struct gguf_pair *p;

	TRY(gguf_want(g, key, type, &p, err));
	if (p)
		*v = type == GGUF_U16 ? get_le16(g->head.p + p->at)
				      : get_le32(g->head.p + p->at);
	return HVQZ_OK;
}

/* Q16. */
static enum hvqz_ret check_split(const struct gguf *g, struct hvqz_err *err)
{
	uint64_t no = 0, count = 1, n_tensors = g->n_infos;

	TRY(split_number(g, "split.no", GGUF_U16, &no, err));
	TRY(split_number(g, "split.count", GGUF_U16, &count, err));
	TRY(split_number(g, "split.tensors.count", GGUF_I32, &n_tensors,
			 err));
	if (gguf_find(g, "split.no") && !gguf_find(g, "split.count"))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.no without split.count");
	/* A count of 0 is what a file never split may say. */
	if (!count)
		count = 1;
	if (no >= count)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.no is %" PRIu64 " of a split.count of "
				 "%" PRIu64, no, count);
	if (n_tensors > INT32_MAX ||
	    (count > 1 ? n_tensors < g->n_infos : n_tensors != g->n_infos))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.tensors.count is %" PRIu64 ", and this "
				 "file alone has %zu", n_tensors, g->n_infos);
	if (count == 1)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "this is file %" PRIu64 " of %" PRIu64 " of a split "
			 "GGUF model, and only whole ones are read: join them "
			 "with \"llama-gguf-split --merge\"", no + 1, count);
}

/* Q15: the data ends after `has` bytes; name the first tensor it cuts. */
static enum hvqz_ret fail_cut(const struct reader *r, uint64_t has,
			      uint64_t need, struct hvqz_err *err)
{
	const struct model *m = r->m;
	size_t i = 0;

	while (i + 1 < m->n_tensors && m->tensors[i].off +
	       m->tensors[i].skew + m->tensors[i].size <= has)
		i++;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED,
				m->n_tensors ? m->tensors[i].name : NULL,
				"truncated: the data has %" PRIu64
				" of %" PRIu64
				" bytes; this tensor is the first one cut",
				has, need);
}

static enum hvqz_ret fail_long(const struct reader *r, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "bytes after the data, which ends at byte %" PRIu64
			 " and may be padded with up to %zu zeros",
			 r->src->off, r->pad);
}

/* The end of the last tensor, from the start of the data. */
static uint64_t data_end(const struct model *m)
{
	return m->n_tensors
		       ? m->data_size + m->tensors[m->n_tensors - 1].skew
		       : 0;
}

/* Q15, where the size is known. */
static enum hvqz_ret check_size(const struct reader *r, struct hvqz_err *err)
{
	uint64_t left = source_left(r->src), need = data_end(r->m);

	if (left == SOURCE_SIZE_UNKNOWN)
		return HVQZ_OK;
	if (left < need)
		return fail_cut(r, left, need, err);
	if (left > need + r->pad)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64 " bytes after the data, which may "
				 "be padded with up to %zu", left - need,
				 r->pad);
	return HVQZ_OK;
}

static enum hvqz_ret load_head(struct source *src, struct model *m,
			       size_t *pad, struct hvqz_err *err)
{
	struct gguf g = {0};
	enum hvqz_ret ret;

	TRY_OUT(gguf_read_head(src, &g, err));
	TRY_OUT(check_split(&g, err));
	memcpy(m->format, "gguf", sizeof("gguf"));
	for (size_t i = 0; i < g.n_infos; i++)
		TRY_OUT(add_tensor(m, &g, &g.infos[i], err));
	*pad = g.pad;
	m->head = g.head.p;
	m->head_len = g.head.len;
	g.head = (struct buf){0};
out:
	gguf_free(&g);
	return ret;
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	struct reader r = {.src = src, .m = m}, *kept;

	*state = NULL;
	TRY(load_head(src, m, &r.pad, err));
	r.start = src->off;
	TRY(check_size(&r, err));
	kept = malloc(sizeof(*kept));
	if (!kept)
		return hvqz_nomem(err, sizeof(*kept), "the reader");
	*kept = r;
	*state = kept;
	return HVQZ_OK;
}

/* ---- the data ---- */

/* n bytes between tensors: they are there, and all 0. */
static enum hvqz_ret pass_padding(struct reader *r, uint64_t n,
				  struct hvqz_err *err)
{
	uint8_t piece[4096];
	size_t got;

	for (; n; n -= got) {
		size_t want = n < sizeof(piece) ? (size_t)n : sizeof(piece);

		TRY(source_read(r->src, piece, want, &got, err));
		for (size_t i = 0; i < got; i++)
			if (piece[i])
				return hvqz_fail_tensor(
					err, HVQZ_DAMAGED,
					r->m->tensors[r->tensor].name,
					"a byte of the padding before it, at "
					"offset %" PRIu64 ", is not 0",
					r->src->off - got + i);
		if (got < want)
			return fail_cut(r, r->src->off - r->start,
					data_end(r->m), err);
	}
	return HVQZ_OK;
}

/* The tensor is complete: to the next one, over what lies between. */
static enum hvqz_ret step(struct reader *r, struct hvqz_err *err)
{
	const struct tensor *t = &r->m->tensors[r->tensor++];

	r->done = 0;
	return pass_padding(r, t[1].skew - t->skew, err);
}

static enum hvqz_ret next(void *state, uint8_t *to, size_t len,
			  struct hvqz_err *err)
{
	struct reader *r = state;
	const struct model *m = r->m;

	while (len) {
		size_t n, got;

		if (r->tensor < m->n_tensors &&
		    r->done == m->tensors[r->tensor].size &&
		    r->tensor + 1 < m->n_tensors)
			TRY(step(r, err));
		if (r->tensor == m->n_tensors ||
		    r->done == m->tensors[r->tensor].size)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes asked for behind the last "
					 "tensor", len);
		n = m->tensors[r->tensor].size - r->done < len
			    ? (size_t)(m->tensors[r->tensor].size - r->done)
			    : len;
		TRY(source_read(r->src, to, n, &got, err));
		r->done += got;
		if (got < n)
			return fail_cut(r, r->src->off - r->start,
					data_end(m), err);
		to += n;
		len -= n;
	}
	return HVQZ_OK;
}

/* What padding there is behind the last tensor: some writers leave it out. */
static enum hvqz_ret tail(void *state, struct hvqz_err *err)
{
	struct reader *r = state;
	struct model *m = r->m;
	bool end;

	free(m->rest);
	m->rest_len = 0;
	m->rest = malloc(r->pad + 1);
	if (!m->rest)
		return hvqz_nomem(err, r->pad, "the last padding");
	TRY(source_read(r->src, m->rest, r->pad, &m->rest_len, err));
	for (size_t i = 0; i < m->rest_len; i++)
		if (m->rest[i])
			return fail_long(r, err);
	TRY(source_at_end(r->src, &end, err));
	return end ? HVQZ_OK : fail_long(r, err);
}

const struct reader_ops gguf_reader = {
	.name = "gguf",
	.suffix = ".gguf",
	.has_rest = true,
	.bid = bid,
	.head = read_head,
	.next = next,
	.tail = tail,
	.free = free,
};
