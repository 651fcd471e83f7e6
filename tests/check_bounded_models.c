/*
 * check_bounded_models.c - what models cost that were made to cost: the program
 * itself, at most a second and 64 MiB + 16 × the header's own length.
 *
 * The container's are in check_bounded.c. Needs HVQZ.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "tests/archive_case.h"
#include "tests/bounded_case.h"
#include "tests/gguf_toy.h"

static void report(const char *what)
{
	printf("%s: at most %ld KiB, %.3f s\n", what, most_kib, most_seconds);
}

/*
 * Tensors that a conversion asks a question each, of as many pieces: that they
 * are none of the files was once found out by looking at all.
 */
START_TEST(a_question_for_every_tensor)
{
	enum { MANY = 50000 };
	struct buf file = {0}, tar = {0};
	struct model m = {0};
	struct files f = {0};
	char name[64];

	make_files(&toys[0], &f);
	make_model(&toys[0], &m);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d.rotary_emb.inv_freq", i);
		add(&m, &toys[0], name, 1, 0);
	}
	make_file(&m, &file);
	tar_text(&tar, "config.json", f.config);
	tar_text(&tar, "tokenizer.json", f.tokenizer);
	put_tar(&tar, "model.safetensors", '0', file.p, file.len);
	end_tar(&tar);
	put_file(tar.p, tar.len);
	ck_assert_int_eq(run_to("--to", "gguf", "questions", tar.len), 0);
	report("a question for every tensor");
	buf_free(&tar);
	buf_free(&file);
	model_free(&m);
}
END_TEST

/* An index of 8 MiB of what takes the most to remember. */
static const struct {
	const char *open, *one, *close;
} indexes[] = {
	{"{\"metadata\":[", "[],", "[]],\"weight_map\":{}}"},
	{"{\"weight_map\":[", "0,", "0]}"},
	{"{\"weight_map\":{", "\"%06x\":0,", "\"\":0}}"},
	{"{\"weight_map\":{", "\"%05x\":\"x\",", "\"\":0}}"},
};

START_TEST(an_index_of_little_things)
{
	struct buf b = {0}, tar = {0};
	char one[32];

	buf_put(&b, indexes[_i].open, strlen(indexes[_i].open));
	for (unsigned n = 0; b.len < 8 << 20; n++) {
		snprintf(one, sizeof(one), indexes[_i].one, n);
		buf_put(&b, one, strlen(one));
	}
	buf_put(&b, indexes[_i].close, strlen(indexes[_i].close));
	put_tar(&tar, "model.safetensors.index.json", '0', b.p, b.len);
	tar_model(&tar, "model.safetensors", "a", 1);
	end_tar(&tar);
	put_file(tar.p, tar.len);
	buf_free(&b);
	buf_free(&tar);
	ck_assert_int_eq(run("-z", indexes[_i].one, 8 << 20), 1);
	report(indexes[_i].one);
}
END_TEST

/* Headers of nothing but tensors without elements, in several files. */
START_TEST(many_headers)
{
	enum { FILES = 4, MANY = 33000 };	/* just over a power of two */
	struct buf head = {0}, tar = {0};
	uint64_t sum = 0;
	char one[96];

	for (int k = 0; k < FILES; k++) {
		buf_clear(&head);
		buf_u64(&head, 0);
		for (int i = 0; i < MANY; i++) {
			int n = snprintf(one, sizeof(one), "%c\"%05x\":{"
					 "\"dtype\":\"F32\",\"shape\":[0],"
					 "\"data_offsets\":[0,0]}",
					 i ? ',' : '{', i);

			buf_put(&head, one, (size_t)n);
		}
		buf_u8(&head, '}');
		put_le64(head.p, head.len - 8);
		snprintf(one, sizeof(one), "%d.safetensors", k);
		put_tar(&tar, one, '0', head.p, head.len);
		sum += head.len;
	}
	end_tar(&tar);
	put_file(tar.p, tar.len);
	buf_free(&tar);
	buf_free(&head);
	/* Each is the model's own, and has the same names. */
	ck_assert_int_eq(run("-z", "headers", sum), 1);
	report("many headers");
}
END_TEST

/* -M counts what a table takes: it was the header four times, and no more. */
START_TEST(a_table_is_planned_for)
{
	enum { MANY = 66000 };
	struct buf file = {0};
	struct model m = {0};
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		add(&m, &toys[0], name, 0, 0);
	}
	make_file(&m, &file);
	put_file(file.p, file.len);
	buf_free(&file);
	model_free(&m);
	ck_assert_int_eq(run_to("-M", "40M", "table", file.len), 1);
	ck_assert_int_eq(run_to("-M", "64M", "table", file.len), 0);
	report("a table");
	ck_assert(!MEASURED || most_kib <= 64 << 10);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bounded_models");
	TCase *cases = tcase_create("bounded_models");
	SRunner *sr = srunner_create(s);
	int failed;

	if (!bounded_start())
		return 99;
	tcase_add_test(cases, a_question_for_every_tensor);
	tcase_add_test(cases, many_headers);
	tcase_add_test(cases, a_table_is_planned_for);
	tcase_add_loop_test(cases, an_index_of_little_things, 0,
			    (int)(sizeof(indexes) / sizeof(indexes[0])));
	tcase_set_timeout(cases, 300);
	suite_add_tcase(s, cases);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	unlink(path);
	return failed != 0;
}
