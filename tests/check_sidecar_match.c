/*
 * check_sidecar_match.c - how a sidecar's entries meet a model's tensors:
 * llama.cpp's names in Hugging Face's words, lengths, tied heads, entries that
 * match nothing. Reading the files is in check_sidecar.c.
 */
#include "formats/gguf_write.h"
#include "formats/sidecar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was warned of, one after another. */
struct warnings {
	int n;
	char text[2000];
};

static void note_warning(void *ctx, const char *msg)
{
	struct warnings *w = ctx;
	size_t len = strlen(w->text);

	w->n++;
	snprintf(w->text + len, sizeof(w->text) - len, "%s\n", msg);
}

static const struct {
	const char *gguf, *hf;	/* hf NULL: not of the family */
} names[] = {
	{"blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"},
	{"blk.31.attn_k.weight", "model.layers.31.self_attn.k_proj.weight"},
	{"blk.7.attn_v.bias", "model.layers.7.self_attn.v_proj.bias"},
	{"blk.0.attn_output.weight",
	 "model.layers.0.self_attn.o_proj.weight"},
	{"blk.0.attn_q_norm.weight",
	 "model.layers.0.self_attn.q_norm.weight"},
	{"blk.0.attn_k_norm.weight",
	 "model.layers.0.self_attn.k_norm.weight"},
	{"blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight"},
	{"blk.0.ffn_norm.weight",
	 "model.layers.0.post_attention_layernorm.weight"},
	{"blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight"},
	{"blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight"},
	{"blk.123456789.ffn_down.weight",
	 "model.layers.123456789.mlp.down_proj.weight"},
	{"blk.0.ffn_gate_inp.weight", "model.layers.0.mlp.gate.weight"},
	{"token_embd.weight", "model.embed_tokens.weight"},
	{"output.weight", "lm_head.weight"},
	{"output_norm.weight", "model.norm.weight"},
	{"blk.0.ffn_up_exps.weight", NULL},
	{"blk.0.attn_q", NULL},
	{"blk.0.attn_q.scale", NULL},
	{"blk..attn_q.weight", NULL},
	{"blk.x.attn_q.weight", NULL},
	{"blk.0", NULL},
	{"blk.0.weight", NULL},
	{"blk.1234567890.attn_q.weight", NULL},
	{"blk.0.output.weight", NULL},
	{"attn_q.weight", NULL},
	{"model.layers.0.self_attn.q_proj.weight", NULL},
	{".weight", NULL},
	{"", NULL},
};

START_TEST(name_map)
{
	const char *want = names[_i].hf ? names[_i].hf : names[_i].gguf;
	char buf[100], small[8];

	ck_assert_int_eq(name_from_gguf(names[_i].gguf, buf, sizeof(buf)),
			 names[_i].hf != NULL);
	ck_assert_str_eq(buf, want);
	/* What does not fit is not mapped. */
	ck_assert(!name_from_gguf(names[_i].gguf, small, sizeof(small)));
	ck_assert(!strncmp(small, names[_i].gguf, sizeof(small) - 1));
}
END_TEST

struct entry {
	const char *name;
	unsigned axis;
	size_t n_in, n_out;
};

static void add_entry(struct sens_table *t, const struct entry *e)
{
	struct sens *s = sens_table_add(t, e->name);

	ck_assert_ptr_nonnull(s);
	s->axis = e->axis;
	s->n_in = e->n_in;
	s->diag = calloc(e->n_in, sizeof(*s->diag));
	s->n_out = e->n_out;
	if (e->n_out)
		s->row_sens = calloc(e->n_out, sizeof(*s->row_sens));
}

static const struct {
	struct entry entry;
	unsigned rank;
	uint64_t dim[4];
	const char *words[2];	/* in the error, or NULL: it fits */
} fits[] = {
	{{"w", 1, 3, 2}, 2, {2, 3}, {NULL}},
	{{"w", 1, 2, 0}, 2, {2, 3}, {"has 2 input", "has 3"}},
	{{"w", 1, 3, 3}, 2, {2, 3}, {"has 3 row", "has 2 output"}},
	{{"w", 0, 2, 3}, 2, {2, 3}, {NULL}},
	{{"w", 0, 3, 0}, 2, {2, 3}, {"has 3 input", "has 2"}},
	{{"w", 0, 2, 2}, 2, {2, 3}, {"has 2 row", "has 3 output"}},
	{{"w", 1, 30, 4}, 4, {4, 5, 3, 2}, {NULL}},
	{{"w", 1, 5, 4}, 4, {4, 5, 3, 2}, {"has 5 input", "has 30"}},
	{{"w", 0, 4, 30}, 4, {4, 5, 3, 2}, {NULL}},
	{{"w", 1, 1, 0}, 1, {7}, {NULL}},
	{{"w", 1, 7, 0}, 1, {7}, {"has 7 input", "has 1"}},
	{{"w", 1, 7, 0}, 3, {0, UINT64_MAX, 5}, {"has 7 input", "has 1844"}},
};

