/*
 * trellis.c - the tables of trellis.h.
 *
 * The templates are included once per instruction set, one after the other;
 * the first makes the vectors' types, the second removes all macros. With
 *
 *	T(f)	the function's name
 *	NARROWER(f)	that of the next narrower one, for lanes that are no
 *		multiple of W
 *	TARGET	a target attribute, or empty
 *	W	floats in a vector
 *	VF VI VU VC VH VB
 *		vectors of W floats, int32, uint32, int8, uint16, uint8
 *	FLOOR(i, f)	the integers below f
 *	GATHER_F, GATHER_I(to, p, at)	to = p[at], lane by lane
 *	BETTER(to, bits, a, b, bit)
 *		to = b < a ? b : a, and bits |= bit where it is b
 *	ANY(mask)	is a lane of the mask set?
 *	TO_BYTES(b, i)	the low bytes of integers
 *	SELECT_F, SELECT_I(mask, a, b)	mask ? a : b
 *
 * Macros, since passing vectors by value has no settled ABI.
 */
#include "kernels/trellis.h"

#include "base/bytes.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline)) TARGET
#define DO_PRAGMA(x) _Pragma(#x)
#define UNROLL(n) DO_PRAGMA(GCC unroll n)

size_t trellis_work_size(unsigned log_states, size_t n_rows)
{
	/* By the widest vector: a number and a bit a state. */
	return n_rows * 64 * (1 + ((1u << log_states) + 31) / 32) + 64;
}

/*
 * The two ways into each state of the codes with 4 and 8 states, as
 * codec/trellis_code.c makes them: where from, and u mod 4 on the way.
 */
static const struct way {
	uint8_t from, subset;
} ways_4[4][2] = {
	{{0, 0}, {2, 2}}, {{0, 2}, {2, 0}}, {{1, 1}, {3, 3}}, {{1, 3}, {3, 1}},
}, ways_8[8][2] = {
	{{0, 0}, {4, 2}}, {{2, 0}, {6, 2}}, {{0, 2}, {4, 0}}, {{2, 2}, {6, 0}},
	{{3, 1}, {7, 3}}, {{1, 1}, {5, 3}}, {{3, 3}, {7, 1}}, {{1, 3}, {5, 1}},
};

typedef uint16_t eight __attribute__((vector_size(16)));

