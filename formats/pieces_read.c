/*
 * pieces_read.c - the data of a source whose pieces are known.
 *
 * A member whose archive gives it a check sum is summed up as its bytes pass
 * by, headers and all; see formats/zip_read.c, which leaves the sums.
 */
#include "formats/pieces.h"

#include "base/crc32.h"

#include <inttypes.h>
#include <stdlib.h>

struct reader {
	struct pieces p;
	const struct model *m;
	struct source *src;
	uint64_t *off;		/* [n_tensors], in the source */
	size_t at;		/* the piece that is being read, */
	uint64_t done;		/* bytes of it that were */
	size_t tensor;
	/* The member that is being read: */
	const struct piece *member;
	uint64_t left;
	uint32_t crc;
};

enum hvqz_ret pieces_reader(struct pieces *p, const struct model *m,
			    struct source *src, uint64_t start, void **state,
			    struct hvqz_err *err)
{
	struct reader *r = calloc(1, sizeof(*r));
	uint64_t at = start;
	size_t t = 0;

	if (!r)
		return hvqz_nomem(err, sizeof(*r), "the reader");
	r->off = malloc((m->n_tensors + 1) * sizeof(*r->off));
	if (!r->off) {
		free(r);
		return hvqz_nomem(err, m->n_tensors * sizeof(*r->off),
				  "the tensors' places");
	}
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].kind == PIECE_TENSOR)
			r->off[t++] = at;
		if (p->v[i].kind <= PIECE_TENSOR)
			at += p->v[i].len;
	}
	r->m = m;
	r->src = src;
	r->p = *p;
	*p = (struct pieces){0};
	*state = r;
	return HVQZ_OK;
}

enum hvqz_ret pieces_seek(struct source *src, uint64_t off,
			  struct hvqz_err *err)
{
	uint64_t passed;

	if (src->off < off)
		TRY(source_skip(src, off - src->off, &passed, err));
	return src->off == off ? HVQZ_OK : source_seek(src, off, err);
}

/* Bytes of the open member, which may end with them. */
static enum hvqz_ret check(struct reader *r, const uint8_t *p, uint64_t n,
			   struct hvqz_err *err)
{
	const struct piece *x = r->member;

	if (!x)
		return HVQZ_OK;
	if (x->summed)
		r->crc = crc32_add(r->crc, p, (size_t)n);
	r->left -= n;
	if (r->left)
		return HVQZ_OK;
	r->member = NULL;
	if (x->summed && r->crc != x->crc)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "member '%.200s': its CRC-32 is %08" PRIx32
				 ", its archive says %08" PRIx32, x->name,
				 r->crc, x->crc);
	return HVQZ_OK;
}

/* Over the pieces before the next tensor that has bytes left. */
static enum hvqz_ret advance(struct reader *r, struct hvqz_err *err)
{
	for (; r->at < r->p.n; r->at++, r->done = 0) {
		const struct piece *x = &r->p.v[r->at];

		if (x->kind == PIECE_TENSOR && r->done < x->len)
			return HVQZ_OK;
		if (x->kind == PIECE_TENSOR) {
			r->tensor++;
		} else if (x->kind == PIECE_LITERAL) {
			TRY(check(r, r->p.literals.p + x->at, x->len, err));
		} else if (x->len) {
			r->member = x;
			r->left = x->len;
			r->crc = 0;
		}
	}
	return HVQZ_OK;
}

static enum hvqz_ret cut(const struct reader *r, size_t tensor,
			 struct hvqz_err *err)
{
	return hvqz_fail_tensor(err, HVQZ_DAMAGED,
				r->m->tensors[tensor].name,
				"truncated: the input ends at byte %" PRIu64
				", in this tensor", r->src->off);
}

enum hvqz_ret pieces_next(void *state, uint8_t *to, size_t len,
			  struct hvqz_err *err)
{
	struct reader *r = state;

	while (len) {
		const struct piece *x;
		uint64_t want;
		size_t n, got;

		TRY(advance(r, err));
		if (r->at == r->p.n)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes asked for behind the last "
					 "tensor", len);
		x = &r->p.v[r->at];
		want = r->off[r->tensor] + r->done;
		TRY(pieces_seek(r->src, want, err));
		n = x->len - r->done < len ? (size_t)(x->len - r->done) : len;
		TRY(source_read(r->src, to, n, &got, err));
		if (got < n)
			return cut(r, r->tensor, err);
		r->done += n;
		TRY(check(r, to, n, err));
		to += n;
		len -= n;
	}
	return HVQZ_OK;
}

/* The literals behind the last tensor were read, to the end, with the head. */
enum hvqz_ret pieces_tail(void *state, struct hvqz_err *err)
{
	struct reader *r = state;
	bool end;

	TRY(advance(r, err));
	if (source_left(r->src) != SOURCE_SIZE_UNKNOWN)
		return HVQZ_OK;
	/* On a pipe nothing is known to be there before it has come. */
	TRY(source_at_end(r->src, &end, err));
	return end ? HVQZ_OK
		   : hvqz_fail(err, HVQZ_DAMAGED, "bytes after the data, which "
			       "ends at byte %" PRIu64, r->src->off);
}

uint64_t pieces_offset(void *state, size_t tensor)
{
	return ((struct reader *)state)->off[tensor];
}

void pieces_reader_free(void *state)
{
	struct reader *r = state;

	if (r) {
		pieces_free(&r->p);
		free(r->off);
	}
	free(r);
}
