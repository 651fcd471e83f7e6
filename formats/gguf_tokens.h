/*
 * gguf_tokens.h - config.json and tokenizer.json as GGUF's keys, for
 * gguf_from_hf.c only.
 */
#ifndef FORMATS_GGUF_TOKENS_H
#define FORMATS_GGUF_TOKENS_H

#include "formats/format.h"
#include "formats/gguf_write.h"
#include "lm/config.h"

#include <jansson.h>

/* What config.json says, as far as a GGUF has to know. */
struct hf_config {
	const char *arch;	/* "llama", "qwen2", "qwen3": GGUF's word */
	struct lm_config lm;
	size_t max_position;	/* as the file has it */
	bool has_head_dim;	/* a head's length is said */
	/* Ids of tokens, or -1. */
	long bos, eos, pad, unk;
};

enum hvqz_ret hf_config_parse(const uint8_t *json, size_t len,
			      struct hf_config *c, struct hvqz_err *err);

/* ARCH.* ; general.* are the caller's. */
void gguf_put_config(struct gguf_keys *k, const struct hf_config *c);

/*
 * tokenizer.*: n_vocab tokens, their types, merges, special ids. Only
 * byte-level BPE whose cutting up of text has a name in llama.cpp.
 */
enum hvqz_ret gguf_put_tokens(struct gguf_keys *k, const uint8_t *json,
			      size_t len, const struct hf_config *c,
			      struct hvqz_err *err);

/*
 * tokenizer.chat_template, where tokenizer_config.json, chat_template.jinja or
 * chat_template.json lies beside the model and has one.
 */
enum hvqz_ret gguf_put_chat(struct gguf_keys *k,
			    const struct format_wish *wish,
			    struct hvqz_err *err);

#endif
