/*
 * container_corpus_head.c - what can be wrong with a prologue, a header and the
 * copies it announces.
 */
#include "tests/container_corpus_cases.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <stdlib.h>
#include <string.h>

/* ---- H1: magic, version, reserved bits ---- */

static void set_magic(struct image *im, const char *p, size_t n)
{
	image_splice(&im->file, 0, 8, p, n);
}

CHANGE(magic_byte, im->file.p[6] ^= 0x10)
CHANGE(magic_other, memcpy(im->file.p, "\x89PNG\r\n\x1a\n", 8))
CHANGE(magic_gguf, memcpy(im->file.p, "GGUF\3\0\0\0", 8))
CHANGE(text_crlf_lf, set_magic(im, "\x89HVZ\n\x1a\n", 7))
CHANGE(text_lf_crlf, set_magic(im, "\x89HVZ\r\r\n\x1a\r\n", 10))
CHANGE(text_bare_lf, set_magic(im, "\x89HVZ\r\n\x1a\r\n", 9))
CHANGE(text_lf_cr, set_magic(im, "\x89HVZ\r\r\x1a\r", 8))
CHANGE(text_cr_lf, set_magic(im, "\x89HVZ\n\n\x1a\n", 8))
CHANGE(text_no_lf, set_magic(im, "\x89HVZ\r\x1a", 6))
CHANGE(text_utf8, set_magic(im, "\xc2\x89HVZ\r\n\x1a\n", 9))
CHANGE(text_utf8_lost, set_magic(im, "\xef\xbf\xbdHVZ\r\n\x1a\n", 10))
CHANGE(text_ctrl_z, im->file.len = 6)
CHANGE(empty_file, im->file.len = 0)
CHANGE(only_magic, im->file.len = 8)

static void text_7bit(struct image *im)
{
	for (size_t i = 0; i < im->file.len; i++)
		im->file.p[i] &= 0x7f;
}

CHANGE(major_0, im->prologue[8] = 0)
CHANGE(major_2, im->prologue[8] = 2)
CHANGE(minor_7, im->prologue[9] = 7)
CHANGE(prologue_flags, im->prologue[10] = 2)
CHANGE(prologue_flags_high, im->prologue[11] = 0x80)
CHANGE(max_raw_huge, put_le32(PROLOGUE(12), (1u << 28) + 1))
CHANGE(max_raw_over_data, put_le32(PROLOGUE(12), 77))
CHANGE(head_flags, *HEAD(1, 5) = 1)
CHANGE(head_reserved_6, *HEAD(1, 6) = 1)
CHANGE(head_reserved_7, *HEAD(1, 7) = 0x80)
CHANGE(tensor_flags, *image_in_header(im, "b.bias", 1) = 4)
CHANGE(tensor_flags_high, *image_in_header(im, "b.bias", 1) = 0x81)

/* ---- H2: the header ---- */

CHANGE(prologue_hash, im->prologue[56] ^= 1)
CHANGE(prologue_length, put_le64(PROLOGUE(16), 1000))
CHANGE(header_hash, im->frame.p[im->frame.len - 1] ^= 1)
CHANGE(header_over_limit, put_le64(PROLOGUE(16), (256 << 20) + 1))
CHANGE(header_ratio, put_le64(PROLOGUE(16), (52 << 20) + 16))
CHANGE(header_raw_max, put_le64(PROLOGUE(16), UINT64_MAX))
CHANGE(header_stored_bound, put_le64(PROLOGUE(24), im->header.len * 2 + 99))
CHANGE(header_stored_max, put_le64(PROLOGUE(24), UINT64_MAX))
CHANGE(header_stored_long, put_le64(PROLOGUE(24), 1 << 20);
       put_le64(PROLOGUE(16), 1 << 20))
CHANGE(header_size_lies, put_le64(PROLOGUE(16), im->header.len + 1))
CHANGE(data_size, put_le64(PROLOGUE(32), 77))
CHANGE(format_empty, image_splice(&im->header, 0, 13, "\0\0", 2))
CHANGE(format_long, image_splice(&im->header, 0, 13,
				 "\x10\0abcdefghijklmnop", 18))
