/*
 * container_corpus.c - the ways to spoil a good .hvqz, and what must be said.
 */
#include "tests/container_corpus.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void container_corpus_make(const struct corpus_case *c, struct buf *file)
{
	struct image im = {0};

	image_good(file);
	image_take_apart(file, &im);
	for (int at = AT_HEADER; at <= AT_FILE; at++) {
		image_derive(&im, (enum corpus_stage)at);
		if (c->at == (enum corpus_stage)at)
			c->change(&im);
	}
	image_must(buf_ok(&im.file, NULL));
	buf_clear(file);
	buf_put(file, im.file.p, im.file.len);
	image_free(&im);
}

/* A change to one field, as a function of the image. */
#define CHANGE(name, ...)                          \
	static void name(struct image *im)         \
	{                                          \
		__VA_ARGS__;                       \
	}

#define PROLOGUE(off) (im->prologue + (off))
#define HEAD(i, off) (im->chunk[i].head + (off))
#define TRAILER(off) (im->trailer + (off))

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
CHANGE(prologue_flags, im->prologue[10] = 1)
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

/* ---- H3: chunks tile every tensor exactly once, in order ---- */

CHANGE(chunks_swapped, image_swap_chunks(im, 0, 1))
CHANGE(tensors_swapped, image_swap_chunks(im, 2, 3))
CHANGE(chunk_twice, image_repeat_chunk(im, 0); put_le64(PROLOGUE(40), 5))
CHANGE(chunk_missing, image_drop_chunk(im, 1); put_le64(PROLOGUE(40), 3))
CHANGE(chunk_last_missing, image_drop_chunk(im, 3); put_le64(PROLOGUE(40), 3))
CHANGE(chunk_extra, image_repeat_chunk(im, 3); put_le64(PROLOGUE(40), 5))
CHANGE(count_none, put_le64(PROLOGUE(40), 0))
CHANGE(count_low, put_le64(PROLOGUE(40), 3))
CHANGE(count_high, put_le64(PROLOGUE(40), 5))
CHANGE(count_max, put_le64(PROLOGUE(40), UINT64_MAX))
CHANGE(rows_zero, put_le32(HEAD(2, 16), 0))
CHANGE(rows_many, put_le32(HEAD(2, 16), 6))
CHANGE(rows_max, put_le32(HEAD(2, 16), UINT32_MAX))
CHANGE(rows_few, put_le32(HEAD(0, 16), 3))
CHANGE(row_gap, put_le64(HEAD(1, 8), 5))
CHANGE(row_overlap, put_le64(HEAD(1, 8), 3))
CHANGE(row_max, put_le64(HEAD(1, 8), UINT64_MAX))
CHANGE(tensor_wrong, put_le32(HEAD(2, 0), 1))
CHANGE(tensor_max, put_le32(HEAD(2, 0), UINT32_MAX))
CHANGE(tensor_past, put_le32(HEAD(3, 0), 4))

/* Three rows in the first chunk where two tile differently: still good. */
static void tiled_otherwise(struct image *im)
{
	struct buf *a = &im->chunk[0].payload, *b = &im->chunk[1].payload;

	image_splice(b, 0, 0, a->p + 24, 8);
	a->len = 24;
	put_le32(HEAD(0, 16), 3);
	put_le64(HEAD(1, 8), 3);
	put_le32(HEAD(1, 16), 3);
	for (size_t i = 0; i < 2; i++) {
		const struct buf *p = &im->chunk[i].payload;

		put_le32(HEAD(i, 20), 24);
		put_le32(HEAD(i, 24), 24);
		put_le64(HEAD(i, 40), XXH3_64bits(p->p, p->len));
		put_le64(HEAD(i, 48), XXH3_64bits(p->p, p->len));
	}
}

/* ---- H4, H5, H6, H12: one chunk's lengths, codec, loss ---- */

