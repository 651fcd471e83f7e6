/*
 * utf8.h - characters of text that may hold bytes which are none.
 *
 * Text is cut into valid stretches and the stray bytes between them: what
 * works on characters (NFC, regular expressions) sees the former only.
 */
#ifndef LM_TOKENIZER_UTF8_H
#define LM_TOKENIZER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <utf8proc.h>

/* Bytes of the character at p and the character; 0 where none begins. */
static inline size_t utf8_char(const uint8_t *p, size_t len, int32_t *c)
{
	utf8proc_ssize_t n;

	if (len && *p < 0x80) {
		*c = *p;
		return 1;
	}
	n = utf8proc_iterate(p, len < 4 ? (utf8proc_ssize_t)len : 4, c);
	return n > 0 ? (size_t)n : 0;
}

/* Bytes from p on that are characters, up to the first stray byte. */
static inline size_t utf8_valid(const uint8_t *p, size_t len)
{
	size_t at = 0, n = 1;
	int32_t c;

	while (at < len && n) {
		n = utf8_char(p + at, len - at, &c);
		at += n;
	}
	return at;
}

/* Stray bytes from p on, up to where a character begins. */
static inline size_t utf8_stray(const uint8_t *p, size_t len)
{
	size_t at = 0;
	int32_t c;

	while (at < len && !utf8_char(p + at, len - at, &c))
		at++;
	return at;
}

static inline bool utf8_is_ascii(const uint8_t *p, size_t len)
{
	uint8_t all = 0;

	for (size_t i = 0; i < len; i++)
		all |= p[i];
	return all < 0x80;
}

/* Unicode's White_Space. */
static inline bool utf8_is_space(int32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 ||
	       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

#endif
