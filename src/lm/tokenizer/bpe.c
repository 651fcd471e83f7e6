/*
 * bpe.c - byte pair encoding of one piece.
 *
 * The plain version: begin with one token a byte; of all neighbours that
 * have a merge take those of the lowest rank, of these the leftmost, and put
 * their merged token in their place; until there are none. (Sennrich, Haddow,
 * Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016.)
 *
 * Looking at all neighbours every time is quadratic, so they wait in a heap,
 * ordered by rank and then place. The tokens are a linked list in an array,
 * where a merge changes the left one and takes out the right one: places stay
 * in order, and what waits in the heap needs no update. It may be out of date
 * when it comes out, which is seen by its tokens no longer being those of its
 * merge. A merge removes one token and adds two candidates at most, so there
 * are fewer than 2 len of them all in all.
 */
#include "lm/tokenizer/bpe.h"

#include <stdlib.h>

enum { ASK = 4096 };	/* merges between two questions whether to stop */

void bpe_free(struct bpe_scratch *s)
{
	free(s->symbols);
	free(s->heap);
	*s = (struct bpe_scratch){0};
}

static enum hvqz_ret reserve(struct bpe_scratch *s, size_t len,
			     struct hvqz_err *err)
{
	size_t cap = len < 256 ? 256 : len;

	if (len <= s->cap)
		return HVQZ_OK;
	free(s->symbols);
	free(s->heap);
	s->cap = 0;
	s->symbols = malloc(cap * sizeof(*s->symbols));
	s->heap = malloc(2 * cap * sizeof(*s->heap));
	if (!s->symbols || !s->heap)
		return hvqz_nomem(err, cap * (sizeof(*s->symbols) +
					      2 * sizeof(*s->heap)),
				  "the merging of a piece of text");
	s->cap = cap;
	return HVQZ_OK;
}

static void push(struct bpe_scratch *s, uint64_t key)
{
	size_t at = s->n_heap++;

	while (at && s->heap[(at - 1) / 2] > key) {
		s->heap[at] = s->heap[(at - 1) / 2];
		at = (at - 1) / 2;
		s->n_steps++;
	}
	s->heap[at] = key;
}

static uint64_t pop(struct bpe_scratch *s)
{
	uint64_t top = s->heap[0], key = s->heap[--s->n_heap];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < s->n_heap) {
		if (child + 1 < s->n_heap &&
		    s->heap[child + 1] < s->heap[child])
			child++;
		if (s->heap[child] >= key)
			break;
		s->heap[at] = s->heap[child];
		at = child;
		s->n_steps++;
	}
	s->heap[at] = key;
	return top;
}

/* The neighbours at `left` and the next place, when they have a merge. */
static void propose(const struct vocab *v, struct bpe_scratch *s,
		    uint32_t left)
{
	uint32_t right = s->symbols[left].next, rank;

	if (right == VOCAB_NONE)
		return;
	rank = vocab_rank(v, s->symbols[left].id, s->symbols[right].id);
	if (rank != VOCAB_NONE)
		push(s, (uint64_t)rank << 32 | left);
}

static enum hvqz_ret merge_all(const struct vocab *v, struct bpe_scratch *s,
			       const struct tokenizer_stop *stop,
			       struct hvqz_err *err)
{
	struct symbol *sym = s->symbols;
	size_t n = 0;

	while (s->n_heap) {
		uint64_t key = pop(s);
		const struct merge *m = &v->merges[key >> 32];
		uint32_t left = (uint32_t)key, right = sym[left].next;

		if (++n % ASK == 0)
			TRY(tokenizer_poll(stop, err));
		if (sym[left].id != m->left || right == VOCAB_NONE ||
		    sym[right].id != m->right)
			continue;
		sym[left].id = m->merged;
		sym[left].next = sym[right].next;
		sym[right].id = VOCAB_NONE;
		if (sym[left].next != VOCAB_NONE)
			sym[sym[left].next].prev = left;
		if (sym[left].prev != VOCAB_NONE)
			propose(v, s, sym[left].prev);
		propose(v, s, left);
	}
	return HVQZ_OK;
}

enum hvqz_ret bpe_encode(const struct vocab *v, struct bpe_scratch *s,
			 const uint8_t *piece, size_t len, struct buf *ids,
			 const struct tokenizer_stop *stop,
			 struct hvqz_err *err)
{
	uint32_t whole;

	if (!len)
		return HVQZ_OK;
	whole = vocab_find(v, piece, len);
	if (whole != VOCAB_NONE) {
		buf_put(ids, &whole, sizeof(whole));
		return buf_ok(ids, err);
	}
	if (len >= VOCAB_NONE)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu bytes of text in one piece", len);
	TRY(reserve(s, len, err));
	s->n_heap = 0;
	for (uint32_t i = 0; i < len; i++)
		s->symbols[i] = (struct symbol){
			.id = v->byte_id[piece[i]],
			.prev = i ? i - 1 : VOCAB_NONE,
			.next = i + 1 < len ? i + 1 : VOCAB_NONE,
		};
	for (uint32_t i = 0; i + 1 < len; i++)
		propose(v, s, i);
	TRY(merge_all(v, s, stop, err));
	for (uint32_t i = 0; i != VOCAB_NONE; i = s->symbols[i].next)
		buf_put(ids, &s->symbols[i].id, sizeof(uint32_t));
	return buf_ok(ids, err);
}
