/*
 * check_eval_job.c - whole runs of job_eval_base() and job_eval_given() on toy
 * models, against the reference model's predictions in double precision.
 */
#include "job/eval.h"
#include "tests/lm_reference.h"
#include "tests/lm_toy.h"

static const double TOL = 1e-5;

/* Two sets of weights and a text. */
struct trial {
	struct lm_model m, given;
	struct job_env env;
	struct eval_options opt;
	uint32_t *tokens;	/* one more than sequences have */
	struct eval_base *base;
	struct eval_score score, other;
	struct hvqz_err err;
};

/* Every weight moved by about `size` of itself. */
static void disturb(struct lm_weight *w, double size, struct rng *r)
{
	for (size_t i = 0; i < w->n_rows * w->n_cols; i++)
		toy_set(w, i, toy_get(w, i) *
			      (float)(1 + size * (double)normal(r)));
}

static void disturb_all(struct lm_model *m, double size)
{
	struct rng r = {8};

	disturb(&m->embed, size, &r);
	disturb(&m->final_norm, size, &r);
	disturb(&m->head, size, &r);
	for (size_t i = 0; i < m->conf.n_layers * LM_N_PARTS; i++)
		disturb(&m->layers[i / LM_N_PARTS].part[i % LM_N_PARTS], size,
			&r);
}

static void open_trial(struct trial *t, const struct lm_config *c,
		       size_t context, size_t n_sequences, double size)
{
	*t = (struct trial){
		.env = {.n_threads = 2},
		.opt = {context, n_sequences},
	};
	toy_init(&t->m, c, 7);
	toy_init(&t->given, c, 7);
	disturb_all(&t->given, size);
	t->tokens = toy_text(c, context * n_sequences + 1, 3);
}

static void close_trial(struct trial *t)
{
	job_eval_free(t->base);
	free(t->tokens);
	lm_model_free(&t->m);
	lm_model_free(&t->given);
}

static enum hvqz_ret run_base(struct trial *t)
{
	job_eval_free(t->base);
	t->base = NULL;
	t->err = (struct hvqz_err){0};
	return job_eval_base(&t->env, &t->opt, &t->m, t->tokens, &t->base,
			     &t->score, &t->err);
}

static enum hvqz_ret run_given(struct trial *t)
{
	t->err = (struct hvqz_err){0};
	return job_eval_given(&t->env, t->base, &t->given, &t->other, &t->err);
}

static void check_near(const char *what, double is, double must, double tol)
{
	ck_assert_msg(fabs(is - must) <= tol, "%s is %.12g, not %.12g; off by "
		      "%.3g", what, is, must, fabs(is - must));
}

/* ---- the truth ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static size_t top_of(const double *log_p, size_t n)
{
	size_t top = 0;

	for (size_t v = 1; v < n; v++)
		if (log_p[v] > log_p[top])
			top = v;
	return top;
}

/* The means of token t's scores grow by its own, p the original's. */
static void add_token(struct eval_score *own, struct eval_score *other,
		      const double *p, const double *q, size_t n_vocab,
		      uint32_t target, double all, double *kl)
{
	*kl = 0;
	for (size_t v = 0; v < n_vocab; v++)
		*kl += exp(p[v]) * (p[v] - q[v]);
	own->nll -= p[target] / all;
	other->nll -= q[target] / all;
	other->kl += *kl / all;
	other->top1 += (top_of(p, n_vocab) == top_of(q, n_vocab)) / all;
}

/* What both runs must come to. */
static void find_truth(const struct trial *t, struct eval_score *own,
		       struct eval_score *other)
{
	size_t n = t->opt.context, all = n * t->opt.n_sequences, rank = 0;
	size_t n_vocab = t->m.conf.n_vocab;
	double *p = toy_alloc(n * n_vocab, sizeof(*p));
	double *q = toy_alloc(n * n_vocab, sizeof(*q));
	double *kl = toy_alloc(all, sizeof(*kl));
	struct ref_model a, b;

	*own = *other = (struct eval_score){0};
	ref_init(&a, &t->m);
	ref_init(&b, &t->given);
	for (size_t at = 0; at < all; at += n) {
		ref_predict(&a, t->tokens + at, n, p, NULL, NULL, NULL);
		ref_predict(&b, t->tokens + at, n, q, NULL, NULL, NULL);
		for (size_t i = 0; i < n; i++)
			add_token(own, other, p + i * n_vocab, q + i * n_vocab,
				  n_vocab, t->tokens[at + i + 1], (double)all,
				  &kl[at + i]);
	}
	/* The first that 99 of 100 are not above. */
	qsort(kl, all, sizeof(*kl), compare);
	while (100 * (rank + 1) < 99 * all)
		rank++;
	other->kl99 = kl[rank];
	ref_free(&a);
	ref_free(&b);
	free(p);
	free(q);
	free(kl);
}

/* ---- scores ---- */