CHANGE(raw_len_more, put_le32(HEAD(0, 20), 33))
CHANGE(raw_len_less, put_le32(HEAD(0, 20), 31))
CHANGE(raw_len_over_max, put_le32(PROLOGUE(12), 31))
CHANGE(stored_more, put_le32(HEAD(0, 24), 33))
CHANGE(stored_max, put_le32(HEAD(0, 24), UINT32_MAX))
CHANGE(stored_less_raw, put_le32(HEAD(0, 24), 31); im->chunk[0].payload.len--)
CHANGE(stored_none, put_le32(HEAD(0, 24), 0); *HEAD(0, 4) = 1;
       im->chunk[0].payload.len = 0)
CHANGE(codec_7, *HEAD(0, 4) = 7)
CHANGE(codec_255, *HEAD(2, 4) = 255)
CHANGE(lossy_codec, *HEAD(2, 4) = 2)
CHANGE(lossy_codec_3, *HEAD(2, 4) = 3)
CHANGE(lossy_codec_4, *HEAD(2, 4) = 4)
CHANGE(noise_nan, put_lef32(HEAD(0, 28), NAN))
CHANGE(noise_inf, put_lef32(HEAD(0, 28), INFINITY))
CHANGE(noise_negative, put_lef32(HEAD(0, 28), -1))
CHANGE(noise_minus_0, put_lef32(HEAD(0, 28), -0.0f))
CHANGE(signal_nan, put_lef32(HEAD(0, 32), -NAN))
CHANGE(signal_inf, put_lef32(HEAD(0, 32), -INFINITY))
CHANGE(loss_nan, put_lef32(HEAD(0, 36), NAN))
CHANGE(loss_inf, put_lef32(HEAD(0, 36), INFINITY))
CHANGE(loss_negative, put_lef32(HEAD(0, 36), -1e-45f))
CHANGE(loss_minus_0, put_lef32(HEAD(0, 36), -0.0f))
CHANGE(loss_largest, put_lef32(HEAD(0, 36), FLT_MAX))
CHANGE(noise_lossless, put_lef32(HEAD(2, 28), 1))
CHANGE(signal_lossless, put_lef32(HEAD(2, 32), 1e-45f))
CHANGE(loss_lossless, put_lef32(HEAD(2, 36), 1e-45f))

/* b.bias becomes n elements in one chunk of stored bytes. */
static void grow_bias(struct image *im, uint32_t n, uint32_t stored)
{
	put_le64(image_in_header(im, "b.bias", 3), n);
	put_le64(PROLOGUE(32), 48 + 4ull * n + 8);
	put_le32(PROLOGUE(12), 4 * n);
	*HEAD(2, 4) = 1;
	put_le32(HEAD(2, 16), n);
	put_le32(HEAD(2, 20), 4 * n);
	put_le32(HEAD(2, 24), stored);
}

static void bias_payload(struct image *im, size_t n)
{
	struct buf *p = &im->chunk[2].payload;

	p->len = 0;
	while (p->len < n)
		buf_u8(p, 7);
	put_le64(HEAD(2, 40), XXH3_64bits(p->p, p->len));
}

/* 8 MiB need 128 bytes of file, 64 of which are the head. */
CHANGE(work_too_much, grow_bias(im, 1 << 21, 63); bias_payload(im, 63))
CHANGE(work_allowed, grow_bias(im, 1 << 21, 64); bias_payload(im, 64))
CHANGE(stored_past_end, grow_bias(im, 1 << 26, 1 << 27))

/* ---- H7: zstd frames ---- */

static void add_skippable(struct buf *frame, size_t at)
{
	image_splice(frame, at, 0, "\x50\x2a\x4d\x18\2\0\0\0hi", 10);
}

/* A lying length far above what is there, within the limits. */
static void header_bomb(struct image *im)
{
	image_lying_frame(&im->frame, 23, 256 << 20);
	put_le64(PROLOGUE(16), 256 << 20);
	put_le64(PROLOGUE(24), im->frame.len);
	put_le64(PROLOGUE(48), XXH3_64bits(im->frame.p, im->frame.len));
}

CHANGE(header_no_size, image_pack_with(&im->header, &im->frame,
				 ZSTD_c_contentSizeFlag, 0))