CHANGE(format_nul, im->header.p[4] = 0)
CHANGE(format_cut, im->header.len = 9)
CHANGE(source_long, put_le64(im->header.p + 13, im->header.len))
CHANGE(source_max, put_le64(im->header.p + 13, UINT64_MAX))
CHANGE(tensors_max, put_le32(im->header.p + image_table_at(im), UINT32_MAX))
CHANGE(tensors_fewer, put_le32(im->header.p + image_table_at(im), 3))
CHANGE(name_empty, image_rename_to(im, "scalar", "", 0))
CHANGE(name_nul, image_rename_to(im, "scalar", "sca\0ar", 6))
CHANGE(name_length_max, put_le32(image_in_header(im, "scalar", 0) - 10,
				 UINT32_MAX))
CHANGE(name_lone, image_rename_to(im, "scalar", "s\x80", 2))
CHANGE(name_overlong, image_rename_to(im, "scalar", "s\xc0\xaf", 3))
CHANGE(name_overlong_3, image_rename_to(im, "scalar", "s\xe0\x9f\xbf", 4))
CHANGE(name_overlong_4, image_rename_to(im, "scalar", "s\xf0\x8f\xbf\xbf", 5))
CHANGE(name_surrogate, image_rename_to(im, "scalar", "s\xed\xa0\x80", 4))
CHANGE(name_beyond, image_rename_to(im, "scalar", "s\xf4\x90\x80\x80", 5))
CHANGE(name_f5, image_rename_to(im, "scalar", "s\xf5\x80\x80\x80", 5))
/* The byte behind the name would complete it. */
CHANGE(name_cut, *image_in_header(im, "scalar", 0) = 0xa9;
       image_rename_to(im, "scalar", "s\xc3", 2))
CHANGE(name_utf8, image_rename_to(im, "scalar",
			    "\xd0\x9a\xe2\x82\xac\xed\x9f\xbf\xf4\x8f\xbf\xbf",
			    12))
CHANGE(name_twice, image_rename_to(im, "scalar", "a.weight", 8))
CHANGE(dtype_0, *image_in_header(im, "b.bias", 0) = 0)
CHANGE(dtype_23, *image_in_header(im, "b.bias", 0) = 23)
CHANGE(dtype_255, *image_in_header(im, "b.bias", 0) = 255)
CHANGE(dtype_sub_byte, *image_in_header(im, "b.bias", 0) = DTYPE_F4)
CHANGE(lossy_integer, *image_in_header(im, "scalar", 1) = TENSOR_LOSSY)
CHANGE(rank_9, *image_in_header(im, "b.bias", 2) = 9)
CHANGE(rank_255, *image_in_header(im, "b.bias", 2) = 255)
CHANGE(dims_overflow, put_le64(image_in_header(im, "a.weight", 3), 1ull << 62))
CHANGE(dim_changed, put_le64(image_in_header(im, "b.bias", 3), 6))
CHANGE(notes_max, put_le32(im->header.p + im->header.len - 28, UINT32_MAX))

/* n remarks in all, each but the first the shortest that there is. */
static void notes(struct image *im, uint32_t n)
{
	put_le32(im->header.p + im->header.len - 28, n);
	while (--n) {
		buf_u16(&im->header, 1);
		buf_u8(&im->header, 'k');
		buf_u32(&im->header, 0);
	}
}

CHANGE(notes_most, notes(im, 65536))
CHANGE(notes_too_many, notes(im, 65537))
CHANGE(notes_more, put_le32(im->header.p + im->header.len - 28, 2))
CHANGE(note_value_long, put_le32(image_in_header(im, "encoder", 0), 12))
CHANGE(note_value_bad, *image_in_header(im, "encoder", 5) = 0xff)
CHANGE(note_key_bad, image_in_header(im, "encoder", 0)[-1] = 0xff)
CHANGE(note_value_nul, *image_in_header(im, "encoder", 5) = 0)
CHANGE(header_too_long, buf_u8(&im->header, 0))
CHANGE(header_cut, im->header.len--)

/* ---- H2: a base model ---- */

