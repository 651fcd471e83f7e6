/*
 * planes.c - codec 1: lossless, byte planes packed with zstd.
 *
 * Weights are noise with a narrow exponent. The bytes of an element do not
 * look alike, so each is a plane of its own: plane p holds byte p of every
 * element, in order. Floating-point elements are first rotated left by one
 * bit, which moves the sign from above the exponent to below the mantissa and
 * lines the exponent up with the top byte. A plane that zstd cannot shrink
 * (the mantissa's, usually) is kept as it is.
 *
 * Payload (formats/hvqz.md, codec 1): u8 rotate, u8 planes, then for each
 * plane u8 kind (0 bytes, 1 zstd frame), u32 length, that many bytes.
 */
#include "codec/codec.h"

#include "base/bytes.h"
#include "base/zframe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zstd.h>

enum {
	PLANE_BYTES = 0,
	PLANE_ZSTD = 1,
	PLANE_HEAD = 5,
};

/*
 * An exponent plane has no repeats worth finding, only a skewed histogram: the
 * middle levels trade good Huffman codes for bad matches (docs-5m, BF16: 1.90
 * MB at level 1, 2.14 at 3, 1.98 at 11, 1.72 at 19).
 */
static const int zstd_level[10] = {1, 1, 1, 1, 1, 1, 1, 1, 16, 19};

/* What a zstd compression context takes, generously. */
static uint64_t zstd_memory(int effort)
{
	return (uint64_t)(effort > 7 ? 96 : 16) << 20;
}

/* Bytes of an element as planes see it: C64 is two F32. */
static unsigned elem_bytes(enum dtype d)
{
	unsigned bits = d == DTYPE_C64 ? 32 : dtype_bits(d);

	return bits < 8 ? 1 : bits / 8;
}

static bool is_float(enum dtype d)
{
	return dtype_is_weight(d) || d == DTYPE_F64 || d == DTYPE_C64;
}

static uint64_t load(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void split_plane(const uint8_t *raw, size_t n, unsigned bytes,
			bool rotate, unsigned plane, uint8_t *to)
{
	unsigned bits = 8 * bytes;

	for (size_t i = 0; i < n; i++, raw += bytes) {
		uint64_t v = load(raw, bytes);

		if (rotate)
			v = v << 1 | v >> (bits - 1);
		to[i] = (uint8_t)(v >> 8 * plane);
	}
}

static enum hvqz_ret encode(const struct codec_env *env,
			    const struct slab *slab,
			    const struct codec_settings *set,
			    const struct sens *sens, const uint8_t *raw,
			    struct buf *out, struct codec_stats *stats,
			    bool *declined, struct hvqz_err *err)
{
	unsigned bytes = elem_bytes(slab->dtype);
	size_t n = slab->raw_len / bytes, bound = ZSTD_compressBound(n);
	bool rotate = is_float(slab->dtype);
	uint8_t *plane = malloc(n), *packed = malloc(bound);
	enum hvqz_ret ret;

	(void)env;
	(void)sens;
	(void)stats;
	*declined = false;
	if (!plane || !packed) {
		ret = hvqz_nomem(err, n + bound, "a byte plane");
		goto out;
	}
	buf_u8(out, rotate);
	buf_u8(out, (uint8_t)bytes);
	for (unsigned p = 0; p < bytes; p++) {
		size_t len;
		bool shrunk;

		split_plane(raw, n, bytes, rotate, p, plane);
		len = ZSTD_compress(packed, bound, plane, n,
				    zstd_level[set->effort]);
		shrunk = !ZSTD_isError(len) && len < n;
		buf_u8(out, shrunk ? PLANE_ZSTD : PLANE_BYTES);
		buf_u32(out, (uint32_t)(shrunk ? len : n));
		buf_put(out, shrunk ? packed : plane, shrunk ? len : n);
	}
	ret = buf_ok(out, err);
out:
	free(plane);
	free(packed);
	return ret;
}

/* One plane's n bytes to plane. */
static enum hvqz_ret get_plane(struct cursor *c, uint8_t *plane, size_t n,
			       struct hvqz_err *err)
{
	const uint8_t *p;
	uint32_t len;
	uint8_t kind;

	if (!cur_u8(c, &kind) || !cur_u32(c, &len) || !(p = cur_take(c, len)))
		return hvqz_fail(err, HVQZ_DAMAGED, "a byte plane is cut");
	if (kind == PLANE_BYTES && len == n) {
		memcpy(plane, p, n);
		return HVQZ_OK;
	}
	if (kind != PLANE_ZSTD || len >= n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a byte plane of kind %u with %" PRIu32
				 " bytes for %zu elements", kind, len, n);
	TRY(zframe_check(p, len, "a byte plane", n, err));
	if (ZSTD_findFrameCompressedSize(p, len) != len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a byte plane's zstd frame does not end with "
				 "its plane");
	if (ZSTD_decompress(plane, n, p, len) != n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a byte plane's zstd frame is broken");
	return HVQZ_OK;
}

/* Element bytes from their planes, undoing the rotation. */
static void join_planes(const uint8_t *planes, size_t n, unsigned bytes,
			bool rotate, uint8_t *raw)
{
	unsigned bits = 8 * bytes;

	for (size_t i = 0; i < n; i++, raw += bytes) {
		uint64_t v = 0;

		for (unsigned p = 0; p < bytes; p++)
			v |= (uint64_t)planes[p * n + i] << 8 * p;
		if (rotate)
			v = v >> 1 | (v & 1) << (bits - 1);
		for (unsigned p = 0; p < bytes; p++)
			raw[p] = (uint8_t)(v >> 8 * p);
	}
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	unsigned bytes = elem_bytes(slab->dtype);
	size_t n = slab->raw_len / bytes;
	uint8_t rotate, n_planes, *planes;
	enum hvqz_ret ret = HVQZ_OK;

	(void)env;
	if (!cur_u8(&c, &rotate) || !cur_u8(&c, &n_planes) ||
	    rotate != is_float(slab->dtype) || n_planes != bytes)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload's head is not that of %u byte "
				 "planes of %s", bytes,
				 dtype_name(slab->dtype));
	planes = malloc(slab->raw_len);
	if (!planes)
		return hvqz_nomem(err, slab->raw_len, "byte planes");
	for (unsigned p = 0; p < bytes && ret == HVQZ_OK; p++)
		ret = get_plane(&c, planes + p * n, n, err);
	if (ret == HVQZ_OK && cur_left(&c))
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"%zu bytes behind the last byte plane",
				cur_left(&c));
	if (ret == HVQZ_OK)
		join_planes(planes, n, bytes, rotate, raw);
	free(planes);
	return ret;
}

static uint64_t encode_memory(const struct slab *slab,
			      const struct codec_settings *set)
{
	unsigned bytes = elem_bytes(slab->dtype);
	size_t n = slab->raw_len / bytes;

	return n + ZSTD_compressBound(n) + zstd_memory(set->effort);
}

static uint64_t decode_memory(const struct slab *slab)
{
	return slab->raw_len + ((uint64_t)256 << 10);
}

const struct codec codec_planes = {
	.id = CODEC_PLANES,
	.name = "planes",
	.lossless = true,
	.encode = encode,
	.decode = decode,
	.encode_memory = encode_memory,
	.decode_memory = decode_memory,
};
