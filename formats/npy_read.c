/*
 * npy_read.c - a single NumPy array as a model of one tensor, and back.
 *
 * All that is not data stands in front, so this works on a pipe.
 */
#include "formats/npy.h"
#include "formats/pieces.h"

#include <inttypes.h>
#include <string.h>

enum { BID = 56 };

static unsigned bid(const uint8_t *p, size_t len)
{
	return npy_bid(p, len) ? BID : 0;
}

static enum hvqz_ret take_head(struct source *src, struct model *m,
			       struct pieces *p, struct hvqz_err *err)
{
	uint64_t left = source_left(src);
	const uint8_t *bytes;
	size_t avail, len;
	struct npy npy;

	TRY(source_ahead(src, 12, &bytes, &avail, err));
	TRY(npy_head_len(bytes, avail, &len, err));
	TRY(source_ahead(src, len, &bytes, &avail, err));
	if (avail < len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated in the array's header");
	TRY(npy_parse(bytes, len, &npy, err));
	if (!npy.is_tensor)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a NumPy array of a type that no tensor has "
				 "(%.*s)", len < 200 ? (int)len - 10 : 190,
				 (const char *)bytes + 10);
	TRY(model_add(m, npy.is_turned ? "array.T" : "array", npy.dtype,
		      npy.rank, npy.dim, err));
	TRY(pieces_literal(p, bytes, len, err));
	source_consume(src, len);
	TRY(pieces_tensor(p, m->data_size, err));
	if (left != SOURCE_SIZE_UNKNOWN && left != p->size)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s: %" PRIu64 " bytes, the array needs %"
				 PRIu64, left < p->size
					 ? "truncated" : "bytes after the data",
				 left, p->size);
	return pieces_to_head(p, "npy", m, err);
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	uint64_t start = src->off;
	struct pieces p = {0};
	enum hvqz_ret ret;

	*state = NULL;
	TRY_OUT(take_head(src, m, &p, err));
	ret = pieces_reader(&p, m, src, start, state, err);
out:
	pieces_free(&p);
	return ret;
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	struct pieces p = {0};
	struct buf head = {0};
	enum hvqz_ret ret;

	if (m->head && !strcmp(m->format, "npy")) {
		TRY_OUT(pieces_from_head(&p, m, err));
	} else if (m->n_tensors != 1) {
		ret = hvqz_fail(err, HVQZ_UNSUPPORTED,
				"%zu tensors; a .npy file has one, --to npz "
				"takes all", m->n_tensors);
		goto out;
	} else {
		TRY_OUT(npy_make_head(m->tensors, false, &head, err));
		TRY_OUT(pieces_literal(&p, head.p, head.len, err));
		TRY_OUT(pieces_tensor(&p, m->tensors->size, err));
	}
	ret = pieces_writer(&p, NULL, NULL, m, state, err);
out:
	buf_free(&head);
	pieces_free(&p);
	return ret;
}

const struct reader_ops npy_reader = {
	.name = "npy", .suffix = ".npy", .bid = bid, .head = read_head,
	.next = pieces_next, .tail = pieces_tail, .offset = pieces_offset,
	.free = pieces_reader_free,
};

const struct writer_ops npy_writer = {
	.name = "npy", .suffix = ".npy", .plan = plan,
	.head = pieces_write_head, .put = pieces_put,
	.tail = pieces_write_tail, .free = pieces_writer_free,
};
