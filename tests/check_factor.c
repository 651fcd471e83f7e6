/*
 * check_factor.c - factors of Hessians, against the plain double-precision
 * versions of themselves. The feedback through them: check_feedback.c.
 *
 * The last tests factor every Hessian of real sidecars: $DATA/kjv-1m (in the
 * source tree) and, where there is one, $HVQZ_MODELS/docs-5m.
 */
#include "kernels/blas.h"
#include "sense_case.h"

#include "sense/factor.h"

#include <math.h>

/* ---- factors ---- */

/* L of H + δ·diag(H) in doubles, to l [n][n]; false: not positive. */
static bool plain_cholesky(const float *h, size_t n, double damping, double *l)
{
	for (size_t k = 0; k < n; k++)
		for (size_t j = 0; j <= k; j++) {
			double sum = (double)h[k * n + j];

			sum *= j == k ? 1 + damping : 1;
			for (size_t i = 0; i < j; i++)
				sum -= l[k * n + i] * l[j * n + i];
			if (j == k && sum <= 0)
				return false;
			l[k * n + j] = j == k ? sqrt(sum) : sum / l[j * n + j];
		}
	return true;
}

/* f is the factor of h [n][n], every L_kj to within 1e-5 of √H_kk. */
static void check_factor(const struct factor *f, const float *h, size_t n,
			 double damping)
{
	double *l = must(malloc(n * n * sizeof(double)));

	ck_assert_uint_eq(f->n, n);
	ck_assert_ptr_nonnull(f->m);
	ck_assert(!f->fell_back);
	ck_assert_double_eq_tol((double)f->damping, damping, 1e-7);
	ck_assert(plain_cholesky(h, n, damping, l));
	for (size_t k = 0; k < n; k++) {
		double root = sqrt((double)h[k * n + k]);

		ck_assert_double_eq_tol((double)f->l[k] / root,
					l[k * n + k] / root, 1e-5);
		for (size_t j = 0; j < k; j++) {
			double l_kj = (double)f->m[k * n + j] *
				      (double)f->l[j];

			ck_assert_double_eq_tol(l_kj / root,
						l[k * n + j] / root, 1e-5);
		}
		for (size_t j = k; j < n; j++)
			ck_assert(f->m[k * n + j] == 0);
	}
	free(l);
}

/* Few tokens for many channels: chance correlations are damped more. */
static const struct {
	uint64_t n_tokens;
	double damping;
} counted[] = {
	{0, 0.1}, {60, 0.6}, {600, 0.15}, {1000000, 0.10003}, {20, 1}, {1, 1},
};

START_TEST(factor_of_few_tokens)
{
	enum { N = 60 };
	float *h = case_covariance(N, 3, 31);
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, N);
	((struct sens *)c.s)->full.n_tokens = counted[_i].n_tokens;
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	check_factor(&f, h, N, counted[_i].damping);
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

