/*
 * check_sidecars.c - the sidecars of the command line: kept open, read again
 * from many threads, merged, and what happens when they change or are pipes.
 *
 * What is in a sidecar is check_sidecar.c's affair.
 */
#include "sense_case.h"

#include "cli/args.h"
#include "cli/message.h"
#include "cli/sidecars.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { N = 300, THREADS = 4 };

static char folder[] = "/tmp/check_sidecars-XXXXXX";

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(!chdir(folder));
}

static void leave(void)
{
	unlink("a");
	unlink("b");
	ck_assert(!chdir("/"));
	ck_assert(!rmdir(folder));
	memset(folder + sizeof(folder) - 7, 'X', 6);
}

/* before bytes of something else, then the file. */
static void save(const char *path, size_t before, const struct buf *b)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert(!before || fprintf(f, "%*s", (int)before, "") > 0);
	ck_assert_uint_eq(fwrite(b->p, 1, b->len, f), b->len);
	ck_assert(!fclose(f));
}

/* h [N][N] as a sidecar at path. */
static void save_full(const char *path, const float *h)
{
	struct sense_case c;

	case_open(&c, h, NULL, N);
	save(path, 0, &c.file);
	case_close(&c);
}

static void save_diag(const char *path)
{
	static const char head[] = "{\"__metadata__\":{\"hvqz.sidecar\":"
		"\"1\"},\"w.hessian_diag\":{\"dtype\":\"F32\",\"shape\":[1],"
		"\"data_offsets\":[0,4]}}";
	struct buf b = {0};

	buf_u64(&b, strlen(head));
	buf_put(&b, head, strlen(head));
	buf_f32(&b, 2);
	save(path, 0, &b);
	buf_free(&b);
}

static bool load(struct sidecars *sc, const char *first, const char *second)
{
	const char *paths[] = {first, second};
	struct args args = {.sidecars = paths, .n_sidecars = second ? 2 : 1};

	*sc = (struct sidecars){0};
	message_setup(-2, false);
	return sidecars_load(&args, sc);
}

/* sc's "w" is h [N][N]. */
static void check_full(const struct sidecars *sc, const float *h)
{
	const struct sens *s = sens_find(&sc->sens, "w");
	float *got = malloc(N * N * sizeof(float));
	struct hvqz_err err = {0};

	ck_assert(s && got && sens_can_load(s));
	ck_assert_msg(sens_load_full(s, got, &err) == HVQZ_OK, "%s", err.msg);
	ck_assert_mem_eq(got, h, N * N * sizeof(float));
	free(got);
}

START_TEST(none)
{
	struct args args = {0};
	struct sidecars sc = {0};

	ck_assert(sidecars_load(&args, &sc));
	sidecars_free(&sc);
}
END_TEST

struct crew {
	const struct sidecars *sc;
	const float *h;
};

static void *reader(void *arg)
{
	const struct crew *crew = arg;

	for (int i = 0; i < 10; i++)
		check_full(crew->sc, crew->h);
	return NULL;
}

START_TEST(many_threads)
{
	float *h = case_covariance(N, 3, 60);
	pthread_t threads[THREADS];
	struct sidecars sc;
	struct crew crew = {&sc, h};

	save_full("a", h);
	ck_assert(load(&sc, "a", NULL));
	ck_assert_uint_eq(sc.n, 1);
	for (int i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&threads[i], NULL, reader, &crew));
	for (int i = 0; i < THREADS; i++)
		ck_assert(!pthread_join(threads[i], NULL));
	ck_assert_int_eq(message_status(), EXIT_GOOD);
	sidecars_free(&sc);
	free(h);
}
END_TEST

