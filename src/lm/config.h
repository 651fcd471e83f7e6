/*
 * config.h - what config.json of a Hugging Face folder says about a decoder of
 * the Llama family.
 *
 * The family: RMSNorm before attention and before the MLP, rotary positions,
 * causal attention with grouped key/value heads, SwiGLU, embedding tied to the
 * head or not; with q/k/v biases it is Qwen2, with q/k norms Qwen3. Whatever
 * else a model needs is refused by name: numbers from a model that was
 * understood in part would be wrong without looking wrong.
 */
#ifndef LM_CONFIG_H
#define LM_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum lm_rope {
	LM_ROPE_PLAIN,
	LM_ROPE_LLAMA3,		/* low frequencies slowed down by `factor` */
};

struct lm_config {
	size_t n_layers;
	size_t d_model;		/* hidden_size */
	size_t d_ff;		/* intermediate_size */
	size_t n_heads;
	size_t n_kv_heads;	/* divides n_heads */
	size_t d_head;		/* even */
	size_t n_vocab;
	size_t max_position;	/* longest context */
	float norm_eps;
	double rope_theta;
	enum lm_rope rope;
	struct lm_rope_llama3 {
		double factor, low_freq_factor, high_freq_factor;
		size_t original_max_position;
	} llama3;		/* when rope is LM_ROPE_LLAMA3 */
	bool qkv_bias;		/* biases on q, k and v */
	bool o_bias;		/* and on the attention's output */
	bool qk_norm;		/* RMSNorm of each head of q and k, [d_head] */
	bool tied;		/* the head is the embedding */
};

/*
 * Parse and check config.json (len bytes). HVQZ_DAMAGED: not JSON, a field
 * that is missing, of the wrong type or out of range. HVQZ_UNSUPPORTED: a model
 * outside the family, naming the field and what it says.
 */
enum hvqz_ret lm_config_parse(const uint8_t *json, size_t len,
			      struct lm_config *c, struct hvqz_err *err);

#endif
