/*
 * check_shards.c - files that archives have of one name, and the index of a
 * model in several files: which one counts, and what has to be there.
 */
#include "formats/folder.h"
#include "formats/shards.h"
#include "tests/archive_case.h"

#include <jansson.h>

#define INDEX "m/model.safetensors.index.json"

static enum hvqz_ret take(const struct buf *b, struct model *m,
			  struct hvqz_err *err)
{
	struct buf data = {0};
	enum hvqz_ret ret;

	*err = (struct hvqz_err){0};
	ret = take_all(b->p, b->len, m, &data, err);
	buf_free(&data);
	return ret;
}

/* ---- which file it is ---- */

static const struct {
	const char *paths[4];	/* in the tar's order; each holds its number */
	const char *want;
} paths[] = {
	{{"m/config.json"}, "0"},
	{{"m/config.json", "m/config.json"}, "1"},
	{{"m/config.json", "m/sub/config.json"}, "0"},
	{{"m/sub/config.json", "m/config.json"}, "1"},
	{{"m/a/config.json", "m/b/config.json"}, "0"},
	{{"m/a/config.json", "m/b/config.json", "m/a/config.json"}, "2"},
	{{"m/config.json", "m/config.json", "m/sub/config.json"}, "1"},
};

/* tar's r appends: the older file is there still, and is none any more. */
START_TEST(the_last_of_a_path_is_the_file)
{
	struct buf b = {0}, text = {0};
	struct hvqz_err err;
	struct model m = {0};
	struct pieces p;

	for (int i = 0; i < 4 && paths[_i].paths[i]; i++)
		tar_text(&b, paths[_i].paths[i], (char[]){'0' + i, 0});
	tar_model(&b, "m/model.safetensors", "a", 1);
	end_tar(&b);
	ck_assert_int_eq(take(&b, &m, &err), HVQZ_OK);
	ck_assert_int_eq(pieces_from_head(&p, &m, &err), HVQZ_OK);
	ck_assert_int_eq(pieces_file(&p, "config.json", 9, &text, &err),
			 HVQZ_OK);
	buf_u8(&text, 0);
	ck_assert_str_eq((char *)text.p, paths[_i].want);
	pieces_free(&p);
	model_free(&m);
	buf_free(&text);
	buf_free(&b);
}
END_TEST

#define ONE_OF(file) "{\"weight_map\":{\"a\":\"" file "\"}}"

START_TEST(the_last_index_counts)
{
	struct buf b = {0};
	struct hvqz_err err;
	struct model m = {0};

	tar_text(&b, INDEX, ONE_OF("old.safetensors"));
	tar_model(&b, "m/new.safetensors", "a", 1);
	tar_text(&b, INDEX, ONE_OF("new.safetensors"));
	end_tar(&b);
	ck_assert_msg(take(&b, &m, &err) == HVQZ_OK, "%s", err.msg);
	ck_assert(model_find(&m, "a"));
	model_free(&m);
	buf_free(&b);
}
END_TEST

/* ---- in which order ---- */

/* A qsort as C allows it, for all that is linked here: equals turn round. */
void qsort(void *base, size_t n, size_t size,
	   int (*compare)(const void *, const void *))
{
	uint8_t *v = base, *one = malloc(size);

	ck_assert(one);
	for (size_t i = 1; i < n; i++) {
		size_t at = i;

		memcpy(one, v + i * size, size);
		while (at && compare(v + (at - 1) * size, one) >= 0)
			at--;
		memmove(v + (at + 1) * size, v + at * size, (i - at) * size);
		memcpy(v + at * size, one, size);
	}
	free(one);
}

