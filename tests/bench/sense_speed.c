/*
 * sense_speed.c - how fast a model is sensed, against this machine's matrix
 * products.
 *
 *	sense_speed DIR TOKENS [-T N] [-n SEQUENCES] [-c CONTEXT] [-r ROUNDS]
 *		[--draws N] [--diag | --block N]
 *
 * TOKENS: .u16 or .u32. Machines are shared and their speed changes by the
 * minute, so products and runs alternate, ROUNDS times, and the best of either
 * is taken: by the clock, and by the processor time of all threads, which is
 * what counts where others want the same processors. A line of each:
 *
 *	sgemm	GFLOP/s of as many threads, each multiplying SIDE x SIDE
 *	sense	GFLOP/s of the run, all its products counted
 *	%	the second of the first
 *	useful	GFLOP/s without what is computed again, or masked
 *	%	that of the first
 *	seconds	of the run
 *
 * and one of the processor time in BLAS: % of all, and GFLOP/s while there.
 *
 * With -r 0 there is one run, nothing else is measured or allocated, and the
 * line is the planned memory in bytes: run it under peak_rss.
 */
#include "base/bytes.h"
#include "job/load.h"
#include "job/sense.h"
#include "kernels/blas.h"
#include "lm/run.h"
#include "lm/team.h"

#include <cblas.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 1536, PRODUCTS = 4 };

_Noreturn static void die(const char *what, const char *value)
{
	fprintf(stderr, "sense_speed: %s: %s\n", what, value);
	exit(1);
}

/* The kinds of time, which GFLOP/s are by. */
enum { WALL, CPU, N_CLOCKS };

static const clockid_t clocks[N_CLOCKS] = {
	[WALL] = CLOCK_MONOTONIC,
	[CPU] = CLOCK_PROCESS_CPUTIME_ID,
};

/* Nanoseconds. */
static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t thread_time(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- time in BLAS: the linker (--wrap) sends its callers here ---- */

static atomic_uint_fast64_t in_blas; /* ns, of all threads */

void __real_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta,
			CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
			float alpha, const float *a, blasint lda,
			const float *b, blasint ldb, float beta, float *c,
			blasint ldc);
void __wrap_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta,
			CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
			float alpha, const float *a, blasint lda,
			const float *b, blasint ldb, float beta, float *c,
			blasint ldc);
void __real_cblas_ssyrk(CBLAS_ORDER order, CBLAS_UPLO uplo, CBLAS_TRANSPOSE t,
			blasint n, blasint k, float alpha, const float *a,
			blasint lda, float beta, float *c, blasint ldc);
void __wrap_cblas_ssyrk(CBLAS_ORDER order, CBLAS_UPLO uplo, CBLAS_TRANSPOSE t,
			blasint n, blasint k, float alpha, const float *a,
			blasint lda, float beta, float *c, blasint ldc);

void __wrap_cblas_sgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE ta,
			CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k,
			float alpha, const float *a, blasint lda,
			const float *b, blasint ldb, float beta, float *c,
			blasint ldc)
{
	uint64_t began = thread_time();

	__real_cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta,
			   c, ldc);
	in_blas += thread_time() - began;
}

void __wrap_cblas_ssyrk(CBLAS_ORDER order, CBLAS_UPLO uplo, CBLAS_TRANSPOSE t,
			blasint n, blasint k, float alpha, const float *a,
			blasint lda, float beta, float *c, blasint ldc)
{
	uint64_t began = thread_time();

	__real_cblas_ssyrk(order, uplo, t, n, k, alpha, a, lda, beta, c, ldc);
	in_blas += thread_time() - began;
}

/* ---- the machine ---- */

struct products {
	struct team *team;
	float *mem;		/* [threads][3][SIDE][SIDE] */
};

static void product(void *ctx, size_t item, unsigned thread)
{
	float *a = (float *)ctx + item * 3 * SIDE * SIDE;
	float *b = a + SIDE * SIDE;

	(void)thread;
	gemm_nn(SIDE, SIDE, SIDE, (struct mat){a, SIDE}, (struct mat){b, SIDE},
		0, b + SIDE * SIDE, SIDE);
}

static struct products products_new(unsigned n_threads)
{
	size_t len = (size_t)n_threads * 3 * SIDE * SIDE;
	struct products p = {.mem = malloc(len * sizeof(float))};
	struct hvqz_err err = {0};

