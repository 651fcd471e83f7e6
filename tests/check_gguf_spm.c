/*
 * check_gguf_spm.c - SentencePiece's tokenizers, as tokenizer.json has them, in
 * GGUF: types and scores of tokens, spaces, and what llama.cpp could not do.
 *
 * On a real vocabulary tests/bench/gguf.sh compares them with llama.cpp's.
 */
#include "formats/gguf.h"
#include "tests/gguf_spm.h"

#include <math.h>
#include <stdlib.h>

static const float scores[N_TOKENS - FIRST] = {0, -1, -2, -3, -4, -5, -6};

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
	struct spm s = {0};
	struct buf st = {0}, gg = {0};
	struct hvqz_err err;

	spm_embedding(&st);
	for (size_t i = 0; i < N_SPM_CUTS; i++) {
		spm_make(&s, spm_cuts[i].cut, spm_merges);
		ck_assert_msg(!convert(&st, "gguf", &s.files, &gg, &err),
			      "%zu: %s", i, err.msg);
		check_file(&gg, spm_cuts[i].in_front);
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
	struct buf st = {0};
	struct spm s = {0};
	char *at;

	spm_embedding(&st);
	for (size_t i = 0; i < N_SPM_BAD; i++) {
		spm_make(&s, spm_bad[i].cut, spm_bad[i].list);
		refuse(&st, &s, spm_bad[i].ret, spm_bad[i].word);
	}
	/* A byte that no token stands for. */
	spm_make(&s, BOTH, spm_merges);
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