static inline void shuffle8(const eight *a, eight *b)
{
	UNROLL(4)
	for (unsigned i = 0; i < 4; i++) {
#ifdef __clang__
		b[2 * i] = __builtin_shufflevector(a[i], a[i + 4], 0, 8, 1, 9,
						   2, 10, 3, 11);
		b[2 * i + 1] = __builtin_shufflevector(
			a[i], a[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
#else
		b[2 * i] = __builtin_shuffle(
			a[i], a[i + 4], (eight){0, 8, 1, 9, 2, 10, 3, 11});
		b[2 * i + 1] = __builtin_shuffle(
			a[i], a[i + 4], (eight){4, 12, 5, 13, 6, 14, 7, 15});
#endif
	}
}

/* 8 by 8 halves: column j of the rows, at byte `at`, to to[32·j …]. */
static inline void turn8(const uint8_t *const *rows, size_t at, uint16_t *to)
{
	eight a[8], b[8];

	UNROLL(8)
	for (unsigned i = 0; i < 8; i++) {
		memcpy(&a[i], rows[i] + at, sizeof(a[i]));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		a[i] = a[i] << 8 | a[i] >> 8;
#endif
	}
	/* Rows i and i + 4 shuffled together, three times. */
	shuffle8(a, b);
	shuffle8(b, a);
	shuffle8(a, b);
	UNROLL(8)
	for (unsigned j = 0; j < 8; j++)
		memcpy(to + 32 * j, &b[j], sizeof(b[j]));
}

/* ---- portable: four lanes, whatever registers there are ---- */

#define T(f) generic_##f
#define NARROWER(f) generic_##f
#define TARGET
#define KERNELS trellis_generic
#define W 4
#define VF generic_vf
#define VI generic_vi
#define VU generic_vu
#define VC generic_vc
#define VH generic_vh
#define VB generic_vb

#define SELECT_I(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))
#define SELECT_F(mask, a, b) \
	((VF)(((mask) & (VI)(a)) | (~(mask) & (VI)(b))))
/* Towards minus infinity, not zero. */
#define FLOOR(i, f) \
	do { \
		VF f_ = (f); \
		VI i_ = __builtin_convertvector(f_, VI); \
		(i) = i_ + (VI)(__builtin_convertvector(i_, VF) > f_); \
	} while (0)
#define OF_LANES(p, at) \
	{(p)[(at)[0]], (p)[(at)[1]], (p)[(at)[2]], (p)[(at)[3]]}
#define GATHER_F(to, p, at) ((to) = (VF)OF_LANES(p, at))
#define GATHER_I(to, p, at) ((to) = (VI)OF_LANES(p, at))
#define BETTER(to, bits, a, b, bit) \
	do { \
		VF a_ = (a), b_ = (b); \
		VI less_ = (VI)(b_ < a_); \
		(to) = SELECT_F(less_, b_, a_); \
		(bits) |= less_ & (bit); \
	} while (0)
#define ANY(mask) any4((const VI[]){mask})
#define TO_BYTES(to, v) ((to) = __builtin_convertvector(v, VB))

static inline int any4(const void *mask)
{
	int32_t v[4];

	memcpy(v, mask, sizeof(v));
	return (v[0] | v[1] | v[2] | v[3]) != 0;
}

#include "kernels/trellis_search_template.h"
#include "kernels/trellis_template.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

/* ---- AVX2 ---- */

#define T(f) avx2_##f
#define NARROWER(f) generic_##f
#define TARGET __attribute__((target("avx2")))
#define KERNELS trellis_avx2
#define W 8
#define VF avx2_vf
#define VI avx2_vi
#define VU avx2_vu
#define VC avx2_vc
#define VH avx2_vh
#define VB avx2_vb

#define SELECT_I(mask, a, b) \
	((VI)_mm256_blendv_epi8((__m256i)(b), (__m256i)(a), (__m256i)(mask)))
#define SELECT_F(mask, a, b) \
	((VF)_mm256_blendv_ps((__m256)(b), (__m256)(a), (__m256)(mask)))
#define FLOOR(i, f) \
	((i) = (VI)_mm256_cvtps_epi32(_mm256_floor_ps((__m256)(f))))
#define GATHER_F(to, p, at) \
	((to) = (VF)_mm256_i32gather_ps(p, (__m256i)(at), 4))
#define GATHER_I(to, p, at) \
	((to) = (VI)_mm256_i32gather_epi32(p, (__m256i)(at), 4))
#define BETTER(to, bits, a, b, bit) \
	do { \
		__m256 a_ = (__m256)(a), b_ = (__m256)(b); \
		(bits) |= (VI)_mm256_cmp_ps(b_, a_, _CMP_LT_OQ) & (bit); \
		(to) = (VF)_mm256_min_ps(b_, a_); \
	} while (0)
#define ANY(mask) _mm256_movemask_ps((__m256)(mask))
#define TO_BYTES(to, v) \
	do { \
		__m256i v_ = _mm256_and_si256((__m256i)(v), \
					      _mm256_set1_epi32(255)); \
		v_ = _mm256_packus_epi32(v_, v_); \
		v_ = _mm256_packus_epi16(v_, v_); \
		v_ = _mm256_permutevar8x32_epi32( \
			v_, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4)); \
		(to) = (VB)_mm_cvtsi128_si64(_mm256_castsi256_si128(v_)); \
	} while (0)

#include "kernels/trellis_search_template.h"
#include "kernels/trellis_template.h"

/* ---- AVX-512 ---- */

#define T(f) avx512_##f
#define NARROWER(f) avx2_##f
#define TARGET __attribute__((target("avx512f")))
#define KERNELS trellis_avx512
#define W 16
#define VF avx512_vf
#define VI avx512_vi
#define VU avx512_vu
#define VC avx512_vc
#define VH avx512_vh
#define VB avx512_vb

#define SELECT_I(mask, a, b) \
	((VI)_mm512_mask_blend_epi32( \
		_mm512_test_epi32_mask((__m512i)(mask), (__m512i)(mask)), \
		(__m512i)(b), (__m512i)(a)))
#define SELECT_F(mask, a, b) \
	((VF)_mm512_mask_blend_ps( \
		_mm512_test_epi32_mask((__m512i)(mask), (__m512i)(mask)), \
		(__m512)(b), (__m512)(a)))
#define FLOOR(i, f) \
	((i) = (VI)_mm512_cvt_roundps_epi32( \
		 (__m512)(f), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
#define GATHER_F(to, p, at) \
	((to) = (VF)_mm512_i32gather_ps((__m512i)(at), p, 4))
#define GATHER_I(to, p, at) \
	((to) = (VI)_mm512_i32gather_epi32((__m512i)(at), p, 4))
#define BETTER(to, bits, a, b, bit) \
	do { \
		__m512 a_ = (__m512)(a), b_ = (__m512)(b); \
		__m512i bits_ = (__m512i)(bits); \
		(bits) = (VI)_mm512_mask_or_epi32( \
			bits_, _mm512_cmp_ps_mask(b_, a_, _CMP_LT_OQ), bits_, \
			_mm512_set1_epi32(bit)); \
		(to) = (VF)_mm512_min_ps(b_, a_); \
	} while (0)
#define TO_BYTES(to, v) ((to) = (VB)_mm512_cvtepi32_epi8((__m512i)(v)))
#define ANY(mask) \
	(_mm512_test_epi32_mask((__m512i)(mask), (__m512i)(mask)) != 0)

#include "kernels/trellis_search_template.h"
#include "kernels/trellis_template.h"

#endif
