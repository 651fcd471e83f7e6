/*
 * crc32.c - eight bytes a step, by eight tables (M. Kounavis and F. Berry).
 *
 * Plain version: for each byte, crc = table[(crc ^ byte) & 255] ^ crc >> 8.
 * Table k is what a byte does to the sum when k more zero bytes follow it, so
 * eight bytes can be looked up at once. The tables are made when they are
 * first wanted, on the stack: 2048 numbers are nothing beside a member's
 * bytes, and the library keeps no state.
 */
#include "base/crc32.h"

#include "base/bytes.h"

#define POLYNOMIAL 0xEDB88320u

/* Below this many bytes tables do not pay. */
enum { SHORT = 4096 };

static uint32_t step(uint32_t crc)
{
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
	return crc;
}

static void make(uint32_t table[8][256])
{
	for (uint32_t i = 0; i < 256; i++)
		table[0][i] = step(i);
	for (unsigned k = 1; k < 8; k++)
		for (unsigned i = 0; i < 256; i++)
			table[k][i] = table[0][table[k - 1][i] & 255] ^
				      table[k - 1][i] >> 8;
}

uint32_t crc32_add(uint32_t crc, const uint8_t *p, size_t n)
{
	uint32_t table[8][256];

	crc = ~crc;
	if (n >= SHORT) {
		make(table);
		for (; n >= 8; n -= 8, p += 8) {
			uint32_t a = crc ^ get_le32(p), b = get_le32(p + 4);

			crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^
			      table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
			      table[3][b & 255] ^ table[2][b >> 8 & 255] ^
			      table[1][b >> 16 & 255] ^ table[0][b >> 24];
		}
	}
	for (; n; n--, p++)
		crc = crc >> 8 ^ step((crc ^ *p) & 255);
	return ~crc;
}
