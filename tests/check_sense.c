/*
 * check_sense.c - full Hessians read again from their sidecars, one by one, and
 * their factors shared between threads. What a factor is, is check_factor.c's
 * affair.
 */
#include "kernels/blas.h"
#include "sense_case.h"

#include "base/bytes.h"
#include "sense/factor_cache.h"

#include <math.h>

/* ---- reading H again ---- */

/* Large enough for several steps of the reader and for tiles of all shapes. */
START_TEST(load_f32)
{
	enum { N = 300 };
	float *h = case_covariance(N, 10, 1);
	float *got = must(malloc(N * N * sizeof(float)));
	struct sense_case c;
	struct hvqz_err err;
	float mean;

	/* As far off symmetry as rounding may be; both get the mean. */
	h[7 * N + 290] += 0.002f;
	mean = h[7 * N + 290] / 2 + h[290 * N + 7] / 2;
	case_open(&c, h, NULL, N);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	ck_assert_int_ge(c.n_reads, 2);
	ck_assert(got[7 * N + 290] == mean && got[290 * N + 7] == mean);
	got[7 * N + 290] = h[7 * N + 290];
	got[290 * N + 7] = h[290 * N + 7];
	ck_assert_mem_eq(got, h, N * N * sizeof(float));
	for (int j = 0; j < N; j++)
		ck_assert(got[j * N + j] == c.s->diag[j]);
	case_close(&c);
	free(h);
	free(got);
}
END_TEST

START_TEST(load_f16)
{
	enum { N = 500 };
	float *corr = must(malloc(N * N * sizeof(float)));
	float *got = must(malloc(N * N * sizeof(float)));
	float scale[N];
	struct sense_case c;
	struct hvqz_err err;
	struct rng r = {2};

	for (int j = 0; j < N; j++) {
		scale[j] = j ? expf(9 * case_random(&r)) : 0;
		for (int k = 0; k < j; k++)
			corr[j * N + k] = corr[k * N + j] = case_random(&r);
		corr[j * N + j] = 1;
	}
	case_open(&c, corr, scale, N);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	for (int j = 0; j < N; j++)
		for (int k = 0; k < N; k++) {
			float half = f32_from_f16(
				f16_from_f32(corr[j * N + k]));
			double want = (double)half * (double)scale[j] *
				      (double)scale[k];

			ck_assert(fabs((double)got[j * N + k] - want) <=
				  2e-7 * fabs(want));
			ck_assert(got[j * N + k] == got[k * N + j]);
		}
	for (int j = 0; j < N; j++)
		ck_assert(got[j * N + j] == c.s->diag[j]);
	case_close(&c);
	free(corr);
	free(got);
}
END_TEST

/* What the file may turn into after it was accepted: [3][3], value at i. */
static const struct {
	size_t i;
	float v;
	const char *words;
} spoilt[] = {
	{1, NAN, "nan in row 0, column 1"},
	{6, -INFINITY, "-inf in row 2, column 0"},
	{4, -1, "-1 in row 1, column 1; it must be finite and not negative"},
	{5, 0.25f, "symmetric"},
	{7, -0.25f, "symmetric"},
};

START_TEST(load_refuses)
{
	static const float eye[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
	struct hvqz_err err = {0};
	struct sense_case c;
	struct factor f;
	float got[9];

	case_open(&c, eye, NULL, 3);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	put_lef32(c.file.p + c.data + 4 * spoilt[_i].i, spoilt[_i].v);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, spoilt[_i].words), "%s", err.msg);
	ck_assert_str_eq(err.tensor, "w");
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_DAMAGED);
	ck_assert(!f.l && !f.m);
	case_close(&c);
}
END_TEST

/* Blocks of 2 for 3 channels, 1 between them: the same, value i of the data. */
static const struct {
	size_t i;
	uint16_t v;
	const char *words;
} spoilt_blocks[] = {
	{1, 0x7e00, "nan in row 0, column 1"},
	{4, 0x7c00, "inf in row 2, column 2"},
	{3, 0xbc00, "in row 1, column 1; it must be finite and not negative"},
	{2, 0x3800, "symmetric"},
};

