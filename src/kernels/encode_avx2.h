/*
 * encode_avx2.h - encode.h in AVX2's registers, and its rounds in AVX-512's.
 * Part of encode.c.
 *
 * A symbol is 64 bits: of eight lanes, two gathers take the symbols of the
 * even and of the odd ones, each where a multiplication to 64 bits wants it.
 */
#include "kernels/avx2.h"

/* ---- rounds ---- */

static inline AVX2 uint8_t *push8(__m256i *x, const struct encode_sym *syms,
				  const uint16_t *key,
				  const uint8_t right[256][16], uint8_t *end)
{
	const __m256i low = _mm256_set1_epi32(4095);
	const long long *table = (const long long *)syms;
	__m128i k = load16(key), w;
	__m256i even = _mm256_i32gather_epi64(
		table, _mm_and_si128(k, _mm_set1_epi32(0xffff)), 8);
	__m256i odd = _mm256_i32gather_epi64(table, _mm_srli_epi32(k, 16), 8);
	__m256i what = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd,
					  0xaa);
	__m256i f = _mm256_and_si256(what, low), full, y, q;
	unsigned m;

	full = _mm256_cmpgt_epi32(_mm256_srli_epi32(*x, 20), f);
	m = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(full));
	y = _mm256_and_si256(*x, _mm256_set1_epi32(0xffff));
	w = _mm_packus_epi32(_mm256_castsi256_si128(y),
			     _mm256_extracti128_si256(y, 1));
	save16(end - 16, _mm_shuffle_epi8(w, load16(right[m])));
	*x = _mm256_srlv_epi32(*x, _mm256_and_si256(full,
						    _mm256_set1_epi32(16)));
	y = _mm256_add_epi32(*x, _mm256_and_si256(_mm256_srli_epi32(what, 24),
						  _mm256_set1_epi32(1)));
	q = _mm256_mul_epu32(_mm256_srli_epi64(y, 32), odd);
	q = _mm256_srlv_epi64(q, _mm256_srli_epi64(odd, 58));
	y = _mm256_mul_epu32(y, even);
	y = _mm256_srlv_epi64(y, _mm256_srli_epi64(even, 58));
	q = _mm256_blend_epi32(y, _mm256_slli_epi64(q, 32), 0xaa);
	q = _mm256_mullo_epi32(q, _mm256_sub_epi32(low, f));
	what = _mm256_and_si256(_mm256_srli_epi32(what, 12), low);
	*x = _mm256_add_epi32(_mm256_add_epi32(*x, what), q);
	return end - 2 * (unsigned)__builtin_popcount(m);
}

static AVX2 uint8_t *avx2_rounds(uint32_t *state, const struct encode_sym *syms,
				 const uint8_t right[256][16],
				 const uint16_t *key, size_t n, uint8_t *end)
{
	__m256i a = load32(state), b = load32(state + 8);
	__m256i c = load32(state + 16), d = load32(state + 24);

	for (key += n * ENCODE_LANES; n--;) {
		key -= ENCODE_LANES;
		end = push8(&d, syms, key + 24, right, end);
		end = push8(&c, syms, key + 16, right, end);
		end = push8(&b, syms, key + 8, right, end);
		end = push8(&a, syms, key, right, end);
	}
	save32(state, a);
	save32(state + 8, b);
	save32(state + 16, c);
	save32(state + 24, d);
	return end;
}