static const struct kind {
	bool tied, all;
	size_t context, n_sequences, n_vocab;
	double size;		/* of the disturbance */
	size_t d_ff;		/* 0: a toy's */
} kinds[] = {
	{true, false, 20, 30, 11, 0.1, 0},
	{false, true, 20, 30, 11, 0.1, 0},
	{false, true, 20, 30, 11, 1e-3, 0},
	{true, true, 64, 43, 11, 0.3, 0},
	{false, false, 1, 1, 11, 0.1, 0},
	{false, true, 33, 3, 11, 0.1, 0},	/* 99 tokens, */
	{false, true, 25, 4, 11, 0.1, 0},	/* 100, */
	{false, true, 101, 1, 11, 0.1, 0},	/* 101: the percentile? */
	{true, true, 600, 1, 11, 0.1, 0},
	{false, true, 10, 5, 2500, 0.1, 0},
	/* weights of more rows than are widened at a time: 64 */
	{true, true, 10, 5, 11, 0.1, 150},
};

START_TEST(scores_are_the_references)
{
	const struct kind *k = &kinds[_i];
	struct lm_config c = toy_config();
	struct eval_score own, other;
	struct trial t;
	uint64_t n = k->context * k->n_sequences;

	c.tied = k->tied;
	c.qkv_bias = c.o_bias = c.qk_norm = k->all;
	c.n_vocab = k->n_vocab;
	if (k->d_ff) {
		c.d_ff = k->d_ff;
		c.d_model = 65;
	}
	open_trial(&t, &c, k->context, k->n_sequences, k->size);
	find_truth(&t, &own, &other);
	ck_assert_int_eq(run_base(&t), HVQZ_OK);
	ck_assert_uint_eq(t.score.n_tokens, n);
	check_near("nll", t.score.nll, own.nll, TOL);
	check_near("ppl", t.score.ppl, exp(own.nll), TOL * exp(own.nll));
	ck_assert(t.score.dnll == 0 && t.score.kl == 0 && t.score.kl99 == 0);
	ck_assert(t.score.top1 == 1);

	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	ck_assert_uint_eq(t.other.n_tokens, n);
	check_near("nll", t.other.nll, other.nll, TOL);
	check_near("ppl", t.other.ppl, exp(other.nll), TOL * exp(other.nll));
	check_near("dnll", t.other.dnll, other.nll - own.nll, TOL);
	check_near("kl", t.other.kl, other.kl, fmin(TOL, 0.1 * other.kl));
	/* one token's, and so not of a mean's exactness */
	check_near("kl99", t.other.kl99, other.kl99, TOL * (1 + other.kl99));
	check_near("top1", t.other.top1, other.top1, 1e-9);
	ck_assert(other.kl > 0);
	close_trial(&t);
}
END_TEST

START_TEST(the_same_weights_are_no_way_off)
{
	struct lm_config c = toy_config();
	struct trial t;

	c.tied = _i;
	open_trial(&t, &c, 20, 30, 0);
	ck_assert_int_eq(run_base(&t), HVQZ_OK);
	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	ck_assert(t.other.nll == t.score.nll && t.other.dnll == 0);
	ck_assert(t.other.kl == 0 && t.other.kl99 == 0);
	ck_assert(t.other.top1 == 1);
	close_trial(&t);
}
END_TEST

/* To the last bit; one thread's base serves many, and the other way round. */
START_TEST(threads_change_nothing)
{
	static const unsigned threads[] = {1, 2, 3, 5};
	struct lm_config c = toy_config();
	struct eval_score own = {0}, other = {0};
	struct trial t;

	open_trial(&t, &c, 64, 43, 0.1);
	for (size_t i = 0; i < 16; i++) {
		t.env.n_threads = threads[i / 4];
		if (i % 4 == 0)
			ck_assert_int_eq(run_base(&t), HVQZ_OK);
		t.env.n_threads = threads[i % 4];
		ck_assert_int_eq(run_given(&t), HVQZ_OK);
		if (!i) {
			own = t.score;
			other = t.other;
		}
		ck_assert(t.score.nll == own.nll);
		ck_assert(t.other.nll == other.nll);
		ck_assert(t.other.kl == other.kl);
		ck_assert(t.other.kl99 == other.kl99);
		ck_assert(t.other.top1 == other.top1);
	}
	close_trial(&t);
}
END_TEST

/* Only its head and final norm: the layers may go. */
START_TEST(layers_are_not_needed_again)
{
	struct lm_config c = toy_config();
	struct eval_score first;
	struct trial t;

	open_trial(&t, &c, 20, 3, 0.1);
	ck_assert_int_eq(run_base(&t), HVQZ_OK);
	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	first = t.other;
	for (size_t i = 0; i < c.n_layers * LM_N_PARTS; i++) {
		struct lm_weight *w =
			&t.m.layers[i / LM_N_PARTS].part[i % LM_N_PARTS];

		free(w->data);
		w->data = NULL;
	}
	memset(t.tokens, 0xff, 60 * sizeof(*t.tokens));
	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	ck_assert(t.other.kl == first.kl && t.other.nll == first.nll);
	close_trial(&t);
}
END_TEST

