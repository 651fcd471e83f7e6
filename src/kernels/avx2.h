/*
 * avx2.h - what the files of AVX2 kernels share: the targets, loads, stores.
 */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,popcnt")))
#define AVX512 __attribute__((target("avx512f,avx2,popcnt")))

static inline AVX2 __m128i load8(const void *p)
{
	return _mm_loadl_epi64((const __m128i *)p);
}

static inline AVX2 __m128i load16(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline AVX2 __m256i load32(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

static inline AVX2 void save16(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)p, v);
}

static inline AVX2 void save32(void *p, __m256i v)
{
	_mm256_storeu_si256((__m256i *)p, v);
}

#endif
