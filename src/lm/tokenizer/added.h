/*
 * added.h - the added tokens: strings that are one token wherever they stand
 * in the text, before anything else looks at it.
 *
 * At the leftmost place where one stands the longest is taken. Tokens marked
 * "normalized" are looked for in the normalised text, the others in the text
 * as it came, so there are two lists of this kind.
 *
 * A token with lstrip or rstrip takes the white space on that side along,
 * which its bytes do not hold: such text comes back without it.
 */
#ifndef LM_TOKENIZER_ADDED_H
#define LM_TOKENIZER_ADDED_H

#include "base/buf.h"

#include <stdbool.h>

/* A trie: the strings below a node begin alike. Index 0 is no node. */
struct added_node {
	uint32_t child, sibling;
	uint32_t id;		/* VOCAB_NONE: no token ends here */
	uint8_t byte;
	bool lstrip, rstrip;
};

struct added {
	struct buf nodes;	/* of struct added_node */
	uint32_t first[256];	/* nodes at the top, by byte */
};

/* Bytes start to end of the text are the token id. */
struct added_hit {
	size_t start, end;
	uint32_t id;
};

/* Zero-initialise; the bytes must not be there yet: false if they are. */
enum hvqz_ret added_put(struct added *a, const uint8_t *p, size_t len,
			uint32_t id, bool lstrip, bool rstrip, bool *is_new,
			struct hvqz_err *err);
void added_free(struct added *a);

/* The first one at or behind byte `from` of the text. */
bool added_find(const struct added *a, const uint8_t *text, size_t len,
		size_t from, struct added_hit *hit);

#endif