	if (!p.mem)
		die("products", "no memory");
	for (size_t i = 0; i < len; i++)
		p.mem[i] = (float)(i % 7) - 3;
	if (team_new(n_threads, &p.team, &err))
		die("products", err.msg);
	return p;
}

static void products_free(struct products *p)
{
	team_free(p->team);
	free(p->mem);
}

/* Raise the best rates. */
static void products_run(const struct products *p, double best[N_CLOCKS])
{
	double flop = 2.0 * SIDE * SIDE * SIDE * team_size(p->team);

	for (int i = 0; i < PRODUCTS; i++) {
		uint64_t began[N_CLOCKS];

		for (int j = 0; j < N_CLOCKS; j++)
			began[j] = read_clock(clocks[j]);
		team_run(p->team, product, p->mem, team_size(p->team));
		for (int j = 0; j < N_CLOCKS; j++) {
			double took = (double)(read_clock(clocks[j]) -
					       began[j]);

			best[j] = fmax(best[j], flop / took);
		}
	}
}

/* ---- what has to be computed ---- */

/* Of one input's Hessian, for each row of it. */
static double hessian_flop(const struct sense_options *opt, size_t n)
{
	size_t block = opt->block && opt->block < n ? opt->block : n;
	size_t rest = n % block;

	if (!opt->full)
		return 0;
	return (double)(n / block) * (double)(block * (block + 1)) +
	       (double)(rest * (rest + 1));
}

/* By the book: nothing twice, no key after its query. */
static double useful_flop(const struct sense_options *opt,
			  const struct lm_model *m)
{
	const struct lm_config *c = &m->conf;
	double d = (double)c->d_model, ff = (double)c->d_ff;
	double q = (double)lm_q_width(c), kv = (double)lm_kv_width(c);
	double n = (double)opt->context * (double)opt->n_sequences;
	double draws = opt->draws, layers = (double)c->n_layers;
	double weights = 2 * d * (2 * q + 2 * kv + 3 * ff);
	double keys = (double)(opt->context + 1) / 2;
	double token = layers * (weights * (1 + draws) +
				 2 * keys * q * (2 + 4 * draws));

	token += 2 * d * (double)c->n_vocab * (draws > 0 ? 2 : 0);
	token += layers * (2 * hessian_flop(opt, c->d_model) +
			   hessian_flop(opt, lm_q_width(c)) +
			   hessian_flop(opt, c->d_ff)) +
		 hessian_flop(opt, c->d_model);
	if (!c->tied)
		token += draws * hessian_flop(opt, c->d_model);
	return n * token;
}

/* ---- input ---- */

static enum hvqz_ret read_file(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	(void)err;
	*got = fread(buf, 1, n, ctx);
	return HVQZ_OK;
}

static const struct source_ops file_ops = {.read = read_file};

static FILE *open_in(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", name);
	f = fopen(path, "rb");
	if (!f)
		die(path, strerror(errno));
	return f;
}

static void load(const struct job_env *env, const char *dir,
		 struct lm_config *conf, struct lm_model *m)
{
	FILE *f = open_in(dir, "config.json");
	struct hvqz_err err = {0};
	uint8_t text[1 << 14];
	struct source src;
	size_t len = fread(text, 1, sizeof(text), f);

	fclose(f);
	f = open_in(dir, "model.safetensors");
	source_init(&src, &file_ops, f, SOURCE_SIZE_UNKNOWN);
	if (lm_config_parse(text, len, conf, &err) ||
	    lm_model_init(m, conf, &err) ||
	    job_load(env, &src, m, NULL, &err) || lm_model_complete(m, &err))
		die(dir, err.msg);
	source_free(&src);
	fclose(f);
}

/* The first n ids. */
static uint32_t *load_tokens(const char *path, size_t n, size_t n_vocab)
{
	bool wide = strlen(path) > 4 && !strcmp(path + strlen(path) - 4,
						".u32");
	FILE *f = open_in("", path);
	uint32_t *tokens = malloc(n * sizeof(*tokens));
	uint8_t le[4] = {0};

	for (size_t i = 0; tokens && i < n; i++) {
		if (fread(le, wide ? 4 : 2, 1, f) != 1)
			die(path, "too short");
		tokens[i] = get_le32(le);
		if (tokens[i] >= n_vocab)
			die(path, "not tokens of this model");
	}
	fclose(f);
	if (!tokens)
		die(path, "no memory");
	return tokens;
}

