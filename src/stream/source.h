/*
 * source.h - bytes coming in, from a pipe, a file or memory.
 *
 * A reader looks ahead (`source_ahead`), consumes what it has understood, and
 * never learns where the bytes come from. A source is used by one thread at a
 * time.
 */
#ifndef STREAM_SOURCE_H
#define STREAM_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_SIZE_UNKNOWN UINT64_MAX

struct source_ops {
	/* Read 1 … n bytes into buf, *got = 0 only at the end of the input. */
	enum hvqz_ret (*read)(void *ctx, void *buf, size_t n, size_t *got,
			      struct hvqz_err *err);
	/* Go to absolute offset off; NULL when the input cannot seek. */
	enum hvqz_ret (*seek)(void *ctx, uint64_t off, struct hvqz_err *err);
};

struct source {
	const struct source_ops *ops;
	void *ctx;
	uint64_t size;		/* bytes in all, or SOURCE_SIZE_UNKNOWN */
	uint64_t off;		/* offset of the next byte not consumed */
	uint8_t *buf;		/* what was read ahead: [pos, len) */
	size_t pos, len, cap;
	bool end;		/* the last read said so */
};

/* size: SOURCE_SIZE_UNKNOWN on a pipe. ctx stays the caller's. */
void source_init(struct source *s, const struct source_ops *ops, void *ctx,
		 uint64_t size);
void source_free(struct source *s);

/* Bytes that can still come, or SOURCE_SIZE_UNKNOWN. */
uint64_t source_left(const struct source *s);

bool source_can_seek(const struct source *s);

/*
 * Make at least min bytes visible at *p without consuming them; *avail is how
 * many are. *avail < min only at the end of the input. The pointer is good
 * until the next call on the source. min is at most 1 MiB.
 */
enum hvqz_ret source_ahead(struct source *s, size_t min, const uint8_t **p,
			   size_t *avail, struct hvqz_err *err);

/* Consume n bytes that source_ahead has shown. */
void source_consume(struct source *s, size_t n);

/* Read exactly n bytes to buf; *got < n only at the end of the input. */
enum hvqz_ret source_read(struct source *s, void *buf, size_t n, size_t *got,
			  struct hvqz_err *err);

/*
 * n bytes into a fresh allocation (*out, the caller frees) that grows only as
 * they arrive, so a lying length costs nothing. The end of the input before
 * that is HVQZ_DAMAGED: "truncated: WHAT needs N bytes, the input has M".
 */
enum hvqz_ret source_load(struct source *s, uint64_t n, const char *what,
			  uint8_t **out, struct hvqz_err *err);

/* Pass over n bytes (seeking where that is possible); short is *got < n. */
enum hvqz_ret source_skip(struct source *s, uint64_t n, uint64_t *got,
			  struct hvqz_err *err);

/* HVQZ_USAGE when the source cannot seek. */
enum hvqz_ret source_seek(struct source *s, uint64_t off,
			  struct hvqz_err *err);

/* Is the input at its end? */
enum hvqz_ret source_at_end(struct source *s, bool *end,
			    struct hvqz_err *err);

/* A source over bytes in memory; *m must outlive it. Can seek. */
struct source_memory {
	const uint8_t *p;
	size_t len, pos;
};
void source_init_memory(struct source *s, struct source_memory *m,
			const void *p, size_t len);

#endif
