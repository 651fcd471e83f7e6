/*
 * config_json.c - the typed values of config_json.h.
 *
 * The text is small (MAX_LEN), so jansson may read it in one go; its nesting
 * and its memory are bounded by that.
 */
#include "lm/config_json.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LEN = 4 << 20 };

enum hvqz_ret conf_load(const uint8_t *json, size_t len, json_t **o,
			struct hvqz_err *err)
{
	json_error_t e;
	char *near;

	*o = NULL;
	if (!len)
		return hvqz_fail(err, HVQZ_DAMAGED, "not JSON: it is empty");
	if (len > MAX_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes; a config.json has at most %d",
				 len, MAX_LEN);
	/* jansson drops a NUL that stands right behind a number. */
	if (memchr(json, 0, len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a NUL byte, which JSON never has");
	*o = hvqz_json_load(json, len, JSON_REJECT_DUPLICATES, &e);
	if (!*o) {
		if (json_error_code(&e) == json_error_out_of_memory ||
		    json_error_code(&e) == json_error_unknown)
			return hvqz_nomem(err, len, "config.json");
		/* What follows "near" are bytes of the file: leave them. */
		near = strstr(e.text, " near '");
		if (near)
			*near = '\0';
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "not JSON: line %d, column %d: %s", e.line,
				 e.column, e.text);
	}
	if (json_is_object(*o))
		return HVQZ_OK;
	json_decref(*o);
	*o = NULL;
	return hvqz_fail(err, HVQZ_DAMAGED, "not a JSON object");
}

char *conf_text(const json_t *value, char *buf, size_t size)
{
	size_t n;

	/* jansson leaves out what does not fit, and what follows it. */
	memset(buf, 0, size);
	n = json_dumpb(value, buf, size - 4, JSON_ENCODE_ANY | JSON_COMPACT);
	if (n > size - 4)
		strcat(buf, "...");
	return buf;
}

/* The value, or NULL for none and for a null. */
static const json_t *get(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_null(v) ? NULL : v;
}

static enum hvqz_ret fail_missing(const char *key, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "'%s' is missing", key);
}

static enum hvqz_ret fail_value(const char *key, const json_t *v,
				const char *must, struct hvqz_err *err)
{
	char text[60];

	return hvqz_fail(err, HVQZ_DAMAGED, "'%s' is %s; it must be %s", key,
			 conf_text(v, text, sizeof(text)), must);
}

enum hvqz_ret conf_size(const json_t *o, const char *key, size_t max,
			size_t otherwise, size_t *to, struct hvqz_err *err)
{
	const json_t *v = get(o, key);
	json_int_t i;
	char must[60];

	*to = otherwise;
	if (!v)
		return otherwise ? HVQZ_OK : fail_missing(key, err);
	i = json_integer_value(v);
	if (!json_is_integer(v) || i < 1 || (unsigned long long)i > max) {
		snprintf(must, sizeof(must), "a whole number from 1 to %zu",
			 max);
		return fail_value(key, v, must, err);
	}
	*to = (size_t)i;
	return HVQZ_OK;
}

enum hvqz_ret conf_number(const json_t *o, const char *key, double otherwise,
			  double *to, struct hvqz_err *err)
{
	const json_t *v = get(o, key);

	*to = otherwise;
	if (!v)
		return otherwise > 0 ? HVQZ_OK : fail_missing(key, err);
	*to = json_number_value(v);
	if (json_is_number(v) && isfinite(*to) && *to > 0)
		return HVQZ_OK;
	return fail_value(key, v, "a number above 0", err);
}

enum hvqz_ret conf_bool(const json_t *o, const char *key, bool otherwise,
			bool *to, struct hvqz_err *err)
{
	const json_t *v = get(o, key);

	*to = otherwise;
	if (!v)
		return HVQZ_OK;
	*to = json_is_true(v);
	return json_is_boolean(v) ? HVQZ_OK
				  : fail_value(key, v, "true or false", err);
}

enum hvqz_ret conf_string(const json_t *o, const char *key, const char **to,
			  struct hvqz_err *err)
{
	const json_t *v = get(o, key);

	*to = NULL;
	if (!v)
		return HVQZ_OK;
	*to = json_string_value(v);
	return *to ? HVQZ_OK : fail_value(key, v, "a string", err);
}
