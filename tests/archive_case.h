/*
 * archive_case.h - for tests: archives made by hand, byte by byte, so that any
 * byte can be wrong, and the way of a source through its reader and writer.
 */
#ifndef TESTS_ARCHIVE_CASE_H
#define TESTS_ARCHIVE_CASE_H

#include "base/crc32.h"
#include "formats/format.h"
#include "formats/pieces.h"
#include "formats/tar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One tensor "NAME" of four F32 numbers, as a whole safetensors file. */
static inline void put_safetensors(struct buf *b, const char *name, char fill)
{
	char head[256];
	int n = snprintf(head, sizeof(head), "{\"%s\":{\"dtype\":\"F32\","
			 "\"shape\":[2,2],\"data_offsets\":[0,16]}}", name);

	buf_u64(b, (uint64_t)n);
	buf_put(b, head, (size_t)n);
	for (int i = 0; i < 16; i++)
		buf_u8(b, (uint8_t)fill);
}

/* An array file; len bytes of data. */
static inline void put_npy(struct buf *b, const char *dict, size_t len)
{
	buf_put(b, "\x93NUMPY\1\0", 8);
	buf_u16(b, (uint16_t)(strlen(dict) + 1));
	buf_put(b, dict, strlen(dict));
	buf_u8(b, '\n');
	for (size_t i = 0; i < len; i++)
		buf_u8(b, (uint8_t)i);
}

#define NPY_F4 "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

/* ---- tar ---- */

static inline void pad_block(struct buf *b)
{
	while (b->len % TAR_BLOCK)
		buf_u8(b, 0);
}

/* The check sum of the header at b->p + at is made anew. */
static inline void sum_header(struct buf *b, size_t at)
{
	uint8_t *h = b->p + at;
	unsigned sum = 0;
	char text[12];

	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + 148, text, 7);
}

/* The same of signed bytes. */
static inline void sum_header_signed(struct buf *b, size_t at)
{
	uint8_t *h = b->p + at;
	char text[12];
	int sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += h[i] < 128 ? h[i] : h[i] - 256;
	snprintf(text, sizeof(text), "%06o", (unsigned)sum);
	memcpy(h + 148, text, 7);
}

/* A member of any type; p [n] may be NULL, 0. */
static inline void put_tar(struct buf *b, const char *name, char type,
			   const void *p, size_t n)
{
	size_t at = b->len;

	tar_put_header(b, name, n);
	b->p[at + 156] = (uint8_t)type;
	sum_header(b, at);
	if (n)
		buf_put(b, p, n);
	pad_block(b);
}

static inline void end_tar(struct buf *b)
{
	for (int i = 0; i < 2 * TAR_BLOCK; i++)
		buf_u8(b, 0);
}

static inline void tar_model(struct buf *b, const char *path,
			     const char *tensor, char fill)
{
	struct buf file = {0};

	put_safetensors(&file, tensor, fill);
	put_tar(b, path, '0', file.p, file.len);
	buf_free(&file);
}

static inline void tar_text(struct buf *b, const char *path, const char *text)
{
	put_tar(b, path, '0', text, strlen(text));
}

#define LONG_NAME "123456789012345678901234567890123456789012345678901234567" \
	"890123456789012345678901234567890123456789012345678901234567890"
/* ---- zip ---- */

struct zip_case {
	struct buf *b;
	struct buf directory;
	unsigned n;
	/* For the next member only; zero is right: */
	unsigned flags, method;
	uint32_t crc_add, size_add, off_add, attributes;
	const char *local_name;
	unsigned local_method;		/* this more than the directory's */
	uint32_t local_crc_add;
	uint64_t unpacked_add;
	bool dos;			/* not made on Unix */
	bool zip64;			/* the directory's numbers are there, */
	int extra_add;			/* in so many bytes more */
	size_t name_len;		/* 0: all of it */
};

/* What a member says of itself in 64 bits: all there is. */
static inline void put_zip64(struct buf *d, const struct zip_case *z,
			     size_t n, uint32_t at)
{
	/* One that is passed over in front. */
	buf_u16(d, 7);
	buf_u16(d, 2);
	buf_u16(d, 0);
	buf_u16(d, 1);
	buf_u16(d, (uint16_t)(24 + z->extra_add));
	buf_u64(d, n + z->size_add + z->unpacked_add);
	buf_u64(d, n + z->size_add);
	buf_u64(d, at);
}