/* All of them begin where the model does. */
START_TEST(empty_files_keep_their_order)
{
	static const char *const names[] = {"c", "a", "b", "model.safetensors"};
	struct buf b = {0}, file = {0};
	struct members files = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	struct pieces p;
	size_t n = 0;

	put_safetensors(&file, "a", 1);
	for (int i = 0; i < 4; i++)
		ck_assert(!members_add(&files, names[i], 0,
				       i < 3 ? 0 : file.len, NULL, &err));
	ck_assert(!folder_put_table(&b, &files, &err));
	buf_put(&b, file.p, file.len);
	ck_assert_msg(take(&b, &m, &err) == HVQZ_OK, "%s", err.msg);
	ck_assert_int_eq(pieces_from_head(&p, &m, &err), HVQZ_OK);
	for (size_t i = 0; i < p.n; i++)
		if (p.v[i].name)
			ck_assert_str_eq(p.v[i].name, names[n++]);
	ck_assert_uint_eq(n, 4);
	pieces_free(&p);
	members_free(&files);
	model_free(&m);
	buf_free(&file);
	buf_free(&b);
}
END_TEST

/* ---- what has to be there ---- */

#define PART(n) "model-0000" n "-of-00002.safetensors"

/* Files of one tensor each, and what the index says of them. */
static const struct {
	const char *index_path, *index;
	const char *word;	/* of what is refused; NULL: all is there */
} promises[] = {
	{INDEX, "{\"weight_map\":{\"a\":\"" PART("1") "\",\"b\":\"" PART("2")
	 "\"}}", NULL},
	/* Which file it is in is for who reads to find out. */
	{INDEX, "{\"weight_map\":{\"b\":\"" PART("1") "\",\"a\":\"" PART("2")
	 "\"}}", NULL},
	{INDEX, "{\"weight_map\":{\"a\":\"" PART("1") "\",\"c\":\"" PART("2")
	 "\",\"d\":\"" PART("2") "\"}}", "2 of its 3"},
	/* A tensor of that name in another file is none of the model's. */
	{INDEX, "{\"weight_map\":{\"a\":\"" PART("1") "\",\"b\":\"" PART("2")
	 "\",\"arr\":\"" PART("2") "\"}}", "1 of its 3"},
	/* The index of another model. */
	{"m/sub/model.safetensors.index.json", "{\"weight_map\":{\"c\":\"x\"}}",
	 NULL},
};

START_TEST(what_the_index_promises)
{
	struct buf b = {0}, npy = {0}, data = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	put_npy(&npy, NPY_F4, 24);
	tar_text(&b, promises[_i].index_path, promises[_i].index);
	put_tar(&b, "m/arr.npy", '0', npy.p, npy.len);
	tar_model(&b, "m/" PART("1"), "a", 1);
	tar_model(&b, "m/" PART("2"), "b", 2);
	end_tar(&b);
	ret = take_all(b.p, b.len, &m, &data, &err);
	if (ret == HVQZ_OK)
		ret = shards_check(&m, &err);
	ck_assert_int_eq(ret, promises[_i].word ? HVQZ_DAMAGED : HVQZ_OK);
	if (promises[_i].word)
		ck_assert_msg(strstr(err.msg, promises[_i].word) != NULL,
			      "%s", err.msg);
	model_free(&m);
	buf_free(&data);
	buf_free(&npy);
	buf_free(&b);
}
END_TEST

/* S1: once an empty file was a file like any other. */
START_TEST(an_empty_file_is_no_model)
{
	struct buf b = {0};
	struct hvqz_err err;
	struct model m = {0};

	tar_text(&b, INDEX, "{\"weight_map\":{\"a\":\"" PART("1")
		 "\",\"b\":\"" PART("2") "\"}}");
	tar_model(&b, "m/" PART("1"), "a", 1);
	tar_text(&b, "m/" PART("2"), "");
	end_tar(&b);
	ck_assert_int_eq(take(&b, &m, &err), HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, "in m/" PART("2") ": truncated") != NULL,
		      "%s", err.msg);
	model_free(&m);
	buf_free(&b);
}
END_TEST

/* ---- the index ---- */

static size_t mallocs_left;

