/*
 * container_index.c - the tail of a .hvqz, read two ways: in sequence, to
 * confirm what has passed, and first, to find chunks without passing them.
 *
 * Both ways end in the same checks; the sequential one also has the digest of
 * every chunk head, which the trailer confirms. By the index a chunk head is
 * checked when it is visited, against its own hash, the rules and its entry.
 */
#include "formats/container_internal.h"

#include "base/ckd.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * The index, from its head on, of n_chunks entries to *raw; head receives its
 * 32 bytes. The source is at its first byte.
 */
static enum hvqz_ret load_index(struct source *src, uint64_t n_chunks,
				uint8_t *head, uint64_t *index_len,
				struct buf *raw, struct hvqz_err *err)
{
	struct index_head ih;
	uint64_t want;

	TRY(container_read_exact(src, head, CONTAINER_INDEX_HEAD_LEN,
				 "the index's head", err));
	TRY(container_get_index_head(head, "the index's head", &ih, err));
	if (!ckd_mul64(&want, n_chunks, CONTAINER_INDEX_ENTRY_LEN) ||
	    ih.raw_len != want)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the index has %" PRIu64 " bytes; %" PRIu64
				 " chunks need %d each",
				 ih.raw_len, n_chunks,
				 CONTAINER_INDEX_ENTRY_LEN);
	TRY(container_load_frame(src, "the index", ih.raw_len, ih.stored_len,
				 ih.stored_hash, raw, err));
	*index_len = CONTAINER_INDEX_HEAD_LEN + ih.stored_len;
	return HVQZ_OK;
}

static enum hvqz_ret trailer_says(const char *what, uint64_t says, uint64_t is,
				  struct hvqz_err *err)
{
	if (says == is)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "the trailer says %" PRIu64
			 " for %s, which is %" PRIu64,
			 says, what, is);
}

enum hvqz_ret container_read_tail(struct container_reader *r,
				  struct hvqz_err *err)
{
	uint8_t head[CONTAINER_INDEX_HEAD_LEN], end[CONTAINER_TRAILER_LEN];
	uint8_t rest[CONTAINER_INDEX_HEAD_LEN];
	XXH128_canonical_t digest;
	struct buf raw = {0};
	struct trailer t;
	uint64_t off, len;
	bool at_end;
	enum hvqz_ret ret;

	assert(container_tiling_done(&r->at, r->info));
	TRY(container_pass_payload(r, err));
	off = r->src->off - r->base;
	TRY_OUT(load_index(r->src, r->at.n, head, &len, &raw, err));
	/* Behind a container_resync() it may be shorter. */
	if (raw.len != r->index.len ||
	    (raw.len && memcmp(raw.p, r->index.p, raw.len))) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the index does not agree with the chunks");
		goto out;
	}
	if (r->info->has_rest)
		TRY_OUT(container_read_rest(r->src, &r->info->model, rest,
					    err));
	TRY_OUT(container_read_exact(r->src, end, sizeof(end), "the trailer",
				     err));
	TRY_OUT(container_get_trailer(end, r->src->off - r->base, &t, err));
	TRY_OUT(trailer_says("the index's offset", t.index_off, off, err));
	TRY_OUT(trailer_says("the index's length", t.index_len, len, err));
	TRY_OUT(trailer_says("the number of chunks", t.n_chunks, r->at.n, err));
	TRY_OUT(trailer_says("the file's size", t.file_size,
			     r->src->off - r->base, err));
	XXH3_128bits_update(r->digest, head, sizeof(head));
	if (r->info->has_rest)
		XXH3_128bits_update(r->digest, rest, sizeof(rest));
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(r->digest));
	if (memcmp(&digest, &t.digest, sizeof(digest))) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the chunks' heads do not match the trailer's "
				"hash");
		goto out;
	}
	TRY_OUT(source_at_end(r->src, &at_end, err));
	if (!at_end)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"bytes follow the end of the file");
out:
	buf_free(&raw);
	return ret;
}

/* Read and check the trailer; the file has size bytes. */
static enum hvqz_ret find_index(struct container_reader *r, uint64_t size,
				struct trailer *t, struct hvqz_err *err)
{
	uint8_t end[CONTAINER_TRAILER_LEN];
	uint64_t tail = size - sizeof(end), room;