CHANGE(header_checksum, image_pack_with(&im->header, &im->frame,
				  ZSTD_c_checksumFlag, 1))
CHANGE(header_window, image_lying_frame(&im->frame, 24,
				(uint32_t)im->header.len))
CHANGE(header_window_max, image_lying_frame(&im->frame, 41,
				      (uint32_t)im->header.len))
CHANGE(header_short, image_lying_frame(&im->frame, 20,
				(uint32_t)im->header.len))
CHANGE(header_dictionary, im->frame.p[4] |= 1;
       image_splice(&im->frame, 5, 0, "\5", 1))
CHANGE(header_reserved, im->frame.p[4] |= 8)
CHANGE(header_unused, im->frame.p[4] |= 16)
CHANGE(header_skippable, add_skippable(&im->frame, 0))
CHANGE(header_then_skip, add_skippable(&im->frame, im->frame.len))
CHANGE(header_then_byte, buf_u8(&im->frame, 0))
CHANGE(header_frame_cut, im->frame.len--)
CHANGE(header_frame_none, im->frame.len = 0)
CHANGE(header_frame_5, im->frame.len = 5)
CHANGE(header_not_zstd, im->frame.p[0] ^= 1)
CHANGE(header_block, im->frame.p[7] ^= 0x06)

CHANGE(index_no_size, image_pack_with(&im->index, &im->index_frame,
				ZSTD_c_contentSizeFlag, 0))
CHANGE(index_checksum, image_pack_with(&im->index, &im->index_frame,
				 ZSTD_c_checksumFlag, 1))
CHANGE(index_window, image_lying_frame(&im->index_frame, 24,
				 (uint32_t)im->index.len))
CHANGE(index_short, image_lying_frame(&im->index_frame, 20,
				(uint32_t)im->index.len))
CHANGE(index_then_byte, buf_u8(&im->index_frame, 0))
CHANGE(index_skippable, add_skippable(&im->index_frame, 0))
CHANGE(index_frame_cut, im->index_frame.len--)

/* ---- H9: chunk hashes ---- */

CHANGE(payload_bit, im->chunk[1].payload.p[3] ^= 4)
CHANGE(stored_hash, *HEAD(1, 40) ^= 1)
CHANGE(raw_hash, *HEAD(1, 48) ^= 1)
CHANGE(head_hash, *HEAD(1, 56) ^= 1)
CHANGE(head_bit, *HEAD(1, 33) ^= 1)

/* ---- H10: the tail ---- */

CHANGE(tail_missing, im->file.len = get_le64(TRAILER(0)))
CHANGE(trailer_missing, im->file.len -= 64)
CHANGE(trailer_cut, im->file.len--)
CHANGE(byte_after, buf_u8(&im->file, 0))
CHANGE(trailer_twice, buf_put(&im->file, im->trailer, 64))
CHANGE(index_entry_missing, im->index.len -= 25)
CHANGE(index_entry_extra, buf_put(&im->index, im->index.p + 75, 25))
CHANGE(index_tensor, put_le32(im->index.p + 50, 1))
CHANGE(index_tensor_max, put_le32(im->index.p + 50, UINT32_MAX))
CHANGE(index_rows, put_le32(im->index.p + 54, 4))
CHANGE(index_rows_max, put_le32(im->index.p + 4, UINT32_MAX))
CHANGE(index_stored, put_le32(im->index.p + 58, 19))
CHANGE(index_stored_max, put_le32(im->index.p + 58, UINT32_MAX))
CHANGE(index_codec, im->index.p[62] = 1)
CHANGE(index_signal, put_lef32(im->index.p + 17, 2.25f))
CHANGE(index_noise_nan, put_lef32(im->index.p + 13, NAN))
CHANGE(index_loss, put_lef32(im->index.p + 21, 0.125f))
CHANGE(index_loss_0, put_lef32(im->index.p + 21, 0))
CHANGE(index_loss_nan, put_lef32(im->index.p + 21, NAN))
CHANGE(index_raw_len, put_le64(im->index_head, 101))
CHANGE(index_raw_max, put_le64(im->index_head, UINT64_MAX))
CHANGE(index_stored_len, put_le64(im->index_head + 8, 1000))
CHANGE(index_stored_len_max, put_le64(im->index_head + 8, UINT64_MAX))
CHANGE(index_hash, im->index_head[16] ^= 1)
CHANGE(index_head_hash, im->index_head[24] ^= 1)
CHANGE(trailer_off, put_le64(TRAILER(0), get_le64(TRAILER(0)) + 1))
CHANGE(trailer_off_0, put_le64(TRAILER(0), 0))
CHANGE(trailer_off_max, put_le64(TRAILER(0), UINT64_MAX))
CHANGE(trailer_len, put_le64(TRAILER(8), get_le64(TRAILER(8)) - 1))
CHANGE(trailer_len_max, put_le64(TRAILER(8), UINT64_MAX))
CHANGE(trailer_count, put_le64(TRAILER(16), 3))
CHANGE(trailer_size, put_le64(TRAILER(24), get_le64(TRAILER(24)) + 1))
CHANGE(trailer_digest, im->trailer[40] ^= 1)
CHANGE(trailer_hash, im->trailer[48] ^= 1)
CHANGE(trailer_magic, im->trailer[56] = 0x89)

