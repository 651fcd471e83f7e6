/*
 * check_pickle.c - PyTorch files: pickles that hold tensors, and pickles that
 * want something done (rule A1), which nobody does.
 */
#include "tests/corpus_pickle.h"
#include "tests/random.h"

START_TEST(pickles)
{
	const struct pickle_case *c = &pickle_cases[_i];
	struct buf b = {0}, data = {0}, back = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	pickle_file(&b, c->p, c->len);
	ret = take_all(b.p, b.len, &m, &data, &err);
	ck_assert_msg(ret == c->ret, "%s: %d %s", c->name, ret, err.msg);
	if (ret == HVQZ_OK) {
		ck_assert_str_eq(m.format, "torch");
		ck_assert_uint_eq(m.n_tensors, c->n_tensors);
		ck_assert_msg(!c->word || model_find(&m, c->word), "%s: %s",
			      c->name, m.tensors[0].name);
		ck_assert_int_eq(give_all("torch", &m, &data, &back, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(back.len, b.len);
		ck_assert_mem_eq(back.p, b.p, b.len);
	} else {
		ck_assert_msg(strstr(err.msg, c->word) != NULL,
			      "%s: no \"%s\" in \"%s\"", c->name, c->word,
			      err.msg);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&back);
}
END_TEST

/* Bytes changed, cut and repeated: nothing but errors and values come of it. */
START_TEST(damaged_pickles)
{
	struct rng rng = {(uint64_t)_i + 1};

	for (int trial = 0; trial < 2000; trial++) {
		uint8_t p[1024];
		size_t len = pickle_cases[_i].len;
		struct hvqz_err err = {0};
		struct pickle k;

		ck_assert_uint_le(len, sizeof(p));
		if (!len)
			return;
		memcpy(p, pickle_cases[_i].p, len);
		for (int n = 0; n <= trial % 4; n++)
			p[rng_below(&rng, len)] = (uint8_t)rng_u64(&rng);
		if (trial % 5 == 0)
			len = rng_below(&rng, len);
		if (pickle_parse(p, len, &k, &err) == HVQZ_OK)
			ck_assert_uint_lt(k.root, k.n);
		else
			ck_assert(*err.msg);
		pickle_free(&k);
	}
}
END_TEST

/* A key of n bytes, and a tensor under it: is it one to us? */
static size_t try_key(uint32_t n)
{
	struct buf k = {0}, b = {0}, data = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	size_t n_tensors;

	buf_put(&k, "\x80\2}X", 4);
	buf_u32(&k, n);
	for (uint32_t i = 0; i < n; i++)
		buf_u8(&k, 'k');
	buf_put(&k, P(W "s."));
	pickle_file(&b, k.p, k.len);
	ck_assert_msg(take_all(b.p, b.len, &m, &data, &err) == HVQZ_OK, "%s",
		      err.msg);
	n_tensors = m.n_tensors;
	model_free(&m);
	buf_free(&k);
	buf_free(&b);
	buf_free(&data);
	return n_tensors;
}

START_TEST(keys_are_bounded)
{
	ck_assert_uint_eq(try_key(1024), 1);
	ck_assert_uint_eq(try_key(1025), 0);
	ck_assert_uint_eq(try_key(100000), 0);
}
END_TEST

/* One tensor, 70,000 names of 1 KiB: 200 KB that would become 70 MB. */
START_TEST(names_are_bounded)
{
	struct buf k = {0}, b = {0}, data = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	buf_put(&k, "\x80\2}X", 4);
	buf_u32(&k, 1024);
	for (int i = 0; i < 1024; i++)
		buf_u8(&k, 'k');
	buf_put(&k, P("](" W "q\7"));
	for (int i = 0; i < 70000; i++)
		buf_put(&k, "h\7", 2);
	buf_put(&k, "es.", 3);
	pickle_file(&b, k.p, k.len);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert_msg(strstr(err.msg, "names") != NULL, "%s", err.msg);
	model_free(&m);
	buf_free(&k);
	buf_free(&b);
	buf_free(&data);
}
END_TEST

static Suite *pickle_suite(void)
{
	Suite *s = suite_create("pickle");
	TCase *t = tcase_create("pickle");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, pickles, 0, N_PICKLES);
	tcase_add_test(t, keys_are_bounded);
	tcase_add_test(t, names_are_bounded);
	tcase_add_loop_test(t, damaged_pickles, 0, N_PICKLES);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(pickle_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
