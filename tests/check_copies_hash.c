/*
 * check_copies_hash.c - tensors of one hash that are not the same are no
 * copies.
 *
 * XXH3 multiplies the two halves of each lane after it has added its key. Where
 * the low half cancels the key the product is 0, and what the high halves of
 * two such lanes add up to is all that is left of them.
 */
#include "base/bytes.h"
#include "tests/job_case.h"

#include <xxhash.h>

static struct hvqz_err err;

enum { LEN = 128 * 256 * 2 };

static void make_pair(uint8_t *a, uint8_t *b)
{
	struct rng rng = {1};

	for (size_t i = 0; i < LEN; i++)
		a[i] = (uint8_t)(rng_u64(&rng) >> 56);
	/* The low halves of the default secret's first two keys. */
	put_le32(a, 0x396cfeb8);
	put_le32(a + 64, 0x2c81017c);
	put_le32(a + 4, 0x11110000);
	put_le32(a + 68, 0x22220000);
	memcpy(b, a, LEN);
	put_le32(b + 4, 0x11110000 + 0x1234);
	put_le32(b + 68, 0x22220000 - 0x1234);
}

START_TEST(a_hash_is_not_believed)
{
	static const uint64_t dim[] = {128, 256};
	struct buf model = {0}, file = {0}, back = {0};
	struct model m = {0};
	struct job_report rep;
	uint8_t *head, *a, *b;
	size_t len;

	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(model_add(&m, i ? "b" : "a", DTYPE_F16, 2,
					   dim, NULL), HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&model, head, len);
	a = malloc(LEN);
	b = malloc(LEN);
	ck_assert(a && b);
	make_pair(a, b);
	ck_assert(XXH128_isEqual(XXH3_128bits(a, LEN), XXH3_128bits(b, LEN)));
	buf_put(&model, a, LEN);
	buf_put(&model, b, LEN);
	ck_assert_int_eq(run_encode(&lossless, 2, &model, &file, &rep, &err),
			 HVQZ_OK);
	ck_assert_uint_eq(rep.n_copies, 0);
	ck_assert_int_eq(run_decode(2, file.p, file.len, 0, &back, &err),
			 HVQZ_OK);
	ck_assert_uint_eq(back.len, model.len);
	ck_assert_mem_eq(back.p, model.p, model.len);
	free(head);
	free(a);
	free(b);
	model_free(&m);
	buf_free(&model);
	buf_free(&file);
	buf_free(&back);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("copies' hashes");
	TCase *t = tcase_create("pairs");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_test(t, a_hash_is_not_believed);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