START_TEST(load_blocks_refuses)
{
	static const float h[9] = {4, 2, 1, 2, 1, 1, 1, 1, 9};
	static const float want[9] = {4, 2, 0, 2, 1, 0, 0, 0, 9};
	struct hvqz_err err = {0};
	struct sense_case c;
	float got[9];

	case_open_blocks(&c, h, 3, 2);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	ck_assert_mem_eq(got, want, sizeof(got));
	put_le16(c.file.p + c.data + 2 * spoilt_blocks[_i].i,
		 spoilt_blocks[_i].v);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, spoilt_blocks[_i].words), "%s", err.msg);
	ck_assert_str_eq(err.tensor, "w");
	case_close(&c);
}
END_TEST

/* A file that fails while it is read: in its words, with the tensor's name. */
START_TEST(load_breaks)
{
	float *h = case_covariance(300, 10, 3);
	struct hvqz_err err = {0};
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, 300);
	c.broken_after = 1;
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_IO);
	ck_assert_int_eq(c.n_reads, 2);
	ck_assert_str_eq(err.tensor, "w");
	ck_assert_str_eq(err.msg, "the file is gone");
	case_close(&c);
	free(h);
}
END_TEST

START_TEST(move_takes_all_but_the_name)
{
	struct sens_table t = {0};
	struct sens *s = sens_table_add(&t, "a"), *from;

	s->diag = must(calloc(1, sizeof(float)));
	s->full.scale = must(calloc(1, sizeof(float)));
	s->has_full = true;
	from = must(sens_table_add(&t, "b"));
	from->diag = must(calloc(2, sizeof(float)));
	from->n_in = 2;
	sens_move(&t.v[0], from);
	ck_assert_str_eq(t.v[0].name, "a");
	ck_assert_uint_eq(t.v[0].n_in, 2);
	ck_assert(!t.v[0].has_full && !t.v[0].full.scale);
	ck_assert_str_eq(t.v[1].name, "b");
	ck_assert(!t.v[1].diag);
	sens_table_free(&t);
}
END_TEST

/* ---- many threads ---- */

enum { THREADS = 8, CHUNKS = 5, WEIGHTS = 3, WIDTH = 200 };

struct team {
	struct factor_cache cache;
	struct sense_case c[WEIGHTS];
	struct factor want[WEIGHTS];
	const struct factor *got[WEIGHTS][THREADS * CHUNKS];
	pthread_barrier_t all;
	atomic_uint next;
};

static void *member(void *arg)
{
	unsigned n = THREADS * CHUNKS, i;
	struct team *team = arg;

	while ((i = atomic_fetch_add(&team->next, 1)) < WEIGHTS * n) {
		const struct sens *s = team->c[i / n].s;
		const struct factor *f = NULL;
		struct hvqz_err err;

		if (i % 7 == 0) {
			factor_cache_skip(&team->cache, s, n);
			continue;
		}
		if (factor_cache_get(&team->cache, s, n, &f, &err) != HVQZ_OK)
			return "no factor";
		team->got[i / n][i % n] = f;
		if (memcmp(f->l, team->want[i / n].l, WIDTH * sizeof(float)) ||
		    memcmp(f->m, team->want[i / n].m,
			   WIDTH * WIDTH * sizeof(float)))
			return "another factor";
		factor_cache_put(&team->cache, f);
	}
	return NULL;
}

static void run_team(struct team *team, void *(*fn)(void *))
{
	pthread_t threads[THREADS];
	void *words;

	for (int i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&threads[i], NULL, fn, team));
	for (int i = 0; i < THREADS; i++) {
		ck_assert(!pthread_join(threads[i], &words));
		ck_assert_msg(!words, "%s", (char *)words);
	}
}

