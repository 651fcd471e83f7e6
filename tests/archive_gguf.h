/*
 * archive_gguf.h - tars of GGUF files, whole ones and parts of split models,
 * for corpus_archives.h: rules Q1 to Q16 of formats/gguf.md among files.
 */
#ifndef TESTS_ARCHIVE_GGUF_H
#define TESTS_ARCHIVE_GGUF_H

#include "tests/archive_case.h"

/*
 * A GGUF of a tensor for each letter: of c "tc", four F32 numbers, of a digit a
 * block of Q4_0, which is U8 [18] to us. With count > 0 it is part `no` of so
 * many, and all have `total` tensors (-1: it does not say); else it is whole.
 * Only the first part has other keys.
 */
struct gguf_case {
	const char *letters;
	int no, count, total;
};

static inline void put_text(struct buf *b, const char *s)
{
	buf_u64(b, strlen(s));
	buf_put(b, s, strlen(s));
}

static inline void put_zeros(struct buf *b, size_t start)
{
	while ((b->len - start) % 32)
		buf_u8(b, 0);
}

static inline void put_gguf_keys(struct buf *b, const struct gguf_case *c)
{
	if (!c->no) {
		put_text(b, "general.architecture");
		buf_u32(b, 8);
		put_text(b, "toy");
	}
	if (!c->count)
		return;
	put_text(b, "split.no");
	buf_u32(b, 2);
	buf_u16(b, (uint16_t)c->no);
	put_text(b, "split.count");
	buf_u32(b, 2);
	buf_u16(b, (uint16_t)c->count);
	if (c->total < 0)
		return;
	put_text(b, "split.tensors.count");
	buf_u32(b, 5);
	buf_u32(b, (uint32_t)c->total);
}

static inline void put_gguf(struct buf *b, const struct gguf_case *c)
{
	size_t n = strlen(c->letters), start = b->len;

	buf_put(b, "GGUF", 4);
	buf_u32(b, 3);
	buf_u64(b, n);
	buf_u64(b, (uint64_t)(!c->no + (c->count ? 2 + (c->total >= 0) : 0)));
	put_gguf_keys(b, c);
	for (size_t i = 0; i < n; i++) {
		bool block = c->letters[i] <= '9';

		put_text(b, (char[]){'t', c->letters[i], '\0'});
		buf_u32(b, block ? 1 : 2);
		buf_u64(b, block ? 32 : 2);
		if (!block)
			buf_u64(b, 2);
		buf_u32(b, block ? 2 : 0);
		buf_u64(b, 32 * i);
	}
	put_zeros(b, start);
	for (size_t i = 0; i < n; i++) {
		for (int k = 0; k < (c->letters[i] <= '9' ? 18 : 16); k++)
			buf_u8(b, (uint8_t)c->letters[i]);
		put_zeros(b, start);
	}
}

/* ---- in a tar ---- */

static inline void tar_gguf(struct buf *b, const char *path,
			    const struct gguf_case *c)
{
	struct buf file = {0};

	put_gguf(&file, c);
	put_tar(b, path, '0', file.p, file.len);
	buf_free(&file);
}

/* A tar of what the line adds. */
#define TAR_OF(fn, ...)               \
	static void fn(struct buf *b) \
	{                             \
		__VA_ARGS__;          \
		end_tar(b);           \
	}
#define WHOLE(path, letters) \
	tar_gguf(b, path, &(struct gguf_case){letters, 0, 0, 0})
#define PART(path, letters, no, count, total) \
	tar_gguf(b, path, &(struct gguf_case){letters, no, count, total})
#define BESIDE tar_model(b, "m/model.safetensors", "a", 1)
/* One of five tensors' three parts, under the name that llama.cpp gives it. */
#define PART_1 PART("m/m-00001-of-00003.gguf", "0a", 0, 3, 5)
#define PART_2 PART("m/m-00002-of-00003.gguf", "bc", 1, 3, 5)
#define PART_3 PART("m/m-00003-of-00003.gguf", "1", 2, 3, 5)

/* The byte so far behind the text, where that is last, becomes v. */
static inline void gguf_byte(struct buf *b, const char *text, size_t behind,
			     uint8_t v)
{
	size_t i = b->len - strlen(text);

	while (memcmp(b->p + i, text, strlen(text)))
		i--;
	b->p[i + strlen(text) + behind] = v;
}

