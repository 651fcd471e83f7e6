/*
 * corpus_sidecar.h - good and bad sidecars, each a small edit of a good one.
 *
 * For check_sidecar.c, and as seeds for fuzzing: every row names the rule of
 * HOSTILE it is about, what reading it must return, and a word of the error.
 * Rows that return HVQZ_OK are the good neighbours of the bad ones.
 */
#ifndef TESTS_CORPUS_SIDECAR_H
#define TESTS_CORPUS_SIDECAR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "hvqz.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum corpus_kind { CORPUS_DAT, CORPUS_GGUF, CORPUS_OURS };

struct sidecar_case {
	const char *name;
	enum corpus_kind kind;
	enum hvqz_ret ret;
	const char *word;	/* in the error, or NULL */

	/*
	 * The edit: `width` bytes of value, or text, `delta` bytes behind the
	 * first `mark` in the file ("" is its start, NULL its end); then
	 * `extra` bytes more (or, negative, fewer) at the end.
	 */
	const char *mark;
	int delta;
	int width;
	uint64_t value;
	const char *text;
	int extra;

	/* CORPUS_OURS: the head's tensors, and the metadata when not usual. */
	const char *tensors, *metadata;
	int half;		/* the data is F16 ones */
};

#define F32_NAN 0x7fc00000u
#define F32_INF 0x7f800000u
#define F32_ONE 0x3f800000u
#define F32_NEG 0xbf800000u

/* ---- the good .dat ---- */

static const char *const corpus_weights[] = {
	"blk.0.attn_q.weight", "blk.0.attn_k.weight", "output.weight",
	"blk.0.ffn_up_exps.weight",
};
enum { CORPUS_N_WEIGHTS = 4, CORPUS_CALLS = 2, CORPUS_IN = 4 };

static inline float corpus_value(int weight, int j)
{
	return (float)(weight * 3 + j * 5) * 0.25f;
}

static inline void corpus_dat(struct buf *b)
{
	buf_u32(b, CORPUS_N_WEIGHTS);
	for (int w = 0; w < CORPUS_N_WEIGHTS; w++) {
		int n = w == 3 ? 2 * CORPUS_IN : CORPUS_IN;

		buf_u32(b, (uint32_t)strlen(corpus_weights[w]));
		buf_put(b, corpus_weights[w], strlen(corpus_weights[w]));
		buf_u32(b, CORPUS_CALLS);
		buf_u32(b, (uint32_t)n);
		for (int j = 0; j < n; j++)
			buf_f32(b, CORPUS_CALLS * corpus_value(w, j));
	}
	buf_u32(b, 3);
	buf_u32(b, 4);
	buf_put(b, "text", 4);
}

/* ---- the good GGUF ---- */

static inline void corpus_string(struct buf *b, const char *s)
{
	buf_u64(b, strlen(s));
	buf_put(b, s, strlen(s));
}

static inline void corpus_key(struct buf *b, const char *key, uint32_t type)
{
	corpus_string(b, key);
	buf_u32(b, type);
}

static inline void corpus_info(struct buf *b, const char *weight,
			       const char *suffix, int n, int n_mats,
			       uint64_t off)
{
	char name[80];

	snprintf(name, sizeof(name), "%s%s", weight, suffix);
	corpus_string(b, name);
	buf_u32(b, n_mats > 1 ? 2 : 1);
	buf_u64(b, (uint64_t)n);
	if (n_mats > 1)
		buf_u64(b, (uint64_t)n_mats);
	buf_u32(b, 0);
	buf_u64(b, off);
}

static inline void corpus_pad(struct buf *b)
{
	while (b->len % 32)
		buf_u8(b, 0);
}

