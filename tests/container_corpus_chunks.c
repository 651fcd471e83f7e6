/*
 * container_corpus_chunks.c - what can be wrong with chunks: their place, lengths,
 * codec, numbers and hashes.
 */
#include "tests/container_corpus_cases.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

/* ---- H3: chunks tile every tensor exactly once, in order ---- */

CHANGE(chunks_swapped, image_swap_chunks(im, 0, 1))
CHANGE(tensors_swapped, image_swap_chunks(im, 2, 3))
CHANGE(chunk_twice, image_repeat_chunk(im, 0); put_le64(PROLOGUE(40), 5))
/* The first tensor's 48 bytes in one chunk would do, then. */
CHANGE(chunk_missing, image_drop_chunk(im, 1); put_le32(PROLOGUE(12), 48);
       put_le64(PROLOGUE(40), 3))
CHANGE(chunk_last_missing, image_drop_chunk(im, 3); put_le64(PROLOGUE(40), 3))
CHANGE(chunk_extra, image_repeat_chunk(im, 3); put_le64(PROLOGUE(40), 5))
CHANGE(count_none, put_le64(PROLOGUE(40), 0))
CHANGE(count_low, put_le32(PROLOGUE(12), 48); put_le64(PROLOGUE(40), 3))
CHANGE(count_below_sizes, put_le64(PROLOGUE(40), 3))
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

/* ---- H11: more than the header has declared ---- */

/* b.bias' 5 rows of 4 bytes become 24 bytes in `rows` rows, all consistent. */
static void overflow_bias(struct image *im, uint32_t rows)
{
	struct buf *p = &im->chunk[2].payload;

	buf_u32(p, 0);
	put_le32(HEAD(2, 16), rows);
	put_le32(HEAD(2, 20), 24);
	put_le32(HEAD(2, 24), 24);
	put_le64(HEAD(2, 40), XXH3_64bits(p->p, p->len));
	put_le64(HEAD(2, 48), XXH3_64bits(p->p, p->len));
}

CHANGE(output_row_more, overflow_bias(im, 6))
CHANGE(output_longer_rows, overflow_bias(im, 5))

/* ---- H9: chunk hashes ---- */

CHANGE(payload_bit, im->chunk[1].payload.p[3] ^= 4)
CHANGE(stored_hash, *HEAD(1, 40) ^= 1)
CHANGE(raw_hash, *HEAD(1, 48) ^= 1)
CHANGE(head_hash, *HEAD(1, 56) ^= 1)
CHANGE(head_bit, *HEAD(1, 33) ^= 1)

const struct corpus_case container_cases_chunks[] = {
	CASE("H3", AT_CHUNKS, chunks_swapped, BAD, "is due"),
	CASE("H3", AT_CHUNKS, tensors_swapped, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_twice, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_missing, BAD, "is due"),
	CASE("H3", AT_PROLOGUE, chunk_last_missing, BAD, ""),
	CASE("H3", AT_PROLOGUE, chunk_extra, BAD, "complete after"),
	CASE("H3", AT_PROLOGUE, count_none, BAD, "allows"),
	CASE("H3", AT_PROLOGUE, count_low, BAD, "one more"),
	CASE("H3", AT_PROLOGUE, count_below_sizes, BAD,
	     "the table allows 4 to 12"),
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

	CASE("H11", AT_CHUNKS, output_row_more, BAD, "are left"),
	CASE("H11", AT_CHUNKS, output_longer_rows, BAD, "raw length"),

	CASE("H9", AT_CHUNKS, payload_bit, BAD, "stored bytes"),
	CASE("H9", AT_CHUNKS, stored_hash, BAD, "stored bytes"),
	CASE("H9", AT_CHUNKS, raw_hash, BAD, "reconstructed bytes"),
	CASE("H9", AT_CHUNK_HASHES, head_hash, BAD, "hash"),
	CASE("H9", AT_CHUNK_HASHES, head_bit, BAD, "hash"),
};

const size_t container_cases_chunks_n =
	sizeof(container_cases_chunks) / sizeof(*container_cases_chunks);