static inline AVX512 uint8_t *push16(__m512i *x, const struct encode_sym *syms,
				     const uint16_t *key, uint8_t *end)
{
	const __m512i low = _mm512_set1_epi32(4095);
	const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
						10, 11, 12, 13, 14, 15);
	__m256i k = load32(key);
	__m512i even = _mm512_i32gather_epi64(
		_mm256_and_si256(k, _mm256_set1_epi32(0xffff)), syms, 8);
	__m512i odd = _mm512_i32gather_epi64(_mm256_srli_epi32(k, 16), syms,
					     8);
	__m512i what = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32),
					     0xaaaa, odd);
	__m512i f = _mm512_and_si512(what, low), y, q;
	__mmask16 m = _mm512_cmpgt_epu32_mask(_mm512_srli_epi32(*x, 20), f);
	unsigned n = (unsigned)__builtin_popcount(m);

	/* Compressed to the lower end, and from there turned to the upper. */
	y = _mm512_maskz_compress_epi32(m, *x);
	y = _mm512_permutexvar_epi32(
		_mm512_add_epi32(order, _mm512_set1_epi32((int)n)), y);
	save32(end - 32, _mm512_cvtepi32_epi16(y));
	*x = _mm512_mask_srli_epi32(*x, m, *x, 16);
	y = _mm512_add_epi32(*x, _mm512_and_si512(_mm512_srli_epi32(what, 24),
						  _mm512_set1_epi32(1)));
	q = _mm512_mul_epu32(_mm512_srli_epi64(y, 32), odd);
	q = _mm512_srlv_epi64(q, _mm512_srli_epi64(odd, 58));
	y = _mm512_mul_epu32(y, even);
	y = _mm512_srlv_epi64(y, _mm512_srli_epi64(even, 58));
	q = _mm512_mask_mov_epi32(y, 0xaaaa, _mm512_slli_epi64(q, 32));
	q = _mm512_mullo_epi32(q, _mm512_sub_epi32(low, f));
	what = _mm512_and_si512(_mm512_srli_epi32(what, 12), low);
	*x = _mm512_add_epi32(_mm512_add_epi32(*x, what), q);
	return end - 2 * n;
}

static AVX512 uint8_t *avx512_rounds(uint32_t *state,
				     const struct encode_sym *syms,
				     const uint8_t right[256][16],
				     const uint16_t *key, size_t n,
				     uint8_t *end)
{
	__m512i a = _mm512_loadu_si512(state);
	__m512i b = _mm512_loadu_si512(state + 16);

	(void)right;
	for (key += n * ENCODE_LANES; n--;) {
		key -= ENCODE_LANES;
		end = push16(&b, syms, key + 16, end);
		end = push16(&a, syms, key, end);
	}
	_mm512_storeu_si512(state, a);
	_mm512_storeu_si512(state + 16, b);
	return end;
}

/* ---- numbers ---- */

static AVX2 uint32_t avx2_survey16(const uint8_t *raw, size_t n,
				   size_t *n_zeros)
{
	const __m256i none = _mm256_setzero_si256();
	__m256i any = none;
	uint32_t part[8], all;
	size_t i = 0, zeros = 0;

	for (; i + 16 <= n; i += 16) {
		__m256i x = load32(raw + 2 * i);
		__m256i z = _mm256_cmpeq_epi16(x, none);

		any = _mm256_or_si256(any, x);
		zeros += (unsigned)__builtin_popcount(
				 (unsigned)_mm256_movemask_epi8(z)) / 2;
	}
	all = generic_survey16(raw + 2 * i, n - i, n_zeros);
	*n_zeros += zeros;
	save32(part, any);
	for (unsigned k = 0; k < 8; k++)
		all |= part[k] | part[k] >> 16;
	return all & 0xffff;
}

static AVX2 void avx2_index16(const uint8_t *raw, const uint8_t *class,
			      size_t n, const struct encode_split *s,
			      uint16_t zero, uint16_t size, uint16_t *index)
{
	const __m256i mask = _mm256_set1_epi16((short)((1u << s->bits) - 1));
	const __m256i start = _mm256_set1_epi16((short)zero);
	const __m256i step = _mm256_set1_epi16((short)size);
	const __m128i down = _mm_cvtsi32_si128((int)s->shift);
	const __m128i up = _mm_cvtsi32_si128((int)s->octave);
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		__m256i x = _mm256_and_si256(load32(raw + 2 * i), mask), c;

		x = _mm256_add_epi16(_mm256_srl_epi16(x, down), start);
		if (class) {
			c = _mm256_cvtepu8_epi16(load16(class + i));
			x = _mm256_sub_epi16(
				x, _mm256_sll_epi16(_mm256_srli_epi16(c, 3),
						    up));
			c = _mm256_and_si256(_mm256_srli_epi16(c, 1),
					     _mm256_set1_epi16(3));
			x = _mm256_add_epi16(x, _mm256_mullo_epi16(c, step));
		}
		save32(index + i, x);
	}
	generic_index16(raw + 2 * i, class ? class + i : NULL, n - i, s, zero,
			size, index + i);
}

