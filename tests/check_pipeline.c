/*
 * check_pipeline.c - the ring: order, errors, and that everybody stops.
 */
#include "stream/pipeline.h"

#include <check.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct item {
	uint64_t number;
	uint64_t result;
};

struct run {
	uint64_t n;		/* items before the end */
	uint64_t made;
	uint64_t seen;		/* items put so far */
	uint64_t fail_next, fail_work, fail_work2, fail_put;	/* at item */
	bool slow_start;	/* the first items take longest */
	atomic_uint working;
};

enum { NEVER = -1 };

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct run *r = ctx;
	struct item *it = slot;

	if (r->made == r->fail_next)
		return hvqz_fail(err, HVQZ_IO, "next %llu",
				 (unsigned long long)r->made);
	*end = r->made == r->n;
	it->number = r->made++;
	return HVQZ_OK;
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct run *r = ctx;
	struct item *it = slot;

	(void)worker;
	atomic_fetch_add(&r->working, 1);
	if (r->slow_start && it->number < 4)
		usleep((useconds_t)(4 - it->number) * 5000);
	atomic_fetch_sub(&r->working, 1);
	if (it->number == r->fail_work || it->number == r->fail_work2)
		return hvqz_fail(err, HVQZ_DAMAGED, "work %llu",
				 (unsigned long long)it->number);
	it->result = it->number * it->number;
	return HVQZ_OK;
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct run *r = ctx;
	struct item *it = slot;

	if (r->seen == r->fail_put)
		return hvqz_fail(err, HVQZ_IO, "put %llu",
				 (unsigned long long)r->seen);
	ck_assert_uint_eq(it->number, r->seen);
	ck_assert_uint_eq(it->result, r->seen * r->seen);
	r->seen++;
	return HVQZ_OK;
}

static const struct pipeline_ops ops = {next, work, put};

static enum hvqz_ret run(struct run *r, unsigned threads, struct hvqz_err *err)
{
	struct item *slots = calloc(pipeline_slots(threads), sizeof(*slots));
	enum hvqz_ret ret;

	ret = pipeline_run(&ops, r, threads, slots, sizeof(*slots), err);
	ck_assert_uint_eq(atomic_load(&r->working), 0);
	free(slots);
	return ret;
}

static struct run never_failing(uint64_t n)
{
	return (struct run){
		.n = n,
		.fail_next = (uint64_t)NEVER,
		.fail_work = (uint64_t)NEVER,
		.fail_work2 = (uint64_t)NEVER,
		.fail_put = (uint64_t)NEVER,
	};
}

/* _i: threads */
START_TEST(results_come_in_order)
{
	static const uint64_t sizes[] = {0, 1, 2, 3, 17, 3000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int slow = 0; slow < 2; slow++) {
			struct run r = never_failing(sizes[i]);
			struct hvqz_err err;

			r.slow_start = slow;
			ck_assert_int_eq(run(&r, (unsigned)_i, &err), HVQZ_OK);
			ck_assert_uint_eq(r.seen, sizes[i]);
		}
}
END_TEST

START_TEST(the_first_error_in_order_wins)
{
	for (int round = 0; round < 50; round++) {
		struct run r = never_failing(200);
		struct hvqz_err err = {0};

		/* 4 fails before 3, which sleeps longer, does. */
		r.slow_start = true;
		r.fail_work = 3;
		r.fail_work2 = 4;
		ck_assert_int_eq(run(&r, (unsigned)_i, &err), HVQZ_DAMAGED);
		ck_assert_str_eq(err.msg, "work 3");
		ck_assert_uint_eq(r.seen, 3);
		if (round > 3)
			continue;
		r = never_failing(200);
		r.fail_next = 20;
		ck_assert_int_eq(run(&r, (unsigned)_i, &err), HVQZ_IO);
		ck_assert_str_eq(err.msg, "next 20");
		ck_assert_uint_eq(r.seen, 20);
		r = never_failing(200);
		r.fail_put = 7;
		ck_assert_int_eq(run(&r, (unsigned)_i, &err), HVQZ_IO);
		ck_assert_str_eq(err.msg, "put 7");
	}
}
END_TEST

START_TEST(an_error_record_is_optional)
{
	struct run r = never_failing(10);

	r.fail_work = 0;
	ck_assert_int_eq(run(&r, (unsigned)_i, NULL), HVQZ_DAMAGED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pipeline");
	TCase *t = tcase_create("ring");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, results_come_in_order, 1, 9);
	tcase_add_loop_test(t, the_first_error_in_order_wins, 1, 9);
	tcase_add_loop_test(t, an_error_record_is_optional, 1, 4);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
