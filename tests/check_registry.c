/*
 * check_registry.c - which format an input is, and the names of those it is
 * mistaken for (rule A3). Real containers are check_container's affair.
 */
#include "formats/format.h"
#include "tests/safetensors_trip.h"

#include <check.h>
#include <stdlib.h>

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *p;
	size_t len;
	const char *word;	/* of the refusal; NULL: reader has it */
	const struct reader_ops *reader;	/* NULL: safetensors */
} inputs[] = {
	{BYTES("\2\0\0\0\0\0\0\0{}"), NULL, NULL},
	{BYTES("\x80\x02\0\0\0\0\0\0 \n\t {"), NULL, NULL},
	{BYTES("\x1f\x8b\x08\0\0\0\0\0{\""), NULL, NULL},
	{BYTES("\2\0\0\0\0\0\0\0[]"), NULL, NULL},
	{BYTES("\0\0\0\0\0\0\0\0"), NULL, NULL},
	{BYTES("\xff\xff\xff\xff\xff\xff\xff\xff{\"w\""), NULL, NULL},
	{BYTES(""), "empty", NULL},
	{BYTES("\1\2\3"), "3 bytes", NULL},
	{BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
	 "git-LFS", NULL},
	{BYTES("<!DOCTYPE html>\n<html></html>"), "HTML", NULL},
	{BYTES("\xef\xbb\xbf \n<HTML>"), "HTML", NULL},
	{BYTES("<?xml version=\"1.0\"?><Error><Code>NoSuchKey"), "XML", NULL},
	{BYTES("FUGG\0\0\0\3\0\0\0\0"), "other byte order", NULL},
	{BYTES("PK\3\4\24\0\0\0\0\0\0\0\0\0readme"), NULL, &zip_reader},
	{BYTES("PK\5\6\0\0\0\0\0\0\0\0"), NULL, &zip_reader},
	{BYTES("\x93NUMPY\1\0v\0{'descr'"), NULL, &npy_reader},
	{BYTES("\x80\2}q\1X\3\0\0\0"), "pickle", NULL},
	{BYTES("\x80\4\x95\1\0\0\0\0\0\0\0"), "pickle", NULL},
	{BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"), "gzip", NULL},
	{BYTES("\xfd""7zXZ\0\0\4"), "xz", NULL},
	{BYTES("\x28\xb5\x2f\xfd\4\0\0\0"), "zstd", NULL},
	{BYTES("{\"metadata\":{\"total_size\":1}}"), "JSON", NULL},
	{BYTES("\x1b[31mcommand not found\x1b[0m\r\n"), "plain text", NULL},
	{BYTES("   \n"), "white space", NULL},
	{BYTES("\1\2\3\4\5\6\7\10\11\12\13\14"), "not a model", NULL},
};
enum { N_INPUTS = sizeof(inputs) / sizeof(inputs[0]) };

START_TEST(detect)
{
	const struct reader_ops *r = NULL;
	struct source_memory memory;
	struct source src;
	struct hvqz_err err;
	enum hvqz_ret ret;

	source_init_memory(&src, &memory, inputs[_i].p, inputs[_i].len);
	ret = format_detect(&src, &r, &err);
	ck_assert_uint_eq(src.off, 0);
	if (inputs[_i].word) {
		ck_assert_int_eq(ret, HVQZ_UNSUPPORTED);
		ck_assert_msg(strstr(err.msg, inputs[_i].word),
			      "no \"%s\" in \"%s\"", inputs[_i].word, err.msg);
	} else {
		ck_assert_int_eq(ret, HVQZ_OK);
		ck_assert_ptr_eq(r, inputs[_i].reader ? inputs[_i].reader
						      : &safetensors_reader);
	}
	source_free(&src);
}
END_TEST

START_TEST(detect_read_fails)
{
	struct pipe_source pipe = {.p = NULL, .fail_at = 1};
	const struct reader_ops *r;
	struct source src;
	struct hvqz_err err;

	source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	ck_assert_int_eq(format_detect(&src, &r, &err), HVQZ_IO);
	source_free(&src);
}
END_TEST

START_TEST(writers_by_name)
{
	ck_assert_ptr_eq(format_writer("safetensors"), &safetensors_writer);
	ck_assert_ptr_null(format_writer("Safetensors"));
	ck_assert_ptr_null(format_writer(""));
}
END_TEST

static Suite *registry_suite(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry");

	tcase_add_loop_test(t, detect, 0, N_INPUTS);
	tcase_add_test(t, detect_read_fails);
	tcase_add_test(t, writers_by_name);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(registry_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
