/* alphabet.c - bytes as characters: see alphabet.h. */
#include "lm/tokenizer/alphabet.h"

#include "lm/tokenizer/utf8.h"

static bool is_printable(int32_t c)
{
	return (c >= 0x21 && c <= 0x7e) || (c >= 0xa1 && c <= 0xac) ||
	       (c >= 0xae && c <= 0xff);
}

int alphabet_byte(int32_t c)
{
	if (is_printable(c))
		return c;
	if (c >= 0x100 && c <= 0x120)
		return c - 0x100;
	if (c >= 0x121 && c <= 0x142)
		return c - 0x121 + 0x7f;
	return c == 0x143 ? 0xad : -1;
}

void alphabet_spell(uint8_t b, char to[3])
{
	unsigned c = b;

	if (b <= 0x20)
		c = b + 0x100u;
	else if (b >= 0x7f && b <= 0xa0)
		c = b - 0x7fu + 0x121;
	else if (b == 0xad)
		c = 0x143;
	if (c < 0x80) {
		to[0] = (char)c;
		to[1] = '\0';
		return;
	}
	to[0] = (char)(0xc0 | c >> 6);
	to[1] = (char)(0x80 | (c & 0x3f));
	to[2] = '\0';
}

bool alphabet_bytes(const char *s, size_t len, uint8_t *to, size_t *n)
{
	size_t at = 0;

	*n = 0;
	while (at < len) {
		int32_t c;
		size_t step = utf8_char((const uint8_t *)s + at, len - at, &c);
		int byte = step ? alphabet_byte(c) : -1;

		if (byte < 0)
			return false;
		to[(*n)++] = (uint8_t)byte;
		at += step;
	}
	return true;
}
