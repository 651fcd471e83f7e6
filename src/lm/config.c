/*
 * config.c - config.json into a struct lm_config.
 *
 * Where a key is absent, what counts is the default of the model type's
 * configuration class in the transformers library, which writes these files.
 * A key that is not known is passed over (most are about training or
 * generation), but those known to change what the model computes are listed
 * in refused[], with the one value that leaves the family as it is.
 */
#include "lm/config.h"

#include "lm/config_json.h"
#include "lm/config_rope.h"

#include <string.h>
#include <strings.h>

enum {
	MAX_LAYERS = 4096,
	MAX_WIDTH = 1 << 20,
	MAX_VOCAB = 1 << 24,
};

/* The model types, and what they take when a key is absent (0: see below). */
static const struct kind {
	const char *name;
	const char *class;	/* in "architectures" */
	size_t n_kv_heads;	/* 0: n_heads */
	size_t d_head;		/* 0: d_model / n_heads */
	size_t window;		/* 0: none */
	bool has_bias_key;	/* attention_bias counts */
	bool qkv_bias, qk_norm;
} kinds[] = {
	{"llama", "LlamaForCausalLM", 0, 0, 0, true, false, false},
	{"mistral", "MistralForCausalLM", 8, 0, 4096, false, false, false},
	{"qwen2", "Qwen2ForCausalLM", 32, 0, 0, false, true, false},
	{"qwen3", "Qwen3ForCausalLM", 32, 128, 0, true, false, true},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* What a key may say besides null. */
enum plain { NOTHING, FALSE, ONE };

static const struct {
	const char *key;
	enum plain plain;
	const char *why;
} refused[] = {
	{"quantization_config", NOTHING, "quantized weights are not read"},
	{"compression_config", NOTHING, "compressed weights are not read"},
	{"num_experts", NOTHING, "mixtures of experts are not computed"},
	{"num_local_experts", NOTHING, "mixtures of experts are not computed"},
	{"n_routed_experts", NOTHING, "mixtures of experts are not computed"},
	{"text_config", NOTHING, "a model in a model is not read"},
	{"vision_config", NOTHING, "models that see are not computed"},
	{"no_rope_layers", NOTHING,
	 "layers without positions are not computed"},
	{"no_rope_layer_interval", NOTHING,
	 "layers without positions are not computed"},
	{"attention_chunk_size", NOTHING, "chunked attention is not computed"},
	{"attn_logit_softcapping", NOTHING,
	 "soft capping of scores is not computed"},
	{"final_logit_softcapping", NOTHING,
	 "soft capping of logits is not computed"},
	{"query_pre_attn_scalar", NOTHING,
	 "another scale of the scores is not computed"},
	{"clip_qkv", NOTHING, "clipping of q, k and v is not computed"},
	{"kv_lora_rank", NOTHING, "latent attention is not computed"},
	{"num_nextn_predict_layers", NOTHING,
	 "heads for further tokens are not computed"},
	{"mlp_bias", FALSE, "biases of the MLP are not computed"},
	{"use_sliding_window", FALSE, "sliding windows are not computed"},
	{"qk_layernorm", FALSE, "norms of all of q and k are not computed"},
	{"use_qk_norm", FALSE, "norms of all of q and k are not computed"},
	{"rope_interleaved", FALSE, "interleaved positions are not computed"},
	{"use_mrope", FALSE, "positions in three parts are not computed"},
	{"alibi", FALSE, "ALiBi is not computed"},
	{"parallel_attn", FALSE, "parallel blocks are not computed"},
	{"use_parallel_residual", FALSE, "parallel blocks are not computed"},
	{"is_encoder_decoder", FALSE, "encoders are not computed"},
	{"add_cross_attention", FALSE, "cross attention is not computed"},
	{"partial_rotary_factor", ONE,
	 "heads turned only in part are not computed"},
	{"rotary_pct", ONE, "heads turned only in part are not computed"},
	{"embedding_multiplier", ONE, "scaled embeddings are not computed"},
	{"scale_emb", ONE, "scaled embeddings are not computed"},
	{"attention_multiplier", ONE, "scaled scores are not computed"},
	{"residual_multiplier", ONE, "scaled residuals are not computed"},
	{"logits_scaling", ONE, "scaled logits are not computed"},
	{"logit_scale", ONE, "scaled logits are not computed"},
};

static bool is_plain(const json_t *v, enum plain plain)
{
	if (!v || json_is_null(v))
		return true;
	switch (plain) {
	case NOTHING:
		return json_is_integer(v) && !json_integer_value(v);
	case FALSE:
		return json_is_false(v);
	default:
		return json_is_number(v) && json_number_value(v) == 1;
	}
}

static enum hvqz_ret refuse(const json_t *o, struct hvqz_err *err)
{
	char text[60];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const json_t *v = json_object_get(o, refused[i].key);

		if (!is_plain(v, refused[i].plain))
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "'%s' is %s: %s", refused[i].key,
					 conf_text(v, text, sizeof(text)),
					 refused[i].why);
	}
	return HVQZ_OK;
}