static void good(struct image *im)
{
	(void)im;
}

/* Another chunk, right in itself and the same to the index. */
CHANGE(chunk_replaced, im->chunk[1].payload.p[3] ^= 4;
       put_le64(HEAD(1, 40), XXH3_64bits(im->chunk[1].payload.p, 16));
       put_le64(HEAD(1, 48), XXH3_64bits(im->chunk[1].payload.p, 16));
       image_rehash(HEAD(1, 0), 56))

#define BAD HVQZ_DAMAGED
#define UNSUP HVQZ_UNSUPPORTED
/* The function's name is the case's. */
#define CASE(rule_, at_, change_, ret_, word_)                          \
	{.rule = rule_, .name = #change_, .at = at_, .change = change_, \
	 .ret = ret_, .word = word_}
#define CASE_SEQUENCE(rule_, at_, change_, ret_, word_)                 \
	{.rule = rule_, .name = #change_, .at = at_, .change = change_, \
	 .ret = ret_, .word = word_, .sequence_only = true}

const struct corpus_case container_corpus[] = {
	CASE("-", AT_FILE, good, HVQZ_OK, ""),
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
	CASE("H1", AT_PROLOGUE, prologue_flags, UNSUP, "flags 0x0001"),
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

	CASE("H3", AT_CHUNKS, chunks_swapped, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tensors_swapped, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_twice, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_missing, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_last_missing, BAD, ""),
	CASE("H3", AT_PROLOGUE, chunk_extra, BAD, "complete after"),
	CASE("H3", AT_PROLOGUE, count_none, BAD, "allows"),
	CASE("H3", AT_PROLOGUE, count_low, BAD, "one more"),
	CASE("H3", AT_PROLOGUE, count_high, BAD, "complete after"),
	CASE("H3", AT_PROLOGUE, count_max, BAD, "allows"),
	CASE("H3", AT_CHUNKS, rows_zero, BAD, "0 rows where"),
	CASE("H3", AT_CHUNKS, rows_many, BAD, "are left"),
	CASE("H3", AT_CHUNKS, rows_max, BAD, "are left"),
	CASE("H3", AT_CHUNKS, rows_few, BAD, "raw length"),
	CASE("H3", AT_CHUNKS, row_gap, BAD, "is due"),
	CASE("H3", AT_CHUNKS, row_overlap, BAD, "is due"),
	CASE("H3", AT_CHUNKS, row_max, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tensor_wrong, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tensor_max, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tensor_past, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tiled_otherwise, HVQZ_OK, ""),
	CASE("H3", AT_HEADER, copy_chunk, BAD, "is due"),
	CASE("H3", AT_HEADER, copy_chunk_last, BAD, "complete after"),
	CASE("H3", AT_HEADER, copy_count, BAD, "allows"),

	CASE("H4", AT_CHUNKS, raw_len_more, BAD, "raw length"),
	CASE("H4", AT_CHUNKS, raw_len_less, BAD, "raw length"),
	CASE("H4", AT_PROLOGUE, raw_len_over_max, BAD, "at most"),
	CASE("H5", AT_CHUNKS, stored_more, BAD, "for 32 raw"),
	CASE("H5", AT_CHUNKS, stored_max, BAD, "for 32 raw"),
	CASE("H5", AT_CHUNKS, stored_less_raw, BAD, "stored raw"),
	CASE("H5", AT_CHUNKS, stored_none, BAD, "stored length"),
	CASE("H5", AT_HEADER, stored_past_end, BAD, "truncated"),
	CASE("H6", AT_CHUNKS, codec_7, UNSUP, "codec 7 is unknown"),
	CASE("H6", AT_CHUNKS, codec_255, UNSUP, "codec 255"),
	CASE("H6", AT_CHUNKS, delta_no_base, BAD, "from a base model"),
	CASE("H6", AT_HEADER, delta_with_base, HVQZ_OK, ""),
	CASE("H6", AT_CHUNKS, lossy_codec, BAD, "lossy codec"),
	CASE("H6", AT_CHUNKS, lossy_codec_3, BAD, "lossy codec"),
	CASE("H6", AT_CHUNKS, lossy_codec_4, BAD, "lossy codec"),
	CASE("H8", AT_CHUNKS, noise_nan, BAD, "finite"),
	CASE("H8", AT_CHUNKS, noise_inf, BAD, "finite"),
	CASE("H8", AT_CHUNKS, noise_negative, BAD, "finite"),
	CASE("H8", AT_CHUNKS, noise_minus_0, BAD, "finite"),
	CASE("H8", AT_CHUNKS, signal_nan, BAD, "finite"),
	CASE("H8", AT_CHUNKS, signal_inf, BAD, "finite"),
	CASE("H8", AT_CHUNKS, loss_nan, BAD, "finite"),
	CASE("H8", AT_CHUNKS, loss_inf, BAD, "finite"),
	CASE("H8", AT_CHUNKS, loss_negative, BAD, "finite"),
	CASE("H8", AT_CHUNKS, loss_minus_0, BAD, "finite"),
	CASE("H8", AT_CHUNKS, loss_largest, HVQZ_OK, ""),
	CASE("H8", AT_CHUNKS, noise_lossless, BAD, "lossless"),
	CASE("H8", AT_CHUNKS, signal_lossless, BAD, "lossless"),
	CASE("H8", AT_CHUNKS, loss_lossless, BAD, "lossless"),
	CASE("H12", AT_HEADER, work_too_much, BAD, "at least 64"),
	CASE("H12", AT_HEADER, work_allowed, HVQZ_OK, ""),

	CASE("H7", AT_FRAME, header_no_size, BAD, "no content size"),
	CASE("H7", AT_FRAME, header_checksum, BAD, "checksum"),
	CASE("H7", AT_FRAME, header_window, BAD, "window"),
	CASE("H7", AT_FRAME, header_window_max, BAD, "window"),
	CASE("H7", AT_FRAME, header_short, BAD, "frame"),
	CASE("H7", AT_PROLOGUE, header_bomb, BAD, "frame"),
	CASE("H7", AT_FRAME, header_dictionary, BAD, "dictionary"),
	CASE("H7", AT_FRAME, header_reserved, BAD, "reserved"),
	CASE("H7", AT_FRAME, header_unused, BAD, "reserved"),
	CASE("H7", AT_FRAME, header_skippable, BAD, "skippable"),
	CASE("H7", AT_FRAME, header_then_skip, BAD, "followed"),
	CASE("H7", AT_FRAME, header_then_byte, BAD, "followed"),
	CASE("H7", AT_FRAME, header_frame_cut, BAD, "longer or shorter"),
	CASE("H7", AT_FRAME, header_frame_none, BAD, "frame"),
	CASE("H7", AT_FRAME, header_frame_5, BAD, "is truncated"),
	CASE("H7", AT_FRAME, header_not_zstd, BAD, "frame"),
	CASE("H7", AT_FRAME, header_block, BAD, "is damaged:"),
	CASE("H7", AT_INDEX_FRAME, index_no_size, BAD, "no content size"),
	CASE("H7", AT_INDEX_FRAME, index_checksum, BAD, "checksum"),
	CASE("H7", AT_INDEX_FRAME, index_window, BAD, "window"),
	CASE("H7", AT_INDEX_FRAME, index_short, BAD, "frame"),
	CASE("H7", AT_INDEX_FRAME, index_then_byte, BAD, "followed"),
	CASE("H7", AT_INDEX_FRAME, index_skippable, BAD, "skippable"),
	CASE("H7", AT_INDEX_FRAME, index_frame_cut, BAD, "frame"),

	CASE("H9", AT_CHUNKS, payload_bit, BAD, "stored bytes"),
	CASE("H9", AT_CHUNKS, stored_hash, BAD, "stored bytes"),
	CASE("H9", AT_CHUNKS, raw_hash, BAD, "reconstructed bytes"),
	CASE("H9", AT_CHUNK_HASHES, head_hash, BAD, "hash"),
	CASE("H9", AT_CHUNK_HASHES, head_bit, BAD, "hash"),

	CASE("H10", AT_FILE, tail_missing, BAD, "truncated"),
	CASE("H10", AT_FILE, trailer_missing, BAD, "truncated"),
	CASE("H10", AT_FILE, trailer_cut, BAD, "truncated"),
	CASE("H10", AT_FILE, byte_after, BAD, "follow"),
	CASE("H10", AT_FILE, trailer_twice, BAD, "follow"),
	CASE("H10", AT_INDEX, index_entry_missing, BAD, "index has"),
	CASE("H10", AT_INDEX, index_entry_extra, BAD, "index has"),
	CASE("H10", AT_INDEX, index_tensor, BAD, "agree"),
	CASE("H10", AT_INDEX, index_tensor_max, BAD, "agree"),
	CASE("H10", AT_INDEX, index_rows, BAD, "agree"),
	CASE("H10", AT_INDEX, index_rows_max, BAD, "agree"),
	CASE("H10", AT_INDEX, index_stored, BAD, "agree"),
	CASE("H10", AT_INDEX, index_stored_max, BAD, "agree"),
	CASE("H10", AT_INDEX, index_codec, BAD, "agree"),
	CASE("H10", AT_INDEX, index_signal, BAD, "agree"),
	CASE("H10", AT_INDEX, index_noise_nan, BAD, "agree"),
	CASE("H10", AT_INDEX, index_loss, BAD, "agree"),
	CASE("H10", AT_INDEX, index_loss_0, BAD, "agree"),
	CASE("H10", AT_INDEX, index_loss_nan, BAD, "agree"),
	CASE("H10", AT_INDEX_HEAD, index_raw_len, BAD, "index has"),
	CASE("H10", AT_INDEX_HEAD, index_raw_max, BAD, "index has"),
	CASE("H10", AT_INDEX_HEAD, index_stored_len, BAD, "more than"),
	CASE("H10", AT_INDEX_HEAD, index_stored_len_max, BAD, "more than"),
	CASE("H10", AT_INDEX_HEAD, index_hash, BAD, "hash"),
	CASE("H10", AT_INDEX_HASH, index_head_hash, BAD, "hash"),
	CASE("H10", AT_TRAILER, trailer_off, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_off_0, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_off_max, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_len, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_len_max, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_count, BAD, "trailer says"),
	CASE("H10", AT_TRAILER, trailer_size, BAD, "trailer says"),
	CASE_SEQUENCE("H10", AT_TRAILER, trailer_digest, BAD, "heads do not"),
	CASE("H10", AT_TRAILER_HASH, trailer_hash, BAD, "hash"),
	CASE("H10", AT_TRAILER_HASH, trailer_magic, BAD, "trailer"),
	CASE_SEQUENCE("H10", AT_TRAILER, chunk_replaced, BAD, "heads do not"),
};

const size_t container_corpus_n =
	sizeof(container_corpus) / sizeof(container_corpus[0]);
