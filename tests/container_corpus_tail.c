/*
 * container_corpus_tail.c - what can be wrong with zstd frames, the index and the
 * trailer.
 */
#include "tests/container_corpus_cases.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

/* ---- H7: zstd frames ---- */

static void add_skippable(struct buf *frame, size_t at)
{
	image_splice(frame, at, 0, "\x50\x2a\x4d\x18\2\0\0\0hi", 10);
}

/* A lying length far above what is there, within the limits. */
static void header_bomb(struct image *im)
{
	image_lying_frame(&im->frame, 23, CONTAINER_FREE_HEADER);
	put_le64(PROLOGUE(16), CONTAINER_FREE_HEADER);
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

const struct corpus_case container_cases_frames[] = {
	CASE("-", AT_FILE, good, HVQZ_OK, ""),

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

const size_t container_cases_frames_n =
	sizeof(container_cases_frames) / sizeof(*container_cases_frames);