/* What packs 16 fields of `width` bits into twice `width` bytes. */
struct packer {
	__m256i pair, four, eight, front, back;
	__m128i down;
};

static AVX2 struct packer packer_of(unsigned width)
{
	/* Four fields are so many bytes, and half a byte when width is odd. */
	unsigned half = width / 2, odd = width % 2;
	uint8_t front[16], back[16];

	for (unsigned k = 0; k < 16; k++) {
		front[k] = k < half + odd ? (uint8_t)k : 0x80;
		back[k] = k >= half && k < width ? (uint8_t)(8 + k - half)
						 : 0x80;
	}
	return (struct packer){
		.pair = _mm256_set1_epi32((int)(1u | 1u << (16 + width))),
		.four = _mm256_set1_epi64x(32 - 2 * (int)width),
		.eight = _mm256_setr_epi64x(0, 4 * odd, 0, 4 * odd),
		.front = _mm256_broadcastsi128_si256(load16(front)),
		.back = _mm256_broadcastsi128_si256(load16(back)),
		.down = _mm_cvtsi32_si128(32 - 2 * (int)width),
	};
}

static inline AVX2 void pack16(const struct packer *p, __m256i f,
			       unsigned width, uint8_t *to)
{
	f = _mm256_madd_epi16(f, p->pair);
	f = _mm256_srl_epi64(_mm256_sllv_epi32(f, p->four), p->down);
	f = _mm256_sllv_epi64(f, p->eight);
	f = _mm256_or_si256(_mm256_shuffle_epi8(f, p->front),
			    _mm256_shuffle_epi8(f, p->back));
	save16(to, _mm256_castsi256_si128(f));
	save16(to + width, _mm256_extracti128_si256(f, 1));
}

static inline __attribute__((always_inline)) AVX2 size_t
avx2_split(const uint8_t *raw, const uint8_t *class, size_t n,
	   const struct encode_split *s, uint16_t *key, uint8_t *field,
	   uint16_t *escape)
{
	unsigned width = s->shift + s->sign;
	const __m256i mask = _mm256_set1_epi16((short)((1u << s->bits) - 1));
	const __m256i first = _mm256_set1_epi16((short)s->first);
	const __m256i top = _mm256_set1_epi16(s->n);
	const __m256i low = _mm256_set1_epi16((short)((1u << s->shift) - 1));
	const __m256i high = _mm256_set1_epi16((short)(s->sign << s->shift));
	const __m128i down = _mm_cvtsi32_si128((int)s->shift);
	const __m128i sink = _mm_cvtsi32_si128((int)(s->bits - s->shift));
	const __m128i up = _mm_cvtsi32_si128((int)s->octave);
	struct packer packer = packer_of(width);
	size_t i = 0, n_escapes = 0, rest;

	for (; i + 16 <= n; i += 16) {
		__m256i x = load32(raw + 2 * i), t, c;
		unsigned over;

		t = _mm256_srl_epi16(_mm256_and_si256(x, mask), down);
		t = _mm256_sub_epi16(t, first);
		if (class) {
			c = _mm256_cvtepu8_epi16(load16(class + i));
			t = _mm256_sub_epi16(
				t, _mm256_sll_epi16(_mm256_srli_epi16(c, 3),
						    up));
			c = _mm256_and_si256(_mm256_slli_epi16(c, 7),
					     _mm256_set1_epi16(0x300));
		}
		t = _mm256_min_epu16(t, top);
		over = (unsigned)_mm256_movemask_epi8(
			_mm256_cmpeq_epi16(t, top));
		for (; over; over &= over - 1, over &= over - 1)
			escape[n_escapes++] = (uint16_t)(
				i + (unsigned)__builtin_ctz(over) / 2);
		save32(key + i, class ? _mm256_or_si256(t, c) : t);
		if (!field)
			continue;
		t = _mm256_and_si256(_mm256_srl_epi16(x, sink), high);
		t = _mm256_or_si256(t, _mm256_and_si256(x, low));
		pack16(&packer, t, width, field);
		field += 2 * width;
	}
	rest = generic_split16(raw + 2 * i, class ? class + i : NULL, n - i, s,
			       key + i, field, escape + n_escapes);
	for (; rest--; n_escapes++)
		escape[n_escapes] = (uint16_t)(escape[n_escapes] + i);
	return n_escapes;
}

