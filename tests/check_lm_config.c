/*
 * check_lm_config.c - config.json: files like those of well-known models, what
 * an absent key means, and every refusal with its sentence.
 */
#include "tests/corpus_lm_config.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The least a file must say. */
#define LEAST                                                        \
	"{\"model_type\": \"llama\", \"hidden_size\": 64,"           \
	" \"intermediate_size\": 172, \"num_hidden_layers\": 5,"     \
	" \"num_attention_heads\": 8, \"vocab_size\": 512,"          \
	" \"max_position_embeddings\": 512}"

static enum hvqz_ret parse(const char *json, struct lm_config *c,
			   struct hvqz_err *err)
{
	size_t len = strlen(json);
	uint8_t *exact = malloc(len ? len : 1);	/* for the sanitizers */
	enum hvqz_ret ret;

	memcpy(exact, json, len);
	*err = (struct hvqz_err){0};
	ret = lm_config_parse(exact, len, c, err);
	free(exact);
	return ret;
}

/* LEAST with the keys of `patch` (a JSON object) put over its own. */
static enum hvqz_ret parse_patched(const char *patch, struct lm_config *c,
				   struct hvqz_err *err)
{
	json_t *o = json_loads(LEAST, 0, NULL);
	json_t *over = json_loads(patch, 0, NULL);
	enum hvqz_ret ret;
	char *json;

	ck_assert_msg(o && over, "%s", patch);
	json_object_update(o, over);
	json = json_dumps(o, 0);
	ret = parse(json, c, err);
	free(json);
	json_decref(o);
	json_decref(over);
	return ret;
}

static void check_same(const struct lm_config *a, const struct lm_config *b)
{
	ck_assert_uint_eq(a->n_layers, b->n_layers);
	ck_assert_uint_eq(a->d_model, b->d_model);
	ck_assert_uint_eq(a->d_ff, b->d_ff);
	ck_assert_uint_eq(a->n_heads, b->n_heads);
	ck_assert_uint_eq(a->n_kv_heads, b->n_kv_heads);
	ck_assert_uint_eq(a->d_head, b->d_head);
	ck_assert_uint_eq(a->n_vocab, b->n_vocab);
	ck_assert_uint_eq(a->max_position, b->max_position);
	ck_assert(a->norm_eps == b->norm_eps);
	ck_assert(a->rope_theta == b->rope_theta);
	ck_assert_int_eq(a->rope, b->rope);
	ck_assert(a->llama3.factor == b->llama3.factor);
	ck_assert(a->llama3.low_freq_factor == b->llama3.low_freq_factor);
	ck_assert(a->llama3.high_freq_factor == b->llama3.high_freq_factor);
	ck_assert_uint_eq(a->llama3.original_max_position,
			  b->llama3.original_max_position);
	ck_assert_int_eq(a->qkv_bias, b->qkv_bias);
	ck_assert_int_eq(a->o_bias, b->o_bias);
	ck_assert_int_eq(a->qk_norm, b->qk_norm);
	ck_assert_int_eq(a->tied, b->tied);
}

START_TEST(well_known_models_are_read)
{
	struct lm_config c;
	struct hvqz_err err;

	for (size_t i = 0; i < N_GOODS; i++) {
		ck_assert_msg(parse(goods[i].json, &c, &err) == HVQZ_OK,
			      "%s: %s", goods[i].name, err.msg);
		check_same(&c, &goods[i].c);
	}
}
END_TEST

/* ---- what else is taken, and what it means ---- */

static const struct lm_config least = {
	.n_layers = 5, .d_model = 64, .d_ff = 172, .n_heads = 8,
	.n_kv_heads = 8, .d_head = 8, .n_vocab = 512, .max_position = 512,
	.norm_eps = 1e-6f, .rope_theta = 10000,
};

static struct lm_config taken(const char *patch)
{
	struct lm_config c;
	struct hvqz_err err;

	ck_assert_msg(parse_patched(patch, &c, &err) == HVQZ_OK, "%s: %s",
		      patch, err.msg);
	return c;
}

