/*
 * decode_avx2.h - decode.h in AVX2's registers, and its rounds in AVX-512's.
 * Part of decode.c.
 *
 * A round keeps its 32 states in registers. What a lane's slot says comes by
 * gathers; the lanes that want a word get them from the next eight by a
 * permutation: a lane's word is that of index "how many before me want one",
 * a row of `rank` for each mask.
 */
#include "kernels/avx2.h"

#define BIT(m, i) ((m) >> (i) & 1)
#define UP_TO(m, i) \
	(((i) > 0 ? BIT(m, 0) : 0) + ((i) > 1 ? BIT(m, 1) : 0) + \
	 ((i) > 2 ? BIT(m, 2) : 0) + ((i) > 3 ? BIT(m, 3) : 0) + \
	 ((i) > 4 ? BIT(m, 4) : 0) + ((i) > 5 ? BIT(m, 5) : 0) + \
	 ((i) > 6 ? BIT(m, 6) : 0))
#define RANKS(m) \
	{ UP_TO(m, 0), UP_TO(m, 1), UP_TO(m, 2), UP_TO(m, 3), \
	  UP_TO(m, 4), UP_TO(m, 5), UP_TO(m, 6), UP_TO(m, 7) }
#define RANKS_4(m) RANKS(m), RANKS((m) + 1), RANKS((m) + 2), RANKS((m) + 3)
#define RANKS_16(m) \
	RANKS_4(m), RANKS_4((m) + 4), RANKS_4((m) + 8), RANKS_4((m) + 12)
#define RANKS_64(m) \
	RANKS_16(m), RANKS_16((m) + 16), RANKS_16((m) + 32), RANKS_16((m) + 48)

/* [mask][lane]: bits of the mask below the lane's. */
static const uint8_t rank[256][8] = {
	RANKS_64(0), RANKS_64(64), RANKS_64(128), RANKS_64(192),
};

/* ---- rounds ---- */

/* Eight lanes; the slots they had are returned. */
static inline AVX2 __m256i pop8(__m256i *x, const uint32_t *slots,
				const uint8_t *which)
{
	__m256i at = _mm256_and_si256(*x, _mm256_set1_epi32(4095)), e, f;

	if (which)
		at = _mm256_or_si256(
			at, _mm256_slli_epi32(_mm256_cvtepu8_epi32(
						      load8(which)), 12));
	e = _mm256_i32gather_epi32((const int *)slots, at, 4);
	f = _mm256_and_si256(_mm256_srli_epi32(e, 8), _mm256_set1_epi32(4095));
	f = _mm256_add_epi32(f, _mm256_set1_epi32(1));
	*x = _mm256_add_epi32(_mm256_mullo_epi32(f, _mm256_srli_epi32(*x, 12)),
			      _mm256_srli_epi32(e, 20));
	return e;
}

static inline AVX2 const uint8_t *refill8(__m256i *x, const uint8_t *word)
{
	__m256i low = _mm256_cmpeq_epi32(_mm256_srli_epi32(*x, 16),
					 _mm256_setzero_si256());
	unsigned m = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low));
	__m256i w = _mm256_cvtepu16_epi32(load16(word));

	w = _mm256_permutevar8x32_epi32(w,
					_mm256_cvtepu8_epi32(load8(rank[m])));
	w = _mm256_or_si256(w, _mm256_slli_epi32(*x, 16));
	*x = _mm256_blendv_epi8(*x, w, low);
	return word + 2 * (unsigned)__builtin_popcount(m);
}

/* The low bytes of 32 slots. */
static inline AVX2 __m256i low_bytes(__m256i a, __m256i b, __m256i c,
				     __m256i d)
{
	const __m256i byte = _mm256_set1_epi32(255);
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);

	a = _mm256_packus_epi32(_mm256_and_si256(a, byte),
				_mm256_and_si256(b, byte));
	c = _mm256_packus_epi32(_mm256_and_si256(c, byte),
				_mm256_and_si256(d, byte));
	return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, c), order);
}

/* lanes is a constant: 8, 16 or 32. */
static inline __attribute__((always_inline)) AVX2 size_t
avx2_rounds_of(unsigned lanes, uint32_t *state, const uint8_t **word,
	       const uint8_t *end, const uint32_t *slots, const uint8_t *which,
	       uint8_t *sym, size_t n)
{
	__m256i x[4], e[4];
	const uint8_t *p = *word;
	size_t i = 0;

	for (unsigned k = 0; k < lanes / 8; k++)
		x[k] = load32(state + 8 * k);
	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
#pragma GCC unroll 4
		for (unsigned k = 0; k < lanes / 8; k++)
			e[k] = pop8(&x[k], slots, which ? which + 8 * k : NULL);
#pragma GCC unroll 4
		for (unsigned k = 0; k < lanes / 8; k++)
			p = refill8(&x[k], p);
		if (lanes == 32) {
			save32(sym, low_bytes(e[0], e[1], e[2], e[3]));
		} else {
			__m256i v = low_bytes(e[0], e[lanes / 16], e[0], e[0]);

			if (lanes == 16)
				save16(sym, _mm256_castsi256_si128(v));
			else
				_mm_storel_epi64((__m128i *)(void *)sym,
						 _mm256_castsi256_si128(v));
		}
		sym += lanes;
		which = which ? which + lanes : NULL;
	}
	for (unsigned k = 0; k < lanes / 8; k++)
		save32(state + 8 * k, x[k]);
	*word = p;
	return i;
}

