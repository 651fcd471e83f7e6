/*
 * check_tokenizer_damage.c - tokenizer.json files that are wrong, or of a
 * kind we do not know: one sentence with the name in it, and never a crash.
 */
#include "base/rng.h"
#include "tests/tokenizer_case.h"

#define BAD HVQZ_DAMAGED
#define NOT HVQZ_UNSUPPORTED

/* A part of a good tokenizer.json, replaced. */
static const struct wrong {
	const char *part;	/* "model.merges"; "model" */
	const char *json;	/* NULL: taken out */
	enum hvqz_ret want;
	const char *names;	/* what the sentence must hold */
} wrong[] = {
	{"model", NULL, BAD, "model"},
	{"model", "[]", BAD, "model"},
	{"model.type", "\"Unigram\"", NOT, "Unigram"},
	{"model.type", "\"WordPiece\"", NOT, "--tokens"},
	{"model.type", "1", BAD, "type"},
	{"model.byte_fallback", "true", NOT, "byte_fallback"},
	{"model.byte_fallback", "1", BAD, "byte_fallback"},
	{"model.continuing_subword_prefix", "\"##\"", NOT, "##"},
	{"model.end_of_word_suffix", "\"</w>\"", NOT, "</w>"},
	{"model.dropout", "0.1", NOT, "dropout"},
	{"model.dropout", "\"x\"", BAD, "dropout"},
	{"model.ignore_merges", "0", BAD, "ignore_merges"},
	{"model.vocab", NULL, BAD, "vocab"},
	{"model.vocab", "[]", BAD, "vocab"},
	{"model.vocab", "{}", NOT, "0x00"},
	{"model.vocab.\xc4\xa0", NULL, NOT, "0x20"},
	{"model.vocab.q", "-1", BAD, "\"q\" is -1"},
	{"model.vocab.q", "16777216", BAD, "\"q\" is 16777216"},
	{"model.vocab.q", "9223372036854775807", BAD, "\"q\""},
	{"model.vocab.q", "1.0", BAD, "\"q\""},
	{"model.vocab.q", "\"7\"", BAD, "\"q\""},
	{"model.vocab.q", "null", BAD, "\"q\""},
	{"model.vocab.q", "7", BAD, "7"},
	{"model.vocab.more", "97", BAD, "97"},
	{"model.merges", NULL, BAD, "merges"},
	{"model.merges", "{}", BAD, "merges"},
	{"model.merges", "[1]", BAD, "merge 0"},
	{"model.merges", "[null]", BAD, "merge 0"},
	{"model.merges", "[\"ab\"]", BAD, "\"ab\""},
	{"model.merges", "[\"a  b\"]", BAD, "a  b"},
	{"model.merges", "[\"a b \"]", BAD, "a b "},
	{"model.merges", "[\" b\"]", BAD, "\" b\""},
	{"model.merges", "[\"\"]", BAD, "merge 0"},
	{"model.merges", "[\"a b\",[\"a\"]]", BAD, "merge 1"},
	{"model.merges", "[[\"a\",\"b\",\"c\"]]", BAD, "merge 0"},
	{"model.merges", "[[\"a\",2]]", BAD, "merge 0"},
	{"model.merges", "[\"a zz\"]", BAD, "\"zz\""},
	{"model.merges", "[\"zz a\"]", BAD, "\"zz\""},
	{"model.merges", "[\"a c\"]", BAD, "\"ac\""},
	{"model.merges", "[\"a b\",\"a b\"]", BAD, "\"ab\""},
	{"normalizer", "{\"type\":\"NFKC\"}", NOT, "NFKC"},
	{"normalizer", "{\"type\":\"Lowercase\"}", NOT, "Lowercase"},
	{"normalizer", "{}", BAD, "normalizer"},
	{"normalizer", "3", BAD, "normalizer"},
	{"normalizer", "{\"type\":\"Sequence\"}", BAD, "normalizers"},
	{"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
	 "\"Strip\"}]}", NOT, "Strip"},
	{"pre_tokenizer", NULL, NOT, "ByteLevel"},
	{"pre_tokenizer", "null", NOT, "ByteLevel"},
	{"pre_tokenizer", "{\"type\":\"Metaspace\"}", NOT, "--tokens"},
	{"pre_tokenizer", "{\"type\":\"Whitespace\"}", NOT, "Whitespace"},
	{"pre_tokenizer", "{\"type\":\"Digits\"}", NOT, "ByteLevel"},
	{"pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[" GPT2
	 ",{\"type\":\"Digits\"}]}", NOT, "Digits"},
	{"pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[" GPT2
	 "," GPT2 "]}", NOT, "behind ByteLevel"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"behavior\":\"Isolated\"}",
	 BAD, "pattern"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"behavior\":\"Isolated\","
	 "\"pattern\":{\"Regex\":\"\"}}", BAD, "empty"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"Regex\":"
	 "\"a\"}}", BAD, "behavior"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"behavior\":\"Removed\","
	 "\"pattern\":{\"Regex\":\"a\"}}", NOT, "Removed"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"behavior\":"
	 "\"MergedWithNext\",\"pattern\":{\"String\":\"a\"}}", NOT,
	 "MergedWithNext"},
	{"pre_tokenizer", "{\"type\":\"Split\",\"behavior\":\"Isolated\","
	 "\"pattern\":{\"Regex\":\"a\\\\hb\"}}", NOT, "\\h"},
	{"added_tokens", "{}", BAD, "added_tokens"},
	{"added_tokens", "[3]", BAD, "content"},
	{"added_tokens", "[{\"id\":500}]", BAD, "content"},
	{"added_tokens", "[{\"content\":\"<x>\"}]", BAD, "<x>"},
	{"added_tokens", "[{\"id\":-2,\"content\":\"<x>\"}]", BAD, "-2"},
	{"added_tokens", "[{\"id\":97,\"content\":\"<x>\"}]", BAD, "97"},
	{"added_tokens", "[{\"id\":500,\"content\":\"ab\"}]", BAD, "500"},
	{"added_tokens", "[{\"id\":500,\"content\":\"\"}]", BAD, "empty"},
	{"added_tokens", "[{\"id\":500,\"content\":\"<x>\"},{\"id\":501,"
	 "\"content\":\"<x>\"}]", BAD, "twice"},
	{"added_tokens", "[{\"id\":500,\"content\":\"<x>\",\"single_word\":"
	 "true}]", NOT, "single_word"},
	{"added_tokens", "[{\"id\":500,\"content\":\"<x>\",\"special\":1}]",
	 BAD, "special"},
	/* and what must pass */
	{"model.type", NULL, HVQZ_OK, ""},
	{"model.unk_token", "\"<unk>\"", HVQZ_OK, ""},
	{"model.dropout", "0.0", HVQZ_OK, ""},
	{"model.dropout", "null", HVQZ_OK, ""},
	{"model.continuing_subword_prefix", "\"\"", HVQZ_OK, ""},
	{"model.vocab.more", "16777215", HVQZ_OK, ""},
	{"model.merges", "[]", HVQZ_OK, ""},
	{"normalizer", "null", HVQZ_OK, ""},
	{"added_tokens", "null", HVQZ_OK, ""},
	{"post_processor", "{\"type\":\"TemplateProcessing\"}", HVQZ_OK, ""},
};

