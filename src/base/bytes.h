/*
 * bytes.h - little-endian fields and a bounds-checked cursor over file bytes.
 *
 * The cursor never reads past `end`: a take that does not fit returns false
 * and leaves the cursor where it was.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return (uint64_t)get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline float get_lef32(const uint8_t *p)
{
	uint32_t u = get_le32(p);
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void put_lef32(uint8_t *p, float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	put_le32(p, u);
}

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

static inline size_t cur_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* n bytes in place, or NULL when fewer are left. */
static inline const uint8_t *cur_take(struct cursor *c, uint64_t n)
{
	const uint8_t *p = c->p;

	if (n > cur_left(c))
		return NULL;
	c->p += n;
	return p;
}

static inline bool cur_u8(struct cursor *c, uint8_t *v)
{
	const uint8_t *p = cur_take(c, 1);

	if (p)
		*v = *p;
	return p != NULL;
}

static inline bool cur_u16(struct cursor *c, uint16_t *v)
{
	const uint8_t *p = cur_take(c, 2);

	if (p)
		*v = get_le16(p);
	return p != NULL;
}

static inline bool cur_u32(struct cursor *c, uint32_t *v)
{
	const uint8_t *p = cur_take(c, 4);

	if (p)
		*v = get_le32(p);
	return p != NULL;
}

static inline bool cur_u64(struct cursor *c, uint64_t *v)
{
	const uint8_t *p = cur_take(c, 8);

	if (p)
		*v = get_le64(p);
	return p != NULL;
}

static inline bool cur_f32(struct cursor *c, float *v)
{
	const uint8_t *p = cur_take(c, 4);

	if (p)
		*v = get_lef32(p);
	return p != NULL;
}

#endif
