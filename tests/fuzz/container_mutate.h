/*
 * container_mutate.h - mutating a .hvqz so that what is behind its hashes is
 * reached.
 *
 * The file is taken apart, one part is changed, and everything behind it is put
 * right again: lengths, hashes (that of the restored bytes too, by decoding),
 * index and trailer. Sometimes one step is left out.
 */
#ifndef TESTS_FUZZ_CONTAINER_MUTATE_H
#define TESTS_FUZZ_CONTAINER_MUTATE_H

#include "job/job_internal.h"
#include "tests/container_image.h"
#include "tests/fuzz/fuzz.h"

#include <xxhash.h>

enum { MEMORY_LIMIT = 64 << 20 };

/* image_take_apart() of any bytes; false when they are not so made. */
static bool take_apart(struct buf *file, struct image *im)
{
	const uint8_t *p = file->p, *tail;
	uint64_t at, stored, raw, index;
	size_t n = 0;

	if (file->len < 192)
		return false;
	tail = p + file->len - 64;
	stored = get_le64(p + 24);
	raw = get_le64(p + 16);
	index = get_le64(tail);
	if (stored > file->len - 128 || !raw || raw > 1 << 20 ||
	    index > file->len - 64 ||
	    ZSTD_getFrameContentSize(p + 64, stored) != raw)
		return false;
	for (at = 64 + stored; at < index; n++) {
		if (n == IMAGE_MAX_CHUNKS - 1 || index - at < 64)
			return false;
		at += 64 + (uint64_t)get_le32(p + at + 24);
	}
	if (at != index)
		return false;
	/* It aborts where the frame is bad. */
	for (void *to = malloc(raw + 1); to; to = NULL) {
		bool good = ZSTD_decompress(to, raw, p + 64, stored) == raw;

		free(to);
		if (!good)
			return false;
	}
	image_take_apart(file, im);
	return true;
}

static void mutate_buf(struct buf *b, size_t most)
{
	size_t len = b->len;

	FUZZ_HOLDS(buf_grow(b, most));
	b->len = LLVMFuzzerMutate(b->p, len, len + most);
}

/* Stored lengths and hashes of all chunks. */
static void mend_chunks(struct image *im)
{
	for (size_t i = 0; i < im->n_chunks; i++) {
		struct image_chunk *c = &im->chunk[i];

		put_le32(c->head + 24, (uint32_t)c->payload.len);
		put_le64(c->head + 40,
			 XXH3_64bits(c->payload.p, c->payload.len));
	}
}

/* Hashes of restored bytes, as far as the file can be read. */
static void mend_raw(struct image *im)
{
	struct job_env env = {.memory_limit = MEMORY_LIMIT};
	struct codec_env codec_env = job_codec_env(&env);
	struct container_reader *r;
	struct container_info info;
	struct source_memory mem;
	struct chunk_head h;
	struct source src;
	struct buf payload = {0};
	bool end = false;

	source_init_memory(&src, &mem, im->file.p, im->file.len);
	if (container_read_head(&r, &src, &info, NULL))
		goto out;
	for (size_t i = 0; i < im->n_chunks; i++) {
		struct slab s;
		uint8_t *raw;

		if (container_read_chunk(r, &h, &end, NULL) || end ||
		    container_read_payload(r, &payload, NULL) ||
		    h.raw_len > MEMORY_LIMIT / 4 || !codec_find(h.codec))
			break;
		s = chunk_slab(&info, &h);
		raw = malloc(h.raw_len);
		if (raw && h.codec != CODEC_DELTA &&
		    !codec_find(h.codec)->decode(&codec_env, &s, payload.p,
						 payload.len, raw, NULL))
			put_le64(im->chunk[i].head + 48,
				 XXH3_64bits(raw, h.raw_len));
		free(raw);
	}
out:
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
	buf_free(&payload);
}

static void derive(struct image *im, enum corpus_stage from, int skip)
{
	for (int at = from; at <= AT_FILE; at++) {
		if (at == AT_CHUNKS && skip != AT_CHUNKS)
			mend_chunks(im);
		if (at != skip || at == AT_FILE)
			image_derive(im, (enum corpus_stage)at);
	}
}

/* Change one part of the image. */
static void change(struct image *im, struct rng *rng, unsigned what)
{
	size_t i = im->n_chunks ? rng_below(rng, im->n_chunks) : 0;

	switch (im->n_chunks ? what % 8 : what % 2) {
	case 0:
		LLVMFuzzerMutate(im->prologue + 8, 40, 40);
		break;
	case 1:
	case 2:
		mutate_buf(&im->header, 64);
		break;
	case 3:
		LLVMFuzzerMutate(im->chunk[i].head, 40, 40);
		break;
	case 4:
		if (im->n_chunks < IMAGE_MAX_CHUNKS - 1 && what & 8)
			image_repeat_chunk(im, i);
		else if (what & 16)
			image_drop_chunk(im, i);
		else
			image_swap_chunks(im, i, im->n_chunks - 1);
		put_le64(im->prologue + 40, im->n_chunks);
		break;
	default:
		mutate_buf(&im->chunk[i].payload, 64);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed)
{
	struct rng rng = {seed};
	unsigned what = (unsigned)rng_below(&rng, 64);
	int skip = rng_below(&rng, 8) ? -1
				      : AT_FRAME + (int)rng_below(&rng, 11);
	struct buf file = {0};
	struct image im = {0};

	buf_put(&file, p, len);
	if (what == 63 || !take_apart(&file, &im)) {
		buf_free(&file);
		return LLVMFuzzerMutate(p, len, max);
	}
	change(&im, &rng, what);
	derive(&im, AT_FRAME, skip);
	mend_raw(&im);
	derive(&im, AT_CHUNK_HASHES, skip);
	if (im.file.len <= max) {
		len = im.file.len;
		memcpy(p, im.file.p, len);
	}
	image_free(&im);
	buf_free(&file);
	return len;
}

#endif
