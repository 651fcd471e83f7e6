/*
 * check_tokenizer_split.c - how text is cut into pieces, and NFC.
 *
 * What is wanted was derived by hand from the patterns: pieces with '|'
 * between them. NFC is compared with utf8proc's own.
 */
#include "base/rng.h"
#include "lm/tokenizer/normal.h"
#include "lm/tokenizer/split.h"
#include "lm/tokenizer/utf8.h"
#include "tests/tokenizer_case.h"

#define SPLIT_BY(kind, pattern) \
	"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\"," \
	"\"pattern\":{\"" kind "\":\"" pattern "\"},\"behavior\":" \
	"\"Isolated\",\"invert\":false}," PLAIN "]}"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" \
	"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|"
#define SPACES "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|" \
	"\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define LLAMA3 SPLIT_BY("Regex", CONTRACTIONS "\\\\p{N}{1,3}" SPACES)
#define QWEN2 SPLIT_BY("Regex", CONTRACTIONS "\\\\p{N}" SPACES)
#define SMOLLM "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":" \
	"\"Digits\",\"individual_digits\":true}," GPT2 "]}"
#define DIGITS "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":" \
	"\"Digits\",\"individual_digits\":false}," PLAIN "]}"
#define PREFIX "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}"
#define KEEP_MATCHES "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":" \
	"\"Split\",\"pattern\":{\"Regex\":\"\\\\w+|\\\\W+\"}," \
	"\"behavior\":\"Removed\",\"invert\":true}," PLAIN "]}"

static const struct cut {
	const char *pre;
	const char *text;
	const char *want;
} cuts[] = {
	{PLAIN, "all of it 1\n", "all of it 1\n"},
	{GPT2, "", ""},
	{GPT2, "Hello world", "Hello| world"},
	{GPT2, "I'm you'll DON'T", "I|'m| you|'ll| DON|'|T"},
	{GPT2, "a  b", "a| | b"},
	{GPT2, "a \n b", "a| \n| b"},
	{GPT2, "x\n\ny", "x|\n|\n|y"},
	{GPT2, "tail  ", "tail|  "},
	{GPT2, "abc123 4.5", "abc|123| 4|.|5"},
	{GPT2, "..., 7th", "...,| 7|th"},
	/* e acute, n tilde, one half, roman eight: letters, then numbers */
	{GPT2, "\xc3\xa9 \xc3\xb1\xc2\xbd\xe2\x85\xa7",
	 "\xc3\xa9| \xc3\xb1|\xc2\xbd\xe2\x85\xa7"},
	{GPT2, "\xe6\x97\xa5\xe6\x9c\xac \xe3\x83\x86\xe3\x82\xb9",
	 "\xe6\x97\xa5\xe6\x9c\xac| \xe3\x83\x86\xe3\x82\xb9"},
	/* a combining mark is none of letter, number, space */
	{GPT2, "e\xcc\x81x", "e|\xcc\x81|x"},
	/* no-break space and next line are spaces, U+180E is not */
	{GPT2, "a\xc2\xa0" "b", "a|\xc2\xa0|b"},
	{GPT2, "a\xc2\x85\xc2\x85" "b", "a|\xc2\x85|\xc2\x85|b"},
	{GPT2, "a\xe1\xa0\x8e!b", "a|\xe1\xa0\x8e!|b"},
	/* stray bytes are a piece, and text ends at them */
	{GPT2, "ab\xff\xfe cd", "ab|\xff\xfe| cd"},
	{GPT2, "a  \xff" "b", "a|  |\xff|b"},
	{GPT2, "\xe6\x97", "\xe6\x97"},
	{LLAMA3, "DON'T it's", "DON|'T| it|'s"},
	{LLAMA3, "12345 678", "123|45| |678"},
	{LLAMA3, "a\n\nb", "a|\n\n|b"},
	{LLAMA3, "x.\n\n y", "x|.\n\n| y"},
	{LLAMA3, "  \n  z", "  \n| | z"},
	{LLAMA3, "(foo)\tx", "(foo|)|\tx"},
	{LLAMA3, "\r\n\r\n!?\r\n", "\r\n\r\n|!?\r\n"},
	{QWEN2, "a 12", "a| |1|2"},
	{QWEN2, "v2.50", "v|2|.|5|0"},
	{SMOLLM, "a 12b", "a| |1|2|b"},
	{SMOLLM, "x\xc2\xbd\xc2\xbd", "x|\xc2\xbd|\xc2\xbd"},
	{SMOLLM, "it's 10 o", "it|'s| |1|0| o"},
	{DIGITS, "ab12 34", "ab|12| |34"},
	{SPLIT_BY("String", " "), "a b  c", "a| |b| | |c"},
	{SPLIT_BY("String", "a.c"), "abca.c", "abc|a.c"},
	{PREFIX, "ab", " ab"},
	{PREFIX, " ab", " ab"},
	{PREFIX, "\nab", " |\n|ab"},
	{PREFIX, "\xff" "a", " |\xff|a"},
	{KEEP_MATCHES, "ab, c", "ab|, |c"},
	/* matches of nothing cut as well */
	{SPLIT_BY("Regex", "b*"), "abbc\xc3\xa9", "a|bb|c|\xc3\xa9"},
	{SPLIT_BY("Regex", "(?=x)"), "axbx", "a|xb|x"},
	/* what Oniguruma and PCRE2 read differently */
	{SPLIT_BY("Regex", "\\\\p{Han}+"),
	 "\xe6\xbc\xa2\xe3\x80\x81\xe5\xad\x97",
	 "\xe6\xbc\xa2|\xe3\x80\x81|\xe5\xad\x97"},
	{SPLIT_BY("Regex", "\\\\w+"), "-e\xcc\x81_1\xe2\x80\xbf!\xc2\xbd",
	 "-|e\xcc\x81_1\xe2\x80\xbf|!|\xc2\xbd"},
	{SPLIT_BY("Regex", "[\\\\w]+"), "a_1!\xc2\xbd", "a_1|!\xc2\xbd"},
	{SPLIT_BY("Regex", "\\\\v"), "a\v\nb", "a|\v|\nb"},
	{SPLIT_BY("Regex", "\\\\u0041+"), "xAAy", "x|AA|y"},
	{SPLIT_BY("Regex", "[\\\\x{41}-\\\\x43]+"), "xABCDy", "x|ABC|Dy"},
	{SPLIT_BY("Regex", "[\\\\s-]+"), "a -.b", "a| -|.b"},
	{SPLIT_BY("Regex", "[\\\\s-z]+"), "a -zy", "a| -z|y"},
	{SPLIT_BY("Regex", "[^\\\\S\\\\n]+"), "a \n\tb", "a| |\n|\t|b"},
	{SPLIT_BY("Regex", "[!-\\\\/]+"), "a#/:", "a|#/|:"},
	{SPLIT_BY("Regex", "^a$"), "a\nba\na", "a|\nba\n|a"},
	{SPLIT_BY("Regex", "a{2}{"), "aaa{", "a|aa{"},
	{SPLIT_BY("Regex", "(?i)\\\\p{^L}+"), "ab12c", "ab|12|c"},
};

