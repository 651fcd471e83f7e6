/*
 * gguf_config.c - config.json as GGUF's keys: formats/gguf.md, "Keys".
 *
 * What the model is, and that it is of the family, is for lm/config.c to find
 * out; a model that is not understood in whole is refused there.
 */
#include "formats/gguf_tokens.h"

#include "lm/config_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *type, *arch;
} families[] = {
	{"llama", "llama"},
	{"mistral", "llama"},
	{"qwen2", "qwen2"},
	{"qwen3", "qwen3"},
};

enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

/* The id a key has, or the first of a list; -1: none. */
static long token_id(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	json_int_t id;

	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (!json_is_integer(v))
		return -1;
	id = json_integer_value(v);
	return id >= 0 && id < INT32_MAX ? (long)id : -1;
}

/* Here it is a double's; GGUF has F32. */
static enum hvqz_ret check_f32(const char *key, double v, struct hvqz_err *err)
{
	if (isfinite((float)v) && (float)v > 0)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "'%s' is %g, which is no F32 above 0 as GGUF wants it",
			 key, v);
}

static enum hvqz_ret read_rest(const json_t *o, struct hf_config *c,
			       struct hvqz_err *err)
{
	const char *type;

	TRY(conf_string(o, "model_type", &type, err));
	for (size_t i = 0; type && i < N_FAMILIES; i++)
		if (!strcmp(families[i].type, type))
			c->arch = families[i].arch;
	if (!c->arch)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'model_type' has no name in GGUF");
	TRY(conf_size(o, "max_position_embeddings", INT32_MAX, 0,
		      &c->max_position, err));
	TRY(check_f32("rope_theta", c->lm.rope_theta, err));
	if (c->lm.rope == LM_ROPE_LLAMA3)
		TRY(check_f32("factor", c->lm.llama3.factor, err));
	c->has_head_dim = json_is_integer(json_object_get(o, "head_dim")) ||
			  c->lm.d_head * c->lm.n_heads != c->lm.d_model;
	c->bos = token_id(o, "bos_token_id");
	c->eos = token_id(o, "eos_token_id");
	c->pad = token_id(o, "pad_token_id");
	c->unk = token_id(o, "unk_token_id");
	return HVQZ_OK;
}

enum hvqz_ret hf_config_parse(const uint8_t *json, size_t len,
			      struct hf_config *c, struct hvqz_err *err)
{
	struct lm_config lm;
	enum hvqz_ret ret;
	json_t *o;

	TRY(lm_config_parse(json, len, &lm, err));
	TRY(conf_load(json, len, &o, err));
	*c = (struct hf_config){.lm = lm};
	ret = read_rest(o, c, err);
	json_decref(o);
	return ret;
}

/* ARCH.NAME to buf. */
static const char *key_of(const struct hf_config *c, const char *name,
			  char buf[80])
{
	snprintf(buf, 80, "%s.%s", c->arch, name);
	return buf;
}

static void put_size(struct gguf_keys *k, const struct hf_config *c,
		     const char *name, size_t v)
{
	char key[80];

	gguf_put_u32(k, key_of(c, name, key), (uint32_t)v);
}

void gguf_put_config(struct gguf_keys *k, const struct hf_config *c)
{
	const struct lm_config *lm = &c->lm;
	char key[80];

	put_size(k, c, "context_length", c->max_position);
	put_size(k, c, "embedding_length", lm->d_model);
	put_size(k, c, "block_count", lm->n_layers);
	put_size(k, c, "feed_forward_length", lm->d_ff);
	put_size(k, c, "attention.head_count", lm->n_heads);
	put_size(k, c, "attention.head_count_kv", lm->n_kv_heads);
	if (c->has_head_dim) {
		put_size(k, c, "attention.key_length", lm->d_head);
		put_size(k, c, "attention.value_length", lm->d_head);
	}
	gguf_put_f32(k, key_of(c, "attention.layer_norm_rms_epsilon", key),
		     lm->norm_eps);
	put_size(k, c, "vocab_size", lm->n_vocab);
	gguf_put_f32(k, key_of(c, "rope.freq_base", key),
		     (float)lm->rope_theta);
	put_size(k, c, "rope.dimension_count", lm->d_head);
}
