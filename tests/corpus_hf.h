/*
 * corpus_hf.h - config.json and tokenizer.json beside a toy (gguf_toy.h) that
 * is to become a GGUF: good ones of every kind, and mistakes. What a model's
 * tensors may not be is in the variants, hf_variant().
 *
 * As bytes: one for the toy (3 bits; behind the last: the embedding alone that
 * gguf_spm.h has), the wished dtype (2) and the variant (3),
 * two for config.json's length, then both files.
 */
#ifndef TESTS_CORPUS_HF_H
#define TESTS_CORPUS_HF_H

#include "formats/gguf.h"
#include "tests/gguf_spm.h"

#include <stdlib.h>

/* What is different about the tensors. */
enum hf_variant {
	HF_PLAIN, HF_NAME, HF_TYPE, HF_BUFFER, HF_HEADLESS, HF_RANK, HF_EMPTY,
	HF_MIXED,
};

struct hf_input {
	const struct toy *toy;	/* NULL: the embedding alone */
	enum dtype wish;
	enum hf_variant variant;
	const uint8_t *file[2];
	size_t len[2];
};

/* False: too short. */
static inline bool hf_take(const uint8_t *p, size_t len, struct hf_input *in)
{
	static const enum dtype wishes[] = {0, DTYPE_F32, DTYPE_F16,
					    DTYPE_BF16};
	size_t n;

	if (len < 3)
		return false;
	n = get_le16(p + 1);
	n = n < len - 3 ? n : len - 3;
	*in = (struct hf_input){
		.toy = (p[0] & 7) < N_TOYS ? &toys[p[0] & 7] : NULL,
		.wish = wishes[p[0] >> 3 & 3],
		.variant = (enum hf_variant)(p[0] >> 5),
		.file = {p + 3, p + 3 + n},
		.len = {n, len - 3 - n},
	};
	return true;
}

static inline enum hvqz_ret hf_get(void *ctx, const char *name, size_t max,
				   struct buf *b, struct hvqz_err *err)
{
	const struct hf_input *in = ctx;
	int i = strcmp(name, "config.json") != 0;

	(void)max;
	if (in->len[i])
		buf_put(b, in->file[i], in->len[i]);
	return buf_ok(b, err);
}

static inline void hf_model(const struct hf_input *in, struct model *m)
{
	static const uint64_t dim[] = {4, 2, 1, 1, 1};
	struct toy t = in->toy ? *in->toy : toys[0];

	if (!in->toy) {
		add(m, &t, "model.embed_tokens.weight", N_TOKENS, D);
		strcpy(m->format, "safetensors");
		return;
	}
	if (in->variant == HF_HEADLESS) {
		add(m, &t, "model.norm.weight", D, 0);
		return;
	}
	make_model(&t, m);
	if (in->variant == HF_NAME)
		add(m, &t, "model.layers.01.mlp.up_proj.weight", FF, D);
	else if (in->variant == HF_TYPE)
		ck_assert(!model_add(m, LAYER "self_attn.o_proj.bias",
				     DTYPE_I8, 1, dim, NULL));
	else if (in->variant == HF_BUFFER)
		ck_assert(!model_add(m, LAYER "self_attn.rotary_emb.inv_freq",
				     DTYPE_F32, 1, dim, NULL));
	else if (in->variant == HF_RANK)
		ck_assert(!model_add(m, LAYER "self_attn.qkv_proj.weight",
				     t.dtype, 5, dim, NULL));
	else if (in->variant == HF_EMPTY)
		add(m, &t, LAYER "mlp.gate.weight", 0, D);
	else if (in->variant == HF_MIXED)
		ck_assert(!model_add(m, LAYER "self_attn.o_proj.bias",
				     t.dtype == DTYPE_F32 ? DTYPE_F16
							  : DTYPE_F32,
				     1, dim, NULL));
	strcpy(m->format, "safetensors");
}

/* The toy's values, as make_file() writes them. */
static inline void hf_data(const struct model *m, struct buf *data)
{
	for (size_t j = 0; j < m->n_tensors; j++)
		for (uint64_t i = 0; i < m->tensors[j].n_elems; i++)
			switch (m->tensors[j].dtype) {
			case DTYPE_F32:
				buf_f32(data, value(j, i));
				break;
			case DTYPE_F16:
				buf_u16(data, f16_from_f32(value(j, i)));
				break;
			case DTYPE_BF16:
				buf_u16(data, bf16_from_f32(value(j, i)));
				break;
			default:
				buf_u8(data, (uint8_t)i);
			}
}

