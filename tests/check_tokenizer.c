/*
 * check_tokenizer.c - text to ids and back.
 *
 * The real text is compared with the ids another program made of it; merging
 * is compared with the definition, done the slow way; and any bytes must come
 * back. How text is cut into pieces: check_tokenizer_split.c.
 */
#include "base/rng.h"
#include "lm/tokenizer/bpe.h"
#include "lm/tokenizer/parts.h"
#include "lm/tokenizer/utf8.h"
#include "tests/tokenizer_case.h"

enum { MIB = 1 << 20 };

static bool read_file(const char *dir, const char *name, struct buf *b)
{
	char path[4096];
	int c;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f)
		return false;
	while ((c = getc(f)) != EOF)
		buf_u8(b, (uint8_t)c);
	fclose(f);
	ck_assert_int_eq(buf_ok(b, NULL), HVQZ_OK);
	return true;
}

static struct tokenizer *load_file(const char *dir, const char *name)
{
	struct hvqz_err err = {0};
	struct tokenizer *t = NULL;
	struct buf b = {0};

	ck_assert(read_file(dir, name, &b));
	ck_assert_msg(tokenizer_new(b.p, b.len, &t, &err) == HVQZ_OK, "%s",
		      err.msg);
	buf_free(&b);
	return t;
}

/* The text may be cut, and the last ids then differ: n_cut at most. */
static void same_as_u16(const struct tokenizer *t, const char *dir,
			const char *text_name, const char *ids_name,
			size_t n_cut)
{
	struct buf text = {0}, ref = {0};
	uint32_t *ids;
	size_t n;

	ck_assert(read_file(dir, text_name, &text));
	ck_assert(read_file(dir, ids_name, &ref));
	n = trip(t, text.p, text.len, NULL, 0, &ids);
	ck_assert_uint_gt(n, 100000);
	ck_assert_uint_le(n, ref.len / 2);
	for (size_t i = 0; i + n_cut < n; i++)
		ck_assert_msg(ids[i] == ref.p[2 * i] +
					256u * ref.p[2 * i + 1],
			      "%s/%s: id %zu of %zu", dir, text_name, i, n);
	if (!n_cut)
		ck_assert_uint_eq(n, ref.len / 2);
	free(ids);
	buf_free(&text);
	buf_free(&ref);
}

START_TEST(real_text)
{
	const char *data = getenv("DATA");
	struct tokenizer *t;
	char dir[4096];

	if (!data)
		return;
	snprintf(dir, sizeof(dir), "%s/kjv-1m", data);
	t = load_file(dir, "tokenizer.json");
	ck_assert_uint_eq(tokenizer_n_ids(t), 1024);
	same_as_u16(t, dir, "calib.txt", "calib.u16", 0);
	tokenizer_free(t);
}
END_TEST

START_TEST(real_text_elsewhere)
{
	const char *models = getenv("HVQZ_MODELS");
	struct tokenizer *t;
	char dir[4096];

	if (!models)
		return;
	snprintf(dir, sizeof(dir), "%s/docs-5m", models);
	t = load_file(dir, "tokenizer.json");
	same_as_u16(t, dir, "calib.txt", "calib.u16", 3);
	same_as_u16(t, dir, "eval.txt", "eval.u16", 3);
	tokenizer_free(t);
}
END_TEST

static void put_char(struct buf *b, uint32_t c)
{
	uint8_t to[4];

	buf_put(b, to, (size_t)utf8proc_encode_char((int32_t)c, to));
}

