/*
 * planes.c - codec 1: lossless. The decoder; planes_encode.c is the other way.
 *
 * Weights are noise with a narrow exponent: what can be saved is in the
 * exponents and the first bits of the mantissas, whose distribution is known
 * once the scale of the weight's row and column is. Those bits are rANS-coded
 * under that context; signs and the other mantissa bits are noise, and stored.
 * Payload: formats/hvqz.md, codec 1.
 */
#include "codec/planes.h"

#include "entropy/bits.h"
#include "kernels/kernels.h"

#include <stdlib.h>

static size_t n_units(const struct slab *slab, unsigned unit)
{
	return slab->raw_len / unit;
}

/* ---- numbers ---- */

struct reader {
	const struct decode_kernels *kern;
	struct front front;
	struct codes_reader codes;
	struct classes classes;
	uint8_t *mask;		/* or NULL */
	uint8_t *tail;		/* [4 n] or NULL */
	size_t n;
};

static enum hvqz_ret get_front(struct reader *r, const struct slab *slab,
			       struct cursor *c, uint8_t *flags,
			       struct hvqz_err *err)
{
	uint8_t held, drop;

	if (!cur_u8(c, &held) || !cur_u8(c, flags) || !cur_u8(c, &drop))
		return hvqz_fail(err, HVQZ_DAMAGED, "the numbers' head is cut");
	if (!front_may_hold(slab->dtype, (enum dtype)held))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "numbers of dtype %u in a tensor of %s", held,
				 dtype_name(slab->dtype));
	r->front = front_of(slab->dtype, (enum dtype)held);
	if (*flags & ~NUMBERS_FLAGS || drop >= r->front.bits - 1 ||
	    (!r->front.is_float && *flags & (NUMBERS_PLUS | NUMBERS_CLASSES)))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "flags %u or %u low bits of 0 for numbers of "
				 "%u bits", *flags, drop, r->front.bits);
	r->front.drop = drop;
	if (!r->front.is_float && !cur_u64(c, &r->front.base))
		return hvqz_fail(err, HVQZ_DAMAGED, "the numbers' head is cut");
	return HVQZ_OK;
}

/*
 * The mask, a bit for each unit, four in a byte: so that each frequent pattern
 * of zeros is a symbol, and no rare one. *n: how many are set.
 */
static enum hvqz_ret get_mask(struct reader *r, struct cursor *c, size_t *n,
			      struct hvqz_err *err)
{
	size_t len = (r->n + 3) / 4, set = 0;
	unsigned last = r->n % 4 ? r->n % 4 : 4;
	uint8_t any = 0;

	r->mask = malloc(len);
	if (!r->mask)
		return hvqz_nomem(err, len, "a mask of zeros");
	TRY(bytes_get(c, r->kern, r->mask, len, "the mask of zeros", err));
	for (size_t i = 0; i < len; i++) {
		unsigned b = r->mask[i];

		any |= r->mask[i];
		set += (b & 1) + (b >> 1 & 1) + (b >> 2 & 1) + (b >> 3 & 1);
	}
	if (any >> 4 || r->mask[len - 1] >> last)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a mask of zeros for more than its %zu "
				 "numbers", r->n);
	*n = set;
	return HVQZ_OK;
}

/* n numbers that the mask, from unit i on, spreads over the block. */
static enum hvqz_ret take_masked(struct reader *r, size_t i, size_t n,
				 uint8_t *class, uint32_t *x,
				 struct hvqz_err *err)
{
	uint32_t some[PLANES_BLOCK];
	uint16_t at[PLANES_BLOCK];
	size_t m = 0;

	for (size_t j = 0; j < n; j++) {
		at[m] = (uint16_t)j;
		m += r->mask[(i + j) / 4] >> (i + j) % 4 & 1;
	}
	memset(x, 0, n * sizeof(*x));
	if (!m)
		return HVQZ_OK;
	for (size_t j = 0; class && j < m; j++)
		class[j] = class[at[j]];
	TRY(codes_take(&r->codes, class, m, some, err));
	for (size_t j = 0; j < m; j++)
		x[at[j]] = some[j];
	return HVQZ_OK;
}