/* All through a writer, some bytes at a time. */
static inline enum hvqz_ret hf_write(const struct writer_ops *w,
				     const struct model *m,
				     const struct buf *data, void *wish,
				     struct buf *out, struct hvqz_err *err)
{
	void *state = wish;
	struct sink sink;
	enum hvqz_ret ret;

	sink_init_memory(&sink, out);
	TRY(w->plan(m, &state, err));
	TRY_OUT(w->head(state, &sink, err));
	for (size_t at = 0; at < data->len; at += 33)
		TRY_OUT(w->put(state, &sink, data->p + at,
			       data->len - at < 33 ? data->len - at : 33,
			       err));
	ret = w->tail(state, &sink, err);
out:
	w->free(state);
	return ret;
}

/* The input's GGUF; m and data are the model it is made from. */
static inline enum hvqz_ret hf_make(const struct hf_input *in,
				    const struct model *m,
				    const struct buf *data, struct buf *out,
				    struct hvqz_err *err)
{
	struct format_wish wish = {.get = hf_get, .ctx = (void *)in,
				   .name = "toy", .dtype = in->wish};

	return hf_write(format_converter("safetensors", "gguf", in->wish), m,
			data, &wish, out, err);
}

/* ---- the cases ---- */

enum { CONFIG, TOKENIZER };