	TRY(source_seek(r->src, r->base + tail, err));
	TRY(container_read_exact(r->src, end, sizeof(end), "the trailer", err));
	TRY(container_get_trailer(end, size, t, err));
	TRY(trailer_says("the file's size", t->file_size, size, err));
	TRY(trailer_says("the number of chunks", t->n_chunks, r->info->n_chunks,
			 err));
	/* A rest has at least its head. */
	room = t->index_off < tail ? tail - t->index_off : 0;
	if (t->index_off < r->first_chunk ||
	    (r->info->has_rest ? room < CONTAINER_INDEX_HEAD_LEN ||
				 t->index_len > room - CONTAINER_INDEX_HEAD_LEN
			       : t->index_len != room))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the trailer puts an index of %" PRIu64
				 " bytes at offset %" PRIu64
				 " of a file of %" PRIu64,
				 t->index_len, t->index_off, size);
	if (t->n_chunks >
	    (t->index_off - r->first_chunk) / CONTAINER_CHUNK_HEAD_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64 " chunks do not fit in %" PRIu64
				 " bytes",
				 t->n_chunks, t->index_off - r->first_chunk);
	return HVQZ_OK;
}

/* The head that the entry at p must belong to, standing at place at. */
static struct chunk_head expected_head(const struct container_info *info,
				       const struct tiling *at,
				       const uint8_t *p)
{
	struct chunk_head h;
	uint64_t raw_len;

	container_get_index_entry(p, &h);
	h.first_row = at->row;
	if (h.tensor < info->model.n_tensors) {
		raw_len = h.n_rows *
			  tensor_rows(&info->model.tensors[h.tensor]).row_len;
		h.raw_len =
			raw_len < UINT32_MAX ? (uint32_t)raw_len : UINT32_MAX;
	}
	return h;
}

/* Entries to places, checked by the same rules as the chunks themselves. */
static enum hvqz_ret parse_index(const struct container_reader *r,
				 const uint8_t *p, uint64_t index_off,
				 struct container_index *ix,
				 struct hvqz_err *err)
{
	const struct container_info *info = r->info;
	uint64_t off = r->first_chunk;
	struct tiling at;

	container_tiling_start(&at, info);
	for (size_t i = 0; i < ix->n_chunks; i++) {
		struct chunk_head h = expected_head(info, &at, p);
		uint64_t left = index_off - off;

		left -= left < CONTAINER_CHUNK_HEAD_LEN ?
				left :
				CONTAINER_CHUNK_HEAD_LEN;
		TRY(container_check_chunk(info, &at, &h, left, err));
		ix->chunks[i] = (struct container_index_entry){
			.off = off,
			.first_row = h.first_row,
			.n_rows = h.n_rows,
			.stored_len = h.stored_len,
			.codec = h.codec,
			.noise = h.noise,
			.signal = h.signal,
			.loss = h.loss,
		};
		ix->first[h.tensor + 1] = i + 1;
		/* stored_len ≤ left: off stays within index_off. */
		off += CONTAINER_CHUNK_HEAD_LEN + (uint64_t)h.stored_len;
		p += CONTAINER_INDEX_ENTRY_LEN;
	}
	if (!container_tiling_done(&at, info) || off != index_off)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the index ends at tensor %zu, offset %" PRIu64
				 "; the chunks at %zu, offset %" PRIu64,
				 at.tensor, off, info->model.n_tensors,
				 index_off);
	/* A tensor without chunks starts where the one before it ends. */
	for (size_t t = 0; t < info->model.n_tensors; t++)
		if (ix->first[t + 1] < ix->first[t])
			ix->first[t + 1] = ix->first[t];
	return HVQZ_OK;
}

/* The rest's head alone: does it fill what is left before the trailer? */
static enum hvqz_ret check_rest(struct container_reader *r,
				const struct trailer *t, uint64_t size,
				struct hvqz_err *err)
{
	uint8_t head[CONTAINER_INDEX_HEAD_LEN];
	uint64_t room = size - CONTAINER_TRAILER_LEN - t->index_off -
			t->index_len;
	struct index_head rh;

	if (!r->info->has_rest)
		return HVQZ_OK;
	TRY(container_read_exact(r->src, head, sizeof(head), "the rest's head",
				 err));
	TRY(container_get_index_head(head, "the rest's head", &rh, err));
	if (rh.stored_len != room - sizeof(head))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a rest of %" PRIu64 " bytes in a place of %"
				 PRIu64, rh.stored_len, room - sizeof(head));
	return HVQZ_OK;
}

