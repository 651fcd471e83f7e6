/*
 * fuzz.h - what a fuzz target is.
 *
 * A target is one file that has the two functions below, and perhaps a
 * mutator. libFuzzer drives it (make fuzz), or replay.c does (make check):
 * every seed, every file of corpus/NAME, and some mutations of each.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's names. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
size_t LLVMFuzzerMutate(uint8_t *p, size_t len, size_t max);
/* The target may have one; replay.c asks whether it does. */
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed) __attribute__((weak));

/* Give the inputs to begin with, each with one call of add. */
void fuzz_seeds(void (*add)(const void *p, size_t len));

/* Whatever the input, this holds. */
#define FUZZ_HOLDS(cond)                                                \
	do {                                                            \
		if (!(cond)) {                                          \
			fprintf(stderr, "%s:%d: does not hold: %s\n",   \
				__FILE__, __LINE__, #cond);             \
			abort();                                        \
		}                                                       \
	} while (0)

/* The input's next bytes as a number; 0 once they are used up. */
struct fuzz_in {
	const uint8_t *p;
	size_t len;
};

static inline uint32_t fuzz_take(struct fuzz_in *in, unsigned n_bytes)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n_bytes && in->len; i++, in->len--)
		v |= (uint32_t)*in->p++ << 8 * i;
	return v;
}

/* A copy of exact length: a sanitizer sees a byte read too far. */
static inline uint8_t *fuzz_copy(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	FUZZ_HOLDS(copy);
	if (len)
		memcpy(copy, p, len);
	return copy;
}

#endif
