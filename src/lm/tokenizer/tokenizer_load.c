/*
 * tokenizer_load.c - from tokenizer.json to a tokenizer.
 *
 * Left alone: "decoder" (ids give the bytes of their tokens), "post_processor"
 * (it adds tokens that are not in the text), "truncation" and "padding".
 */
#include "lm/tokenizer/tokenizer.h"

#include "lm/tokenizer/field.h"
#include "lm/tokenizer/normal.h"
#include "lm/tokenizer/parts.h"

#include <stdlib.h>
#include <string.h>

struct added_flags {
	bool special, normalized, lstrip, rstrip, single_word;
};

static enum hvqz_ret load_flags(const json_t *j, const char *content,
				struct added_flags *f, struct hvqz_err *err)
{
	static const char where[] = "added_tokens";
	char q[QUOTE_LEN];

	TRY(field_bool(j, where, "special", false, &f->special, err));
	TRY(field_bool(j, where, "normalized", !f->special, &f->normalized,
		       err));
	TRY(field_bool(j, where, "lstrip", false, &f->lstrip, err));
	TRY(field_bool(j, where, "rstrip", false, &f->rstrip, err));
	TRY(field_bool(j, where, "single_word", false, &f->single_word, err));
	if (f->single_word)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the added token \"%s\" is single_word, which "
				 "we do not know", quote(content, q));
	return HVQZ_OK;
}

/* An added token that the vocabulary has must have the same id there. */
static enum hvqz_ret check_id(const struct tokenizer *t, const json_t *vocab,
			      const char *content, uint32_t id,
			      struct hvqz_err *err)
{
	const json_t *j = json_object_get(vocab, content);
	char q[QUOTE_LEN];
	uint32_t other;

	quote(content, q);
	if (!j && vocab_has(&t->vocab, id))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the added token \"%s\" has the id %u, and so "
				 "has another token", q, id);
	if (!j)
		return HVQZ_OK;
	TRY(vocab_id(j, content, &other, err));
	if (other != id)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the added token \"%s\" has the id %u, and %u "
				 "in the vocabulary", q, id, other);
	return HVQZ_OK;
}

static enum hvqz_ret put_added(struct tokenizer *t, const char *content,
			       uint32_t id, const struct added_flags *f,
			       struct hvqz_err *err)
{
	struct added *list = f->normalized ? &t->normalized : &t->raw;
	enum hvqz_ret ret = HVQZ_OK;
	struct buf b = {0};
	char q[QUOTE_LEN];
	bool is_new;

	if (f->normalized && t->nfc)
		TRY_OUT(normal_nfc((const uint8_t *)content, strlen(content),
				   &b, err));
	else
		buf_put(&b, content, strlen(content));
	TRY_OUT(buf_ok(&b, err));
	TRY_OUT(added_put(list, b.p, b.len, id, f->lstrip, f->rstrip, &is_new,
			  err));
	if (!is_new)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the added token \"%s\" is %s",
				quote(content, q),
				*content ? "there twice" : "empty");
out:
	buf_free(&b);
	return ret;
}

static enum hvqz_ret load_added(struct tokenizer *t, const json_t *vocab,
				const json_t *j, size_t i,
				struct hvqz_err *err)
{
	struct added_flags f;
	const char *content;
	uint32_t id;

	TRY(field_string(j, "added_tokens", "content", &content, err));
	if (!content)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "added token %zu has no \"content\"", i);
	TRY(vocab_id(field_get(j, "id"), content, &id, err));
	TRY(load_flags(j, content, &f, err));
	TRY(check_id(t, vocab, content, id, err));
	TRY(put_added(t, content, id, &f, err));
	return vocab_set(&t->vocab, id, content, strlen(content), err);
}

static enum hvqz_ret load(struct tokenizer *t, const json_t *root,
			  struct hvqz_err *err)
{
	const json_t *model = field_get(root, "model"), *vocab;
	json_t *list, *one;
	size_t i;

	TRY(vocab_load(&t->vocab, model, err));
	vocab = field_get(model, "vocab");
	TRY(normal_load(field_get(root, "normalizer"), &t->nfc, err));
	TRY(split_load(&t->split, field_get(root, "pre_tokenizer"), err));
	if (!field_get(root, "added_tokens"))
		return HVQZ_OK;
	TRY(field_array(root, "tokenizer", "added_tokens", &list, err));
	json_array_foreach(list, i, one)
		TRY(load_added(t, vocab, one, i, err));
	return HVQZ_OK;
}

enum hvqz_ret tokenizer_new(const uint8_t *json, size_t len,
			    struct tokenizer **t, struct hvqz_err *err)
{
	enum hvqz_ret ret;
	json_t *root;

	TRY(field_parse(json, len, &root, err));
	*t = calloc(1, sizeof(**t));
	ret = *t ? load(*t, root, err) :
		   hvqz_nomem(err, sizeof(**t), "the tokenizer");
	json_decref(root);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	tokenizer_free(*t);
	*t = NULL;
	return ret;
}

void tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return;
	vocab_free(&t->vocab);
	added_free(&t->raw);
	added_free(&t->normalized);
	split_free(&t->split);
	free(t);
}
