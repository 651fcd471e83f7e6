/* container_stream.c - the test streams of container_stream.h. */
#include "tests/container_stream.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static enum hvqz_ret may_fail(struct stream *s, struct hvqz_err *err)
{
	if (++s->n_calls == s->fail_at)
		return hvqz_fail(err, HVQZ_IO, "call %zu fails", s->n_calls);
	return HVQZ_OK;
}

static enum hvqz_ret stream_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct stream *s = ctx;

	TRY(may_fail(s, err));
	if (s->step && n > s->step)
		n = s->step;
	if (n > s->len - s->pos)
		n = s->len - s->pos;
	if (n)
		memcpy(buf, s->p + s->pos, n);
	s->pos += n;
	s->n_bytes += n;
	*got = n;
	return HVQZ_OK;
}

static enum hvqz_ret stream_seek(void *ctx, uint64_t off, struct hvqz_err *err)
{
	struct stream *s = ctx;

	TRY(may_fail(s, err));
	ck_assert_uint_le(off, s->len);
	s->pos = (size_t)off;
	return HVQZ_OK;
}

static enum hvqz_ret stream_write(void *ctx, const void *p, size_t n,
				  struct hvqz_err *err)
{
	struct stream *s = ctx;

	TRY(may_fail(s, err));
	buf_put(s->out, p, n);
	return HVQZ_OK;
}

static const struct source_ops pipe_ops = {stream_read, NULL};
static const struct source_ops file_ops = {stream_read, stream_seek};
const struct sink_ops stream_sink_ops = {stream_write};

const char *const stream_way_name[] = {"pipe", "byte", "file", "index"};

/* ---- reading whole files ---- */

void stream_open_way(struct source *src, struct stream *s, enum way way,
		     const uint8_t *p, size_t len)
{
	*s = (struct stream){.p = p, .len = len, .step = way == BY_BYTE};
	if (way == BY_PIPE || way == BY_BYTE)
		source_init(src, &pipe_ops, s, SOURCE_SIZE_UNKNOWN);
	else
		source_init(src, &file_ops, s, len);
}

static enum hvqz_ret take_payload(struct container_reader *r,
				  const struct container_info *info,
				  const struct chunk_head *h,
				  struct buf *payload, struct hvqz_err *err)
{
	TRY(container_read_payload(r, payload, err));
	ck_assert_uint_eq(payload->len, h->stored_len);
	TRY(container_check_payload(info, h, payload->p, err));
	/* The container is blind to codecs; only raw can be judged here. */
	if (h->codec == 0)
		TRY(container_check_raw(info, h, payload->p, err));
	return HVQZ_OK;
}

enum hvqz_ret stream_read_rest(struct container_reader *r,
			       const struct container_info *info, enum way way,
			       struct buf *payload,
			       struct container_index *ix,
			       struct hvqz_err *err)
{
	struct chunk_head h;
	bool end = false;

	if (way == BY_INDEX) {
		TRY(container_read_index(r, ix, err));
		for (size_t i = 0; i < ix->n_chunks; i++) {
			TRY(container_seek_chunk(r, ix, i, &h, err));
			TRY(take_payload(r, info, &h, payload, err));
		}
		return HVQZ_OK;
	}
	for (;;) {
		TRY(container_read_chunk(r, &h, &end, err));
		if (end)
			return container_read_tail(r, err);
		TRY(take_payload(r, info, &h, payload, err));
	}
}

enum hvqz_ret stream_read_all(struct source *src, enum way way,
			      struct hvqz_err *err)
{
	struct container_index ix = {0};
	struct container_reader *r;
	struct container_info info;
	struct buf payload = {0};
	enum hvqz_ret ret = container_read_head(&r, src, &info, err);

	if (ret == HVQZ_OK)
		ret = stream_read_rest(r, &info, way, &payload, &ix, err);
	else
		ck_assert(!r && !info.model.tensors && !info.tensor_flags);
	container_index_free(&ix);
	container_reader_free(r);
	container_info_free(&info);
	buf_free(&payload);
	return ret;
}

enum hvqz_ret stream_read_bytes(const void *p, size_t len, enum way way,
				struct hvqz_err *err)
{
	/* A copy of exact length: ASan sees a byte read too far. */
	uint8_t *copy = malloc(len ? len : 1);
	struct source src;
	struct stream s;
	enum hvqz_ret ret;

	memcpy(copy, p, len);
	*err = (struct hvqz_err){0};
	stream_open_way(&src, &s, way, copy, len);
	ret = stream_read_all(&src, way, err);
	ck_assert_int_eq(ret, err->ret);
	source_free(&src);
	free(copy);
	return ret;
}
