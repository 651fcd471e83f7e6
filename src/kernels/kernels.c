/* kernels.c - the tables of kernels.h and the choice between them. */
#include "kernels/kernels.h"

#include "kernels/decode.h"
#include "kernels/trellis.h"
#include "kernels/encode.h"
#include "kernels/nearest.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef int32_t four __attribute__((vector_size(16)));

static inline unsigned signs_of(four v)
{
	v &= (four){1, 2, 4, 8};
	return (unsigned)(v[0] | v[1] | v[2] | v[3]);
}

static inline void append(uint32_t *to, const uint8_t *lanes, unsigned n,
			  uint32_t first)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = first + ((uint32_t)lanes[i] << 8);
}

/* A search's points at a time, and how many pairs may wait. */
enum {
	NEAREST_BATCH = 64,
	NEAREST_QUEUE = 1024,
};

#define NEAREST_NAME search_generic
#define NEAREST_TARGET
#define NEAREST_LANES 4
#define NEAREST_SIGNS(v) signs_of(v)
#define NEAREST_MAX(v, w) \
	(VF)(((VI)(v) & (VI)((v) > (w))) | ((VI)(w) & ~(VI)((v) > (w))))
#define NEAREST_APPEND append
#include "kernels/nearest_template.h"

const struct kernels kernels_generic = {
	.name = "generic",
	.search = search_generic,
	.decode = &decode_generic,
	.trellis = &trellis_generic,
	.encode = &encode_generic,
};

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

static inline __attribute__((target("avx2"))) void
append_avx2(uint32_t *to, const uint8_t *lanes, unsigned n, uint32_t first)
{
	__m256i v = _mm256_cvtepu8_epi32(
		_mm_loadl_epi64((const __m128i *)(const void *)lanes));

	(void)n;
	v = _mm256_add_epi32(_mm256_slli_epi32(v, 8),
			     _mm256_set1_epi32((int)first));
	_mm256_storeu_si256((__m256i *)(void *)to, v);
}

#define NEAREST_NAME search_avx2
#define NEAREST_TARGET __attribute__((target("avx2")))
#define NEAREST_LANES 8
#define NEAREST_SIGNS(v) (unsigned)_mm256_movemask_ps((__m256)(v))
#define NEAREST_MAX(v, w) (VF)_mm256_max_ps((__m256)(v), (__m256)(w))
#define NEAREST_APPEND append_avx2
#include "kernels/nearest_template.h"

static const struct kernels avx2 = {
	.name = "avx2",
	.search = search_avx2,
	.decode = &decode_avx2,
	.trellis = &trellis_avx2,
	.encode = &encode_avx2,
};

static const struct kernels avx512 = {
	.name = "avx512",
	.search = search_avx2,
	.decode = &decode_avx512,
	.trellis = &trellis_avx512,
	.encode = &encode_avx512,
};

/* Not every compiler's __builtin_cpu_supports() knows it. */
static bool has_f16c(void)
{
	unsigned a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}

const struct kernels *kernels_named(const char *name)
{
	__builtin_cpu_init();
	if (!strcmp(name, "generic"))
		return &kernels_generic;
	if (!__builtin_cpu_supports("avx2") ||
	    !has_f16c() ||
	    !__builtin_cpu_supports("popcnt"))
		return NULL;
	if (!strcmp(name, "avx512") && __builtin_cpu_supports("avx512f"))
		return &avx512;
	return strcmp(name, "avx2") ? NULL : &avx2;
}

#else

const struct kernels *kernels_named(const char *name)
{
	return strcmp(name, "generic") ? NULL : &kernels_generic;
}

#endif

/* From the slowest to the fastest: each needs all before it. */
static const char *const sets[] = {"generic", "avx2", "avx512"};

enum { N_SETS = sizeof(sets) / sizeof(sets[0]) };

static const struct kernels *fastest(size_t n)
{
	const struct kernels *k = NULL;

	while (n-- && !k)
		k = kernels_named(sets[n]);
	return k;
}

const struct kernels *kernels_select(void)
{
	return fastest(N_SETS);
}

const struct kernels *kernels_without(const char *off, const char **bad)
{
	size_t n = N_SETS;

	for (bool more = *off; more;) {
		size_t len = strcspn(off, ","), i = 1;

		while (i < N_SETS && (strlen(sets[i]) != len ||
				      memcmp(sets[i], off, len) != 0))
			i++;
		if (i == N_SETS) {
			*bad = off;
			return NULL;
		}
		n = i < n ? i : n;
		more = off[len];
		off += len + more;
	}
	return fastest(n);
}
