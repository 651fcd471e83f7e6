/* varint.c - the LEB128 numbers of bits.h. */
#include "entropy/bits.h"

void varint_put(struct buf *out, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_u8(out, (uint8_t)(v | 0x80));
	buf_u8(out, (uint8_t)v);
}

bool varint_get(struct cursor *c, uint32_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte;

		if (!cur_u8(c, &byte))
			return false;
		if (shift == 28 && byte > 0x0f)
			return false;
		*v |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return byte != 0 || shift == 0;
	}
	return false;
}
