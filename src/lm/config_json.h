/*
 * config_json.h - typed values out of a JSON object, or the sentence why not.
 *
 * Internal to config.c and config_rope.c. A value is what its key says or
 * HVQZ_DAMAGED: whole numbers are whole in the text, nothing is rounded, and
 * a null counts as a key that is not there.
 */
#ifndef LM_CONFIG_JSON_H
#define LM_CONFIG_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The whole text: one object without duplicate keys. The caller decrefs. */
enum hvqz_ret conf_load(const uint8_t *json, size_t len, json_t **o,
			struct hvqz_err *err);

/* 1 to max; `otherwise` when the key is not there, 0: it must be. */
enum hvqz_ret conf_size(const json_t *o, const char *key, size_t max,
			size_t otherwise, size_t *to, struct hvqz_err *err);

/* Finite and above 0; `otherwise` when the key is not there, 0: it must be. */
enum hvqz_ret conf_number(const json_t *o, const char *key, double otherwise,
			  double *to, struct hvqz_err *err);

enum hvqz_ret conf_bool(const json_t *o, const char *key, bool otherwise,
			bool *to, struct hvqz_err *err);

/* *to is o's; NULL when the key is not there. */
enum hvqz_ret conf_string(const json_t *o, const char *key, const char **to,
			  struct hvqz_err *err);

/* The value's JSON into buf, cut to its size; returns buf. */
char *conf_text(const json_t *value, char *buf, size_t size);

#endif
