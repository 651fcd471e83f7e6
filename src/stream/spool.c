/* spool.c - the source of spool.h. */
#include "stream/spool.h"

#include <string.h>

static enum hvqz_ret read_on(void *ctx, void *buf, size_t n, size_t *got,
			     struct hvqz_err *err)
{
	struct spool *s = ctx;
	size_t left = s->head.len - s->pos;
	const uint8_t *p = s->head.p + s->pos;

	if (!left)
		TRY(source_ahead(s->pipe, 1, &p, &left, err));
	*got = left < n ? left : n;
	if (*got)
		memcpy(buf, p, *got);
	if (!s->head.len)
		source_consume(s->pipe, *got);
	else if ((s->pos += *got) == s->head.len) {
		buf_free(&s->head);
		s->pos = 0;
	}
	return HVQZ_OK;
}

enum hvqz_ret spool_open(struct spool *s, struct source *pipe, size_t max,
			 struct hvqz_err *err)
{
	static const struct source_ops ops = {read_on, NULL};
	uint64_t size = source_left(pipe);

	*s = (struct spool){.pipe = pipe};
	while (s->head.len < max) {
		const uint8_t *p;
		size_t n;

		TRY(source_ahead(pipe, 1, &p, &n, err));
		if (!n)
			break;
		n = n < max - s->head.len ? n : max - s->head.len;
		buf_put(&s->head, p, n);
		TRY(buf_ok(&s->head, err));
		source_consume(pipe, n);
	}
	TRY(source_at_end(pipe, &s->whole, err));
	if (s->whole)
		source_init_memory(&s->src, &s->memory, s->head.p,
				   s->head.len);
	else
		source_init(&s->src, &ops, s, size);
	return HVQZ_OK;
}

void spool_close(struct spool *s)
{
	if (s->src.ops)
		source_free(&s->src);
	buf_free(&s->head);
}
