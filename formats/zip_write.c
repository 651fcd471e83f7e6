/*
 * zip_write.c - zip archives as they were, and new ones.
 *
 * An archive whose tensors come back exactly is replayed. When they do not,
 * its check sums would be wrong, and when it is made from something else there
 * is none: then a new one is written around the members. It goes out front to
 * back, so sizes and CRC-32 stand in a data descriptor behind each member and
 * in the directory, as PyTorch itself does it. Every member's bytes begin at a
 * multiple of 64, which PyTorch wants and mapping into memory likes. No times,
 * no owners: the same .hvqz gives the same archive everywhere.
 */
#include "formats/npy.h"
#include "formats/zip.h"

#include "base/crc32.h"

#include <stdlib.h>
#include <string.h>

enum {
	ALIGN = 64,
	FLAGS = 0x0808,		/* a descriptor follows; the name is UTF-8 */
	DATE = 0x0021,		/* 1980-01-01 */
	VERSION = 20, VERSION64 = 45,
	UNIX = 3 << 8,
	PADDING = 0x4246,	/* the extra field PyTorch pads with: "FB" */
};

#define MODE ((uint32_t)0100644 << 16)
#define ONES 0xffffffffu

struct zip {
	struct buf directory;
	uint64_t n;
	uint64_t start;			/* of the archive, in the sink */
	const struct piece *member;
	uint64_t local;			/* its header */
	uint32_t crc;
};

void *zip_form_ctx(void)
{
	return calloc(1, sizeof(struct zip));
}

static bool is_large(const struct piece *x)
{
	return x->len >= ONES ||
	       (x->kind == PIECE_PACKED && x->unpacked >= ONES);
}

static uint64_t unpacked_size(const struct piece *x)
{
	return x->kind == PIECE_PACKED ? x->unpacked : x->len;
}

static enum hvqz_ret flush(struct buf *b, struct sink *out,
			   struct hvqz_err *err)
{
	enum hvqz_ret ret = buf_ok(b, err);

	if (ret == HVQZ_OK)
		ret = sink_write(out, b->p, b->len, err);
	buf_free(b);
	return ret;
}

static enum hvqz_ret open(void *ctx, const struct pieces *p, struct sink *out,
			  struct hvqz_err *err)
{
	struct zip *z = ctx;

	(void)p;
	(void)err;
	z->start = out->off;
	return HVQZ_OK;
}

static enum hvqz_ret begin(void *ctx, const struct piece *x,
			   struct sink *out, struct hvqz_err *err)
{
	struct zip *z = ctx;
	size_t name_len = strlen(x->name), pad, extra = is_large(x) ? 20 : 0;
	struct buf b = {0};

	z->member = x;
	z->crc = 0;
	z->local = out->off - z->start;
	pad = (size_t)((ALIGN - (z->local + 30 + name_len + extra + 4) %
				ALIGN) % ALIGN);
	buf_u32(&b, 0x04034b50);
	buf_u16(&b, is_large(x) ? VERSION64 : VERSION);
	buf_u16(&b, FLAGS);
	buf_u16(&b, x->kind == PIECE_PACKED ? x->method : 0);
	buf_u16(&b, 0);
	buf_u16(&b, DATE);
	buf_u32(&b, 0);
	buf_u32(&b, is_large(x) ? ONES : 0);
	buf_u32(&b, is_large(x) ? ONES : 0);
	buf_u16(&b, (uint16_t)name_len);
	buf_u16(&b, (uint16_t)(extra + 4 + pad));
	buf_put(&b, x->name, name_len);
	if (is_large(x)) {
		buf_u16(&b, 1);
		buf_u16(&b, 16);
		buf_u64(&b, 0);
		buf_u64(&b, 0);
	}
	buf_u16(&b, PADDING);
	buf_u16(&b, (uint16_t)pad);
	while (pad--)
		buf_u8(&b, 'Z');
	return flush(&b, out, err);
}