/* An array of strings of which every one is `only`; absent is fine. */
static enum hvqz_ret check_list(const json_t *o, const char *key,
				const char *only, struct hvqz_err *err)
{
	const json_t *list = json_object_get(o, key);

	if (!list || json_is_null(list))
		return HVQZ_OK;
	if (!json_is_array(list))
		return hvqz_fail(err, HVQZ_DAMAGED, "'%s' is not an array",
				 key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "'%s' is not an array of strings",
					 key);
		/* Old files write LLaMAForCausalLM. */
		if (strcasecmp(s, only))
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "'%s' has '%.60s'; computed is "
					 "only %s", key, s, only);
	}
	return HVQZ_OK;
}

static enum hvqz_ret find_kind(const json_t *o, const struct kind **kind,
			       struct hvqz_err *err)
{
	const char *name;

	TRY(conf_string(o, "model_type", &name, err));
	if (!name)
		return hvqz_fail(err, HVQZ_DAMAGED, "'model_type' is missing");
	for (size_t i = 0; i < N_KINDS; i++) {
		*kind = &kinds[i];
		if (!strcmp(kinds[i].name, name))
			return HVQZ_OK;
	}
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "'model_type' is '%.60s'; computed are llama, "
			 "mistral, qwen2 and qwen3", name);
}

static enum hvqz_ret read_heads(const json_t *o, const struct kind *kind,
				struct lm_config *c, struct hvqz_err *err)
{
	size_t n_kv = c->n_heads, d_head = 0;

	/* Absent is not null: see the classes' defaults. */
	if (!json_object_get(o, "num_key_value_heads") && kind->n_kv_heads)
		n_kv = kind->n_kv_heads;
	TRY(conf_size(o, "num_key_value_heads", c->n_heads, n_kv,
		      &c->n_kv_heads, err));
	if (c->n_kv_heads > c->n_heads || c->n_heads % c->n_kv_heads)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu attention heads cannot share %zu "
				 "key/value heads evenly", c->n_heads,
				 c->n_kv_heads);
	if (!json_object_get(o, "head_dim"))
		d_head = kind->d_head;
	if (!d_head && c->d_model % c->n_heads == 0)
		d_head = c->d_model / c->n_heads;
	if (!d_head && !json_is_integer(json_object_get(o, "head_dim")))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'hidden_size' %zu is not a multiple of "
				 "'num_attention_heads' %zu, and 'head_dim' "
				 "is missing", c->d_model, c->n_heads);
	TRY(conf_size(o, "head_dim", MAX_WIDTH, d_head, &c->d_head, err));
	if (c->d_head % 2)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a head of %zu numbers; rotary positions "
				 "turn pairs", c->d_head);
	if (c->d_head > MAX_WIDTH / c->n_heads)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu heads of %zu numbers; all heads have at "
				 "most %d", c->n_heads, c->d_head, MAX_WIDTH);
	return HVQZ_OK;
}

