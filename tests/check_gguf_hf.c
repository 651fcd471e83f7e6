/*
 * check_gguf_hf.c - between Hugging Face and GGUF: names, the order of rows,
 * types, keys, and that the way back gives the same bytes.
 *
 * The models are toys of every family, made in memory; what llama.cpp would
 * have made of a real one is compared in tests/bench/gguf.sh.
 */
#define _GNU_SOURCE
#include "formats/gguf_names.h"
#include "formats/gguf_write.h"
#include "tests/corpus_gguf.h"
#include "tests/gguf_toy.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names ---- */

START_TEST(names)
{
	static const char *const pairs[][2] = {
		{"token_embd.weight", "model.embed_tokens.weight"},
		{"output_norm.weight", "model.norm.weight"},
		{"output.weight", "lm_head.weight"},
		{"blk.0.attn_q.weight",
		 "model.layers.0.self_attn.q_proj.weight"},
		{"blk.12.attn_k.bias", "model.layers.12.self_attn.k_proj.bias"},
		{"blk.7.attn_q_norm.weight",
		 "model.layers.7.self_attn.q_norm.weight"},
		{"blk.999999999.ffn_down.weight",
		 "model.layers.999999999.mlp.down_proj.weight"},
	};
	static const char *const none[] = {
		"", ".weight", "model.layers.0",
		"model.layers..mlp.up_proj.weight",
		"model.layers.0.mlp.up_proj", "model.layers.0.mlp.up.weight",
		"model.layers.00.mlp.up_proj.weight", "lm_head.scale",
		"model.layers.0123456789.mlp.up_proj.weight",
		"model.layers.1x.mlp.up_proj.weight", "model.layers.1.weight",
	};
	char buf[64], small[8];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		ck_assert(name_to_gguf(pairs[i][1], buf, sizeof(buf)));
		ck_assert_str_eq(buf, pairs[i][0]);
		ck_assert(name_from_gguf(pairs[i][0], buf, sizeof(buf)));
		ck_assert_str_eq(buf, pairs[i][1]);
		ck_assert(!name_to_gguf(pairs[i][1], small, sizeof(small)));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		ck_assert_msg(!name_to_gguf(none[i], buf, sizeof(buf)), "%s",
			      none[i]);
}
END_TEST

/* ---- what becomes of a toy ---- */

static void parse(const struct buf *file, struct gguf *g, size_t *head_len)
{
	struct source_memory memory;
	struct source src;

	source_init_memory(&src, &memory, file->p, file->len);
	ck_assert(!gguf_read_head(&src, g, NULL));
	*head_len = g->head.len;
	source_free(&src);
}

static uint32_t number_of(const struct gguf *g, const struct toy *t,
			  const char *key)
{
	const struct gguf_pair *p;
	char full[100];

	snprintf(full, sizeof(full), "%s%s%s", key[0] == '.' ? t->arch : "",
		 "", key);
	p = gguf_find(g, full);
	ck_assert_msg(p != NULL, "no %s", full);
	ck_assert_int_eq(p->type, GGUF_U32);
	return get_le32(g->head.p + p->at);
}

static void expect_text(const struct gguf *g, const char *key,
			const char *want)
{
	const struct gguf_pair *p = gguf_find(g, key);
	struct span s;

	ck_assert_msg(p != NULL, "no %s", key);
	s = gguf_string(g, p);
	ck_assert_msg(span_is(&s, want), "%s is %.*s", key, (int)s.len,
		      (const char *)s.p);
}