static AVX2 size_t avx2_split16(const uint8_t *raw, const uint8_t *class,
				size_t n, const struct encode_split *s,
				uint16_t *key, uint8_t *field,
				uint16_t *escape)
{
	if (class)
		return avx2_split(raw, class, n, s, key, field, escape);
	return avx2_split(raw, NULL, n, s, key, field, escape);
}

/* ---- scales ---- */

struct weigher {
	__m256i mask, up, low, span;
	__m128i left;
};

/* Eight magnitudes; one more in `some` for each that is not 0. */
static inline AVX2 __m256 weigh8(const struct weigher *w, const uint8_t *raw,
				 __m256i *some)
{
	__m256i u = _mm256_cvtepu16_epi32(load16(raw)), is;

	u = _mm256_sll_epi32(_mm256_and_si256(u, w->mask), w->left);
	is = _mm256_cmpgt_epi32(u, _mm256_set1_epi32(0x7fffff));
	u = _mm256_add_epi32(u, w->up);
	/* Signs flipped, so that signed order is unsigned. */
	is = _mm256_and_si256(is, _mm256_cmpgt_epi32(
		w->span, _mm256_sub_epi32(u, w->low)));
	*some = _mm256_sub_epi32(*some, is);
	return _mm256_castsi256_ps(_mm256_and_si256(u, is));
}

static AVX2 float avx2_weigh16(const uint8_t *raw, size_t n, uint32_t mask,
			       unsigned left, uint32_t up, const float *by,
			       float *w, uint32_t *count)
{
	const struct weigher by16 = {
		.mask = _mm256_set1_epi32((int)mask),
		.up = _mm256_set1_epi32((int)up),
		.low = _mm256_set1_epi32((int)(weigh_low + 0x80000000u)),
		.span = _mm256_set1_epi32((int)(weigh_span + 0x80000000u)),
		.left = _mm_cvtsi32_si128((int)left),
	};
	__m256 a = _mm256_setzero_ps(), b = a;
	__m256i some = _mm256_setzero_si256();
	uint32_t part[8];
	float sum[16], all = 0;
	size_t j = 0;

	for (; j + 16 <= n; j += 16) {
		__m256 x = weigh8(&by16, raw + 2 * j, &some);
		__m256 y = weigh8(&by16, raw + 2 * j + 16, &some);

		_mm256_storeu_ps(w + j, x);
		_mm256_storeu_ps(w + j + 8, y);
		x = _mm256_mul_ps(x, _mm256_loadu_ps(by + j));
		y = _mm256_mul_ps(y, _mm256_loadu_ps(by + j + 8));
		a = _mm256_add_ps(a, x);
		b = _mm256_add_ps(b, y);
	}
	_mm256_storeu_ps(sum, a);
	_mm256_storeu_ps(sum + 8, b);
	save32(part, some);
	for (; j < n; j++) {
		w[j] = magnitude(get_le16(raw + 2 * j), mask, left, up);
		all += w[j] * by[j];
		*count += w[j] > 0;
	}
	for (unsigned k = 0; k < 16; k++)
		all += sum[k];
	for (unsigned k = 0; k < 8; k++)
		*count += part[k];
	return all;
}

static AVX2 void avx2_spread(const float *w, float by, size_t n, float *sum,
			     uint32_t *count)
{
	const __m256 scale = _mm256_set1_ps(by), none = _mm256_setzero_ps();
	size_t j = 0;

	for (; j + 8 <= n; j += 8) {
		__m256 x = _mm256_loadu_ps(w + j);
		__m256i is = _mm256_castps_si256(
			_mm256_cmp_ps(x, none, _CMP_GT_OQ));

		x = _mm256_add_ps(_mm256_loadu_ps(sum + j),
				  _mm256_mul_ps(x, scale));
		_mm256_storeu_ps(sum + j, x);
		save32(count + j, _mm256_sub_epi32(load32(count + j), is));
	}
	generic_spread(w + j, by, n - j, sum + j, count + j);
}
