/*
 * decode_rounds_avx2.h - the rANS rounds of decode.h in AVX2's registers and
 * in AVX-512's. Part of decode.c.
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

/* Eight lanes; the slots they had are returned. tables: 4096 · which. */
static inline AVX2 __m256i pop8(__m256i *x, const uint32_t *slots,
				__m256i tables)
{
	__m256i at = _mm256_and_si256(*x, _mm256_set1_epi32(4095)), e, f;

	at = _mm256_or_si256(at, tables);
	e = _mm256_i32gather_epi32((const int *)slots, at, 4);
	f = _mm256_and_si256(_mm256_srli_epi32(e, 8), _mm256_set1_epi32(4095));
	f = _mm256_add_epi32(f, _mm256_set1_epi32(1));
	*x = _mm256_add_epi32(_mm256_mullo_epi32(f, _mm256_srli_epi32(*x, 12)),
			      _mm256_srli_epi32(e, 20));
	return e;
}

/* Where eight lanes' tables are: by their numbers, or NULL. */
static inline AVX2 __m256i which8(const uint8_t *which)
{
	if (!which)
		return _mm256_setzero_si256();
	return _mm256_slli_epi32(_mm256_cvtepu8_epi32(load8(which)), 12);
}

/* The same by their classes' phases. */
static inline AVX2 __m256i phase8(const uint8_t *class)
{
	__m256i c;

	if (!class)
		return _mm256_setzero_si256();
	c = _mm256_cvtepu8_epi32(load8(class));
	return _mm256_slli_epi32(_mm256_and_si256(c, _mm256_set1_epi32(6)),
				 11);
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
			e[k] = pop8(&x[k], slots,
				    which8(which ? which + 8 * k : NULL));
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
				   __m512i tables)
{
	__m512i at = _mm512_and_si512(*x, _mm512_set1_epi32(4095)), e, f;

	at = _mm512_or_si512(at, tables);
	e = _mm512_i32gather_epi32(at, slots, 4);
	f = _mm512_and_si512(_mm512_srli_epi32(e, 8), _mm512_set1_epi32(4095));
	f = _mm512_add_epi32(f, _mm512_set1_epi32(1));
	*x = _mm512_add_epi32(_mm512_mullo_epi32(f, _mm512_srli_epi32(*x, 12)),
			      _mm512_srli_epi32(e, 20));
	return e;
}

static inline AVX512 __m512i which16(const uint8_t *which)
{
	if (!which)
		return _mm512_setzero_si512();
	return _mm512_slli_epi32(_mm512_cvtepu8_epi32(load16(which)), 12);
}

static inline AVX512 __m512i phase16(const uint8_t *class)
{
	__m512i c;

	if (!class)
		return _mm512_setzero_si512();
	c = _mm512_cvtepu8_epi32(load16(class));
	return _mm512_slli_epi32(_mm512_and_si512(c, _mm512_set1_epi32(6)),
				 11);
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
				     which16(which ? which + 16 * k : NULL));
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

/* ---- rounds and numbers ---- */

/* decode_split in registers. */
struct joiner {
	__m256i first, n, low, high, order, place;
	__m128i octave, raw, up, down;
	unsigned width;
};

/* Eight fields are `width` bytes; each lies in two of them. */
static inline AVX2 struct joiner joiner_of(const struct decode_split *s)
{
	unsigned width = s->raw + s->sign;
	uint8_t order[16];
	uint16_t place[8];

	for (unsigned k = 0; k < 8; k++) {
		unsigned bit = k * width;

		order[2 * k] = (uint8_t)(bit / 8);
		order[2 * k + 1] = (uint8_t)(bit / 8 + 1);
		/* Up to the top, and from there down: 16 bits have no mask. */
		place[k] = (uint16_t)(1u << (16 - width - bit % 8));
	}
	return (struct joiner){
		.first = _mm256_set1_epi16((short)s->first),
		.n = _mm256_set1_epi8((char)s->n),
		.low = _mm256_set1_epi16((short)((1u << s->raw) - 1)),
		.high = _mm256_set1_epi16((short)(s->sign << s->bits)),
		.order = _mm256_broadcastsi128_si256(load16(order)),
		.place = _mm256_broadcastsi128_si256(load16(place)),
		.octave = _mm_cvtsi32_si128((int)s->octave),
		.raw = _mm_cvtsi32_si128((int)s->raw),
		.up = _mm_cvtsi32_si128((int)(s->bits - s->raw)),
		.down = _mm_cvtsi32_si128(16 - (int)width),
		.width = width,
	};
}

/* Sixteen numbers; escape: all ones where the symbol is one. */
static inline AVX2 void half32(const struct joiner *j, __m128i sym,
			       __m128i escape, const uint8_t *class,
			       const uint8_t *field, uint8_t *to, __m256i *any)
{
	__m256i x = _mm256_cvtepu8_epi16(sym), f;

	x = _mm256_add_epi16(x, j->first);
	if (class) {
		f = _mm256_cvtepu8_epi16(load16(class));
		f = _mm256_sll_epi16(_mm256_srli_epi16(f, 3), j->octave);
		x = _mm256_add_epi16(x, f);
	}
	x = _mm256_andnot_si256(_mm256_cvtepi8_epi16(escape), x);
	*any = _mm256_or_si256(*any, x);
	f = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(field)),
				    load16(field + j->width), 1);
	f = _mm256_mullo_epi16(_mm256_shuffle_epi8(f, j->order), j->place);
	f = _mm256_srl_epi16(f, j->down);
	x = _mm256_or_si256(_mm256_sll_epi16(x, j->raw),
			    _mm256_and_si256(f, j->low));
	f = _mm256_and_si256(_mm256_sll_epi16(f, j->up), j->high);
	save32(to, _mm256_or_si256(x, f));
}

