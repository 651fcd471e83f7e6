/*
 * zframe.c - a zstd frame: its header is checked before anyone unpacks it.
 */
#include "base/zframe.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <zstd.h>
#include <zstd_errors.h>

static enum hvqz_ret bad_frame(const char *what, const char *why,
			       struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s's zstd frame %s", what, why);
}

enum hvqz_ret zframe_check(const uint8_t *p, size_t n, const char *what,
			   uint64_t raw_len, struct hvqz_err *err)
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
	if (window > ZFRAME_MAX_WINDOW)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s's zstd frame has a window of %" PRIu64
				 " bytes; the most is %d (8 MiB)",
				 what, window, ZFRAME_MAX_WINDOW);
	if (size != raw_len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s's zstd frame has a content size of "
				 "%" PRIu64 " bytes where %" PRIu64
				 " are announced",
				 what, size, raw_len);
	return HVQZ_OK;
}

enum hvqz_ret zframe_unpack(const uint8_t *p, size_t n, const char *what,
			    uint8_t *to, size_t raw_len, struct hvqz_err *err)
{
	size_t len = ZSTD_findFrameCompressedSize(p, n), got;
	ZSTD_DCtx *d;

	if (ZSTD_isError(len))
		return bad_frame(what, "is longer or shorter than it says",
				 err);
	/* Out of memory is no damage: who goes on after that must know. */
	d = ZSTD_createDCtx();
	if (!d)
		return hvqz_nomem(err, 1 << 17, "zstd");
	got = ZSTD_decompressDCtx(d, to, raw_len, p, len);
	ZSTD_freeDCtx(d);
	if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
		return hvqz_nomem(err, raw_len, what);
	if (ZSTD_isError(got))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s's zstd frame is damaged: %s", what,
				 ZSTD_getErrorName(got));
	if (got != raw_len)
		return bad_frame(what, "is shorter than it says", err);
	return len == n ? HVQZ_OK
			: bad_frame(what, "is followed by other bytes", err);
}