/* Keys that say in words what their absence says. */
START_TEST(defaults_may_be_said)
{
	static const char *const same[] = {
		"{}",
		"{\"num_key_value_heads\": null, \"head_dim\": null}",
		"{\"head_dim\": 8, \"num_key_value_heads\": 8}",
		"{\"rms_norm_eps\": 1e-6, \"rope_theta\": 10000}",
		"{\"rope_theta\": null, \"rope_scaling\": null}",
		"{\"rope_scaling\": {\"type\": \"default\"}}",
		"{\"rope_scaling\": {}}",
		"{\"rope_parameters\": {\"rope_type\": \"default\","
		" \"rope_theta\": 10000.0, \"partial_rotary_factor\": 1.0}}",
		"{\"hidden_act\": \"silu\", \"mlp_bias\": false}",
		"{\"hidden_act\": \"swish\", \"attention_bias\": false}",
		"{\"sliding_window\": null}",
		"{\"sliding_window\": 512}",
		"{\"layer_types\": null, \"architectures\": null}",
		"{\"architectures\": [\"LLaMAForCausalLM\"]}",
		"{\"quantization_config\": null, \"num_experts\": 0}",
		"{\"embedding_multiplier\": 1, \"logits_scaling\": 1.0}",
		"{\"something_new\": {\"deep\": [1, 2, {}]}}",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct lm_config c = taken(same[i]);

		check_same(&c, &least);
	}
}
END_TEST

START_TEST(kinds_differ_in_what_absence_means)
{
	struct lm_config c, want = least;

	/* transformers' own defaults: 8 key/value heads, a window of 4096 */
	c = taken("{\"model_type\": \"mistral\","
		  " \"max_position_embeddings\": 32768}");
	want.max_position = 4096;
	check_same(&c, &want);

	want = least;
	want.qkv_bias = true;
	c = taken("{\"model_type\": \"qwen2\", \"num_key_value_heads\": 8,"
		  " \"sliding_window\": 16}");
	check_same(&c, &want);

	want = least;
	want.qk_norm = true;
	want.d_head = 128;
	c = taken("{\"model_type\": \"qwen3\","
		  " \"num_key_value_heads\": null}");
	check_same(&c, &want);
	want.qkv_bias = want.o_bias = true;
	want.d_head = 8;
	c = taken("{\"model_type\": \"qwen3\", \"attention_bias\": true,"
		  " \"num_key_value_heads\": null, \"head_dim\": null}");
	check_same(&c, &want);

	want = least;
	want.qkv_bias = want.o_bias = true;
	c = taken("{\"attention_bias\": true}");
	check_same(&c, &want);
}
END_TEST

START_TEST(a_window_limits_the_context)
{
	struct lm_config c, want = least;

	want.max_position = 100;
	c = taken("{\"sliding_window\": 100}");
	check_same(&c, &want);
	c = taken("{\"model_type\": \"mistral\", \"sliding_window\": 100}");
	check_same(&c, &want);
}
END_TEST

START_TEST(rope_in_old_and_new_words)
{
	struct lm_config c, want = least;

	want.rope_theta = 5e5;
	c = taken("{\"rope_theta\": 500000}");
	check_same(&c, &want);
	c = taken("{\"rope_parameters\": {\"rope_theta\": 500000}}");
	check_same(&c, &want);
	c = taken("{\"rope_theta\": 500000,"
		  " \"rope_parameters\": {\"rope_theta\": 500000.0}}");
	check_same(&c, &want);

	want.rope = LM_ROPE_LLAMA3;
	want.llama3 = (struct lm_rope_llama3){2, 1, 4, 8192};
	c = taken("{\"rope_theta\": 500000, \"rope_scaling\":"
		  LLAMA3_ROPE("2") "}");
	check_same(&c, &want);
	c = taken("{\"rope_theta\": 500000, \"rope_scaling\":"
		  LLAMA3_ROPE("2") ", \"rope_parameters\":"
		  LLAMA3_ROPE("2") "}");
	check_same(&c, &want);
}
END_TEST

/* A head may be wider than its share, and the largest numbers are taken. */
START_TEST(extremes_are_taken)
{
	struct lm_config c;

	c = taken("{\"hidden_size\": 100, \"head_dim\": 32}");
	ck_assert_uint_eq(c.d_head, 32);
	c = taken("{\"hidden_size\": 1048576, \"intermediate_size\": 1048576,"
		  " \"num_hidden_layers\": 4096, \"vocab_size\": 16777216,"
		  " \"max_position_embeddings\": 1073741824}");
	ck_assert_uint_eq(c.d_head, 131072);
	c = taken("{\"num_attention_heads\": 524288, \"head_dim\": 2}");
	ck_assert_uint_eq(c.n_heads * c.d_head, 1 << 20);
}
END_TEST

/* ---- refusals ---- */

