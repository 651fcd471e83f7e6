/*
 * corpus_safetensors.h - safetensors files that must be refused, and beside
 * each the ones that must not: the rules S1 to S19 of formats/safetensors.md.
 *
 * A case is a header text, made into a file by corpus_build(): the length, the
 * text, then data_len bytes of data. Whoever includes this may feed the bytes
 * to the reader or write them to disk for the program.
 *
 * word must stand in the error's sentence or be the tensor it is about; good
 * files have ret HVQZ_OK and in word nothing.
 */
#ifndef TESTS_CORPUS_SAFETENSORS_H
#define TESTS_CORPUS_SAFETENSORS_H

#include "base/bytes.h"
#include "hvqz.h"

#include <stdlib.h>
#include <string.h>

struct corpus_case {
	const char *rule, *name;
	const char *head;	/* the JSON */
	size_t head_len;	/* of it; 0: strlen */
	uint64_t data_len;	/* bytes of data behind it */
	enum hvqz_ret ret;
	const char *word;
	uint64_t declared_add;	/* added (mod 2^64) to the length field */
	size_t drop;		/* bytes cut off at the end of the file */
};

/* "NAME":{...} with data_offsets [B,E]. */
#define ENTRY(name, dtype, shape, b, e)                                  \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape        \
	"],\"data_offsets\":[" b "," e "]}"
/* A header of one tensor "w" of eight bytes, one field written as given. */
#define DTYPE(text) \
	"{\"w\":{\"dtype\":" text ",\"shape\":[2],\"data_offsets\":[0,8]}}"
#define SHAPE(text) \
	"{\"w\":{\"dtype\":\"F32\",\"shape\":" text ",\"data_offsets\":[0,8]}}"
#define OFFSETS(text) \
	"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" text "}}"
#define W ENTRY("w", "F32", "2", "0", "8")
#define META(text) "{\"__metadata__\":" text "," W "}"

#define X4(s) s s s s
#define X64(s) X4(X4(X4(s)))
#define X4096(s) X64(X64(s))
#define X65536(s) X4(X4(X4096(s)))

#define GOOD(rule, name, head, data) \
	{rule, name, head, 0, data, HVQZ_OK, "", 0, 0}
#define BAD(rule, name, head, data, word) \
	{rule, name, head, 0, data, HVQZ_DAMAGED, word, 0, 0}
#define UNSUP(rule, name, head, data, word) \
	{rule, name, head, 0, data, HVQZ_UNSUPPORTED, word, 0, 0}
/* A text with a NUL in it. */
#define BAD_RAW(rule, name, head, data, word) \
	{rule, name, head, sizeof(head) - 1, data, HVQZ_DAMAGED, word, 0, 0}

