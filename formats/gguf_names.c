/*
 * gguf_names.c - tensors' names in llama.cpp's words and in Hugging Face's.
 */
#include "formats/gguf_names.h"

#include <stdio.h>
#include <string.h>

struct name_pair {
	const char *gguf, *hf;
};

/* blk.N.X.weight is model.layers.N.Y.weight. */
static const struct name_pair in_block[] = {
	{"attn_q", "self_attn.q_proj"},
	{"attn_k", "self_attn.k_proj"},
	{"attn_v", "self_attn.v_proj"},
	{"attn_qkv", "self_attn.qkv_proj"},
	{"attn_output", "self_attn.o_proj"},
	{"attn_norm", "input_layernorm"},
	{"attn_q_norm", "self_attn.q_norm"},
	{"attn_k_norm", "self_attn.k_norm"},
	{"attn_q_a", "self_attn.q_a_proj"},
	{"attn_q_b", "self_attn.q_b_proj"},
	{"attn_q_a_norm", "self_attn.q_a_layernorm"},
	{"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
	{"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
	{"attn_kv_b", "self_attn.kv_b_proj"},
	{"ffn_gate", "mlp.gate_proj"},
	{"ffn_up", "mlp.up_proj"},
	{"ffn_down", "mlp.down_proj"},
	{"ffn_norm", "post_attention_layernorm"},
	{"ffn_gate_inp", "mlp.gate"},
};

/* X.weight is Y.weight. */
static const struct name_pair at_top[] = {
	{"token_embd", "model.embed_tokens"},
	{"output_norm", "model.norm"},
	{"output", "lm_head"},
};

static const char *find_pair(const struct name_pair *v, size_t n,
			     const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(v[i].gguf) == len &&
		    !memcmp(v[i].gguf, name, len))
			return v[i].hf;
	return NULL;
}

bool name_from_gguf(const char *gguf, char *buf, size_t len)
{
	const char *dot = strrchr(gguf, '.'), *rest = gguf, *hf;
	size_t n_digits = 0;
	int used;

	if (!dot || (strcmp(dot, ".weight") && strcmp(dot, ".bias")))
		goto copy;
	if (!strncmp(gguf, "blk.", 4)) {
		n_digits = strspn(gguf + 4, "0123456789");
		rest = gguf + 4 + n_digits + 1;
		if (!n_digits || n_digits > 9 || rest[-1] != '.' ||
		    rest > dot)
			goto copy;
		hf = find_pair(in_block,
			       sizeof(in_block) / sizeof(*in_block), rest,
			       (size_t)(dot - rest));
	} else {
		hf = find_pair(at_top, sizeof(at_top) / sizeof(*at_top),
			       rest, (size_t)(dot - rest));
	}
	if (!hf)
		goto copy;
	if (n_digits)
		used = snprintf(buf, len, "model.layers.%.*s.%s%s",
				(int)n_digits, gguf + 4, hf, dot);
	else
		used = snprintf(buf, len, "%s%s", hf, dot);
	if (used >= 0 && (size_t)used < len)
		return true;
copy:
	snprintf(buf, len, "%s", gguf);
	return false;
}

/* The other way round; NULL when there is no such name. */
static const char *find_back(const struct name_pair *v, size_t n,
			     const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(v[i].hf) == len && !memcmp(v[i].hf, name, len))
			return v[i].gguf;
	return NULL;
}

bool name_to_gguf(const char *hf, char *buf, size_t len)
{
	static const char layers[] = "model.layers.";
	const size_t n = sizeof(layers) - 1;
	const char *dot = strrchr(hf, '.'), *rest, *gguf;
	size_t n_digits;
	int used;

	if (!dot || (strcmp(dot, ".weight") && strcmp(dot, ".bias")))
		return false;
	if (strncmp(hf, layers, n)) {
		gguf = find_back(at_top, sizeof(at_top) / sizeof(*at_top), hf,
				 (size_t)(dot - hf));
		used = gguf ? snprintf(buf, len, "%s%s", gguf, dot) : -1;
		return used >= 0 && (size_t)used < len;
	}
	n_digits = strspn(hf + n, "0123456789");
	rest = hf + n + n_digits + 1;
	/* No zero in front: the way back would be another name. */
	if (!n_digits || n_digits > 9 || rest[-1] != '.' || rest > dot ||
	    (hf[n] == '0' && n_digits > 1))
		return false;
	gguf = find_back(in_block, sizeof(in_block) / sizeof(*in_block), rest,
			 (size_t)(dot - rest));
	used = gguf ? snprintf(buf, len, "blk.%.*s.%s%s", (int)n_digits,
			       hf + n, gguf, dot) : -1;
	return used >= 0 && (size_t)used < len;
}
