/*
 * container_image.c - a good .hvqz, taken apart and put together.
 *
 * Offsets here are written out from formats/hvqz.md on purpose, not taken from
 * the library: a mistake its reader and writer share shows.
 */
#include "tests/container_image.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

void image_must(enum hvqz_ret ret)
{
	if (ret != HVQZ_OK)
		abort();
}

/* ---- the good file ---- */

static const char source_json[] =
	"{\"a.weight\":{\"dtype\":\"BF16\",\"shape\":[6,4],"
	"\"data_offsets\":[0,48]},"
	"\"empty\":{\"dtype\":\"F32\",\"shape\":[0,3],"
	"\"data_offsets\":[48,48]},"
	"\"b.bias\":{\"dtype\":\"F32\",\"shape\":[5],"
	"\"data_offsets\":[48,68]},"
	"\"scalar\":{\"dtype\":\"I64\",\"shape\":[],"
	"\"data_offsets\":[68,76]}}";

static void good_info(struct container_info *info)
{
	static const uint64_t a[] = {6, 4}, e[] = {0, 3}, b[] = {5};
	struct model *m = &info->model;
	struct buf head = {0};

	*info = (struct container_info){.n_chunks = 4, .max_raw = 32};
	image_must(model_add(m, "a.weight", DTYPE_BF16, 2, a, NULL));
	image_must(model_add(m, "empty", DTYPE_F32, 2, e, NULL));
	image_must(model_add(m, "b.bias", DTYPE_F32, 1, b, NULL));
	image_must(model_add(m, "scalar", DTYPE_I64, 0, NULL, NULL));
	strcpy(m->format, "safetensors");
	buf_u64(&head, sizeof(source_json) - 1);
	buf_put(&head, source_json, sizeof(source_json) - 1);
	m->head = head.p;
	m->head_len = head.len;
	info->tensor_flags = calloc(4, 1);
	info->tensor_flags[0] = TENSOR_LOSSY;
	image_must(container_note(info, "encoder", "hvqz corpus", NULL));
}

void image_good(struct buf *file)
{
	static const struct chunk_head heads[] = {
		{.tensor = 0, .n_rows = 4, .raw_len = 32, .signal = 2.5f,
		 .loss = 0.25f},
		{.tensor = 0, .first_row = 4, .n_rows = 2, .raw_len = 16,
		 .loss = 0.125f},
		{.tensor = 2, .n_rows = 5, .raw_len = 20},
		{.tensor = 3, .n_rows = 1, .raw_len = 8},
	};
	struct container_writer *w;
	struct container_info info;
	struct sink out;

	buf_clear(file);
	sink_init_memory(&out, file);
	good_info(&info);
	image_must(container_write_head(&w, &info, &out, NULL));
	for (size_t i = 0; i < 4; i++) {
		struct chunk_head h = heads[i];
		uint8_t raw[32];

		for (size_t j = 0; j < h.raw_len; j++)
			raw[j] = (uint8_t)(j & 1 ? 0x3f : 37 * i + 11 * j);
		h.stored_len = h.raw_len;
		h.stored_hash = h.raw_hash = XXH3_64bits(raw, h.raw_len);
		image_must(container_write_chunk(w, &h, raw, NULL));
	}
	image_must(container_write_tail(w, NULL));
	container_writer_free(w);
	container_info_free(&info);
}

/* ---- apart, and together again ---- */

static void unpack(struct buf *to, const uint8_t *p, uint64_t n, uint64_t len)
{
	uint8_t *raw;

	buf_clear(to);
	raw = buf_grow(to, len);
	if (!raw || ZSTD_decompress(raw, len, p, n) != len)
		abort();
}

void image_take_apart(const struct buf *file, struct image *im)
{
	const uint8_t *p = file->p, *end = file->p + file->len;
	const uint8_t *index;
	uint64_t len;

	memcpy(im->prologue, p, 64);
	len = get_le64(p + 24);
	unpack(&im->header, p + 64, len, get_le64(p + 16));
	p += 64 + len;
	memcpy(im->trailer, end - 64, 64);
	index = file->p + get_le64(im->trailer);
	while (p < index) {
		struct image_chunk *c = &im->chunk[im->n_chunks++];

		memcpy(c->head, p, 64);
		buf_put(&c->payload, p + 64, get_le32(p + 24));
		p += 64 + c->payload.len;
	}
}

