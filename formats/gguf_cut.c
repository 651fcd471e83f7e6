/*
 * gguf_cut.c - how tokenizer.json cuts text up, in llama.cpp's words:
 * formats/gguf.md, "Keys".
 *
 * llama.cpp knows the ways to cut text up before merging by name, and has
 * their patterns in its program; so the pattern in the file has to be one of
 * them. What else would change a text on its way is refused here.
 */
#include "formats/gguf_tokens_internal.h"

#include "lm/tokenizer/field.h"

#include <string.h>

/* What SentencePiece has for a space. */
#define SPACE "\xe2\x96\x81"

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

/* ---- byte-level BPE ---- */

static bool flag(const json_t *j, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(j, key);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static bool is_byte_level(const json_t *j, bool regex)
{
	return hf_has_type(j, "ByteLevel") &&
	       flag(j, "use_regex", true) == regex &&
	       !flag(j, "add_prefix_space", true);
}

static const char *split_name(const json_t *j)
{
	const char *p = json_string_value(json_object_get(
		json_object_get(j, "pattern"), "Regex"));
	const char *how = json_string_value(json_object_get(j, "behavior"));

	if (!hf_has_type(j, "Split") || !p || !how || strcmp(how, "Isolated") ||
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
	if (!hf_has_type(pre, "Sequence") || json_array_size(list) != 2)
		return NULL;
	if (hf_has_type(one, "Digits") && flag(one, "individual_digits", false) &&
	    is_byte_level(two, true))
		return "smollm";
	return is_byte_level(two, false) ? split_name(one) : NULL;
}

/* ---- SentencePiece's way ---- */

static bool is_text(const json_t *j, const char *want)
{
	const char *s = json_string_value(j);

	return s && !strcmp(s, want);
}

/* Every space becomes its sign. */
static bool is_replace(const json_t *j)
{
	return hf_has_type(j, "Replace") &&
	       is_text(json_object_get(json_object_get(j, "pattern"),
				       "String"), " ") &&
	       is_text(json_object_get(j, "content"), SPACE);
}

static bool is_prepend(const json_t *j)
{
	return hf_has_type(j, "Prepend") &&
	       is_text(json_object_get(j, "prepend"), SPACE);
}

/* As a normalizer: Replace alone, or behind a Prepend. */
static bool is_spm_normal(const json_t *j, bool *in_front)
{
	const json_t *list = json_object_get(j, "normalizers");

	*in_front = false;
	if (is_replace(j))
		return true;
	*in_front = true;
	return hf_has_type(j, "Sequence") && json_array_size(list) == 2 &&
	       is_prepend(json_array_get(list, 0)) &&
	       is_replace(json_array_get(list, 1));
}

/* As a pre-tokenizer: the same without cutting. */
static bool is_spm_pre(const json_t *j, bool *in_front)
{
	const json_t *scheme = json_object_get(j, "prepend_scheme");

	*in_front = scheme ? !is_text(scheme, "never")
			   : flag(j, "add_prefix_space", true);
	return hf_has_type(j, "Metaspace") && !flag(j, "split", true) &&
	       is_text(json_object_get(j, "replacement"), SPACE);
}

static enum hvqz_ret find_spm(const json_t *root, struct gguf_cut *c,
			      struct hvqz_err *err)
{
	const json_t *normal = field_get(root, "normalizer");
	const json_t *pre = field_get(root, "pre_tokenizer");

	*c = (struct gguf_cut){.model = "llama", .pre = "default",
			       .is_spm = true};
	if (!pre ? is_spm_normal(normal, &c->space_in_front)
		 : !normal && is_spm_pre(pre, &c->space_in_front))
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "tokenizer.json: with \"byte_fallback\", its "
			 "\"normalizer\" and \"pre_tokenizer\" must make "
			 "U+2581 of spaces and do nothing else, as llama.cpp "
			 "does");
}

/* ---- either ---- */

static enum hvqz_ret find_byte_level(const json_t *root, struct gguf_cut *c,
				     struct hvqz_err *err)
{
	const json_t *normal = field_get(root, "normalizer");
	const char *pre = pre_name(field_get(root, "pre_tokenizer"));

	*c = (struct gguf_cut){.model = "gpt2", .pre = pre};
	if (!pre)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "tokenizer.json: its \"pre_tokenizer\" is "
				 "none that we know llama.cpp's name of");
	/* A word that is a token is one at once: by name in llama.cpp, too. */
	if (flag(field_get(root, "model"), "ignore_merges", false) &&
	    strcmp(pre, "llama-bpe") && strcmp(pre, "tekken"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "tokenizer.json has \"ignore_merges\", and "
				 "llama.cpp's '%s' has not", pre);
	/* llama.cpp takes text as it is; in NFC nearly all is anyway. */
	if (normal && !hf_has_type(normal, "NFC"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "tokenizer.json: it has a \"normalizer\" "
				 "that llama.cpp has not");
	return HVQZ_OK;
}

enum hvqz_ret gguf_find_cut(const json_t *root, struct gguf_cut *c,
			    struct hvqz_err *err)
{
	const json_t *model = field_get(root, "model");
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
	if (!type || strcmp(type, "BPE"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the tokenizer is \"%s\"; GGUF is made with "
				 "BPE only", quote(type ? type : "?", q));
	return fallback ? find_spm(root, c, err)
			: find_byte_level(root, c, err);
}
