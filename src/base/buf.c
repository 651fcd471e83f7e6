/* buf.c - the growable byte buffer of buf.h. */
#include "base/buf.h"

#include "base/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint8_t *buf_grow(struct buf *b, size_t n)
{
	uint8_t *p;

	if (b->failed)
		return NULL;
	if (n > b->cap - b->len) {
		size_t cap = b->cap ? b->cap : 256;

		while (cap - b->len < n && cap <= SIZE_MAX / 2)
			cap *= 2;
		p = cap - b->len < n ? NULL : realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	p = b->p + b->len;
	b->len += n;
	return p;
}

bool buf_reserve(struct buf *b, size_t n)
{
	assert(!b->len);
	if (n <= b->cap && b->p)
		return true;
	free(b->p);
	b->p = malloc(n ? n : 1);
	b->cap = b->p ? n : 0;
	return b->p;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = n ? buf_grow(b, n) : NULL;

	if (to)
		memcpy(to, p, n);
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	uint8_t le[2];

	put_le16(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_u32(struct buf *b, uint32_t v)
{
	uint8_t le[4];

	put_le32(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_u64(struct buf *b, uint64_t v)
{
	uint8_t le[8];

	put_le64(le, v);
	buf_put(b, le, sizeof(le));
}

void buf_f32(struct buf *b, float v)
{
	uint8_t le[4];

	put_lef32(le, v);
	buf_put(b, le, sizeof(le));
}

enum hvqz_ret buf_ok(const struct buf *b, struct hvqz_err *err)
{
	if (!b->failed)
		return HVQZ_OK;
	return hvqz_nomem(err, b->len, "an output buffer");
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

void buf_trade(struct buf *a, struct buf *b)
{
	struct buf was = *a;

	if (b->len <= b->cap / 16 && b->len <= a->cap && a->p) {
		memcpy(a->p, b->p, b->len);
		a->len = b->len;
		return;
	}
	*a = *b;
	*b = was;
}