/* Of a diagonal H, δ of 1 + δ is damping; chance is not counted as that. */
START_TEST(real_part_of_diagonal)
{
	enum { N = 60 };
	static const double want[] = {1 - 0.1 / 1.1, 1 - 0.1 / 1.6};
	float *h = must(calloc(N * N, sizeof(float)));
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	for (size_t j = 0; j < N; j++)
		h[j * N + j] = (float)(j + 1);
	case_open(&c, h, NULL, N);
	((struct sens *)c.s)->full.n_tokens = _i ? N : 0;
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	ck_assert_double_eq_tol((double)f.real, want[_i], 1e-6);
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

/*
 * The cost of errors E = Z·L⁻¹, Z all signs, with H and with H + δ·diag(H):
 * their means over many Z have the ratio that the factor says.
 */
START_TEST(real_part_of_cost)
{
	enum { N = 80, DRAWS = 400 };
	float *h = case_covariance(N, 5, 71);
	double real = 0, damped = 0, e[N];
	struct rng r = {72};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, N);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	for (int d = 0; d < DRAWS; d++) {
		for (size_t j = N; j-- > 0;) {
			e[j] = (rng_u64(&r) >> 63 ? 1 : -1) / (double)f.l[j];
			for (size_t k = j + 1; k < N; k++)
				e[j] -= (double)f.m[k * N + j] * e[k];
		}
		for (size_t j = 0; j < N; j++)
			for (size_t k = 0; k < N; k++) {
				double cost = e[j] * e[k] *
					      (double)h[j * N + k];

				real += cost;
				damped += cost * (j == k ? 1.1 : 1);
			}
	}
	ck_assert_double_eq_tol(damped, (double)N * DRAWS, 0.02 * N * DRAWS);
	ck_assert_double_eq_tol((double)f.real, real / damped, 0.02);
	ck_assert(f.real < 0.8f);
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

START_TEST(factor_of_two)
{
	/* C = [1 c; c 1], c² = 1/5, δ = 0.1. */
	static const float h[4] = {4, 2, 2, 5};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, 2);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	ck_assert_double_eq_tol((double)f.l[0], sqrt(4 * 1.1), 1e-6);
	ck_assert_double_eq_tol((double)f.m[2], 2 / (4 * 1.1), 1e-6);
	ck_assert_double_eq_tol((double)f.l[1],
				sqrt(5 * 1.1 - 4 / (4 * 1.1)), 1e-6);
	ck_assert(f.m[0] == 0 && f.m[1] == 0 && f.m[3] == 0);
	check_factor(&f, h, 2, 0.1);
	factor_free(&f);
	case_close(&c);
}
END_TEST

/* Sizes about the blocks of BLAS; fewer vectors than channels as well. */
static const struct {
	size_t n, extra;
} sizes[] = {{1, 0}, {3, 0}, {16, 5}, {97, 0}, {128, 100}, {300, 10}};

START_TEST(factor_of_random)
{
	size_t n = sizes[_i].n;
	float *h = case_covariance(n, sizes[_i].extra, 4 + (uint64_t)_i);
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, n);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	check_factor(&f, h, n, 0.1);
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

/* H' = D H D has the factor D L: l'_j = d_j·l_j, m'_kj = d_k·m_kj / d_j. */
START_TEST(factor_of_ill_scaled)
{
	enum { N = 120 };
	float *h = case_covariance(N, 0, 20), d[N];
	struct factor plain, scaled;
	struct sense_case c;
	struct hvqz_err err;
	struct rng r = {21};

	case_open(&c, h, NULL, N);
	ck_assert_int_eq(factor_make(c.s, &plain, &err), HVQZ_OK);
	case_close(&c);
	for (int j = 0; j < N; j++)
		d[j] = powf(10, 4 * case_random(&r));
	d[5] = 1e-4f;
	d[6] = 1e4f;
	for (int j = 0; j < N; j++)
		for (int k = 0; k < N; k++)
			h[j * N + k] = h[j * N + k] * d[j] * d[k];
	case_open(&c, h, NULL, N);
	ck_assert_int_eq(factor_make(c.s, &scaled, &err), HVQZ_OK);
	for (int k = 0; k < N; k++) {
		double d_k = (double)d[k];

		ck_assert_double_eq_tol((double)scaled.l[k] / d_k,
					(double)plain.l[k], 1e-5);
		for (int j = 0; j < k; j++)
			ck_assert_double_eq_tol(
				(double)scaled.m[k * N + j] * (double)d[j] /
				d_k, (double)plain.m[k * N + j], 1e-5);
	}
	factor_free(&plain);
	factor_free(&scaled);
	case_close(&c);
	free(h);
}
END_TEST