static enum hvqz_ret join(void *ctx, const uint8_t *piece, size_t len,
			  struct hvqz_err *err)
{
	struct buf *b = ctx;

	ck_assert_uint_gt(len, 0);
	if (b->len)
		buf_u8(b, '|');
	buf_put(b, piece, len);
	return buf_ok(b, err);
}

START_TEST(pieces)
{
	const struct cut *c = &cuts[_i];
	json_t *j = spec_part(c->pre);
	struct split_scratch scratch = {0};
	struct hvqz_err err = {0};
	struct split s = {0};
	struct buf b = {0};
	const struct split_sink sink = {join, &b};

	ck_assert_msg(split_load(&s, j, &err) == HVQZ_OK, "%s", err.msg);
	ck_assert_int_eq(split_begin(&scratch, &err), HVQZ_OK);
	ck_assert_msg(split_run(&s, &scratch, (const uint8_t *)c->text,
				strlen(c->text), &sink, NULL, &err) ==
			      HVQZ_OK,
		      "%s", err.msg);
	buf_u8(&b, 0);
	ck_assert_str_eq((const char *)b.p, c->want);
	buf_free(&b);
	split_end(&scratch);
	split_free(&s);
	json_decref(j);
}
END_TEST

/* Patterns we do not know, or that are none. */
static const char *const unknown[] = {
	"\\h", "\\bword", "\\B", "\\1", "\\R", "\\X", "\\K", "\\G", "\\",
	"\\x", "\\xe3", "\\x{", "\\u12", "\\pL", "\\p", "\\p{", "\\p{}",
	"\\p{Foo}", "\\p{Alphabetic}", "\\p{L&}", "a{,2}", "a{1,2}+",
	"a{2}?", "[[:alpha:]]", "[a[bc]]", "[a&&b]", "[]", "[^]", "[a",
	"[a\\", "[\\W]", "[!-\\s]", "[\\b]", "(?m:a)", "a(?i)b", "(?<n>a)",
	"(?#x)", "(*UTF)a", "(a", "a)", "a**", "(?", "\\\xc3\xa9",
};

START_TEST(unknown_patterns)
{
	struct hvqz_err err = {0};
	struct split s = {0};

	ck_assert_msg(split_add_regex(&s, unknown[_i], &err) ==
			      HVQZ_UNSUPPORTED, "%s", unknown[_i]);
	ck_assert_uint_eq(s.n_steps, 0);
	ck_assert_msg(strlen(err.msg) > 20, "%s", err.msg);
}
END_TEST

#define NFC "{\"type\":\"NFC\"}"

static const char *const normal[][2] = {
	{"plain", "plain"},
	{"e\xcc\x81", "\xc3\xa9"},
	/* below is of a lower class than above and goes first */
	{"a\xcc\x81\xcc\x96", "\xc3\xa1\xcc\x96"},
	/* of one class: in order, and the first is taken */
	{"a\xcc\x81\xcc\x80", "\xc3\xa1\xcc\x80"},
	{"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81"},
	{"\xe2\x84\xab", "\xc3\x85"},
	/* never composed again */
	{"\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc"},
	/* stray bytes are no characters and end text */
	{"\xff" "e\xcc\x81\xcc", "\xff\xc3\xa9\xcc"},
	{"e\xff\xcc\x81", "e\xff\xcc\x81"},
	/* only between the added tokens that want text as it came */
	{"<e\xcc\x81>e\xcc\x81", "<e\xcc\x81>\xc3\xa9"},
};

