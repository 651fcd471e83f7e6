/*
 * vocab.c - the tables of a byte-level BPE, and the look-ups in them.
 *
 * Both hash tables are open, at most half full, and hold indices (a rank, an
 * id); what is compared lies in the array that the index is of.
 */
#include "lm/tokenizer/vocab.h"

#include "lm/tokenizer/vocab_table.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static size_t hash_pair(uint32_t left, uint32_t right)
{
	uint64_t h = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;

	return (size_t)(h ^ h >> 32);
}

uint32_t vocab_rank(const struct vocab *v, uint32_t left, uint32_t right)
{
	size_t at = hash_pair(left, right) & v->rank_mask;

	while (v->ranks[at] != VOCAB_NONE) {
		const struct merge *m = &v->merges[v->ranks[at]];

		if (m->left == left && m->right == right)
			return v->ranks[at];
		at = (at + 1) & v->rank_mask;
	}
	return VOCAB_NONE;
}

uint32_t vocab_find(const struct vocab *v, const uint8_t *p, size_t len)
{
	size_t at;

	if (!v->ids)
		return VOCAB_NONE;
	at = (size_t)XXH3_64bits(p, len) & v->id_mask;
	while (v->ids[at] != VOCAB_NONE) {
		const struct token *t = &v->tokens[v->ids[at]];

		if (t->len == len && !memcmp(v->bytes.p + t->off, p, len))
			return v->ids[at];
		at = (at + 1) & v->id_mask;
	}
	return VOCAB_NONE;
}

/* An empty hash table for n entries. */
static enum hvqz_ret new_table(size_t n, uint32_t **table, size_t *mask,
			       struct hvqz_err *err)
{
	size_t size = 2;

	while (size < 2 * n)
		size *= 2;
	*table = malloc(size * sizeof(**table));
	if (!*table)
		return hvqz_nomem(err, size * sizeof(**table),
				  "a table of the tokenizer");
	memset(*table, 0xff, size * sizeof(**table));
	*mask = size - 1;
	return HVQZ_OK;
}

enum hvqz_ret vocab_start_merges(struct vocab *v, size_t n,
				 struct hvqz_err *err)
{
	if (n >= UINT32_MAX / 4)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu merges are more than we handle", n);
	v->merges = malloc((n + 1) * sizeof(*v->merges));
	if (!v->merges)
		return hvqz_nomem(err, (n + 1) * sizeof(*v->merges),
				  "the tokenizer's merges");
	return new_table(n, &v->ranks, &v->rank_mask, err);
}

bool vocab_add_merge(struct vocab *v, struct merge m)
{
	size_t at = hash_pair(m.left, m.right) & v->rank_mask;

	if (vocab_rank(v, m.left, m.right) != VOCAB_NONE)
		return false;
	while (v->ranks[at] != VOCAB_NONE)
		at = (at + 1) & v->rank_mask;
	v->ranks[at] = v->n_merges;
	v->merges[v->n_merges++] = m;
	return true;
}

enum hvqz_ret vocab_start_ids(struct vocab *v, size_t n,
			      struct hvqz_err *err)
{
	return new_table(n, &v->ids, &v->id_mask, err);
}

void vocab_add_id(struct vocab *v, uint32_t id)
{
	const struct token *t = &v->tokens[id];
	const uint8_t *p = t->len ? v->bytes.p + t->off : NULL;
	size_t at = (size_t)XXH3_64bits(p, t->len) & v->id_mask;

	while (v->ids[at] != VOCAB_NONE)
		at = (at + 1) & v->id_mask;
	v->ids[at] = id;
}

/* Make tokens[id] exist as memory. */
static enum hvqz_ret reach(struct vocab *v, uint32_t id, struct hvqz_err *err)
{
	struct token *grown;
	uint32_t cap;

	if (id < v->cap)
		return HVQZ_OK;
	cap = v->cap * 2 > id ? v->cap * 2 : id + 1;
	if (cap < 1024)
		cap = 1024;
	grown = realloc(v->tokens, cap * sizeof(*grown));
	if (!grown)
		return hvqz_nomem(err, cap * sizeof(*grown),
				  "the tokenizer's tokens");
	memset(grown + v->cap, 0, (cap - v->cap) * sizeof(*grown));
	v->tokens = grown;
	v->cap = cap;
	return HVQZ_OK;
}

enum hvqz_ret vocab_set(struct vocab *v, uint32_t id, const void *p,
			size_t len, struct hvqz_err *err)
{
	struct token *t;

	TRY(reach(v, id, err));
	if (len > UINT32_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "token %u is %zu bytes long", id, len);
	t = &v->tokens[id];
	t->off = v->bytes.len;
	t->len = (uint32_t)len;
	t->exists = true;
	if (id >= v->n_ids)
		v->n_ids = id + 1;
	buf_put(&v->bytes, p, len);
	return buf_ok(&v->bytes, err);
}

void vocab_free(struct vocab *v)
{
	free(v->tokens);
	free(v->merges);
	free(v->ranks);
	free(v->ids);
	buf_free(&v->bytes);
	*v = (struct vocab){0};
}
