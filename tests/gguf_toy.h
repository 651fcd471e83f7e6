/*
 * gguf_toy.h - small models of every family that goes from Hugging Face to
 * GGUF: config.json, tokenizer.json, a safetensors file; and the job that takes
 * one to another format.
 */
#ifndef TESTS_GGUF_TOY_H
#define TESTS_GGUF_TOY_H

#include "base/bytes.h"
#include "base/half.h"
#include "formats/safetensors.h"
#include "job/job.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { D = 8, FF = 6, HEADS = 2, KV = 1, HEAD = 4, VOCAB = 5 };

struct toy {
	const char *family, *arch;
	const char *more;	/* of config.json */
	enum dtype dtype;
	bool turned, bias, qk_norm, head;
	const char *pre, *name;	/* of tokenizer.json, and what it becomes */
	unsigned n_first;	/* tensors that are made, in front */
};

#define GPT2 "{\"type\":\"ByteLevel\",\"add_prefix_space\":false," \
	"\"use_regex\":true}"
#define SEQUENCE(first, regex) "{\"type\":\"Sequence\",\"pretokenizers\":[" \
	first ",{\"type\":\"ByteLevel\",\"add_prefix_space\":false," \
	"\"use_regex\":" regex "}]}"
#define SPLIT(number) "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" \
	"\\\\p{L}+|\\\\p{N}" number "| ?[^\\\\s\\\\p{L}\\\\p{N}]+" \
	"[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}," \
	"\"behavior\":\"Isolated\",\"invert\":false}"
#define TEKKEN "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" \
	"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}" \
	"\\\\p{Lo}\\\\p{M}]*[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+|" \
	"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}" \
	"\\\\p{Lo}\\\\p{M}]+[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*|" \
	"\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|" \
	"\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}," \
	"\"behavior\":\"Isolated\"}"
#define LLAMA3 ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0," \
	"\"low_freq_factor\":1.0,\"high_freq_factor\":4.0," \
	"\"original_max_position_embeddings\":64}"

static const struct toy toys[] = {
	{"llama", "llama", ",\"tie_word_embeddings\":true", DTYPE_F16, true,
	 false, false, false, GPT2, "gpt-2", 0},
	{"llama", "llama", ",\"attention_bias\":true", DTYPE_F32, true, true,
	 false, true, SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":"
			       "true}", "true"), "smollm", 0},
	{"llama", "llama", LLAMA3, DTYPE_BF16, true, false, false, true,
	 SEQUENCE(SPLIT("{1,3}"), "false"), "llama-bpe", 1},
	{"mistral", "llama", "", DTYPE_BF16, true, false, false, true,
	 GPT2, "gpt-2", 0},
	{"mistral", "llama", ",\"sliding_window\":null", DTYPE_F32, true, false,
	 false, true, SEQUENCE(TEKKEN, "false"), "tekken", 0},
	{"qwen2", "qwen2", "", DTYPE_BF16, false, true, false, true,
	 SEQUENCE(SPLIT(""), "false"), "qwen2", 0},
	{"qwen3", "qwen3", ",\"head_dim\":4", DTYPE_F16, false, false, true,
	 true, SEQUENCE(SPLIT(""), "false"), "qwen2", 0},
};

enum { N_TOYS = sizeof(toys) / sizeof(toys[0]) };

struct files {
	const char *config, *tokenizer;	/* NULL: not there */
	char text[2][2000];
};

static inline enum hvqz_ret get_file(void *ctx, const char *name, size_t max,
			      struct buf *b, struct hvqz_err *err)
{
	const struct files *f = ctx;
	const char *text = !strcmp(name, "config.json") ? f->config :
			   !strcmp(name, "tokenizer.json") ? f->tokenizer :
			   NULL;

	(void)max;
	if (!text)
		return hvqz_fail(err, HVQZ_USAGE, "no %s", name);
	buf_put(b, text, strlen(text));
	return buf_ok(b, err);
}

