/*
 * corpus_planes.h - payloads of codec 1, good and bad (H8), of four numbers each.
 */
#ifndef TESTS_CORPUS_PLANES_H
#define TESTS_CORPUS_PLANES_H

#include "base/dtype.h"

#include <stddef.h>
#include <stdint.h>

struct payload {
	const char *name;
	enum dtype dtype;
	const char *word;	/* NULL: a good one */
	size_t len;
	uint8_t p[32];
};

/* Octave 3, 7 raw bits and a sign, one symbol, no escapes; its only table. */
#define HEAD 7, 3, 0, 1, 0
#define TABLE 0x01, 13, 0x01, 0x20
/* No words, one lane; four bytes of raw bits. */
#define STREAM 0, 0, 0, 1, 0
#define FIELDS 1, 2, 0x83, 4

#define BYTES(...) sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}

static const struct payload payloads[] = {
	{"empty", DTYPE_F16, "three forms", 0, {0}},
	{"a fourth form", DTYPE_F16, "three forms", BYTES(3)},

	{"padding", DTYPE_F16, NULL, BYTES(0x80, 2, 0, 0, 0, 1, 7, 1, 9)},
	{"padding, cut", DTYPE_F16, "padding is cut", BYTES(0x80, 2, 0)},
	{"padding, none", DTYPE_F16, "padding is cut", BYTES(0x82)},
	{"padding, not zeros", DTYPE_F16, "not all zeros",
	 BYTES(0x80, 2, 0, 1, 0, 1, 7, 1, 9)},
	{"padding of a fourth form", DTYPE_F16, "three forms",
	 BYTES(0x83, 1, 0)},

	{"planes", DTYPE_F16, NULL, BYTES(0, 0, 1, 7, 1, 9)},
	{"planes, turned", DTYPE_F16, NULL, BYTES(0, 1, 1, 7, 1, 9)},
	{"planes, no head", DTYPE_F16, "turned", BYTES(0)},
	{"planes, turned twice", DTYPE_F16, "turned", BYTES(0, 2)},
	{"planes, none", DTYPE_F16, "cut", BYTES(0, 0)},
	{"planes, one", DTYPE_F16, "cut", BYTES(0, 0, 1, 7)},
	{"planes, unknown kind", DTYPE_F16, "no known kind", BYTES(0, 0, 4)},
	{"planes, cut", DTYPE_F16, "cut", BYTES(0, 0, 0, 1, 2, 3)},
	{"planes, no value", DTYPE_F16, "cut", BYTES(0, 0, 1)},
	{"planes, byte behind", DTYPE_F16, "behind",
	 BYTES(0, 0, 1, 7, 1, 9, 0)},
	{"frame, no length", DTYPE_F16, "cut", BYTES(0, 0, 2, 9, 0)},
	{"frame, cut", DTYPE_F16, "cut", BYTES(0, 0, 2, 2, 0, 0, 0, 1)},
	{"frame, too long", DTYPE_F16, "frame of 4 bytes for 4",
	 BYTES(0, 0, 2, 4, 0, 0, 0, 1, 2, 3, 4)},
	{"frame, none", DTYPE_F16, "zstd frame",
	 BYTES(0, 0, 2, 3, 0, 0, 0, 1, 2, 3)},
	{"codes of bytes, cut", DTYPE_F16, "head is cut", BYTES(0, 0, 3, 0)},
	{"codes of bytes, no table", DTYPE_F16, "no tables",
	 BYTES(0, 0, 3, 0, 0, 0, 1, 0, 0)},

	{"values", DTYPE_U16, NULL,
	 BYTES(2, 1, 1, 2, 3, 4, 0, 0, 1, 1, 0)},
	{"values, no count", DTYPE_U16, "values is cut", BYTES(2)},
	{"values, cut", DTYPE_U16, "values is cut", BYTES(2, 1, 1, 2, 3)},
	{"values, no indices", DTYPE_U16, "cut", BYTES(2, 0, 1, 2)},
	{"values, index", DTYPE_U16, "index 2 of 2",
	 BYTES(2, 1, 1, 2, 3, 4, 0, 0, 1, 2, 0)},

	{"numbers", DTYPE_F16, NULL,
	 BYTES(1, 10, 0, 0, HEAD, TABLE, STREAM, FIELDS)},
	{"numbers, byte behind", DTYPE_F16, "behind",
	 BYTES(1, 10, 0, 0, HEAD, TABLE, STREAM, FIELDS, 0)},
	{"numbers, no head", DTYPE_F16, "head is cut", BYTES(1, 10, 0)},
	{"numbers, wider", DTYPE_F16, "dtype 12", BYTES(1, 12, 0, 0)},
	{"numbers, no dtype", DTYPE_F16, "dtype 99", BYTES(1, 99, 0, 0)},
	{"numbers, flags", DTYPE_F16, "flags 8", BYTES(1, 10, 8, 0)},
	{"numbers, drop", DTYPE_F16, "15 low bits", BYTES(1, 10, 0, 15)},
	{"integers, flags", DTYPE_U16, "flags 2", BYTES(1, 4, 2, 0)},
	{"integers, no base", DTYPE_U16, "head is cut",
	 BYTES(1, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7)},
	{"F64, no low halves", DTYPE_F64, "low halves", BYTES(1, 13, 0, 0)},
	{"F16, a BF16 too large", DTYPE_F16, "cannot hold",
	 BYTES(1, 11, 0, 0, 4, 3, 0xe0, 0x1f, 1, 0, TABLE, STREAM, 0, 0, 0)},

	{"all zeros", DTYPE_F16, NULL, BYTES(1, 10, 1, 0, 1, 0)},
	{"mask, none", DTYPE_F16, "mask of zeros", BYTES(1, 10, 1, 0)},
	{"mask, too long", DTYPE_F16, "mask of zeros",
	 BYTES(1, 10, 1, 0, 1, 0x1f)},

	{"classes, no rows", DTYPE_F16, "rows that are not",
	 BYTES(1, 10, 4, 0, 0)},
	{"classes, wide rows", DTYPE_F16, "rows that are not",
	 BYTES(1, 10, 4, 0, 5)},
	{"classes, no list", DTYPE_F16, "no such list", BYTES(1, 10, 4, 0, 4)},
	{"classes, way", DTYPE_F16, "no such list",
	 BYTES(1, 10, 4, 0, 4, 9)},
	{"classes, no start", DTYPE_F16, "cut", BYTES(1, 10, 4, 0, 4, 1)},
	{"classes, code", DTYPE_F16, "not from 0",
	 BYTES(1, 10, 4, 0, 4, 1, 255, 0, 0x01)},
	{"classes, code of unit 8", DTYPE_F16, "not from 0",
	 BYTES(1, 10, 4, 0, 4, 4, 32, 0, 0x01)},
	{"classes, sum", DTYPE_F16, "rows up to 200",
	 BYTES(1, 10, 4, 0, 4, 1, 200, 0, 0x01, 1, 100, 0, 0x0f)},
	{"classes, no table", DTYPE_F16, "class 2 has no table",
	 BYTES(1, 10, 4, 0, 4, 1, 2, 0, 0x01, 0, HEAD, TABLE)},

	{"codes, raw", DTYPE_F16, "out of range",
	 BYTES(1, 10, 0, 0, 16, 3, 0, 1, 0)},
	{"codes, octave", DTYPE_F16, "out of range",
	 BYTES(1, 10, 0, 0, 7, 9, 0, 1, 0)},
	{"codes, first", DTYPE_F16, "out of range",
	 BYTES(1, 10, 0, 0, 7, 3, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0)},
	{"codes, no symbols", DTYPE_F16, "out of range",
	 BYTES(1, 10, 0, 0, 7, 3, 0, 0, 0)},
	{"codes, escapes", DTYPE_F16, "out of range",
	 BYTES(1, 10, 0, 0, 7, 3, 0, 1, 2)},
	{"tables, none", DTYPE_F16, "no tables", BYTES(1, 10, 0, 0, HEAD, 0)},
	{"tables, family of none", DTYPE_F16, "no tables",
	 BYTES(1, 10, 0, 0, HEAD, 0x10)},
	{"tables, flags", DTYPE_F16, "no tables",
	 BYTES(1, 10, 0, 0, HEAD, 0x21)},
	{"tables, depth", DTYPE_F16, "depth is 33",
	 BYTES(1, 10, 0, 0, HEAD, 0x11, 33)},
	{"tables, octave", DTYPE_F16, "2^1 symbols",
	 BYTES(1, 10, 0, 0, 9, 1, 0, 1, 0, 0x11, 3, 0)},
	{"tables, cut", DTYPE_F16, "description is cut",
	 BYTES(1, 10, 0, 0, HEAD, 0x11, 3)},
	{"tables, sum", DTYPE_F16, "above 4096",
	 BYTES(1, 10, 0, 0, HEAD, 0x01, 13, 0x11, 0x27)},
	{"tables, negative", DTYPE_F16, "negative",
	 BYTES(1, 10, 0, 0, HEAD, 0x11, 3, 0x80, 14, 0x03, 0x50)},
	{"tables, other phase", DTYPE_F16, "class 0 has no table",
	 BYTES(1, 10, 0, 0, HEAD, 0x02, 13, 0x01, 0x20)},
	{"escapes, cut", DTYPE_F16, "escapes",
	 BYTES(1, 10, 0, 0, 7, 3, 0, 1, 1, TABLE)},
	{"escapes, unused", DTYPE_F16, "1 of 1 escapes",
	 BYTES(1, 10, 0, 0, 7, 3, 0, 1, 1, TABLE, 0, 1, STREAM, FIELDS)},
	{"escapes, unannounced", DTYPE_F16, "more than the 0 escapes",
	 BYTES(1, 10, 0, 0, HEAD, 0x01, 0, 0x01, STREAM, FIELDS)},
	{"stream, none", DTYPE_F16, "stream is cut",
	 BYTES(1, 10, 0, 0, HEAD, TABLE)},
	{"stream, low state", DTYPE_F16, "stream is cut",
	 BYTES(1, 10, 0, 0, HEAD, TABLE, 0, 0xff, 0xff, 0, 0, FIELDS)},
	{"stream, word left", DTYPE_F16, "does not end",
	 BYTES(1, 10, 0, 0, HEAD, TABLE, 1, 0, 0, 1, 0, 5, 5, FIELDS)},
	{"stream, state", DTYPE_F16, "does not end",
	 BYTES(1, 10, 0, 0, HEAD, TABLE, 0, 1, 0, 1, 0, FIELDS)},
	{"stream, no word", DTYPE_F16, "lacks words",
	 /* Frequency 1 of symbol 0: the first takes all of the state. */
	 BYTES(1, 10, 0, 0, HEAD, 0x01, 0, 0x02, STREAM, FIELDS)},
	{"symbol", DTYPE_F16, "more than 8 bits",
	 BYTES(1, 10, 0, 0, 7, 3, 0xd8, 0x04, 1, 0, TABLE, STREAM, FIELDS)},
	{"symbol below 0", DTYPE_F16, "more than 8 bits",
	 BYTES(1, 10, 0, 0, 7, 3, 1, 1, 0, TABLE, STREAM, FIELDS)},
	{"raw bits, cut", DTYPE_F16, "raw bits are cut",
	 BYTES(1, 10, 0, 0, HEAD, TABLE, STREAM, 1, 2, 3)},
	{"raw bits, padding", DTYPE_F16, "padded",
	 BYTES(1, 10, 0, 0, 6, 4, 0, 1, 0, TABLE, STREAM, 1, 2, 3, 0x10)},
};

#endif