/* Whatever comes later counts, from the file it is in. */
START_TEST(later_wins)
{
	float *h = case_covariance(N, 3, 61), *g = case_covariance(N, 3, 62);
	struct sidecars sc;

	save_full("a", h);
	save_full("b", g);
	ck_assert(load(&sc, "a", "b"));
	ck_assert_uint_eq(sc.n, 2);
	check_full(&sc, g);
	sidecars_free(&sc);
	ck_assert(load(&sc, "b", "a"));
	check_full(&sc, h);
	sidecars_free(&sc);

	save_diag("b");
	ck_assert(load(&sc, "a", "b"));
	ck_assert_uint_eq(sc.sens.n, 1);
	ck_assert(!sens_can_load(&sc.sens.v[0]));
	ck_assert(!sc.sens.v[0].has_full && sc.sens.v[0].n_in == 1);
	sidecars_free(&sc);
	ck_assert(load(&sc, "b", "a"));
	ck_assert_uint_eq(sc.n, 1);
	check_full(&sc, h);
	sidecars_free(&sc);
	free(h);
	free(g);
}
END_TEST

/* 0: its time, 1: its size, 2: both; 3: a new file of that name is no harm. */
START_TEST(changed)
{
	float *h = case_covariance(N, 3, 63);
	float *got = malloc(N * N * sizeof(float));
	struct timespec times[2] = {{1000, 0}, {1000, 0}};
	struct hvqz_err err = {0};
	struct sidecars sc;

	save_full("a", h);
	ck_assert(load(&sc, "a", NULL));
	check_full(&sc, h);
	if (_i == 3) {
		unlink("a");
		save_diag("a");
		check_full(&sc, h);
		goto out;
	}
	if (_i != 0)
		ck_assert(!truncate("a", N * N));
	if (_i != 1)
		ck_assert(!utimensat(AT_FDCWD, "a", times, 0));
	ck_assert_int_eq(sens_load_full(&sc.sens.v[0], got, &err), HVQZ_IO);
	ck_assert_msg(strstr(err.msg, "a changed after it was first read"),
		      "%s", err.msg);
	ck_assert_str_eq(err.tensor, "w");
out:
	sidecars_free(&sc);
	free(h);
	free(got);
}
END_TEST

START_TEST(pipe_has_diagonals)
{
	static const float h[4] = {4, 2, 2, 5};
	struct sense_case c;
	struct sidecars sc;
	int ends[2];

	case_open(&c, h, NULL, 2);
	ck_assert(!pipe(ends));
	ck_assert_int_eq(write(ends[1], c.file.p, c.file.len),
			 (ssize_t)c.file.len);
	close(ends[1]);
	ck_assert_int_eq(dup2(ends[0], 0), 0);
	close(ends[0]);
	ck_assert(load(&sc, "-", NULL));
	ck_assert_int_eq(message_status(), EXIT_WARNING);
	ck_assert_uint_eq(sc.n, 0);
	ck_assert(sc.sens.v[0].has_full && !sens_can_load(&sc.sens.v[0]));
	ck_assert(sc.sens.v[0].diag[0] == 4 && sc.sens.v[0].diag[1] == 5);
	sidecars_free(&sc);
	case_close(&c);
}
END_TEST

/* A file on standard input, from where it stands. */
START_TEST(redirected)
{
	float *h = case_covariance(N, 3, 64);
	struct sense_case c;
	struct sidecars sc;
	int fd;

	case_open(&c, h, NULL, N);
	save("a", 100, &c.file);
	case_close(&c);
	fd = open("a", O_RDONLY);
	ck_assert_int_eq(dup2(fd, 0), 0);
	close(fd);
	ck_assert_int_eq(lseek(0, 100, SEEK_SET), 100);
	ck_assert(load(&sc, "-", NULL));
	check_full(&sc, h);
	sidecars_free(&sc);
	free(h);
}
END_TEST

static Suite *sidecars_suite(void)
{
	Suite *s = suite_create("sidecars");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, enter, leave);
	tcase_add_test(files, none);
	tcase_add_test(files, many_threads);
	tcase_add_test(files, later_wins);
	tcase_add_loop_test(files, changed, 0, 4);
	tcase_add_test(files, pipe_has_diagonals);
	tcase_add_test(files, redirected);
	tcase_set_timeout(files, 60);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(sidecars_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