static AVX2 size_t avx2_rounds(unsigned lanes, uint32_t *state,
			       const uint8_t **word, const uint8_t *end,
			       const uint32_t *slots, const uint8_t *which,
			       uint8_t *sym, size_t n)
{
	if (lanes == 8)
		return avx2_rounds_of(8, state, word, end, slots, which, sym,
				      n);
	if (lanes == 16)
		return avx2_rounds_of(16, state, word, end, slots, which, sym,
				      n);
	if (which)
		return avx2_rounds_of(32, state, word, end, slots, which, sym,
				      n);
	return avx2_rounds_of(32, state, word, end, slots, NULL, sym, n);
}

/* Sixteen lanes. */
static inline AVX512 __m512i pop16(__m512i *x, const uint32_t *slots,
				   const uint8_t *which)
{
	__m512i at = _mm512_and_si512(*x, _mm512_set1_epi32(4095)), e, f;

	if (which)
		at = _mm512_or_si512(
			at, _mm512_slli_epi32(_mm512_cvtepu8_epi32(
						      load16(which)), 12));
	e = _mm512_i32gather_epi32(at, slots, 4);
	f = _mm512_and_si512(_mm512_srli_epi32(e, 8), _mm512_set1_epi32(4095));
	f = _mm512_add_epi32(f, _mm512_set1_epi32(1));
	*x = _mm512_add_epi32(_mm512_mullo_epi32(f, _mm512_srli_epi32(*x, 12)),
			      _mm512_srli_epi32(e, 20));
	return e;
}

static inline AVX512 const uint8_t *refill16(__m512i *x, const uint8_t *word)
{
	__mmask16 m = _mm512_cmplt_epu32_mask(*x, _mm512_set1_epi32(65536));
	__m512i w = _mm512_cvtepu16_epi32(load32(word));

	*x = _mm512_mask_or_epi32(*x, m, _mm512_slli_epi32(*x, 16),
				  _mm512_maskz_expand_epi32(m, w));
	return word + 2 * (unsigned)__builtin_popcount(m);
}

/* lanes is a constant: 16 or 32. */
static inline __attribute__((always_inline)) AVX512 size_t
avx512_rounds_of(unsigned lanes, uint32_t *state, const uint8_t **word,
		 const uint8_t *end, const uint32_t *slots,
		 const uint8_t *which, uint8_t *sym, size_t n)
{
	__m512i x[2], e[2];
	const uint8_t *p = *word;
	size_t i = 0;

	for (unsigned k = 0; k < lanes / 16; k++)
		x[k] = _mm512_loadu_si512(state + 16 * k);
	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
#pragma GCC unroll 2
		for (unsigned k = 0; k < lanes / 16; k++)
			e[k] = pop16(&x[k], slots,
				     which ? which + 16 * k : NULL);
#pragma GCC unroll 2
		for (unsigned k = 0; k < lanes / 16; k++) {
			p = refill16(&x[k], p);
			save16(sym + 16 * k, _mm512_cvtepi32_epi8(e[k]));
		}
		sym += lanes;
		which = which ? which + lanes : NULL;
	}
	for (unsigned k = 0; k < lanes / 16; k++)
		_mm512_storeu_si512(state + 16 * k, x[k]);
	*word = p;
	return i;
}

static AVX512 size_t avx512_rounds(unsigned lanes, uint32_t *state,
				   const uint8_t **word, const uint8_t *end,
				   const uint32_t *slots, const uint8_t *which,
				   uint8_t *sym, size_t n)
{
	if (lanes == 8)
		return avx2_rounds(lanes, state, word, end, slots, which, sym,
				   n);
	if (lanes == 16)
		return avx512_rounds_of(16, state, word, end, slots, which,
					sym, n);
	if (which)
		return avx512_rounds_of(32, state, word, end, slots, which,
					sym, n);
	return avx512_rounds_of(32, state, word, end, slots, NULL, sym, n);
}

/* Eight lanes; their symbols are returned. */
static inline AVX2 __m256i wide_pop8(__m256i *x, const uint16_t *slot,
				     const uint32_t *span, __m256i mask,
				     __m128i bits)
{
	const __m256i half = _mm256_set1_epi32(0xffff);
	__m256i y = _mm256_and_si256(*x, mask), s, e;

	s = _mm256_i32gather_epi32((const int *)(const void *)slot, y, 2);
	s = _mm256_and_si256(s, half);
	e = _mm256_i32gather_epi32((const int *)span, s, 4);
	y = _mm256_sub_epi32(y, _mm256_srli_epi32(e, 16));
	e = _mm256_and_si256(e, half);
	e = _mm256_mullo_epi32(e, _mm256_srl_epi32(*x, bits));
	*x = _mm256_add_epi32(e, y);
	return s;
}