static const struct corpus_case corpus_safetensors[] = {
	GOOD("S1", "empty-model", "{}", 0),
	GOOD("S1", "only-empty-metadata", "{\"__metadata__\":{}}", 0),
	GOOD("S1", "one-tensor", "{" W "}", 8),
	{"S1", "no-bytes", "", 0, 0, HVQZ_DAMAGED, "truncated", 0, 8},
	{"S1", "one-byte", "", 0, 0, HVQZ_DAMAGED, "truncated", 0, 7},
	{"S1", "seven-bytes", "", 0, 0, HVQZ_DAMAGED, "7 bytes", 0, 1},
	BAD("S1", "header-of-no-bytes", "", 0, "not a JSON object"),

	{"S2", "header-100000001", "{}", 0, 0, HVQZ_DAMAGED,
	 "100000001 bytes; the most is 100000000", 100000001 - 2, 0},
	{"S2", "header-2-to-63", "{}", 0, 0, HVQZ_DAMAGED, "100000000",
	 ((uint64_t)1 << 63) - 2, 0},
	{"S2", "header-all-ones", "{}", 0, 0, HVQZ_DAMAGED,
	 "18446744073709551615", UINT64_MAX - 2, 0},

	{"S3", "header-longer-than-file", "{}", 0, 0, HVQZ_DAMAGED,
	 "truncated", 1, 0},
	{"S3", "header-of-the-most-bytes", "{}", 0, 0, HVQZ_DAMAGED,
	 "truncated", 100000000 - 2, 0},
	{"S3", "header-that-wraps", "{}", 0, 0, HVQZ_DAMAGED, "100000000",
	 (uint64_t)0 - 8 - 2, 0},
	{"S3", "cut-in-header", "{" W "}", 0, 0, HVQZ_DAMAGED, "truncated", 0,
	 10},

	GOOD("S4", "utf8-name",
	     "{" ENTRY("\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x89", "U8", "1", "0",
		       "1") "}", 1),
	BAD("S4", "not-utf8-name", "{" ENTRY("\xff", "U8", "1", "0", "1") "}",
	    1, "UTF-8"),
	BAD("S4", "not-utf8-metadata", META("{\"k\":\"\xe4\"}"), 8, "UTF-8"),
	BAD("S4", "not-utf8-dtype", DTYPE("\"F\x80\""), 8, "UTF-8"),
	BAD("S4", "utf8-overlong", META("{\"k\":\"\xc0\x80\"}"), 8, "UTF-8"),
	BAD("S4", "utf8-surrogate", META("{\"k\":\"\xed\xa0\x80\"}"), 8,
	    "UTF-8"),
	BAD("S4", "utf8-above-unicode", META("{\"k\":\"\xf4\x90\x80\x80\"}"),
	    8, "UTF-8"),
	BAD("S4", "utf8-cut", META("{\"k\":\"\xe2\x82\"}"), 8, "UTF-8"),
	BAD("S4", "utf16-header", "\xff\xfe{}", 0, "header byte 8"),

	GOOD("S5", "space-behind", "{" W "}   ", 8),
	GOOD("S5", "space-before", " \n\t\r{" W "}", 8),
	GOOD("S5", "space-inside",
	     " { \"w\" :\t{ \"dtype\" : \"F32\" ,\n\"shape\" : [ 2 ] , "
	     "\"data_offsets\" : [ 0 , 8 ] } } ", 8),
	GOOD("S5", "fields-in-other-order",
	     "{\"w\":{\"data_offsets\":[0,8],\"shape\":[2],\"dtype\":\"F32\"}}",
	     8),
	BAD("S5", "array", "[1,2]", 0, "not a JSON object"),
	BAD("S5", "string", "\"{}\"", 0, "not a JSON object"),
	BAD("S5", "null", "null", 0, "not a JSON object"),
	BAD("S5", "only-space", "        ", 0, "not a JSON object"),
	BAD("S5", "byte-order-mark", "\xef\xbb\xbf{}", 0, "not a JSON object"),
	BAD("S5", "two-objects", "{}{}", 0, "more than one"),
	BAD("S5", "letter-behind", "{} x", 0, "more than one"),
	BAD("S5", "brace-behind", "{" W "}}", 8, "more than one"),
	BAD("S5", "comma-behind", "{" W "},", 8, "more than one"),
	BAD_RAW("S5", "nul-behind", "{" W "}\0\0\0", 8, "more than one"),
	BAD_RAW("S5", "nul-before", "\0{" W "}", 8, "not a JSON object"),
	BAD_RAW("S5", "nul-inside", "{\0" W "}", 8, "in quotes"),
	BAD_RAW("S5", "nul-in-number", OFFSETS("[0,8\0]"), 8, "header byte"),
	BAD("S5", "form-feed-behind", "{" W "}\f", 8, "more than one"),
	BAD("S5", "not-closed", "{" W, 8, "expected ',' or '}'"),
	BAD("S5", "entry-not-closed", "{\"w\":{\"dtype\":\"F32\"", 8,
	    "never closed"),
	BAD("S5", "string-not-closed", "{\"w", 8, "without its end"),
	BAD("S5", "string-ends-in-backslash", "{\"w\\", 8, "without its end"),
	BAD("S5", "trailing-comma", "{" W ",}", 8, "in quotes"),
	BAD("S5", "trailing-comma-in-array", OFFSETS("[0,8,]"), 8,
	    "header byte"),
	BAD("S5", "leading-comma", "{," W "}", 8, "in quotes"),
	BAD("S5", "two-commas", "{" W ",," ENTRY("v", "U8", "0", "8", "8") "}",
	    8, "in quotes"),
	BAD("S5", "no-comma", "{" W " " ENTRY("v", "U8", "0", "8", "8") "}", 8,
	    "expected ','"),
	BAD("S5", "no-colon", "{\"w\" {}}", 8, "expected ':'"),
	BAD("S5", "no-value", "{\"w\":}", 8, "value is missing"),
	BAD("S5", "name-without-quotes", "{w:{}}", 8, "in quotes"),
	BAD("S5", "wrong-bracket", OFFSETS("[0,8}"), 8, "header byte"),
	BAD("S5", "comment", "{/**/" W "}", 8, "in quotes"),
	BAD("S5", "control-in-string", META("{\"k\":\"\n\"}"), 8,
	    "header byte"),
	BAD("S5", "bad-escape", META("{\"k\":\"\\x41\"}"), 8, "header byte"),

	GOOD("S6", "same-key-in-both-objects",
	     META("{\"w\":\"a\",\"dtype\":\"b\"}"), 8),
	BAD("S6", "duplicate-tensor",
	    "{" W "," ENTRY("v", "U8", "1", "8", "9") "," W "}", 9,
	    "duplicate"),
	BAD("S6", "duplicate-empty-tensor",
	    "{" ENTRY("w", "U8", "0", "0", "0") ","
	    ENTRY("w", "U8", "0", "0", "0") "}", 0, "duplicate"),
	BAD("S6", "duplicate-by-escape",
	    "{" W "," ENTRY("\\u0077", "U8", "1", "8", "9") "}", 9,
	    "duplicate"),
	BAD("S6", "duplicate-metadata-key",
	    META("{\"k\":\"1\",\"j\":\"2\",\"\\u006b\":\"1\"}"), 8,
	    "duplicate metadata key 'k'"),
	BAD("S6", "duplicate-metadata",
	    "{\"__metadata__\":{},\"__metadata__\":{}}", 0,
	    "duplicate '__metadata__'"),
	BAD("S6", "duplicate-field",
	    "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],"
	    "\"data_offsets\":[0,8]}}", 8, "duplicate field 'shape'"),

	GOOD("S7", "metadata", META("{\"format\":\"pt\",\"\":\"\"}"), 8),
	GOOD("S7", "metadata-nul-in-value", META("{\"k\":\"\\u0000\"}"), 8),
	GOOD("S7", "metadata-last", "{" W ",\"__metadata__\":{\"a\":\"b\"}}",
	     8),
	BAD("S7", "metadata-number", META("{\"k\":1}"), 8, "metadata 'k'"),
	BAD("S7", "metadata-null", META("{\"k\":null}"), 8, "not a string"),
	BAD("S7", "metadata-true", META("{\"k\":true}"), 8, "not a string"),
	BAD("S7", "metadata-object", META("{\"k\":{}}"), 8, "not a string"),
	BAD("S7", "metadata-array", META("{\"k\":[]}"), 8, "not a string"),
	BAD("S7", "metadata-is-a-string", META("\"k\""), 8,
	    "not a JSON object"),
	BAD("S7", "metadata-is-null", META("null"), 8, "not a JSON object"),

	UNSUP("S8", "unknown-dtype", DTYPE("\"F128\""), 8,
	      "unknown dtype 'F128'"),
	UNSUP("S8", "dtype-in-lower-case", DTYPE("\"f32\""), 8,
	      "unknown dtype"),
	UNSUP("S8", "dtype-empty", DTYPE("\"\""), 8, "unknown dtype ''"),
	BAD("S8", "dtype-number", DTYPE("12"), 8, "'dtype' is not a string"),
	BAD("S8", "dtype-null", DTYPE("null"), 8, "'dtype' is not a string"),
	BAD("S8", "no-dtype",
	    "{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
	    "'dtype' is missing"),
	BAD("S8", "no-shape",
	    "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8,
	    "'shape' is missing"),
	BAD("S8", "no-offsets", "{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8,
	    "'data_offsets' is missing"),
	BAD("S8", "no-fields", "{\"w\":{}}", 0, "missing"),
	BAD("S8", "shape-number", SHAPE("2"), 8, "'shape' is not an array"),
	BAD("S8", "shape-string", SHAPE("\"[2]\""), 8, "not an array"),
	BAD("S8", "shape-of-strings", SHAPE("[\"2\"]"), 8, "plain digits"),
	BAD("S8", "shape-object", SHAPE("{}"), 8, "not an array"),
	BAD("S8", "shape-true", SHAPE("[true]"), 8, "plain digits"),
	BAD("S8", "one-offset", OFFSETS("[8]"), 8, "1 numbers"),
	BAD("S8", "three-offsets", OFFSETS("[0,8,8]"), 8, "3 numbers"),
	BAD("S8", "no-offset", OFFSETS("[]"), 8, "0 numbers"),
	BAD("S8", "many-offsets", OFFSETS("[0" X4096(",0") "]"), 8,
	    "4097 numbers"),
	BAD("S8", "offsets-null", OFFSETS("null"), 8, "not an array"),
	BAD("S8", "entry-null", "{\"w\":null}", 0, "not a JSON object"),
	BAD("S8", "entry-array", "{\"w\":[]}", 0, "not a JSON object"),
	UNSUP("S8", "unknown-field",
	      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],"
	      "\"strides\":[1]}}", 8, "unknown field 'strides'"),

	BAD("S9", "offset-negative", OFFSETS("[-8,0]"), 8, "negative"),
	BAD("S9", "offset-minus-zero", OFFSETS("[-0,8]"), 8, "negative"),
	BAD("S9", "offset-fraction", OFFSETS("[0,8.0]"), 8, "plain digits"),
	BAD("S9", "offset-exponent", OFFSETS("[0,8e0]"), 8, "plain digits"),
	BAD("S9", "offset-small-exponent", OFFSETS("[0,80E-1]"), 8,
	    "plain digits"),
	BAD("S9", "offset-2-to-63", OFFSETS("[0,9223372036854775808]"), 8,
	    "2^63"),
	BAD("S9", "offset-2-to-64", OFFSETS("[0,18446744073709551624]"), 8,
	    "2^63"),
	BAD("S9", "offset-huge-exponent", OFFSETS("[0,1e999]"), 8,
	    "header byte"),
	BAD("S9", "offset-leading-zero", OFFSETS("[0,08]"), 8, "header byte"),
	BAD("S9", "offset-plus", OFFSETS("[0,+8]"), 8, "header byte"),
	BAD("S9", "offset-hex", OFFSETS("[0,0x8]"), 8, "header byte"),
	BAD("S9", "offset-nan", OFFSETS("[0,NaN]"), 8, "header byte"),
	BAD("S9", "offset-end-before-begin", OFFSETS("[8,0]"), 8,
	    "before it begins"),
	BAD("S9", "shape-negative", SHAPE("[-2]"), 8, "negative"),
	BAD("S9", "shape-fraction", SHAPE("[2.5]"), 8, "plain digits"),

	GOOD("S10", "not-in-data-order",
	     "{" ENTRY("b", "U8", "4", "8", "12") "," W "}", 12),
	GOOD("S10", "empty-tensors-between",
	     "{" ENTRY("z", "U8", "0", "8", "8") ","
	     ENTRY("y", "F32", "3,0", "0", "0") "," W ","
	     ENTRY("x", "U8", "1", "8", "9") ","
	     ENTRY("v", "U8", "0", "9", "9") "}", 9),
	BAD("S10", "first-offset-not-0",
	    "{" ENTRY("w", "F32", "2", "8", "16") "}", 16, "hole"),
	BAD("S10", "hole",
	    "{" W "," ENTRY("v", "U8", "1", "9", "10") "}", 10, "hole"),
	BAD("S10", "overlap",
	    "{" W "," ENTRY("v", "U8", "1", "7", "8") "}", 8, "overlap"),
	BAD("S10", "two-names-for-the-same-bytes",
	    "{" W "," ENTRY("v", "F32", "2", "0", "8") "}", 8, "overlap"),
	BAD("S10", "empty-tensor-inside-another",
	    "{" W "," ENTRY("v", "U8", "0", "4", "4") "}", 8, "overlap"),
	BAD("S10", "empty-tensor-behind-a-hole",
	    "{" W "," ENTRY("v", "U8", "0", "9", "9") "}", 9, "hole"),

	GOOD("S11", "scalar", "{" ENTRY("w", "F32", "", "0", "4") "}", 4),
	GOOD("S11", "scalar-with-space",
	     "{\"w\":{\"dtype\":\"U8\",\"shape\":[ ],\"data_offsets\":[0,1]}}",
	     1),
	GOOD("S11", "no-elements", "{" ENTRY("w", "F32", "0", "0", "0") "}",
	     0),
	BAD("S11", "size-too-small",
	    "{" ENTRY("w", "F32", "2,2", "0", "4") "}", 4,
	    "shape [2, 2] F32 needs 16 bytes, offsets give 4"),
	BAD("S11", "size-too-large", "{" ENTRY("w", "F16", "2", "0", "8") "}",
	    8, "needs 4 bytes, offsets give 8"),
	BAD("S11", "empty-shape-with-data",
	    "{" ENTRY("w", "F16", "0", "0", "8") "}", 8, "needs 0 bytes"),
	BAD("S11", "scalar-without-data",
	    "{" ENTRY("w", "F16", "", "0", "0") "}", 0, "needs 2 bytes"),

	BAD("S12", "product-overflows",
	    SHAPE("[4294967296,4294967296]"), 8, "overflow"),
	BAD("S12", "product-wraps-to-the-size",
	    SHAPE("[4611686018427387904,4,2]"), 8, "overflow"),
	BAD("S12", "bits-overflow", SHAPE("[2305843009213693952]"), 8,
	    "overflow"),
	BAD("S12", "largest-dim", SHAPE("[9223372036854775807]"), 8,
	    "overflow"),
	BAD("S12", "dim-2-to-63", SHAPE("[9223372036854775808]"), 8, "2^63"),

	GOOD("S13", "f4-whole", "{" ENTRY("w", "F4", "2,3", "0", "3") "}", 3),
	GOOD("S13", "f6-whole", "{" ENTRY("w", "F6_E2M3", "4", "0", "3") "}",
	     3),
	BAD("S13", "f4-half-a-byte", "{" ENTRY("w", "F4", "3", "0", "1") "}",
	    1, "do not end on a byte"),
	BAD("S13", "f6-part-of-a-byte",
	    "{" ENTRY("w", "F6_E3M2", "5", "0", "4") "}", 4,
	    "do not end on a byte"),

	BAD("S14", "one-byte-behind", "{" W "}", 9, "after the data"),
	BAD("S14", "bytes-behind-no-tensors", "{}", 1000, "after the data"),
	BAD("S14", "one-byte-short", "{" W "}", 7, "7 of 8 bytes"),
	BAD("S14", "no-data", "{" W "}", 0, "0 of 8 bytes"),
	BAD("S14", "second-tensor-cut",
	    "{" W "," ENTRY("second", "U8", "9", "8", "17") ","
	    ENTRY("third", "U8", "9", "17", "26") "}", 16, "second"),
	BAD("S14", "cut-between-tensors",
	    "{" W "," ENTRY("empty", "U8", "0", "8", "8") ","
	    ENTRY("second", "U8", "9", "8", "17") "}", 8, "second"),
	BAD("S14", "far-too-short",
	    "{" ENTRY("w", "U8", "9223372036854775807", "0",
		      "9223372036854775807") "}", 8, "overflow"),
	BAD("S14", "a-terabyte-short",
	    "{" ENTRY("w", "U8", "1099511627776", "0", "1099511627776") "}", 8,
	    "8 of 1099511627776 bytes"),

	BAD("S15", "tensor-named-metadata",
	    "{" ENTRY("__metadata__", "F32", "2", "0", "8") "}", 8,
	    "reserved"),
	GOOD("S15", "tensor-named-metadata-almost",
	     "{" ENTRY("__metadata_", "F32", "2", "0", "8") "}", 8),

	BAD("S16", "nested-shape", SHAPE("[[2]]"), 8, "nesting"),
	BAD("S16", "nested-field", DTYPE("{\"a\":{}}"), 8, "nesting"),
	BAD("S16", "nested-metadata", META("{\"k\":{\"l\":[]}}"), 8,
	    "nesting"),
	BAD("S16", "nested-4096-arrays", "{\"w\":" X4096("["), 8, "nesting"),
	BAD("S16", "nested-4096-objects", "{\"w\":" X4096("{\"a\":"), 8,
	    "nesting"),
	BAD("S16", "outer-4096-arrays", X4096("[") X4096("]"), 0,
	    "not a JSON object"),
	GOOD("S16", "brackets-in-strings",
	     "{" ENTRY("[[[{{{]}\\\"[[", "U8", "1", "0", "1")
	     ",\"__metadata__\":{\"{[\":\"[[[[\\\\\"}}", 1),

	GOOD("S17", "rank-8",
	     "{" ENTRY("w", "U8", "1,1,2,1,1,1,2,2", "0", "8") "}", 8),
	UNSUP("S17", "rank-9",
	      "{" ENTRY("w", "U8", "1,1,2,1,1,1,2,2,1", "0", "8") "}", 8,
	      "rank 9; the most is 8"),
	UNSUP("S17", "rank-4097",
	      "{" ENTRY("w", "U8", "8" X4096(",1"), "0", "8") "}", 8,
	      "rank 4097"),

	GOOD("S18", "name-of-64-KiB",
	     "{" ENTRY(X65536("n"), "U8", "1", "0", "1") "}", 1),
	GOOD("S18", "name-with-surrogate-pair",
	     "{" ENTRY("\\ud83e\\udd89", "U8", "1", "0", "1") "}", 1),
	GOOD("S18", "name-with-control",
	     "{" ENTRY("a\\u0001\\n\\u007f", "U8", "1", "0", "1") "}", 1),
	BAD("S18", "name-empty", "{" ENTRY("", "U8", "1", "0", "1") "}", 1,
	    "name of 0 bytes"),
	BAD("S18", "name-over-64-KiB",
	    "{" ENTRY(X65536("n") "n", "U8", "1", "0", "1") "}", 1,
	    "name of 65537 bytes"),
	BAD("S18", "name-with-nul",
	    "{" ENTRY("a\\u0000b", "U8", "1", "0", "1") "}", 1, "NUL"),
	BAD_RAW("S18", "name-with-raw-nul",
		"{" ENTRY("a\0b", "U8", "1", "0", "1") "}", 1, "header byte"),
	BAD("S18", "metadata-key-with-nul", META("{\"a\\u0000b\":\"\"}"), 8,
	    "NUL"),
	BAD("S18", "name-lone-high-surrogate",
	    "{" ENTRY("\\ud83e", "U8", "1", "0", "1") "}", 1, "header byte"),
	BAD("S18", "name-high-surrogate-and-letter",
	    "{" ENTRY("\\ud83e\\u0041", "U8", "1", "0", "1") "}", 1,
	    "header byte"),
	BAD("S18", "name-lone-low-surrogate",
	    "{" ENTRY("\\udd89", "U8", "1", "0", "1") "}", 1, "header byte"),

	/* 2^53 + 1 is no double: read as one it would be 2^53, and fit. */
	BAD("S19", "offset-no-double",
	    "{" ENTRY("w", "U8", "9007199254740992", "0",
		      "9007199254740993") "}", 8,
	    "needs 9007199254740992 bytes, offsets give 9007199254740993"),
	BAD("S19", "offset-largest",
	    "{" ENTRY("w", "U8", "1", "0", "9223372036854775807") "}", 1,
	    "offsets give 9223372036854775807"),
};

enum {
	N_CORPUS_SAFETENSORS =
		sizeof(corpus_safetensors) / sizeof(corpus_safetensors[0]),
};

#undef ENTRY
#undef DTYPE
#undef SHAPE
#undef OFFSETS
#undef W
#undef META
#undef X4
#undef X64
#undef X4096
#undef X65536
#undef GOOD
#undef BAD
#undef UNSUP
#undef BAD_RAW

/* The file of a case, malloc'd; its data counts 0, 1, 2 … NULL: no memory. */
static inline uint8_t *corpus_build(const struct corpus_case *c, size_t *len)
{
	size_t head_len = c->head_len ? c->head_len : strlen(c->head);
	size_t n = 8 + head_len + (size_t)c->data_len;
	uint8_t *file = malloc(n);

	if (!file)
		return NULL;
	put_le64(file, head_len + c->declared_add);
	memcpy(file + 8, c->head, head_len);
	for (size_t i = 8 + head_len; i < n; i++)
		file[i] = (uint8_t)(i - 8 - head_len);
	*len = n - c->drop;
	return file;
}

#endif
