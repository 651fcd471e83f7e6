/*
 * text.h - small pieces of text for people: masked names, numbers with
 * thousands separators, sizes and durations.
 *
 * For messages, lists and the progress line; nothing here is read back by a
 * program.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Long enough for every text_…() below. */
enum { TEXT_LEN = 32 };

/*
 * Overwrite with '?' what could confuse a terminal or a reader: control
 * characters, bytes that are not UTF-8, controls of writing direction.
 * Returns s. Newlines count as control characters.
 */
char *text_mask(char *s);

/* Columns s takes, one for every code point. */
size_t text_columns(const char *s);

/* Cut s (UTF-8) behind its first n columns. */
void text_cut(char *s, size_t n);

/* Each fills buf (TEXT_LEN bytes) and returns it. */
char *text_number(uint64_t v, char *buf);	/* 1,311,872 */
char *text_memory(uint64_t bytes, char *buf);	/* 85.3 MiB */
char *text_bytes(uint64_t bytes, char *buf);	/* 2.6 GB */
char *text_duration(double seconds, char *buf);	/* 1:02:07 */

/* Three digits: 0.0123, 12300, 1.23e+06. v ≥ 0 and finite. */
char *text_figure(double v, char *buf);

/* 10·log10(signal / noise); noise must be above 0. */
double text_snr(double signal, double noise);

/*
 * An estimated KL divergence in nats per token to buf (TEXT_LEN bytes), which
 * it returns: "0.03490", "3.1e-05"; "-" for 0, which is unknown.
 */
char *text_kl(double loss, char *buf);

#endif
