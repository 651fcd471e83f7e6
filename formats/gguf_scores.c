/*
 * gguf_scores.c - merges as scores: formats/gguf.md, "Keys".
 *
 * tokenizer.json has SentencePiece's BPE as a list of merges, first come first
 * merged; llama.cpp has a score for each token, and of all neighbours merges
 * those whose token has the highest. The two agree where all merges that make
 * one token stand together in the list, as they do when the list was made from
 * scores; the k-th token made (k from 0) then has the score -k. Single
 * characters, which nothing makes, follow in the order of their ids, as in
 * SentencePiece's own files, and what is no piece of text has 0.
 */
#include "formats/gguf_tokens_internal.h"

#include "lm/tokenizer/field.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

/* Is it <0xHH>? */
static bool is_byte(const char *s, unsigned *byte)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *hi, *lo;

	if (strlen(s) != 6 || memcmp(s, "<0x", 3) || s[5] != '>')
		return false;
	hi = strchr(digits, s[3]);
	lo = strchr(digits, s[4]);
	if (!hi || !lo)
		return false;
	*byte = (unsigned)(hi - digits) << 4 | (unsigned)(lo - digits);
	return true;
}

/* llama.cpp falls back to any byte, so all of them have to be there. */
static enum hvqz_ret find_bytes(struct gguf_words *w, const char *unknown,
				struct hvqz_err *err)
{
	bool there[256] = {false};
	unsigned byte;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->v[i].text)
			continue;
		if (is_byte(w->v[i].text, &byte)) {
			w->v[i].type = WORD_BYTE;
			there[byte] = true;
		} else if (unknown && !strcmp(w->v[i].text, unknown)) {
			w->v[i].type = WORD_UNKNOWN;
		}
	}
	for (byte = 0; byte < 256; byte++)
		if (!there[byte])
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "tokenizer.json has \"byte_fallback\" "
					 "and no token <0x%02X>", byte);
	return HVQZ_OK;
}

/* The token that a merge makes. */
static enum hvqz_ret find_made(const json_t *vocab, size_t i,
			       const struct span *left,
			       const struct span *right, struct buf *text,
			       uint32_t *id, struct hvqz_err *err)
{
	char q[QUOTE_LEN];
	const json_t *v;

	buf_clear(text);
	buf_put(text, left->p, left->len);
	buf_put(text, right->p, right->len);
	buf_u8(text, 0);
	TRY(buf_ok(text, err));
	v = json_object_get(vocab, (const char *)text->p);
	if (!json_is_integer(v))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "merge %zu makes \"%s\", which is no token", i,
				 quote((const char *)text->p, q));
	/* Ids were held against the number of tokens before. */
	*id = (uint32_t)json_integer_value(v);
	return HVQZ_OK;
}

/* order[id] becomes k for the k-th token made; *n_made: how many there are. */
static enum hvqz_ret rank(const json_t *model, const json_t *merges,
			  const struct gguf_words *w, uint32_t *order,
			  uint32_t *n_made, struct hvqz_err *err)
{
	const json_t *vocab = field_get(model, "vocab");
	size_t n = json_array_size(merges);
	struct buf text = {0};
	enum hvqz_ret ret = HVQZ_OK;
	char q[QUOTE_LEN];

	for (size_t i = 0; i < n && ret == HVQZ_OK; i++) {
		struct span left, right;
		uint32_t id = 0;

		TRY_OUT(gguf_take_merge(merges, i, &left, &right, err));
		TRY_OUT(find_made(vocab, i, &left, &right, &text, &id, err));
		if (order[id] == NONE)
			order[id] = (*n_made)++;
		else if (order[id] != *n_made - 1)
			ret = hvqz_fail(err, HVQZ_UNSUPPORTED,
					"merge %zu makes \"%s\" again, after "
					"others: no score can say that to "
					"llama.cpp", i,
					quote(w->v[id].text, q));
	}
out:
	buf_free(&text);
	return ret;
}

static void put_all(struct gguf_keys *k, const struct gguf_words *w,
		    const uint32_t *order, uint32_t n)
{
	gguf_put_array(k, "tokenizer.ggml.scores", GGUF_F32, w->n);
	for (size_t i = 0; i < w->n; i++) {
		uint32_t place = order[i];

		if (place == NONE)
			place = w->v[i].text && w->v[i].type == WORD_NORMAL
					? n++ : 0;
		buf_f32(&k->b, (float)-(int64_t)place);
	}
}

enum hvqz_ret gguf_put_scores(struct gguf_keys *k, const json_t *model,
			      struct gguf_words *w, struct hvqz_err *err)
{
	uint32_t *order = malloc(w->n * sizeof(*order) + 1), n = 0;
	const char *unknown;
	enum hvqz_ret ret;
	json_t *merges;

	if (!order)
		return hvqz_nomem(err, w->n * sizeof(*order), "the scores");
	for (size_t i = 0; i < w->n; i++)
		order[i] = NONE;
	TRY_OUT(field_string(model, "model", "unk_token", &unknown, err));
	TRY_OUT(find_bytes(w, unknown, err));
	TRY_OUT(field_array(model, "model", "merges", &merges, err));
	TRY_OUT(rank(model, merges, w, order, &n, err));
	put_all(k, w, order, n);
out:
	free(order);
	return ret;
}