/* Every tensor takes 32 bytes, so the data is the last 8 × 32 of the file. */
static inline void corpus_gguf(struct buf *b)
{
	buf_put(b, "GGUF", 4);
	buf_u32(b, 3);
	buf_u64(b, 2 * CORPUS_N_WEIGHTS);
	buf_u64(b, 8);
	corpus_key(b, "general.type", 8);
	corpus_string(b, "imatrix");
	corpus_key(b, "general.alignment", 4);
	buf_u32(b, 32);
	corpus_key(b, "imatrix.datasets", 9);
	buf_u32(b, 8);
	buf_u64(b, 2);
	corpus_string(b, "text");
	corpus_string(b, "more");
	corpus_key(b, "imatrix.chunk_count", 4);
	buf_u32(b, 3);
	corpus_key(b, "imatrix.chunk_size", 4);
	buf_u32(b, 8);
	corpus_key(b, "test.flag", 7);
	buf_u8(b, 1);
	corpus_key(b, "test.key_a", 9);
	buf_u32(b, 0);
	buf_u64(b, 2);
	buf_u16(b, 0x101);
	corpus_key(b, "test.key_b", 9);
	buf_u32(b, 2);
	buf_u64(b, 1);
	buf_u16(b, 7);
	for (int w = 0; w < CORPUS_N_WEIGHTS; w++) {
		int n = w == 3 ? 2 : 1;

		corpus_info(b, corpus_weights[w], ".in_sum2", CORPUS_IN, n,
			    64 * (uint64_t)w);
		corpus_info(b, corpus_weights[w], ".counts", 1, n,
			    64 * (uint64_t)w + 32);
	}
	corpus_pad(b);
	for (int w = 0; w < CORPUS_N_WEIGHTS; w++) {
		int n = w == 3 ? 2 : 1;

		for (int j = 0; j < n * CORPUS_IN; j++)
			buf_f32(b, 7 * corpus_value(w, j));
		corpus_pad(b);
		for (int j = 0; j < n; j++)
			buf_f32(b, 7);
		corpus_pad(b);
	}
}

/* ---- ours ---- */

/* One tensor's entry in the head. */
#define T(name, dtype, shape, from, to)                                      \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape             \
	",\"data_offsets\":[" #from "," #to "]}"
#define DIAG4 T("w.hessian_diag", "F32", "[4]", 0, 16)
#define FULL2 T("w.hessian", "F16", "[2,2]", 0, 8)
#define SCALE2 T("w.hessian_scale", "F32", "[2]", 8, 16)
#define DIAG3 T("w.hessian_diag", "F32", "[3]", 0, 12)
#define BLOCKS(shape, from, to) \
	T("w.hessian_blocks", "F16", shape, from, to)

/*
 * The data is F32 ones, which as F16 read 0, 1.875, 0, 1.875 …; or, with half,
 * F16 ones, which as F32 are small.
 */
static inline void corpus_ours(struct buf *b, const char *metadata,
			       const char *tensors, int half)
{
	uint32_t word = half ? 0x3c003c00 : F32_ONE;
	char head[2048];
	const char *p = tensors;
	unsigned long end = 0;

	if (!metadata)
		metadata = "\"hvqz.sidecar\":\"1\",\"tokens\":\"12\","
			"\"calibration\":\"a text\"";
	snprintf(head, sizeof(head), "{\"__metadata__\":{%s}%s%s}", metadata,
		 *tensors ? "," : "", tensors);
	buf_u64(b, strlen(head));
	buf_put(b, head, strlen(head));
	/* The tensors stand in data order: the last one says the length. */
	while ((p = strstr(p, "offsets\":["))) {
		p += 10;
		sscanf(p, "%*u,%lu", &end);
	}
	for (unsigned long i = 0; i < end; i++)
		buf_u8(b, (uint8_t)(word >> i % 4 * 8));
}

static inline void corpus_sidecar_build(const struct sidecar_case *c,
					struct buf *b)
{
	size_t at = 0, n = c->mark ? strlen(c->mark) : 0;

	if (c->kind == CORPUS_DAT)
		corpus_dat(b);
	else if (c->kind == CORPUS_GGUF)
		corpus_gguf(b);
	else
		corpus_ours(b, c->metadata, c->tensors, c->half);
	if (!c->mark)
		at = b->len;
	while (c->mark && memcmp(b->p + at, c->mark, n))
		at++;
	at += n + (size_t)(ptrdiff_t)c->delta;
	if (c->text)
		memcpy(b->p + at, c->text, strlen(c->text));
	for (int i = 0; i < c->width; i++)
		b->p[at + (size_t)i] = (uint8_t)(c->value >> 8 * i);
	for (int i = 0; i < c->extra; i++)
		buf_u8(b, 0);
	if (c->extra < 0)
		b->len -= (size_t)-c->extra;
}