static const struct bad {
	const char *patch;
	enum hvqz_ret ret;
	const char *msg;
} bads[] = {
	/* other models */
	{"{\"model_type\": null}", HVQZ_DAMAGED, "'model_type' is missing"},
	{"{\"model_type\": 3}", HVQZ_DAMAGED,
	 "'model_type' is 3; it must be a string"},
	{"{\"model_type\": \"gemma2\"}", HVQZ_UNSUPPORTED,
	 "'model_type' is 'gemma2'; computed are llama, mistral, qwen2 and "
	 "qwen3"},
	{"{\"model_type\": \"Llama\"}", HVQZ_UNSUPPORTED, "is 'Llama'"},
	{"{\"model_type\": \"phi3\"}", HVQZ_UNSUPPORTED, "is 'phi3'"},
	{"{\"model_type\": \"mixtral\"}", HVQZ_UNSUPPORTED, "is 'mixtral'"},
	{"{\"model_type\": \"smollm3\"}", HVQZ_UNSUPPORTED, "is 'smollm3'"},
	{"{\"model_type\": \"qwen3_moe\"}", HVQZ_UNSUPPORTED, "'qwen3_moe'"},
	{"{\"model_type\": \"granite\"}", HVQZ_UNSUPPORTED, "is 'granite'"},
	{"{\"architectures\": [\"LlamaForSequenceClassification\"]}",
	 HVQZ_UNSUPPORTED, "'architectures' has "
	 "'LlamaForSequenceClassification'; computed is only "
	 "LlamaForCausalLM"},
	{"{\"architectures\": \"LlamaForCausalLM\"}", HVQZ_DAMAGED,
	 "'architectures' is not an array"},
	{"{\"architectures\": [1]}", HVQZ_DAMAGED, "not an array of strings"},
	/* parts that are not computed */
	{"{\"hidden_act\": \"gelu\"}", HVQZ_UNSUPPORTED,
	 "'hidden_act' is 'gelu'; computed is only silu"},
	{"{\"mlp_bias\": true}", HVQZ_UNSUPPORTED,
	 "'mlp_bias' is true: biases of the MLP are not computed"},
	{"{\"mlp_bias\": 0}", HVQZ_UNSUPPORTED, "'mlp_bias' is 0"},
	{"{\"model_type\": \"mistral\", \"attention_bias\": true}",
	 HVQZ_UNSUPPORTED,
	 "'attention_bias' is true, which mistral does not have"},
	{"{\"model_type\": \"qwen2\", \"num_key_value_heads\": 8,"
	 " \"use_sliding_window\": true}", HVQZ_UNSUPPORTED,
	 "'use_sliding_window' is true: sliding windows are not computed"},
	{"{\"num_experts\": 8}", HVQZ_UNSUPPORTED,
	 "'num_experts' is 8: mixtures of experts are not computed"},
	{"{\"num_local_experts\": 8}", HVQZ_UNSUPPORTED, "local_experts"},
	{"{\"n_routed_experts\": 8}", HVQZ_UNSUPPORTED, "routed_experts"},
	{"{\"partial_rotary_factor\": 0.5}", HVQZ_UNSUPPORTED,
	 "'partial_rotary_factor' is 0.5: heads turned only in part"},
	{"{\"layer_types\": [\"full_attention\", \"sliding_attention\"]}",
	 HVQZ_UNSUPPORTED, "'layer_types' has 'sliding_attention'; computed "
	 "is only full_attention"},
	{"{\"embedding_multiplier\": 12.0}", HVQZ_UNSUPPORTED,
	 "'embedding_multiplier' is 12.0: scaled embeddings"},
	{"{\"attention_multiplier\": 0.015625}", HVQZ_UNSUPPORTED,
	 "'attention_multiplier' is 0.015625: scaled scores"},
	{"{\"residual_multiplier\": 0.25}", HVQZ_UNSUPPORTED,
	 "'residual_multiplier' is 0.25: scaled residuals"},
	{"{\"logits_scaling\": 8}", HVQZ_UNSUPPORTED,
	 "'logits_scaling' is 8: scaled logits"},
	{"{\"logit_scale\": \"1\"}", HVQZ_UNSUPPORTED, "'logit_scale' is"},
	{"{\"final_logit_softcapping\": 30.0}", HVQZ_UNSUPPORTED,
	 "'final_logit_softcapping' is 30.0"},
	{"{\"no_rope_layers\": [1, 1, 1, 0]}", HVQZ_UNSUPPORTED,
	 "'no_rope_layers' is [1,1,1,0]: layers without positions"},
	{"{\"quantization_config\": {\"bits\": 4}}", HVQZ_UNSUPPORTED,
	 "'quantization_config' is {\"bits\":4}: quantized weights are not "
	 "read"},
	{"{\"quantization_config\": {\"a\": \"0123456789012345678901234567"
	 "89012345678901234567890123456789\"}}", HVQZ_UNSUPPORTED,
	 "'quantization_config' is {\"a\":\"...: quantized"},
	{"{\"text_config\": {}}", HVQZ_UNSUPPORTED, "'text_config' is {}"},
	{"{\"rope_interleaved\": true}", HVQZ_UNSUPPORTED, "interleaved"},
	/* positions */
	{"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}",
	 HVQZ_UNSUPPORTED, "'rope_scaling' is of type 'linear'; computed are "
	 "default and llama3"},
	{"{\"rope_scaling\": {\"rope_type\": \"yarn\", \"beta_fast\": 1}}",
	 HVQZ_UNSUPPORTED, "is of type 'yarn'"},
	{"{\"rope_scaling\": {\"rope_type\": \"llama3\","
	 " \"type\": \"linear\"}}", HVQZ_DAMAGED,
	 "'rope_scaling' is of rope_type 'llama3' and of type 'linear'"},
	{"{\"rope_scaling\": 2.0}", HVQZ_DAMAGED,
	 "'rope_scaling' is not an object"},
	{"{\"rope_scaling\": {\"mrope_section\": [16, 24, 24]}}",
	 HVQZ_UNSUPPORTED, "'rope_scaling' has a field 'mrope_section', "
	 "which is not known"},
	{"{\"rope_parameters\": {\"full_attention\": {}}}", HVQZ_UNSUPPORTED,
	 "'rope_parameters' has a field 'full_attention'"},
	{"{\"rope_parameters\": {\"partial_rotary_factor\": 0.25}}",
	 HVQZ_UNSUPPORTED, "'partial_rotary_factor' is 0.25"},
	{"{\"rope_scaling\": {\"rope_type\": \"llama3\"}}", HVQZ_DAMAGED,
	 "'factor' is missing"},
	{"{\"rope_scaling\": " LLAMA3_ROPE("0.5") "}", HVQZ_DAMAGED,
	 "'factor' is 0.5; it must be at least 1"},
	{"{\"rope_scaling\": " LLAMA3_ROPE("\"8\"") "}", HVQZ_DAMAGED,
	 "'factor' is \"8\"; it must be a number above 0"},
	{"{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8,"
	 " \"low_freq_factor\": 4, \"high_freq_factor\": 4,"
	 " \"original_max_position_embeddings\": 8192}}", HVQZ_DAMAGED,
	 "'high_freq_factor' 4 is not above 'low_freq_factor' 4"},
	{"{\"rope_scaling\": " LLAMA3_ROPE("8") ", \"rope_parameters\": "
	 LLAMA3_ROPE("4") "}", HVQZ_DAMAGED,
	 "'rope_scaling' and 'rope_parameters' differ"},
	{"{\"rope_theta\": 10000, \"rope_parameters\":"
	 " {\"rope_theta\": 20000}}", HVQZ_DAMAGED,
	 "'rope_theta' is 10000 in one place and 20000 in another"},
	{"{\"rope_theta\": 0}", HVQZ_DAMAGED,
	 "'rope_theta' is 0; it must be a number above 0"},
	{"{\"rope_theta\": \"1e4\"}", HVQZ_DAMAGED, "'rope_theta' is"},
	/* shapes */
	{"{\"hidden_size\": null}", HVQZ_DAMAGED, "'hidden_size' is missing"},
	{"{\"hidden_size\": 0}", HVQZ_DAMAGED,
	 "'hidden_size' is 0; it must be a whole number from 1 to 1048576"},
	{"{\"hidden_size\": 64.0}", HVQZ_DAMAGED, "'hidden_size' is 64.0;"},
	{"{\"hidden_size\": \"64\"}", HVQZ_DAMAGED, "is \"64\";"},
	{"{\"hidden_size\": -64}", HVQZ_DAMAGED, "'hidden_size' is -64;"},
	{"{\"hidden_size\": 1048577}", HVQZ_DAMAGED, "is 1048577;"},
	{"{\"intermediate_size\": [172]}", HVQZ_DAMAGED, "is [172];"},
	{"{\"num_hidden_layers\": 4097}", HVQZ_DAMAGED, "from 1 to 4096"},
	{"{\"vocab_size\": 16777217}", HVQZ_DAMAGED, "from 1 to 16777216"},
	{"{\"max_position_embeddings\": 1e9}", HVQZ_DAMAGED,
	 "'max_position_embeddings' is 1000000000.0;"},
	{"{\"num_attention_heads\": 7}", HVQZ_DAMAGED,
	 "'hidden_size' 64 is not a multiple of 'num_attention_heads' 7, and "
	 "'head_dim' is missing"},
	{"{\"num_key_value_heads\": 3}", HVQZ_DAMAGED,
	 "8 attention heads cannot share 3 key/value heads evenly"},
	{"{\"num_key_value_heads\": 16}", HVQZ_DAMAGED,
	 "'num_key_value_heads' is 16; it must be a whole number from 1 to "
	 "8"},
	{"{\"model_type\": \"qwen2\"}", HVQZ_DAMAGED,
	 "8 attention heads cannot share 32 key/value heads evenly"},
	{"{\"head_dim\": 9}", HVQZ_DAMAGED,
	 "a head of 9 numbers; rotary positions turn pairs"},
	{"{\"head_dim\": 1048576}", HVQZ_DAMAGED,
	 "8 heads of 1048576 numbers; all heads have at most 1048576"},
	{"{\"head_dim\": false}", HVQZ_DAMAGED, "'head_dim' is false;"},
	{"{\"sliding_window\": true}", HVQZ_DAMAGED, "'sliding_window' is"},
	{"{\"rms_norm_eps\": 0}", HVQZ_DAMAGED, "'rms_norm_eps' is 0;"},
	{"{\"rms_norm_eps\": 1e-60}", HVQZ_DAMAGED, "above 0 and below 1"},
	{"{\"rms_norm_eps\": 1}", HVQZ_DAMAGED, "'rms_norm_eps' is 1;"},
	{"{\"tie_word_embeddings\": 1}", HVQZ_DAMAGED,
	 "'tie_word_embeddings' is 1; it must be true or false"},
};

