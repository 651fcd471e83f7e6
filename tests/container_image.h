/*
 * container_image.h - a .hvqz taken apart, to be spoiled and put together.
 *
 * Everything derived (frames, lengths, hashes, index, trailer) is made again
 * stage by stage, so that a change made at one stage is consistent from there
 * on. Allocation failures abort: these are tools of the tests.
 */
#ifndef TESTS_CONTAINER_IMAGE_H
#define TESTS_CONTAINER_IMAGE_H

#include "base/buf.h"
#include "base/dtype.h"

#include <stdint.h>
#include <zstd.h>

/* When a case makes its change: just before what is derived from it. */
enum corpus_stage {
	AT_HEADER,		/* the header unpacked, and all else */
	AT_FRAME,		/* the header's zstd frame */
	AT_PROLOGUE,		/* the prologue, its lengths filled */
	AT_PROLOGUE_HASH,	/* its hash filled too */
	AT_CHUNKS,		/* chunk heads and payloads */
	AT_CHUNK_HASHES,	/* the heads' hashes filled */
	AT_INDEX,		/* the index's unpacked bytes */
	AT_INDEX_FRAME,
	AT_INDEX_HEAD,
	AT_INDEX_HASH,
	AT_TRAILER,		/* all fields filled but the hash */
	AT_TRAILER_HASH,
	AT_FILE,		/* the assembled bytes */
};

enum { IMAGE_MAX_CHUNKS = 8 };

struct image {
	uint8_t prologue[64];
	struct buf header;		/* unpacked */
	struct buf frame;
	struct image_chunk {
		uint8_t head[64];
		struct buf payload;
	} chunk[IMAGE_MAX_CHUNKS];
	size_t n_chunks;
	struct buf index;		/* unpacked */
	struct buf index_frame;
	uint8_t index_head[32];
	uint8_t trailer[64];
	struct buf file;
};

/*
 * The good file, to *file (cleared first): a raw-coded safetensors model of
 * four tensors, one of them empty, in four chunks.
 */
void image_good(struct buf *file);

/* Abort unless it went well. */
void image_must(enum hvqz_ret ret);

void image_take_apart(const struct buf *file, struct image *im);
/* What stage `at` stands behind is made here, from what came before. */
void image_derive(struct image *im, enum corpus_stage at);
void image_free(struct image *im);

/* The record's XXH3-64 of the bytes before `at`, put there. */
void image_rehash(uint8_t *p, size_t at);
/* n bytes at `at` of b become the m bytes of p. */
void image_splice(struct buf *b, size_t at, size_t n, const void *p,
		  size_t m);

/* Where in the unpacked header it says whether there is a base model. */
size_t image_base_at(const struct image *im);
/* Where in the unpacked header the tensor table starts. */
size_t image_table_at(const struct image *im);
/* Where in the unpacked header the last occurrence of name starts. */
size_t image_find_name(const struct image *im, const char *name);
/* The byte off behind that name. */
uint8_t *image_in_header(struct image *im, const char *name, size_t off);
/* The table's entry gets another name, with its length. */
void image_rename_to(struct image *im, const char *name, const void *p,
		     size_t n);

/*
 * A tensor of n elements more in the table, a copy of tensor `of`: before
 * another one, or (NULL) as the last.
 */
void image_add_copy(struct image *im, const char *before, const char *name,
		    enum dtype dtype, uint8_t flags, uint64_t n, uint32_t of);

void image_drop_chunk(struct image *im, size_t i);
void image_swap_chunks(struct image *im, size_t i, size_t j);
void image_repeat_chunk(struct image *im, size_t i);

void image_set_frame(struct buf *frame, const void *p, size_t n);
/* A frame of raw made with one parameter that ours never have. */
void image_pack_with(const struct buf *raw, struct buf *frame,
		     ZSTD_cParameter par, int value);
/*
 * A frame that declares len bytes in a window of 2^wlog and has one of them,
 * in a raw block.
 */
void image_lying_frame(struct buf *frame, unsigned wlog, uint32_t len);

#endif
