/*
 * check_team.c - every item of every round is done exactly once, by a thread
 * that exists, and before team_run() returns. Made to be run under a race
 * detector too: counts are plain, so that a round that ends early is a race.
 */
#include "lm/team.h"

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 500, MOST_THREADS = 17 };

struct round {
	unsigned n_threads;
	unsigned done[MOST_ITEMS];	/* an item's own: no lock */
	uint64_t sum[MOST_THREADS];	/* a thread's own: no lock */
};

static void do_item(void *ctx, size_t item, unsigned thread)
{
	struct round *r = ctx;

	/* Not ck_assert: other threads must not fail a test. */
	if (item >= MOST_ITEMS || thread >= r->n_threads)
		abort();
	r->done[item]++;
	r->sum[thread] += item + 1;
}

static void check_round(struct team *t, size_t n_items, unsigned times)
{
	struct round *r = calloc(1, sizeof(*r));
	uint64_t sum = 0;
	size_t wrong = 0;

	ck_assert_ptr_nonnull(r);
	r->n_threads = team_size(t);
	for (unsigned i = 0; i < times; i++) {
		team_run(t, do_item, r, n_items);
		/* at once: nobody may still be at work */
		for (size_t j = 0; j < MOST_ITEMS; j++)
			wrong += r->done[j] != (j < n_items ? i + 1 : 0);
	}
	ck_assert_uint_eq(wrong, 0);
	for (unsigned i = 0; i < MOST_THREADS; i++)
		sum += r->sum[i];
	ck_assert_uint_eq(sum, (uint64_t)times * n_items * (n_items + 1) / 2);
	free(r);
}

START_TEST(every_item_once)
{
	static const unsigned sizes[] = {1, 2, 3, 4, 5, 8, MOST_THREADS};
	static const size_t items[] = {0, 1, 2, 3, 7, 16, 17, 18, 100,
				       MOST_ITEMS};
	unsigned n_threads = sizes[_i];
	struct team *t;

	ck_assert_int_eq(team_new(n_threads, &t, NULL), HVQZ_OK);
	ck_assert_uint_eq(team_size(t), n_threads);
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		check_round(t, items[i], 7);
	team_free(t);
}
END_TEST

/* Rounds of nothing, of one and of many follow each other closely. */
START_TEST(rounds_do_not_mix)
{
	struct round *r = calloc(1, sizeof(*r));
	struct team *t;
	unsigned must[4] = {0};

	ck_assert_int_eq(team_new(3, &t, NULL), HVQZ_OK);
	r->n_threads = 3;
	for (unsigned i = 0; i < 1000; i++) {
		size_t n = i % 4;

		team_run(t, do_item, r, n);
		for (size_t j = 0; j < n; j++)
			must[j]++;
	}
	for (size_t j = 0; j < 4; j++)
		ck_assert_uint_eq(r->done[j], must[j]);
	team_free(t);
	free(r);
}
END_TEST

/* ---- everybody works ---- */

/* Items that wait for each other: no end but with a thread for each. */
struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t all_here;
	unsigned here, n;
	bool seen[MOST_THREADS];
};

static void meet(void *ctx, size_t item, unsigned thread)
{
	struct meeting *m = ctx;

	(void)item;
	pthread_mutex_lock(&m->lock);
	m->seen[thread] = true;
	m->here++;
	pthread_cond_broadcast(&m->all_here);
	while (m->here % m->n)
		pthread_cond_wait(&m->all_here, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

START_TEST(all_threads_take_part)
{
	struct meeting m = {.n = 5};
	struct team *t;

	pthread_mutex_init(&m.lock, NULL);
	pthread_cond_init(&m.all_here, NULL);
	ck_assert_int_eq(team_new(m.n, &t, NULL), HVQZ_OK);
	for (unsigned i = 0; i < 20; i++) {
		memset(m.seen, 0, sizeof(m.seen));
		team_run(t, meet, &m, m.n);
		ck_assert_uint_eq(m.here, m.n * (i + 1));
		for (unsigned j = 0; j < m.n; j++)
			ck_assert(m.seen[j]);
	}
	team_free(t);
	pthread_cond_destroy(&m.all_here);
	pthread_mutex_destroy(&m.lock);
}
END_TEST

/* One thread is the caller's own, and items come in order. */
static void in_order(void *ctx, size_t item, unsigned thread)
{
	size_t *next = ctx;

	ck_assert_uint_eq(thread, 0);
	ck_assert_uint_eq(item, *next);
	++*next;
}

START_TEST(alone_in_order)
{
	struct team *t;
	size_t next = 0;

	ck_assert_int_eq(team_new(1, &t, NULL), HVQZ_OK);
	team_run(t, in_order, &next, 1000);
	ck_assert_uint_eq(next, 1000);
	team_free(t);
}
END_TEST

START_TEST(teams_come_and_go)
{
	struct team *t;

	for (unsigned i = 1; i <= 40; i++) {
		ck_assert_int_eq(team_new(i % 6 + 1, &t, NULL), HVQZ_OK);
		if (i % 3)	/* also one that never worked */
			check_round(t, i, 1);
		team_free(t);
	}
	team_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("team");
	TCase *t = tcase_create("rounds");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, every_item_once, 0, 7);
	tcase_add_test(t, rounds_do_not_mix);
	tcase_add_test(t, all_threads_take_part);
	tcase_add_test(t, alone_in_order);
	tcase_add_test(t, teams_come_and_go);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
