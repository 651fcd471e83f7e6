/*
 * vocab.h - the tokens and the merges of a byte-level BPE: what "model" of a
 * tokenizer.json holds.
 */
#ifndef LM_TOKENIZER_VOCAB_H
#define LM_TOKENIZER_VOCAB_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	VOCAB_MAX_IDS = 1 << 24,
};

/* No token, no merge. */
#define VOCAB_NONE UINT32_MAX

struct token {
	size_t off;		/* its bytes in vocab.bytes */
	uint32_t len;
	bool exists;
};

/* Tokens left and right, side by side, become merged. */
struct merge {
	uint32_t left, right, merged;
};

struct vocab {
	struct token *tokens;	/* by id; ids may have gaps */
	uint32_t n_ids;		/* the largest id and 1 */
	uint32_t cap;
	struct buf bytes;
	uint32_t byte_id[256];	/* the tokens of one byte */

	struct merge *merges;	/* by rank: the lowest is done first */
	uint32_t n_merges;
	uint32_t *ranks;	/* hash table of (left, right) */
	size_t rank_mask;

	bool ignore_merges;	/* a whole piece that is a token is one */
	uint32_t *ids;		/* then: hash table of bytes */
	size_t id_mask;
};

/* Zero-initialise *v; vocab_free() also after a failure. */
enum hvqz_ret vocab_load(struct vocab *v, const json_t *model,
			 struct hvqz_err *err);
void vocab_free(struct vocab *v);

/*
 * An integer below VOCAB_MAX_IDS, the id of the token `name`; HVQZ_DAMAGED
 * for anything else.
 */
enum hvqz_ret vocab_id(const json_t *j, const char *name, uint32_t *id,
		       struct hvqz_err *err);

/* Give id these bytes, in place of any it had. */
enum hvqz_ret vocab_set(struct vocab *v, uint32_t id, const void *p,
			size_t len, struct hvqz_err *err);

static inline bool vocab_has(const struct vocab *v, uint32_t id)
{
	return id < v->n_ids && v->tokens[id].exists;
}

/* The rank of the merge of two tokens, VOCAB_NONE when there is none. */
uint32_t vocab_rank(const struct vocab *v, uint32_t left, uint32_t right);

/* The token of these bytes; only for ignore_merges, else VOCAB_NONE. */
uint32_t vocab_find(const struct vocab *v, const uint8_t *p, size_t len);

#endif
