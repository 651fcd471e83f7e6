/*
 * sink.h - bytes going out, in order, never seeking.
 */
#ifndef STREAM_SINK_H
#define STREAM_SINK_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct sink_ops {
	/* Write all n bytes or fail. */
	enum hvqz_ret (*write)(void *ctx, const void *p, size_t n,
			       struct hvqz_err *err);
};

struct sink {
	const struct sink_ops *ops;
	void *ctx;
	uint64_t off;		/* bytes written so far */
};

void sink_init(struct sink *s, const struct sink_ops *ops, void *ctx);
enum hvqz_ret sink_write(struct sink *s, const void *p, size_t n,
			 struct hvqz_err *err);

/* A sink that keeps everything in *b. */
void sink_init_memory(struct sink *s, struct buf *b);

/* A sink that counts and forgets. */
void sink_init_null(struct sink *s);

#endif