/* Bytes, characters, digits, white space, bits of added tokens, mixed. */
static void random_text(struct rng *r, struct buf *b)
{
	static const char *const bits[] = {
		"<s>", "</s>", "<s", "s>", "<<s>>", "'s", "'ll", " the ",
		"\r\n", "\n\n\n", "\t", "    ", "\xc2\xa0", "\xe2\x80\x83",
		"\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc0\x80",
	};
	unsigned n = (unsigned)rng_below(r, 40);

	buf_clear(b);
	for (unsigned i = 0; i < n; i++) {
		switch (rng_below(r, 6)) {
		case 0:
			buf_u8(b, (uint8_t)rng_u64(r));
			break;
		case 1:	/* not the surrogates */
			put_char(b, (uint32_t)rng_below(r, 0xd800));
			break;
		case 2:
			buf_u8(b, (uint8_t)('0' + rng_below(r, 10)));
			break;
		case 3:
			buf_u8(b, (uint8_t)" \n\t\r\v\f"[rng_below(r, 6)]);
			break;
		case 4:
			buf_u8(b, (uint8_t)('a' + rng_below(r, 26)));
			break;
		default: {
			const char *s = bits[rng_below(r, sizeof(bits) /
						       sizeof(bits[0]))];

			buf_put(b, s, strlen(s));
		}
		}
	}
	ck_assert_int_eq(buf_ok(b, NULL), HVQZ_OK);
}

#define LLAMA3 "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?" \
	"\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|" \
	"\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

#define SEQUENCE(first) "{\"type\":\"Sequence\",\"pretokenizers\":[" first \
	"," PLAIN "]}"
#define SPLIT(regex) "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex \
	"\"},\"behavior\":\"Isolated\",\"invert\":false}"

static const char *const some_merges[] = {
	"t h", "th e", "\xc4\xa0 the", "\xc4\xa0 \xc4\xa0", "1 2", "' s",
	"\xc4\xa0\xc4\xa0 \xc4\xa0\xc4\xa0", "\xc4\x8a \xc4\x8a", "\xc3\xb0 "
	"\xc5\x81", NULL,
};

static const struct spec all_bytes_back[] = {
	{.pre = PLAIN, .merges = some_merges},
	{.pre = GPT2, .merges = some_merges},
	{.pre = SEQUENCE(SPLIT(LLAMA3)), .merges = some_merges,
	 .model = "{\"ignore_merges\":true}",
	 .added = "[{\"id\":300,\"content\":\"<s>\",\"special\":true},"
		  "{\"id\":301,\"content\":\"</s>\",\"special\":false}]"},
	{.pre = SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":true}"),
	 .merges = some_merges},
};

START_TEST(any_bytes_come_back)
{
	struct tokenizer *t = new_tokenizer(&all_bytes_back[_i]);
	struct rng r = {(uint64_t)_i + 7};
	struct buf b = {0};

	for (unsigned i = 0; i < 4000; i++) {
		uint32_t *ids;

		random_text(&r, &b);
		trip(t, b.len ? b.p : (const uint8_t *)"", b.len, NULL, 0,
		     &ids);
		free(ids);
	}
	buf_free(&b);
	tokenizer_free(t);
}
END_TEST

START_TEST(both_forms_of_merges)
{
	static const char *const merges[] = {
		"a b", "b c", "ab c", "\xc4\xa0 a", NULL,
	};

	for (int in_pairs = 0; in_pairs < 2; in_pairs++) {
		struct tokenizer *t = new_tokenizer(&(struct spec){
			.merges = merges, .in_pairs = in_pairs});

		ck_assert_uint_eq(tokenizer_n_ids(t), 260);
		check_ids(t, "", NULL, "");
		check_ids(t, "abc", NULL, "258");
		check_ids(t, "bcabb", NULL, "257 256 98");
		check_ids(t, " ab", NULL, "32 256");
		check_ids(t, " a", NULL, "259");
		tokenizer_free(t);
	}
}
END_TEST

/* "xyz" is a token, but no merges lead there. */
START_TEST(whole_pieces)
{
	static const char *const merges[] = {"x y", "xy z", NULL};
	const char *model = "{\"ignore_merges\":%s,\"merges\":[\"x y\"]}";

	for (int ignore = 0; ignore < 2; ignore++) {
		struct tokenizer *t;
		char json[100];

		snprintf(json, sizeof(json), model, ignore ? "true" : "false");
		t = new_tokenizer(&(struct spec){
			.pre = GPT2, .merges = merges, .model = json});
		check_ids(t, "xyz", NULL, ignore ? "257" : "256 122");
		check_ids(t, "xyzz", NULL, "256 122 122");
		check_ids(t, "z xyz", NULL, "122 32 256 122");
		tokenizer_free(t);
	}
}
END_TEST

