/*
 * gguf_tokens_internal.h - between gguf_tokens.c, gguf_cut.c and gguf_scores.c
 * only.
 */
#ifndef FORMATS_GGUF_TOKENS_INTERNAL_H
#define FORMATS_GGUF_TOKENS_INTERNAL_H

#include "formats/gguf_tokens.h"

#include <string.h>

/* tokenizer.ggml.token_type */
enum gguf_word {
	WORD_NORMAL = 1,
	WORD_UNKNOWN = 2,
	WORD_CONTROL = 3,
	WORD_USER_DEFINED = 4,
	WORD_UNUSED = 5,
	WORD_BYTE = 6,
};

struct gguf_words {
	size_t n;
	struct gguf_text {
		const char *text;	/* the JSON's; NULL: none */
		enum gguf_word type;
	} *v;				/* [n], owned */
};

/* How text is cut up before pieces of it are merged. */
struct gguf_cut {
	const char *model;	/* llama.cpp's names for the tokenizer, */
	const char *pre;	/* and for its pattern */
	/*
	 * SentencePiece's way: spaces are U+2581, nothing is cut, and what has
	 * no token falls back to its bytes. Otherwise byte-level BPE.
	 */
	bool is_spm;
	bool space_in_front;	/* of a text, is_spm only */
};

/* Every part of tokenizer.json has a "type". */
static inline bool hf_has_type(const json_t *part, const char *type)
{
	const char *s = json_string_value(json_object_get(part, "type"));

	return s && !strcmp(s, type);
}

/* From the whole tokenizer.json. HVQZ_UNSUPPORTED: llama.cpp lacks it. */
enum hvqz_ret gguf_find_cut(const json_t *root, struct gguf_cut *c,
			    struct hvqz_err *err);

/*
 * tokenizer.ggml.scores, by which llama.cpp merges where SentencePiece is
 * meant, from the merges of "model". Gives the bytes and the unknown token
 * their types.
 */
enum hvqz_ret gguf_put_scores(struct gguf_keys *k, const json_t *model,
			      struct gguf_words *w, struct hvqz_err *err);

/* Both halves of merge i of a list: strings of `left` bytes, and to the end. */
enum hvqz_ret gguf_take_merge(const json_t *merges, size_t i,
			      struct span *left, struct span *right,
			      struct hvqz_err *err);

#endif