static void pack(const struct buf *raw, struct buf *frame)
{
	uint8_t *to;

	buf_clear(frame);
	to = buf_grow(frame, ZSTD_compressBound(raw->len));
	if (!to)
		abort();
	frame->len = ZSTD_compress(to, frame->len, raw->p, raw->len, 19);
}

void image_rehash(uint8_t *p, size_t at)
{
	put_le64(p + at, XXH3_64bits(p, at));
}

static void make_index(struct image *im)
{
	buf_clear(&im->index);
	for (size_t i = 0; i < im->n_chunks; i++) {
		const uint8_t *h = im->chunk[i].head;

		buf_put(&im->index, h, 4);
		buf_put(&im->index, h + 16, 4);
		buf_put(&im->index, h + 24, 4);
		buf_put(&im->index, h + 4, 1);
		buf_put(&im->index, h + 28, 12);
	}
}

static void make_trailer(struct image *im)
{
	uint64_t off = 64 + im->frame.len, len = 32 + im->index_frame.len;
	XXH3_state_t *s = XXH3_createState();
	XXH128_canonical_t digest;

	XXH3_128bits_reset(s);
	XXH3_128bits_update(s, im->prologue, 64);
	for (size_t i = 0; i < im->n_chunks; i++) {
		XXH3_128bits_update(s, im->chunk[i].head, 64);
		off += 64 + im->chunk[i].payload.len;
	}
	XXH3_128bits_update(s, im->index_head, 32);
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(s));
	XXH3_freeState(s);
	put_le64(im->trailer, off);
	put_le64(im->trailer + 8, len);
	put_le64(im->trailer + 16, im->n_chunks);
	put_le64(im->trailer + 24, off + len + 64);
	memcpy(im->trailer + 32, &digest, 16);
}

static void assemble(struct image *im)
{
	buf_clear(&im->file);
	buf_put(&im->file, im->prologue, 64);
	buf_put(&im->file, im->frame.p, im->frame.len);
	for (size_t i = 0; i < im->n_chunks; i++) {
		buf_put(&im->file, im->chunk[i].head, 64);
		buf_put(&im->file, im->chunk[i].payload.p,
			im->chunk[i].payload.len);
	}
	buf_put(&im->file, im->index_head, 32);
	buf_put(&im->file, im->index_frame.p, im->index_frame.len);
	buf_put(&im->file, im->trailer, 64);
}

void image_derive(struct image *im, enum corpus_stage at)
{
	switch (at) {
	case AT_FRAME:
		pack(&im->header, &im->frame);
		break;
	case AT_PROLOGUE:
		put_le64(im->prologue + 16, im->header.len);
		put_le64(im->prologue + 24, im->frame.len);
		put_le64(im->prologue + 48,
			 XXH3_64bits(im->frame.p, im->frame.len));
		break;
	case AT_PROLOGUE_HASH:
		image_rehash(im->prologue, 56);
		break;
	case AT_CHUNK_HASHES:
		for (size_t i = 0; i < im->n_chunks; i++)
			image_rehash(im->chunk[i].head, 56);
		break;
	case AT_INDEX:
		make_index(im);
		break;
	case AT_INDEX_FRAME:
		pack(&im->index, &im->index_frame);
		break;
	case AT_INDEX_HEAD:
		put_le64(im->index_head, im->index.len);
		put_le64(im->index_head + 8, im->index_frame.len);
		put_le64(im->index_head + 16,
			 XXH3_64bits(im->index_frame.p, im->index_frame.len));
		break;
	case AT_INDEX_HASH:
		image_rehash(im->index_head, 24);
		break;
	case AT_TRAILER:
		make_trailer(im);
		break;
	case AT_TRAILER_HASH:
		image_rehash(im->trailer, 48);
		break;
	case AT_FILE:
		assemble(im);
		break;
	case AT_HEADER:
	case AT_CHUNKS:
		break;
	}
}

void image_free(struct image *im)
{
	for (size_t i = 0; i < IMAGE_MAX_CHUNKS; i++)
		buf_free(&im->chunk[i].payload);
	buf_free(&im->header);
	buf_free(&im->frame);
	buf_free(&im->index);
	buf_free(&im->index_frame);
	buf_free(&im->file);
}

/* ---- the tools of the cases ---- */

