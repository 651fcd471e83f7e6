/* sink.c - the sinks of sink.h that need no file. */
#include "stream/sink.h"

void sink_init(struct sink *s, const struct sink_ops *ops, void *ctx)
{
	*s = (struct sink){.ops = ops, .ctx = ctx};
}

enum hvqz_ret sink_write(struct sink *s, const void *p, size_t n,
			 struct hvqz_err *err)
{
	if (!n)
		return HVQZ_OK;
	TRY(s->ops->write(s->ctx, p, n, err));
	s->off += n;
	return HVQZ_OK;
}

static enum hvqz_ret memory_write(void *ctx, const void *p, size_t n,
				  struct hvqz_err *err)
{
	struct buf *b = ctx;

	buf_put(b, p, n);
	return buf_ok(b, err);
}

void sink_init_memory(struct sink *s, struct buf *b)
{
	static const struct sink_ops ops = {memory_write};

	sink_init(s, &ops, b);
}

static enum hvqz_ret null_write(void *ctx, const void *p, size_t n,
				struct hvqz_err *err)
{
	(void)ctx;
	(void)p;
	(void)n;
	(void)err;
	return HVQZ_OK;
}

void sink_init_null(struct sink *s)
{
	static const struct sink_ops ops = {null_write};

	sink_init(s, &ops, NULL);
}
