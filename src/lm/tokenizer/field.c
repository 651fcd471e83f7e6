/* field.c - typed members of JSON objects: see field.h. */
#include "lm/tokenizer/field.h"

#include "base/json.h"

#include <string.h>

const char *quote(const char *s, char to[QUOTE_LEN])
{
	size_t len = strlen(s), n = len;

	if (n > QUOTE_LEN - 1) {
		n = QUOTE_LEN - 4;
		while (n && ((uint8_t)s[n] & 0xc0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	strcpy(to + n, n < len ? "..." : "");
	return to;
}

enum hvqz_ret field_parse(const uint8_t *json, size_t len, json_t **out,
			  struct hvqz_err *err)
{
	json_error_t e;
	const uint8_t *nul = len ? memchr(json, 0, len) : NULL;
	char text[QUOTE_LEN];

	/* jansson drops a NUL that stands right behind a number. */
	if (nul)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "byte %zu is NUL, which JSON never has",
				 (size_t)(nul - json));
	*out = hvqz_json_load(json, len, JSON_REJECT_DUPLICATES, &e);
	if (*out && json_is_object(*out))
		return HVQZ_OK;
	if (*out) {
		json_decref(*out);
		*out = NULL;
		return hvqz_fail(err, HVQZ_DAMAGED, "not a JSON object");
	}
	if (json_error_code(&e) == json_error_out_of_memory ||
	    json_error_code(&e) == json_error_unknown)
		return hvqz_nomem(err, len, "the tokenizer's JSON");
	return hvqz_fail(err, HVQZ_DAMAGED, "line %d, byte %d: %s", e.line,
			 e.position, quote(e.text, text));
}

json_t *field_get(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_null(v) ? NULL : v;
}

static enum hvqz_ret fail_kind(const char *where, const char *key,
			       const char *kind, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s: \"%s\" is not %s", where,
			 key, kind);
}

enum hvqz_ret field_bool(const json_t *obj, const char *where,
			 const char *key, bool otherwise, bool *out,
			 struct hvqz_err *err)
{
	json_t *v = field_get(obj, key);

	if (v && !json_is_boolean(v))
		return fail_kind(where, key, "true or false", err);
	*out = v ? json_is_true(v) : otherwise;
	return HVQZ_OK;
}

enum hvqz_ret field_string(const json_t *obj, const char *where,
			   const char *key, const char **out,
			   struct hvqz_err *err)
{
	json_t *v = field_get(obj, key);

	if (v && !json_is_string(v))
		return fail_kind(where, key, "a string", err);
	*out = v ? json_string_value(v) : NULL;
	return HVQZ_OK;
}

enum hvqz_ret field_array(const json_t *obj, const char *where,
			  const char *key, json_t **out,
			  struct hvqz_err *err)
{
	*out = field_get(obj, key);
	if (!json_is_array(*out))
		return fail_kind(where, key, "an array", err);
	return HVQZ_OK;
}

enum hvqz_ret field_type(const json_t *obj, const char *where,
			 const char **out, struct hvqz_err *err)
{
	if (!json_is_object(obj))
		return hvqz_fail(err, HVQZ_DAMAGED, "%s is not an object",
				 where);
	TRY(field_string(obj, where, "type", out, err));
	if (!*out)
		return hvqz_fail(err, HVQZ_DAMAGED, "%s has no \"type\"",
				 where);
	return HVQZ_OK;
}