static void check_keys(const struct gguf *g, const struct toy *t)
{
	static const int32_t types[] = {1, 1, 3, 4, 5};
	static const char words[] = "\1\0\0\0\0\0\0\0a\2\0\0\0\0\0\0\0ab"
		"\4\0\0\0\0\0\0\0</s>\3\0\0\0\0\0\0\0x y"
		"\6\0\0\0\0\0\0\0[PAD4]";
	static const char merges[] = "\3\0\0\0\0\0\0\0a b"
		"\4\0\0\0\0\0\0\0\xc4\xa0 a";
	const struct gguf_pair *p;

	expect_text(g, "general.architecture", t->arch);
	expect_text(g, "general.name", "toy");
	expect_text(g, "tokenizer.ggml.model", "gpt2");
	expect_text(g, "tokenizer.ggml.pre", t->name);
	ck_assert_uint_eq(number_of(g, t, ".block_count"), 1);
	ck_assert_uint_eq(number_of(g, t, ".context_length"), 128);
	ck_assert_uint_eq(number_of(g, t, ".embedding_length"), D);
	ck_assert_uint_eq(number_of(g, t, ".feed_forward_length"), FF);
	ck_assert_uint_eq(number_of(g, t, ".attention.head_count"), HEADS);
	ck_assert_uint_eq(number_of(g, t, ".attention.head_count_kv"), KV);
	ck_assert_uint_eq(number_of(g, t, ".rope.dimension_count"), HEAD);
	ck_assert_uint_eq(number_of(g, t, ".vocab_size"), VOCAB);
	ck_assert_uint_eq(number_of(g, t, "general.file_type"),
			  t->dtype == DTYPE_F16 ? 1 :
			  t->dtype == DTYPE_BF16 ? 32 : 0);
	ck_assert_uint_eq(number_of(g, t, "tokenizer.ggml.bos_token_id"), 3);
	ck_assert_uint_eq(number_of(g, t, "tokenizer.ggml.eos_token_id"), 2);
	ck_assert_ptr_null(gguf_find(g, "tokenizer.ggml.padding_token_id"));
	p = gguf_find(g, "tokenizer.ggml.tokens");
	ck_assert(p && p->of == GGUF_STRING && p->n == VOCAB);
	ck_assert_mem_eq(g->head.p + p->at, words, sizeof(words) - 1);
	p = gguf_find(g, "tokenizer.ggml.token_type");
	ck_assert(p && p->of == GGUF_I32 && p->n == VOCAB);
	for (int i = 0; i < VOCAB; i++)
		ck_assert_uint_eq(get_le32(g->head.p + p->at + 4 * i),
				  (uint32_t)types[i]);
	p = gguf_find(g, "tokenizer.ggml.merges");
	ck_assert(p && p->of == GGUF_STRING && p->n == 2);
	ck_assert_mem_eq(g->head.p + p->at, merges, sizeof(merges) - 1);
}

/* Where element i of tensor j went, by the definition of rotary pairs. */
static uint64_t place(const struct toy *t, const struct tensor *x, uint64_t i)
{
	uint64_t cols = x->rank > 1 ? x->dim[1] : 1;
	uint64_t row = i / cols, in_head = row % HEAD;

	if (!t->turned || (!strstr(x->name, "q_proj") &&
			   !strstr(x->name, "k_proj")))
		return i;
	/* The pair (p, p + HEAD/2) becomes (2p, 2p + 1). */
	in_head = in_head % (HEAD / 2) * 2 + in_head / (HEAD / 2);
	return (row / HEAD * HEAD + in_head) * cols + i % cols;
}

static float element(const uint8_t *p, uint32_t type, uint64_t i)
{
	return type == 0   ? get_lef32(p + 4 * i)
	       : type == 1 ? f32_from_f16(get_le16(p + 2 * i))
			   : f32_from_bf16(get_le16(p + 2 * i));
}

static void check_tensors(const struct gguf *g, const struct toy *t,
			  const struct model *m, const uint8_t *data)
{
	ck_assert_uint_eq(g->n_infos, m->n_tensors + t->n_first);
	for (size_t j = 0; j < m->n_tensors; j++) {
		const struct tensor *x = &m->tensors[j];
		const struct gguf_info *info = &g->infos[j + t->n_first];
		struct span s = gguf_name(g, info);
		uint32_t own;
		char name[64];

		ck_assert(name_to_gguf(x->name, name, sizeof(name)));
		ck_assert(span_is(&s, name));
		ck_assert(gguf_type_of(x->dtype, &own));
		ck_assert_uint_eq(info->type, x->rank > 1 ? own : 0);
		ck_assert_uint_eq(info->rank, x->rank);
		ck_assert_uint_eq(info->ne[0], x->dim[x->rank - 1]);
		for (uint64_t i = 0; i < x->n_elems; i++)
			ck_assert_float_eq(element(data + info->off,
						   info->type,
						   place(t, x, i)),
					   value(j, i));
	}
}

