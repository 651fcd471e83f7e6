/* encode.c - the tables of encode.h. */
#include "kernels/encode.h"

#include "base/bytes.h"
#include "base/half.h"

void encode_fill_right(uint8_t right[256][16])
{
	for (unsigned m = 0; m < 256; m++) {
		uint8_t *to = right[m] + 16;

		memset(right[m], 0x80, 16);
		for (unsigned l = 8; l-- > 0;)
			if (m >> l & 1) {
				*--to = (uint8_t)(2 * l + 1);
				*--to = (uint8_t)(2 * l);
			}
	}
}

/* The law is entropy/rans.h. */
static uint8_t *generic_rounds(uint32_t *state, const struct encode_sym *syms,
			       const uint8_t right[256][16],
			       const uint16_t *key, size_t n, uint8_t *end)
{
	(void)right;
	for (key += n * ENCODE_LANES; n--;) {
		key -= ENCODE_LANES;
		for (unsigned l = ENCODE_LANES; l-- > 0;) {
			struct encode_sym s = syms[key[l]];
			uint32_t x = state[l], f = (s.what & 4095) + 1, full, q;

			/*
			 * All ones when a word is given away: a branch would
			 * be a guess.
			 */
			full = 0u - (x >> 20 >= f);
			put_le16(end - 2, (uint16_t)x);
			end -= full & 2;
			x ^= (x ^ x >> 16) & full;
			q = (uint32_t)((uint64_t)(x + (s.what >> 24 & 1)) *
				       s.rcp >> (s.what >> 26));
			state[l] = x + q * (4096 - f) + (s.what >> 12 & 4095);
		}
	}
	return end;
}

/* n ≤ STEP numbers, and zeros behind them. */
static inline void load_step(const uint8_t *restrict raw, size_t n,
			  uint16_t *restrict x)
{
	if (n == ENCODE_STEP) {
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			x[k] = get_le16(raw + 2 * k);
		return;
	}
	for (unsigned k = 0; k < ENCODE_STEP; k++)
		x[k] = k < n ? get_le16(raw + 2 * k) : 0;
}

static uint32_t generic_survey16(const uint8_t *restrict raw, size_t n,
				 size_t *n_zeros)
{
	uint16_t any[ENCODE_STEP] = {0}, x[ENCODE_STEP];
	size_t zeros = 0;

	for (size_t i = 0; i < n; i += ENCODE_STEP) {
		size_t m = n - i < ENCODE_STEP ? n - i : ENCODE_STEP;
		uint16_t few = 0;

		load_step(raw + 2 * i, m, x);
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			any[k] |= x[k];
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			few = (uint16_t)(few + !x[k]);
		zeros += few - (ENCODE_STEP - m);
	}
	for (unsigned k = 1; k < ENCODE_STEP; k++)
		any[0] |= any[k];
	*n_zeros = zeros;
	return any[0];
}

static void generic_index16(const uint8_t *restrict raw,
			    const uint8_t *restrict class, size_t n,
			    const struct encode_split *s, uint16_t zero,
			    uint16_t size, uint16_t *restrict index)
{
	uint16_t mask = (uint16_t)((1u << s->bits) - 1), x[ENCODE_STEP];
	unsigned shift = s->shift, octave = s->octave;

	for (size_t i = 0; i < n; i += ENCODE_STEP) {
		size_t m = n - i < ENCODE_STEP ? n - i : ENCODE_STEP;

		load_step(raw + 2 * i, m, x);
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			x[k] = (uint16_t)(((x[k] & mask) >> shift) + zero);
		for (unsigned k = 0; class && k < m; k++)
			x[k] = (uint16_t)(
				x[k] + size * (class[i + k] >> 1 & 3u) -
				((unsigned)(class[i + k] >> 3) << octave));
		memcpy(index + i, x, sizeof(x));
	}
}

/* A step's fields: 2 · width bytes. */
static inline void put_fields(const uint16_t *f, unsigned width, uint8_t *to)
{
	for (unsigned i = 0; i < ENCODE_STEP; i += 8, to += width) {
		uint64_t acc = 0;

		for (unsigned k = 0; k < 7; k++)
			acc |= (uint64_t)f[i + k] << k * width;
		if (width == 9)
			to[8] = (uint8_t)(f[i + 7] >> 1);
		acc |= (uint64_t)f[i + 7] << 7 * width;
		/* Behind eight fields come the next eight, or slack. */
		for (unsigned k = 0; k < 8 && k < width; k++)
			to[k] = (uint8_t)(acc >> 8 * k);
	}
}

