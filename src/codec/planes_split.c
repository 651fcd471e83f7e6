/*
 * planes_split.c - the encoder's other two forms: few values, planes of bytes.
 *
 * For what is not numbers with a smooth distribution: masks, constants, codes
 * of other quantizers, and tensors that repeat themselves.
 */
#include "codec/planes.h"

#include "base/log2.h"

#include <stdlib.h>
#include <zstd.h>

enum {
	PALETTE = 256,
	HASH = 1024,
	PIECE = 32 << 10,	/* units in which repeats are looked for */
};

/* ---- few values ---- */

struct palette {
	uint64_t value[PALETTE];
	unsigned n;
	uint16_t slot[HASH];	/* index + 1, or 0 */
};

static uint64_t unit_at(const uint8_t *raw, unsigned unit)
{
	uint64_t v = 0;

	memcpy(&v, raw, unit);	/* only ever compared and copied back */
	return v;
}

/* The value's index, taking it in if it is new; PALETTE when full. */
static unsigned palette_index(struct palette *p, uint64_t v)
{
	unsigned h = (unsigned)((v * 0x9e3779b97f4a7c15u) >> 54);

	for (; p->slot[h]; h = (h + 1) % HASH)
		if (p->value[p->slot[h] - 1] == v)
			return p->slot[h] - 1u;
	if (p->n == PALETTE)
		return PALETTE;
	p->value[p->n++] = v;
	p->slot[h] = (uint16_t)p->n;
	return p->n - 1;
}

enum hvqz_ret palette_put(const struct encode_kernels *kern,
			  const uint8_t *raw, size_t n, unsigned unit,
			  bool narrow, int effort, struct buf *out, bool *done,
			  struct hvqz_err *err)
{
	struct palette p = {.n = 0};
	uint8_t *index = NULL;
	enum hvqz_ret ret;

	*done = false;
	for (size_t i = 0; i < n; i++)
		if (palette_index(&p, unit_at(raw + i * unit, unit)) ==
		    PALETTE)
			return HVQZ_OK;
	/*
	 * Bytes are indices already, and integers with a window of symbols
	 * need no list of them, unless they are all the same.
	 */
	if (p.n > 1 && (unit == 1 || narrow || p.n * 4 > n))
		return HVQZ_OK;
	index = malloc(n);
	if (!index)
		return hvqz_nomem(err, n, "indices of values");
	for (size_t i = 0; i < n; i++)
		index[i] = (uint8_t)palette_index(&p, unit_at(raw + i * unit,
							      unit));
	buf_u8(out, PLANES_PALETTE);
	buf_u8(out, (uint8_t)(p.n - 1));
	for (unsigned i = 0; i < p.n; i++)
		buf_put(out, &p.value[i], unit);
	ret = bytes_put(kern, index, n, effort, out, err);
	*done = true;
	free(index);
	return ret;
}

/* ---- planes ---- */

/*
 * n units as planes of bytes. Floats are turned left by a bit: the exponent is
 * a byte then, or nearly, and the sign the mantissa's lowest bit.
 */
static void split_plane(const uint8_t *raw, size_t n, unsigned unit,
			bool turned, unsigned plane, uint8_t *to)
{
	unsigned before = (plane + unit - 1) % unit;

	for (size_t i = 0; i < n; i++, raw += unit)
		to[i] = turned ? (uint8_t)(raw[plane] << 1 | raw[before] >> 7)
			       : raw[plane];
}

enum hvqz_ret planes_put(const struct encode_kernels *kern, const uint8_t *raw,
			 size_t n, unsigned unit, bool turned, int effort, struct buf *out,
			 struct hvqz_err *err)
{
	uint8_t *plane = malloc(n);
	enum hvqz_ret ret = HVQZ_OK;

	if (!plane)
		return hvqz_nomem(err, n, "a byte plane");
	buf_u8(out, PLANES_BYTES);
	buf_u8(out, turned);
	for (unsigned p = 0; p < unit; p++) {
		split_plane(raw, n, unit, turned, p, plane);
		TRY_OUT(bytes_put(kern, plane, n, effort, out, err));
	}
	ret = buf_ok(out, err);
out:
	free(plane);
	return ret;
}

/* Bytes that a plane's histogram alone would make of it. */
static double order0(const uint8_t *p, size_t n)
{
	uint32_t count[256] = {0};
	double bits = 0;

	for (size_t i = 0; i < n; i++)
		count[p[i]]++;
	for (unsigned v = 0; v < 256; v++)
		if (count[v])
			bits += count[v] * (double)(log2_approx((float)n) -
						    log2_approx((float)count[v]));
	return bits / 8;
}

enum hvqz_ret planes_repeat(const uint8_t *raw, size_t n, unsigned unit,
			    bool turned, int effort, bool *yes,
			    struct hvqz_err *err)
{
	size_t m = n < PIECE ? n : PIECE, bound = ZSTD_compressBound(m);
	uint8_t *plane = malloc(m + bound);
	double packed = 0, alone = 0;
	size_t len = 0;

	if (!plane)
		return hvqz_nomem(err, m + bound, "a byte plane");
	raw += (n - m) / 2 * unit;
	for (unsigned i = 0; i < 2 && i < unit && !ZSTD_isError(len); i++) {
		unsigned p = turned ? unit - 1 - i : i;

		split_plane(raw, m, unit, turned, p, plane);
		len = ZSTD_compress(plane + m, bound, plane, m,
				    effort > 5 ? 9 : 6);
		packed += (double)len;
		alone += order0(plane, m);
	}
	free(plane);
	if (ZSTD_isError(len))
		return hvqz_nomem(err, bound, "zstd");
	*yes = packed < 0.98 * alone;
	return HVQZ_OK;
}