static inline AVX2 void join32(const struct joiner *j, __m256i sym,
			       const uint8_t *class, const uint8_t *field,
			       uint8_t *to, __m256i *any)
{
	__m256i escape = _mm256_cmpeq_epi8(sym, j->n);

	half32(j, _mm256_castsi256_si128(sym), _mm256_castsi256_si128(escape),
	       class, field, to, any);
	half32(j, _mm256_extracti128_si256(sym, 1),
	       _mm256_extracti128_si256(escape, 1), class ? class + 16 : NULL,
	       field + 2 * j->width, to + 32, any);
}

static inline AVX2 uint32_t all_bits(__m256i any)
{
	uint32_t part[8], all = 0;

	save32(part, any);
	for (unsigned k = 0; k < 8; k++)
		all |= part[k] | part[k] >> 16;
	return all & 0xffff;
}

static inline __attribute__((always_inline)) AVX2 size_t
avx2_rounds16_of(uint32_t *state, const uint8_t **word, const uint8_t *end,
		 const uint32_t *slots, const uint8_t *class,
		 const struct decode_split *s, const uint8_t *field,
		 size_t left, uint8_t *sym, size_t n, uint8_t *to,
		 uint32_t *any)
{
	const struct joiner j = joiner_of(s);
	__m256i a = load32(state), b = load32(state + 8);
	__m256i c = load32(state + 16), d = load32(state + 24);
	__m256i bits = _mm256_setzero_si256();
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES &&
	       left >= 3 * j.width + 16; i++) {
		__m256i ea = pop8(&a, slots, phase8(class));
		__m256i eb = pop8(&b, slots, phase8(class ? class + 8 : NULL));
		__m256i ec = pop8(&c, slots, phase8(class ? class + 16
							  : NULL));
		__m256i ed = pop8(&d, slots, phase8(class ? class + 24
							  : NULL));

		p = refill8(&a, p);
		p = refill8(&b, p);
		p = refill8(&c, p);
		p = refill8(&d, p);
		ea = low_bytes(ea, eb, ec, ed);
		save32(sym, ea);
		join32(&j, ea, class, field, to, &bits);
		sym += DECODE_LANES;
		to += 2 * DECODE_LANES;
		field += 4 * j.width;
		left -= 4 * j.width;
		class = class ? class + DECODE_LANES : NULL;
	}
	save32(state, a);
	save32(state + 8, b);
	save32(state + 16, c);
	save32(state + 24, d);
	*word = p;
	*any |= all_bits(bits);
	return i;
}

static AVX2 size_t avx2_rounds16(uint32_t *state, const uint8_t **word,
				 const uint8_t *end, const uint32_t *slots,
				 const uint8_t *class,
				 const struct decode_split *s,
				 const uint8_t *field, size_t left,
				 uint8_t *sym, size_t n, uint8_t *to,
				 uint32_t *any)
{
	if (class)
		return avx2_rounds16_of(state, word, end, slots, class, s,
					field, left, sym, n, to, any);
	return avx2_rounds16_of(state, word, end, slots, NULL, s, field, left,
				sym, n, to, any);
}

static inline __attribute__((always_inline)) AVX512 size_t
avx512_rounds16_of(uint32_t *state, const uint8_t **word, const uint8_t *end,
		   const uint32_t *slots, const uint8_t *class,
		   const struct decode_split *s, const uint8_t *field,
		   size_t left, uint8_t *sym, size_t n, uint8_t *to,
		   uint32_t *any)
{
	const struct joiner j = joiner_of(s);
	__m512i a = _mm512_loadu_si512(state);
	__m512i b = _mm512_loadu_si512(state + 16);
	__m256i bits = _mm256_setzero_si256();
	const uint8_t *p = *word;
	size_t i = 0;

	for (; i < n && end - p >= 2 * DECODE_LANES &&
	       left >= 3 * j.width + 16; i++) {
		__m512i ea = pop16(&a, slots, phase16(class));
		__m512i eb = pop16(&b, slots, phase16(class ? class + 16
							    : NULL));
		__m256i both;

		p = refill16(&a, p);
		p = refill16(&b, p);
		both = _mm256_inserti128_si256(
			_mm256_castsi128_si256(_mm512_cvtepi32_epi8(ea)),
			_mm512_cvtepi32_epi8(eb), 1);
		save32(sym, both);
		join32(&j, both, class, field, to, &bits);
		sym += DECODE_LANES;
		to += 2 * DECODE_LANES;
		field += 4 * j.width;
		left -= 4 * j.width;
		class = class ? class + DECODE_LANES : NULL;
	}
	_mm512_storeu_si512(state, a);
	_mm512_storeu_si512(state + 16, b);
	*word = p;
	*any |= all_bits(bits);
	return i;
}

static AVX512 size_t avx512_rounds16(uint32_t *state, const uint8_t **word,
				     const uint8_t *end, const uint32_t *slots,
				     const uint8_t *class,
				     const struct decode_split *s,
				     const uint8_t *field, size_t left,
				     uint8_t *sym, size_t n, uint8_t *to,
				     uint32_t *any)
{
	if (class)
		return avx512_rounds16_of(state, word, end, slots, class, s,
					  field, left, sym, n, to, any);
	return avx512_rounds16_of(state, word, end, slots, NULL, s, field,
				  left, sym, n, to, any);
}
