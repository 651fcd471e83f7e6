/* json_line.c - a JSON object on standard output. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/json_line.h"

#include "cli/descriptors.h"
#include "cli/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_line json_line_begin(void)
{
	return (struct json_line){.object = json_object()};
}

void json_line_set(struct json_line *l, const char *key, json_t *value)
{
	/* Takes NULL, of either, for a failure. */
	l->failed |= json_object_set_new(l->object, key, value) < 0;
}

json_t *json_line_string(const char *s)
{
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = strdup(s);
	if (!copy)
		return NULL;
	j = json_string(text_mask(copy));
	free(copy);
	return j;
}

void json_line_text(struct json_line *l, const char *key, const char *s)
{
	json_line_set(l, key, json_line_string(s));
}

void json_line_number(struct json_line *l, const char *key, uint64_t v)
{
	json_line_set(l, key, json_integer((json_int_t)v));
}

void json_line_real(struct json_line *l, const char *key, double v)
{
	json_line_set(l, key, isfinite(v) ? json_real(v) : json_null());
}

bool json_line_print(struct json_line *l, unsigned digits)
{
	bool good = !l->failed &&
		    json_dumpf(l->object, stdout,
			       JSON_COMPACT | JSON_REAL_PRECISION(digits)) == 0;

	json_decref(l->object);
	if (good)
		putchar('\n');
	return !descriptors_stdout_failed() && good;
}
