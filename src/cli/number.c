/* number.c - strict numbers. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/number.h"

#include "base/ckd.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The digits at the start; NULL when there is none or they overflow. */
static const char *digits(const char *s, uint64_t *v)
{
	if (*s < '0' || *s > '9')
		return NULL;
	for (*v = 0; *s >= '0' && *s <= '9'; s++)
		if (!ckd_mul64(v, *v, 10) ||
		    !ckd_add64(v, *v, (uint64_t)(*s - '0')))
			return NULL;
	return s;
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
	const char *rest = digits(text, v);

	return rest && !*rest && *v >= min && *v <= max;
}

bool number_size(const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
	static const char units[] = "KMGT";
	const char *rest = digits(text, v), *unit;

	if (!rest)
		return false;
	if (*rest) {
		unit = strchr(units, toupper((unsigned char)*rest));
		if (!unit || !ckd_mul64(v, *v,
					(uint64_t)1 << 10 * (unit - units + 1)))
			return false;
		rest++;
		if (*rest && strcasecmp(rest, "iB") != 0)
			return false;
	}
	return *v >= min && *v <= max;
}

/* The number at the start; NULL when there is none. */
static const char *real(const char *text, double *v)
{
	char *rest;

	/* strtod() would take white space, signs, hex, "inf" and "nan". */
	if (strspn(text, "0123456789.eE-%") != strlen(text) ||
	    !strchr("0123456789.", *text))
		return NULL;
	*v = strtod(text, &rest);
	return rest == text ? NULL : rest;
}

bool number_real(const char *text, double min, double max, double *v)
{
	const char *rest = real(text, v);

	return rest && !*rest && *v >= min && *v <= max;
}

bool number_share(const char *text, double min, double max, double *v)
{
	const char *rest = real(text, v);

	if (!rest)
		return false;
	if (*rest == '%') {
		*v /= 100;
		rest++;
	}
	return !*rest && *v >= min && *v <= max;
}
