/*
 * vocab_table.h - how vocab_load.c fills the tables of vocab.c; for nobody
 * else.
 */
#ifndef LM_TOKENIZER_VOCAB_TABLE_H
#define LM_TOKENIZER_VOCAB_TABLE_H

#include "lm/tokenizer/vocab.h"

/* Room for n merges, none there yet. */
enum hvqz_ret vocab_start_merges(struct vocab *v, size_t n,
				 struct hvqz_err *err);

/* The next rank; false when the pair has one already. */
bool vocab_add_merge(struct vocab *v, struct merge m);

/* Room in the table of vocab_find() for n tokens. */
enum hvqz_ret vocab_start_ids(struct vocab *v, size_t n,
			      struct hvqz_err *err);

/* A token that vocab_find() shall find; it must have been set. */
void vocab_add_id(struct vocab *v, uint32_t id);

#endif