START_TEST(added_tokens)
{
	struct tokenizer *t = new_tokenizer(&(struct spec){
		.added = "[{\"id\":500,\"content\":\"<a>\",\"special\":true},"
			 "{\"id\":501,\"content\":\"<a>b\",\"special\":true},"
			 "{\"id\":502,\"content\":\"a>bcd\"},"
			 "{\"id\":503,\"content\":\"\xe6\xbc\xa2\"},"
			 "{\"id\":504,\"content\":\"<L>\",\"lstrip\":true,"
			 "\"special\":true},"
			 "{\"id\":505,\"content\":\"<R>\",\"rstrip\":true,"
			 "\"special\":true}]"});
	uint8_t *out;
	size_t len;
	uint32_t gap = 300;

	ck_assert_uint_eq(tokenizer_n_ids(t), 506);
	check_ids(t, "<a>", NULL, "500");
	check_ids(t, "x<a>y<a>b", NULL, "120 500 121 501");
	check_ids(t, "<a<a>bcd", NULL, "60 97 501 99 100");
	check_ids(t, "a>bcd<", NULL, "502 60");
	check_ids(t, "\xe6\xbc\xa2!", NULL, "503 33");
	check_ids(t, "a \n\xc2\xa0<L>b", "a<L>b", "97 504 98");
	check_ids(t, "a<R> \t\xe3\x80\x80 b", "a<R>b", "97 505 98");
	check_ids(t, "<R> <L>", "<R><L>", "505 504");
	check_ids(t, " \xa0<L>", NULL, "32 160 504");
	ck_assert_int_eq(tokenizer_decode(t, &gap, 1, &out, &len, NULL),
			 HVQZ_DAMAGED);
	gap = 506;
	ck_assert_int_eq(tokenizer_decode(t, &gap, 1, &out, &len, NULL),
			 HVQZ_DAMAGED);
	tokenizer_free(t);
}
END_TEST

/* The definition: of all pairs the lowest rank, of these the leftmost. */
static size_t merge_slowly(const struct vocab *v, uint32_t *id, size_t n)
{
	for (;;) {
		uint32_t best = VOCAB_NONE;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++) {
			uint32_t rank = vocab_rank(v, id[i], id[i + 1]);

			if (rank < best) {
				best = rank;
				at = i;
			}
		}
		if (best == VOCAB_NONE)
			return n;
		id[at] = v->merges[best].merged;
		memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof(*id));
		n--;
	}
}

/* Merges of tokens there are already, every pair once. */
static unsigned random_merges(struct rng *r, char (*text)[64],
			      const char **merges)
{
	static const char *const letters[] = {"a", "b", "c"};
	char name[64][16];
	unsigned n = 0;

	for (unsigned tries = 0; tries < 60; tries++) {
		uint64_t i = rng_below(r, n + 3), j = rng_below(r, n + 3);
		const char *left = i < 3 ? letters[i] : name[i - 3];
		const char *right = j < 3 ? letters[j] : name[j - 3];
		char both[16];
		unsigned same = 0;

		if (strlen(left) + strlen(right) > 8)
			continue;
		snprintf(text[n], 64, "%s %s", left, right);
		while (same < n && strcmp(text[same], text[n]))
			same++;
		if (same < n)
			continue;
		snprintf(both, sizeof(both), "%.7s%.7s", left, right);
		memcpy(name[n], both, sizeof(both));
		merges[n] = text[n];
		n++;
	}
	merges[n] = NULL;
	return n;
}

