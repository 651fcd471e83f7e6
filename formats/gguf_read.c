/*
 * gguf_read.c - the reader of GGUF: the head, then the tensors' data in order,
 * from a pipe if need be.
 *
 * What a head may say is gguf_head.c's affair, and what becomes of it that of
 * gguf_table.c; here is the padding between tensors, and whether the data is as
 * long as the head says. The law is formats/gguf.md.
 */
#include "formats/format.h"
#include "formats/gguf_split.h"

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

/* A part alone is no model. */
static enum hvqz_ret refuse_part(const struct gguf *g, struct hvqz_err *err)
{
	struct gguf_split s;

	TRY(gguf_split_of(g, &s, err));
	if (!gguf_is_part(&s))
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "this is part %" PRIu32 " of %" PRIu32 " of a split "
			 "GGUF model: name one of its files, PREFIX-%05" PRIu32
			 "-of-%05" PRIu32 ".gguf, with the others beside it, "
			 "or give all of them as a tar archive", s.no + 1,
			 s.count, s.no + 1, s.count);
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
	TRY_OUT(refuse_part(&g, err));
	memcpy(m->format, "gguf", sizeof("gguf"));
	TRY_OUT(gguf_table(&g, m, err));
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
