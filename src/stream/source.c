/* source.c - buffered reading for source.h. */
#include "stream/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	AHEAD = 64 << 10,	/* the buffer's usual size */
	DIRECT = 16 << 10,	/* reads this large bypass the buffer */
	LOAD_STEP = 1 << 20,	/* how far source_load trusts a length */
};

void source_init(struct source *s, const struct source_ops *ops, void *ctx,
		 uint64_t size)
{
	*s = (struct source){.ops = ops, .ctx = ctx, .size = size};
}

void source_free(struct source *s)
{
	free(s->buf);
	s->buf = NULL;
	s->pos = s->len = s->cap = 0;
}

uint64_t source_left(const struct source *s)
{
	if (s->size == SOURCE_SIZE_UNKNOWN)
		return SOURCE_SIZE_UNKNOWN;
	return s->size > s->off ? s->size - s->off : 0;
}

bool source_can_seek(const struct source *s)
{
	return s->ops->seek != NULL;
}

/* Room for min bytes from pos on. */
static enum hvqz_ret make_room(struct source *s, size_t min,
			       struct hvqz_err *err)
{
	size_t cap = min > AHEAD ? min : AHEAD;
	uint8_t *p;

	if (s->pos) {
		memmove(s->buf, s->buf + s->pos, s->len - s->pos);
		s->len -= s->pos;
		s->pos = 0;
	}
	if (s->cap >= min)
		return HVQZ_OK;
	p = realloc(s->buf, cap);
	if (!p)
		return hvqz_nomem(err, cap, "the read-ahead buffer");
	s->buf = p;
	s->cap = cap;
	return HVQZ_OK;
}

enum hvqz_ret source_ahead(struct source *s, size_t min, const uint8_t **p,
			   size_t *avail, struct hvqz_err *err)
{
	if (s->len - s->pos < min)
		TRY(make_room(s, min, err));
	while (s->len - s->pos < min && !s->end) {
		size_t got;

		TRY(s->ops->read(s->ctx, s->buf + s->len, s->cap - s->len,
				 &got, err));
		s->len += got;
		s->end = got == 0;
	}
	*p = s->buf + s->pos;
	*avail = s->len - s->pos;
	return HVQZ_OK;
}

void source_consume(struct source *s, size_t n)
{
	s->pos += n;
	s->off += n;
}

enum hvqz_ret source_read(struct source *s, void *buf, size_t n, size_t *got,
			  struct hvqz_err *err)
{
	uint8_t *to = buf;
	size_t done = s->len - s->pos < n ? s->len - s->pos : n;

	if (done)
		memcpy(to, s->buf + s->pos, done);
	source_consume(s, done);
	while (done < n && !s->end) {
		size_t part;

		if (n - done < DIRECT) {
			const uint8_t *p;

			TRY(source_ahead(s, 1, &p, &part, err));
			part = part < n - done ? part : n - done;
			memcpy(to + done, p, part);
			source_consume(s, part);
		} else {
			TRY(s->ops->read(s->ctx, to + done, n - done, &part,
					 err));
			s->end = part == 0;
			s->off += part;
		}
		done += part;
	}
	*got = done;
	return HVQZ_OK;
}

static enum hvqz_ret too_short(const char *what, uint64_t need, uint64_t has,
			       struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "truncated: %s needs %" PRIu64
			 " bytes, the input has %" PRIu64, what, need, has);
}

enum hvqz_ret source_load(struct source *s, uint64_t n, const char *what,
			  uint8_t **out, struct hvqz_err *err)
{
	uint8_t *p = NULL;
	size_t have = 0, cap = 0;
	enum hvqz_ret ret = HVQZ_OK;

	if (source_left(s) < n)
		return too_short(what, n, source_left(s), err);
	do {
		size_t want = cap ? cap * 2 : LOAD_STEP, got;
		uint8_t *more;

		if (want > n)
			want = n ? (size_t)n : 1;
		more = realloc(p, want);
		if (!more) {
			ret = hvqz_nomem(err, want, what);
			goto out;
		}
		p = more;
		cap = want;
		if (!n)
			break;
		TRY_OUT(source_read(s, p + have, cap - have, &got, err));
		have += got;
		if (have < cap) {
			ret = too_short(what, n, have, err);
			goto out;
		}
	} while (have < n);
	*out = p;
	return HVQZ_OK;
out:
	free(p);
	return ret;
}

enum hvqz_ret source_skip(struct source *s, uint64_t n, uint64_t *got,
			  struct hvqz_err *err)
{
	uint64_t done = 0;

	if (source_can_seek(s) && source_left(s) != SOURCE_SIZE_UNKNOWN &&
	    n > s->len - s->pos) {
		*got = source_left(s) < n ? source_left(s) : n;
		return source_seek(s, s->off + *got, err);
	}
	while (done < n) {
		const uint8_t *p;
		size_t avail;

		TRY(source_ahead(s, 1, &p, &avail, err));
		if (!avail)
			break;
		if (avail > n - done)
			avail = (size_t)(n - done);
		source_consume(s, avail);
		done += avail;
	}
	*got = done;
	return HVQZ_OK;
}

enum hvqz_ret source_seek(struct source *s, uint64_t off,
			  struct hvqz_err *err)
{
	if (!s->ops->seek)
		return hvqz_fail(err, HVQZ_USAGE,
				 "the input is a pipe and cannot seek");
	TRY(s->ops->seek(s->ctx, off, err));
	s->pos = s->len = 0;
	s->off = off;
	s->end = false;
	return HVQZ_OK;
}

enum hvqz_ret source_at_end(struct source *s, bool *end, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	TRY(source_ahead(s, 1, &p, &avail, err));
	*end = avail == 0;
	return HVQZ_OK;
}

static enum hvqz_ret memory_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct source_memory *m = ctx;

	(void)err;
	*got = m->len - m->pos < n ? m->len - m->pos : n;
	if (*got)
		memcpy(buf, m->p + m->pos, *got);
	m->pos += *got;
	return HVQZ_OK;
}

static enum hvqz_ret memory_seek(void *ctx, uint64_t off,
				 struct hvqz_err *err)
{
	struct source_memory *m = ctx;

	(void)err;
	m->pos = off < m->len ? (size_t)off : m->len;
	return HVQZ_OK;
}

void source_init_memory(struct source *s, struct source_memory *m,
			const void *p, size_t len)
{
	static const struct source_ops ops = {memory_read, memory_seek};

	*m = (struct source_memory){.p = p, .len = len};
	source_init(s, &ops, m, len);
}