void image_splice(struct buf *b, size_t at, size_t n, const void *p, size_t m)
{
	size_t rest = b->len - at - n;

	assert(at + n <= b->len);
	if (m > n)
		image_must(buf_grow(b, m - n) ? HVQZ_OK : HVQZ_NOMEM);
	memmove(b->p + at + m, b->p + at + n, rest);
	if (m)
		memcpy(b->p + at, p, m);
	b->len = at + m + rest;
}

size_t image_find_name(const struct image *im, const char *name)
{
	size_t len = strlen(name), at = im->header.len - len;

	/* From the back: the source's header has the names too. */
	while (memcmp(im->header.p + at, name, len))
		at--;
	return at;
}

uint8_t *image_in_header(struct image *im, const char *name, size_t off)
{
	return im->header.p + image_find_name(im, name) + strlen(name) + off;
}

void image_rename_to(struct image *im, const char *name, const void *p,
		      size_t n)
{
	size_t at = image_find_name(im, name);

	put_le32(im->header.p + at - 4, (uint32_t)n);
	image_splice(&im->header, at, strlen(name), p, n);
}

size_t image_base_at(const struct image *im)
{
	const uint8_t *p = im->header.p;
	size_t at = 2u + get_le16(p);

	return at + 8 + get_le64(p + at);
}

size_t image_table_at(const struct image *im)
{
	size_t at = image_base_at(im);

	return at + 1 + (im->header.p[at] ? 16 : 0);
}

void image_add_copy(struct image *im, const char *before, const char *name,
		    enum dtype dtype, uint8_t flags, uint64_t n, uint32_t of)
{
	uint8_t *count = im->header.p + image_table_at(im);
	size_t at = before ? image_find_name(im, before) - 4
			   : im->header.len - 28;
	struct buf rec = {0};

	put_le32(count, get_le32(count) + 1);
	put_le64(im->prologue + 32, get_le64(im->prologue + 32) +
				    n * dtype_bits(dtype) / 8);
	buf_u32(&rec, (uint32_t)strlen(name));
	buf_put(&rec, name, strlen(name));
	buf_u8(&rec, (uint8_t)dtype);
	buf_u8(&rec, flags);
	buf_u8(&rec, 1);
	buf_u64(&rec, n);
	buf_u32(&rec, of);
	image_splice(&im->header, at, 0, rec.p, rec.len);
	buf_free(&rec);
}

void image_drop_chunk(struct image *im, size_t i)
{
	buf_free(&im->chunk[i].payload);
	for (im->n_chunks--; i < im->n_chunks; i++)
		im->chunk[i] = im->chunk[i + 1];
	im->chunk[im->n_chunks] = (struct image_chunk){0};
}

void image_swap_chunks(struct image *im, size_t i, size_t j)
{
	struct image_chunk c = im->chunk[i];

	im->chunk[i] = im->chunk[j];
	im->chunk[j] = c;
}

void image_repeat_chunk(struct image *im, size_t i)
{
	struct image_chunk *from = &im->chunk[i];
	struct image_chunk *to = &im->chunk[im->n_chunks++];

	memcpy(to->head, from->head, 64);
	buf_put(&to->payload, from->payload.p, from->payload.len);
	for (size_t j = im->n_chunks - 1; j > i + 1; j--)
		image_swap_chunks(im, j, j - 1);
}

void image_set_frame(struct buf *frame, const void *p, size_t n)
{
	buf_clear(frame);
	buf_put(frame, p, n);
}

void image_pack_with(const struct buf *raw, struct buf *frame,
		     ZSTD_cParameter par, int value)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = {raw->p, raw->len, 0};
	ZSTD_outBuffer out = {0};

	buf_clear(frame);
	out.dst = buf_grow(frame, ZSTD_compressBound(raw->len));
	out.size = frame->len;
	ZSTD_CCtx_setParameter(c, par, value);
	ZSTD_CCtx_setPledgedSrcSize(c, raw->len);
	while (ZSTD_compressStream2(c, &out, &in, ZSTD_e_continue) &&
	       in.pos < in.size)
		;
	while (ZSTD_compressStream2(c, &out, &in, ZSTD_e_end))
		;
	frame->len = out.pos;
	ZSTD_freeCCtx(c);
}

void image_lying_frame(struct buf *frame, unsigned wlog, uint32_t len)
{
	static const uint8_t block[] = {0x09, 0, 0, 'x'};

	image_set_frame(frame, "\x28\xb5\x2f\xfd\x80", 5);
	buf_u8(frame, (uint8_t)((wlog - 10) << 3));
	buf_u32(frame, len);
	buf_put(frame, block, sizeof(block));
}
