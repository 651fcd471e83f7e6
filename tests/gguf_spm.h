/*
 * gguf_spm.h - SentencePiece's tokenizers as tokenizer.json has them, beside a
 * model that is an embedding alone: the tokens are what matters.
 */
#ifndef TESTS_GGUF_SPM_H
#define TESTS_GGUF_SPM_H

#include "tests/gguf_toy.h"

#define SP "\xe2\x96\x81"
#define REPLACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"}," \
	"\"content\":\"" SP "\"}"
#define PREPEND "{\"type\":\"Prepend\",\"prepend\":\"" SP "\"}"
#define METASPACE(more) "\"normalizer\":null,\"pre_tokenizer\":{" \
	"\"type\":\"Metaspace\",\"replacement\":\"" SP "\"," more \
	"\"split\":false}"
#define BOTH "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[" \
	PREPEND "," REPLACE "]},\"pre_tokenizer\":null"

enum { N_TOKENS = 268, FIRST = 259 };

/* From FIRST on; the last id has no token. */
static const char *const spm_pieces[] = {
	SP "t", "he", SP "the", SP, "t", "h", "e", "<tool>",
};
enum { N_SPM_PIECES = sizeof(spm_pieces) / sizeof(*spm_pieces) };
static const char spm_merges[] = "[\"" SP " t\",[\"h\",\"e\"],\"" SP "t he\"]";

struct spm {
	struct files files;
	struct buf text;
};

static inline void spm_put(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static inline void spm_tokenizer(struct buf *b, const char *cut,
				 const char *list)
{
	char one[64];

	buf_clear(b);
	spm_put(b, "{\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\","
	       "\"special\":true},{\"id\":1,\"content\":\"<s>\",\"special\":"
	       "true},{\"id\":2,\"content\":\"</s>\",\"special\":true},"
	       "{\"id\":266,\"content\":\"<tool>\"}],");
	spm_put(b, cut);
	spm_put(b, ",\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,"
	       "\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"<s>\":1,"
	       "\"</s>\":2");
	for (int i = 0; i < 256; i++) {
		snprintf(one, sizeof(one), ",\"<0x%02X>\":%d", i, 3 + i);
		spm_put(b, one);
	}
	for (int i = 0; i < N_SPM_PIECES; i++) {
		snprintf(one, sizeof(one), ",\"%s\":%d", spm_pieces[i],
			 FIRST + i);
		spm_put(b, one);
	}
	spm_put(b, "},\"merges\":");
	spm_put(b, list);
	spm_put(b, "}}");
	buf_u8(b, 0);
	ck_assert(!buf_ok(b, NULL));
}

static inline void spm_make(struct spm *s, const char *cut, const char *list)
{
	make_files(&toys[0], &s->files);
	snprintf(s->files.text[0], sizeof(s->files.text[0]),
		 "{\"model_type\":\"mistral\",\"hidden_size\":%d,"
		 "\"intermediate_size\":%d,\"num_hidden_layers\":1,"
		 "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,"
		 "\"vocab_size\":%d,\"max_position_embeddings\":128,"
		 "\"rms_norm_eps\":1e-6,\"hidden_act\":\"silu\","
		 "\"bos_token_id\":1,\"eos_token_id\":2}", D, FF, HEADS, KV,
		 N_TOKENS);
	spm_tokenizer(&s->text, cut, list);
	s->files.tokenizer = (const char *)s->text.p;
}

static inline void spm_embedding(struct buf *st)
{
	struct model m = {0};

	add(&m, &toys[0], "model.embed_tokens.weight", N_TOKENS, D);
	add(&m, &toys[0], LAYER "input_layernorm.weight", D, 0);
	make_file(&m, st);
	model_free(&m);
}

/* How spaces may become pieces of text, and whether one is put in front. */
static const struct {
	const char *cut;
	bool in_front;
} spm_cuts[] = {
	{BOTH, true},
	{"\"normalizer\":" REPLACE, false},
	{METASPACE("\"prepend_scheme\":\"first\","), true},
	{METASPACE("\"prepend_scheme\":\"always\","), true},
	{METASPACE("\"prepend_scheme\":\"never\","), false},
	{METASPACE("\"add_prefix_space\":false,"), false},
	{METASPACE(""), true},
};

/* What no GGUF can say. */
static const struct {
	const char *cut, *list;
	enum hvqz_ret ret;
	const char *word;
} spm_bad[] = {
	{"\"normalizer\":null", spm_merges, HVQZ_UNSUPPORTED, "U+2581"},
	{"\"normalizer\":{\"type\":\"NFKC\"}", spm_merges,
	 HVQZ_UNSUPPORTED, "U+2581"},
	{"\"normalizer\":" PREPEND, spm_merges, HVQZ_UNSUPPORTED,
	 "U+2581"},
	{"\"normalizer\":" REPLACE ",\"pre_tokenizer\":{\"type\":"
	 "\"Metaspace\",\"replacement\":\"" SP "\",\"split\":false}",
	 spm_merges, HVQZ_UNSUPPORTED, "U+2581"},
	{"\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":"
	 "\"" SP "\"}", spm_merges, HVQZ_UNSUPPORTED, "U+2581"},
	{"\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":"
	 "\"_\",\"split\":false}", spm_merges, HVQZ_UNSUPPORTED, "U+2581"},
	{BOTH, "[\"h e\",\"" SP " t\",\"h e\"]", HVQZ_UNSUPPORTED,
	 "merge 2 makes \"he\" again"},
	{BOTH, "[\"e h\"]", HVQZ_DAMAGED,
	 "merge 0 makes \"eh\", which is no token"},
	{BOTH, "[\"he\"]", HVQZ_DAMAGED, "merge 0 is not two pieces"},
	{BOTH, "[\"h e\",\"h e e\"]", HVQZ_DAMAGED,
	 "merge 1 is not two pieces"},
	{BOTH, "[[\"h\"]]", HVQZ_DAMAGED, "merge 0 is not two pieces"},
	{BOTH, "[[\"h\",\"\"]]", HVQZ_DAMAGED, "not two pieces"},
	{BOTH, "[7]", HVQZ_DAMAGED, "merge 0 is not two pieces"},
	{BOTH, "{}", HVQZ_DAMAGED, "merges"},
};

enum {
	N_SPM_CUTS = sizeof(spm_cuts) / sizeof(spm_cuts[0]),
	N_SPM_BAD = sizeof(spm_bad) / sizeof(spm_bad[0]),
};

#endif
