/*
 * gguf_tokens.c - tokenizer.json as GGUF's keys: formats/gguf.md, "Keys".
 *
 * Tokens stand as tokenizer.json spells them, merges as "left right".
 */
#include "formats/gguf_tokens_internal.h"

#include "lm/tokenizer/field.h"

#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

static enum hvqz_ret put_word(struct gguf_words *w, const json_t *id,
			      const char *text, enum gguf_word type,
			      struct hvqz_err *err)
{
	char q[QUOTE_LEN], q2[QUOTE_LEN];
	json_int_t i = json_integer_value(id);

	if (!json_is_integer(id) || i < 0)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the id of the token \"%s\" is not one",
				 quote(text, q));
	if ((uint64_t)i >= w->n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the token \"%s\" has the id %lld, and "
				 "'vocab_size' is %zu", quote(text, q),
				 (long long)i, w->n);
	if (w->v[i].text && strcmp(w->v[i].text, text))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the tokens \"%s\" and \"%s\" both have "
				 "the id %lld", quote(w->v[i].text, q),
				 quote(text, q2), (long long)i);
	w->v[i] = (struct gguf_text){text, type};
	return HVQZ_OK;
}

static enum hvqz_ret collect(struct gguf_words *w, const json_t *root,
			     const json_t *model, struct hvqz_err *err)
{
	json_t *vocab = field_get(model, "vocab"), *added, *one, *id;
	const char *text;
	size_t i;

	if (!json_is_object(vocab))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "model: \"vocab\" is missing or not an "
				 "object");
	json_object_foreach(vocab, text, id)
		TRY(put_word(w, id, text, WORD_NORMAL, err));
	if (!field_get(root, "added_tokens"))
		return HVQZ_OK;
	TRY(field_array(root, "tokenizer", "added_tokens", &added, err));
	json_array_foreach(added, i, one) {
		bool special;

		TRY(field_string(one, "added_tokens", "content", &text, err));
		TRY(field_bool(one, "added_tokens", "special", false, &special,
			       err));
		if (!text)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "added token %zu has no \"content\"",
					 i);
		TRY(put_word(w, field_get(one, "id"), text,
			     special ? WORD_CONTROL : WORD_USER_DEFINED, err));
	}
	return HVQZ_OK;
}

static void put_words(struct gguf_keys *k, const struct gguf_words *w)
{
	char pad[32];

	gguf_put_array(k, "tokenizer.ggml.tokens", GGUF_STRING, w->n);
	for (size_t i = 0; i < w->n; i++) {
		const char *s = w->v[i].text;

		snprintf(pad, sizeof(pad), "[PAD%zu]", i);
		gguf_put_text(&k->b, s ? s : pad, strlen(s ? s : pad));
	}
	gguf_put_array(k, "tokenizer.ggml.token_type", GGUF_I32, w->n);
	for (size_t i = 0; i < w->n; i++)
		buf_u32(&k->b, (uint32_t)(w->v[i].text ? w->v[i].type
						       : WORD_UNUSED));
}

/* A merge is "left right", or ["left", "right"]. */
enum hvqz_ret gguf_take_merge(const json_t *merges, size_t i,
			      struct span *left, struct span *right,
			      struct hvqz_err *err)
{
	const json_t *one = json_array_get(merges, i);
	const char *a = json_string_value(one), *space, *b;

	if (a) {
		space = strchr(a, ' ');
		b = space ? space + 1 : "";
		*left = (struct span){(const uint8_t *)a,
				      space ? (size_t)(space - a) : 0};
	} else {
		a = json_string_value(json_array_get(one, 0));
		b = json_string_value(json_array_get(one, 1));
		a = a ? a : "";
		b = b && json_array_size(one) == 2 ? b : "";
		*left = (struct span){(const uint8_t *)a, strlen(a)};
	}
	*right = (struct span){(const uint8_t *)b, strlen(b)};
	if (left->len && right->len && !memchr(a, ' ', left->len) &&
	    !strchr(b, ' '))
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "merge %zu is not two pieces without a space in them",
			 i);
}