static void add_base(struct image *im, uint8_t kind)
{
	size_t at = image_base_at(im);

	im->header.p[at] = kind;
	image_splice(&im->header, at + 1, 0, "0123456789abcdef", 16);
}

CHANGE(base_1, add_base(im, 1))
CHANGE(base_2, add_base(im, 2))
CHANGE(base_255, add_base(im, 255))
CHANGE(base_missing, im->header.p[image_base_at(im)] = 1)
CHANGE(base_needless, add_base(im, 0))
CHANGE(base_cut, im->header.len = image_base_at(im))
CHANGE(base_digest_cut, add_base(im, 1);
       im->header.len = image_base_at(im) + 16)
CHANGE(delta_with_base, add_base(im, 1); *HEAD(0, 4) = 6)
CHANGE(delta_no_base, *HEAD(2, 4) = 6)

/* ---- H2, H3: copies; a.weight is tensor 0, b.bias tensor 2 ---- */

enum { COPY = TENSOR_COPY };

#define COPY_OF(of) image_add_copy(im, NULL, "tied", DTYPE_F32, COPY, 5, of)
#define COPY_AS(dtype, flags, n, of) \
	image_add_copy(im, NULL, "tied", dtype, flags, n, of)

CHANGE(copy_last, COPY_OF(2))
CHANGE(copy_reshaped, COPY_AS(DTYPE_BF16, COPY | TENSOR_LOSSY, 24, 0))
CHANGE(copy_thrice, COPY_OF(2);
       image_add_copy(im, NULL, "again", DTYPE_F32, COPY, 5, 2))
CHANGE(copy_of_itself, COPY_OF(4))
CHANGE(copy_of_later, COPY_OF(5);
       image_add_copy(im, NULL, "later", DTYPE_F32, COPY, 5, 2))
CHANGE(copy_of_none, COPY_OF(UINT32_MAX))
CHANGE(copy_of_copy, COPY_OF(2);
       image_add_copy(im, NULL, "again", DTYPE_F32, COPY, 5, 4))
CHANGE(copy_dtype, COPY_AS(DTYPE_I32, COPY, 5, 2))
CHANGE(copy_size, COPY_AS(DTYPE_F32, COPY, 4, 2))
CHANGE(copy_size_more, COPY_AS(DTYPE_F32, COPY, 6, 2))
CHANGE(copy_lossy, COPY_AS(DTYPE_F32, COPY | TENSOR_LOSSY, 5, 2))
CHANGE(copy_lossless, COPY_AS(DTYPE_BF16, COPY, 24, 0))
CHANGE(copy_empty, COPY_AS(DTYPE_F32, COPY, 0, 1))
CHANGE(copy_cut, COPY_OF(2); im->header.len -= 30)
CHANGE(copy_first, *image_in_header(im, "a.weight", 1) |= COPY;
       image_splice(&im->header, image_find_name(im, "a.weight") + 8 + 19, 0,
		    "\0\0\0\0", 4))

static void copy_between(struct image *im)
{
	image_add_copy(im, "scalar", "tied", DTYPE_F32, COPY, 5, 2);
	put_le32(HEAD(3, 0), 4);
}

/* A chunk for it: once in the tensor's place, once behind the last. */
CHANGE(copy_chunk, copy_between(im); image_repeat_chunk(im, 2);
       put_le32(HEAD(3, 0), 3); put_le64(PROLOGUE(40), 5))
CHANGE(copy_chunk_last, COPY_OF(2); image_repeat_chunk(im, 2);
       image_swap_chunks(im, 3, 4); put_le32(HEAD(4, 0), 4);
       put_le64(PROLOGUE(40), 5))
/* Its rows allow no chunk more. */
CHANGE(copy_count, COPY_OF(2); put_le64(PROLOGUE(40), 13))

static void note_key_empty(struct image *im)
{
	size_t at = image_find_name(im, "encoder");

	put_le16(im->header.p + at - 2, 0);
	image_splice(&im->header, at, 7, "", 0);
}

static void name_too_long(struct image *im)
{
	char *long_name = malloc(65537);

	memset(long_name, 'n', 65537);
	image_rename_to(im, "scalar", long_name, 65537);
	free(long_name);
}