static void data(void *ctx, const uint8_t *p, size_t n)
{
	struct zip *z = ctx;

	z->crc = crc32_add(z->crc, p, n);
}

/* The member's entry in the directory. */
static void put_entry(struct zip *z)
{
	const struct piece *x = z->member;
	bool far = z->local >= ONES, large = is_large(x);
	size_t extra = large ? 16 : 0;
	struct buf *b = &z->directory;

	extra += far ? 8 : 0;
	buf_u32(b, 0x02014b50);
	buf_u16(b, UNIX | (extra ? VERSION64 : VERSION));
	buf_u16(b, extra ? VERSION64 : VERSION);
	buf_u16(b, FLAGS);
	buf_u16(b, x->kind == PIECE_PACKED ? x->method : 0);
	buf_u16(b, 0);
	buf_u16(b, DATE);
	buf_u32(b, z->crc);
	buf_u32(b, large ? ONES : (uint32_t)x->len);
	buf_u32(b, large ? ONES : (uint32_t)unpacked_size(x));
	buf_u16(b, (uint16_t)strlen(x->name));
	buf_u16(b, (uint16_t)(extra ? extra + 4 : 0));
	buf_u16(b, 0);
	buf_u16(b, 0);
	buf_u16(b, 0);
	buf_u32(b, MODE);
	buf_u32(b, far ? ONES : (uint32_t)z->local);
	buf_put(b, x->name, strlen(x->name));
	if (extra) {
		buf_u16(b, 1);
		buf_u16(b, (uint16_t)extra);
	}
	if (large) {
		buf_u64(b, unpacked_size(x));
		buf_u64(b, x->len);
	}
	if (far)
		buf_u64(b, z->local);
	z->n++;
}

static enum hvqz_ret end(void *ctx, struct sink *out, struct hvqz_err *err)
{
	struct zip *z = ctx;
	const struct piece *x = z->member;
	struct buf b = {0};

	/* A compressed member is what it was, and so is its sum. */
	if (x->kind == PIECE_PACKED)
		z->crc = x->crc;
	buf_u32(&b, 0x08074b50);
	buf_u32(&b, z->crc);
	if (is_large(x)) {
		buf_u64(&b, x->len);
		buf_u64(&b, unpacked_size(x));
	} else {
		buf_u32(&b, (uint32_t)x->len);
		buf_u32(&b, (uint32_t)unpacked_size(x));
	}
	put_entry(z);
	return flush(&b, out, err);
}

static enum hvqz_ret close(void *ctx, struct sink *out, struct hvqz_err *err)
{
	struct zip *z = ctx;
	uint64_t off = out->off - z->start, size = z->directory.len;
	bool large = z->n >= 0xffff || off >= ONES || size >= ONES;
	struct buf b = {0};

	TRY(flush(&z->directory, out, err));
	if (large) {
		buf_u32(&b, 0x06064b50);
		buf_u64(&b, 44);
		buf_u16(&b, UNIX | VERSION64);
		buf_u16(&b, VERSION64);
		buf_u32(&b, 0);
		buf_u32(&b, 0);
		buf_u64(&b, z->n);
		buf_u64(&b, z->n);
		buf_u64(&b, size);
		buf_u64(&b, off);
		buf_u32(&b, 0x07064b50);
		buf_u32(&b, 0);
		buf_u64(&b, off + size);
		buf_u32(&b, 1);
	}
	buf_u32(&b, 0x06054b50);
	buf_u32(&b, 0);
	buf_u16(&b, large ? 0xffff : (uint16_t)z->n);
	buf_u16(&b, large ? 0xffff : (uint16_t)z->n);
	buf_u32(&b, large ? ONES : (uint32_t)size);
	buf_u32(&b, large ? ONES : (uint32_t)off);
	buf_u16(&b, 0);
	return flush(&b, out, err);
}

static void free_zip(void *ctx)
{
	struct zip *z = ctx;

	if (z)
		buf_free(&z->directory);
	free(z);
}

