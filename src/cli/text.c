/* text.c - masked names, numbers, sizes and durations for people. */
#include "cli/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is s (NUL-terminated) n continuation bytes of UTF-8? */
static bool continues(const uint8_t *s, unsigned n)
{
	while (n--)
		if ((*s++ & 0xc0) != 0x80)
			return false;
	return true;
}

/*
 * Length of the UTF-8 sequence at s, its code point in *cp; 0 when it is
 * none (overlong forms and surrogates included).
 */
static unsigned utf8_next(const uint8_t *s, uint32_t *cp)
{
	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf && continues(s + 1, 1)) {
		*cp = (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
		return 2;
	}
	if ((s[0] & 0xf0) == 0xe0 && continues(s + 1, 2)) {
		*cp = (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 |
		      (s[2] & 0x3fu);
		return *cp >= 0x800 && (*cp < 0xd800 || *cp > 0xdfff) ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4 && continues(s + 1, 3)) {
		*cp = (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 |
		      (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
		return *cp >= 0x10000 && *cp <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

/* C0, DEL, C1, line and paragraph separators, direction controls. */
static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c ||
	       cp == 0x200e || cp == 0x200f ||
	       (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

char *text_mask(char *s)
{
	uint8_t *p = (uint8_t *)s;

	while (*p) {
		uint32_t cp;
		unsigned n = utf8_next(p, &cp);

		if (!n || is_control(cp)) {
			n = n ? n : 1;
			memset(p, '?', n);
		}
		p += n;
	}
	return s;
}

size_t text_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

void text_cut(char *s, size_t n)
{
	for (; *s; s++) {
		if (((uint8_t)*s & 0xc0) == 0x80)
			continue;
		if (!n--) {
			*s = '\0';
			return;
		}
	}
}

char *text_number(uint64_t v, char *buf)
{
	char digits[TEXT_LEN];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v);
	char *to = buf;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buf;
}

/* v in the largest of n units it reaches one of, with three digits or so. */
static char *scaled(uint64_t v, double base, const char *const *unit,
		    size_t n, char *buf)
{
	double x = (double)v;
	size_t i = 0;

	while (x >= base && i + 1 < n) {
		x /= base;
		i++;
	}
	snprintf(buf, TEXT_LEN, "%.*f %s", i && x < 100 ? 1 : 0, x, unit[i]);
	return buf;
}

char *text_memory(uint64_t bytes, char *buf)
{
	static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB",
					   "TiB"};

	return scaled(bytes, 1024, unit, 5, buf);
}

char *text_bytes(uint64_t bytes, char *buf)
{
	static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB"};

	return scaled(bytes, 1000, unit, 5, buf);
}

char *text_duration(double seconds, char *buf)
{
	/* A stalled stream has no sensible estimate: 100 hours will do. */
	uint64_t s = seconds < 360000 ? (uint64_t)(seconds + 0.5) : 360000;

	if (s >= 3600)
		snprintf(buf, TEXT_LEN, "%" PRIu64 ":%02u:%02u", s / 3600,
			 (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		snprintf(buf, TEXT_LEN, "%u:%02u", (unsigned)(s / 60),
			 (unsigned)(s % 60));
	return buf;
}

double text_snr(double signal, double noise)
{
	return 10 * log10(signal / noise);
}

char *text_figure(double v, char *buf)
{
	/* Three digits first; %g then writes six where there are as many. */
	snprintf(buf, TEXT_LEN, "%.2e", v);
	snprintf(buf, TEXT_LEN, "%g", strtod(buf, NULL));
	return buf;
}

char *text_kl(double loss, char *buf)
{
	/* From what rounds to 0.00010 on. */
	bool plain = loss >= 0.000095 && loss < 1000;

	if (loss > 0)
		snprintf(buf, TEXT_LEN, plain ? "%.5f" : "%.1e", loss);
	else
		strcpy(buf, "-");
	return buf;
}
