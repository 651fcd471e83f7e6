/* ckd.h - arithmetic on file values: false (and *r unspecified) on overflow. */
#ifndef BASE_CKD_H
#define BASE_CKD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ckd_add64(uint64_t *r, uint64_t a, uint64_t b)
{
	return !__builtin_add_overflow(a, b, r);
}

static inline bool ckd_mul64(uint64_t *r, uint64_t a, uint64_t b)
{
	return !__builtin_mul_overflow(a, b, r);
}

static inline bool ckd_size(size_t *r, uint64_t a)
{
	*r = (size_t)a;
	return *r == a;
}

#endif
