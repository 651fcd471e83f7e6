/*
 * vocab_load.c - reading "model" of a tokenizer.json.
 *
 * Nothing in it is believed: every id is checked, every merge must be of
 * tokens and give a token, and every byte must have one, so that the encoder
 * never meets a hole.
 */
#include "lm/tokenizer/alphabet.h"
#include "lm/tokenizer/field.h"
#include "lm/tokenizer/vocab.h"
#include "lm/tokenizer/vocab_table.h"

#include <inttypes.h>
#include <string.h>

static enum hvqz_ret check_type(const json_t *model, struct hvqz_err *err)
{
	char q[QUOTE_LEN];
	const char *type;

	if (!json_is_object(model))
		return hvqz_fail(err, HVQZ_DAMAGED, "it has no \"model\"");
	TRY(field_string(model, "model", "type", &type, err));
	/* The first files of the kind did not say. */
	if (!type && field_get(model, "merges"))
		type = "BPE";
	if (!type)
		return hvqz_fail(err, HVQZ_DAMAGED, "model has no \"type\"");
	if (strcmp(type, "BPE"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the model is \"%s\", and we know only BPE; "
				 "use a token file with --tokens instead",
				 quote(type, q));
	return HVQZ_OK;
}

static enum hvqz_ret check_options(const json_t *model, struct hvqz_err *err)
{
	static const char *const affixes[] = {
		"continuing_subword_prefix", "end_of_word_suffix",
	};
	const json_t *dropout = field_get(model, "dropout");
	bool byte_fallback;
	char q[QUOTE_LEN];

	TRY(field_bool(model, "model", "byte_fallback", false, &byte_fallback,
		       err));
	if (byte_fallback)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a BPE with byte_fallback is not a byte-level "
				 "one; use a token file with --tokens instead");
	for (unsigned i = 0; i < 2; i++) {
		const char *s;

		TRY(field_string(model, "model", affixes[i], &s, err));
		if (s && *s)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "a BPE with a %s (\"%s\") is not one "
					 "we know", affixes[i], quote(s, q));
	}
	if (dropout && !json_is_number(dropout))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "model: \"dropout\" is not a number");
	if (dropout && json_number_value(dropout) != 0)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a BPE with a dropout of %g gives other ids "
				 "every time", json_number_value(dropout));
	return HVQZ_OK;
}

enum hvqz_ret vocab_id(const json_t *j, const char *name, uint32_t *id,
		       struct hvqz_err *err)
{
	char q[QUOTE_LEN];
	json_int_t n;

	quote(name, q);
	if (!json_is_integer(j))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the id of the token \"%s\" is not an integer",
				 q);
	n = json_integer_value(j);
	if (n < 0 || n >= VOCAB_MAX_IDS)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the id of the token \"%s\" is %" PRId64
				 ", not one of 0 to %d", q, (int64_t)n,
				 VOCAB_MAX_IDS - 1);
	*id = (uint32_t)n;
	return HVQZ_OK;
}

/*
 * Tokens that are not spelled in the alphabet are such as "<|x|> ", which
 * stand in the list of added tokens too: their bytes are themselves, and no
 * text becomes them but through that list.
 */
static enum hvqz_ret load_token(struct vocab *v, const char *name,
				const json_t *j, struct buf *spelled,
				struct hvqz_err *err)
{
	size_t n, len = strlen(name);
	char q[QUOTE_LEN];
	uint32_t id;

	TRY(vocab_id(j, name, &id, err));
	if (vocab_has(v, id))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the token \"%s\" has the id %u, and so has "
				 "another", quote(name, q), id);
	buf_clear(spelled);
	buf_grow(spelled, len + 1);
	TRY(buf_ok(spelled, err));
	if (!alphabet_bytes(name, len, spelled->p, &n))
		return vocab_set(v, id, name, len, err);
	TRY(vocab_set(v, id, spelled->p, n, err));
	if (v->ids)
		vocab_add_id(v, id);
	return HVQZ_OK;
}

static enum hvqz_ret load_tokens(struct vocab *v, json_t *vocab,
				 struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	struct buf spelled = {0};
	const char *name;
	json_t *id;

	if (v->ignore_merges)
		TRY(vocab_start_ids(v, json_object_size(vocab), err));
	json_object_foreach(vocab, name, id)
		TRY_OUT(load_token(v, name, id, &spelled, err));
out:
	buf_free(&spelled);
	return ret;
}

