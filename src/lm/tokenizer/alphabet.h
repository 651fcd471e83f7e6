/*
 * alphabet.h - the 256 characters GPT-2 spells bytes with, so that a token,
 * which is a string of bytes, can be a JSON string.
 *
 * A byte that is printable in Latin-1 (0x21-0x7e, 0xa1-0xac, 0xae-0xff) is
 * the character of the same number. The other 68 are, in order, U+0100 on:
 * 0x00-0x20, then 0x7f-0xa0, then 0xad. So a space is U+0120.
 */
#ifndef LM_TOKENIZER_ALPHABET_H
#define LM_TOKENIZER_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The byte character c stands for, or -1. */
int alphabet_byte(int32_t c);

/* The character of byte b, in UTF-8 with a NUL behind it. */
void alphabet_spell(uint8_t b, char to[3]);

/*
 * The bytes that the len bytes of s spell, to `to`, which has room for len.
 * false when a character is not of the alphabet.
 */
bool alphabet_bytes(const char *s, size_t len, uint8_t *to, size_t *n);

#endif
