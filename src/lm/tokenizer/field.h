/*
 * field.h - typed members of JSON objects, and errors that name them.
 *
 * A member that is null counts as missing, as the writers of tokenizer.json
 * mean it. `where` says whose member it is, in a sentence: "pre_tokenizer".
 */
#ifndef LM_TOKENIZER_FIELD_H
#define LM_TOKENIZER_FIELD_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUOTE_LEN = 72 };

/*
 * The beginning of s, fit for a message: control characters masked, cut
 * between characters, "..." where it was cut. Returns to.
 */
const char *quote(const char *s, char to[QUOTE_LEN]);

/* The whole text; *out is the caller's to json_decref(). */
enum hvqz_ret field_parse(const uint8_t *json, size_t len, json_t **out,
			  struct hvqz_err *err);

/* Borrowed; NULL when missing or null. */
json_t *field_get(const json_t *obj, const char *key);

enum hvqz_ret field_bool(const json_t *obj, const char *where,
			 const char *key, bool otherwise, bool *out,
			 struct hvqz_err *err);

/* Borrowed; *out is NULL when it is missing. */
enum hvqz_ret field_string(const json_t *obj, const char *where,
			   const char *key, const char **out,
			   struct hvqz_err *err);

/* Borrowed; a missing one is an error. */
enum hvqz_ret field_array(const json_t *obj, const char *where,
			  const char *key, json_t **out,
			  struct hvqz_err *err);

/* The string "type" every part of tokenizer.json has. */
enum hvqz_ret field_type(const json_t *obj, const char *where,
			 const char **out, struct hvqz_err *err);

#endif