/* ---- progress, limits, faults ---- */

struct watch {
	uint64_t last, n_tokens;
	size_t n;
};

static void watch_progress(void *ctx, uint64_t in, uint64_t out,
			   const char *step)
{
	struct watch *w = ctx;

	ck_assert_uint_eq(out, 0);
	ck_assert_str_eq(step, "forward");
	ck_assert_uint_ge(in, w->last);
	ck_assert_uint_le(in, w->n_tokens);
	w->last = in;
	w->n++;
}

START_TEST(progress_goes_all_the_way)
{
	struct lm_config c = toy_config();
	struct watch w = {.n_tokens = 64 * 43};
	struct trial t;

	open_trial(&t, &c, 64, 43, 0.1);
	t.env.progress = watch_progress;
	t.env.progress_ctx = &w;
	ck_assert_int_eq(run_base(&t), HVQZ_OK);
	ck_assert_uint_eq(w.last, w.n_tokens);
	/* two groups: two layers, the head, the end */
	ck_assert_uint_eq(w.n, 8);
	w.last = 0;
	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	ck_assert_uint_eq(w.last, w.n_tokens);
	ck_assert_uint_eq(w.n, 16);
	close_trial(&t);
}
END_TEST

static bool stop_after(void *ctx)
{
	int *left = ctx;

	return (*left)-- <= 0;
}

START_TEST(stopped_anywhere)
{
	struct lm_config c = toy_config();
	struct trial t;
	int left;

	open_trial(&t, &c, 64, 43, 0.1);
	t.env.stopped = stop_after;
	t.env.stopped_ctx = &left;
	for (int n = 0; n <= 8; n++) {
		left = n;
		ck_assert_int_eq(run_base(&t), n < 8 ? HVQZ_STOPPED : HVQZ_OK);
		ck_assert_int_eq(t.base == NULL, n < 8);
	}
	for (int n = 0; n <= 8; n++) {
		left = n;
		ck_assert_int_eq(run_given(&t),
				 n < 8 ? HVQZ_STOPPED : HVQZ_OK);
	}
	close_trial(&t);
}
END_TEST

START_TEST(weights_that_are_no_numbers)
{
	struct lm_config c = toy_config();
	struct trial t;

	open_trial(&t, &c, 8, 3, 0.1);
	ck_assert_int_eq(run_base(&t), HVQZ_OK);
	for (size_t i = 0; i < 2 * LM_N_PARTS; i++) {
		struct lm_weight *w =
			&t.given.layers[i / LM_N_PARTS].part[i % LM_N_PARTS];
		float was = toy_get(w, 0);

		toy_set(w, 0, NAN);
		ck_assert_msg(run_given(&t) == HVQZ_DAMAGED, "%s", w->name);
		ck_assert_msg(strstr(t.err.msg, "a weight is not finite"),
			      "%s", t.err.msg);
		toy_set(w, 0, was);
	}
	ck_assert_int_eq(run_given(&t), HVQZ_OK);
	toy_set(&t.m.final_norm, 0, NAN);
	ck_assert_int_eq(run_base(&t), HVQZ_DAMAGED);
	ck_assert_ptr_null(t.base);
	close_trial(&t);
}
END_TEST

START_TEST(memory_is_said)
{
	struct lm_config c = toy_config();
	struct trial t;
	uint64_t one, more;

	open_trial(&t, &c, 64, 43, 0.1);
	t.env.n_threads = 1;
	one = job_eval_memory(&t.env, &t.opt, &t.m);
	/* two models, hidden states of all tokens */
	ck_assert_uint_gt(one, 2 * lm_model_bytes(&t.m) +
			       64 * 43 * c.d_model * sizeof(float));
	t.env.n_threads = 3;
	more = job_eval_memory(&t.env, &t.opt, &t.m);
	ck_assert_uint_gt(more, one);
	t.opt.n_sequences *= 2;
	ck_assert_uint_ge(job_eval_memory(&t.env, &t.opt, &t.m),
			  more + 64 * 43 * c.d_model * sizeof(float));
	t.opt.n_sequences /= 2;
	close_trial(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("eval_job");
	TCase *t = tcase_create("runs");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, scores_are_the_references, 0,
			    sizeof(kinds) / sizeof(*kinds));
	tcase_add_loop_test(t, the_same_weights_are_no_way_off, 0, 2);
	tcase_add_test(t, threads_change_nothing);
	tcase_add_test(t, layers_are_not_needed_again);
	tcase_add_test(t, progress_goes_all_the_way);
	tcase_add_test(t, stopped_anywhere);
	tcase_add_test(t, weights_that_are_no_numbers);
	tcase_add_test(t, memory_is_said);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
