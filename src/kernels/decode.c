/* decode.c - the tables of decode.h. */
#include "kernels/decode.h"

#include "base/bytes.h"
#include "base/half.h"

#include <float.h>

/* The law is formats/hvqz.md, 8.8; a slot is as in entropy/lanes.h. */
static inline __attribute__((always_inline)) size_t
rounds(unsigned lanes, uint32_t *state, const uint8_t **word,
       const uint8_t *end, const uint32_t *slots, const uint8_t *which,
       uint8_t *sym, size_t n)
{
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
		for (unsigned l = 0; l < lanes; l++) {
			uint32_t x = state[l], at = x & 4095, e, more, low;

			if (which)
				at |= (uint32_t)which[l] << 12;
			e = slots[at];
			sym[l] = (uint8_t)e;
			x = ((e >> 8 & 4095) + 1) * (x >> 12) + (e >> 20);
			more = x << 16 | get_le16(p);
			/*
			 * All ones when a word is wanted: a branch would be a
			 * guess.
			 */
			low = 0u - (x < 1u << 16);
			state[l] = x ^ ((x ^ more) & low);
			p += low & 2;
		}
		sym += lanes;
		which = which ? which + lanes : NULL;
	}
	*word = p;
	return i;
}

static size_t generic_rounds(unsigned lanes, uint32_t *state,
			     const uint8_t **word, const uint8_t *end,
			     const uint32_t *slots, const uint8_t *which,
			     uint8_t *sym, size_t n)
{
	if (lanes != DECODE_LANES)
		return rounds(lanes, state, word, end, slots, which, sym, n);
	if (which)
		return rounds(DECODE_LANES, state, word, end, slots, which, sym,
			      n);
	return rounds(DECODE_LANES, state, word, end, slots, NULL, sym, n);
}

static size_t generic_wide_rounds(uint32_t *state, const uint8_t **word,
				  const uint8_t *end, const uint16_t *slot,
				  const uint32_t *span, unsigned bits,
				  uint16_t *sym, size_t n)
{
	uint32_t mask = ((uint32_t)1 << bits) - 1;
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
		for (unsigned l = 0; l < DECODE_LANES; l++) {
			uint32_t x = state[l], y = x & mask, e, more, low;

			sym[l] = slot[y];
			e = span[sym[l]];
			x = (e & 0xffff) * (x >> bits) + y - (e >> 16);
			more = x << 16 | get_le16(p);
			low = 0u - (x < 1u << 16);
			state[l] = x ^ ((x ^ more) & low);
			p += low & 2;
		}
		sym += DECODE_LANES;
	}
	*word = p;
	return i;
}

/* Fields of width ≤ DECODE_MAX_FIELD_16, n a multiple of 8, and more bits. */
static inline void fields16(const uint8_t *restrict p, unsigned width,
			    size_t n, uint16_t *restrict f)
{
	for (size_t i = 0; i < n; i += 8, p += width) {
		uint64_t eight = get_le64(p);

		for (unsigned k = 0; k < 7; k++)
			f[i + k] = (uint16_t)(eight >> k * width);
		/* Of nine bits, eight bytes have only the last one's begin. */
		f[i + 7] = (uint16_t)(get_le16(p + 7 * width / 8) >>
				      7 * width % 8);
	}
}

/* x is the symbols' place by class, then the numbers; whole steps. */
static inline uint16_t join16(const struct decode_split *s,
			      const uint8_t *restrict sym,
			      const uint16_t *restrict f, size_t n,
			      uint16_t *restrict x)
{
	uint16_t low = (uint16_t)((1u << s->raw) - 1), any[DECODE_STEP] = {0};
	uint16_t high = (uint16_t)(s->sign << s->bits), n_sym = s->n;
	unsigned raw = s->raw, up = s->bits - s->raw;

	for (size_t i = 0; i < n; i += DECODE_STEP)
		for (unsigned k = 0; k < DECODE_STEP; k++) {
			uint16_t is = (uint16_t)(0u - (sym[i + k] != n_sym));
			uint16_t v = (uint16_t)((x[i + k] + sym[i + k]) & is);

			any[k] |= v;
			v = (uint16_t)(v << raw);
			v |= f[i + k] & low;
			v |= (uint16_t)(f[i + k] << up) & high;
			x[i + k] = v;
		}
	for (unsigned k = 1; k < DECODE_STEP; k++)
		any[0] |= any[k];
	return any[0];
}

