/*
 * container_rest.c - what the source had behind its last tensor, between index
 * and trailer: formats/hvqz.md, section 6.1.
 *
 * It is known only when all data has passed by, so it cannot stand in the
 * header. Most files have none, and then no byte here either.
 */
#include "formats/container_internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum hvqz_ret container_write_rest(const struct model *m, struct sink *out,
				   uint8_t *head, struct hvqz_err *err)
{
	struct index_head rh = {.raw_len = m->rest_len};
	struct buf frame = {0};
	enum hvqz_ret ret;

	if (m->rest_len > CONTAINER_MAX_REST)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu bytes behind the last tensor; the most "
				 "is %d", m->rest_len, CONTAINER_MAX_REST);
	TRY_OUT(container_pack_frame(m->rest, m->rest_len, &frame, err));
	rh.stored_len = frame.len;
	rh.stored_hash = XXH3_64bits(frame.p, frame.len);
	container_put_index_head(head, &rh);
	TRY_OUT(sink_write(out, head, CONTAINER_INDEX_HEAD_LEN, err));
	ret = sink_write(out, frame.p, frame.len, err);
out:
	buf_free(&frame);
	return ret;
}

enum hvqz_ret container_read_rest(struct source *src, struct model *m,
				  uint8_t *head, struct hvqz_err *err)
{
	struct buf raw = {0};
	struct index_head rh;
	enum hvqz_ret ret;

	TRY(container_read_exact(src, head, CONTAINER_INDEX_HEAD_LEN,
				 "the rest's head", err));
	TRY(container_get_index_head(head, "the rest's head", &rh, err));
	if (rh.raw_len > CONTAINER_MAX_REST)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a rest of %" PRIu64 " bytes; the most is %d",
				 rh.raw_len, CONTAINER_MAX_REST);
	TRY_OUT(container_load_frame(src, "the rest", rh.raw_len,
				     rh.stored_len, rh.stored_hash, &raw,
				     err));
	free(m->rest);
	m->rest = raw.p;
	m->rest_len = raw.len;
	return HVQZ_OK;
out:
	buf_free(&raw);
	return ret;
}
