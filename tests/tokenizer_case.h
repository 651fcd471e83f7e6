/*
 * tokenizer_case.h - small tokenizers made by hand, and the way through them.
 *
 * Every one has the 256 bytes as the tokens 0 to 255 and what its merges make
 * from 256 on, in the order of the merges.
 */
#ifndef TESTS_TOKENIZER_CASE_H
#define TESTS_TOKENIZER_CASE_H

#include "base/buf.h"
#include "lm/tokenizer/alphabet.h"
#include "lm/tokenizer/tokenizer.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "{\"type\":\"ByteLevel\",\"add_prefix_space\":false," \
	"\"use_regex\":false}"
#define GPT2 "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"

/* JSON of the parts; NULL leaves one out (pre: PLAIN). */
struct spec {
	const char *pre;
	const char *normalizer;
	const char *added;
	const char *model;		/* more members of "model" */
	const char *const *merges;	/* "a b", up to a NULL */
	bool in_pairs;			/* write them as ["a","b"] */
};

static inline json_t *spec_part(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);

	ck_assert_msg(j != NULL, "%s", text);
	return j;
}

static inline void spec_merges(const struct spec *s, json_t *vocab,
			       json_t *list)
{
	for (unsigned i = 0; s->merges && s->merges[i]; i++) {
		const char *m = s->merges[i], *space = strchr(m, ' ');
		int left = (int)(space - m);
		char both[300];

		snprintf(both, sizeof(both), "%.*s%s", left, m, space + 1);
		if (!json_object_get(vocab, both))
			json_object_set_new(vocab, both, json_integer(
				(json_int_t)json_object_size(vocab)));
		json_array_append_new(list, s->in_pairs ?
			json_pack("[s%,s]", m, (size_t)left, space + 1) :
			json_string(m));
	}
}

/* The tokenizer.json, for the caller to json_decref(). */
static inline json_t *spec_json(const struct spec *s)
{
	json_t *root = json_object(), *model = json_object();
	json_t *vocab = json_object(), *list = json_array();

	for (unsigned b = 0; b < 256; b++) {
		char name[3];

		alphabet_spell((uint8_t)b, name);
		json_object_set_new(vocab, name, json_integer(b));
	}
	spec_merges(s, vocab, list);
	json_object_set_new(model, "type", json_string("BPE"));
	json_object_set_new(model, "vocab", vocab);
	json_object_set_new(model, "merges", list);
	if (s->model) {
		json_t *more = spec_part(s->model);

		json_object_update(model, more);
		json_decref(more);
	}
	json_object_set_new(root, "model", model);
	json_object_set_new(root, "pre_tokenizer",
			    spec_part(s->pre ? s->pre : PLAIN));
	if (s->normalizer)
		json_object_set_new(root, "normalizer",
				    spec_part(s->normalizer));
	if (s->added)
		json_object_set_new(root, "added_tokens",
				    spec_part(s->added));
	return root;
}

static inline enum hvqz_ret load_json(const json_t *root,
				      struct tokenizer **t,
				      struct hvqz_err *err)
{
	char *text = json_dumps(root, 0);
	enum hvqz_ret ret;

	ck_assert_ptr_nonnull(text);
	ret = tokenizer_new((const uint8_t *)text, strlen(text), t, err);
	free(text);
	return ret;
}

static inline struct tokenizer *new_tokenizer(const struct spec *s)
{
	struct hvqz_err err = {0};
	struct tokenizer *t = NULL;
	json_t *root = spec_json(s);

	ck_assert_msg(load_json(root, &t, &err) == HVQZ_OK, "%s", err.msg);
	json_decref(root);
	return t;
}

/* Encode, and check that the ids give `back`; NULL: the text itself. */
static inline size_t trip(const struct tokenizer *t, const void *text,
			  size_t len, const void *back, size_t back_len,
			  uint32_t **ids)
{
	struct hvqz_err err = {0};
	uint8_t *out = NULL;
	size_t n, out_len;

	if (!back) {
		back = text;
		back_len = len;
	}
	ck_assert_msg(tokenizer_encode(t, text, len, NULL, ids, &n, &err) ==
			      HVQZ_OK, "%s", err.msg);
	ck_assert_msg(tokenizer_decode(t, *ids, n, &out, &out_len, &err) ==
			      HVQZ_OK, "%s", err.msg);
	ck_assert_uint_eq(out_len, back_len);
	if (back_len)
		ck_assert_mem_eq(out, back, back_len);
	free(out);
	return n;
}

/* The ids of a text of characters as "1 2 3", and that it comes back. */
static inline void check_ids(const struct tokenizer *t, const char *text,
			     const char *back, const char *want)
{
	char got[400] = "";
	uint32_t *ids;
	size_t n = trip(t, text, strlen(text), back,
			back ? strlen(back) : 0, &ids);

	for (size_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u",
			 i ? " " : "", ids[i]);
	ck_assert_msg(!strcmp(got, want), "\"%s\": %s, want %s", text, got,
		      want);
	free(ids);
}

#endif