static json_t *good_json(void)
{
	static const char *const merges[] = {"a b", "ab c", NULL};

	return spec_json(&(struct spec){
		.pre = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
		       "\"Split\",\"pattern\":{\"Regex\":\"\\\\p{L}+|\\\\s\"},"
		       "\"behavior\":\"Isolated\",\"invert\":false}," GPT2
		       "]}",
		.normalizer = "{\"type\":\"NFC\"}",
		.added = "[{\"id\":300,\"content\":\"<s>\",\"special\":true,"
			 "\"lstrip\":false}]",
		.model = "{\"ignore_merges\":true}",
		.merges = merges,
	});
}

static void replace(json_t *root, const char *part, const char *json)
{
	const char *dot;
	char name[100];

	while ((dot = strchr(part, '.'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - part), part);
		root = json_object_get(root, name);
		part = dot + 1;
	}
	if (json)
		json_object_set_new(root, part, spec_part(json));
	else
		json_object_del(root, part);
}

START_TEST(wrong_parts)
{
	const struct wrong *w = &wrong[_i];
	struct hvqz_err err = {0};
	struct tokenizer *t = NULL;
	json_t *root = good_json();
	enum hvqz_ret ret;

	replace(root, w->part, w->json);
	ret = load_json(root, &t, &err);
	ck_assert_msg(ret == w->want, "%s: %s: %d, \"%s\"", w->part,
		      w->json ? w->json : "-", (int)ret, err.msg);
	if (ret != HVQZ_OK) {
		ck_assert_msg(strstr(err.msg, w->names) != NULL, "%s: \"%s\"",
			      w->part, err.msg);
		ck_assert_int_eq(err.ret, ret);
		ck_assert_ptr_null(t);
	}
	tokenizer_free(t);
	json_decref(root);
}
END_TEST

