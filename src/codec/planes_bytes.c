/*
 * planes_bytes.c - lists of bytes, for what is no list of numbers.
 *
 * A byte says which kind: as they are, one byte's value for all, a zstd frame,
 * or codes (planes_codes.c) of 8 bits.
 */
#include "codec/planes.h"

#include "base/zframe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

enum {
	BYTES_RAW = 0,
	BYTES_FILL = 1,
	BYTES_ZSTD = 2,
	BYTES_CODES = 3,
	/* Where zstd is tried first, in the middle. */
	SAMPLE = 64 << 10,
};

/* zstd's level by effort: repeats are found at any, the rest is not its. */
static const int zstd_level[10] = {1, 1, 1, 3, 3, 3, 6, 6, 12, 19};

/*
 * The frame of p in room, where it is shorter than `most` (0: it is not). A
 * long list is tried in its middle first: weights have no repeats. There is
 * room enough: all that zstd can lack is memory, and then nothing else is to
 * be made of p than with it.
 */
static enum hvqz_ret pack(const uint8_t *p, size_t n, size_t most, int effort,
			  struct buf *room, struct hvqz_err *err)
{
	size_t bound = ZSTD_compressBound(n), len;
	uint8_t *to = buf_grow(room, bound);

	if (!to)
		return buf_ok(room, err);
	room->len = 0;
	if (n > 4 * SAMPLE) {
		len = ZSTD_compress(to, bound, p + (n - SAMPLE) / 2, SAMPLE,
				    effort > 5 ? 6 : 1);
		if (ZSTD_isError(len))
			return hvqz_nomem(err, bound, "zstd");
		if ((double)len / SAMPLE > 1.02 * (double)most / (double)n)
			return HVQZ_OK;
	}
	len = ZSTD_compress(to, bound, p, n, zstd_level[effort]);
	if (ZSTD_isError(len))
		return hvqz_nomem(err, bound, "zstd");
	room->len = len < most ? len : 0;
	return HVQZ_OK;
}

enum hvqz_ret bytes_put(const struct encode_kernels *kern, const uint8_t *p,
			size_t n, int effort, struct buf *out,
			struct hvqz_err *err)
{
	struct front front = front_of(DTYPE_U8, DTYPE_U8);
	struct numbers v = {
		.kern = kern, .front = &front, .raw = p, .n = n,
	};
	struct codes_plan plan = {.bits = 8};
	struct buf codes = {0}, frame = {0};
	bool fits = false;
	size_t most = n;
	enum hvqz_ret ret;

	if (n < 2 || !memcmp(p, p + 1, n - 1)) {
		buf_u8(out, BYTES_FILL);
		buf_u8(out, *p);
		return buf_ok(out, err);
	}
	TRY_OUT(codes_put(&plan, &v, &fits, &codes, err));
	fits = fits && codes.len < n;
	if (fits)
		most = codes.len;
	TRY_OUT(pack(p, n, most > 4 ? most - 4 : 0, effort, &frame, err));
	if (frame.len) {
		buf_u8(out, BYTES_ZSTD);
		buf_u32(out, (uint32_t)frame.len);
		buf_put(out, frame.p, frame.len);
	} else if (fits) {
		buf_u8(out, BYTES_CODES);
		buf_put(out, codes.p, codes.len);
	} else {
		buf_u8(out, BYTES_RAW);
		buf_put(out, p, n);
	}
	ret = buf_ok(out, err);
out:
	buf_free(&codes);
	buf_free(&frame);
	return ret;
}

static enum hvqz_ret get_zstd(struct cursor *c, uint8_t *to, size_t n,
			      const char *what, struct hvqz_err *err)
{
	const uint8_t *p;
	uint32_t len;

	if (!cur_u32(c, &len) || !(p = cur_take(c, len)))
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: a frame that is cut",
				 what);
	if (len >= n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s: a frame of %" PRIu32 " bytes for %zu",
				 what, len, n);
	TRY(zframe_check(p, len, what, n, err));
	return zframe_unpack(p, len, what, to, n, err);
}

static enum hvqz_ret get_codes(struct cursor *c,
			       const struct decode_kernels *kern, uint8_t *to,
			       size_t n, struct hvqz_err *err)
{
	struct codes_reader r;
	uint32_t x[PLANES_BLOCK];
	enum hvqz_ret ret;

	TRY_OUT(codes_open(&r, c, kern, 8, false, n, NULL, err));
	for (size_t i = 0; i < n; i += PLANES_BLOCK) {
		size_t m = n - i < PLANES_BLOCK ? n - i : PLANES_BLOCK;

		TRY_OUT(codes_take(&r, NULL, m, x, err));
		for (size_t j = 0; j < m; j++)
			to[i + j] = (uint8_t)x[j];
	}
	ret = codes_close(&r, err);
out:
	codes_free(&r);
	return ret;
}

enum hvqz_ret bytes_get(struct cursor *c, const struct decode_kernels *kern,
			uint8_t *p, size_t n, const char *what,
			struct hvqz_err *err)
{
	const uint8_t *from;
	uint8_t kind;

	if (!cur_u8(c, &kind))
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: cut", what);
	switch (kind) {
	case BYTES_RAW:
		from = cur_take(c, n);
		if (!from)
			break;
		memcpy(p, from, n);
		return HVQZ_OK;
	case BYTES_FILL:
		from = cur_take(c, 1);
		if (!from)
			break;
		memset(p, *from, n);
		return HVQZ_OK;
	case BYTES_ZSTD:
		return get_zstd(c, p, n, what, err);
	case BYTES_CODES:
		return get_codes(c, kern, p, n, err);
	default:
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: of no known kind, %u",
				 what, kind);
	}
	return hvqz_fail(err, HVQZ_DAMAGED, "%s: cut", what);
}