static const struct hf_case {
	const char *name;
	unsigned how;		/* the first byte */
	int file;
	const char *from, *to;	/* of the file's text; NULL: all as it is */
	enum hvqz_ret ret;
	const char *word;
} hf_cases[] = {
	/* A toy's number; 8, 16, 24: as F32, F16, BF16; 32: a variant. */
#define HF_TOY(name, how) {name, how, CONFIG, NULL, NULL, HVQZ_OK, NULL}
	HF_TOY("gpt-2", 0), HF_TOY("smollm", 1), HF_TOY("llama-bpe", 2),
	HF_TOY("mistral", 3), HF_TOY("tekken", 4), HF_TOY("qwen2", 5),
	HF_TOY("qwen3", 6), HF_TOY("to F32", 8), HF_TOY("to F16", 16 + 2),
	HF_TOY("to BF16", 24 + 1), HF_TOY("with a buffer", 32 * HF_BUFFER),
	HF_TOY("of mixed types", 32 * HF_MIXED),
#undef HF_TOY
#define HF_BAD(name, variant, word, ret) \
	{name, 32 * (variant), CONFIG, NULL, NULL, ret, word}
	HF_BAD("unknown tensor", HF_NAME, "no tensor of that name",
	       HVQZ_UNSUPPORTED),
	HF_BAD("bytes for a bias", HF_TYPE, "I8", HVQZ_UNSUPPORTED),
	HF_BAD("no embeddings", HF_HEADLESS, "embed_tokens", HVQZ_DAMAGED),
	HF_BAD("five dimensions", HF_RANK, "dimensions", HVQZ_UNSUPPORTED),
	HF_BAD("no rows", HF_EMPTY, "dimensions", HVQZ_UNSUPPORTED),
#undef HF_BAD

#define YES(name, toy, file, from, to) \
	{name, toy, file, from, to, HVQZ_OK, NULL}
#define NO(name, toy, file, from, to, word) \
	{name, toy, file, from, to, HVQZ_DAMAGED, word}
#define NOT_OURS(name, toy, file, from, to, word) \
	{name, toy, file, from, to, HVQZ_UNSUPPORTED, word}
	YES("no first token", 0, CONFIG, "\"bos_token_id\":3,", ""),
	YES("first token null", 0, CONFIG, "_id\":3", "_id\":null"),
	YES("first token a text", 0, CONFIG, "_id\":3", "_id\":\"3\""),
	YES("first token -1", 0, CONFIG, "_id\":3", "_id\":-1"),
	YES("first token far", 0, CONFIG, "_id\":3", "_id\":99999999999"),
	YES("no last token", 0, CONFIG, "[2,1]", "[]"),
	YES("all four tokens", 0, CONFIG, "[2,1]",
	    "2,\"pad_token_id\":4,\"unk_token_id\":0"),
	YES("another window", 3, CONFIG, "\"hidden_act\"",
	    "\"sliding_window\":64,\"hidden_act\""),
	NO("hidden size a text", 0, CONFIG, "_size\":8", "_size\":\"8\"",
	   "hidden_size"),
	NO("hidden size 8.0", 0, CONFIG, "_size\":8", "_size\":8.0",
	   "hidden_size"),
	NO("hidden size -8", 0, CONFIG, "_size\":8", "_size\":-8",
	   "hidden_size"),
	NO("hidden size of 20 digits", 0, CONFIG, "_size\":8",
	   "_size\":88888888888888888888", "config.json"),
	NO("hidden size null", 0, CONFIG, "_size\":8", "_size\":null",
	   "hidden_size"),
	NO("vocab_size 0", 0, CONFIG, "vocab_size\":5", "vocab_size\":0",
	   "vocab_size"),
	NO("vocab_size 2^24 + 1", 0, CONFIG, "vocab_size\":5",
	   "vocab_size\":16777217", "vocab_size"),
	NO("vocab_size 2^24", 0, CONFIG, "vocab_size\":5",
	   "vocab_size\":16777216", "5 rows"),
	NO("no vocab_size", 0, CONFIG, "\"vocab_size\":5,", "", "vocab_size"),
	NO("vocab_size twice", 0, CONFIG, "{", "{\"vocab_size\":5,",
	   "uplicate"),
	NO("no layers", 0, CONFIG, "layers\":1", "layers\":0",
	   "num_hidden_layers"),
	NO("three heads", 0, CONFIG, "attention_heads\":2",
	   "attention_heads\":3", "num_attention_heads"),
	NO("four heads", 0, CONFIG, "attention_heads\":2",
	   "attention_heads\":4", "rows"),
	NO("odd heads", 6, CONFIG, "head_dim\":4", "head_dim\":3", "pairs"),
	NO("a position of 2^32", 0, CONFIG, "embeddings\":128",
	   "embeddings\":4294967296", "max_position"),
	NO("eps of 1", 0, CONFIG, "1e-6", "1", "rms_norm_eps"),
	NO("theta -1", 0, CONFIG, "10000.0", "-1", "rope_theta"),
	NO("a list", 0, CONFIG, "{", "[{", "config.json"),
	NO("cut", 0, CONFIG, "\"hidden_act\"", "\"hid", "config.json"),
	NO("type 1", 0, CONFIG, "\"llama\"", "1", "model_type"),
	NOT_OURS("experts", 0, CONFIG, "{", "{\"num_local_experts\":8,",
		 "experts"),
	NOT_OURS("quantized", 0, CONFIG, "{", "{\"quantization_config\":{},",
		 "quantized"),
	NOT_OURS("yarn", 2, CONFIG, "\"llama3\"", "\"yarn\"", "yarn"),
	NOT_OURS("theta 1e300", 0, CONFIG, "10000.0", "1e300", "rope_theta"),
	NOT_OURS("theta 1e-300", 0, CONFIG, "10000.0", "1e-300", "rope_theta"),
	NOT_OURS("factor 1e300", 2, CONFIG, "8.0", "1e300", "factor"),
	NO("no turn faster", 2, CONFIG, "high_freq_factor\":4.0",
	   "high_freq_factor\":1.0", "high_freq_factor"),

	YES("begins with a token", 0, TOKENIZER, "{\"added",
	    "{\"post_processor\":{\"type\":\"TemplateProcessing\","
	    "\"single\":[{\"SpecialToken\":{\"id\":\"</s>\"}}]},\"added"),
	YES("begins with none", 0, TOKENIZER, "{\"added",
	    "{\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
	    "{\"type\":\"ByteLevel\"},{\"type\":\"TemplateProcessing\","
	    "\"single\":[{\"Sequence\":{\"id\":\"A\"}}]}]},\"added"),
	YES("other processors", 0, TOKENIZER, "{\"added",
	    "{\"post_processor\":{\"type\":\"Sequence\",\"processors\":["
	    "{\"type\":\"ByteLevel\"}]},\"added"),
	YES("no type", 0, TOKENIZER, "\"type\":\"BPE\",", ""),
	YES("no added tokens", 0, TOKENIZER, "\"added_tokens\"", "\"added\""),
	YES("added tokens null", 0, TOKENIZER, "_tokens\":",
	    "_tokens\":null,\"more\":"),
	YES("no merges", 0, TOKENIZER, "[[\"a\",\"b\"],\"\u0120 a\"]", "[]"),
	YES("fallback false", 0, TOKENIZER, "{\"type\":\"BPE\"",
	    "{\"byte_fallback\":false,\"type\":\"BPE\""),
	NO("nothing", 0, TOKENIZER, "", NULL, ""),
	NO("tokenizer cut", 0, TOKENIZER, "\"merges\"", "\"mer", "line 1"),
	NO("tokenizer a list", 0, TOKENIZER, "{", "[{", ""),
	NO("no model", 0, TOKENIZER, "\"model\":{\"type\"",
	   "\"modle\":{\"type\"", "model"),
	NO("vocab a list", 0, TOKENIZER, "{\"a\":0,\"ab\":1}", "[\"a\",\"ab\"]",
	   "vocab"),
	NO("no vocab", 0, TOKENIZER, "\"vocab\"", "\"vacob\"", "vocab"),
	NO("id a text", 0, TOKENIZER, "\"a\":0", "\"a\":\"0\"", "id"),
	NO("id 0.0", 0, TOKENIZER, "\"a\":0", "\"a\":0.0", "id"),
	NO("id 2^63", 0, TOKENIZER, "\"a\":0", "\"a\":9223372036854775808",
	   "line 1"),
	NO("id vocab_size", 0, TOKENIZER, "\"a\":0", "\"a\":5", "vocab_size"),
	NO("type a number", 0, TOKENIZER, "\"BPE\"", "7", "type"),
	NO("fallback a number", 0, TOKENIZER, "{\"type\":\"BPE\"",
	   "{\"byte_fallback\":0,\"type\":\"BPE\"", "byte_fallback"),
	NO("a merge of one", 0, TOKENIZER, "[\"a\",\"b\"]", "[\"a\"]", "merge"),
	NO("a merge of numbers", 0, TOKENIZER, "[\"a\",\"b\"]", "[1,2]",
	   "merge"),
	NO("merges an object", 0, TOKENIZER, "[[\"a\",\"b\"],\"\u0120 a\"]",
	   "{}", "merges"),
	NO("added tokens an object", 0, TOKENIZER, "_tokens\":",
	   "_tokens\":{},\"more\":", "added_tokens"),
	NO("an added number", 0, TOKENIZER, "[{\"id\":2", "[5,{\"id\":2",
	   "content"),
	NO("an added token of no text", 0, TOKENIZER, "\"content\":\"</s>\",",
	   "", "content"),
	NO("an added token of no id", 0, TOKENIZER, "{\"id\":2,", "{", "id"),
	NO("special a text", 0, TOKENIZER, "\"special\":true",
	   "\"special\":\"yes\"", "special"),
	NOT_OURS("WordPiece", 0, TOKENIZER, "\"BPE\"", "\"WordPiece\"",
		 "WordPiece"),
	NOT_OURS("digits together", 1, TOKENIZER, "\"individual_digits\":true",
		 "\"individual_digits\":false", "pre_tokenizer"),
	NOT_OURS("another pattern", 2, TOKENIZER, "{1,3}", "{1,4}",
		 "pre_tokenizer"),
	NOT_OURS("removed", 2, TOKENIZER, "\"Isolated\"", "\"Removed\"",
		 "pre_tokenizer"),
	NOT_OURS("inverted", 2, TOKENIZER, "\"invert\":false",
		 "\"invert\":true", "pre_tokenizer"),
	NOT_OURS("split twice", 5, TOKENIZER, "\"use_regex\":false",
		 "\"use_regex\":true", "pre_tokenizer"),
	NOT_OURS("three in a row", 5, TOKENIZER, "[{\"type\":\"Split\"",
		 "[{\"type\":\"ByteLevel\"},{\"type\":\"Split\"",
		 "pre_tokenizer"),
	NOT_OURS("with a space in front", 5, TOKENIZER, "_space\":false",
		 "_space\":true", "pre_tokenizer"),
#undef YES
#undef NO
#undef NOT_OURS
};