static enum hvqz_ret take_all(struct reader *r, bool codes, uint8_t *raw,
			      struct hvqz_err *err)
{
	const struct front *f = &r->front;
	bool plain = codes && !r->mask && f->is_float && f->bits == 16 &&
		     f->held == f->dtype && !f->drop && codes_fit_16(&r->codes);

	for (size_t i = 0; i < r->n; i += PLANES_BLOCK) {
		size_t m = r->n - i < PLANES_BLOCK ? r->n - i : PLANES_BLOCK;
		uint8_t room[PLANES_BLOCK], *class = NULL;
		uint32_t x[PLANES_BLOCK];

		if (r->classes.width) {
			class = room;
			classes_get(&r->classes, i, m, class);
			memset(class + m, 0, PLANES_BLOCK - m);
		}
		if (plain) {
			TRY(codes_take_16(&r->codes, class, m, raw + 2 * i,
					  err));
			continue;
		}
		if (!codes)
			memset(x, 0, m * sizeof(*x));
		else if (r->mask)
			TRY(take_masked(r, i, m, class, x, err));
		else
			TRY(codes_take(&r->codes, class, m, x, err));
		for (size_t j = 0; f->drop && j < m; j++)
			x[j] <<= f->drop;
		for (size_t j = 0; f->tail && j < m; j++)
			memcpy(raw + (i + j) * f->unit, r->tail + 4 * (i + j),
			       4);
		if (!front_store(f, r->kern, x, i, m, raw))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a number that %s cannot hold",
					 dtype_name(f->dtype));
	}
	return codes ? codes_close(&r->codes, err) : HVQZ_OK;
}

static enum hvqz_ret get_tail(struct reader *r, struct cursor *c,
			      struct hvqz_err *err)
{
	r->tail = malloc(4 * r->n);
	if (!r->tail)
		return hvqz_nomem(err, 4 * r->n, "low halves");
	return bytes_get(c, r->kern, r->tail, 4 * r->n, "the low halves", err);
}

static enum hvqz_ret get_numbers(const struct decode_kernels *kern,
				 const struct slab *slab, struct cursor *c,
				 uint8_t *raw, struct hvqz_err *err)
{
	bool present[CLASS_MAX + 1], plus;
	struct reader r = {.kern = kern};
	uint8_t flags = 0;
	size_t n;
	enum hvqz_ret ret;

	TRY_OUT(get_front(&r, slab, c, &flags, err));
	n = r.n = n_units(slab, r.front.unit);
	if (r.front.tail)
		TRY_OUT(get_tail(&r, c, err));
	if (flags & NUMBERS_MASK)
		TRY_OUT(get_mask(&r, c, &n, err));
	if (flags & NUMBERS_CLASSES) {
		TRY_OUT(classes_read(&r.classes, c, r.n, err));
		classes_present(&r.classes, present);
	}
	plus = !r.front.is_float || flags & NUMBERS_PLUS;
	if (n)
		TRY_OUT(codes_open(&r.codes, c, r.kern,
				   r.front.bits - r.front.drop -
				   (r.front.is_float != 0), !plus, n,
				   r.classes.width ? present : NULL, err));
	ret = take_all(&r, n != 0, raw, err);
out:
	codes_free(&r.codes);
	classes_free(&r.classes);
	free(r.mask);
	free(r.tail);
	return ret;
}

/* ---- bytes, and few values ---- */

/* Every unit right by a bit, as a number: its lowest becomes its highest. */
static void turn_back(uint8_t *raw, size_t n, unsigned unit)
{
	for (; n--; raw += unit) {
		uint8_t low = raw[0];

		for (unsigned p = 0; p < unit; p++) {
			uint8_t above = p + 1 < unit ? raw[p + 1] : low;

			raw[p] = (uint8_t)(raw[p] >> 1 | above << 7);
		}
	}
}

