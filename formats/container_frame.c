/*
 * container_frame.c - the two zstd frames of a .hvqz: header and index.
 *
 * A frame is believed in this order: its stored bytes are there and match
 * their hash; its frame header says what ours must say (RFC 8878, section
 * 3.1.1.1: content size present, window at most 8 MiB, no dictionary, no
 * checksum, no reserved bit); it unpacks to exactly the length announced, and
 * no byte follows it. That length is one the caller has reason to believe: so
 * much memory is asked for.
 */
#include "formats/container_internal.h"

#include "base/zframe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

/* Above this, level 19 costs seconds and gains little. */
enum { LARGE = 2 << 20 };

enum hvqz_ret container_pack_frame(const uint8_t *raw, size_t len,
				   struct buf *out, struct hvqz_err *err)
{
	/*
	 * One-shot compression writes the content size and no checksum. The
	 * tables of levels 1 to 19 have windows of at most 2^23 bytes, and a
	 * frame is single-segment only when its content fits the window.
	 */
	int level = len > LARGE ? 6 : 19;
	size_t bound = ZSTD_compressBound(len), at = out->len, got;
	uint8_t *to = buf_grow(out, bound);

	if (!to)
		return hvqz_nomem(err, bound, "a zstd frame");
	got = ZSTD_compress(to, bound, raw, len, level);
	if (ZSTD_isError(got))
		return hvqz_nomem(err, bound, "zstd");
	out->len = at + got;
	return HVQZ_OK;
}

uint64_t container_frame_bound(uint64_t raw_len)
{
	return raw_len + raw_len / 256 + 64;
}

enum hvqz_ret container_load_frame(struct source *src, const char *what,
				   uint64_t raw_len, uint64_t stored_len,
				   uint64_t hash, struct buf *raw,
				   struct hvqz_err *err)
{
	uint8_t *stored = NULL;
	size_t n = (size_t)stored_len;
	enum hvqz_ret ret;

	buf_clear(raw);
	if (stored_len > container_frame_bound(raw_len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s is stored in %" PRIu64
				 " bytes, more than %" PRIu64 " bytes can take",
				 what, stored_len, raw_len);
	TRY_OUT(source_load(src, stored_len, what, &stored, err));
	if (XXH3_64bits(stored, n) != hash) {
		ret = hvqz_fail(err, HVQZ_DAMAGED, "%s does not match its hash",
				what);
		goto out;
	}
	TRY_OUT(zframe_check(stored, n, what, raw_len, err));
	/* One spare byte: a pointer even when there is nothing. */
	if (!buf_reserve(raw, (size_t)raw_len + 1)) {
		ret = hvqz_nomem(err, raw_len, what);
		goto out;
	}
	TRY_OUT(zframe_unpack(stored, n, what, raw->p, (size_t)raw_len, err));
	raw->len = (size_t)raw_len;
out:
	free(stored);
	return ret;
}
