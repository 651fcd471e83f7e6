/*
 * corpus_lm_config.h - config.json files in the manner of well-known models,
 * written for these tests: what such files say about the shape, and some of
 * what they say besides.
 */
#ifndef TESTS_CORPUS_LM_CONFIG_H
#define TESTS_CORPUS_LM_CONFIG_H

#include "lm/config.h"

/* Llama 3.1 counts slow frequencies slower. */
#define LLAMA3_ROPE(factor)                                            \
	"{\"factor\": " factor ", \"low_freq_factor\": 1.0,"           \
	" \"high_freq_factor\": 4.0,"                                  \
	" \"original_max_position_embeddings\": 8192,"                 \
	" \"rope_type\": \"llama3\"}"

static const struct good {
	const char *name;
	const char *json;
	struct lm_config c;
} goods[] = {
	{"Llama-2-7b", "{\"_name_or_path\": \"x\", \"architectures\":"
	 " [\"LlamaForCausalLM\"], \"bos_token_id\": 1, \"eos_token_id\": 2,"
	 " \"hidden_act\": \"silu\", \"hidden_size\": 4096,"
	 " \"initializer_range\": 0.02, \"intermediate_size\": 11008,"
	 " \"max_position_embeddings\": 4096, \"model_type\": \"llama\","
	 " \"num_attention_heads\": 32, \"num_hidden_layers\": 32,"
	 " \"num_key_value_heads\": 32, \"pretraining_tp\": 1,"
	 " \"rms_norm_eps\": 1e-05, \"rope_scaling\": null,"
	 " \"tie_word_embeddings\": false, \"torch_dtype\": \"float16\","
	 " \"transformers_version\": \"4.31.0.dev0\", \"use_cache\": true,"
	 " \"vocab_size\": 32000}",
	 {.n_layers = 32, .d_model = 4096, .d_ff = 11008, .n_heads = 32,
	  .n_kv_heads = 32, .d_head = 128, .n_vocab = 32000,
	  .max_position = 4096, .norm_eps = 1e-5f, .rope_theta = 10000}},
	{"Llama-3.1-8B", "{\"architectures\": [\"LlamaForCausalLM\"],"
	 " \"attention_bias\": false, \"attention_dropout\": 0.0,"
	 " \"eos_token_id\": [128001, 128008], \"hidden_act\": \"silu\","
	 " \"hidden_size\": 4096, \"intermediate_size\": 14336,"
	 " \"max_position_embeddings\": 131072, \"mlp_bias\": false,"
	 " \"model_type\": \"llama\", \"num_attention_heads\": 32,"
	 " \"num_hidden_layers\": 32, \"num_key_value_heads\": 8,"
	 " \"rms_norm_eps\": 1e-05, \"rope_scaling\": " LLAMA3_ROPE("8.0")
	 ", \"rope_theta\": 500000.0, \"tie_word_embeddings\": false,"
	 " \"vocab_size\": 128256}",
	 {.n_layers = 32, .d_model = 4096, .d_ff = 14336, .n_heads = 32,
	  .n_kv_heads = 8, .d_head = 128, .n_vocab = 128256,
	  .max_position = 131072, .norm_eps = 1e-5f, .rope_theta = 500000,
	  .rope = LM_ROPE_LLAMA3, .llama3 = {8, 1, 4, 8192}}},
	{"Llama-3.2-1B", "{\"architectures\": [\"LlamaForCausalLM\"],"
	 " \"head_dim\": 64, \"hidden_act\": \"silu\","
	 " \"hidden_size\": 2048, \"intermediate_size\": 8192,"
	 " \"max_position_embeddings\": 131072, \"model_type\": \"llama\","
	 " \"num_attention_heads\": 32, \"num_hidden_layers\": 16,"
	 " \"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-05,"
	 " \"rope_scaling\": " LLAMA3_ROPE("32.0") ", \"rope_theta\": 500000,"
	 " \"tie_word_embeddings\": true, \"vocab_size\": 128256}",
	 {.n_layers = 16, .d_model = 2048, .d_ff = 8192, .n_heads = 32,
	  .n_kv_heads = 8, .d_head = 64, .n_vocab = 128256,
	  .max_position = 131072, .norm_eps = 1e-5f, .rope_theta = 500000,
	  .rope = LM_ROPE_LLAMA3, .llama3 = {32, 1, 4, 8192},
	  .tied = true}},
	{"Llama-3.2-1B, newer", "{\"architectures\": [\"LlamaForCausalLM\"],"
	 " \"dtype\": \"bfloat16\", \"head_dim\": 64, \"hidden_size\": 2048,"
	 " \"intermediate_size\": 8192, \"max_position_embeddings\": 131072,"
	 " \"model_type\": \"llama\", \"num_attention_heads\": 32,"
	 " \"num_hidden_layers\": 16, \"num_key_value_heads\": 8,"
	 " \"rms_norm_eps\": 1e-05, \"rope_parameters\": {\"factor\": 32.0,"
	 " \"high_freq_factor\": 4.0, \"low_freq_factor\": 1.0,"
	 " \"original_max_position_embeddings\": 8192,"
	 " \"rope_theta\": 500000.0, \"rope_type\": \"llama3\"},"
	 " \"tie_word_embeddings\": true, \"vocab_size\": 128256}",
	 {.n_layers = 16, .d_model = 2048, .d_ff = 8192, .n_heads = 32,
	  .n_kv_heads = 8, .d_head = 64, .n_vocab = 128256,
	  .max_position = 131072, .norm_eps = 1e-5f, .rope_theta = 500000,
	  .rope = LM_ROPE_LLAMA3, .llama3 = {32, 1, 4, 8192},
	  .tied = true}},
	{"Mistral-7B-v0.1", "{\"architectures\": [\"MistralForCausalLM\"],"
	 " \"hidden_act\": \"silu\", \"hidden_size\": 4096,"
	 " \"intermediate_size\": 14336, \"max_position_embeddings\": 32768,"
	 " \"model_type\": \"mistral\", \"num_attention_heads\": 32,"
	 " \"num_hidden_layers\": 32, \"num_key_value_heads\": 8,"
	 " \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0,"
	 " \"sliding_window\": 4096, \"tie_word_embeddings\": false,"
	 " \"vocab_size\": 32000}",
	 {.n_layers = 32, .d_model = 4096, .d_ff = 14336, .n_heads = 32,
	  .n_kv_heads = 8, .d_head = 128, .n_vocab = 32000,
	  .max_position = 4096, .norm_eps = 1e-5f, .rope_theta = 10000}},
	{"Mistral-7B-v0.3", "{\"architectures\": [\"MistralForCausalLM\"],"
	 " \"attention_dropout\": 0.0, \"hidden_act\": \"silu\","
	 " \"hidden_size\": 4096, \"intermediate_size\": 14336,"
	 " \"max_position_embeddings\": 32768, \"model_type\": \"mistral\","
	 " \"num_attention_heads\": 32, \"num_hidden_layers\": 32,"
	 " \"num_key_value_heads\": 8, \"rms_norm_eps\": 1e-05,"
	 " \"rope_theta\": 1000000.0, \"sliding_window\": null,"
	 " \"tie_word_embeddings\": false, \"vocab_size\": 32768}",
	 {.n_layers = 32, .d_model = 4096, .d_ff = 14336, .n_heads = 32,
	  .n_kv_heads = 8, .d_head = 128, .n_vocab = 32768,
	  .max_position = 32768, .norm_eps = 1e-5f, .rope_theta = 1e6}},
	{"Qwen2.5-7B", "{\"architectures\": [\"Qwen2ForCausalLM\"],"
	 " \"attention_dropout\": 0.0, \"hidden_act\": \"silu\","
	 " \"hidden_size\": 3584, \"intermediate_size\": 18944,"
	 " \"max_position_embeddings\": 131072, \"max_window_layers\": 28,"
	 " \"model_type\": \"qwen2\", \"num_attention_heads\": 28,"
	 " \"num_hidden_layers\": 28, \"num_key_value_heads\": 4,"
	 " \"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000.0,"
	 " \"sliding_window\": 4096, \"tie_word_embeddings\": false,"
	 " \"use_mrope\": false, \"use_sliding_window\": false,"
	 " \"vocab_size\": 152064}",
	 {.n_layers = 28, .d_model = 3584, .d_ff = 18944, .n_heads = 28,
	  .n_kv_heads = 4, .d_head = 128, .n_vocab = 152064,
	  .max_position = 131072, .norm_eps = 1e-6f, .rope_theta = 1e6,
	  .qkv_bias = true}},
	{"Qwen3-0.6B", "{\"architectures\": [\"Qwen3ForCausalLM\"],"
	 " \"attention_bias\": false, \"head_dim\": 128,"
	 " \"hidden_act\": \"silu\", \"hidden_size\": 1024,"
	 " \"intermediate_size\": 3072, \"layer_types\":"
	 " [\"full_attention\", \"full_attention\"],"
	 " \"max_position_embeddings\": 40960, \"max_window_layers\": 28,"
	 " \"model_type\": \"qwen3\", \"num_attention_heads\": 16,"
	 " \"num_hidden_layers\": 28, \"num_key_value_heads\": 8,"
	 " \"rms_norm_eps\": 1e-06, \"rope_scaling\": null,"
	 " \"rope_theta\": 1000000, \"sliding_window\": null,"
	 " \"tie_word_embeddings\": true, \"use_sliding_window\": false,"
	 " \"vocab_size\": 151936}",
	 {.n_layers = 28, .d_model = 1024, .d_ff = 3072, .n_heads = 16,
	  .n_kv_heads = 8, .d_head = 128, .n_vocab = 151936,
	  .max_position = 40960, .norm_eps = 1e-6f, .rope_theta = 1e6,
	  .qk_norm = true, .tied = true}},
	{"SmolLM2-135M", "{\"architectures\": [\"LlamaForCausalLM\"],"
	 " \"attention_bias\": false, \"hidden_act\": \"silu\","
	 " \"hidden_size\": 576, \"intermediate_size\": 1536,"
	 " \"is_llama_config\": true, \"max_position_embeddings\": 8192,"
	 " \"model_type\": \"llama\", \"num_attention_heads\": 9,"
	 " \"num_hidden_layers\": 30, \"num_key_value_heads\": 3,"
	 " \"pretraining_tp\": 1, \"rms_norm_eps\": 1e-05,"
	 " \"rope_interleaved\": false, \"rope_scaling\": null,"
	 " \"rope_theta\": 100000, \"tie_word_embeddings\": true,"
	 " \"vocab_size\": 49152}",
	 {.n_layers = 30, .d_model = 576, .d_ff = 1536, .n_heads = 9,
	  .n_kv_heads = 3, .d_head = 64, .n_vocab = 49152,
	  .max_position = 8192, .norm_eps = 1e-5f, .rope_theta = 100000,
	  .tied = true}},
	{"TinyLlama-1.1B", "{\"architectures\": [\"LlamaForCausalLM\"],"
	 " \"hidden_act\": \"silu\", \"hidden_size\": 2048,"
	 " \"intermediate_size\": 5632, \"max_position_embeddings\": 2048,"
	 " \"model_type\": \"llama\", \"num_attention_heads\": 32,"
	 " \"num_hidden_layers\": 22, \"num_key_value_heads\": 4,"
	 " \"rms_norm_eps\": 1e-05, \"rope_scaling\": null,"
	 " \"tie_word_embeddings\": false, \"vocab_size\": 32000}",
	 {.n_layers = 22, .d_model = 2048, .d_ff = 5632, .n_heads = 32,
	  .n_kv_heads = 4, .d_head = 64, .n_vocab = 32000,
	  .max_position = 2048, .norm_eps = 1e-5f, .rope_theta = 10000}},
};

enum { N_GOODS = sizeof(goods) / sizeof(goods[0]) };

#endif
