/*
 * number.h - strict numbers, from options and from the environment.
 *
 * The whole text must be the number: no white space, no sign, nothing behind.
 */
#ifndef CLI_NUMBER_H
#define CLI_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, min … max. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *v);

/*
 * Decimal digits with an optional K, M, G or T (or KiB, MiB, …, in any case)
 * for 1024 and its powers; min … max.
 */
bool number_size(const char *text, uint64_t min, uint64_t max, uint64_t *v);

/* A decimal number, perhaps with an exponent, min … max. */
bool number_real(const char *text, double min, double max, double *v);

/* A share: "0.015" or "1.5%", min … max. */
bool number_share(const char *text, double min, double max, double *v);

#endif
