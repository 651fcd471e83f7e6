/*
 * safetensors_json.c - the walker of safetensors_json.h.
 *
 * Why not one json_loadb() of the whole header: jansson needs some 150 bytes
 * for `"a":"",` and 48 for `0,`, which makes gigabytes of a hostile header of
 * 100 MB; it would recurse into nesting before we could refuse it; and its
 * objects seed their hash from /dev/urandom, a file this room may not open.
 * So the structure is walked here, in constant memory, and jansson reads the
 * leaves: whatever the walker passes too generously (a bad escape, `nulx`,
 * `[1}`) is refused when the slice is decoded, and every slice is decoded.
 */
#include "formats/safetensors_json.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum hvqz_ret walk_fail(const struct walk *w, const uint8_t *at,
			const char *what)
{
	return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
				"header byte %zu: %s", (size_t)(at - w->base),
				what);
}

static void pass_space(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' ||
				 *w->p == '\r' || *w->p == '\t'))
		w->p++;
}

/* Pass white space and the byte c, which must come next. */
static enum hvqz_ret expect(struct walk *w, uint8_t c, const char *otherwise)
{
	pass_space(w);
	if (w->p == w->end || *w->p != c)
		return walk_fail(w, w->p, otherwise);
	w->p++;
	return HVQZ_OK;
}

enum hvqz_ret walk_open(struct walk *w)
{
	w->n_pairs = 0;
	return expect(w, '{', "not a JSON object, which begins with '{'");
}

enum hvqz_ret walk_close(struct walk *w)
{
	pass_space(w);
	if (w->p < w->end)
		return walk_fail(w, w->p,
				 "more than one JSON object: only white space "
				 "may follow it");
	return HVQZ_OK;
}

struct walk walk_into(const struct walk *w, struct slice value)
{
	struct walk in = *w;

	in.p = value.p;
	in.end = value.p + value.len;
	in.n_pairs = 0;
	return in;
}

/* From a '"' to behind the '"' that ends the string. */
static enum hvqz_ret pass_string(struct walk *w)
{
	const uint8_t *start = w->p++;

	while (w->p < w->end && *w->p != '"')
		w->p += *w->p == '\\' && w->end - w->p > 1 ? 2 : 1;
	if (w->p >= w->end)
		return walk_fail(w, start, "a string without its end");
	w->p++;
	return HVQZ_OK;
}

static bool is_scalar_end(uint8_t c)
{
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' ||
	       c == '\r' || c == '\t';
}

/* An object or array, by counting brackets; kinds are the decoder's affair. */
static enum hvqz_ret pass_nested(struct walk *w, unsigned max_depth)
{
	const uint8_t *start = w->p;
	unsigned depth = 0;

	while (w->p < w->end) {
		switch (*w->p) {
		case '"':
			TRY(pass_string(w));
			continue;
		case '{':
		case '[':
			if (++depth > max_depth)
				return walk_fail(w, w->p,
						 "nesting deeper than the "
						 "format has");
			break;
		case '}':
		case ']':
			if (--depth == 0) {
				w->p++;
				return HVQZ_OK;
			}
			break;
		}
		w->p++;
	}
	return walk_fail(w, start, "a bracket that is never closed");
}

static enum hvqz_ret pass_value(struct walk *w, unsigned max_depth,
				struct slice *value)
{
	pass_space(w);
	value->p = w->p;
	if (w->p < w->end && *w->p == '"') {
		TRY(pass_string(w));
	} else if (w->p < w->end && (*w->p == '{' || *w->p == '[')) {
		TRY(pass_nested(w, max_depth));
	} else {
		while (w->p < w->end && !is_scalar_end(*w->p))
			w->p++;
	}
	value->len = (size_t)(w->p - value->p);
	if (!value->len)
		return walk_fail(w, w->p, "a value is missing");
	return HVQZ_OK;
}

enum hvqz_ret walk_pair(struct walk *w, unsigned max_depth, struct slice *key,
			struct slice *value, bool *more)
{
	pass_space(w);
	*more = w->p == w->end || *w->p != '}';
	if (!*more) {
		w->p++;
		return HVQZ_OK;
	}
	if (w->n_pairs++)
		TRY(expect(w, ',', "expected ',' or '}'"));
	pass_space(w);
	if (w->p == w->end || *w->p != '"')
		return walk_fail(w, w->p, "expected a name in quotes");
	key->p = w->p;
	TRY(pass_string(w));
	key->len = (size_t)(w->p - key->p);
	TRY(expect(w, ':', "expected ':'"));
	return pass_value(w, max_depth, value);
}

enum hvqz_ret walk_decode(const struct walk *w, struct slice v, size_t flags,
			  json_t **out)
{
	json_error_t e;
	const uint8_t *nul = memchr(v.p, 0, v.len);
	char *near;

	/* jansson drops a NUL that stands right behind a number. */
	if (nul)
		return walk_fail(w, nul, "a NUL byte, which JSON never has");
	flags |= JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
	*out = hvqz_json_load(v.p, v.len, flags, &e);
	if (*out)
		return HVQZ_OK;
	switch (json_error_code(&e)) {
	case json_error_unknown:	/* it gave up without a word */
	case json_error_out_of_memory:
		return hvqz_nomem(w->err, v.len, "a value of the header");
	case json_error_invalid_utf8:
		return walk_fail(w, v.p, "not UTF-8");
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return walk_fail(w, v.p, "a name with a NUL in it");
	case json_error_numeric_overflow:
		return walk_fail(w, v.p, "a number that is not below 2^63");
	default:
		/* What follows "near" are bytes of the file: leave them. */
		near = strstr(e.text, " near '");
		if (near)
			*near = '\0';
		return walk_fail(w, v.p, e.text);
	}
}

enum hvqz_ret walk_key(const struct walk *w, struct slice key, char **out)
{
	json_t *j;
	size_t len;

	TRY(walk_decode(w, key, 0, &j));
	len = json_string_length(j);
	*out = malloc(len + 1);
	if (*out)
		memcpy(*out, json_string_value(j), len + 1);
	json_decref(j);
	if (!*out)
		return hvqz_nomem(w->err, len + 1, "a name of the header");
	return HVQZ_OK;
}
