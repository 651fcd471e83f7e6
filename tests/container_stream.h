/*
 * container_stream.h - inputs and outputs that count, dawdle and fail, and
 * reading a whole .hvqz from one.
 */
#ifndef TESTS_CONTAINER_STREAM_H
#define TESTS_CONTAINER_STREAM_H

#include "formats/container.h"

#include "base/buf.h"

struct stream {
	const uint8_t *p;
	size_t len, pos;
	size_t step;		/* bytes a read gives at most; 0: all */
	size_t fail_at;		/* this call (from 1) fails; 0: none */
	size_t n_calls;
	uint64_t n_bytes;
	struct buf *out;	/* for a sink */
};

/* Writes to s->out. */
extern const struct sink_ops stream_sink_ops;

/* A pipe, a pipe of one byte at a time, a file, a file by its index. */
enum way { BY_PIPE, BY_BYTE, BY_FILE, BY_INDEX, N_WAYS };
extern const char *const stream_way_name[N_WAYS];

void stream_open_way(struct source *src, struct stream *s, enum way way,
		     const uint8_t *p, size_t len);

/* Chunks, payloads, tail; the head has been read. *ix: by index only. */
enum hvqz_ret stream_read_rest(struct container_reader *r,
			       const struct container_info *info, enum way way,
			       struct buf *payload,
			       struct container_index *ix,
			       struct hvqz_err *err);
/* Everything the container can check of what src has. */
enum hvqz_ret stream_read_all(struct source *src, enum way way,
			      struct hvqz_err *err);
/* The same of p[len]; *err is cleared first. */
enum hvqz_ret stream_read_bytes(const void *p, size_t len, enum way way,
				struct hvqz_err *err);

#endif