/* The first symbols of the classes' windows. */
static inline void place16(const struct decode_split *s,
			   const uint8_t *restrict class, size_t n,
			   uint16_t *restrict x)
{
	uint16_t first = s->first;
	unsigned octave = s->octave;

	for (size_t i = 0; i < n; i += DECODE_STEP)
		for (unsigned k = 0; k < DECODE_STEP; k++)
			x[i + k] = first;
	for (size_t i = 0; class && i < n; i += DECODE_STEP)
		for (unsigned k = 0; k < DECODE_STEP; k++)
			x[i + k] = (uint16_t)(x[i + k] +
					      ((class[i + k] >> 3) << octave));
}

static size_t generic_rounds16(uint32_t *state, const uint8_t **word,
			       const uint8_t *end, const uint32_t *slots,
			       const uint8_t *class,
			       const struct decode_split *s,
			       const uint8_t *field, size_t left, uint8_t *sym,
			       size_t n, uint8_t *to, uint32_t *any)
{
	enum { SOME = 16, NUMBERS = SOME * DECODE_LANES };
	size_t width = s->raw + s->sign, done = 0, m, got;
	uint16_t f[NUMBERS], x[NUMBERS];
	uint8_t which[NUMBERS] = {0};

	if (left < 3 * width + 16)
		return 0;
	left = (left - (3 * width + 16)) / (4 * width) + 1;
	n = n < left ? n : left;
	do {
		m = n - done < SOME ? n - done : SOME;
		for (size_t i = 0; class && i < m * DECODE_LANES; i++)
			which[i] = class[i] >> 1 & 3;
		got = generic_rounds(DECODE_LANES, state, word, end, slots,
				     class ? which : NULL, sym, m);
		place16(s, class, got * DECODE_LANES, x);
		fields16(field, (unsigned)width, got * DECODE_LANES, f);
		*any |= join16(s, sym, f, got * DECODE_LANES, x);
		for (size_t i = 0; i < got * DECODE_LANES; i++)
			put_le16(to + 2 * i, x[i]);
		sym += NUMBERS;
		to += 2 * NUMBERS;
		field += 4 * SOME * width;
		class = class ? class + NUMBERS : NULL;
		done += got;
	} while (got == SOME && done < n);
	return done;
}

/* Eight in one load, where they fit. */
static size_t generic_fields(const uint8_t *p, size_t left, unsigned width,
			     size_t n, uint32_t *v)
{
	uint32_t mask = (uint32_t)(((uint64_t)1 << width) - 1);
	size_t i = 0;

	for (; width <= 8 && i + 8 <= n && left >= 8;
	     i += 8, p += width, left -= width) {
		uint64_t eight = get_le64(p);

		for (unsigned k = 0; k < 8; k++)
			v[i + k] = (uint32_t)(eight >> k * width) & mask;
	}
	return i;
}

static void generic_place(const uint8_t *restrict sym,
			  const uint8_t *restrict class, size_t n,
			  uint32_t first, unsigned octave,
			  uint32_t *restrict x)
{
	if (class)
		for (size_t i = 0; i < n; i += DECODE_STEP)
			for (unsigned k = 0; k < DECODE_STEP; k++)
				x[i + k] = first + sym[i + k] +
					   ((uint32_t)(class[i + k] >> 3)
					    << octave);
	else
		for (size_t i = 0; i < n; i += DECODE_STEP)
			for (unsigned k = 0; k < DECODE_STEP; k++)
				x[i + k] = first + sym[i + k];
}

static uint32_t generic_join(uint32_t *restrict x, const uint32_t *restrict v,
			     size_t n, unsigned raw, unsigned bits)
{
	uint32_t low = ((uint32_t)1 << raw) - 1, any[DECODE_STEP] = {0};
	unsigned up = bits - raw;

	for (size_t i = 0; i < n; i += DECODE_STEP)
		for (unsigned k = 0; k < DECODE_STEP; k++) {
			any[k] |= x[i + k];
			x[i + k] = x[i + k] << raw | (v[i + k] & low) |
				   (v[i + k] & ~low) << up;
		}
	for (unsigned k = 1; k < DECODE_STEP; k++)
		any[0] |= any[k];
	return any[0];
}