static size_t generic_split16(const uint8_t *restrict raw,
			      const uint8_t *restrict class, size_t n,
			      const struct encode_split *s,
			      uint16_t *restrict key, uint8_t *restrict field,
			      uint16_t *restrict escape)
{
	unsigned shift = s->shift, octave = s->octave, up = s->bits - shift;
	unsigned width = shift + s->sign;
	uint16_t mask = (uint16_t)((1u << s->bits) - 1), first = s->first;
	uint16_t low = (uint16_t)((1u << shift) - 1), top = s->n;
	uint16_t high = (uint16_t)(s->sign << shift);
	size_t n_escapes = 0;

	for (size_t i = 0; i < n; i += ENCODE_STEP) {
		size_t m = n - i < ENCODE_STEP ? n - i : ENCODE_STEP;
		uint16_t x[ENCODE_STEP], t[ENCODE_STEP], f[ENCODE_STEP];
		uint16_t over = 0;

		load_step(raw + 2 * i, m, x);
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			t[k] = (uint16_t)(((x[k] & mask) >> shift) - first);
		for (unsigned k = 0; class && k < m; k++)
			t[k] = (uint16_t)(t[k] -
					  ((class[i + k] >> 3) << octave));
		for (unsigned k = 0; k < m; k++)
			over |= t[k] >= top;
		for (unsigned k = 0; over && k < m; k++) {
			if (t[k] < top)
				continue;
			escape[n_escapes++] = (uint16_t)(i + k);
			t[k] = top;
		}
		for (unsigned k = 0; class && k < m; k++)
			t[k] |= (uint16_t)(class[i + k] << 7 & 0x300);
		memcpy(key + i, t, m * sizeof(*t));
		if (!field)
			continue;
		for (unsigned k = 0; k < ENCODE_STEP; k++)
			f[k] = (uint16_t)((x[k] & low) | (x[k] >> up & high));
		put_fields(f, width, field);
		field += 2 * width;
	}
	return n_escapes;
}

/* 2^-60 to 2^60, as bits. */
static const uint32_t weigh_low = (127u - 60) << 23, weigh_span = 120u << 23;

static inline float magnitude(uint32_t x, uint32_t mask, unsigned left,
			      uint32_t up)
{
	uint32_t u = (x & mask) << left, normal = u >> 23 != 0;

	u += up;
	return f32_from_bits(u & (0u - (normal & (u - weigh_low <
						  weigh_span))));
}

static float generic_weigh16(const uint8_t *restrict raw, size_t n,
			     uint32_t mask, unsigned left, uint32_t up,
			     const float *restrict by, float *restrict w,
			     uint32_t *count)
{
	float sum[ENCODE_STEP] = {0}, all = 0;
	uint32_t some = 0;
	size_t j = 0;

	for (; j + ENCODE_STEP <= n; j += ENCODE_STEP)
		for (unsigned k = 0; k < ENCODE_STEP; k++) {
			float m = magnitude(get_le16(raw + 2 * (j + k)), mask,
					    left, up);

			w[j + k] = m;
			sum[k] += m * by[j + k];
			some += m > 0;
		}
	for (; j < n; j++) {
		w[j] = magnitude(get_le16(raw + 2 * j), mask, left, up);
		all += w[j] * by[j];
		some += w[j] > 0;
	}
	for (unsigned k = 0; k < ENCODE_STEP; k++)
		all += sum[k];
	*count += some;
	return all;
}

static void generic_spread(const float *restrict w, float by, size_t n,
			   float *restrict sum, uint32_t *restrict count)
{
	size_t j = 0;

	for (; j + ENCODE_STEP <= n; j += ENCODE_STEP)
		for (unsigned k = 0; k < ENCODE_STEP; k++) {
			sum[j + k] += w[j + k] * by;
			count[j + k] += w[j + k] > 0;
		}
	for (; j < n; j++) {
		sum[j] += w[j] * by;
		count[j] += w[j] > 0;
	}
}

const struct encode_kernels encode_generic = {
	.rounds = generic_rounds,
	.survey16 = generic_survey16,
	.index16 = generic_index16,
	.split16 = generic_split16,
	.weigh16 = generic_weigh16,
	.spread = generic_spread,
};

#if defined(__x86_64__) && defined(__GNUC__)

#include "kernels/encode_avx2.h"

/* What both tables share. */
#define IN_AVX2 \
	.survey16 = avx2_survey16, .index16 = avx2_index16, \
	.split16 = avx2_split16, .weigh16 = avx2_weigh16, \
	.spread = avx2_spread

const struct encode_kernels encode_avx2 = {.rounds = avx2_rounds, IN_AVX2};
const struct encode_kernels encode_avx512 = {.rounds = avx512_rounds, IN_AVX2};

#endif