/* What the rows say: at MARK + DELTA stands the number VALUE. */
#define PUT(m, d, w, v) .mark = m, .delta = d, .width = w, .value = v
#define TEXT(m, d, t) .mark = m, .delta = d, .text = t
#define DAT(n, r, w, ...) {n, CORPUS_DAT, HVQZ_##r, w, __VA_ARGS__}
#define GGUF(n, r, w, ...) {n, CORPUS_GGUF, HVQZ_##r, w, __VA_ARGS__}
#define OURS(n, r, w, t, ...) \
	{n, CORPUS_OURS, HVQZ_##r, w, .tensors = t, __VA_ARGS__}

#define HALF(n, r, w, t, ...) OURS(n, r, w, t, .half = 1, __VA_ARGS__)
/* Three channels in blocks of 2; the last block's 1 and what is behind it. */
#define BLOCKS3 BLOCKS("[2,2,2]", 12, 28)
#define PAD3(v) PUT(NULL, -8, 8, 0x3c00 | (v))

#define Q "blk.0.attn_q.weight"
#define K "blk.0.attn_k.weight"
#define Q_SUMS Q ".in_sum2"
#define EXPS "blk.0.ffn_up_exps.weight"

static const struct sidecar_case sidecar_cases[] = {
	DAT("M1 good", OK, NULL, .extra = 0),
	DAT("M1 good: no trailing text", OK, NULL, .extra = -12),
	DAT("M1 entries -1", DAMAGED, "entries", PUT("", 0, 4, -1)),
	DAT("M1 entries 0", DAMAGED, "entries", PUT("", 0, 4, 0)),
	DAT("M1 entries 2^30", DAMAGED, "entries", PUT("", 0, 4, 1 << 30)),
	DAT("M1 entries one more", DAMAGED, "truncated", PUT("", 0, 4, 5),
	    .extra = -12),
	DAT("M1 entries one less", DAMAGED, "needs", PUT("", 0, 4, 3)),
	DAT("M1 name -1", DAMAGED, "name", PUT(Q, -23, 4, -1)),
	/* (In the first entry it would look like a safetensors length.) */
	DAT("M1 name 0", DAMAGED, "name", PUT(K, -23, 4, 0)),
	DAT("M1 name 2^30", DAMAGED, "name", PUT(Q, -23, 4, 1 << 30)),
	DAT("M1 name with NUL", DAMAGED, "NUL", PUT(Q, -1, 1, 0)),
	DAT("M1 values -1", DAMAGED, "values", PUT(Q, 4, 4, -1)),
	DAT("M1 values 0", DAMAGED, "values", PUT(Q, 4, 4, 0)),
	DAT("M1 values 2^30", DAMAGED, "values", PUT(Q, 4, 4, 1 << 30)),
	DAT("M1 chunks -1", DAMAGED, "chunks", PUT("text", -12, 4, -1)),
	DAT("M1 text -1", DAMAGED, "text", PUT("text", -8, 4, -1)),
	DAT("M1 text 5", DAMAGED, "text", PUT("text", -8, 4, 5)),
	DAT("M1 text 3", DAMAGED, "after the end", PUT("text", -8, 4, 3)),
	DAT("M1 good: no text name", OK, NULL, PUT("text", -8, 4, 0),
	    .extra = -4),
	DAT("M1 a byte more", DAMAGED, "after the end", .extra = 1),
	DAT("M3 good: a zero", OK, NULL, PUT(Q, 8, 4, 0)),
	DAT("M3 NaN", DAMAGED, "finite", PUT(Q, 8, 4, F32_NAN)),
	DAT("M3 infinite", DAMAGED, "finite", PUT(Q, 12, 4, F32_INF)),
	DAT("M3 negative", DAMAGED, "negative", PUT(Q, 16, 4, F32_NEG)),
	DAT("M3 NaN for experts", DAMAGED, "finite",
	    PUT(EXPS, 8, 4, F32_NAN)),
	DAT("M3 calls 0", DAMAGED, "calls", PUT(Q, 0, 4, 0)),
	DAT("M3 calls -1", DAMAGED, "calls", PUT(Q, 0, 4, -1)),
	DAT("duplicate", DAMAGED, "duplicate", TEXT(Q, -8, "k")),

	GGUF("Q good", OK, NULL, .extra = 0),
	GGUF("Q1 magic", UNSUPPORTED, "neither", TEXT("", 0, "GGUX")),
	GGUF("Q2 good: version 2", OK, NULL, PUT("", 4, 4, 2)),
	GGUF("Q2 version 0", DAMAGED, "version 0", PUT("", 4, 4, 0)),
	GGUF("Q2 version 1", UNSUPPORTED, "version 1", PUT("", 4, 4, 1)),
	GGUF("Q2 version 4", UNSUPPORTED, "version 4", PUT("", 4, 4, 4)),
	GGUF("Q2 swapped", UNSUPPORTED, "swapped",
	     PUT("", 4, 4, 0x3000000)),
	GGUF("Q3 no tensors", DAMAGED, "without", PUT("", 8, 8, 0)),
	GGUF("Q3 tensors 2^62", DAMAGED, "announces",
	     PUT("", 8, 8, (uint64_t)1 << 62)),
	GGUF("Q3 tensors 1000", DAMAGED, "announces", PUT("", 8, 8, 1000)),
	GGUF("Q3 keys 2^64-1", DAMAGED, "announces",
	     PUT("", 16, 8, UINT64_MAX)),
	GGUF("Q3 keys 200", DAMAGED, "announces", PUT("", 16, 8, 200)),
	GGUF("Q4 key 2^63", DAMAGED, "length",
	     PUT("", 24, 8, (uint64_t)1 << 63)),
	GGUF("Q4 string 10000", DAMAGED, "length",
	     PUT("general.type", 4, 8, 10000)),
	GGUF("Q4 tensor name 10000", DAMAGED, "length",
	     PUT(Q_SUMS, -35, 8, 10000)),
	GGUF("Q5 array 2^63 of 2", DAMAGED, "array",
	     PUT("key_b", 8, 8, (uint64_t)1 << 63)),
	GGUF("Q5 array 10000", DAMAGED, "array",
	     PUT("key_a", 8, 8, 10000)),
	GGUF("Q5 strings 200", DAMAGED, "array",
	     PUT("imatrix.datasets", 8, 8, 200)),
	GGUF("Q6 array of arrays", UNSUPPORTED, "array of arrays",
	     PUT("key_a", 4, 4, 9)),
	GGUF("Q7 type 13", DAMAGED, "unknown type", PUT("flag", 0, 4, 13)),
	GGUF("Q7 array type 13", DAMAGED, "unknown type",
	     PUT("key_a", 4, 4, 13)),
	GGUF("Q7 good: false", OK, NULL, PUT("flag", 4, 1, 0)),
	GGUF("Q7 bool 2", DAMAGED, "bool", PUT("flag", 4, 1, 2)),
	GGUF("Q7 good: array of bools", OK, NULL, PUT("key_a", 4, 4, 7)),
	GGUF("Q7 array with bool 2", DAMAGED, "bool",
	     PUT("key_b", 4, 4, 7)),
	GGUF("Q8 empty key", DAMAGED, "key of 0",
	     PUT("", 24, 8, 0)),
	GGUF("Q8 duplicate key", DAMAGED, "duplicate",
	     TEXT("key_b", -1, "a")),
	GGUF("Q9 good: alignment 32", OK, NULL,
	     PUT("alignment", 4, 4, 32)),
	GGUF("Q9 type", DAMAGED, "type", PUT("alignment", 0, 4, 5)),
	GGUF("Q9 alignment 0", DAMAGED, "alignment",
	     PUT("alignment", 4, 4, 0)),
	GGUF("Q9 alignment 48", DAMAGED, "alignment",
	     PUT("alignment", 4, 4, 48)),
	GGUF("Q9 alignment 2^21", DAMAGED, "alignment",
	     PUT("alignment", 4, 4, 1 << 21)),
	GGUF("Q9 alignment 64 makes offsets wrong", DAMAGED, "offset",
	     PUT("alignment", 4, 4, 64)),
	GGUF("Q10 dims 5", DAMAGED, "dimensions", PUT(Q_SUMS, 0, 4, 5)),
	GGUF("Q10 dims 0", DAMAGED, "dimensions", PUT(Q_SUMS, 0, 4, 0)),
	GGUF("Q11 dim 0", DAMAGED, "dimension", PUT(Q_SUMS, 4, 8, 0)),
	GGUF("Q11 dim -1", DAMAGED, "dimension",
	     PUT(Q_SUMS, 4, 8, UINT64_MAX)),
	GGUF("Q11 size over 63 bits", DAMAGED, "overflow",
	     PUT(Q_SUMS, 4, 8, (uint64_t)1 << 62)),
	GGUF("Q11 product over 64 bits", DAMAGED, "overflow",
	     PUT(EXPS ".in_sum2", 4, 8, INT64_MAX)),
	GGUF("Q12 F16", UNSUPPORTED, "type 1", PUT(Q_SUMS, 12, 4, 1)),
	GGUF("Q12 removed type", UNSUPPORTED, "type 4",
	     PUT(Q_SUMS, 12, 4, 4)),
	GGUF("Q13 duplicate tensor", DAMAGED, "duplicate",
	     TEXT(Q_SUMS, -16, "k")),
	GGUF("Q13 NUL in a name", DAMAGED, "NUL", PUT(Q_SUMS, -1, 1, 0)),
	GGUF("Q14 offset 4", DAMAGED, "offset", PUT(Q_SUMS, 16, 8, 4)),
	GGUF("Q14 offset not the sum", DAMAGED, "offset",
	     PUT(Q ".counts", 16, 8, 64)),
	GGUF("Q14 outside", DAMAGED, "offset",
	     PUT(Q ".counts", 16, 8, (uint64_t)1 << 40)),
	GGUF("Q15 good: last padding absent", OK, NULL, .extra = -24),
	GGUF("Q15 short", DAMAGED, "truncated", .extra = -25),
	GGUF("Q15 long", DAMAGED, "after the data", .extra = 1),
	GGUF("a model", UNSUPPORTED, "not an imatrix",
	     TEXT("general.type", 12, "a model")),
	GGUF("no general.type", UNSUPPORTED, "not an imatrix",
	     TEXT("general.type", -4, "kind")),
	/* Its bytes, 64 of them, are then the next key's length. */
	GGUF("general.type of another type", DAMAGED, "length",
	     PUT("general.type", 0, 4, 4)),
	GGUF("chunk_count of another type", DAMAGED, "type",
	     PUT("chunk_count", 0, 4, 6)),
	GGUF("datasets of another type", DAMAGED, "length",
	     PUT("datasets", 4, 4, 0)),
	GGUF("NUL in a text's name", DAMAGED, "NUL",
	     PUT("datasets", 25, 1, 0)),
	GGUF("M3 good: a zero", OK, NULL, PUT(NULL, -256, 4, 0)),
	GGUF("M3 NaN", DAMAGED, "finite", PUT(NULL, -256, 4, F32_NAN)),
	GGUF("M3 infinite", DAMAGED, "finite", PUT(NULL, -244, 4, F32_INF)),
	GGUF("M3 negative", DAMAGED, "negative",
	     PUT(NULL, -248, 4, F32_NEG)),
	GGUF("M3 NaN for experts", DAMAGED, "finite",
	     PUT(NULL, -64, 4, F32_NAN)),
	GGUF("M3 NaN count for experts", DAMAGED, "count",
	     PUT(NULL, -28, 4, F32_NAN)),
	GGUF("M3 good: an expert without tokens", OK, NULL,
	     PUT(NULL, -28, 4, 0)),
	GGUF("M3 count 0", DAMAGED, "count", PUT(NULL, -224, 4, 0)),
	GGUF("M3 count -1", DAMAGED, "count", PUT(NULL, -224, 4, F32_NEG)),
	GGUF("M3 count NaN", DAMAGED, "count", PUT(NULL, -224, 4, F32_NAN)),
	GGUF("M3 count infinite", DAMAGED, "count",
	     PUT(NULL, -224, 4, F32_INF)),
	GGUF("M3 count so small that the mean overflows", DAMAGED, "finite",
	     PUT(NULL, -224, 4, 1)),
	GGUF("M4 sums without counts", DAMAGED, "without .counts",
	     TEXT(Q ".counts", -1, "z")),
	GGUF("M4 counts without sums", DAMAGED, "without .in_sum2",
	     TEXT(Q_SUMS, -1, "3")),
	GGUF("M4 three counts for two rows", DAMAGED, "3 counts",
	     PUT(EXPS ".counts", 12, 8, 3)),

	OURS("good: diagonal", OK, NULL, DIAG4, .extra = 0),
	OURS("good: empty", OK, NULL, "", .extra = 0),
	OURS("good: all fields", OK, NULL,
	     DIAG4 "," T("w.row_sens", "F32", "[3]", 16, 28) ","
	     T("w.curvature", "F32", "[1]", 28, 32) ","
	     T("w.hessian_axis", "U8", "[1]", 32, 33),
	     PUT(NULL, -1, 1, 0)),
	OURS("good: full F32", OK, NULL,
	     T("w.hessian", "F32", "[2,2]", 0, 16), .extra = 0),
	OURS("good: full F16", OK, NULL, FULL2 "," SCALE2, .extra = 0),
	OURS("good: a field we do not know", OK, NULL,
	     DIAG4 "," T("w.other", "I64", "[2]", 16, 32), .extra = 0),
	OURS("good: only a field we do not know", OK, NULL,
	     T("w.other", "I64", "[2]", 0, 16), .extra = 0),
	OURS("a model", UNSUPPORTED, "model", DIAG4, .extra = 0,
	     .metadata = "\"format\":\"pt\""),
	OURS("version 2", UNSUPPORTED, "version 2", DIAG4, .extra = 0,
	     .metadata = "\"hvqz.sidecar\":\"2\""),
	OURS("tokens no number", DAMAGED, "tokens", DIAG4, .extra = 0,
	     .metadata = "\"hvqz.sidecar\":\"1\",\"tokens\":\"-1\""),
	OURS("tokens over 2^64", DAMAGED, "tokens", DIAG4, .extra = 0,
	     .metadata = "\"hvqz.sidecar\":\"1\","
			 "\"tokens\":\"99999999999999999999\""),
	OURS("no head", DAMAGED, "", DIAG4, PUT("", 0, 8, 1 << 30)),
	OURS("short", DAMAGED, "", DIAG4, .extra = -1),
	OURS("long", DAMAGED, "", DIAG4, .extra = 1),
	OURS("diagonal of F16", DAMAGED, "dtype",
	     T("w.hessian_diag", "F16", "[4]", 0, 8), .extra = 0),
	OURS("diagonal of rank 2", DAMAGED, "shape",
	     T("w.hessian_diag", "F32", "[2,2]", 0, 16), .extra = 0),
	OURS("diagonal of nothing", DAMAGED, "shape",
	     T("w.hessian_diag", "F32", "[0]", 0, 0), .extra = 0),
	OURS("M3 NaN", DAMAGED, "finite", DIAG4,
	     PUT(NULL, -4, 4, F32_NAN)),
	OURS("M3 infinite", DAMAGED, "finite", DIAG4,
	     PUT(NULL, -4, 4, F32_INF)),
	OURS("M3 negative", DAMAGED, "negative", DIAG4,
	     PUT(NULL, -4, 4, F32_NEG)),
	OURS("M3 good: a zero", OK, NULL, DIAG4, PUT(NULL, -4, 4, 0)),
	OURS("M3 good: negative beside the diagonal", OK, NULL,
	     T("w.hessian", "F32", "[2,2]", 0, 16),
	     PUT(NULL, -12, 4, F32_NEG)),
	OURS("M3 negative on the diagonal", DAMAGED, "negative",
	     T("w.hessian", "F32", "[2,2]", 0, 16),
	     PUT(NULL, -4, 4, F32_NEG)),
	OURS("M3 NaN beside the diagonal", DAMAGED, "finite",
	     T("w.hessian", "F32", "[2,2]", 0, 16),
	     PUT(NULL, -8, 4, F32_NAN)),
	OURS("M3 infinite correlation", DAMAGED, "finite",
	     FULL2 "," SCALE2, PUT(NULL, -14, 2, 0x7c00)),
	OURS("M3 negative scale", DAMAGED, "negative",
	     FULL2 "," SCALE2, PUT(NULL, -4, 4, F32_NEG)),
	OURS("M3 scale whose square overflows", DAMAGED, "finite",
	     FULL2 "," SCALE2, PUT(NULL, -4, 4, 0x7f000000)),
	OURS("M3 row_sens negative", DAMAGED, "negative",
	     DIAG4 "," T("w.row_sens", "F32", "[3]", 16, 28),
	     PUT(NULL, -4, 4, F32_NEG)),
	OURS("M3 curvature NaN", DAMAGED, "finite",
	     DIAG4 "," T("w.curvature", "F32", "[1]", 16, 20),
	     PUT(NULL, -4, 4, F32_NAN)),
	OURS("curvature of two", DAMAGED, "shape",
	     DIAG4 "," T("w.curvature", "F32", "[2]", 16, 24), .extra = 0),
	OURS("axis 2", DAMAGED, "axis",
	     DIAG4 "," T("w.hessian_axis", "U8", "[1]", 16, 17),
	     PUT(NULL, -1, 1, 2)),
	OURS("M5 not square", DAMAGED, "square",
	     T("w.hessian", "F32", "[2,3]", 0, 24), .extra = 0),
	OURS("full of rank 1", DAMAGED, "shape",
	     T("w.hessian", "F32", "[4]", 0, 16), .extra = 0),
	OURS("full of BF16", DAMAGED, "dtype",
	     T("w.hessian", "BF16", "[2,2]", 0, 8), .extra = 0),
	OURS("F16 without scale", DAMAGED, "without", FULL2, .extra = 0),
	OURS("F32 with scale", DAMAGED, "without",
	     T("w.hessian", "F32", "[2,2]", 0, 16) ","
	     T("w.hessian_scale", "F32", "[2]", 16, 24), .extra = 0),
	OURS("scale of another length", DAMAGED, "scale",
	     FULL2 "," T("w.hessian_scale", "F32", "[3]", 8, 20),
	     .extra = 0),
	OURS("diagonal and full", DAMAGED, "both",
	     DIAG4 "," T("w.hessian", "F32", "[2,2]", 16, 32), .extra = 0),
	OURS("row_sens alone", DAMAGED, "neither",
	     T("w.row_sens", "F32", "[3]", 0, 12), .extra = 0),

	HALF("good: blocks", OK, NULL, DIAG4 "," BLOCKS("[2,2,2]", 16, 32),
	     .extra = 0),
	HALF("good: blocks with padding", OK, NULL, DIAG3 "," BLOCKS3, PAD3(0)),
	HALF("good: blocks of 1", OK, NULL,
	     DIAG4 "," BLOCKS("[4,1,1]", 16, 24), .extra = 0),
	HALF("good: a block of all", OK, NULL,
	     DIAG4 "," BLOCKS("[1,4,4]", 16, 48), .extra = 0),
	HALF("good: blocks before their diagonal", OK, NULL,
	     BLOCKS("[2,2,2]", 0, 16) ","
	     T("w.hessian_diag", "F32", "[4]", 16, 32),
	     PUT(NULL, -4, 4, 0)),
	HALF("blocks short", DAMAGED, "",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32), .extra = -1),
	HALF("blocks alone", DAMAGED, "neither", BLOCKS("[2,2,2]", 0, 16),
	     .extra = 0),
	HALF("blocks and full", DAMAGED, "without hessian_diag",
	     FULL2 "," SCALE2 "," BLOCKS("[1,2,2]", 16, 24), .extra = 0),
	HALF("blocks with scale", DAMAGED, "hessian_scale without",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32) ","
	     T("w.hessian_scale", "F32", "[4]", 32, 48), .extra = 0),
	HALF("blocks of F32", DAMAGED, "dtype",
	     DIAG4 "," T("w.hessian_blocks", "F32", "[4,1,1]", 16, 32),
	     .extra = 0),
	HALF("blocks of rank 2", DAMAGED, "shape",
	     DIAG4 "," BLOCKS("[4,4]", 16, 48), .extra = 0),
	HALF("blocks of rank 4", DAMAGED, "shape",
	     DIAG4 "," BLOCKS("[2,2,2,1]", 16, 32), .extra = 0),
	HALF("no blocks", DAMAGED, "shape",
	     DIAG4 "," BLOCKS("[0,2,2]", 16, 16), .extra = 0),
	HALF("blocks of 0", DAMAGED, "shape",
	     DIAG4 "," BLOCKS("[2,0,0]", 16, 16), .extra = 0),
	HALF("blocks not square", DAMAGED, "square",
	     DIAG4 "," BLOCKS("[2,2,3]", 16, 40), .extra = 0),
	HALF("blocks larger than the weight", DAMAGED, "of 5 for 4 inputs",
	     DIAG4 "," BLOCKS("[1,5,5]", 16, 66), .extra = 0),
	HALF("a block too few", DAMAGED, "it must be 2",
	     DIAG3 "," BLOCKS("[1,2,2]", 12, 20), .extra = 0),
	HALF("a block too many", DAMAGED, "it must be 2",
	     DIAG4 "," BLOCKS("[3,2,2]", 16, 40), .extra = 0),
	HALF("blocks of 2^32", DAMAGED, "",
	     DIAG4 "," BLOCKS("[1,4294967296,4294967296]", 16, 32),
	     .extra = 0),
	HALF("blocks: NaN", DAMAGED, "finite",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32), PUT(NULL, -12, 2, 0x7e00)),
	HALF("blocks: infinite", DAMAGED, "finite",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32), PUT(NULL, -4, 2, 0xfc00)),
	HALF("blocks: diagonal not quite 1", DAMAGED,
	     "value 3 is 1.00098; on the diagonal",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32), PUT(NULL, -10, 2, 0x3c01)),
	HALF("blocks: diagonal -1", DAMAGED, "value 7 is -1; on the diagonal",
	     DIAG4 "," BLOCKS("[2,2,2]", 16, 32), PUT(NULL, -2, 2, 0xbc00)),
	HALF("blocks: diagonal 0 before the padding", DAMAGED,
	     "value 4 is 0; on the diagonal", DIAG3 "," BLOCKS3,
	     PUT(NULL, -8, 8, 0)),
	HALF("blocks: padding right of it", DAMAGED, "value 5 is 5.96046e-08",
	     DIAG3 "," BLOCKS3, PAD3((uint64_t)1 << 16)),
	HALF("blocks: padding below it", DAMAGED, "behind the last channel",
	     DIAG3 "," BLOCKS3, PAD3((uint64_t)1 << 32)),
	HALF("blocks: padding on the diagonal", DAMAGED, "value 7 is 1; behind",
	     DIAG3 "," BLOCKS3, PAD3((uint64_t)0x3c00 << 48)),
	HALF("blocks: NaN in the padding", DAMAGED, "finite",
	     DIAG3 "," BLOCKS3, PAD3((uint64_t)0x7e00 << 48)),
};

enum {
	N_SIDECAR_CASES = sizeof(sidecar_cases) / sizeof(*sidecar_cases),
};

#undef T
#undef DIAG4
#undef FULL2
#undef SCALE2
#undef DIAG3
#undef BLOCKS
#undef BLOCKS3
#undef PAD3
#undef HALF
#undef PUT
#undef TEXT
#undef DAT
#undef GGUF
#undef OURS
#undef Q
#undef K
#undef Q_SUMS
#undef EXPS

#endif
