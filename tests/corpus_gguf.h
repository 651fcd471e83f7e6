/*
 * corpus_gguf.h - GGUF files that must be refused, and beside each the ones
 * that must not: the rules Q1 to Q16 of formats/gguf.md.
 *
 * There is one good file, corpus_gguf_good(); a case puts other bytes into it
 * at places found by the names that stand there, or cuts it, or lengthens it.
 * word must stand in the error's sentence; good files have ret HVQZ_OK.
 */
#ifndef TESTS_CORPUS_GGUF_H
#define TESTS_CORPUS_GGUF_H

#include "base/buf.h"
#include "base/bytes.h"
#include "hvqz.h"

#include <string.h>

/* ---- the good file ---- */

static inline void corpus_text(struct buf *b, const char *s)
{
	buf_u64(b, strlen(s));
	buf_put(b, s, strlen(s));
}

static inline void corpus_key(struct buf *b, const char *key, uint32_t type)
{
	corpus_text(b, key);
	buf_u32(b, type);
}

static inline void corpus_array(struct buf *b, const char *key, uint32_t of,
				uint64_t n)
{
	corpus_key(b, key, 9);
	buf_u32(b, of);
	buf_u64(b, n);
}

static inline void corpus_info(struct buf *b, const char *name, uint32_t type,
			       uint64_t off, uint32_t rank, uint64_t ne0,
			       uint64_t ne1, uint64_t ne2, uint64_t ne3)
{
	const uint64_t ne[] = {ne0, ne1, ne2, ne3};

	corpus_text(b, name);
	buf_u32(b, rank);
	for (uint32_t i = 0; i < rank; i++)
		buf_u64(b, ne[i]);
	buf_u32(b, type);
	buf_u64(b, off);
}

static inline void corpus_zeros(struct buf *b, size_t to)
{
	while (b->len < to)
		buf_u8(b, 0);
}

/* Five tensors, with padding between them and 8 bytes of it at the end. */
static inline void corpus_gguf_good(struct buf *b)
{
	static const unsigned off[] = {0, 32, 64, 160, 192}, end[] = {
		24, 42, 136, 172, 216};
	size_t data;

	buf_clear(b);
	buf_put(b, "GGUF", 4);
	buf_u32(b, 3);
	buf_u64(b, 5);
	buf_u64(b, 10);
	corpus_key(b, "general.architecture", 8);
	corpus_text(b, "toy");
	corpus_key(b, "general.alignment", 4);
	buf_u32(b, 32);
	corpus_key(b, "a.flag", 7);
	buf_u8(b, 1);
	corpus_array(b, "a.ints", 4, 3);
	buf_u32(b, 1);
	buf_u32(b, 2);
	buf_u32(b, 3);
	corpus_array(b, "a.bools", 7, 2);
	buf_u8(b, 0);
	buf_u8(b, 1);
	corpus_array(b, "a.words", 8, 2);
	corpus_text(b, "one");
	corpus_text(b, "two");
	corpus_key(b, "a.double", 12);
	buf_u64(b, 0);
	corpus_key(b, "split.no", 2);
	buf_u16(b, 0);
	corpus_key(b, "split.count", 2);
	buf_u16(b, 1);
	corpus_key(b, "split.tensors.count", 5);
	buf_u32(b, 5);
	corpus_info(b, "t.f32", 0, off[0], 2, 3, 2, 1, 1);
	corpus_info(b, "t.f16", 1, off[1], 1, 5, 1, 1, 1);
	corpus_info(b, "t.q4_0", 2, off[2], 2, 64, 2, 1, 1);
	corpus_info(b, "t.i8", 24, off[3], 4, 1, 2, 3, 2);
	corpus_info(b, "t.bf16", 30, off[4], 2, 4, 3, 1, 1);
	corpus_zeros(b, (b->len + 31) / 32 * 32);
	data = b->len;
	for (unsigned i = 0; i < 5; i++) {
		corpus_zeros(b, data + off[i]);
		while (b->len < data + end[i])
			buf_u8(b, (uint8_t)(b->len * 7 + i));
	}
	corpus_zeros(b, data + 224);
}

/* ---- the cases ---- */

struct corpus_case {
	const char *rule, *name;
	enum hvqz_ret ret;
	const char *word;
	/*
	 * The size little-endian bytes that stand `off` behind the name `at`
	 * (from the end of the file if NULL, from its start if "").
	 */
	struct corpus_put {
		const char *at;
		int off, size;
		uint64_t value;
	} put[3];
	int extra;		/* bytes added, or cut off, at the end */
	uint8_t fill;		/* what is added */
};

#define PUT(...) {__VA_ARGS__}
#define GOOD(rule, name, ...) \
	{rule, name, HVQZ_OK, "", {__VA_ARGS__}, 0, 0}
#define BAD(rule, name, word, ...) \
	{rule, name, HVQZ_DAMAGED, word, {__VA_ARGS__}, 0, 0}