static enum hvqz_ret read_index(struct container_reader *r, uint64_t size,
				struct container_index *ix,
				struct hvqz_err *err)
{
	uint8_t head[CONTAINER_INDEX_HEAD_LEN];
	size_t n_tensors = r->info->model.n_tensors;
	struct buf raw = {0};
	struct trailer t;
	uint64_t len;
	enum hvqz_ret ret;

	TRY(find_index(r, size, &t, err));
	TRY(source_seek(r->src, r->base + t.index_off, err));
	TRY_OUT(load_index(r->src, t.n_chunks, head, &len, &raw, err));
	TRY_OUT(trailer_says("the index's length", t.index_len, len, err));
	TRY_OUT(check_rest(r, &t, size, err));
	/* So many entries were just read: their number is no lie. */
	ix->n_chunks = (size_t)t.n_chunks;
	ix->chunks =
		calloc(ix->n_chunks ? ix->n_chunks : 1, sizeof(*ix->chunks));
	ix->first = calloc(n_tensors + 1, sizeof(*ix->first));
	ix->file_size = size;
	if (!ix->chunks || !ix->first)
		ret = hvqz_nomem(err, raw.len, "the index");
	else
		ret = parse_index(r, raw.p, t.index_off, ix, err);
out:
	buf_free(&raw);
	return ret;
}

enum hvqz_ret container_read_index(struct container_reader *r,
				   struct container_index *ix,
				   struct hvqz_err *err)
{
	struct source *src = r->src;
	uint64_t back = src->off, size;
	enum hvqz_ret ret;

	*ix = (struct container_index){0};
	if (!source_can_seek(src) || src->size == SOURCE_SIZE_UNKNOWN)
		return hvqz_fail(err, HVQZ_USAGE,
				 "the input is a pipe: it has no index yet");
	size = src->size - r->base;
	if (size <
	    r->first_chunk + CONTAINER_INDEX_HEAD_LEN + CONTAINER_TRAILER_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: the file ends at %" PRIu64
				 " bytes, before any index",
				 size);
	ret = read_index(r, size, ix, err);
	if (ret == HVQZ_OK)
		ret = source_seek(src, back, err);
	if (ret != HVQZ_OK)
		container_index_free(ix);
	return ret;
}

void container_index_free(struct container_index *ix)
{
	free(ix->chunks);
	free(ix->first);
	*ix = (struct container_index){0};
}

/* The tensor whose chunks hold number i: the last with first[t] ≤ i. */
static size_t tensor_of(const struct container_index *ix, size_t n_tensors,
			size_t i)
{
	size_t lo = 0, hi = n_tensors;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (ix->first[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

enum hvqz_ret container_seek_chunk(struct container_reader *r,
				   const struct container_index *ix, size_t i,
				   struct chunk_head *h, struct hvqz_err *err)
{
	const struct container_index_entry *e = &ix->chunks[i];
	const struct container_info *info = r->info;
	uint8_t rec[CONTAINER_CHUNK_HEAD_LEN];
	uint8_t want[CONTAINER_INDEX_ENTRY_LEN];
	uint8_t have[CONTAINER_INDEX_ENTRY_LEN];
	struct chunk_head entry = {
		.n_rows = e->n_rows,
		.stored_len = e->stored_len,
		.codec = e->codec,
		.noise = e->noise,
		.signal = e->signal,
		.loss = e->loss,
	};
	struct tiling at = {.n = i, .row = e->first_row};

	assert(i < ix->n_chunks);
	at.tensor = tensor_of(ix, info->model.n_tensors, i);
	entry.tensor = (uint32_t)at.tensor;
	TRY(source_seek(r->src, r->base + e->off, err));
	TRY(container_read_exact(r->src, rec, sizeof(rec), "a chunk's head",
				 err));
	TRY(container_get_chunk_head(rec, i, h, err));
	TRY(container_check_chunk(info, &at, h, source_left(r->src), err));
	/* As bytes: that is how the index has them, floats included. */
	container_put_index_entry(want, &entry);
	container_put_index_entry(have, h);
	if (memcmp(want, have, sizeof(want)))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED,
					info->model.tensors[h->tensor].name,
					"the head of chunk %zu does not agree "
					"with the index",
					i);
	r->cur = *h;
	r->pending = true;
	return HVQZ_OK;
}