START_TEST(merging_by_definition)
{
	struct rng r = {20250};

	for (unsigned k = 0; k < 150; k++) {
		const char *merges[64];
		char text[64][64];
		struct tokenizer *t;

		ck_assert_uint_gt(random_merges(&r, text, merges), 3);
		t = new_tokenizer(&(struct spec){.merges = merges});
		for (unsigned i = 0; i < 60; i++) {
			size_t n = rng_below(&r, 60), n_ids, n_want;
			uint32_t want[60], *ids;
			uint8_t s[60];

			for (size_t j = 0; j < n; j++)
				want[j] = s[j] = (uint8_t)
					('a' + rng_below(&r, 3));
			n_want = merge_slowly(&t->vocab, want, n);
			n_ids = trip(t, s, n, NULL, 0, &ids);
			ck_assert_uint_eq(n_ids, n_want);
			if (n)
				ck_assert_mem_eq(ids, want, 4 * n_ids);
			free(ids);
		}
		tokenizer_free(t);
	}
}
END_TEST

/* Of one letter, which merges to one token of all: no regex, one piece. */
START_TEST(long_piece_is_not_quadratic)
{
	static char text[8][300];
	const char *merges[9] = {NULL};
	struct bpe_scratch s = {0};
	uint64_t steps[2];
	struct tokenizer *t;
	uint8_t *piece = malloc(MIB);

	for (unsigned i = 0; i < 7; i++) {
		memset(text[i], 'a', (size_t)2 << i);
		text[i][(2 << i) + 1] = '\0';
		memmove(text[i] + (1 << i) + 1, text[i] + (1 << i),
			(size_t)1 << i);
		text[i][1 << i] = ' ';
		merges[i] = text[i];
	}
	t = new_tokenizer(&(struct spec){.merges = merges});
	memset(piece, 'a', MIB);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = i ? MIB : MIB / 64;
		struct buf ids = {0};

		s.n_steps = 0;
		ck_assert_int_eq(bpe_encode(&t->vocab, &s, piece, len, &ids,
					    NULL, NULL), HVQZ_OK);
		ck_assert_uint_eq(ids.len / sizeof(uint32_t), len / 128);
		steps[i] = s.n_steps;
		buf_free(&ids);
	}
	/* 64 times the bytes, 20/14 times the logarithm: 91 */
	ck_assert_uint_gt(steps[0], 0);
	ck_assert_uint_lt(steps[1], 120 * steps[0]);
	ck_assert_uint_lt(steps[1], (uint64_t)MIB * 2 * 21);
	bpe_free(&s);
	free(piece);
	tokenizer_free(t);
}
END_TEST

static const char *const runs[] = {
	"a", " ", "\n", "1", " \n", "\xcc\x81\xcc\x96", "\xff", "ab1 ", "",
};

/* 1 MiB of one thing over and over; the last is random bytes. */
START_TEST(long_texts)
{
	const struct spec *s = &all_bytes_back[_i % 4];
	const char *run = runs[_i / 4];
	struct tokenizer *t = new_tokenizer(s);
	uint8_t *text = malloc(MIB);
	struct rng r = {11};
	uint32_t *ids;

	for (size_t i = 0; i < MIB; i++)
		text[i] = *run ? (uint8_t)run[i % strlen(run)] :
				 (uint8_t)rng_u64(&r);
	trip(t, text, MIB, NULL, 0, &ids);
	free(ids);
	free(text);
	tokenizer_free(t);
}
END_TEST

static Suite *tokenizer_suite(void)
{
	Suite *s = suite_create("tokenizer");
	TCase *real = tcase_create("real");
	TCase *small = tcase_create("small");
	TCase *big = tcase_create("long");

	tcase_set_timeout(real, 60);
	tcase_add_test(real, real_text);
	tcase_add_test(real, real_text_elsewhere);
	suite_add_tcase(s, real);

	tcase_set_timeout(small, 120);
	tcase_add_loop_test(small, any_bytes_come_back, 0, 4);
	tcase_add_test(small, both_forms_of_merges);
	tcase_add_test(small, whole_pieces);
	tcase_add_test(small, added_tokens);
	tcase_add_test(small, merging_by_definition);
	suite_add_tcase(s, small);

	tcase_set_timeout(big, 120);
	tcase_add_test(big, long_piece_is_not_quadratic);
	tcase_add_loop_test(big, long_texts, 0,
			    4 * sizeof(runs) / sizeof(runs[0]));
	suite_add_tcase(s, big);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(tokenizer_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