static enum hvqz_ret get_bytes(const struct decode_kernels *kern,
				 const struct slab *slab, struct cursor *c,
			       uint8_t *raw, struct hvqz_err *err)
{
	unsigned unit = front_of(slab->dtype, slab->dtype).unit;
	size_t n = n_units(slab, unit);
	uint8_t turned, *plane;
	enum hvqz_ret ret = HVQZ_OK;

	if (!cur_u8(c, &turned) || turned > 1)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "byte planes that are neither turned nor not");
	plane = malloc(n);
	if (!plane)
		return hvqz_nomem(err, n, "a byte plane");
	for (unsigned p = 0; p < unit; p++) {
		TRY_OUT(bytes_get(c, kern, plane, n, "a byte plane", err));
		for (size_t i = 0; i < n; i++)
			raw[i * unit + p] = plane[i];
	}
	if (turned)
		turn_back(raw, n, unit);
out:
	free(plane);
	return ret;
}

static enum hvqz_ret get_palette(const struct decode_kernels *kern,
				 const struct slab *slab, struct cursor *c,
				 uint8_t *raw, struct hvqz_err *err)
{
	unsigned unit = front_of(slab->dtype, slab->dtype).unit;
	size_t n = n_units(slab, unit);
	const uint8_t *value;
	uint8_t last, *index = malloc(n);
	enum hvqz_ret ret;

	if (!index)
		return hvqz_nomem(err, n, "indices of values");
	if (!cur_u8(c, &last) || !(value = cur_take(c, (last + 1u) * unit))) {
		ret = hvqz_fail(err, HVQZ_DAMAGED, "the list of values is cut");
		goto out;
	}
	TRY_OUT(bytes_get(c, kern, index, n, "indices of values", err));
	for (size_t i = 0; i < n; i++) {
		if (index[i] > last) {
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"index %u of %u values", index[i],
					last + 1u);
			goto out;
		}
		memcpy(raw + i * unit, value + (size_t)index[i] * unit, unit);
	}
out:
	free(index);
	return ret;
}

static enum hvqz_ret skip_padding(struct cursor *c, struct hvqz_err *err)
{
	const uint8_t *p;
	uint32_t len;

	if (!varint_get(c, &len) || !(p = cur_take(c, len)))
		return hvqz_fail(err, HVQZ_DAMAGED, "the padding is cut");
	for (uint32_t i = 0; i < len; i++)
		if (p[i])
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "the padding is not all zeros");
	return HVQZ_OK;
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	const struct decode_kernels *kern = env->kern->decode;
	uint8_t form;

	if (!cur_u8(&c, &form) || (form & ~PLANES_PADDED) > PLANES_PALETTE)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload has none of the three forms");
	if (form & PLANES_PADDED)
		TRY(skip_padding(&c, err));
	form &= (uint8_t)~PLANES_PADDED;
	if (form == PLANES_NUMBERS)
		TRY(get_numbers(kern, slab, &c, raw, err));
	else if (form == PLANES_BYTES)
		TRY(get_bytes(kern, slab, &c, raw, err));
	else
		TRY(get_palette(kern, slab, &c, raw, err));
	if (cur_left(&c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes behind the payload's end",
				 cur_left(&c));
	return HVQZ_OK;
}

/*
 * A plane of bytes or of indices, or a mask and scale codes; escapes, at most
 * a quarter of the numbers, 4 bytes each and 4 while they are read; tables;
 * zstd's context.
 */
static uint64_t decode_memory(const struct slab *slab)
{
	return 5 * (uint64_t)slab->raw_len + ((uint64_t)512 << 10);
}

const struct codec codec_planes = {
	.id = CODEC_PLANES,
	.name = "planes",
	.lossless = true,
	.encode = planes_encode,
	.decode = decode,
	.encode_memory = planes_encode_memory,
	.decode_memory = decode_memory,
};
