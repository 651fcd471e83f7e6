/*
 * dtype.h - the element types a tensor can have, as safetensors names them.
 *
 * The numbers are the ones .hvqz files store (formats/hvqz.md, table of
 * dtypes): never renumber, only append.
 */
#ifndef BASE_DTYPE_H
#define BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
	DTYPE_BOOL = 1,
	DTYPE_U8 = 2,
	DTYPE_I8 = 3,
	DTYPE_U16 = 4,
	DTYPE_I16 = 5,
	DTYPE_U32 = 6,
	DTYPE_I32 = 7,
	DTYPE_U64 = 8,
	DTYPE_I64 = 9,
	DTYPE_F16 = 10,
	DTYPE_BF16 = 11,
	DTYPE_F32 = 12,
	DTYPE_F64 = 13,
	DTYPE_F8_E4M3 = 14,
	DTYPE_F8_E5M2 = 15,
	DTYPE_F8_E8M0 = 16,
	DTYPE_F8_E4M3FNUZ = 17,
	DTYPE_F8_E5M2FNUZ = 18,
	DTYPE_F6_E2M3 = 19,
	DTYPE_F6_E3M2 = 20,
	DTYPE_F4 = 21,
	DTYPE_C64 = 22,
};

/* Name ("BF16"), or NULL for a number that is no dtype. */
const char *dtype_name(enum dtype d);

/* Bits of one element: 4, 6, 8, 16, 32 or 64; 0 for no dtype. */
unsigned dtype_bits(enum dtype d);

/* The dtype of that name (exact case); false when there is none. */
bool dtype_from_name(const char *name, enum dtype *d);

/* Can a lossy codec take it: F16, BF16, F32. */
static inline bool dtype_is_weight(enum dtype d)
{
	return d == DTYPE_F16 || d == DTYPE_BF16 || d == DTYPE_F32;
}

#endif