/* Channels 0, 4 and 11 were never active; the others do not notice. */
START_TEST(factor_of_silent)
{
	enum { N = 12, A = 9 };
	static const int active[A] = {1, 2, 3, 5, 6, 7, 8, 9, 10};
	float *some = case_covariance(A, 3, 30), h[N * N] = {0};
	double mean = 0;
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	for (int j = 0; j < A; j++) {
		mean += log((double)some[j * A + j]) / A;
		for (int k = 0; k < A; k++)
			h[active[j] * N + active[k]] = some[j * A + k];
	}
	mean = exp(mean);
	/* What cannot be in an honest file does no harm. */
	h[4 * N + 5] = h[5 * N + 4] = 0.1f;
	case_open(&c, h, NULL, N);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	h[4 * N + 5] = h[5 * N + 4] = 0;
	h[0] = h[4 * N + 4] = h[11 * N + 11] = (float)mean;
	check_factor(&f, h, N, 0.1);
	ck_assert_double_eq_tol((double)f.l[4], sqrt(1.1 * mean), 1e-6);
	for (int j = 0; j < N; j++)
		ck_assert(f.m[4 * N + j] == 0 && f.m[j * N + 4] == 0);
	factor_free(&f);
	case_close(&c);
	free(some);
}
END_TEST

START_TEST(factor_of_nothing)
{
	static const float h[9] = {0};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, 3);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	for (int j = 0; j < 3; j++)
		ck_assert(f.l[j] == sqrtf(1.1f));
	factor_free(&f);
	case_close(&c);
}
END_TEST

START_TEST(factor_of_diagonal)
{
	float diag[4] = {4, 0, 9, 0}, none[2] = {0, 0};
	struct sens s = {.diag = diag, .n_in = 4, .has_full = true};
	struct hvqz_err err;
	struct factor f;

	/* A full H that cannot be read again, as from a pipe. */
	ck_assert_int_eq(factor_make(&s, &f, &err), HVQZ_OK);
	ck_assert(!f.m && f.n == 4 && f.damping == 0 && !f.fell_back);
	ck_assert(f.l[0] == 2 && f.l[2] == 3);
	ck_assert_double_eq_tol((double)f.l[1], sqrt(6), 1e-6);
	ck_assert(f.l[1] == f.l[3]);
	factor_free(&f);
	s = (struct sens){.diag = none, .n_in = 2};
	ck_assert_int_eq(factor_make(&s, &f, &err), HVQZ_OK);
	ck_assert(f.l[0] == 1 && f.l[1] == 1);
	factor_free(&f);
}
END_TEST

/* All correlations c: positive above δ = c − 1, or −1 − (n − 1)·c. */
static const struct {
	size_t n;
	float c;
	double damping;		/* 0: falls back */
} crooked[] = {
	{2, 0.99f, 0.1}, {2, 1.05f, 0.1}, {2, 1.15f, 0.2},
	{2, 1.3f, 0.4}, {2, 1.95f, 1}, {2, 2.1f, 0}, {2, 5, 0},
	{150, -0.0075f, 0.2}, {150, -0.013f, 1},
	{150, -0.02f, 0},
};

START_TEST(factor_of_crooked)
{
	size_t n = crooked[_i].n;
	float *h = must(calloc(n * n, sizeof(float)));
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = 4 * (j == k ? 1 : crooked[_i].c);
	/* More than one of size; the answer is the same. */
	h[0] *= 4;
	for (size_t j = 1; j < n; j++)
		h[j] = h[j * n] *= 2;
	case_open(&c, h, NULL, n);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	if (crooked[_i].damping > 0) {
		check_factor(&f, h, n, crooked[_i].damping);
	} else {
		ck_assert(f.fell_back && !f.m && f.damping == 0);
		ck_assert(f.l[0] == 4 && f.l[1] == 2);
	}
	factor_free(&f);
	case_close(&c);
	free(h);
}
END_TEST

/* One block after another, or all at once: the same but for rounding. */
static const struct {
	size_t n, block;
	/* −c between all w of the last block: positive above (w − 1)c − 1. */
	float c;
	double damping;		/* 0: falls back */
} in_blocks[] = {
	{300, 128, 0, 0.1}, {64, 16, 0, 0.1}, {7, 1, 0, 0.1},
	{65, 64, 0, 0.1}, {100, 40, 0.06f, 0.2}, {20, 7, 0.5f, 0},
};