START_TEST(cache_shares)
{
	static struct team team;
	struct hvqz_err err;

	factor_cache_init(&team.cache);
	for (unsigned w = 0; w < WEIGHTS; w++) {
		float *h = case_covariance(WIDTH, 5, 50 + w);

		case_open(&team.c[w], h, NULL, WIDTH);
		ck_assert_int_eq(factor_make(team.c[w].s, &team.want[w], &err),
				 HVQZ_OK);
		ck_assert_int_eq(atomic_exchange(&team.c[w].n_reads, 0), 1);
		free(h);
	}
	run_team(&team, member);
	/* Made once, the same for all, and gone. */
	ck_assert_ptr_null(team.cache.first);
	for (int w = 0; w < WEIGHTS; w++) {
		const struct factor *one = NULL;

		ck_assert_int_eq(team.c[w].n_reads, 1);
		for (int i = 0; i < THREADS * CHUNKS; i++) {
			const struct factor *f = team.got[w][i];

			ck_assert(!f || !one || f == one);
			one = f ? f : one;
		}
		ck_assert_ptr_nonnull(one);
		factor_free(&team.want[w]);
		case_close(&team.c[w]);
	}
	factor_cache_free(&team.cache);
}
END_TEST

/* All hold it at once: with the last put it goes, not before. */
static void *holder(void *arg)
{
	struct team *team = arg;
	const struct factor *f;
	struct hvqz_err err;

	if (factor_cache_get(&team->cache, team->c[0].s, THREADS, &f, &err))
		return "no factor";
	pthread_barrier_wait(&team->all);
	if (team->cache.first == NULL || f->n != 2)
		return "it is gone";
	pthread_barrier_wait(&team->all);
	factor_cache_put(&team->cache, f);
	return NULL;
}

START_TEST(cache_holds)
{
	static const float h[4] = {4, 2, 2, 5};
	static struct team team;

	factor_cache_init(&team.cache);
	case_open(&team.c[0], h, NULL, 2);
	pthread_barrier_init(&team.all, NULL, THREADS);
	run_team(&team, holder);
	ck_assert_ptr_null(team.cache.first);
	ck_assert_int_eq(team.c[0].n_reads, 1);
	pthread_barrier_destroy(&team.all);
	case_close(&team.c[0]);
	factor_cache_free(&team.cache);
}
END_TEST

START_TEST(cache_errors)
{
	static const float h[4] = {4, 2, 2, 5};
	const struct factor *f = NULL;
	struct factor_cache cache;
	struct hvqz_err err;
	struct sense_case c;

	factor_cache_init(&cache);
	case_open(&c, h, NULL, 2);
	put_lef32(c.file.p + c.data, NAN);
	for (int i = 0; i < 3; i++) {
		err = (struct hvqz_err){0};
		ck_assert_int_eq(factor_cache_get(&cache, c.s, 3, &f, &err),
				 HVQZ_DAMAGED);
		ck_assert(!f && strstr(err.msg, "row 0"));
		ck_assert_int_eq(c.n_reads, 1);
		ck_assert_int_eq(!cache.first, i == 2);
	}
	/* What is left over goes with the cache. */
	put_lef32(c.file.p + c.data, 4);
	ck_assert_int_eq(factor_cache_get(&cache, c.s, 2, &f, &err), HVQZ_OK);
	factor_cache_put(&cache, f);
	ck_assert_ptr_nonnull(cache.first);
	case_close(&c);
	factor_cache_free(&cache);
}
END_TEST

#define N_OF(v) ((int)(sizeof(v) / sizeof((v)[0])))

static Suite *sense_suite(void)
{
	Suite *s = suite_create("sense");
	TCase *load = tcase_create("load");
	TCase *shared = tcase_create("shared");

	tcase_add_test(load, load_f32);
	tcase_add_test(load, load_f16);
	tcase_add_loop_test(load, load_refuses, 0, N_OF(spoilt));
	tcase_add_loop_test(load, load_blocks_refuses, 0, N_OF(spoilt_blocks));
	tcase_add_test(load, load_breaks);
	tcase_add_test(load, move_takes_all_but_the_name);
	tcase_set_timeout(load, 60);
	suite_add_tcase(s, load);

	tcase_set_timeout(shared, 60);
	tcase_add_test(shared, cache_shares);
	tcase_add_test(shared, cache_holds);
	tcase_add_test(shared, cache_errors);
	suite_add_tcase(s, shared);
	return s;
}

int main(void)
{
	SRunner *r;
	int n_failed;

	blas_init();
	r = srunner_create(sense_suite());
	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