static AVX2 size_t avx2_wide_rounds(uint32_t *state, const uint8_t **word,
				    const uint8_t *end, const uint16_t *slot,
				    const uint32_t *span, unsigned bits,
				    uint16_t *sym, size_t n)
{
	const __m256i mask = _mm256_set1_epi32((1 << bits) - 1);
	const __m128i by = _mm_cvtsi32_si128((int)bits);
	__m256i a = load32(state), b = load32(state + 8);
	__m256i c = load32(state + 16), d = load32(state + 24);
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
		__m256i sa = wide_pop8(&a, slot, span, mask, by);
		__m256i sb = wide_pop8(&b, slot, span, mask, by);
		__m256i sc = wide_pop8(&c, slot, span, mask, by);
		__m256i sd = wide_pop8(&d, slot, span, mask, by);

		p = refill8(&a, p);
		p = refill8(&b, p);
		p = refill8(&c, p);
		p = refill8(&d, p);
		sa = _mm256_packus_epi32(sa, sb);
		sc = _mm256_packus_epi32(sc, sd);
		save32(sym, _mm256_permute4x64_epi64(sa, 0xd8));
		save32(sym + 16, _mm256_permute4x64_epi64(sc, 0xd8));
		sym += DECODE_LANES;
	}
	save32(state, a);
	save32(state + 8, b);
	save32(state + 16, c);
	save32(state + 24, d);
	*word = p;
	return i;
}

static inline AVX512 __m512i wide_pop16(__m512i *x, const uint16_t *slot,
					const uint32_t *span, __m512i mask,
					__m128i bits)
{
	const __m512i half = _mm512_set1_epi32(0xffff);
	__m512i y = _mm512_and_si512(*x, mask), s, e;

	s = _mm512_and_si512(_mm512_i32gather_epi32(y, slot, 2), half);
	e = _mm512_i32gather_epi32(s, span, 4);
	y = _mm512_sub_epi32(y, _mm512_srli_epi32(e, 16));
	e = _mm512_and_si512(e, half);
	e = _mm512_mullo_epi32(e, _mm512_srl_epi32(*x, bits));
	*x = _mm512_add_epi32(e, y);
	return s;
}

static AVX512 size_t avx512_wide_rounds(uint32_t *state, const uint8_t **word,
					const uint8_t *end,
					const uint16_t *slot,
					const uint32_t *span, unsigned bits,
					uint16_t *sym, size_t n)
{
	const __m512i mask = _mm512_set1_epi32((1 << bits) - 1);
	const __m128i by = _mm_cvtsi32_si128((int)bits);
	__m512i a = _mm512_loadu_si512(state);
	__m512i b = _mm512_loadu_si512(state + 16);
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES; i++) {
		__m512i sa = wide_pop16(&a, slot, span, mask, by);
		__m512i sb = wide_pop16(&b, slot, span, mask, by);

		p = refill16(&a, p);
		p = refill16(&b, p);
		save32(sym, _mm512_cvtepi32_epi16(sa));
		save32(sym + 16, _mm512_cvtepi32_epi16(sb));
		sym += DECODE_LANES;
	}
	_mm512_storeu_si512(state, a);
	_mm512_storeu_si512(state + 16, b);
	*word = p;
	return i;
}

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

/* f16_from_f32() without its branches. */
static inline AVX2 __m256i f16_8(const float *w)
{
	__m256i sign, mag = clamp8(w, 0x477fe000, &sign), few, odd, low;
	__m256 tiny;

	tiny = _mm256_add_ps(_mm256_castsi256_ps(mag), _mm256_set1_ps(0.5f));
	few = _mm256_sub_epi32(_mm256_castps_si256(tiny),
			       _mm256_set1_epi32(0x3f000000));
	low = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x38800000), mag);
	odd = _mm256_and_si256(_mm256_srli_epi32(mag, 13),
			       _mm256_set1_epi32(1));
	mag = _mm256_add_epi32(_mm256_add_epi32(mag, odd),
			       _mm256_set1_epi32(0xfff - 0x38000000));
	mag = _mm256_blendv_epi8(_mm256_srli_epi32(mag, 13), few, low);
	return _mm256_or_si256(mag, _mm256_srli_epi32(sign, 16));
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

static AVX2 void avx2_narrow(enum dtype dtype, const float *w, uint8_t *raw)
{
	if (dtype != DTYPE_F16 && dtype != DTYPE_BF16) {
		for (unsigned i = 0; i < DECODE_LANES; i += 8) {
			__m256i sign, mag = clamp8(w + i, 0x7f7fffff, &sign);

			save32(raw + 4 * i, _mm256_or_si256(mag, sign));
		}
		return;
	}
	for (unsigned i = 0; i < DECODE_LANES; i += 16) {
		__m256i a, b;

		if (dtype == DTYPE_F16) {
			a = f16_8(w + i);
			b = f16_8(w + i + 8);
		} else {
			a = bf16_8(w + i);
			b = bf16_8(w + i + 8);
		}
		a = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
		save32(raw + 2 * i, a);
	}
}
