/*
 * container_read.c - a .hvqz coming in, in sequence: works on a pipe.
 *
 * Nothing is believed before it was checked, and nothing is allocated on the
 * word of a length: memory grows as bytes arrive. While chunks pass, the index
 * they should have is assembled; container_index.c compares it at the end.
 */
#include "formats/container_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* How far a payload's length is trusted before its bytes are there. */
enum { FIRST_STEP = 1 << 20 };

static enum hvqz_ret too_short(const char *what, size_t need, size_t has,
			       struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "truncated: %s needs %zu bytes, the input has %zu",
			 what, need, has);
}

enum hvqz_ret container_read_exact(struct source *src, void *to, size_t n,
				   const char *what, struct hvqz_err *err)
{
	size_t got;

	TRY(source_read(src, to, n, &got, err));
	return got == n ? HVQZ_OK : too_short(what, n, got, err);
}

static enum hvqz_ret read_prologue(struct source *src, uint8_t *rec,
				   struct prologue *pro, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	/* The magic first: another kind of file is not a truncated .hvqz. */
	TRY(source_ahead(src, CONTAINER_PROLOGUE_LEN, &p, &avail, err));
	TRY(container_check_magic(p, avail, err));
	TRY(container_read_exact(src, rec, CONTAINER_PROLOGUE_LEN,
				 "the prologue", err));
	return container_get_prologue(rec, pro, err);
}

static enum hvqz_ret read_header(struct container_reader *r,
				 struct container_info *info,
				 struct hvqz_err *err)
{
	uint8_t rec[CONTAINER_PROLOGUE_LEN];
	struct buf raw = {0};
	struct prologue pro;
	enum hvqz_ret ret;

	TRY(read_prologue(r->src, rec, &pro, err));
	XXH3_128bits_update(r->digest, rec, sizeof(rec));
	TRY_OUT(container_load_frame(r->src, "the header", pro.header_raw,
				     pro.header_stored, pro.header_hash, &raw,
				     err));
	info->major = pro.major;
	info->minor = pro.minor;
	info->has_rest = pro.flags & PROLOGUE_REST;
	info->max_raw = pro.max_raw;
	info->n_chunks = pro.n_chunks;
	info->header_hash = pro.header_hash;
	TRY_OUT(container_parse_header(raw.p, raw.len, info, err));
	TRY_OUT(container_check_counts(info, pro.data_size, err));
	r->first_chunk = r->src->off - r->base;
out:
	buf_free(&raw);
	return ret;
}

enum hvqz_ret container_read_head(struct container_reader **reader,
				  struct source *src,
				  struct container_info *info,
				  struct hvqz_err *err)
{
	struct container_reader *r = calloc(1, sizeof(*r));
	enum hvqz_ret ret;

	*reader = NULL;
	*info = (struct container_info){0};
	if (!r)
		return hvqz_nomem(err, sizeof(*r), "the container reader");
	r->src = src;
	r->info = info;
	r->base = src->off;
	r->digest = XXH3_createState();
	if (!r->digest) {
		ret = hvqz_nomem(err, HASH_STATE, "a hash state");
		goto out;
	}
	XXH3_128bits_reset(r->digest);
	TRY_OUT(read_header(r, info, err));
	container_tiling_start(&r->at, info);
	*reader = r;
	return HVQZ_OK;
out:
	container_info_free(info);
	container_reader_free(r);
	return ret;
}

/* The input ended after got bytes of the payload of r->cur. */
static enum hvqz_ret cut_short(const struct container_reader *r, uint64_t got,
			       struct hvqz_err *err)
{
	const struct chunk_head *h = &r->cur;

	return hvqz_fail_tensor(
		err, HVQZ_DAMAGED, r->info->model.tensors[h->tensor].name,
		"truncated: rows %" PRIu64 " to %" PRIu64 " need %" PRIu32
		" bytes, the input has "
		"%" PRIu64,
		h->first_row, h->first_row + h->n_rows - 1, h->stored_len, got);
}

enum hvqz_ret container_pass_payload(struct container_reader *r,
				     struct hvqz_err *err)
{
	uint64_t got;

	if (!r->pending)
		return HVQZ_OK;
	TRY(source_skip(r->src, r->cur.stored_len, &got, err));
	if (got < r->cur.stored_len)
		return cut_short(r, got, err);
	r->pending = false;
	return HVQZ_OK;
}

enum hvqz_ret container_read_chunk(struct container_reader *r,
				   struct chunk_head *h, bool *end,
				   struct hvqz_err *err)
{
	uint8_t entry[CONTAINER_INDEX_ENTRY_LEN];
	const uint8_t *rec;
	uint64_t left;
	size_t avail;

	TRY(container_pass_payload(r, err));
	*end = container_tiling_done(&r->at, r->info);
	if (*end && r->at.n != r->info->n_chunks)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the tensors are complete after %" PRIu64
				 " chunks; the header announces %" PRIu64,
				 r->at.n, r->info->n_chunks);
	if (*end)
		return HVQZ_OK;
	/* Consumed when it is good: container_resync() looks at it again. */
	TRY(source_ahead(r->src, CONTAINER_CHUNK_HEAD_LEN, &rec, &avail, err));
	if (avail < CONTAINER_CHUNK_HEAD_LEN)
		return too_short("a chunk's head", CONTAINER_CHUNK_HEAD_LEN,
				 avail, err);
	TRY(container_get_chunk_head(rec, r->at.n, h, err));
	left = source_left(r->src);
	if (left != SOURCE_SIZE_UNKNOWN)
		left -= CONTAINER_CHUNK_HEAD_LEN;
	TRY(container_check_chunk(r->info, &r->at, h, left, err));
	XXH3_128bits_update(r->digest, rec, CONTAINER_CHUNK_HEAD_LEN);
	source_consume(r->src, CONTAINER_CHUNK_HEAD_LEN);
	container_put_index_entry(entry, h);
	buf_put(&r->index, entry, sizeof(entry));
	TRY(buf_ok(&r->index, err));
	r->cur = *h;
	r->pending = true;
	return HVQZ_OK;
}

enum hvqz_ret container_read_payload(struct container_reader *r,
				     struct buf *payload, struct hvqz_err *err)
{
	size_t n = r->cur.stored_len;

	assert(r->pending);
	buf_clear(payload);
	while (payload->len < n) {
		size_t have = payload->len, step = have, got;
		uint8_t *to;

		/* Memory the buffer has already is free to use. */
		if (step < FIRST_STEP)
			step = FIRST_STEP;
		if (step < payload->cap - have)
			step = payload->cap - have;
		if (step > n - have)
			step = n - have;
		to = buf_grow(payload, step);
		if (!to)
			return hvqz_nomem(err, n, "a chunk's payload");
		TRY(source_read(r->src, to, step, &got, err));
		if (got < step)
			return cut_short(r, have + got, err);
	}
	r->pending = false;
	return HVQZ_OK;
}

void container_reader_free(struct container_reader *r)
{
	if (!r)
		return;
	XXH3_freeState(r->digest);
	buf_free(&r->index);
	free(r);
}
