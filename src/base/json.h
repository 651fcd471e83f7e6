/*
 * json.h - json_loadb() that tells when memory ran out.
 *
 * jansson (2.14) collects a token byte by byte and does not look whether its
 * buffer could grow: a long name then lacks a letter and is none the wiser.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

/*
 * As json_loadb(); NULL with json_error_out_of_memory as e's code if memory
 * ran out anywhere.
 */
json_t *hvqz_json_load(const void *p, size_t len, size_t flags,
		       json_error_t *e);

#endif
