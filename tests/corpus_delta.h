/*
 * corpus_delta.h - payloads of codec 6, good and bad (H8), of four units each.
 */
#ifndef TESTS_CORPUS_DELTA_H
#define TESTS_CORPUS_DELTA_H

#include "base/dtype.h"

#include <stddef.h>
#include <stdint.h>

/* The base model's rows: 1.0, 0.5, -1.0, 0. */
static const uint8_t old_floats[] = {0x80, 0x3f, 0x00, 0x3f,
				     0x80, 0xbf, 0x00, 0x00};
static const struct bad_payload {
	const char *name;
	enum dtype dtype;	/* of 4 units */
	const char *p;
	size_t len;
	const char *word;	/* NULL: none, it is good */
} bad_payloads[] = {
#define BAD(name, dtype, p, word) {name, dtype, p, sizeof(p) - 1, word}
	BAD("good", DTYPE_BF16, "\1\x7e\0\5\0\x14", NULL),
	BAD("padded", DTYPE_BF16, "\1\x7e\0\5\0\x14\0\0\0", NULL),
	BAD("all groups", DTYPE_F16, "\x1f"
	    "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10\x11\x12\x13\x14\x15"
	    "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\0\1\0\1\0\1\0\1", NULL),
	BAD("empty", DTYPE_BF16, "", "in its head"),
	BAD("head cut", DTYPE_BF16, "\2\x7e", "in its head"),
	BAD("groups of an integer", DTYPE_U8, "\1\0\0\x29\4",
	    "2 groups of 1 exponents"),
	BAD("groups of F16", DTYPE_F16, "\x20"
	    "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10\x11\x12\x13\x14\x15"
	    "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\0\1", "33 groups of 32"),
	BAD("ends equal", DTYPE_BF16, "\2\x7e\x7e\0\5\0\x14",
	    "group 1 ends at exponent 126"),
	BAD("ends falling", DTYPE_BF16, "\2\x7e\x7d\0\5\0\x14",
	    "group 1 ends at exponent 125"),
	BAD("end at the last", DTYPE_BF16, "\1\xff\0\5\0\x14",
	    "group 0 ends at exponent 255"),
	BAD("end at the last of F16", DTYPE_F16, "\1\x1f\0\5\0\x14",
	    "group 0 ends at exponent 31"),
	BAD("end above F16", DTYPE_F16, "\1\x7e\0\5\0\x14",
	    "group 0 ends at exponent 126"),
	/* 256: way 8, then 01, then 8 bits 0; the others: 1, 8 bits 0 */
	BAD("difference", DTYPE_U8, "\0\x8\x02\x04\x8\x10\0", "256"),
	BAD("no list", DTYPE_BF16, "\1\x7e", "neither classes nor"),
	BAD("list missing", DTYPE_BF16, "\1\x7e\0\5", "neither classes nor"),
	BAD("list cut", DTYPE_BF16, "\1\x7e\0\5\0", "cut"),
	BAD("way", DTYPE_BF16, "\1\x7e\x1f\5\0\x14", "neither classes nor"),
	BAD("padding", DTYPE_BF16, "\1\x7e\0\5\0\x14\0\1", "behind"),
	BAD("padding bits", DTYPE_BF16, "\1\x7e\0\x0d\0\x14", "cut or padded"),
};

#undef BAD

#endif
