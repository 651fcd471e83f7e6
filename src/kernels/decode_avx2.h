/*
 * decode_avx2.h - decode.h in AVX2's registers, but for its rounds. Part of
 * decode.c.
 */
#include "kernels/avx2.h"

/* Every processor that has AVX2 has this, but it has a bit of its own. */
#define F16C __attribute__((target("avx2,f16c")))

/* ---- numbers ---- */

/*
 * Eight fields are `width` bytes. Their first four begin on a byte, the others
 * width / 2 bytes on, four bits later when width is odd: two loads, then each
 * field's four bytes to their place, and down.
 */
static AVX2 size_t avx2_fields(const uint8_t *p, size_t left, unsigned width,
			       size_t n, uint32_t *v)
{
	size_t half = width / 2, i = 0;
	uint8_t from[32];
	uint32_t down[8];
	__m256i order, shift, mask;

	if (width > 24)
		return generic_fields(p, left, width, n, v);
	for (unsigned k = 0; k < 8; k++) {
		unsigned bit = k % 4 * width + (k < 4 ? 0 : width % 2 * 4);

		for (unsigned b = 0; b < 4; b++)
			from[4 * k + b] = (uint8_t)(bit / 8 + b);
		down[k] = bit % 8;
	}
	order = load32(from);
	shift = load32(down);
	mask = _mm256_set1_epi32((1 << width) - 1);
	for (; i + 8 <= n && left >= half + 16; i += 8) {
		__m256i x = _mm256_inserti128_si256(
			_mm256_castsi128_si256(load16(p)), load16(p + half),
			1);

		x = _mm256_srlv_epi32(_mm256_shuffle_epi8(x, order), shift);
		save32(v + i, _mm256_and_si256(x, mask));
		p += width;
		left -= width;
	}
	return i;
}

static AVX2 void avx2_place(const uint8_t *sym, const uint8_t *class, size_t n,
			    uint32_t first, unsigned octave, uint32_t *x)
{
	const __m256i start = _mm256_set1_epi32((int)first);
	const __m128i up = _mm_cvtsi32_si128((int)octave);

	for (size_t i = 0; i < n; i += 8) {
		__m256i s = _mm256_cvtepu8_epi32(load8(sym + i)), c;

		s = _mm256_add_epi32(s, start);
		if (class) {
			c = _mm256_cvtepu8_epi32(load8(class + i));
			c = _mm256_sll_epi32(_mm256_srli_epi32(c, 3), up);
			s = _mm256_add_epi32(s, c);
		}
		save32(x + i, s);
	}
}

static AVX2 uint32_t avx2_join(uint32_t *x, const uint32_t *v, size_t n,
			       unsigned raw, unsigned bits)
{
	const __m256i mask = _mm256_set1_epi32((int)((1u << raw) - 1));
	const __m128i up = _mm_cvtsi32_si128((int)raw);
	const __m128i above = _mm_cvtsi32_si128((int)(bits - raw));
	__m256i any = _mm256_setzero_si256();
	uint32_t part[8], all = 0;

	for (size_t i = 0; i < n; i += 8) {
		__m256i f = load32(v + i), to = load32(x + i);
		__m256i high = _mm256_andnot_si256(mask, f);

		any = _mm256_or_si256(any, to);
		to = _mm256_or_si256(_mm256_sll_epi32(to, up),
				     _mm256_and_si256(f, mask));
		high = _mm256_sll_epi32(high, above);
		save32(x + i, _mm256_or_si256(to, high));
	}
	save32(part, any);
	for (unsigned k = 0; k < 8; k++)
		all |= part[k];
	return all;
}

static AVX2 void avx2_store16(const uint32_t *x, size_t n, uint8_t *raw)
{
	const __m256i low = _mm256_set1_epi32(0xffff);
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256i a = _mm256_and_si256(load32(x + i), low);
		__m256i b = _mm256_and_si256(load32(x + i + 8), low);

		a = _mm256_packus_epi32(a, b);
		save32(raw + 2 * i, _mm256_permute4x64_epi64(a, 0xd8));
	}
	generic_store16(x + i, n - i, raw + 2 * i);
}

/* ---- points ---- */

/* One row of up to 32 lanes: its points, and *y moved on. */
static inline AVX2 __m256i points32(__m256i u, __m256i *y, __m256i to_a,
				    __m256i to_b)
{
	const __m256i one = _mm256_set1_epi8(1), zero = _mm256_setzero_si256();
	const __m256i none = _mm256_set1_epi8(DECODE_NO_POINT);
	__m256i pass = _mm256_cmpeq_epi8(u, none), z, p, next;

	/* All ones where the parities differ: ~n. */
	p = _mm256_and_si256(_mm256_xor_si256(u, *y), one);
	u = _mm256_xor_si256(u, _mm256_sub_epi8(zero, p));
	z = _mm256_sub_epi8(zero, _mm256_and_si256(*y, one));
	p = _mm256_and_si256(_mm256_srli_epi16(u, 1), one);
	p = _mm256_sub_epi8(zero, p);
	next = _mm256_and_si256(_mm256_srli_epi16(*y, 1),
				_mm256_set1_epi8(0x7f));
	next = _mm256_xor_si256(next, _mm256_and_si256(z, to_a));
	next = _mm256_xor_si256(next, _mm256_and_si256(p, to_b));
	*y = _mm256_blendv_epi8(next, *y, pass);
	return _mm256_blendv_epi8(u, _mm256_set1_epi8(-128), pass);
}