static inline void make_files(const struct toy *t, struct files *f)
{
	snprintf(f->text[0], sizeof(f->text[0]),
		 "{\"model_type\":\"%s\",\"hidden_size\":%d,"
		 "\"intermediate_size\":%d,\"num_hidden_layers\":1,"
		 "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,"
		 "\"vocab_size\":%d,\"max_position_embeddings\":128,"
		 "\"rms_norm_eps\":1e-6,\"rope_theta\":10000.0,"
		 "\"hidden_act\":\"silu\",\"bos_token_id\":3,"
		 "\"eos_token_id\":[2,1]%s}", t->family, D, FF, HEADS, KV,
		 VOCAB, t->more);
	snprintf(f->text[1], sizeof(f->text[1]),
		 "{\"added_tokens\":[{\"id\":2,\"content\":\"</s>\","
		 "\"special\":true},{\"id\":3,\"content\":\"x y\","
		 "\"special\":false}],\"pre_tokenizer\":%s,\"model\":{"
		 "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"ab\":1},"
		 "\"merges\":[[\"a\",\"b\"],\"\u0120 a\"]}}", t->pre);
	f->config = f->text[0];
	f->tokenizer = f->text[1];
}

static inline void add(struct model *m, const struct toy *t, const char *name,
		uint64_t rows, uint64_t cols)
{
	const uint64_t dim[] = {rows, cols};

	ck_assert(!model_add(m, name, t->dtype, cols ? 2 : 1, dim, NULL));
}

#define LAYER "model.layers.0."

/* The toy's tensors, in an order of its own. */
static inline void make_model(const struct toy *t, struct model *m)
{
	add(m, t, "model.embed_tokens.weight", VOCAB, D);
	add(m, t, LAYER "input_layernorm.weight", D, 0);
	add(m, t, LAYER "self_attn.q_proj.weight", HEADS * HEAD, D);
	add(m, t, LAYER "self_attn.k_proj.weight", KV * HEAD, D);
	add(m, t, LAYER "self_attn.v_proj.weight", KV * HEAD, D);
	add(m, t, LAYER "self_attn.o_proj.weight", D, HEADS * HEAD);
	if (t->bias) {
		add(m, t, LAYER "self_attn.q_proj.bias", HEADS * HEAD, 0);
		add(m, t, LAYER "self_attn.k_proj.bias", KV * HEAD, 0);
		add(m, t, LAYER "self_attn.v_proj.bias", KV * HEAD, 0);
	}
	if (t->qk_norm) {
		add(m, t, LAYER "self_attn.q_norm.weight", HEAD, 0);
		add(m, t, LAYER "self_attn.k_norm.weight", HEAD, 0);
	}
	add(m, t, LAYER "mlp.up_proj.weight", FF, D);
	add(m, t, LAYER "mlp.gate_proj.weight", FF, D);
	add(m, t, LAYER "mlp.down_proj.weight", D, FF);
	add(m, t, LAYER "post_attention_layernorm.weight", D, 0);
	add(m, t, "model.norm.weight", D, 0);
	if (t->head)
		add(m, t, "lm_head.weight", VOCAB, D);
}

/* Element i of tensor j, in every dtype exactly. */
static inline float value(size_t j, uint64_t i)
{
	return (float)((i * 37 + j * 11) % 101) - 50;
}

/* A safetensors file of the table. */
static inline void make_file(const struct model *m, struct buf *file)
{
	struct sink out;
	void *state = NULL;

	sink_init_memory(&out, file);
	ck_assert(!safetensors_writer.plan(m, &state, NULL));
	ck_assert(!safetensors_writer.head(state, &out, NULL));
	for (size_t j = 0; j < m->n_tensors; j++)
		for (uint64_t i = 0; i < m->tensors[j].n_elems; i++) {
			float v = value(j, i);
			uint8_t p[4];

			put_lef32(p, v);
			if (m->tensors[j].dtype == DTYPE_F16)
				put_le16(p, f16_from_f32(v));
			else if (m->tensors[j].dtype == DTYPE_BF16)
				put_le16(p, bf16_from_f32(v));
			ck_assert(!safetensors_writer.put(
				state, &out, p,
				dtype_bits(m->tensors[j].dtype) / 8, NULL));
		}
	ck_assert(!safetensors_writer.tail(state, &out, NULL));
	safetensors_writer.free(state);
}

static inline enum hvqz_ret convert(const struct buf *in, const char *to,
			     struct files *f, struct buf *out,
			     struct hvqz_err *err)
{
	struct format_wish wish = {.get = f ? get_file : NULL, .ctx = f,
				   .name = "toy"};
	struct convert_options opt = {.to = to, .wish = &wish};
	static const struct job_env env;
	struct source_memory memory;
	struct job_report rep;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	*err = (struct hvqz_err){0};
	buf_clear(out);
	sink_init_memory(&sink, out);
	source_init_memory(&src, &memory, in->p, in->len);
	ret = job_convert(&env, &opt, &src, &sink, &rep, err);
	ck_assert_int_eq(ret, err->ret);
	source_free(&src);
	return ret;
}

#endif
