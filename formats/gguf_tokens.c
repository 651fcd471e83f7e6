/*
 * gguf_tokens.c - tokenizer.json as GGUF's keys: formats/gguf.md, "Keys".
 *
 * llama.cpp knows the ways to cut text up before merging by name, and has
 * their patterns in its program; so the pattern in the file has to be one of
 * them. Tokens stand as tokenizer.json spells them, merges as "left right".
 */
#include "formats/gguf_tokens.h"

#include "lm/tokenizer/field.h"

#include <stdlib.h>
#include <string.h>

enum { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

/* The pattern of a Split in front of ByteLevel. */
#define LATIN "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define REST "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
	const char *pattern, *name;
} splits[] = {
	{LATIN "\\p{N}{1,3}" REST, "llama-bpe"},
	{LATIN "\\p{N}" REST, "qwen2"},
	{"[^\\r\\n\\p{L}\\p{N}]?"
	 "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"
	 "[^\\r\\n\\p{L}\\p{N}]?"
	 "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"
	 "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|"
	 "\\s+", "tekken"},
};

/* ---- how text is cut up ---- */

static bool has_type(const json_t *j, const char *type)
{
	const char *s = json_string_value(json_object_get(j, "type"));

	return s && !strcmp(s, type);
}

static bool flag(const json_t *j, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(j, key);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static bool is_byte_level(const json_t *j, bool regex)
{
	return has_type(j, "ByteLevel") &&
	       flag(j, "use_regex", true) == regex &&
	       !flag(j, "add_prefix_space", true);
}

static const char *split_name(const json_t *j)
{
	const char *p = json_string_value(json_object_get(
		json_object_get(j, "pattern"), "Regex"));
	const char *how = json_string_value(json_object_get(j, "behavior"));

	if (!has_type(j, "Split") || !p || !how || strcmp(how, "Isolated") ||
	    flag(j, "invert", false))
		return NULL;
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++)
		if (!strcmp(splits[i].pattern, p))
			return splits[i].name;
	return NULL;
}

/* llama.cpp's name for it, or NULL. */
static const char *pre_name(const json_t *pre)
{
	const json_t *list = json_object_get(pre, "pretokenizers");
	const json_t *one = json_array_get(list, 0);
	const json_t *two = json_array_get(list, 1);

	if (is_byte_level(pre, true))
		return "gpt-2";
	if (!has_type(pre, "Sequence") || json_array_size(list) != 2)
		return NULL;
	if (has_type(one, "Digits") && flag(one, "individual_digits", false) &&
	    is_byte_level(two, true))
		return "smollm";
	return is_byte_level(two, false) ? split_name(one) : NULL;
}

/* ---- tokens ---- */

struct words {
	size_t n;
	struct word {
		const char *text;	/* the JSON's; NULL: none */
		int type;
	} *v;				/* [n], owned */
};

static enum hvqz_ret put_word(struct words *w, const json_t *id,
			      const char *text, int type, struct hvqz_err *err)
{
	char q[QUOTE_LEN];
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
	w->v[i] = (struct word){text, type};
	return HVQZ_OK;
}

static enum hvqz_ret collect(struct words *w, const json_t *root,
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
		TRY(put_word(w, id, text, NORMAL, err));
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
			     special ? CONTROL : USER_DEFINED, err));
	}
	return HVQZ_OK;
}

static void put_words(struct gguf_keys *k, const struct words *w)
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
						       : UNUSED));
}

/* A merge is "left right", or ["left", "right"]. */
static enum hvqz_ret put_merges(struct gguf_keys *k, const json_t *model,
				struct hvqz_err *err)
{
	json_t *merges, *one;
	size_t i;

	TRY(field_array(model, "model", "merges", &merges, err));
	gguf_put_array(k, "tokenizer.ggml.merges", GGUF_STRING,
		       json_array_size(merges));
	json_array_foreach(merges, i, one) {
		const char *s = json_string_value(one);
		const char *left = json_string_value(json_array_get(one, 0));
		const char *right = json_string_value(json_array_get(one, 1));

		if (!s && (!left || !right))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "merge %zu is neither a string nor "
					 "two", i);
		if (s) {
			gguf_put_text(&k->b, s, strlen(s));
			continue;
		}
		buf_u64(&k->b, strlen(left) + 1 + strlen(right));
		buf_put(&k->b, left, strlen(left));
		buf_u8(&k->b, ' ');
		buf_put(&k->b, right, strlen(right));
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

	if (has_type(post, "TemplateProcessing"))
		return json_object_get(post, "single");
	json_array_foreach((json_t *)list, i, one)
		if (has_type(one, "TemplateProcessing"))
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

static enum hvqz_ret check_model(const json_t *model, struct hvqz_err *err)
{
	char q[QUOTE_LEN];
	const char *type;
	bool fallback;

	if (!json_is_object(model))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "tokenizer.json has no \"model\"");
	TRY(field_string(model, "model", "type", &type, err));
	TRY(field_bool(model, "model", "byte_fallback", false, &fallback,
		       err));
	if (!type && field_get(model, "merges"))
		type = "BPE";
	if (!type || strcmp(type, "BPE") || fallback)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the tokenizer is \"%s\"%s; GGUF is made with "
				 "byte-level BPE only",
				 quote(type ? type : "?", q),
				 fallback ? " with byte_fallback" : "");
	return HVQZ_OK;
}

static enum hvqz_ret put_all(struct gguf_keys *k, const json_t *root,
			     const struct hf_config *c, struct words *w,
			     struct hvqz_err *err)
{
	const json_t *model = field_get(root, "model");
	const char *pre = pre_name(field_get(root, "pre_tokenizer"));

	TRY(check_model(model, err));
	if (!pre)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "tokenizer.json: its \"pre_tokenizer\" is "
				 "none that we know llama.cpp's name of");
	TRY(collect(w, root, model, err));
	gguf_put_string(k, "tokenizer.ggml.model", "gpt2");
	gguf_put_string(k, "tokenizer.ggml.pre", pre);
	put_words(k, w);
	TRY(put_merges(k, model, err));
	put_id(k, "tokenizer.ggml.bos_token_id", c->bos, w->n);
	put_id(k, "tokenizer.ggml.eos_token_id", c->eos, w->n);
	put_id(k, "tokenizer.ggml.padding_token_id", c->pad, w->n);
	put_id(k, "tokenizer.ggml.unknown_token_id", c->unk, w->n);
	put_add_bos(k, root);
	return buf_ok(&k->b, err);
}

enum hvqz_ret gguf_put_tokens(struct gguf_keys *k, const uint8_t *json,
			      size_t len, const struct hf_config *c,
			      struct hvqz_err *err)
{
	struct words w = {.n = c->lm.n_vocab};
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