/* Is the factor of s, in blocks, that of h [n][n]? */
static void check_blocks(const struct sens *s, const float *h, size_t n,
			 double damping)
{
	struct factor f, want;
	struct sense_case dense;
	struct hvqz_err err;

	case_open(&dense, h, NULL, n);
	ck_assert_int_eq(factor_make(s, &f, &err), HVQZ_OK);
	ck_assert_int_eq(factor_make(dense.s, &want, &err), HVQZ_OK);
	ck_assert(f.fell_back == (damping <= 0) && !f.m == f.fell_back);
	ck_assert(f.fell_back == want.fell_back);
	ck_assert_double_eq_tol((double)f.damping, damping, 1e-7);
	ck_assert(f.damping == want.damping);
	for (size_t j = 0; j < n; j++)
		ck_assert_float_eq_tol(f.l[j] / want.l[j], 1, 1e-5f);
	for (size_t i = 0; f.m && i < n * n; i++)
		ck_assert_float_eq_tol(f.m[i], want.m[i], 1e-5f);
	factor_free(&f);
	factor_free(&want);
	case_close(&dense);
}

START_TEST(factor_of_blocks)
{
	size_t n = in_blocks[_i].n, block = in_blocks[_i].block;
	size_t last = (n - 1) / block * block;
	float *h = case_covariance(n, 3, 60 + (uint64_t)_i);
	float *loaded = must(malloc(n * n * sizeof(float)));
	struct sense_case c;
	struct hvqz_err err;

	/* Every block has a silent channel, but for the smallest ones. */
	for (size_t j = 0; block > 2 && j < n; j += block)
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = h[k * n + j] = 0;
	for (size_t j = last; in_blocks[_i].c > 0 && j < n; j++)
		for (size_t k = last; k < n; k++)
			h[j * n + k] = 4 * (j == k ? 1 : -in_blocks[_i].c);
	case_open_blocks(&c, h, n, block);
	ck_assert_uint_eq(c.s->full.block, block);
	ck_assert_int_eq(sens_load_full(c.s, loaded, &err), HVQZ_OK);
	check_blocks(c.s, loaded, n, in_blocks[_i].damping);
	case_close(&c);
	free(loaded);
	free(h);
}
END_TEST

/* m_10 = 0.9·10^39: no float. */
START_TEST(factor_out_of_range)
{
	static const float h[4] = {1e-40f, 0.09f, 0.09f, 1e38f};
	struct hvqz_err err;
	struct sense_case c;
	struct factor f;

	case_open(&c, h, NULL, 2);
	ck_assert_int_eq(factor_make(c.s, &f, &err), HVQZ_OK);
	ck_assert(f.fell_back && !f.m && f.l[0] > 0 && isfinite(f.l[1]));
	factor_free(&f);
	case_close(&c);
}
END_TEST

START_TEST(memory)
{
	ck_assert_uint_eq(factor_memory(1000, false), 4000);
	ck_assert_uint_eq(factor_memory(1000, true), 4132000 + (256 << 10));
	ck_assert_uint_eq(factor_memory(SIZE_MAX, true), UINT64_MAX);
	ck_assert_uint_eq(factor_memory(SIZE_MAX / 2, false), UINT64_MAX);
}
END_TEST

/* ---- real files ---- */

struct real {
	FILE *f;
};

static enum hvqz_ret real_read_at(void *ctx, uint64_t off, void *buf, size_t n,
				  struct hvqz_err *err)
{
	struct real *r = ctx;

	if (fseek(r->f, (long)off, SEEK_SET) || fread(buf, 1, n, r->f) != n)
		return hvqz_fail(err, HVQZ_IO, "cannot read");
	return HVQZ_OK;
}

