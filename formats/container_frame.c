/*
 * container_frame.c - the two zstd frames of a .hvqz: header and index.
 *
 * A frame is believed in this order: its stored bytes are there and match
 * their hash; its frame header says what ours must say (RFC 8878, section
 * 3.1.1.1: content size present, window at most 8 MiB, no dictionary, no
 * checksum, no reserved bit); it unpacks to exactly the length announced, and
 * no byte follows it. The output grows as it is produced, so that a length
 * nobody can back costs nothing.
 */
#include "formats/container_internal.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

enum {
	/* Our own levels never use a larger window, see pack_frame. */
	MAX_WINDOW = 8 << 20,
	WINDOW_LOG = 23,
	FIRST_STEP = 64 << 10,
	/* Above this, level 19 costs seconds and gains little. */
	LARGE = 2 << 20,
};

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

static enum hvqz_ret bad_frame(const char *what, const char *why,
			       struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s's zstd frame %s", what, why);
}

/* The frame header of p[n] against the rules above. */
static enum hvqz_ret check_frame_header(const uint8_t *p, size_t n,
					const char *what, uint64_t raw_len,
					struct hvqz_err *err)
{
	static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
	struct cursor c = {p, p + n};
	const uint8_t *magic = cur_take(&c, 4);
	uint8_t desc, wd, u8;
	uint64_t window = 0, size;
	uint16_t u16;
	uint32_t u32;
	bool single, whole;

	if (!magic || memcmp(magic, zstd_magic, 4))
		return bad_frame(what,
				 "does not start as one (skippable "
				 "frames are not allowed)",
				 err);
	if (!cur_u8(&c, &desc))
		return bad_frame(what, "is truncated", err);
	if (desc & 3)
		return bad_frame(what, "asks for a dictionary", err);
	if (desc & 4)
		return bad_frame(what, "has a checksum of its own", err);
	if (desc & 0x18)
		return bad_frame(what, "sets reserved bits", err);
	single = desc & 0x20;
	if (!single) {
		if (!cur_u8(&c, &wd))
			return bad_frame(what, "is truncated", err);
		/* At most 2^41 × 15/8: no overflow. */
		window = (uint64_t)1 << (10 + (wd >> 3));
		window += window / 8 * (wd & 7);
	}
	switch (desc >> 6) {
	case 0:
		if (!single)
			return bad_frame(what, "has no content size", err);
		whole = cur_u8(&c, &u8);
		size = whole ? u8 : 0;
		break;
	case 1:
		whole = cur_u16(&c, &u16);
		size = whole ? u16 + 256u : 0;
		break;
	case 2:
		whole = cur_u32(&c, &u32);
		size = whole ? u32 : 0;
		break;
	default:
		whole = cur_u64(&c, &size);
		break;
	}
	if (!whole)
		return bad_frame(what, "is truncated", err);
	if (single)
		window = size;
	if (window > MAX_WINDOW)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s's zstd frame has a window of %" PRIu64
				 " bytes; the most is %d (8 MiB)",
				 what, window, MAX_WINDOW);
	if (size != raw_len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s's zstd frame has a content size of "
				 "%" PRIu64 " bytes where %" PRIu64
				 " are announced",
				 what, size, raw_len);
	return HVQZ_OK;
}

/* stored[n] to raw, at most raw_len bytes of it. */
static enum hvqz_ret unpack(ZSTD_DCtx *d, const uint8_t *stored, size_t n,
			    const char *what, uint64_t raw_len, struct buf *raw,
			    struct hvqz_err *err)
{
	ZSTD_inBuffer in = {stored, n, 0};
	size_t more = 1;

	while (more) {
		size_t have = raw->len, was = in.pos;
		uint64_t room = have > FIRST_STEP ? have : FIRST_STEP;
		ZSTD_outBuffer out = {0};

		if (room > raw_len - have)
			room = raw_len - have;
		/* One spare byte: a pointer even when no room is left. */
		out.dst = buf_grow(raw, (size_t)room + 1);
		if (!out.dst)
			return hvqz_nomem(err, have + room, what);
		out.size = (size_t)room;
		more = ZSTD_decompressStream(d, &out, &in);
		raw->len = have + out.pos;
		if (ZSTD_isError(more))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "%s's zstd frame is damaged: %s", what,
					 ZSTD_getErrorName(more));
		if (more && !out.pos && in.pos == was)
			return bad_frame(what,
					 "is longer or shorter than it "
					 "says",
					 err);
	}
	if (raw->len != raw_len)
		return bad_frame(what, "is shorter than it says", err);
	if (in.pos != n)
		return bad_frame(what, "is followed by other bytes", err);
	return HVQZ_OK;
}

enum hvqz_ret container_load_frame(struct source *src, const char *what,
				   uint64_t raw_len, uint64_t stored_len,
				   uint64_t hash, struct buf *raw,
				   struct hvqz_err *err)
{
	uint8_t *stored = NULL;
	ZSTD_DCtx *d = NULL;
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
	TRY_OUT(check_frame_header(stored, n, what, raw_len, err));
	d = ZSTD_createDCtx();
	if (!d || ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax,
						      WINDOW_LOG))) {
		ret = hvqz_nomem(err, MAX_WINDOW, "zstd");
		goto out;
	}
	ret = unpack(d, stored, n, what, raw_len, raw, err);
out:
	ZSTD_freeDCtx(d);
	free(stored);
	return ret;
}