/* The good variant beside it. */
static void name_longest(struct image *im)
{
	char *long_name = malloc(65536);

	memset(long_name, 'n', 65536);
	image_rename_to(im, "scalar", long_name, 65536);
	free(long_name);
}

const struct corpus_case container_cases_head[] = {
	CASE("H1", AT_FILE, magic_byte, BAD, "magic"),
	CASE("H1", AT_FILE, magic_other, UNSUP, "not a .hvqz"),
	CASE("H1", AT_FILE, magic_gguf, UNSUP, "not a .hvqz"),
	CASE("H1", AT_FILE, text_crlf_lf, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_lf_crlf, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_bare_lf, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_lf_cr, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_cr_lf, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_no_lf, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_utf8, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_utf8_lost, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_7bit, BAD, "text-mode"),
	CASE("H1", AT_FILE, text_ctrl_z, BAD, "truncated"),
	CASE("H1", AT_FILE, empty_file, BAD, "truncated"),
	CASE("H1", AT_FILE, only_magic, BAD, "truncated"),
	CASE("H1", AT_PROLOGUE, major_0, UNSUP, "version 0.0"),
	CASE("H1", AT_PROLOGUE, major_2, UNSUP, "version 2.0"),
	CASE("H1", AT_PROLOGUE, minor_7, HVQZ_OK, ""),
	CASE("H1", AT_PROLOGUE, prologue_flags, UNSUP, "flags 0x0002"),
	CASE("H1", AT_PROLOGUE, prologue_flags_high, UNSUP, "flags 0x8000"),

	CASE("H4", AT_PROLOGUE, max_raw_huge, BAD, "the most is"),
	CASE("H4", AT_PROLOGUE, max_raw_over_data, BAD, "announced in"),

	CASE("H1", AT_CHUNKS, head_flags, UNSUP, "reserved"),
	CASE("H1", AT_CHUNKS, head_reserved_6, UNSUP, "reserved"),
	CASE("H1", AT_CHUNKS, head_reserved_7, UNSUP, "reserved"),
	CASE("H1", AT_HEADER, tensor_flags, UNSUP, "flags 0x04"),
	CASE("H1", AT_HEADER, tensor_flags_high, UNSUP, "flags 0x81"),

	CASE("H2", AT_PROLOGUE_HASH, prologue_hash, BAD, "hash"),
	CASE("H2", AT_PROLOGUE_HASH, prologue_length, BAD, "hash"),
	CASE("H2", AT_PROLOGUE_HASH, header_hash, BAD, "hash"),
	CASE("H2", AT_PROLOGUE, header_over_limit, BAD, "256 MiB"),
	CASE("H2", AT_PROLOGUE, header_raw_max, BAD, "256 MiB"),
	CASE("H12", AT_PROLOGUE, header_ratio, BAD, "256 times"),
	CASE("H2", AT_PROLOGUE, header_stored_bound, BAD, "more than"),
	CASE("H2", AT_PROLOGUE, header_stored_max, BAD, "more than"),
	CASE("H2", AT_PROLOGUE, header_stored_long, BAD, "truncated"),
	CASE("H2", AT_PROLOGUE, header_size_lies, BAD, "content size"),
	CASE("H2", AT_PROLOGUE, data_size, BAD, "the table"),
	CASE("H2", AT_HEADER, format_empty, BAD, "format's name"),
	CASE("H2", AT_HEADER, format_long, BAD, "format's name"),
	CASE("H2", AT_HEADER, format_nul, BAD, "format's name"),
	CASE("H2", AT_HEADER, format_cut, BAD, "ends inside"),
	CASE("H2", AT_HEADER, source_long, BAD, "ends inside"),
	CASE("H2", AT_HEADER, source_max, BAD, "ends inside"),
	CASE("H2", AT_HEADER, tensors_max, BAD, "announced"),
	CASE("H2", AT_HEADER, tensors_fewer, BAD, ""),
	CASE("H2", AT_HEADER, name_empty, BAD, "name of 0"),
	CASE("H2", AT_HEADER, name_too_long, BAD, "name of 65537"),
	CASE("H2", AT_HEADER, name_longest, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, name_length_max, BAD, "ends inside"),
	CASE("H2", AT_HEADER, name_nul, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_lone, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_overlong, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_overlong_3, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_overlong_4, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_surrogate, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_beyond, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_f5, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_cut, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, name_utf8, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, name_twice, BAD, "second tensor"),
	CASE("H2", AT_HEADER, dtype_0, UNSUP, "dtype"),
	CASE("H2", AT_HEADER, dtype_23, UNSUP, "dtype"),
	CASE("H2", AT_HEADER, dtype_255, UNSUP, "dtype"),
	CASE("H2", AT_HEADER, dtype_sub_byte, BAD, "end on a byte"),
	CASE("H2", AT_HEADER, lossy_integer, BAD, "lossy"),
	CASE("H2", AT_HEADER, rank_9, UNSUP, "rank 9"),
	CASE("H2", AT_HEADER, rank_255, UNSUP, "rank 255"),
	CASE("H2", AT_HEADER, dims_overflow, BAD, "overflow"),
	CASE("H2", AT_HEADER, dim_changed, BAD, "the table"),
	CASE("H2", AT_HEADER, notes_max, BAD, "announced"),
	CASE("H2", AT_HEADER, notes_more, BAD, "remarks"),
	CASE("H2", AT_HEADER, notes_most, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, notes_too_many, BAD,
	     "65537 remarks; the most is 65536"),
	CASE("H2", AT_HEADER, note_key_empty, BAD, "remark"),
	CASE("H2", AT_HEADER, note_value_long, BAD, "remarks"),
	CASE("H2", AT_HEADER, note_value_bad, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, note_key_bad, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, note_value_nul, BAD, "UTF-8"),
	CASE("H2", AT_HEADER, header_too_long, BAD, "too many"),
	CASE("H2", AT_HEADER, header_cut, BAD, "ends inside"),
	CASE("H2", AT_HEADER, base_1, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, base_2, UNSUP, "of kind 2"),
	CASE("H2", AT_HEADER, base_255, UNSUP, "of kind 255"),
	CASE("H2", AT_HEADER, base_missing, BAD, ""),
	CASE("H2", AT_HEADER, base_needless, BAD, ""),
	CASE("H2", AT_HEADER, base_cut, BAD, "inside the base"),
	CASE("H2", AT_HEADER, base_digest_cut, BAD, "inside the base"),
	CASE("H2", AT_HEADER, copy_last, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, copy_reshaped, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, copy_thrice, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, copy_between, HVQZ_OK, ""),
	CASE("H2", AT_HEADER, copy_of_itself, BAD, "tensor 4, which is not an"),
	CASE("H2", AT_HEADER, copy_of_later, BAD, "tensor 5, which is not an"),
	CASE("H2", AT_HEADER, copy_of_none, BAD, "which is not an"),
	CASE("H2", AT_HEADER, copy_of_copy, BAD, "tensor 4, which is not an"),
	CASE("H2", AT_HEADER, copy_first, BAD, "tensor 0, which is not an"),
	CASE("H2", AT_HEADER, copy_dtype, BAD, "another dtype, size or flags"),
	CASE("H2", AT_HEADER, copy_size, BAD, "another dtype, size or flags"),
	CASE("H2", AT_HEADER, copy_size_more, BAD, "another dtype, size or"),
	CASE("H2", AT_HEADER, copy_lossy, BAD, "another dtype, size or flags"),
	CASE("H2", AT_HEADER, copy_lossless, BAD, "another dtype, size or"),
	CASE("H2", AT_HEADER, copy_empty, BAD, "another dtype, size or flags"),
	CASE("H2", AT_HEADER, copy_cut, BAD, "inside the tensor table"),

	CASE("H3", AT_HEADER, copy_chunk, BAD, "is due"),
	CASE("H3", AT_HEADER, copy_chunk_last, BAD, "complete after"),
	CASE("H3", AT_HEADER, copy_count, BAD, "allows"),

	CASE("H6", AT_CHUNKS, delta_no_base, BAD, "from a base model"),
	CASE("H6", AT_HEADER, delta_with_base, HVQZ_OK, ""),
};

const size_t container_cases_head_n =
	sizeof(container_cases_head) / sizeof(*container_cases_head);
