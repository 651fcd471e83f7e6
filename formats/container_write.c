/*
 * container_write.c - a .hvqz going out, front to back, never seeking.
 *
 * The caller decides what the chunks are and in what order they come (the
 * table's); this file lays them out and remembers 21 bytes of each for the
 * index. formats/hvqz.md is the law.
 */
#include "formats/container_internal.h"

#include <assert.h>
#include <stdlib.h>

struct container_writer {
	const struct container_info *info;
	struct sink *out;
	uint64_t base; /* where the file starts in the sink */
	struct tiling at;
	XXH3_state_t *digest; /* over prologue and chunk heads so far */
	struct buf index;     /* entries of the chunks so far */
};

static enum hvqz_ret write_header(struct container_writer *w,
				  struct hvqz_err *err)
{
	const struct container_info *info = w->info;
	uint8_t rec[CONTAINER_PROLOGUE_LEN];
	struct buf raw = {0}, frame = {0};
	struct prologue pro;
	enum hvqz_ret ret;

	TRY_OUT(container_pack_header(info, &raw, err));
	TRY_OUT(container_pack_frame(raw.p, raw.len, &frame, err));
	TRY_OUT(container_check_header(raw.len, frame.len, HVQZ_UNSUPPORTED,
				       err));
	pro = (struct prologue){
		.major = 1,
		.minor = info->has_rest,
		.flags = info->has_rest ? PROLOGUE_REST : 0,
		.max_raw = info->max_raw,
		.header_raw = raw.len,
		.header_stored = frame.len,
		.data_size = info->model.data_size,
		.n_chunks = info->n_chunks,
		.header_hash = XXH3_64bits(frame.p, frame.len),
	};
	container_put_prologue(rec, &pro);
	XXH3_128bits_update(w->digest, rec, sizeof(rec));
	TRY_OUT(sink_write(w->out, rec, sizeof(rec), err));
	ret = sink_write(w->out, frame.p, frame.len, err);
out:
	buf_free(&raw);
	buf_free(&frame);
	return ret;
}

enum hvqz_ret container_write_head(struct container_writer **writer,
				   const struct container_info *info,
				   struct sink *out, struct hvqz_err *err)
{
	struct container_writer *w = calloc(1, sizeof(*w));
	enum hvqz_ret ret;

	*writer = NULL;
	if (!w)
		return hvqz_nomem(err, sizeof(*w), "the container writer");
	w->info = info;
	w->out = out;
	w->base = out->off;
	w->digest = XXH3_createState();
	if (!w->digest) {
		ret = hvqz_nomem(err, HASH_STATE, "a hash state");
		goto out;
	}
	XXH3_128bits_reset(w->digest);
	container_tiling_start(&w->at, info);
	ret = container_check_counts(info, info->model.data_size, err);
	assert(ret == HVQZ_OK);
	TRY_OUT(ret);
	TRY_OUT(write_header(w, err));
	*writer = w;
	return HVQZ_OK;
out:
	container_writer_free(w);
	return ret;
}

enum hvqz_ret container_write_chunk(struct container_writer *w,
				    const struct chunk_head *h,
				    const uint8_t *payload,
				    struct hvqz_err *err)
{
	uint8_t rec[CONTAINER_CHUNK_HEAD_LEN];
	uint8_t entry[CONTAINER_INDEX_ENTRY_LEN];

	assert(w->at.n < w->info->n_chunks);
	assert(h->tensor == w->at.tensor && h->first_row == w->at.row);
	if (container_check_chunk(w->info, &w->at, h, SOURCE_SIZE_UNKNOWN,
				  err) != HVQZ_OK) {
		/* The input is not at fault: whoever made the head is. */
		if (err)
			err->ret = HVQZ_USAGE;
		return HVQZ_USAGE;
	}
	container_put_index_entry(entry, h);
	buf_put(&w->index, entry, sizeof(entry));
	TRY(buf_ok(&w->index, err));
	container_put_chunk_head(rec, h);
	XXH3_128bits_update(w->digest, rec, sizeof(rec));
	TRY(sink_write(w->out, rec, sizeof(rec), err));
	return sink_write(w->out, payload, h->stored_len, err);
}

enum hvqz_ret container_write_tail(struct container_writer *w,
				   struct hvqz_err *err)
{
	uint8_t head[CONTAINER_INDEX_HEAD_LEN], end[CONTAINER_TRAILER_LEN];
	uint8_t rest[CONTAINER_INDEX_HEAD_LEN];
	uint64_t off = w->out->off - w->base;
	struct index_head ih;
	struct trailer t;
	struct buf frame = {0};
	enum hvqz_ret ret;

	assert(container_tiling_done(&w->at, w->info));
	assert(w->at.n == w->info->n_chunks);
	TRY_OUT(container_pack_frame(w->index.p, w->index.len, &frame, err));
	ih = (struct index_head){
		.raw_len = w->index.len,
		.stored_len = frame.len,
		.stored_hash = XXH3_64bits(frame.p, frame.len),
	};
	container_put_index_head(head, &ih);
	XXH3_128bits_update(w->digest, head, sizeof(head));
	t = (struct trailer){
		.index_off = off,
		.index_len = sizeof(head) + frame.len,
		.n_chunks = w->at.n,
	};
	TRY_OUT(sink_write(w->out, head, sizeof(head), err));
	TRY_OUT(sink_write(w->out, frame.p, frame.len, err));
	if (w->info->has_rest) {
		TRY_OUT(container_write_rest(&w->info->model, w->out, rest,
					     err));
		XXH3_128bits_update(w->digest, rest, sizeof(rest));
	}
	t.file_size = w->out->off - w->base + sizeof(end);
	XXH128_canonicalFromHash(&t.digest, XXH3_128bits_digest(w->digest));
	container_put_trailer(end, &t);
	ret = sink_write(w->out, end, sizeof(end), err);
out:
	buf_free(&frame);
	return ret;
}

void container_writer_free(struct container_writer *w)
{
	if (!w)
		return;
	XXH3_freeState(w->digest);
	buf_free(&w->index);
	free(w);
}