enum { N_HF_CASES = sizeof(hf_cases) / sizeof(hf_cases[0]) };

/* text, with the first `from` in it as `to`; NULL: none of it. */
static inline void hf_put_changed(struct buf *b, const char *text,
				  const char *from, const char *to)
{
	const char *at = from ? strstr(text, from) : text;

	if (from && !to)
		return;
	ck_assert_msg(at != NULL, "no %s", from);
	buf_put(b, text, (size_t)(at - text));
	if (from) {
		buf_put(b, to, strlen(to));
		at += strlen(from);
	}
	buf_put(b, at, strlen(at));
}

/* The bytes of an input of two files, appended to b. */
static inline void hf_put_files(struct buf *b, unsigned how,
				const struct files *f)
{
	buf_u8(b, (uint8_t)how);
	buf_u16(b, (uint16_t)strlen(f->config));
	buf_put(b, f->config, strlen(f->config));
	buf_put(b, f->tokenizer, strlen(f->tokenizer));
}

/* The bytes of case i, appended to b. */
static inline void hf_case_make(size_t i, struct buf *b)
{
	const struct hf_case *c = &hf_cases[i];
	struct files files = {0};
	size_t at = b->len + 1, len;

	make_files(&toys[c->how & 7], &files);
	buf_u8(b, (uint8_t)c->how);
	buf_u16(b, 0);
	for (int f = CONFIG; f <= TOKENIZER; f++) {
		len = b->len;
		hf_put_changed(b, files.text[f], c->file == f ? c->from : NULL,
			       c->to);
		if (f == CONFIG)
			put_le16(b->p + at, (uint16_t)(b->len - len));
	}
}

#endif