static void generic_store16(const uint32_t *restrict x, size_t n,
			    uint8_t *restrict raw)
{
	size_t i = 0;

	for (; i + DECODE_STEP <= n; i += DECODE_STEP)
		for (unsigned k = 0; k < DECODE_STEP; k++)
			put_le16(raw + 2 * (i + k), (uint16_t)x[i + k]);
	for (; i < n; i++)
		put_le16(raw + 2 * i, (uint16_t)x[i]);
}

static inline __attribute__((always_inline)) void
points(unsigned lanes, uint8_t *restrict v, size_t n, uint8_t *restrict state,
       uint8_t a, uint8_t b)
{
	for (; n--; v += lanes)
		for (unsigned l = 0; l < lanes; l++) {
			unsigned y = state[l], z = y & 1;
			unsigned u = v[l] ^ (0u - ((v[l] ^ y) & 1));
			unsigned p = u >> 1 & 1;
			/* All ones when there is a point. */
			unsigned is = 0u - (v[l] != DECODE_NO_POINT);
			unsigned next = y >> 1 ^ (a & (0u - z)) ^
					(b & (0u - p));

			state[l] = (uint8_t)((next & is) | (y & ~is));
			v[l] = (uint8_t)((u & is) | (0x80 & ~is));
		}
}

static void generic_points(unsigned lanes, uint8_t *v, size_t n,
			   uint8_t *state, uint8_t a, uint8_t b)
{
	if (lanes == DECODE_LANES)
		points(DECODE_LANES, v, n, state, a, b);
	else
		points(lanes, v, n, state, a, b);
}

static void generic_transpose(const uint8_t *restrict from, size_t stride,
			      uint8_t *restrict to)
{
	for (unsigned i = 0; i < 32; i++)
		for (unsigned j = 0; j < 32; j++)
			to[32 * j + i] = from[i * stride + j];
}

static void generic_restore(const uint8_t *restrict u,
			    const float *restrict step, float scale,
			    float *restrict w)
{
	for (unsigned i = 0; i < DECODE_LANES; i++)
		w[i] = u[i] == 0x80 ? 0
				    : ((float)(int8_t)u[i] + 0.5f) *
					      (step[i] * scale);
}

/* As clamp() of codec/weights.c. */
static inline float clamp(float v, float max)
{
	if (v < -max)
		return -max;
	return v <= max ? v : max;
}

static void generic_narrow(enum dtype dtype, const float *w, uint8_t *raw)
{
	for (unsigned i = 0; i < DECODE_LANES; i++)
		if (dtype == DTYPE_F16)
			put_le16(raw + 2 * i,
				 f16_from_f32(clamp(w[i], 65504.0f)));
		else if (dtype == DTYPE_BF16)
			put_le16(raw + 2 * i,
				 bf16_from_f32(clamp(w[i], 0x1.fep127f)));
		else
			put_lef32(raw + 4 * i, clamp(w[i], FLT_MAX));
}

const struct decode_kernels decode_generic = {
	.rounds = generic_rounds,
	.rounds16 = generic_rounds16,
	.fields = generic_fields,
	.place = generic_place,
	.join = generic_join,
	.store16 = generic_store16,
	.points = generic_points,
	.transpose = generic_transpose,
	.restore = generic_restore,
	.narrow = generic_narrow,
	.wide_rounds = generic_wide_rounds,
};

#if defined(__x86_64__) && defined(__GNUC__)

#include "kernels/decode_rounds_avx2.h"

#include "kernels/decode_avx2.h"

/* What both tables share. */
#define IN_AVX2 \
	.fields = avx2_fields, .place = avx2_place, .join = avx2_join, \
	.store16 = avx2_store16, .points = avx2_points, \
	.transpose = avx2_transpose, .restore = avx2_restore, \
	.narrow = avx2_narrow

const struct decode_kernels decode_avx2 = {
	.rounds = avx2_rounds, .rounds16 = avx2_rounds16,
	.wide_rounds = avx2_wide_rounds, IN_AVX2
};
const struct decode_kernels decode_avx512 = {
	.rounds = avx512_rounds, .rounds16 = avx512_rounds16,
	.wide_rounds = avx512_wide_rounds, IN_AVX2
};

#endif