/* A whole file of those letters, that is cut or goes on for n bytes. */
static inline void gguf_sized(struct buf *b, const char *letters, int n)
{
	struct buf file = {0};

	put_gguf(&file, &(struct gguf_case){letters, 0, 0, 0});
	for (int i = 0; i < n; i++)
		buf_u8(&file, 0);
	file.len -= (size_t)(n < 0 ? -n : 0);
	put_tar(b, "m/x.gguf", '0', file.p, file.len);
	buf_free(&file);
}

TAR_OF(gguf_whole, WHOLE("m/x", "a0b"); tar_text(b, "m/config.json", "{}"))
TAR_OF(gguf_whole_misnamed, WHOLE("m/m-00002-of-00003.gguf", "a"))
TAR_OF(gguf_two, WHOLE("x.gguf", "a"); WHOLE("y.gguf", "a"))
TAR_OF(gguf_inside, WHOLE("m/x.gguf", "a"); WHOLE("m/sub/x.gguf", "a"))
TAR_OF(gguf_beside, WHOLE("m/x.gguf", "0"); BESIDE)
TAR_OF(gguf_parts, PART_1; PART_2; PART_3)
TAR_OF(gguf_parts_mixed, PART_2; PART_3; PART_1)
TAR_OF(gguf_parts_and_whole, PART_1; PART_2; PART_3;
       WHOLE("m/mmproj.gguf", "a"))
TAR_OF(gguf_two_sets, PART_1; PART_2; PART_3;
       PART("m/n-00001-of-00002.gguf", "a", 0, 2, 2);
       PART("m/n-00002-of-00002.gguf", "b", 1, 2, 2))
TAR_OF(gguf_parts_beside, PART_1; PART_2; PART_3; BESIDE)
TAR_OF(gguf_keys_alone, PART("m-00001-of-00002.gguf", "", 0, 2, 1);
       PART("m-00002-of-00002.gguf", "a", 1, 2, 1))
TAR_OF(gguf_odd_names, PART("a", "a", 0, 2, 2); PART("b", "b", 1, 2, 2))
TAR_OF(gguf_new_type_beside, WHOLE("m/x", "0"); gguf_byte(b, "t0", 12, 42);
       BESIDE)
TAR_OF(gguf_new_type, WHOLE("m/x", "0"); gguf_byte(b, "t0", 12, 42))
TAR_OF(gguf_new_type_in_part, PART_1; PART_2; PART_3;
       gguf_byte(b, "t1", 12, 42))
TAR_OF(gguf_first_missing, PART_2; PART_3)
TAR_OF(gguf_second_missing, PART_1; PART_3)
TAR_OF(gguf_last_missing, PART_1; PART_2)
TAR_OF(gguf_missing_beside, PART_1; PART_2; BESIDE)
TAR_OF(gguf_missing_odd, PART("a", "a", 0, 2, 2))
TAR_OF(gguf_missing_in_set, PART_1; PART_2; PART_3;
       PART("m/n-00001-of-00002.gguf", "a", 0, 2, 2))
TAR_OF(gguf_elsewhere, PART_1; PART_2;
       PART("m/sub/m-00003-of-00003.gguf", "1", 2, 3, 5))
TAR_OF(gguf_part_twice, PART("a", "a", 0, 2, 2); PART("b", "b", 0, 2, 2))
TAR_OF(gguf_member_twice, PART_1; PART_1; PART_2; PART_3)
TAR_OF(gguf_misnamed, PART_1; PART_2;
       PART("m/m-00003-of-00003.gguf", "1", 0, 3, 5))
TAR_OF(gguf_counts, PART("a", "a", 0, 2, 2); PART("b", "b", 1, 3, 2))
TAR_OF(gguf_totals, PART_1; PART_2;
       PART("m/m-00003-of-00003.gguf", "1", 2, 3, 6))
TAR_OF(gguf_sum, PART_1; PART_2;
       PART("m/m-00003-of-00003.gguf", "12", 2, 3, 5))
TAR_OF(gguf_no_total, PART_1; PART_2;
       PART("m/m-00003-of-00003.gguf", "1", 2, 3, -1))
TAR_OF(gguf_tensor_twice, PART_1; PART_2;
       PART("m/m-00003-of-00003.gguf", "a", 2, 3, 5))
TAR_OF(gguf_padding, WHOLE("m/x", "0a"); gguf_byte(b, "0000", 3, 1))
TAR_OF(gguf_cut, gguf_sized(b, "a", -17))
TAR_OF(gguf_cut_head, gguf_sized(b, "a", -60))
TAR_OF(gguf_no_padding, gguf_sized(b, "a", -16))
TAR_OF(gguf_behind, gguf_sized(b, "a", 1))
TAR_OF(gguf_magic_alone, tar_text(b, "m/x", "GGUF"))

#endif