#define UNSUP(rule, name, word, ...) \
	{rule, name, HVQZ_UNSUPPORTED, word, {__VA_ARGS__}, 0, 0}

static const struct corpus_case corpus_gguf[] = {
	{"Q1", "good", HVQZ_OK, "", {PUT("", 0, 0, 0)}, 0, 0},
	BAD("Q1", "magic", "magic", PUT("", 3, 1, 'X')),
	GOOD("Q2", "version-2", PUT("", 4, 4, 2)),
	BAD("Q2", "version-0", "version 0", PUT("", 4, 4, 0)),
	UNSUP("Q2", "version-1", "version 1", PUT("", 4, 4, 1)),
	UNSUP("Q2", "version-4", "version 4", PUT("", 4, 4, 4)),
	UNSUP("Q2", "swapped", "swapped", PUT("", 4, 4, 3u << 24)),
	BAD("Q3", "tensors-2-to-62", "announces",
	    PUT("", 8, 8, (uint64_t)1 << 62)),
	BAD("Q3", "tensors-6", "", PUT("", 8, 8, 6)),
	BAD("Q3", "tensors-4", "", PUT("", 8, 8, 4)),
	BAD("Q3", "keys-2-to-64", "announces", PUT("", 16, 8, UINT64_MAX)),
	BAD("Q3", "keys-11", "", PUT("", 16, 8, 11)),
	BAD("Q3", "keys-9", "", PUT("", 16, 8, 9)),
	BAD("Q4", "key-2-to-63", "length",
	    PUT("general.arch", -20, 8, (uint64_t)1 << 63)),
	BAD("Q4", "string-10000", "", PUT("toy", -11, 8, 10000)),
	BAD("Q4", "string-2-to-27", "length", PUT("toy", -11, 8, 1 << 27)),
	BAD("Q4", "tensor-name-2-to-40", "length",
	    PUT("t.f32", -13, 8, (uint64_t)1 << 40)),
	BAD("Q5", "array-2-to-63", "array",
	    PUT("a.ints", 8, 8, (uint64_t)1 << 63)),
	BAD("Q5", "array-wraps", "array",
	    PUT("a.ints", 8, 8, (uint64_t)1 << 62)),
	BAD("Q5", "array-of-many-strings", "",
	    PUT("a.words", 8, 8, (uint64_t)1 << 61)),
	BAD("Q5", "string-in-array", "length",
	    PUT("one", -11, 8, (uint64_t)1 << 60)),
	UNSUP("Q6", "array-of-arrays", "array of arrays",
	      PUT("a.ints", 4, 4, 9)),
	GOOD("Q7", "false", PUT("a.flag", 4, 1, 0)),
	BAD("Q7", "bool-2", "bool", PUT("a.flag", 4, 1, 2)),
	BAD("Q7", "array-with-bool-255", "bool", PUT("a.bools", 16, 1, 255)),
	BAD("Q7", "type-13", "unknown type", PUT("a.flag", 0, 4, 13)),
	BAD("Q7", "array-type-13", "unknown type", PUT("a.ints", 4, 4, 13)),
	BAD("Q8", "empty-key", "key of 0", PUT("a.flag", -14, 8, 0)),
	BAD("Q8", "duplicate-key", "duplicate", PUT("a.ints", -6, 6,
						    0x67616c662e61u)),
	BAD("Q9", "alignment-type", "type", PUT("alignment", 0, 4, 5)),
	BAD("Q9", "alignment-0", "alignment", PUT("alignment", 4, 4, 0)),
	BAD("Q9", "alignment-48", "alignment", PUT("alignment", 4, 4, 48)),
	BAD("Q9", "alignment-2-to-21", "alignment",
	    PUT("alignment", 4, 4, 1 << 21)),
	BAD("Q9", "alignment-64", "offset", PUT("alignment", 4, 4, 64)),
	BAD("Q10", "dims-5", "dimensions", PUT("t.f32", 0, 4, 5)),
	BAD("Q10", "dims-0", "dimensions", PUT("t.f32", 0, 4, 0)),
	BAD("Q11", "dim-0", "dimension", PUT("t.f32", 4, 8, 0)),
	BAD("Q11", "dim-negative", "dimension",
	    PUT("t.f32", 12, 8, UINT64_MAX)),
	BAD("Q11", "product-over-64-bits", "overflow",
	    PUT("t.f32", 4, 8, (uint64_t)1 << 33),
	    PUT("t.f32", 12, 8, (uint64_t)1 << 33)),
	BAD("Q11", "size-over-63-bits", "overflow",
	    PUT("t.f32", 4, 8, (uint64_t)1 << 61)),
	BAD("Q11", "rows-of-half-blocks", "blocks",
	    PUT("t.q4_0", 4, 8, 48)),
	UNSUP("Q12", "removed-type", "Q4_2", PUT("t.q4_0", 20, 4, 4)),
	UNSUP("Q12", "removed-type-31", "Q4_0_4_4", PUT("t.q4_0", 20, 4, 31)),
	UNSUP("Q12", "type-42", "type 42", PUT("t.f32", 20, 4, 42)),
	UNSUP("Q12", "type-2-to-32", "none that we know",
	      PUT("t.f32", 20, 4, UINT32_MAX)),
	GOOD("Q12", "iq4-nl-is-as-large", PUT("t.q4_0", 20, 4, 20)),
	GOOD("Q12", "i32-is-as-large", PUT("t.f32", 20, 4, 26)),
	BAD("Q13", "duplicate-tensor", "duplicate",
	    PUT("t.f16", -2, 2, 0x3233)),
	BAD("Q13", "nul-in-name", "NUL", PUT("t.f32", -1, 1, 0)),
	BAD("Q14", "offset-unaligned", "offset", PUT("t.f16", 12 + 4, 8, 24)),
	BAD("Q14", "offset-too-far", "offset", PUT("t.f16", 12 + 4, 8, 64)),
	BAD("Q14", "offset-outside", "offset",
	    PUT("t.f16", 12 + 4, 8, (uint64_t)1 << 40)),
	BAD("Q14", "first-offset-32", "offset", PUT("t.f32", 24, 8, 32)),
	BAD("Q15", "padding-not-0", "padding", PUT(NULL, -224 + 24, 1, 1)),
	BAD("Q15", "padding-not-0-at-its-end", "padding",
	    PUT(NULL, -224 + 63, 1, 128)),
	{"Q15", "last-padding-absent", HVQZ_OK, "", {{0}}, -8, 0},
	{"Q15", "last-padding-short", HVQZ_OK, "", {{0}}, -3, 0},
	{"Q15", "data-short", HVQZ_DAMAGED, "truncated", {{0}}, -9, 0},
	{"Q15", "data-cut-in-padding", HVQZ_DAMAGED, "truncated", {{0}},
	 -40, 0},
	{"Q15", "no-data", HVQZ_DAMAGED, "truncated", {{0}}, -224, 0},
	{"Q15", "zero-behind", HVQZ_DAMAGED, "after the data", {{0}}, 1, 0},
	{"Q15", "byte-behind", HVQZ_DAMAGED, "after the data", {{0}}, 1, 1},
	{"Q15", "bytes-for-padding", HVQZ_DAMAGED, "after the data",
	 {PUT(NULL, -1, 1, 1)}, 0, 0},
	GOOD("Q16", "count-0", PUT("split.count", 4, 2, 0)),
	UNSUP("Q16", "first-of-3", "1 of 3", PUT("split.count", 4, 2, 3),
	      PUT("split.tensors.count", 4, 4, 9)),
	UNSUP("Q16", "second-of-3", "2 of 3", PUT("split.count", 4, 2, 3),
	      PUT("split.no", 4, 2, 1)),
	BAD("Q16", "no-beyond-count", "split.no", PUT("split.no", 4, 2, 1)),
	BAD("Q16", "tensors-fewer", "split.tensors.count",
	    PUT("split.tensors.count", 4, 4, 4)),
	BAD("Q16", "tensors-negative", "split.tensors.count",
	    PUT("split.tensors.count", 4, 4, UINT32_MAX)),
	BAD("Q16", "tensors-fewer-than-here", "split.tensors.count",
	    PUT("split.count", 4, 2, 2), PUT("split.tensors.count", 4, 4, 4)),
	BAD("Q16", "count-type", "type", PUT("split.count", 0, 4, 3)),
	BAD("Q16", "no-without-count", "without",
	    PUT("split.count", -1, 1, 'X')),
};

enum { N_CORPUS_GGUF = sizeof(corpus_gguf) / sizeof(corpus_gguf[0]) };

/* The place behind the name, which stands in the file once. */
static inline size_t corpus_place(const struct buf *b, const char *at)
{
	size_t n = at ? strlen(at) : 0;

	if (!n)
		return at ? 0 : b->len;
	for (size_t i = 0; i + n <= b->len; i++)
		if (!memcmp(b->p + i, at, n))
			return i + n;
	return SIZE_MAX;
}

/* The file of case c, to b (cleared first). */
static inline void corpus_gguf_make(const struct corpus_case *c, struct buf *b)
{
	size_t at[3];

	corpus_gguf_good(b);
	for (int i = 0; i < 3; i++)
		at[i] = corpus_place(b, c->put[i].at) + (size_t)c->put[i].off;
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < c->put[i].size; j++)
			b->p[at[i] + (size_t)j] =
				(uint8_t)(c->put[i].value >> 8 * j);
	if (c->extra < 0)
		b->len -= (size_t)-c->extra;
	for (int i = 0; i < c->extra; i++)
		buf_u8(b, c->fill);
}

#endif
