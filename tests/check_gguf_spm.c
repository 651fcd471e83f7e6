/*
 * check_gguf_spm.c - SentencePiece's tokenizers, as tokenizer.json has them, in
 * GGUF: types and scores of tokens, spaces, and what llama.cpp could not do.
 *
 * On a real vocabulary tests/bench/gguf.sh compares them with llama.cpp's.
 */
#include "formats/gguf.h"
#include "tests/gguf_toy.h"

#include <math.h>
#include <stdlib.h>

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
static const char *const pieces[] = {
	SP "t", "he", SP "the", SP, "t", "h", "e", "<tool>",
};
static const char merges[] = "[\"" SP " t\",[\"h\",\"e\"],\"" SP "t he\"]";
static const float scores[N_TOKENS - FIRST] = {0, -1, -2, -3, -4, -5, -6};

struct spm {
	struct files files;
	struct buf text;
};

static void put(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static void make_tokenizer(struct buf *b, const char *cut, const char *list)
{
	char one[64];

	buf_clear(b);
	put(b, "{\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\","
	       "\"special\":true},{\"id\":1,\"content\":\"<s>\",\"special\":"
	       "true},{\"id\":2,\"content\":\"</s>\",\"special\":true},"
	       "{\"id\":266,\"content\":\"<tool>\"}],");
	put(b, cut);
	put(b, ",\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,"
	       "\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"<s>\":1,"
	       "\"</s>\":2");
	for (int i = 0; i < 256; i++) {
		snprintf(one, sizeof(one), ",\"<0x%02X>\":%d", i, 3 + i);
		put(b, one);
	}
	for (int i = 0; i < (int)(sizeof(pieces) / sizeof(*pieces)); i++) {
		snprintf(one, sizeof(one), ",\"%s\":%d", pieces[i], FIRST + i);
		put(b, one);
	}
	put(b, "},\"merges\":");
	put(b, list);
	put(b, "}}");
	buf_u8(b, 0);
	ck_assert(!buf_ok(b, NULL));
}

static void make_spm(struct spm *s, const char *cut, const char *list)
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
	make_tokenizer(&s->text, cut, list);
	s->files.tokenizer = (const char *)s->text.p;
}

/* An embedding alone: the tokens are what matters. */
static void make_embedding(struct buf *st)
{
	struct model m = {0};

	add(&m, &toys[0], "model.embed_tokens.weight", N_TOKENS, D);
	make_file(&m, st);
	model_free(&m);
}

static const struct gguf_pair *find(const struct gguf *g, const char *key)
{
	const struct gguf_pair *p = gguf_find(g, key);

	ck_assert_msg(p != NULL, "no %s", key);
	return p;
}

static void expect_text(const struct gguf *g, const char *key,
			const char *want)
{
	struct span s = gguf_string(g, find(g, key));

	ck_assert_msg(span_is(&s, want), "%s is %.*s", key, (int)s.len,
		      (const char *)s.p);
}

static int type_of(int id)
{
	return id == 0		 ? 2	/* unknown */
	       : id <= 2	 ? 3	/* control */
	       : id < FIRST	 ? 6	/* a byte */
	       : id == 266	 ? 4	/* added by the user */
	       : id == 267	 ? 5	/* unused */
				 : 1;
}

