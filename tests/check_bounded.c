/*
 * check_bounded.c - what it costs to refuse a file: the program itself, at
 * most a second and 64 MiB + 16 × the header's own length.
 *
 * Every case of the container's corpus, good ones too, and files of our own
 * that promise much; each in every mode that reads it. Needs HVQZ.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "tests/bounded_case.h"
#include "tests/container_corpus.h"

#include "base/bytes.h"
#include "formats/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const modes[] = {"-d", "-t", "-l", "-lvv", "-x*"};

enum { N_MODES = sizeof(modes) / sizeof(*modes) };

START_TEST(corpus_files_are_cheap_to_refuse)
{
	struct buf file = {0};

	for (size_t i = 0; i < container_corpus_n(); i++) {
		const struct corpus_case *c = container_corpus(i);

		container_corpus_make(c, &file);
		put_file(file.p, file.len);
		for (size_t m = 0; m < N_MODES; m++) {
			int status = run(modes[m], c->name, file.len);

			/*
			 * A list does not read what it does not show; and a
			 * good container may hold no good model.
			 */
			if (modes[m][1] == 'd' || modes[m][1] == 't')
				ck_assert_msg(status == 1 ||
						      c->ret == HVQZ_OK,
					      "%s: status %d", c->name,
					      status);
		}
	}
	buf_free(&file);
	printf("%zu files, %d modes: at most %ld KiB, %.3f s\n",
	       container_corpus_n(), N_MODES, most_kib, most_seconds);
}
END_TEST

/* A header that is nothing but zeros when it is unpacked: a kilobyte a byte. */
START_TEST(a_packed_header_of_zeros)
{
	static const size_t sizes[] = {1 << 20, 16 << 20, 52 << 20, 256 << 20};
	size_t n = sizes[_i];
	struct buf good = {0};
	struct image im = {0};
	uint8_t *zeros = calloc(n, 1);
	size_t packed;

	ck_assert(zeros);
	image_good(&good);
	image_take_apart(&good, &im);
	buf_clear(&im.header);
	buf_put(&im.header, zeros, n);
	for (enum corpus_stage at = AT_FRAME; at <= AT_FILE; at++)
		image_derive(&im, at);
	put_file(im.file.p, im.file.len);
	packed = im.frame.len;
	/* What this process has, the one it starts is said to have had. */
	image_free(&im);
	buf_free(&good);
	free(zeros);
	for (size_t m = 0; m < N_MODES; m++)
		ck_assert_int_eq(run(modes[m], "zeros", packed), 1);
	printf("a header of %zu bytes, %zu packed: at most %ld KiB, %.3f s\n",
	       n, packed, most_kib, most_seconds);
}
END_TEST

/* Rows without end, and none of them there: found missing all at once. */
START_TEST(a_table_that_is_all_promise)
{
	struct container_info info = {.max_raw = 64};
	struct container_writer *w;
	struct buf file = {0};
	struct sink sink;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(model_add(&info.model, (char[]){'a' + i, 0},
					   DTYPE_F16, 2,
					   (uint64_t[TENSOR_MAX_RANK]){
						   1ull << 50, 32}, NULL),
				 HVQZ_OK);
	strcpy(info.model.format, "safetensors");
	info.n_chunks = 3ull << 50;
	sink_init_memory(&sink, &file);
	ck_assert_int_eq(container_write_head(&w, &info, &sink, NULL),
			 HVQZ_OK);
	container_writer_free(w);
	put_file(file.p, file.len);
	for (size_t m = 0; m < N_MODES; m++)
		ck_assert_int_eq(run(modes[m], "rows", file.len), 1);
	buf_free(&file);
	container_info_free(&info);
}
END_TEST

/* A safetensors header that says it is as long as one may be, and is not. */
START_TEST(a_model_that_is_all_promise)
{
	enum { LEN = 1 << 20 };
	uint8_t *p = malloc(LEN);
	static const char *const fill[] = {"[", "{\"a\":", "\"", "0,", " "};

	ck_assert(p);
	for (size_t i = 8; i < LEN; i++)
		p[i] = (uint8_t)fill[_i][(i - 8) % strlen(fill[_i])];
	p[8] = '{';
	put_le64(p, LEN - 8);
	put_file(p, LEN);
	ck_assert_int_eq(run("-z", fill[_i], LEN), 1);
	ck_assert_int_eq(run("-l", fill[_i], LEN), 1);
	put_le64(p, 99999999);
	put_file(p, LEN);
	ck_assert_int_eq(run("-z", fill[_i], LEN), 1);
	free(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bounded");
	TCase *cases = tcase_create("bounded");
	SRunner *sr = srunner_create(s);
	int failed;

	if (!bounded_start())
		return 99;
	tcase_add_test(cases, corpus_files_are_cheap_to_refuse);
	tcase_add_loop_test(cases, a_packed_header_of_zeros, 0, 4);
	tcase_add_test(cases, a_table_that_is_all_promise);
	tcase_add_loop_test(cases, a_model_that_is_all_promise, 0, 5);
	tcase_set_timeout(cases, 300);
	suite_add_tcase(s, cases);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	unlink(path);
	return failed != 0;
}