static void *failing_malloc(size_t n)
{
	if (!mallocs_left)
		return NULL;
	mallocs_left--;
	return malloc(n);
}

/* jansson may drop a letter that it has no memory for, and go on. */
START_TEST(no_memory_is_no_other_name)
{
	static const char index[] = "{\"metadata\":{\"total_size\":8},"
		"\"weight_map\":{\"a name of more than sixteen letters\":"
		"\"a file of more than sixteen letters\"}}";
	enum hvqz_ret ret;
	size_t n = 0;

	json_set_alloc_funcs(failing_malloc, free);
	do {
		struct hvqz_err err = {0};
		struct shards s;

		mallocs_left = n++;
		ret = shards_parse((const uint8_t *)index, strlen(index), &s,
				   &err);
		ck_assert_msg(ret == HVQZ_OK || ret == HVQZ_NOMEM,
			      "allocation %zu: %s", n, err.msg);
		if (ret == HVQZ_OK) {
			ck_assert_str_eq(s.name[0], "a file of more than "
						    "sixteen letters");
			ck_assert_str_eq(s.tensor[0], "a name of more than "
						      "sixteen letters");
		}
		shards_free(&s);
	} while (ret != HVQZ_OK);
	json_set_alloc_funcs(malloc, free);
	ck_assert_uint_gt(n, 4);
}
END_TEST

static const struct {
	const char *text, *word;	/* NULL: it is good */
	enum hvqz_ret ret;
} indexes[] = {
	{"{\"weight_map\":{\"a\":\"x\",\"b\":\"x\"}}", NULL, HVQZ_OK},
	{" {\"more\":[1,{\"x\":[]}],\"weight_map\":{\"a\":\"x\"}}\n",
	 NULL, HVQZ_OK},
	{"", "not JSON", HVQZ_DAMAGED},
	{"[]", "not JSON", HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"x\"}} {}", "not JSON", HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"x\"},\"more\":[1}}", "not JSON",
	 HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"x\"},\"more\":[[[[[[[[[[[[[[[[[1]]]]]]"
	 "]]]]]]]]]]]}", "nesting", HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"\\u0000\"}}", "not JSON",
	 HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", "twice",
	 HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"x\"},\"weight_map\":{}}", "second",
	 HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":1}}", "plain name", HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"\"}}", "plain name", HVQZ_DAMAGED},
	{"{\"weight_map\":{\"a\":\"..\"}}", "plain name", HVQZ_DAMAGED},
	{"{\"weight_map\":{}}", "empty", HVQZ_DAMAGED},
	{"{\"weight_map\":[\"x\"]}", "not an object", HVQZ_DAMAGED},
};

START_TEST(indexes_by_rule)
{
	const char *text = indexes[_i].text;
	struct hvqz_err err = {0};
	struct shards s;

	ck_assert_int_eq(shards_parse((const uint8_t *)text, strlen(text), &s,
				      &err), indexes[_i].ret);
	if (indexes[_i].word)
		ck_assert_msg(strstr(err.msg, indexes[_i].word) != NULL,
			      "%d: %s", _i, err.msg);
	else
		ck_assert(s.n == 1 && shards_list(&s, "x"));
	shards_free(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shards");
	TCase *t = tcase_create("shards");
	SRunner *r = srunner_create(s);
	int n_failed;

	tcase_add_loop_test(t, the_last_of_a_path_is_the_file, 0,
			    (int)(sizeof(paths) / sizeof(paths[0])));
	tcase_add_test(t, the_last_index_counts);
	tcase_add_test(t, empty_files_keep_their_order);
	tcase_add_loop_test(t, what_the_index_promises, 0,
			    (int)(sizeof(promises) / sizeof(promises[0])));
	tcase_add_test(t, an_empty_file_is_no_model);
	tcase_add_test(t, no_memory_is_no_other_name);
	tcase_add_loop_test(t, indexes_by_rule, 0,
			    (int)(sizeof(indexes) / sizeof(indexes[0])));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