const struct pieces_form zip_form = {
	.open = open, .begin = begin, .data = data, .end = end,
	.close = close, .free = free_zip,
};

/* ---- the writers ---- */

static enum hvqz_ret write_anew(struct pieces *p, const struct model *m,
				void **state, struct hvqz_err *err)
{
	void *ctx = zip_form_ctx();

	return ctx ? pieces_writer(p, &zip_form, ctx, m, state, err)
		   : hvqz_nomem(err, sizeof(struct zip), "the writer");
}

/* An archive it was: replay it, or make it anew around its members. */
static enum hvqz_ret plan_again(const struct model *m, void **state,
				struct hvqz_err *err)
{
	struct pieces p = {0};
	enum hvqz_ret ret;

	TRY_OUT(pieces_from_head(&p, m, err));
	ret = m->inexact ? write_anew(&p, m, state, err)
			 : pieces_writer(&p, NULL, NULL, m, state, err);
out:
	pieces_free(&p);
	return ret;
}

static enum hvqz_ret plan_zip(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	struct pieces p = {0};
	enum hvqz_ret ret;

	if (m->head && !strcmp(m->format, "zip"))
		return plan_again(m, state, err);
	TRY_OUT(pieces_of_files(&p, m, err));
	ret = write_anew(&p, m, state, err);
out:
	pieces_free(&p);
	return ret;
}

static enum hvqz_ret plan_torch(const struct model *m, void **state,
				struct hvqz_err *err)
{
	if (m->head && !strcmp(m->format, "torch"))
		return plan_again(m, state, err);
	return hvqz_fail(err, HVQZ_UNSUPPORTED, "a PyTorch file is only "
			 "restored, not made; --to safetensors makes what "
			 "PyTorch reads as well");
}

static enum hvqz_ret make_arrays(struct pieces *p, const struct model *m,
				 struct hvqz_err *err)
{
	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];
		struct piece like = {.kind = PIECE_MEMBER};
		struct buf name = {0}, head = {0};
		const char *fault;
		enum hvqz_ret ret;

		buf_put(&name, t->name, strlen(t->name));
		buf_put(&name, ".npy", 5);
		TRY_OUT(buf_ok(&name, err));
		fault = member_name_fault((char *)name.p);
		if (fault) {
			ret = hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					       "it cannot be a file's: %s",
					       fault);
			goto out;
		}
		TRY_OUT(npy_make_head(t, false, &head, err));
		like.len = head.len + t->size;
		TRY_OUT(pieces_member(p, (char *)name.p, &like, err));
		TRY_OUT(pieces_literal(p, head.p, head.len, err));
		ret = pieces_tensor(p, t->size, err);
	out:
		buf_free(&name);
		buf_free(&head);
		TRY(ret);
	}
	return HVQZ_OK;
}

static enum hvqz_ret plan_npz(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	struct pieces p = {0};
	enum hvqz_ret ret;

	if (m->head && !strcmp(m->format, "npz"))
		return plan_again(m, state, err);
	TRY_OUT(make_arrays(&p, m, err));
	ret = write_anew(&p, m, state, err);
out:
	pieces_free(&p);
	return ret;
}

const struct writer_ops zip_writer = {
	.name = "zip", .suffix = ".zip", .plan = plan_zip,
	.head = pieces_write_head, .put = pieces_put,
	.tail = pieces_write_tail, .free = pieces_writer_free,
};

const struct writer_ops npz_writer = {
	.name = "npz", .suffix = ".npz", .plan = plan_npz,
	.head = pieces_write_head, .put = pieces_put,
	.tail = pieces_write_tail, .free = pieces_writer_free,
};

const struct writer_ops torch_writer = {
	.name = "torch", .suffix = ".pt", .plan = plan_torch,
	.head = pieces_write_head, .put = pieces_put,
	.tail = pieces_write_tail, .free = pieces_writer_free,
};
