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

int main(void)
{
	Suite *s = suite_create("bounded_models");
	TCase *cases = tcase_create("bounded_models");
	SRunner *sr = srunner_create(s);
	int failed;

	if (!bounded_start())
		return 99;
	tcase_add_test(cases, a_question_for_every_tensor);
	tcase_set_timeout(cases, 300);
	suite_add_tcase(s, cases);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	unlink(path);
	return failed != 0;
}
