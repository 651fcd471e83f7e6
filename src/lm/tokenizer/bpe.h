/*
 * bpe.h - the ids of one piece of text: its bytes, merged pair by pair.
 */
#ifndef LM_TOKENIZER_BPE_H
#define LM_TOKENIZER_BPE_H

#include "lm/tokenizer/stop.h"
#include "lm/tokenizer/vocab.h"

/* A run of bytes that is a token so far, in a list of them. */
struct symbol {
	uint32_t id;		/* VOCAB_NONE: now part of one before it */
	uint32_t prev, next;	/* VOCAB_NONE at the ends */
};

/* Memory used again from piece to piece; zero-initialise. */
struct bpe_scratch {
	struct symbol *symbols;
	uint64_t *heap;
	size_t cap;		/* symbols; the heap holds twice as many */
	size_t n_heap;
	uint64_t n_steps;	/* of all heaps so far: for tests */
};

void bpe_free(struct bpe_scratch *s);

/*
 * Append the ids (uint32_t) of a piece to ids. O(len log len). stop (may be
 * NULL) is asked every few thousand merges.
 */
enum hvqz_ret bpe_encode(const struct vocab *v, struct bpe_scratch *s,
			 const uint8_t *piece, size_t len, struct buf *ids,
			 const struct tokenizer_stop *stop,
			 struct hvqz_err *err);

#endif