START_TEST(normalised_text)
{
	static const char *const ways[] = {
		NFC, "{\"type\":\"Sequence\",\"normalizers\":[" NFC "]}",
	};

	for (unsigned w = 0; w < 2; w++) {
		struct tokenizer *t = new_tokenizer(&(struct spec){
			.pre = GPT2, .normalizer = ways[w],
			.added = "[{\"id\":300,\"content\":\"<e\xcc\x81>\","
				 "\"special\":true}]"});

		for (unsigned i = 0; i < sizeof(normal) / sizeof(normal[0]);
		     i++) {
			const char *from = normal[i][0], *to = normal[i][1];
			uint32_t *ids;

			trip(t, from, strlen(from), to, strlen(to), &ids);
			free(ids);
		}
		tokenizer_free(t);
	}
}
END_TEST

/* One is written with a mark, and found in text that has the letter. */
START_TEST(added_and_normalised)
{
	struct tokenizer *t = new_tokenizer(&(struct spec){
		.normalizer = NFC,
		.added = "[{\"id\":300,\"content\":\"e\xcc\x81\","
			 "\"normalized\":true},"
			 "{\"id\":301,\"content\":\"a\xcc\x81\","
			 "\"normalized\":false}]"});

	check_ids(t, "x\xc3\xa9", "xe\xcc\x81", "120 300");
	check_ids(t, "xe\xcc\x81", NULL, "120 300");
	check_ids(t, "a\xcc\x81", NULL, "301");
	check_ids(t, "\xc3\xa1", NULL, "195 161");
	tokenizer_free(t);
}
END_TEST

START_TEST(nfc_is_utf8procs)
{
	static const int32_t some[] = {
		'a', 'e', 0x301, 0x316, 0x327, 0x345, 0x3b1, 0x1f80, 0xe9,
		0x1100, 0x1161, 0x11a8, 0xac00, 0x212b, 0x958, 0x93c, 0x5d0,
		0x5b4, 0x1d15e, 0xfb1d, 0x2f800, 0x1e9b, 0x323, 0x340, 0,
	};
	struct rng r = {33};
	struct buf out = {0};

	for (unsigned k = 0; k < 20000; k++) {
		unsigned n = 1 + (unsigned)rng_below(&r, 12);
		utf8proc_uint8_t *want = NULL;
		utf8proc_ssize_t want_len;
		uint8_t text[64];
		size_t len = 0;

		for (unsigned i = 0; i < n; i++) {
			int32_t c = some[rng_below(&r, sizeof(some) / 4)];

			if (!rng_below(&r, 4))
				c = (int32_t)rng_below(&r, 0xd800);
			len += (size_t)utf8proc_encode_char(c, text + len);
		}
		want_len = utf8proc_map(text, (utf8proc_ssize_t)len, &want,
					UTF8PROC_STABLE | UTF8PROC_COMPOSE);
		buf_clear(&out);
		ck_assert_int_eq(normal_nfc(text, len, &out, NULL), HVQZ_OK);
		ck_assert_int_eq((utf8proc_ssize_t)out.len, want_len);
		ck_assert_mem_eq(out.p, want, out.len);
		free(want);
	}
	buf_free(&out);
}
END_TEST

/* Marks in the wrong order, 1 MiB of them in one row. */
START_TEST(nfc_is_not_quadratic)
{
	enum { LEN = 1 << 20 };
	struct buf in = {0}, out = {0};

	while (in.len < LEN)
		buf_put(&in, "\xcc\x81\xcc\x96", 4);
	ck_assert_int_eq(normal_nfc(in.p, in.len, &out, NULL), HVQZ_OK);
	ck_assert_uint_eq(out.len, LEN);
	ck_assert_mem_eq(out.p, "\xcc\x96\xcc\x96", 4);
	ck_assert_mem_eq(out.p + LEN - 4, "\xcc\x81\xcc\x81", 4);
	buf_free(&in);
	buf_free(&out);
}
END_TEST

static Suite *split_suite(void)
{
	Suite *s = suite_create("tokenizer_split");
	TCase *split = tcase_create("split");
	TCase *nfc = tcase_create("nfc");

	tcase_add_loop_test(split, pieces, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_loop_test(split, unknown_patterns, 0,
			    sizeof(unknown) / sizeof(unknown[0]));
	suite_add_tcase(s, split);

	tcase_set_timeout(nfc, 60);
	tcase_add_test(nfc, normalised_text);
	tcase_add_test(nfc, added_and_normalised);
	tcase_add_test(nfc, nfc_is_utf8procs);
	tcase_add_test(nfc, nfc_is_not_quadratic);
	suite_add_tcase(s, nfc);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(split_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
