/* tar.c - the 512 bytes of a tar header. */
#include "formats/tar.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_LEN = 100, MODE_AT = 100, UID_AT = 108, GID_AT = 116,
	SIZE_AT = 124, SIZE_LEN = 12, MTIME_AT = 136, SUM_AT = 148,
	SUM_LEN = 8, TYPE_AT = 156, MAGIC_AT = 257, PREFIX_AT = 345,
	PREFIX_LEN = 155,
};

/* An octal number of up to len bytes, ended by a space, a NUL or the field. */
static bool octal(const uint8_t *p, size_t len, uint64_t *v)
{
	size_t i = 0;

	*v = 0;
	while (i < len && p[i] == ' ')
		i++;
	if (i == len || p[i] < '0' || p[i] > '7')
		return false;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		*v = *v << 3 | (uint64_t)(p[i] - '0');
	for (; i < len; i++)
		if (p[i] && p[i] != ' ')
			return false;
	return true;
}

bool tar_is_header(const uint8_t *block)
{
	uint64_t sum = 0, is, n_high = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool in_sum = i >= SUM_AT && i < SUM_AT + SUM_LEN;

		sum += in_sum ? ' ' : block[i];
		n_high += !in_sum && block[i] >= 0x80;
	}
	/* Some old tars took the bytes for signed ones. */
	return octal(block + SUM_AT, SUM_LEN, &is) &&
	       (is == sum || is + 256 * n_high == sum);
}

static bool is_blank(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] && p[i] != ' ')
			return false;
	return true;
}

bool tar_size(const uint8_t *block, uint64_t *size)
{
	const uint8_t *p = block + SIZE_AT;

	if (*p != 0x80 && !is_blank(p, SIZE_LEN))
		return octal(p, SIZE_LEN, size);
	*size = 0;
	for (size_t i = 1; *p == 0x80 && i < SIZE_LEN; i++) {
		if (*size >> 55)
			return false;
		*size = *size << 8 | p[i];
	}
	return true;
}

/* Where name is cut so that both halves fit into a ustar header; 0: nowhere. */
static size_t find_cut(const char *name, size_t len)
{
	for (size_t i = len < PREFIX_LEN ? len : PREFIX_LEN; i; i--)
		if (name[i] == '/' && len - i - 1 <= NAME_LEN &&
		    len - i - 1)
			return i;
	return 0;
}

static void put_block(struct buf *b, const char *name, size_t cut,
		      uint64_t size, char type)
{
	uint8_t block[TAR_BLOCK] = {0};
	const char *base = cut ? name + cut + 1 : name;
	size_t len = strlen(base);
	uint64_t sum = 0;
	char text[24];

	memcpy(block, base, len < NAME_LEN ? len : NAME_LEN);
	memcpy(block + PREFIX_AT, name, cut);
	memcpy(block + MODE_AT, "0000644", 8);
	memcpy(block + UID_AT, "0000000", 8);
	memcpy(block + GID_AT, "0000000", 8);
	snprintf(text, sizeof(text), "%011" PRIo64,
		 size >> 33 ? (uint64_t)0 : size);
	memcpy(block + SIZE_AT, text, SIZE_LEN);
	memcpy(block + MTIME_AT, "00000000000", SIZE_LEN);
	memset(block + SUM_AT, ' ', SUM_LEN);
	block[TYPE_AT] = (uint8_t)type;
	memcpy(block + MAGIC_AT, "ustar\0" "00", 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06" PRIo64, sum);
	memcpy(block + SUM_AT, text, 7);
	buf_put(b, block, TAR_BLOCK);
}

/* A pax record "LEN KEY=VALUE\n", whose length counts its own digits. */
static void put_record(struct buf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;
	char text[24];

	while ((size_t)snprintf(text, sizeof(text), "%zu", len) + rest != len)
		len++;
	buf_put(b, text, strlen(text));
	buf_u8(b, ' ');
	buf_put(b, key, strlen(key));
	buf_u8(b, '=');
	buf_put(b, value, strlen(value));
	buf_u8(b, '\n');
}

void tar_put_header(struct buf *b, const char *name, uint64_t size)
{
	static const uint8_t zeros[TAR_BLOCK];
	size_t len = strlen(name), cut = 0;
	bool is_long = false;
	struct buf pax = {0};
	char text[24];

	if (len > NAME_LEN) {
		cut = find_cut(name, len);
		is_long = !cut;
	}
	if (is_long)
		put_record(&pax, "path", name);
	if (size >> 33) {
		snprintf(text, sizeof(text), "%" PRIu64, size);
		put_record(&pax, "size", text);
	}
	if (pax.len) {
		put_block(b, "././@PaxHeader", 0, pax.len, 'x');
		buf_put(b, pax.p, pax.len);
		buf_put(b, zeros, (TAR_BLOCK - pax.len % TAR_BLOCK) %
				  TAR_BLOCK);
	}
	b->failed |= pax.failed;
	buf_free(&pax);
	put_block(b, name, cut, size, '0');
}