static enum hvqz_ret load_bytes(struct vocab *v, const json_t *vocab,
				struct hvqz_err *err)
{
	for (unsigned b = 0; b < 256; b++) {
		char name[3];
		const json_t *id;

		alphabet_spell((uint8_t)b, name);
		id = json_object_get(vocab, name);
		if (!id)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "the vocabulary has no token for the "
					 "byte 0x%02x (\"%s\"), which text may "
					 "hold", b, name);
		TRY(vocab_id(id, name, &v->byte_id[b], err));
	}
	return HVQZ_OK;
}

/* A merge as its two names: "a b", or ["a", "b"]. */
struct names {
	struct buf left, right, both;
};

static void names_put(struct names *n, const char *left, size_t left_len,
		      const char *right)
{
	buf_clear(&n->left);
	buf_clear(&n->right);
	buf_clear(&n->both);
	buf_put(&n->left, left, left_len);
	buf_u8(&n->left, 0);
	buf_put(&n->right, right, strlen(right) + 1);
	buf_put(&n->both, left, left_len);
	buf_put(&n->both, right, strlen(right) + 1);
}

static enum hvqz_ret names_read(struct names *n, const json_t *j, size_t i,
				struct hvqz_err *err)
{
	const char *s = json_string_value(j), *space;
	char q[QUOTE_LEN];

	if (s) {
		space = strchr(s, ' ');
		if (!space || space == s || !space[1] || strchr(space + 1, ' '))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "merge %zu, \"%s\", is not two tokens "
					 "with a space between", i,
					 quote(s, q));
		names_put(n, s, (size_t)(space - s), space + 1);
	} else {
		const char *left = json_string_value(json_array_get(j, 0));
		const char *right = json_string_value(json_array_get(j, 1));

		if (json_array_size(j) != 2 || !left || !right)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "merge %zu is neither a string nor "
					 "two strings", i);
		names_put(n, left, strlen(left), right);
	}
	TRY(buf_ok(&n->left, err));
	TRY(buf_ok(&n->right, err));
	return buf_ok(&n->both, err);
}

static enum hvqz_ret find_name(const json_t *vocab, const struct buf *name,
			       size_t i, const char *what, uint32_t *id,
			       struct hvqz_err *err)
{
	const char *s = (const char *)name->p;
	const json_t *j = json_object_get(vocab, s);
	char q[QUOTE_LEN];

	if (!j)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "merge %zu %s \"%s\", which is not in the "
				 "vocabulary", i, what, quote(s, q));
	return vocab_id(j, s, id, err);
}

static enum hvqz_ret load_merges(struct vocab *v, const json_t *vocab,
				 json_t *list, struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	struct names n = {0};
	char q[QUOTE_LEN];
	json_t *one;
	size_t i;

	TRY(vocab_start_merges(v, json_array_size(list), err));
	json_array_foreach(list, i, one) {
		struct merge m;

		TRY_OUT(names_read(&n, one, i, err));
		TRY_OUT(find_name(vocab, &n.left, i, "is of", &m.left, err));
		TRY_OUT(find_name(vocab, &n.right, i, "is of", &m.right, err));
		TRY_OUT(find_name(vocab, &n.both, i, "makes", &m.merged, err));
		if (vocab_add_merge(v, m))
			continue;
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"merge %zu, which makes \"%s\", is there twice",
				i, quote((const char *)n.both.p, q));
		goto out;
	}
out:
	buf_free(&n.left);
	buf_free(&n.right);
	buf_free(&n.both);
	return ret;
}

enum hvqz_ret vocab_load(struct vocab *v, const json_t *model,
			 struct hvqz_err *err)
{
	json_t *vocab, *merges;

	TRY(check_type(model, err));
	TRY(check_options(model, err));
	TRY(field_bool(model, "model", "ignore_merges", false,
		       &v->ignore_merges, err));
	vocab = field_get(model, "vocab");
	if (!json_is_object(vocab))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "model: \"vocab\" is not an object");
	TRY(field_array(model, "model", "merges", &merges, err));
	TRY(load_tokens(v, vocab, err));
	TRY(load_bytes(v, vocab, err));
	return load_merges(v, vocab, merges, err);
}