static enum hvqz_ret put_merges(struct gguf_keys *k, const json_t *model,
				struct hvqz_err *err)
{
	json_t *merges;
	size_t n;

	TRY(field_array(model, "model", "merges", &merges, err));
	n = json_array_size(merges);
	gguf_put_array(k, "tokenizer.ggml.merges", GGUF_STRING, n);
	for (size_t i = 0; i < n; i++) {
		struct span left, right;

		TRY(gguf_take_merge(merges, i, &left, &right, err));
		buf_u64(&k->b, left.len + 1 + right.len);
		buf_put(&k->b, left.p, left.len);
		buf_u8(&k->b, ' ');
		buf_put(&k->b, right.p, right.len);
	}
	return HVQZ_OK;
}

/* ---- special tokens ---- */

static void put_id(struct gguf_keys *k, const char *key, long id, size_t n)
{
	if (id >= 0 && (uint64_t)id < n)
		gguf_put_u32(k, key, (uint32_t)id);
}

/* The template that a text alone is put into, or NULL. */
static const json_t *find_template(const json_t *post)
{
	const json_t *list = json_object_get(post, "processors"), *one;
	size_t i;

	if (hf_has_type(post, "TemplateProcessing"))
		return json_object_get(post, "single");
	json_array_foreach((json_t *)list, i, one)
		if (hf_has_type(one, "TemplateProcessing"))
			return json_object_get(one, "single");
	return NULL;
}

/* Does the tokenizer itself begin a text with a token? */
static void put_add_bos(struct gguf_keys *k, const json_t *root)
{
	const json_t *t = find_template(json_object_get(root,
							"post_processor"));

	if (t)
		gguf_put_bool(k, "tokenizer.ggml.add_bos_token",
			      json_object_get(json_array_get(t, 0),
					      "SpecialToken") != NULL);
}

/* The id of "unk_token", or what config.json says. */
static long unknown_id(const json_t *model, const struct hf_config *c)
{
	const char *s = json_string_value(json_object_get(model,
							  "unk_token"));
	const json_t *id = s ? json_object_get(json_object_get(model, "vocab"),
					       s) : NULL;

	return json_is_integer(id) ? (long)json_integer_value(id) : c->unk;
}

static enum hvqz_ret put_all(struct gguf_keys *k, const json_t *root,
			     const struct hf_config *c, struct gguf_words *w,
			     struct hvqz_err *err)
{
	const json_t *model = field_get(root, "model");
	struct gguf_cut cut;

	TRY(gguf_find_cut(root, &cut, err));
	TRY(collect(w, root, model, err));
	gguf_put_string(k, "tokenizer.ggml.model", cut.model);
	gguf_put_string(k, "tokenizer.ggml.pre", cut.pre);
	/* Scores first: they say which tokens are bytes. */
	if (cut.is_spm)
		TRY(gguf_put_scores(k, model, w, err));
	put_words(k, w);
	if (cut.is_spm)
		gguf_put_bool(k, "tokenizer.ggml.add_space_prefix",
			      cut.space_in_front);
	else
		TRY(put_merges(k, model, err));
	put_id(k, "tokenizer.ggml.bos_token_id", c->bos, w->n);
	put_id(k, "tokenizer.ggml.eos_token_id", c->eos, w->n);
	put_id(k, "tokenizer.ggml.padding_token_id", c->pad, w->n);
	put_id(k, "tokenizer.ggml.unknown_token_id", unknown_id(model, c),
	       w->n);
	put_add_bos(k, root);
	return buf_ok(&k->b, err);
}

enum hvqz_ret gguf_put_tokens(struct gguf_keys *k, const uint8_t *json,
			      size_t len, const struct hf_config *c,
			      struct hvqz_err *err)
{
	struct gguf_words w = {.n = c->lm.n_vocab};
	enum hvqz_ret ret;
	json_t *root;

	TRY(field_parse(json, len, &root, err));
	w.v = calloc(w.n + 1, sizeof(*w.v));
	ret = w.v ? put_all(k, root, c, &w, err)
		  : hvqz_nomem(err, w.n * sizeof(*w.v), "the tokens");
	free(w.v);
	json_decref(root);
	return ret;
}