START_TEST(match_shape)
{
	struct hvqz_err err = {0};
	struct sens_table t = {0};
	struct warnings w = {0};
	struct hvqz_notes notes = {note_warning, &w};
	struct model m = {0};
	enum hvqz_ret ret;

	add_entry(&t, &fits[_i].entry);
	ck_assert_int_eq(model_add(&m, "w", DTYPE_F16, fits[_i].rank,
				   fits[_i].dim, &err), HVQZ_OK);
	ret = sidecar_match(&t, &m, &notes, &err);
	ck_assert_int_eq(w.n, 0);
	ck_assert_int_eq(ret, fits[_i].words[0] ? HVQZ_DAMAGED : HVQZ_OK);
	for (int i = 0; i < 2 && fits[_i].words[i]; i++)
		ck_assert_msg(strstr(err.msg, fits[_i].words[i]) != NULL,
			      "%s", err.msg);
	if (ret)
		ck_assert_str_eq(err.tensor, "w");
	sens_table_free(&t);
	model_free(&m);
}
END_TEST

static const struct {
	const char *entries[3], *tensors[3];
	const char *warning;	/* a word of it, or NULL: none */
	const char *found;	/* this entry must be there now */
} meetings[] = {
	{{"a", "b"}, {"b", "a", "c"}, NULL, "a"},
	{{"a", "b", "x"}, {"b", "a"}, "1 of the sidecar's 3", "x"},
	{{"a", "b"}, {"x", "y"}, "none of the sidecar's 2", NULL},
	{{"a"}, {NULL}, "none of the sidecar's 1", NULL},
	{{NULL}, {"x"}, "no entry", NULL},
	{{"lm_head.weight", "a"}, {"model.embed_tokens.weight", "a"}, NULL,
	 "model.embed_tokens.weight"},
	{{"lm_head.weight"}, {"model.embed_tokens.weight", "lm_head.weight"},
	 NULL, "lm_head.weight"},
	{{"lm_head.weight", "model.embed_tokens.weight"},
	 {"model.embed_tokens.weight"}, "1 of the sidecar's 2",
	 "model.embed_tokens.weight"},
	{{"lm_head.weight", "a"}, {"a"}, "1 of the sidecar's 2",
	 "lm_head.weight"},
};

START_TEST(match_names)
{
	static const uint64_t dim[2] = {2, 3};
	struct hvqz_err err = {0};
	struct sens_table t = {0};
	struct warnings w = {0};
	struct hvqz_notes notes = {note_warning, &w};
	struct model m = {0};

	for (int i = 0; i < 3; i++) {
		struct entry e = {meetings[_i].entries[i], 1, 3, 0};

		if (e.name)
			add_entry(&t, &e);
		if (meetings[_i].tensors[i])
			ck_assert_int_eq(model_add(&m,
						   meetings[_i].tensors[i],
						   DTYPE_F16, 2, dim, &err),
					 HVQZ_OK);
	}
	sens_table_sort(&t);
	ck_assert_int_eq(sidecar_match(&t, &m, &notes, &err), HVQZ_OK);
	ck_assert_int_eq(w.n, meetings[_i].warning != NULL);
	if (meetings[_i].warning)
		ck_assert_msg(strstr(w.text, meetings[_i].warning) != NULL,
			      "%s", w.text);
	if (meetings[_i].found)
		ck_assert_ptr_nonnull(sens_find(&t, meetings[_i].found));
	/* Nobody need listen. */
	ck_assert_int_eq(sidecar_match(&t, &m, NULL, &err), HVQZ_OK);
	sens_table_free(&t);
	model_free(&m);
}
END_TEST

/* Under its names in both worlds: which of the two would count? */
START_TEST(two_names_in_gguf)
{
	static const uint64_t dim[2] = {4, 2};
	static const struct entry both[] = {
		{"blk.0.attn_q.weight", 1, 2, 4},
		{"model.layers.0.self_attn.q_proj.weight", 1, 2, 4},
	};
	struct hvqz_err err = {0};
	struct gguf_keys keys = {0};
	struct model m = {0};

	ck_assert(!model_add(&m, both[0].name, DTYPE_F16, 2, dim, &err));
	gguf_put_string(&keys, "general.architecture", "llama");
	gguf_put_u32(&keys, "llama.attention.head_count", 2);
	ck_assert(!gguf_make_head(&keys, &m, &err));
	for (int n = 1; n <= 3; n++) {
		struct sens_table t = {0};

		for (int i = 0; i < 2; i++)
			if (n >> i & 1)
				add_entry(&t, &both[i]);
		sens_table_sort(&t);
		ck_assert_int_eq(sidecar_match(&t, &m, NULL, &err),
				 n == 3 ? HVQZ_DAMAGED : HVQZ_OK);
		if (n < 3)
			ck_assert_str_eq(t.v[0].name, both[0].name);
		else
			ck_assert(strstr(err.msg, "two entries") != NULL);
		sens_table_free(&t);
	}
	buf_free(&keys.b);
	model_free(&m);
}
END_TEST

#define N_OF(v) ((int)(sizeof(v) / sizeof((v)[0])))

static Suite *match_suite(void)
{
	Suite *s = suite_create("sidecar_match");
	TCase *match = tcase_create("match");

	tcase_add_loop_test(match, name_map, 0, N_OF(names));
	tcase_add_loop_test(match, match_shape, 0, N_OF(fits));
	tcase_add_loop_test(match, match_names, 0, N_OF(meetings));
	tcase_add_test(match, two_names_in_gguf);
	suite_add_tcase(s, match);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(match_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
