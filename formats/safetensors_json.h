/*
 * safetensors_json.h - walking the JSON of a safetensors header in pieces.
 *
 * The walker cuts an object into "key": value slices without recursion and
 * without memory; jansson judges every slice (string, number, flat array of
 * numbers), so that a header never costs more memory than one slice's worth.
 * Internal to safetensors_head.c and safetensors_meta.c.
 */
#ifndef FORMATS_SAFETENSORS_JSON_H
#define FORMATS_SAFETENSORS_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const uint8_t *p;
	size_t len;
};

struct walk {
	const uint8_t *base;	/* the file's first byte, byte 0 of errors */
	const uint8_t *p;
	const uint8_t *end;
	const char *tensor;	/* whom an error is about, or NULL */
	size_t n_pairs;		/* of the object being walked */
	struct hvqz_err *err;
};

/* HVQZ_DAMAGED "byte N: WHAT". */
enum hvqz_ret walk_fail(const struct walk *w, const uint8_t *at,
			const char *what);

/* Pass the white space and the '{' that must come. */
enum hvqz_ret walk_open(struct walk *w);

/*
 * The next pair of the object; *more is false once its '}' is passed. A value
 * nested deeper than max_depth levels is refused.
 */
enum hvqz_ret walk_pair(struct walk *w, unsigned max_depth, struct slice *key,
			struct slice *value, bool *more);

/* Nothing but white space may follow. */
enum hvqz_ret walk_close(struct walk *w);

/* A walk of a value found by w. */
struct walk walk_into(const struct walk *w, struct slice value);

/* Let jansson read a slice; *out is a new reference. */
enum hvqz_ret walk_decode(const struct walk *w, struct slice v, size_t flags,
			  json_t **out);

/*
 * Read a key as a fresh string (*out, the caller frees). It has no NUL inside;
 * neither escape nor encoding can hide one.
 */
enum hvqz_ret walk_key(const struct walk *w, struct slice key, char **out);

/* Check the value of "__metadata__": strings under keys that differ. */
enum hvqz_ret walk_metadata(const struct walk *w, struct slice value);

#endif
