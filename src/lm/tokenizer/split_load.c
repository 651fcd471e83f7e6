/*
 * split_load.c - reading "pre_tokenizer" of a tokenizer.json.
 *
 * The last step must be ByteLevel: behind it text is no longer characters,
 * and without it this is not a byte-level tokenizer.
 */
#include "lm/tokenizer/split.h"

#include "lm/tokenizer/field.h"

#include <string.h>

/*
 * What ByteLevel cuts by: English contractions, and runs of letters, numbers
 * or others, each with the space before it; of a run of white space that is
 * not at the end, the last goes to what follows. (GPT-2.)
 */
#define GPT2_PATTERN \
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+" \
	"|\\s+(?!\\S)|\\s+"

static const char name[] = "pre_tokenizer";

static enum hvqz_ret load_byte_level(struct split *s, const json_t *j,
				     struct hvqz_err *err)
{
	bool add_space, use_regex;

	TRY(field_bool(j, name, "add_prefix_space", true, &add_space, err));
	TRY(field_bool(j, name, "use_regex", true, &use_regex, err));
	if (add_space)
		TRY(split_add_space(s, err));
	return use_regex ? split_add_regex(s, GPT2_PATTERN, err) : HVQZ_OK;
}

static enum hvqz_ret load_digits(struct split *s, const json_t *j,
				 struct hvqz_err *err)
{
	bool each;

	TRY(field_bool(j, name, "individual_digits", false, &each, err));
	return split_add_regex(s, each ? "\\p{N}" : "\\p{N}+", err);
}

/*
 * "Isolated" makes pieces of the matches and of what is between them.
 * "Removed" with "invert" drops what is between them: the patterns used so
 * leave nothing there, and we drop nothing, so it is the same.
 */
static enum hvqz_ret check_behavior(const json_t *j, struct hvqz_err *err)
{
	const char *behavior;
	char q[QUOTE_LEN];
	bool invert;

	TRY(field_string(j, name, "behavior", &behavior, err));
	TRY(field_bool(j, name, "invert", false, &invert, err));
	if (!behavior)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "pre_tokenizer: Split has no \"behavior\"");
	if (!strcmp(behavior, "Isolated"))
		return HVQZ_OK;
	if (!strcmp(behavior, "Removed") && invert)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "pre_tokenizer: a Split with the behavior \"%s\" is "
			 "not one we know", quote(behavior, q));
}

static enum hvqz_ret load_split(struct split *s, const json_t *j,
				struct hvqz_err *err)
{
	const json_t *pattern = field_get(j, "pattern");
	const char *regex, *text;

	TRY(check_behavior(j, err));
	TRY(field_string(pattern, name, "Regex", &regex, err));
	TRY(field_string(pattern, name, "String", &text, err));
	if (!regex == !text)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "pre_tokenizer: the pattern of a Split must "
				 "be one of \"Regex\" and \"String\"");
	if (regex ? !*regex : !*text)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "pre_tokenizer: the pattern of a Split is "
				 "empty");
	return regex ? split_add_regex(s, regex, err) :
		       split_add_literal(s, text, err);
}

/* *is_done: a ByteLevel was there, and nothing may follow. */
static enum hvqz_ret load(struct split *s, const json_t *j, unsigned depth,
			  bool *is_done, struct hvqz_err *err)
{
	char q[QUOTE_LEN];
	json_t *list, *one;
	const char *type;
	size_t i;

	TRY(field_type(j, name, &type, err));
	if (!strcmp(type, "Sequence") && depth < 4) {
		TRY(field_array(j, name, "pretokenizers", &list, err));
		json_array_foreach(list, i, one)
			TRY(load(s, one, depth + 1, is_done, err));
		return HVQZ_OK;
	}
	if (*is_done)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "pre_tokenizer: a %s behind ByteLevel",
				 quote(type, q));
	if (!strcmp(type, "ByteLevel")) {
		*is_done = true;
		return load_byte_level(s, j, err);
	}
	if (!strcmp(type, "Digits"))
		return load_digits(s, j, err);
	if (!strcmp(type, "Split"))
		return load_split(s, j, err);
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "the pre_tokenizer \"%s\" is not one of those we "
			 "know: ByteLevel, Digits, Split, Sequence; use a "
			 "token file with --tokens instead", quote(type, q));
}

enum hvqz_ret split_load(struct split *s, const json_t *j,
			 struct hvqz_err *err)
{
	bool is_done = false;

	if (j)
		TRY(load(s, j, 0, &is_done, err));
	if (!is_done)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the pre_tokenizer has no ByteLevel: this is "
				 "not a byte-level tokenizer; use a token file "
				 "with --tokens instead");
	return HVQZ_OK;
}
