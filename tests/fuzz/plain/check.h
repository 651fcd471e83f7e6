/*
 * check.h - the few of libcheck's macros that corpus tables use, for programs
 * that are no libcheck tests: there even an assertion that holds would end them.
 */
#ifndef TESTS_FUZZ_PLAIN_CHECK_H
#define TESTS_FUZZ_PLAIN_CHECK_H

#include "tests/fuzz/fuzz.h"

#define ck_assert(cond) FUZZ_HOLDS(cond)
#define ck_assert_msg(cond, ...) FUZZ_HOLDS(cond)
#define ck_abort_msg(...) FUZZ_HOLDS(!"reached")
#define ck_assert_int_eq(a, b) FUZZ_HOLDS((a) == (b))
#define ck_assert_uint_eq(a, b) FUZZ_HOLDS((a) == (b))
#define ck_assert_uint_le(a, b) FUZZ_HOLDS((a) <= (b))
#define ck_assert_ptr_nonnull(p) FUZZ_HOLDS((p) != NULL)

#endif