static enum hvqz_ret real_read(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct real *r = ctx;

	(void)err;
	*got = fread(buf, 1, n, r->f);
	return HVQZ_OK;
}

/* One weight: its factor, against H in doubles. The lowest pivot to *low. */
static void factor_real(const struct sens *s, double *low)
{
	float *h = must(malloc(s->n_in * s->n_in * sizeof(float)));
	struct hvqz_err err = {0};
	struct factor f;

	ck_assert_msg(factor_make(s, &f, &err) == HVQZ_OK, "%s: %s", s->name,
		      err.msg);
	ck_assert_int_eq(sens_load_full(s, h, &err), HVQZ_OK);
	check_factor(&f, h, s->n_in,
		     0.1 + 0.5 * (double)s->n_in / 24576);
	for (size_t j = 0; j < s->n_in; j++) {
		double p = (double)f.l[j] * (double)f.l[j] /
			   (double)s->diag[j];

		*low = p < *low ? p : *low;
	}
	factor_free(&f);
	free(h);
}

static const struct {
	const char *root, *path;
	size_t n_weights;
} reals[] = {
	{"DATA", "kjv-1m/sidecar/full.safetensors", 43},
	{"HVQZ_MODELS", "docs-5m/sidecar/full.safetensors", 43},
};

START_TEST(real_sidecar)
{
	static const struct source_ops ops = {real_read, NULL};
	const char *root = getenv(reals[_i].root);
	struct hvqz_err err = {0};
	struct sens_table t;
	struct source src;
	struct real r;
	struct read_again again = {real_read_at, &r};
	double low = INFINITY;
	char path[1000];

	snprintf(path, sizeof(path), "%s/%s", root ? root : "", reals[_i].path);
	r.f = root ? fopen(path, "rb") : NULL;
	if (!r.f)
		return;
	source_init(&src, &ops, &r, SOURCE_SIZE_UNKNOWN);
	ck_assert_msg(sidecar_read(&src, &t, NULL, &err) == HVQZ_OK, "%s",
		      err.msg);
	source_free(&src);
	ck_assert_uint_eq(t.n, reals[_i].n_weights);
	sens_table_set_reader(&t, &again);
	for (size_t i = 0; i < t.n; i++)
		factor_real(&t.v[i], &low);
	/* Real channels are predictable, but damping is what is left then. */
	ck_assert(low >= 0.1 && low < 0.5);
	sens_table_free(&t);
	fclose(r.f);
}
END_TEST

#define N_OF(v) ((int)(sizeof(v) / sizeof((v)[0])))

static Suite *factor_suite(void)
{
	Suite *s = suite_create("factor");
	TCase *factor = tcase_create("factor");
	TCase *real = tcase_create("real");

	tcase_add_test(factor, factor_of_two);
	tcase_add_loop_test(factor, factor_of_few_tokens, 0, N_OF(counted));
	tcase_add_loop_test(factor, real_part_of_diagonal, 0, 2);
	tcase_add_test(factor, real_part_of_cost);
	tcase_add_loop_test(factor, factor_of_random, 0, N_OF(sizes));
	tcase_add_test(factor, factor_of_ill_scaled);
	tcase_add_test(factor, factor_of_silent);
	tcase_add_test(factor, factor_of_nothing);
	tcase_add_test(factor, factor_of_diagonal);
	tcase_add_loop_test(factor, factor_of_crooked, 0, N_OF(crooked));
	tcase_add_loop_test(factor, factor_of_blocks, 0, N_OF(in_blocks));
	tcase_add_test(factor, factor_out_of_range);
	tcase_add_test(factor, memory);
	suite_add_tcase(s, factor);

	tcase_set_timeout(real, 120);
	tcase_add_loop_test(real, real_sidecar, 0, N_OF(reals));
	suite_add_tcase(s, real);
	return s;
}

int main(void)
{
	SRunner *r;
	int n_failed;

	blas_init();
	r = srunner_create(factor_suite());
	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