static AVX2 void avx2_points(unsigned lanes, uint8_t *v, size_t n,
			     uint8_t *state, uint8_t a, uint8_t b)
{
	const __m256i to_a = _mm256_set1_epi8((char)a);
	const __m256i to_b = _mm256_set1_epi8((char)b);
	uint8_t all[DECODE_LANES] = {0};
	__m256i y;

	memcpy(all, state, lanes);
	y = load32(all);
	if (lanes == 32)
		for (; n--; v += lanes)
			save32(v, points32(load32(v), &y, to_a, to_b));
	else if (lanes == 16)
		for (; n--; v += lanes)
			save16(v, _mm256_castsi256_si128(points32(
					  _mm256_castsi128_si256(load16(v)),
					  &y, to_a, to_b)));
	else
		for (; n--; v += lanes)
			_mm_storel_epi64(
				(__m128i *)(void *)v,
				_mm256_castsi256_si128(points32(
					_mm256_castsi128_si256(load8(v)), &y,
					to_a, to_b)));
	save32(all, y);
	memcpy(state, all, lanes);
}

/* Sixteen rows, of which each half is transposed: four perfect shuffles. */
static inline AVX2 void transpose16(const uint8_t *from, size_t stride,
				    uint8_t *to)
{
	__m256i r[16], t[16];

	for (unsigned i = 0; i < 16; i++)
		r[i] = load32(from + i * stride);
	for (unsigned turn = 0; turn < 4; turn++) {
		for (unsigned i = 0; i < 8; i++) {
			t[2 * i] = _mm256_unpacklo_epi8(r[i], r[i + 8]);
			t[2 * i + 1] = _mm256_unpackhi_epi8(r[i], r[i + 8]);
		}
		memcpy(r, t, sizeof(r));
	}
	for (unsigned i = 0; i < 16; i++) {
		save16(to + 32 * i, _mm256_castsi256_si128(r[i]));
		save16(to + 32 * (i + 16), _mm256_extracti128_si256(r[i], 1));
	}
}

static AVX2 void avx2_transpose(const uint8_t *from, size_t stride,
				uint8_t *to)
{
	transpose16(from, stride, to);
	transpose16(from + 16 * stride, stride, to + 16);
}

static AVX2 void avx2_restore(const uint8_t *u, const float *step, float scale,
			      float *w)
{
	const __m256 half = _mm256_set1_ps(0.5f), by = _mm256_set1_ps(scale);
	const __m256i none = _mm256_set1_epi32(-128);

	for (unsigned i = 0; i < DECODE_LANES; i += 8) {
		__m256i p = _mm256_cvtepi8_epi32(load8(u + i));
		__m256i no = _mm256_cmpeq_epi32(p, none);
		__m256 x = _mm256_add_ps(_mm256_cvtepi32_ps(p), half);

		x = _mm256_mul_ps(x, _mm256_mul_ps(_mm256_loadu_ps(step + i),
						   by));
		_mm256_storeu_ps(w + i,
				 _mm256_andnot_ps(_mm256_castsi256_ps(no), x));
	}
}

/* ---- narrowing ---- */

/* |w|'s bits, at most max; *sign: the sign's, none for a NaN. */
static inline AVX2 __m256i clamp8(const float *w, uint32_t max, __m256i *sign)
{
	__m256i u = load32(w), mag, nan;

	mag = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
	nan = _mm256_cmpgt_epi32(mag, _mm256_set1_epi32(0x7f800000));
	*sign = _mm256_andnot_si256(nan, _mm256_xor_si256(u, mag));
	return _mm256_min_epu32(mag, _mm256_set1_epi32((int)max));
}

/* As f16_from_f32(): the processor rounds to nearest even, too. */
static inline F16C __m128i f16_8(const float *w)
{
	__m256i sign, mag = clamp8(w, 0x477fe000, &sign);

	return _mm256_cvtps_ph(
		_mm256_castsi256_ps(_mm256_or_si256(mag, sign)),
		_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline AVX2 __m256i bf16_8(const float *w)
{
	__m256i sign, mag = clamp8(w, 0x7f7f0000, &sign), odd;

	odd = _mm256_and_si256(_mm256_srli_epi32(mag, 16),
			       _mm256_set1_epi32(1));
	mag = _mm256_add_epi32(_mm256_add_epi32(mag, odd),
			       _mm256_set1_epi32(0x7fff));
	return _mm256_srli_epi32(_mm256_or_si256(mag, sign), 16);
}

static F16C void avx2_narrow(enum dtype dtype, const float *w, uint8_t *raw)
{
	if (dtype != DTYPE_F16 && dtype != DTYPE_BF16) {
		for (unsigned i = 0; i < DECODE_LANES; i += 8) {
			__m256i sign, mag = clamp8(w + i, 0x7f7fffff, &sign);

			save32(raw + 4 * i, _mm256_or_si256(mag, sign));
		}
		return;
	}
	if (dtype == DTYPE_F16) {
		for (unsigned i = 0; i < DECODE_LANES; i += 8)
			save16(raw + 2 * i, f16_8(w + i));
		return;
	}
	for (unsigned i = 0; i < DECODE_LANES; i += 16) {
		__m256i a = bf16_8(w + i), b = bf16_8(w + i + 8);

		a = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
		save32(raw + 2 * i, a);
	}
}