static enum hvqz_ret read_shape(const json_t *o, const struct kind *kind,
				struct lm_config *c, struct hvqz_err *err)
{
	TRY(conf_size(o, "hidden_size", MAX_WIDTH, 0, &c->d_model, err));
	TRY(conf_size(o, "intermediate_size", MAX_WIDTH, 0, &c->d_ff, err));
	TRY(conf_size(o, "num_hidden_layers", MAX_LAYERS, 0, &c->n_layers,
		      err));
	TRY(conf_size(o, "num_attention_heads", MAX_WIDTH, 0, &c->n_heads,
		      err));
	TRY(conf_size(o, "vocab_size", MAX_VOCAB, 0, &c->n_vocab, err));
	return read_heads(o, kind, c, err);
}

/*
 * A window of w tokens, where a type has one, is no different from none in
 * contexts of up to w tokens: it only limits those. (Qwen's counts with
 * use_sliding_window alone, which is refused.)
 */
static enum hvqz_ret read_positions(const json_t *o, const struct kind *kind,
				    struct lm_config *c, struct hvqz_err *err)
{
	size_t window = LM_MAX_POSITION;

	TRY(conf_size(o, "max_position_embeddings", LM_MAX_POSITION, 0,
		      &c->max_position, err));
	if (kind->qkv_bias || kind->qk_norm)
		return conf_rope(o, c, err);
	if (!json_object_get(o, "sliding_window") && kind->window)
		window = kind->window;
	TRY(conf_size(o, "sliding_window", LM_MAX_POSITION, window, &window,
		      err));
	if (window < c->max_position)
		c->max_position = window;
	return conf_rope(o, c, err);
}

static enum hvqz_ret read_rest(const json_t *o, const struct kind *kind,
			       struct lm_config *c, struct hvqz_err *err)
{
	const char *act;
	double eps;
	bool bias;

	TRY(conf_number(o, "rms_norm_eps", 1e-6, &eps, err));
	c->norm_eps = (float)eps;
	if (!(c->norm_eps > 0 && c->norm_eps < 1))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'rms_norm_eps' is %g; it must be above 0 "
				 "and below 1", eps);
	TRY(conf_string(o, "hidden_act", &act, err));
	if (act && strcmp(act, "silu") && strcmp(act, "swish"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'hidden_act' is '%.40s'; computed is only "
				 "silu", act);
	TRY(conf_bool(o, "tie_word_embeddings", false, &c->tied, err));
	TRY(conf_bool(o, "attention_bias", false, &bias, err));
	if (bias && !kind->has_bias_key && !kind->qkv_bias)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'attention_bias' is true, which %s does not "
				 "have", kind->name);
	c->o_bias = bias && kind->has_bias_key;
	c->qkv_bias = c->o_bias || kind->qkv_bias;
	c->qk_norm = kind->qk_norm;
	return HVQZ_OK;
}

static enum hvqz_ret read_config(const json_t *o, struct lm_config *c,
				 struct hvqz_err *err)
{
	const struct kind *kind;

	TRY(find_kind(o, &kind, err));
	TRY(check_list(o, "architectures", kind->class, err));
	TRY(refuse(o, err));
	TRY(check_list(o, "layer_types", "full_attention", err));
	TRY(read_shape(o, kind, c, err));
	TRY(read_positions(o, kind, c, err));
	return read_rest(o, kind, c, err);
}

enum hvqz_ret lm_config_parse(const uint8_t *json, size_t len,
			      struct lm_config *c, struct hvqz_err *err)
{
	enum hvqz_ret ret;
	json_t *o;

	*c = (struct lm_config){0};
	TRY(conf_load(json, len, &o, err));
	ret = read_config(o, c, err);
	json_decref(o);
	return ret;
}
