/*
 * safetensors.h - what the reader and the writer of safetensors share.
 *
 * Only the two of them, and those who make safetensors files out of pieces
 * (extract, sidecars), include this. The law is formats/safetensors.md.
 */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include "model/model.h"

enum {
	SAFETENSORS_LEN = 8,		/* bytes of the length field */
	SAFETENSORS_MAX_JSON = 100000000, /* bytes of JSON behind it */
};

/* Where "__metadata__": VALUE keeps its value inside a head; p NULL: none. */
struct safetensors_metadata {
	const uint8_t *p;
	size_t len;
};

/*
 * Read a whole head (the length field and the JSON, head_len bytes) into the
 * tensor table of *m, which must be empty: tensors in data order, sizes and
 * sums. m->head and m->format are left alone. meta may be NULL. After a
 * failure *m may hold a part; the caller frees it either way.
 */
enum hvqz_ret safetensors_parse(const uint8_t *head, size_t head_len,
				struct model *m,
				struct safetensors_metadata *meta,
				struct hvqz_err *err);

/* Does this head describe exactly m's tensors, in m's order? */
enum hvqz_ret safetensors_check_head(const struct model *m,
				     const uint8_t *head, size_t head_len,
				     struct hvqz_err *err);

/*
 * Make a head for the table of m: compact JSON, tensors in table order, padded
 * with spaces to a multiple of 8 bytes. When keep is given it is an older
 * head, whose metadata goes into the new one unchanged (NULL, 0: none). The
 * caller frees *head. A table that the format cannot hold is refused: by
 * HVQZ_UNSUPPORTED (name not UTF-8 or reserved, header over 100 MB), or in the
 * words of the parser (a name twice).
 */
enum hvqz_ret safetensors_make_head(const struct model *m,
				    const uint8_t *keep, size_t keep_len,
				    uint8_t **head, size_t *head_len,
				    struct hvqz_err *err);

/*
 * The metadata value of that key in a head that safetensors_parse accepted
 * (m->head of a safetensors model). *value is the caller's to free; NULL when
 * the head has no such key. A value with a NUL in it is HVQZ_DAMAGED.
 */
enum hvqz_ret safetensors_find_metadata(const uint8_t *head, size_t head_len,
					const char *key, char **value,
					struct hvqz_err *err);

#endif