/* ---- runs ---- */

static struct sense_report run(const struct job_env *env,
			       const struct sense_options *opt,
			       const struct lm_model *m,
			       const uint32_t *tokens)
{
	struct sense_report rep;
	struct hvqz_err err = {0};
	struct sink out;

	sink_init_null(&out);
	if (job_sense(env, opt, m, tokens, &out, &rep, &err))
		die("sense", err.msg);
	return rep;
}

/* The best so far, in nanoseconds but for flop. */
struct best {
	double took[N_CLOCKS];
	double blas;		/* in BLAS, of the best by processor time */
	double flop;
	double sgemm[N_CLOCKS];	/* GFLOP/s */
};

static void measure_once(const struct job_env *env,
			 const struct sense_options *opt,
			 const struct lm_model *m, const uint32_t *tokens,
			 struct best *b)
{
	uint64_t began = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	struct sense_report rep;
	double cpu;

	in_blas = 0;
	rep = run(env, opt, m, tokens);
	cpu = (double)(read_clock(CLOCK_PROCESS_CPUTIME_ID) - began);
	b->flop = rep.flop;
	b->took[WALL] = fmin(b->took[WALL], 1e9 * rep.seconds);
	if (cpu < b->took[CPU]) {
		b->took[CPU] = cpu;
		b->blas = (double)in_blas;
	}
}

static void measure(const struct job_env *env, const struct sense_options *opt,
		    const struct lm_model *m, const uint32_t *tokens,
		    unsigned rounds)
{
	static const char *const names[N_CLOCKS] = {"clock", "cpu"};
	struct products p = products_new(env->n_threads);
	struct best b = {.took = {INFINITY, INFINITY}};
	double useful = useful_flop(opt, m);

	products_run(&p, b.sgemm);
	for (unsigned i = 0; i < rounds; i++) {
		measure_once(env, opt, m, tokens, &b);
		products_run(&p, b.sgemm);
	}
	for (int i = 0; i < N_CLOCKS; i++) {
		double sense = b.flop / b.took[i], net = useful / b.took[i];

		printf("%s %.1f %.1f %.1f %.1f %.1f %.2f\n", names[i],
		       b.sgemm[i], sense, 100 * sense / b.sgemm[i], net,
		       100 * net / b.sgemm[i], 1e-9 * b.took[i]);
	}
	printf("blas %.1f %.1f\n", 100 * b.blas / b.took[CPU],
	       b.flop / b.blas);
	products_free(&p);
}

int main(int argc, char **argv)
{
	struct job_env env = {.n_threads = 1};
	struct sense_options opt = {
		.context = 256,
		.n_sequences = 96,
		.full = true,
		.draws = 4,
		.calibration = "bench",
	};
	struct lm_config conf;
	struct lm_model m;
	unsigned rounds = 3;
	uint32_t *tokens;

	if (argc < 3)
		die("usage", "sense_speed DIR TOKENS [OPTION ...]");
	for (int i = 3; i < argc; i++) {
		const char *name = argv[i];
		size_t n;

		if (!strcmp(name, "--diag")) {
			opt.full = false;
			continue;
		}
		if (++i == argc)
			die("no value for", name);
		n = strtoul(argv[i], NULL, 0);
		if (!strcmp(name, "-T"))
			env.n_threads = (unsigned)n;
		else if (!strcmp(name, "-n"))
			opt.n_sequences = n;
		else if (!strcmp(name, "-c"))
			opt.context = n;
		else if (!strcmp(name, "-r"))
			rounds = (unsigned)n;
		else if (!strcmp(name, "--draws"))
			opt.draws = (unsigned)n;
		else if (!strcmp(name, "--block"))
			opt.block = n;
		else
			die("unknown option", name);
	}
	blas_init();
	load(&env, argv[1], &conf, &m);
	tokens = load_tokens(argv[2], opt.context * opt.n_sequences,
			     conf.n_vocab);
	if (rounds)
		measure(&env, &opt, &m, tokens, rounds);
	else
		printf("%" PRIu64 "\n", run(&env, &opt, &m, tokens).memory);
	free(tokens);
	lm_model_free(&m);
	return 0;
}