START_TEST(there_and_back)
{
	const struct toy *t = &toys[_i];
	struct buf st = {0}, gg = {0}, back = {0}, again = {0};
	struct files files;
	struct model m = {0};
	struct hvqz_err err;
	struct gguf g = {0};
	size_t head_len;

	make_files(t, &files);
	make_model(t, &m);
	make_file(&m, &st);
	ck_assert_msg(!convert(&st, "gguf", &files, &gg, &err), "%s: %s",
		      err.tensor, err.msg);
	ck_assert_uint_eq(gg.len % 32, 0);
	parse(&gg, &g, &head_len);
	check_keys(&g, t);
	check_tensors(&g, t, &m, gg.p + head_len);
	/* The way back needs no files; the header says a little more. */
	ck_assert_msg(!convert(&gg, "safetensors", NULL, &back, &err),
		      "%s: %s", err.tensor, err.msg);
	ck_assert_uint_gt(back.len, st.len);
	ck_assert_mem_eq(back.p + back.len - m.data_size,
			 st.p + st.len - m.data_size, m.data_size);
	ck_assert_ptr_nonnull(memmem(back.p, 200, "\"format\":\"pt\"", 13));
	/* And once more, from what came back; and to itself. */
	ck_assert(!convert(&back, "gguf", &files, &again, &err));
	ck_assert_uint_eq(again.len, gg.len);
	ck_assert_mem_eq(again.p, gg.p, gg.len);
	ck_assert(!convert(&gg, "gguf", NULL, &again, &err));
	ck_assert_uint_eq(again.len, gg.len);
	ck_assert_mem_eq(again.p, gg.p, gg.len);
	gguf_free(&g);
	model_free(&m);
	buf_free(&st);
	buf_free(&gg);
	buf_free(&back);
	buf_free(&again);
}
END_TEST

/* Llama 3's factors: of two pairs one turns fast, one slowly. */
START_TEST(frequencies)
{
	struct buf st = {0}, gg = {0};
	struct files files;
	struct model m = {0};
	struct hvqz_err err;
	struct gguf g = {0};
	struct span s;
	size_t head_len;

	make_files(&toys[2], &files);
	make_model(&toys[2], &m);
	make_file(&m, &st);
	ck_assert(!convert(&st, "gguf", &files, &gg, &err));
	parse(&gg, &g, &head_len);
	s = gguf_name(&g, &g.infos[0]);
	ck_assert(span_is(&s, "rope_freqs.weight"));
	ck_assert_uint_eq(g.infos[0].ne[0], HEAD / 2);
	/* Wave lengths 2π and 2π·100, of 64/4 and 64/1 that matter. */
	ck_assert_float_eq(get_lef32(gg.p + head_len), 1);
	ck_assert_float_eq(get_lef32(gg.p + head_len + 4), 8);
	gguf_free(&g);
	model_free(&m);
	buf_free(&st);
	buf_free(&gg);
}
END_TEST

/* However the bytes come, the same go. */
START_TEST(any_pieces)
{
	static const size_t sizes[] = {1, 3, 7, 64, 1000};
	struct buf st = {0}, gg = {0}, out = {0};
	struct files files;
	struct model m = {0};
	struct hvqz_err err;

	make_files(&toys[2], &files);
	make_model(&toys[2], &m);
	make_file(&m, &st);
	ck_assert(!convert(&st, "gguf", &files, &gg, &err));
	for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
		struct format_wish wish = {.get = get_file, .ctx = &files,
					   .name = "toy"};
		const uint8_t *p = st.p + st.len - m.data_size;
		void *state = &wish;
		struct sink sink;

		buf_clear(&out);
		sink_init_memory(&sink, &out);
		ck_assert(!gguf_from_hf.plan(&m, &state, NULL));
		ck_assert(!gguf_from_hf.head(state, &sink, NULL));
		for (size_t at = 0; at < m.data_size; at += sizes[k]) {
			size_t n = (size_t)m.data_size - at;

			n = n < sizes[k] ? n : sizes[k];
			ck_assert(!gguf_from_hf.put(state, &sink, p + at, n,
						    NULL));
		}
		ck_assert_int_eq(gguf_from_hf.put(state, &sink, p, 1, NULL),
				 HVQZ_USAGE);
		ck_assert(!gguf_from_hf.tail(state, &sink, NULL));
		gguf_from_hf.free(state);
		ck_assert_uint_eq(out.len, gg.len);
		ck_assert_mem_eq(out.p, gg.p, gg.len);
	}
	model_free(&m);
	buf_free(&st);
	buf_free(&gg);
	buf_free(&out);
}
END_TEST

/* ---- what cannot be ---- */

/* from in a file's text becomes to, of the same length or shorter. */
static void swap(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from);

	ck_assert_msg(at != NULL, "no %s", from);
	memset(at, ' ', strlen(from));
	memcpy(at, to, strlen(to));
}