START_TEST(others_are_refused_by_name)
{
	const struct bad *b = &bads[_i];
	struct lm_config c;
	struct hvqz_err err;

	ck_assert_msg(parse_patched(b->patch, &c, &err) == b->ret,
		      "%s: %d %s", b->patch, err.ret, err.msg);
	ck_assert_msg(strstr(err.msg, b->msg), "%s: %s", b->patch, err.msg);
}
END_TEST

START_TEST(texts_that_are_no_config)
{
	static const struct {
		const char *json, *msg;
	} texts[] = {
		{"", "not JSON: it is empty"},
		{"{", "not JSON: line 1"},
		{"[]", "not a JSON object"},
		{"3", "not JSON"},
		{"{\"a\": 1, \"a\": 2}", "duplicate object key"},
		{"{\"a\": 1} x", "not JSON: line 1"},
		{"{\"a\": \"\xff\"}", "not JSON"},
		{"{\"a\": 99999999999999999999}", "too big integer"},
		{"{}", "'model_type' is missing"},
	};
	struct hvqz_err err = {0};
	struct lm_config c;
	uint8_t *large;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(parse(texts[i].json, &c, &err),
				 HVQZ_DAMAGED);
		ck_assert_msg(strstr(err.msg, texts[i].msg), "%s: %s",
			      texts[i].json, err.msg);
	}
	ck_assert_int_eq(lm_config_parse((const uint8_t *)"{\"a\": 1\0}", 9,
					 &c, &err), HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, "a NUL byte"), "%s", err.msg);
	/* Nesting ends before our stack does. */
	large = malloc(5 << 20);
	memset(large, '[', 5 << 20);
	ck_assert_int_eq(lm_config_parse(large, 4 << 20, &c, &err),
			 HVQZ_DAMAGED);
	ck_assert_int_eq(lm_config_parse(large, 5 << 20, &c, &err),
			 HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, "at most 4194304"), "%s", err.msg);
	free(large);
}
END_TEST

/* Every beginning of a good file is refused, and none is read beyond. */
START_TEST(cut_anywhere)
{
	const char *json = goods[1].json;
	struct lm_config c;
	struct hvqz_err err;

	for (size_t n = 0; n < strlen(json); n++) {
		char *cut = strndup(json, n);

		ck_assert_int_eq(parse(cut, &c, &err), HVQZ_DAMAGED);
		free(cut);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lm_config");
	TCase *t = tcase_create("config.json");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(t, well_known_models_are_read);
	tcase_add_test(t, defaults_may_be_said);
	tcase_add_test(t, kinds_differ_in_what_absence_means);
	tcase_add_test(t, a_window_limits_the_context);
	tcase_add_test(t, rope_in_old_and_new_words);
	tcase_add_test(t, extremes_are_taken);
	tcase_add_loop_test(t, others_are_refused_by_name, 0,
			    (int)(sizeof(bads) / sizeof(bads[0])));
	tcase_add_test(t, texts_that_are_no_config);
	tcase_add_test(t, cut_anywhere);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