static inline void put_zip(struct zip_case *z, const char *name,
			   const void *p, size_t n)
{
	const char *local = z->local_name ? z->local_name : name;
	uint32_t crc = crc32_add(0, p, n) + z->crc_add;
	uint32_t at = (uint32_t)z->b->len + z->off_add;
	struct buf *d = &z->directory;
	size_t name_len = z->name_len ? z->name_len : strlen(name);
	uint32_t packed = (uint32_t)n + z->size_add;
	uint32_t size = packed + (uint32_t)z->unpacked_add;

	buf_u32(z->b, 0x04034b50);
	buf_u16(z->b, 20);
	buf_u16(z->b, (uint16_t)z->flags);
	buf_u16(z->b, (uint16_t)(z->method + z->local_method));
	buf_u32(z->b, 0);
	buf_u32(z->b, crc + z->local_crc_add);
	buf_u32(z->b, (uint32_t)n);
	buf_u32(z->b, (uint32_t)n);
	buf_u16(z->b, (uint16_t)(z->name_len ? name_len : strlen(local)));
	buf_u16(z->b, 0);
	buf_put(z->b, local, z->name_len ? name_len : strlen(local));
	if (n)
		buf_put(z->b, p, n);
	buf_u32(d, 0x02014b50);
	buf_u16(d, z->dos ? 20 : 3 << 8 | 20);
	buf_u16(d, 20);
	buf_u16(d, (uint16_t)z->flags);
	buf_u16(d, (uint16_t)z->method);
	buf_u32(d, 0);
	buf_u32(d, crc);
	buf_u32(d, z->zip64 ? UINT32_MAX : packed);
	buf_u32(d, z->zip64 ? UINT32_MAX : size);
	buf_u16(d, (uint16_t)name_len);
	buf_u16(d, z->zip64 ? 34 : 0);
	buf_u16(d, 0);
	buf_u16(d, 0);
	buf_u16(d, 0);
	buf_u32(d, z->attributes);
	buf_u32(d, z->zip64 ? UINT32_MAX : at);
	buf_put(d, name, name_len);
	if (z->zip64)
		put_zip64(d, z, n, at);
	*z = (struct zip_case){.b = z->b, .directory = *d, .n = z->n + 1};
}

static inline void end_zip(struct zip_case *z)
{
	uint32_t at = (uint32_t)z->b->len;

	buf_put(z->b, z->directory.p, z->directory.len);
	buf_u32(z->b, 0x06054b50);
	buf_u32(z->b, 0);
	buf_u16(z->b, (uint16_t)z->n);
	buf_u16(z->b, (uint16_t)z->n);
	buf_u32(z->b, (uint32_t)z->directory.len);
	buf_u32(z->b, at);
	buf_u16(z->b, 0);
	buf_free(&z->directory);
}

/* The same with all numbers in a zip64 record: 56, 20 and 22 bytes. */
static inline void end_zip64(struct zip_case *z)
{
	uint64_t at = z->b->len, len = z->directory.len;

	buf_put(z->b, z->directory.p, z->directory.len);
	buf_u32(z->b, 0x06064b50);
	buf_u64(z->b, 44);
	buf_u32(z->b, 45 << 16 | 45);
	buf_u64(z->b, 0);
	buf_u64(z->b, z->n);
	buf_u64(z->b, z->n);
	buf_u64(z->b, len);
	buf_u64(z->b, at);
	buf_u32(z->b, 0x07064b50);
	buf_u32(z->b, 0);
	buf_u64(z->b, at + len);
	buf_u32(z->b, 1);
	buf_u32(z->b, 0x06054b50);
	buf_u32(z->b, 0);
	buf_u32(z->b, UINT32_MAX);
	buf_u64(z->b, UINT64_MAX);
	buf_u16(z->b, 0);
	buf_free(&z->directory);
}

/* ---- through the reader, and back through a writer ---- */

/* All of src, which is released. */
static inline enum hvqz_ret take_source(struct source *src, struct model *m,
					struct buf *data,
					struct hvqz_err *err)
{
	const struct reader_ops *r = NULL;
	void *state = NULL;
	uint8_t piece[7];
	enum hvqz_ret ret;

	TRY_OUT(format_detect(src, &r, err));
	TRY_OUT(r->head(src, m, &state, err));
	for (uint64_t left = m->data_size; left;) {
		size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);

		TRY_OUT(r->next(state, piece, n, err));
		buf_put(data, piece, n);
		left -= n;
	}
	ret = r->tail(state, err);
out:
	if (r && state)
		r->free(state);
	source_free(src);
	return ret;
}

static inline enum hvqz_ret take_all(const uint8_t *p, size_t len,
				     struct model *m, struct buf *data,
				     struct hvqz_err *err)
{
	struct source_memory memory;
	struct source src;

	source_init_memory(&src, &memory, p, len);
	return take_source(&src, m, data, err);
}

static inline enum hvqz_ret give_by(const struct writer_ops *w,
				    const struct model *m,
				    const struct buf *data, struct buf *to,
				    struct hvqz_err *err)
{
	bool is_own = w == format_writer(w->name);
	void *state = NULL;
	struct sink out;
	enum hvqz_ret ret;

	sink_init_memory(&out, to);
	TRY(is_own ? w->plan(m, &state, err)
		   : format_plan_converter(w, NULL, m, m, &state, err));
	TRY_OUT(w->head(state, &out, err));
	for (size_t at = 0; at < data->len; at += 5)
		TRY_OUT(w->put(state, &out, data->p + at,
			       data->len - at < 5 ? data->len - at : 5,
			       err));
	ret = w->tail(state, &out, err);
out:
	w->free(state);
	return ret;
}

static inline enum hvqz_ret give_all(const char *format,
				     const struct model *m,
				     const struct buf *data, struct buf *to,
				     struct hvqz_err *err)
{
	return give_by(format_writer(format), m, data, to, err);
}

#endif