static void refuse(const struct buf *st, struct files *f, enum hvqz_ret want,
		   const char *word)
{
	struct buf out = {0};
	struct hvqz_err err;

	ck_assert_int_eq(convert(st, "gguf", f, &out, &err), want);
	ck_assert_msg(strstr(err.msg, word) || !strcmp(err.tensor, word),
		      "no \"%s\" in \"%s\" (%s)", word, err.msg, err.tensor);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}

START_TEST(refused_files)
{
	static const struct {
		int file;
		const char *from, *to;
		enum hvqz_ret ret;
		const char *word;
	} bad[] = {
		{0, "\"llama\"", "\"gpt2\"", HVQZ_UNSUPPORTED, "config.json"},
		{0, "\"vocab_size\":5", "\"vocab_size\":6", HVQZ_DAMAGED,
		 "5 rows"},
		{0, "\"num_key_value_heads\":1", "\"num_key_value_heads\":2",
		 HVQZ_DAMAGED, "4 rows"},
		{0, "{", "[", HVQZ_DAMAGED, "config.json"},
		{1, "ByteLevel", "Metaspace", HVQZ_UNSUPPORTED,
		 "pre_tokenizer"},
		{1, "\"add_prefix_space\":false", "\"add_prefix_space\":true",
		 HVQZ_UNSUPPORTED, "pre_tokenizer"},
		{1, "\"BPE\"", "\"X\"", HVQZ_UNSUPPORTED, "BPE only"},
		{1, "[[\"a\",\"b\"],\"\u0120 a\"]}}", "[]},\"normalizer\":1}",
		 HVQZ_UNSUPPORTED, "normalizer"},
		{1, "\"id\":2", "\"id\":5", HVQZ_DAMAGED, "vocab_size"},
		{1, "\"vocab\":{\"a\":0,\"ab\":1}", "\"ignore_merges\":true",
		 HVQZ_UNSUPPORTED, "ignore_merges"},
		{1, "\"id\":2", "\"id\":0", HVQZ_DAMAGED,
		 "both have the id 0"},
		{1, "\"ab\":1", "\"ab\":0", HVQZ_DAMAGED,
		 "both have the id 0"},
		{1, "\"id\":2", "\"id\":-", HVQZ_DAMAGED, ""},
		{1, "\"ab\":1", "\"a\":-1", HVQZ_DAMAGED, ""},
		{1, "\"merges\"", "\"mergez\"", HVQZ_DAMAGED, "merges"},
	};
	struct model m = {0};
	struct files files;
	struct buf st = {0};

	make_model(&toys[0], &m);
	make_file(&m, &st);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make_files(&toys[0], &files);
		swap(files.text[bad[i].file], bad[i].from, bad[i].to);
		refuse(&st, &files, bad[i].ret, bad[i].word);
	}
	make_files(&toys[0], &files);
	files.tokenizer = NULL;
	refuse(&st, &files, HVQZ_USAGE, "tokenizer.json");
	files.config = NULL;
	refuse(&st, &files, HVQZ_USAGE, "config.json");
	refuse(&st, NULL, HVQZ_UNSUPPORTED, "config.json");
	model_free(&m);
	buf_free(&st);
}
END_TEST

START_TEST(refused_tensors)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		enum hvqz_ret ret;
		const char *word;
	} bad[] = {
		{"model.layers.0.mlp.experts.weight", DTYPE_F16,
		 HVQZ_UNSUPPORTED, "no tensor of that name"},
		{"model.layers.1.mlp.up_proj.weight", DTYPE_I8,
		 HVQZ_UNSUPPORTED, "I8"},
		{"model.layers.1.self_attn.q_proj.weight", DTYPE_F16,
		 HVQZ_DAMAGED, "rows"},
	};
	static const uint64_t dim[] = {3, 4};
	struct files files;

	make_files(&toys[0], &files);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct model m = {0};
		struct buf st = {0};
		struct toy t = toys[0];

		make_model(&t, &m);
		t.dtype = bad[i].dtype;
		ck_assert(!model_add(&m, bad[i].name, t.dtype, 2, dim, NULL));
		/* The values do not matter: nothing is to be written. */
		m.tensors[m.n_tensors - 1].dtype = t.dtype;
		make_file(&m, &st);
		refuse(&st, &files, bad[i].ret, bad[i].word);
		model_free(&m);
		buf_free(&st);
	}
}
END_TEST