static void check_file(const struct buf *gg, bool in_front)
{
	struct source_memory memory;
	const struct gguf_pair *p;
	struct source src;
	struct gguf g = {0};

	source_init_memory(&src, &memory, gg->p, gg->len);
	ck_assert(!gguf_read_head(&src, &g, NULL));
	source_free(&src);
	expect_text(&g, "tokenizer.ggml.model", "llama");
	expect_text(&g, "tokenizer.ggml.pre", "default");
	ck_assert_ptr_null(gguf_find(&g, "tokenizer.ggml.merges"));
	ck_assert_uint_eq(find(&g, "tokenizer.ggml.tokens")->n, N_TOKENS);
	p = find(&g, "tokenizer.ggml.add_space_prefix");
	ck_assert_uint_eq(g.head.p[p->at], in_front);
	p = find(&g, "tokenizer.ggml.unknown_token_id");
	ck_assert_uint_eq(get_le32(g.head.p + p->at), 0);
	p = find(&g, "tokenizer.ggml.token_type");
	ck_assert(p->of == GGUF_I32 && p->n == N_TOKENS);
	for (int i = 0; i < N_TOKENS; i++)
		ck_assert_int_eq((int)get_le32(g.head.p + p->at + 4 * i),
				 type_of(i));
	p = find(&g, "tokenizer.ggml.scores");
	ck_assert(p->of == GGUF_F32 && p->n == N_TOKENS);
	for (int i = 0; i < N_TOKENS; i++) {
		float v = get_lef32(g.head.p + p->at + 4 * i);

		ck_assert(!signbit(v) || v < 0);
		ck_assert_float_eq(v, i < FIRST ? 0 : scores[i - FIRST]);
	}
	gguf_free(&g);
}

START_TEST(types_and_scores)
{
	static const struct {
		const char *cut;
		bool in_front;
	} cuts[] = {
		{BOTH, true},
		{"\"normalizer\":" REPLACE, false},
		{METASPACE("\"prepend_scheme\":\"first\","), true},
		{METASPACE("\"prepend_scheme\":\"always\","), true},
		{METASPACE("\"prepend_scheme\":\"never\","), false},
		{METASPACE("\"add_prefix_space\":false,"), false},
		{METASPACE(""), true},
	};
	struct spm s = {0};
	struct buf st = {0}, gg = {0};
	struct hvqz_err err;

	make_embedding(&st);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		make_spm(&s, cuts[i].cut, merges);
		ck_assert_msg(!convert(&st, "gguf", &s.files, &gg, &err),
			      "%zu: %s", i, err.msg);
		check_file(&gg, cuts[i].in_front);
	}
	buf_free(&s.text);
	buf_free(&st);
	buf_free(&gg);
}
END_TEST

static void refuse(const struct buf *st, struct spm *s, enum hvqz_ret want,
		   const char *word)
{
	struct buf out = {0};
	struct hvqz_err err;

	ck_assert_int_eq(convert(st, "gguf", &s->files, &out, &err), want);
	ck_assert_msg(strstr(err.msg, word), "no \"%s\" in \"%s\"", word,
		      err.msg);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}

START_TEST(refused)
{
	static const struct {
		const char *cut, *list;
		enum hvqz_ret ret;
		const char *word;
	} bad[] = {
		{"\"normalizer\":null", merges, HVQZ_UNSUPPORTED, "U+2581"},
		{"\"normalizer\":{\"type\":\"NFKC\"}", merges,
		 HVQZ_UNSUPPORTED, "U+2581"},
		{"\"normalizer\":" PREPEND, merges, HVQZ_UNSUPPORTED,
		 "U+2581"},
		{"\"normalizer\":" REPLACE ",\"pre_tokenizer\":{\"type\":"
		 "\"Metaspace\",\"replacement\":\"" SP "\",\"split\":false}",
		 merges, HVQZ_UNSUPPORTED, "U+2581"},
		{"\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":"
		 "\"" SP "\"}", merges, HVQZ_UNSUPPORTED, "U+2581"},
		{"\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":"
		 "\"_\",\"split\":false}", merges, HVQZ_UNSUPPORTED, "U+2581"},
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
	struct buf st = {0};
	struct spm s = {0};
	char *at;

	make_embedding(&st);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make_spm(&s, bad[i].cut, bad[i].list);
		refuse(&st, &s, bad[i].ret, bad[i].word);
	}
	/* A byte that no token stands for. */
	make_spm(&s, BOTH, merges);
	at = strstr((char *)s.text.p, "<0xAB>");
	ck_assert_ptr_nonnull(at);
	memcpy(at, "<0xab>", 6);
	refuse(&st, &s, HVQZ_UNSUPPORTED, "<0xAB>");
	buf_free(&s.text);
	buf_free(&st);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gguf_spm");
	TCase *t = tcase_create("gguf_spm");
	SRunner *r;
	int failed;

	tcase_add_test(t, types_and_scores);
	tcase_add_test(t, refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
