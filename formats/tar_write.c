/*
 * tar_write.c - a tar archive as it was, or a new one of a model's files.
 *
 * New headers are plain: mode 644, no owner, no time. The same .hvqz gives the
 * same archive everywhere.
 */
#include "formats/pieces.h"
#include "formats/tar.h"

#include <stdlib.h>
#include <string.h>

struct tar {
	uint64_t pad;		/* bytes behind the member */
	uint64_t start;		/* of the archive, in the sink */
};

static const uint8_t zeros[TAR_RECORD];

static enum hvqz_ret open(void *ctx, const struct pieces *p, struct sink *out,
			  struct hvqz_err *err)
{
	struct tar *t = ctx;

	(void)p;
	(void)err;
	t->start = out->off;
	return HVQZ_OK;
}

static enum hvqz_ret begin(void *ctx, const struct piece *member,
			   struct sink *out, struct hvqz_err *err)
{
	struct tar *t = ctx;
	struct buf b = {0};
	enum hvqz_ret ret;

	if (member->kind == PIECE_PACKED)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "'%.200s' was "
				 "compressed by its zip archive; only that "
				 "can be restored", member->name);
	t->pad = (TAR_BLOCK - member->len % TAR_BLOCK) % TAR_BLOCK;
	tar_put_header(&b, member->name, member->len);
	ret = buf_ok(&b, err);
	if (ret == HVQZ_OK)
		ret = sink_write(out, b.p, b.len, err);
	buf_free(&b);
	return ret;
}

static enum hvqz_ret end(void *ctx, struct sink *out, struct hvqz_err *err)
{
	struct tar *t = ctx;

	return sink_write(out, zeros, (size_t)t->pad, err);
}

static enum hvqz_ret close(void *ctx, struct sink *out, struct hvqz_err *err)
{
	struct tar *t = ctx;
	uint64_t done = out->off - t->start + 2 * TAR_BLOCK;

	TRY(sink_write(out, zeros, 2 * TAR_BLOCK, err));
	return sink_write(out, zeros,
			  (size_t)((TAR_RECORD - done % TAR_RECORD) %
				   TAR_RECORD), err);
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	static const struct pieces_form form = {
		.open = open, .begin = begin, .end = end, .close = close,
		.free = free,
	};
	struct pieces p = {0};
	enum hvqz_ret ret;
	struct tar *t;

	TRY_OUT(pieces_of_files(&p, m, err));
	if (m->head && !strcmp(m->format, "tar")) {
		ret = pieces_writer(&p, NULL, NULL, m, state, err);
		goto out;
	}
	t = calloc(1, sizeof(*t));
	ret = t ? pieces_writer(&p, &form, t, m, state, err)
		: hvqz_nomem(err, sizeof(*t), "the writer");
out:
	pieces_free(&p);
	return ret;
}

const struct writer_ops tar_writer = {
	.name = "tar",
	.suffix = ".tar",
	.plan = plan,
	.head = pieces_write_head,
	.put = pieces_put,
	.tail = pieces_write_tail,
	.free = pieces_writer_free,
};