/* Whole files that are no JSON, or not an object. */
static const struct {
	const char *text;
	size_t len;
} no_json[] = {
	{"", 0}, {"{", 1}, {"[]", 2}, {"3", 1}, {"{}", 2}, {"{}x", 3},
	{"{}\0", 3}, {"{\"model\":1,\"model\":1}", 21}, {"\xff\xfe", 2},
	{"{\"a\":\"\\u0000\"}", 14}, {"{\"a\":\"\\ud800\"}", 14},
};

START_TEST(not_json)
{
	struct hvqz_err err = {0};
	struct tokenizer *t = NULL;

	ck_assert_int_eq(tokenizer_new((const uint8_t *)no_json[_i].text,
				       no_json[_i].len, &t, &err),
			 HVQZ_DAMAGED);
	ck_assert_msg(strlen(err.msg) > 10, "%s", err.msg);
}
END_TEST

START_TEST(same_token_twice)
{
	static const char text[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":"
		"{\"Zebra\":1,\"Zebra\":2},\"merges\":[]}}";
	struct hvqz_err err = {0};
	struct tokenizer *t = NULL;

	ck_assert_int_eq(tokenizer_new((const uint8_t *)text, strlen(text),
				       &t, &err), HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, "Zebra") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(deep_nesting)
{
	enum { DEPTH = 100000 };
	struct tokenizer *t = NULL;
	struct buf b = {0};

	buf_put(&b, "{\"model\":", 9);
	for (unsigned i = 0; i < DEPTH; i++)
		buf_u8(&b, '[');
	for (unsigned i = 0; i < DEPTH; i++)
		buf_u8(&b, ']');
	buf_u8(&b, '}');
	ck_assert_int_eq(tokenizer_new(b.p, b.len, &t, NULL), HVQZ_DAMAGED);
	buf_free(&b);
}
END_TEST

/* Put, take out, copy or change some bytes of a text. */
static void mutate(struct rng *r, struct buf *b)
{
	static const char *const bits[] = {
		"{", "}", "[", "]", ",", ":", "\"", "null", "true", "-1", "0",
		"16777216", "1e9", "\"\"", "\\u0120", "\\", "(?=", "{2,3}",
		"*", "\"type\"", "\"id\"", "\"Split\"", "ab", "a b",
	};
	unsigned n = 1 + (unsigned)rng_below(r, 4);

	while (n-- && b->len > 8) {
		size_t at = rng_below(r, b->len), len;
		const char *bit = bits[rng_below(r, sizeof(bits) /
						    sizeof(bits[0]))];

		len = rng_below(r, 1 + (b->len - at < 12 ? b->len - at : 12));
		switch (rng_below(r, 4)) {
		case 0:
			b->p[at] = (uint8_t)rng_u64(r);
			break;
		case 1:
			memmove(b->p + at, b->p + at + len, b->len - at - len);
			b->len -= len;
			break;
		case 2:
			memmove(b->p + rng_below(r, b->len - len), b->p + at,
				len);
			break;
		default:
			buf_grow(b, strlen(bit));
			memmove(b->p + at + strlen(bit), b->p + at,
				b->len - strlen(bit) - at);
			memcpy(b->p + at, bit, strlen(bit));
		}
	}
}

START_TEST(mutated)
{
	static const char text[] = "<s>abc abcab\xff 12e\xcc\x81 ";
	json_t *root = good_json();
	char *json;
	struct rng r = {(uint64_t)_i};
	unsigned n_good = 0;
	struct buf b = {0};

	/* The single bytes are most of it: put them last, mutate the rest. */
	json = json_dumps(root, _i % 2 ? JSON_SORT_KEYS : JSON_COMPACT);
	for (unsigned i = 0; i < 3000; i++) {
		struct hvqz_err err = {0};
		struct tokenizer *t = NULL;
		uint32_t *ids;
		size_t n;

		buf_clear(&b);
		buf_put(&b, json, strlen(json));
		mutate(&r, &b);
		if (tokenizer_new(b.p, b.len, &t, &err) != HVQZ_OK) {
			ck_assert_ptr_null(t);
			ck_assert(err.msg[0]);
			continue;
		}
		n_good++;
		if (tokenizer_encode(t, (const uint8_t *)text, strlen(text),
				     NULL, &ids, &n, &err) == HVQZ_OK)
			free(ids);
		tokenizer_free(t);
	}
	ck_assert_uint_lt(n_good, 3000);
	free(json);
	json_decref(root);
	buf_free(&b);
}
END_TEST

/* Patterns that take exponential or cubic time on runs of `a`. */
static const struct slow {
	const char *regex;
	unsigned run;		/* this many 'a', " b ", and again */
} slow[] = {
	{"(?:a+)+$|a", 26},
	{"(?:a+)+$|a", 14},	/* no try is long, but all of them are */
	{"(?:a+)+$", 26},
	{"a*a*a*[^ab ]|.", 2000},
	{"(?:a|a)+c|.", 26},
	{"a*a*a*+[^ab ]|.", 50000},	/* 10^9 steps, each of them long */
	{"\\\\p{L}*\\\\w*\\\\p{L}*\\\\d|.", 50000},
};

struct stop_at {
	unsigned n, at;
};

static bool stop_at(void *ctx)
{
	struct stop_at *s = ctx;

	return ++s->n == s->at;
}

static struct tokenizer *split_tokenizer(const char *regex)
{
	char pre[400];

	snprintf(pre, sizeof(pre), "{\"type\":\"Sequence\","
		 "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
		 "\"Regex\":\"%s\"},\"behavior\":\"Isolated\"},%s]}", regex,
		 PLAIN);
	return new_tokenizer(&(struct spec){.pre = pre});
}

/* 58 KB ran for minutes, and no signal was heard. */
START_TEST(slow_patterns)
{
	enum { LEN = 58000 };
	const struct slow *s = &slow[_i];
	struct tokenizer *t = split_tokenizer(s->regex);
	struct stop_at count = {0, 0}, third = {0, 3};
	struct tokenizer_stop stop = {stop_at, &count};
	struct hvqz_err err = {0};
	struct buf b = {0};
	uint32_t *ids;
	size_t n;

	while (b.len < LEN) {
		for (unsigned i = 0; i < s->run; i++)
			buf_u8(&b, 'a');
		buf_put(&b, " b ", 3);
	}
	ck_assert_int_eq(tokenizer_encode(t, b.p, b.len, &stop, &ids, &n,
					  &err), HVQZ_UNSUPPORTED);
	ck_assert_msg(strstr(err.msg, "too long") != NULL, "%s", err.msg);
	if (!strchr(s->regex, '\\'))
		ck_assert_msg(strstr(err.msg, s->regex) != NULL, "%s",
			      err.msg);
	ck_assert_uint_lt(count.n, (1 << 24) + (64 + 2) * LEN);
	stop.ctx = &third;
	ck_assert_int_eq(tokenizer_encode(t, b.p, b.len, &stop, &ids, &n,
					  &err), HVQZ_STOPPED);
	ck_assert_str_eq(err.msg, "stopped");
	ck_assert_uint_eq(third.n, 3);
	buf_free(&b);
	tokenizer_free(t);
}
END_TEST

/* One piece of 1 MiB: what is left to stop is the merging. */
START_TEST(stopped_while_merging)
{
	static const char *const merges[] = {"a a", "aa aa", NULL};
	struct tokenizer *t = new_tokenizer(&(struct spec){.merges = merges});
	struct stop_at third = {0, 3};
	struct tokenizer_stop stop = {stop_at, &third};
	struct hvqz_err err = {0};
	size_t n, len = 1 << 20;
	char *text = malloc(len);
	uint32_t *ids;

	memset(text, 'a', len);
	ck_assert_int_eq(tokenizer_encode(t, (const uint8_t *)text, len, &stop,
					  &ids, &n, &err), HVQZ_STOPPED);
	ck_assert_uint_eq(third.n, 3);
	free(text);
	tokenizer_free(t);
}
END_TEST

static Suite *damage_suite(void)
{
	Suite *s = suite_create("tokenizer_damage");
	TCase *parts = tcase_create("parts");
	TCase *slow_case = tcase_create("slow");
	TCase *fuzz = tcase_create("fuzz");

	tcase_add_loop_test(parts, wrong_parts, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(parts, not_json, 0,
			    sizeof(no_json) / sizeof(no_json[0]));
	tcase_add_test(parts, same_token_twice);
	tcase_add_test(parts, deep_nesting);
	suite_add_tcase(s, parts);

	tcase_set_timeout(slow_case, 60);
	tcase_add_loop_test(slow_case, slow_patterns, 0,
			    sizeof(slow) / sizeof(slow[0]));
	tcase_add_test(slow_case, stopped_while_merging);
	suite_add_tcase(s, slow_case);

	tcase_set_timeout(fuzz, 120);
	tcase_add_loop_test(fuzz, mutated, 0, 4);
	suite_add_tcase(s, fuzz);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(damage_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