/* A buffer that old files have is left out. */
START_TEST(left_out)
{
	static const uint64_t dim[] = {4};
	struct buf st = {0}, gg = {0};
	struct toy t = toys[0];
	struct files files;
	struct model m = {0};
	struct hvqz_err err;
	struct gguf g = {0};
	size_t head_len;

	make_files(&t, &files);
	ck_assert(!model_add(&m, LAYER "self_attn.rotary_emb.inv_freq",
			     DTYPE_F32, 1, dim, NULL));
	make_model(&t, &m);
	make_file(&m, &st);
	ck_assert(!convert(&st, "gguf", &files, &gg, &err));
	parse(&gg, &g, &head_len);
	ck_assert_uint_eq(g.n_infos, m.n_tensors - 1);
	ck_assert_float_eq(element(gg.p + head_len, 1, 9), value(1, 9));
	gguf_free(&g);
	model_free(&m);
	buf_free(&st);
	buf_free(&gg);
}
END_TEST

START_TEST(back_refused)
{
	static const char *const to[] = {"safetensors", "tar", "zip", "npz"};
	struct buf st = {0}, gg = {0}, out = {0};
	struct files files;
	struct model m = {0};
	struct hvqz_err err;
	struct gguf g = {0};
	size_t head_len;
	uint8_t *at;

	/* Blocks cannot be said. */
	corpus_gguf_good(&gg);
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		ck_assert_int_eq(convert(&gg, to[i], NULL, &out, &err),
				 HVQZ_UNSUPPORTED);
		ck_assert_msg(strstr(err.msg, "Q4_0") != NULL, "%s: %s", to[i],
			      err.msg);
		ck_assert_str_eq(err.tensor, "t.q4_0");
	}
	/* A norm that is no F16 any more. */
	make_files(&toys[0], &files);
	make_model(&toys[0], &m);
	make_file(&m, &st);
	ck_assert(!convert(&st, "gguf", &files, &gg, &err));
	parse(&gg, &g, &head_len);
	at = gg.p + head_len + g.infos[1].off;
	put_lef32(at, 1.0001f);
	ck_assert_int_eq(convert(&gg, "safetensors", NULL, &out, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert_str_eq(err.tensor, "blk.0.attn_norm.weight");
	put_lef32(at, 1);
	ck_assert_int_eq(convert(&gg, "safetensors", NULL, &out, &err),
			 HVQZ_OK);
	/* No whole heads. */
	at = memmem(gg.p, head_len, "head_count\4\0\0\0", 14);
	ck_assert_ptr_nonnull(at);
	put_le32(at + 14, 3);
	ck_assert_int_eq(convert(&gg, "safetensors", NULL, &out, &err),
			 HVQZ_DAMAGED);
	put_le32(at + 14, 0);
	ck_assert_int_eq(convert(&gg, "safetensors", NULL, &out, &err),
			 HVQZ_DAMAGED);
	ck_assert(strstr(err.msg, "head_count"));
	gguf_free(&g);
	model_free(&m);
	buf_free(&st);
	buf_free(&gg);
	buf_free(&out);
}
END_TEST

/* Of another architecture: names and rows stay. */
START_TEST(other_architecture)
{
	static const char want[] = "\"t.bf16\":{\"dtype\":\"BF16\","
		"\"shape\":[3,4]";
	struct buf gg = {0}, out = {0};
	struct hvqz_err err;

	corpus_gguf_good(&gg);
	/* No blocks: bytes of the same number. */
	put_le32(gg.p + corpus_place(&gg, "t.q4_0") + 20, 24);
	put_le64(gg.p + corpus_place(&gg, "t.q4_0") + 4, 36);
	ck_assert_msg(!convert(&gg, "safetensors", NULL, &out, &err), "%s",
		      err.msg);
	ck_assert_ptr_nonnull(memmem(out.p, out.len, want, strlen(want)));
	buf_free(&gg);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gguf_hf");
	TCase *t = tcase_create("gguf_hf");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, names);
	tcase_add_loop_test(t, there_and_back, 0, N_TOYS);
	tcase_add_test(t, frequencies);
	tcase_add_test(t, any_pieces);
	tcase_add_test(t, refused_files);
	tcase_add_test(t, refused_tensors);
	tcase_add_test(t, left_out);
	tcase_add_test(t, back_refused);
	tcase_add_test(t, other_architecture);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
