/*
 * check_sense_job.c - whole runs of job_sense(): Hessians and the text's own
 * loss against the reference model, their forms, and that results depend on
 * nothing but model, text and options. Row sensitivities: check_sense_fisher.c.
 */
#include "tests/sense_trial.h"

#include <stdio.h>

/* ---- the Hessians ---- */

/* Sums of products, in double precision: a layer's four inputs, the head's. */
struct truth {
	double **h;		/* [n_layers·4 + 1] each [n][n] */
	size_t *width;
	size_t n;
	double nll;
};

static void truth_add(struct truth *t, size_t at, const double *x, size_t n)
{
	size_t w = t->width[at];

	for (size_t i = 0; i < n * w * w; i++)
		t->h[at][i % (w * w)] += x[i / (w * w) * w + i / w % w] *
					 x[i / (w * w) * w + i % w];
}

static void truth_free(struct truth *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->h[i]);
	free(t->h);
	free(t->width);
}

static void truth_sizes(struct truth *t, const struct lm_config *c)
{
	t->n = c->n_layers * 4 + 1;
	t->h = toy_alloc(t->n, sizeof(*t->h));
	t->width = toy_alloc(t->n, sizeof(*t->width));
	for (size_t i = 0; i < t->n; i++) {
		t->width[i] = c->d_model;
		if (i + 1 < t->n && i % 4 == 1)
			t->width[i] = c->n_heads * c->d_head;
		if (i + 1 < t->n && i % 4 == 3)
			t->width[i] = c->d_ff;
		t->h[i] = toy_alloc(t->width[i] * t->width[i],
				    sizeof(double));
	}
}

static void find_truth(const struct sense_trial *s, struct truth *t)
{
	const struct lm_config *c = &s->m.conf;
	size_t n = s->opt.context, all = trial_tokens(s);
	struct ref_inputs *in = toy_alloc(c->n_layers, sizeof(*in));
	double *log_p = toy_alloc(n * c->n_vocab, sizeof(*log_p));
	double *x = toy_alloc(n * c->d_model, sizeof(*x));

	*t = (struct truth){0};
	truth_sizes(t, c);
	for (size_t i = 0; i < c->n_layers; i++)
		in[i] = ref_inputs_new(c, n);
	for (size_t at = 0; at < all; at += n) {
		ref_predict(&s->ref, s->tokens + at, n, log_p, x, NULL, in);
		for (size_t i = 0; i < c->n_layers; i++) {
			truth_add(t, 4 * i, in[i].a, n);
			truth_add(t, 4 * i + 1, in[i].o_in, n);
			truth_add(t, 4 * i + 2, in[i].m, n);
			truth_add(t, 4 * i + 3, in[i].act, n);
		}
		truth_add(t, 4 * c->n_layers, x, n);
		for (size_t i = 0; i + 1 < n; i++)
			t->nll -= log_p[i * c->n_vocab +
					s->tokens[at + i + 1]];
	}
	t->nll /= (double)(s->opt.n_sequences * (n - 1));
	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->width[i] * t->width[i]; j++)
			t->h[i][j] /= (double)all;
	for (size_t i = 0; i < c->n_layers; i++)
		ref_inputs_free(&in[i]);
	free(in);
	free(log_p);
	free(x);
}

/* Correlations are stored as F16: half of 2⁻¹⁰ of the largest that can be. */
static const double F16_TOL = 5.2e-4, F32_TOL = 1e-5;

static void check_hessian(const struct sense_trial *s,
			  const struct lm_weight *w, const double *must)
{
	const struct sens *e = trial_find(s, w);
	size_t n = w->n_cols, side = s->opt.block ? s->opt.block : n;
	float *h = toy_alloc(n * n, sizeof(*h));

	ck_assert_int_eq(e->has_full, s->opt.full);
	ck_assert_uint_eq(e->full.block, s->opt.full && side < n ? side : 0);
	ck_assert_int_eq(e->row_sens != NULL, s->opt.draws > 0);
	if (e->has_full)
		ck_assert_int_eq(sens_load_full(e, h, NULL), HVQZ_OK);
	for (size_t i = 0; i < n * n; i++) {
		size_t a = i / n, b = i % n;
		double is = a == b ? (double)e->diag[a] : (double)h[i];
		double size = sqrt(must[a * n + a] * must[b * n + b]);
		double v = e->has_full && a / side == b / side ? must[i] : 0;

		if (a == b)
			v = must[i];
		if (!(fabs(is - v) <= size * (a == b ? F32_TOL : F16_TOL)))
			ck_abort_msg("%s: H[%zu][%zu] is %.9g, not %.9g",
				     w->name, a, b, is, v);
	}
	free(h);
}

static void check_hessians(const struct sense_trial *s)
{
	static const size_t input[] = {0, 0, 0, 1, 2, 2, 3};
	const struct lm_config *c = &s->m.conf;
	struct truth t;

	find_truth(s, &t);
	for (size_t i = 0; i < c->n_layers; i++)
		for (size_t j = 0; j < TRIAL_MATRICES; j++)
			check_hessian(s, &s->m.layers[i].part
					     [trial_matrices[j]],
				      t.h[4 * i + input[j]]);
	check_hessian(s, lm_model_head(&s->m), t.h[4 * c->n_layers]);
	if (s->opt.draws)
		ck_assert_msg(fabs(s->rep.nll - t.nll) < 1e-5, "%.9g, not %.9g",
			      s->rep.nll, t.nll);
	truth_free(&t);
}

static void check_report(const struct sense_trial *s)
{
	size_t n = s->m.conf.n_layers * TRIAL_MATRICES + 1;

	n += !s->m.conf.tied && s->opt.draws;
	ck_assert_uint_eq(s->table.n, n);
	ck_assert_uint_eq(s->rep.n_weights, n);
	ck_assert_uint_eq(s->rep.n_tokens, trial_tokens(s));
	ck_assert_uint_eq(s->rep.out_bytes, s->file.len);
	ck_assert(s->rep.flop > 0 && s->rep.memory > lm_model_bytes(&s->m));
	ck_assert_str_eq(s->table.kind, "hvqz");
	ck_assert_str_eq(s->table.calibration, "a toy's text");
	ck_assert_uint_eq(s->table.n_tokens, trial_tokens(s));
}

/* Configs, contexts, forms; slices of 512 tokens, groups of 4. */
static const struct form {
	bool tied, all;
	size_t context, n_sequences, block;
	bool full;
	unsigned draws;
} forms[] = {
	{true, false, 2, 1, 0, true, 1},
	{true, true, 20, 30, 0, true, 2},
	{false, true, 20, 30, 0, true, 2},
	{false, false, 100, 23, 0, true, 1},
	/* a context longer than a slice otherwise is */
	{true, true, 600, 2, 0, true, 1},
	/* blocks: with a rest or without, wider than any, of one channel */
	{false, true, 20, 3, 4, true, 1},
	{true, false, 20, 3, 5, true, 2},
	{true, false, 20, 3, 12, true, 0},
	{true, false, 20, 3, 500, true, 1},
	{true, false, 20, 3, 1, true, 1},
	/* diagonals; a block is nothing to them */
	{false, true, 20, 3, 0, false, 2},
	{true, false, 20, 3, 7, false, 0},
	/* no way back */
	{false, true, 20, 110, 0, true, 0},
};

START_TEST(hessians_are_means_of_products)
{
	const struct form *f = &forms[_i];
	struct lm_config c = toy_config();
	struct sense_trial t;

	c.tied = f->tied;
	c.qkv_bias = c.o_bias = c.qk_norm = f->all;
	trial_open(&t, &c, f->context, f->n_sequences);
	t.opt.block = f->block;
	t.opt.full = f->full;
	t.opt.draws = f->draws;
	trial_table(&t);
	check_report(&t);
	check_hessians(&t);
	trial_close(&t);
}
END_TEST

/* ---- what results depend on ---- */

/* Partial groups and slices: 8 sequences a slice, 32 or 40 a group. */
START_TEST(threads_change_nothing)
{
	static const size_t n_sequences[] = {43, 1, 80};
	static const unsigned threads[] = {2, 3, 5};
	struct lm_config c = toy_config();
	struct sense_trial t;
	struct buf first;

	trial_open(&t, &c, 64, n_sequences[_i]);
	t.env.n_threads = 1;
	ck_assert_int_eq(trial_run(&t), HVQZ_OK);
	first = t.file;
	t.file = (struct buf){0};
	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		t.env.n_threads = threads[i];
		ck_assert_int_eq(trial_run(&t), HVQZ_OK);
		ck_assert_uint_eq(t.file.len, first.len);
		ck_assert_mem_eq(t.file.p, first.p, first.len);
	}
	buf_free(&first);
	trial_close(&t);
}
END_TEST

/* In how many entries do Hessian or sensitivities of a and b differ? */
static size_t differ(const struct sens_table *a, const struct sens_table *b,
		     bool rows)
{
	size_t n = 0;

	ck_assert_uint_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct sens *x = &a->v[i], *y = &b->v[i];

		ck_assert_str_eq(x->name, y->name);
		n += rows ? memcmp(x->row_sens, y->row_sens,
				   x->n_out * sizeof(float)) != 0 :
			    memcmp(x->diag, y->diag,
				   x->n_in * sizeof(float)) != 0;
	}
	return n;
}

START_TEST(a_seed_draws_other_labels)
{
	struct lm_config c = toy_config();
	struct sens_table first;
	struct sense_trial t;

	c.tied = true;
	trial_open(&t, &c, 20, 5);
	trial_table(&t);
	first = t.table;
	t.table = (struct sens_table){0};
	trial_table(&t);
	ck_assert_uint_eq(differ(&first, &t.table, true), 0);
	t.opt.seed = 2;
	trial_table(&t);
	/* all but the head, whose g is exact */
	ck_assert_uint_eq(differ(&first, &t.table, true), t.table.n - 1);
	ck_assert_uint_eq(differ(&first, &t.table, false), 0);
	t.tokens[0] = (t.tokens[0] + 1) % (uint32_t)c.n_vocab;
	trial_table(&t);
	ck_assert_uint_eq(differ(&first, &t.table, false), t.table.n);
	sens_table_free(&first);
	trial_close(&t);
}
END_TEST

/* In another order: attention stays within each, and the sums are the same. */
START_TEST(sequences_know_nothing_of_each_other)
{
	struct lm_config c = toy_config();
	struct sens_table first;
	struct sense_trial t;
	uint32_t *swapped;

	c.tied = true;
	trial_open(&t, &c, 20, 2);
	t.opt.full = false;
	t.opt.draws = 0;
	trial_table(&t);
	first = t.table;
	t.table = (struct sens_table){0};
	swapped = toy_alloc(40, sizeof(*swapped));
	for (size_t i = 0; i < 40; i++)
		swapped[i] = t.tokens[(i + 20) % 40];
	free(t.tokens);
	t.tokens = swapped;
	trial_table(&t);
	for (size_t i = 0; i < first.n; i++)
		for (size_t j = 0; j < first.v[i].n_in; j++) {
			double a = (double)first.v[i].diag[j];
			double b = (double)t.table.v[i].diag[j];

			ck_assert(fabs(a - b) <= 1e-5 * a);
		}
	sens_table_free(&first);
	trial_close(&t);
}
END_TEST

/* ---- progress, limits, faults ---- */

struct watch {
	uint64_t last, n_tokens;
	size_t forward, backward;
};

static void watch_progress(void *ctx, uint64_t in, uint64_t out,
			   const char *step)
{
	struct watch *w = ctx;

	ck_assert_uint_eq(out, 0);
	ck_assert_uint_ge(in, w->last);
	ck_assert_uint_le(in, w->n_tokens);
	w->last = in;
	w->forward += !strcmp(step, "forward");
	w->backward += !strcmp(step, "backward");
}

START_TEST(progress_goes_all_the_way)
{
	struct lm_config c = toy_config();
	struct sense_trial t;
	struct watch w;

	trial_open(&t, &c, 64, 43);
	for (t.opt.draws = 0; t.opt.draws < 2; t.opt.draws++) {
		w = (struct watch){.n_tokens = trial_tokens(&t)};
		t.env.progress = watch_progress;
		t.env.progress_ctx = &w;
		ck_assert_int_eq(trial_run(&t), HVQZ_OK);
		ck_assert_uint_eq(w.last, w.n_tokens);
		/* two groups of two layers, and the end of each */
		ck_assert_uint_eq(w.forward, 6);
		ck_assert_uint_eq(w.backward, t.opt.draws ? 4 : 0);
	}
	trial_close(&t);
}
END_TEST

static bool stop_after(void *ctx)
{
	int *left = ctx;

	return (*left)-- <= 0;
}

START_TEST(stopped_anywhere_nothing_is_written)
{
	struct lm_config c = toy_config();
	struct sense_trial t;
	int n = 0, left;

	trial_open(&t, &c, 64, 43);
	t.env.stopped = stop_after;
	t.env.stopped_ctx = &left;
	for (left = n; trial_run(&t) != HVQZ_OK; left = ++n) {
		ck_assert_int_eq(t.err.ret, HVQZ_STOPPED);
		ck_assert_uint_eq(t.file.len, 0);
		ck_assert_int_lt(n, 100);
	}
	ck_assert_int_eq(n, 10);	/* each step of two groups */
	ck_assert_uint_gt(t.file.len, 0);
	trial_close(&t);
}
END_TEST

START_TEST(memory_is_planned)
{
	struct lm_config c = toy_config();
	struct sense_report plan;
	struct sense_trial t;

	trial_open(&t, &c, 64, 43);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t need;

		t.opt.full = i & 1;
		t.opt.draws = i & 2;
		t.env.n_threads = i & 4 ? 3 : 1;
		t.env.memory_limit = 0;
		ck_assert_int_eq(job_sense_plan(&t.env, &t.opt, &t.m, &plan,
						&t.err), HVQZ_OK);
		need = plan.memory;
		ck_assert_uint_eq(plan.n_tokens, trial_tokens(&t));
		t.env.memory_limit = need - 1;
		ck_assert_int_eq(trial_run(&t), HVQZ_USAGE);
		ck_assert_msg(strstr(t.err.msg, "MiB, the limit is"), "%s",
			      t.err.msg);
		/* once, and only where there are more than one */
		ck_assert_msg(!strstr(t.err.msg, "fewer threads") == !(i & 4),
			      "%s", t.err.msg);
		if (i & 4)
			ck_assert_ptr_null(strstr(
				strstr(t.err.msg, "fewer threads") + 1,
				"fewer threads"));
		ck_assert_uint_eq(t.file.len, 0);
		t.env.memory_limit = need;
		ck_assert_int_eq(trial_run(&t), HVQZ_OK);
		ck_assert_uint_eq(t.rep.memory, need);
	}
	trial_close(&t);
}
END_TEST

/* NAN, ∞, and numbers so large that their squares are. */
START_TEST(weights_that_are_no_numbers)
{
	static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
	struct lm_config c = toy_config();
	struct sense_trial t;
	size_t n_bad = 0;

	trial_open(&t, &c, 8, 3);
	for (size_t i = 0; i < 4 * LM_N_PARTS; i++) {
		struct lm_weight *w = &t.m.layers[i % 2].part[i / 4];
		enum dtype dtype = w->dtype;
		void *was = w->data;
		size_t n = w->n_rows * w->n_cols;
		enum hvqz_ret ret;

		w->dtype = DTYPE_F32;
		w->data = toy_alloc(n, sizeof(float));
		for (size_t j = 0; j < n; j++)
			toy_set(w, j, bad[i % 4]);
		t.opt.draws = i / 4 % 2 * 2;
		t.opt.full = i % 3;
		ret = trial_run(&t);
		free(w->data);
		w->data = was;
		w->dtype = dtype;
		/* A norm can make a nought of what is too large. */
		if (ret == HVQZ_OK && isfinite(bad[i % 4]))
			continue;
		n_bad++;
		ck_assert_msg(ret == HVQZ_DAMAGED, "%s of %g: %d %s", w->name,
			      (double)bad[i % 4], ret, t.err.msg);
		ck_assert_msg(strstr(t.err.msg, "a weight is not finite"),
			      "%s", t.err.msg);
		ck_assert_uint_eq(t.file.len, 0);
	}
	ck_assert_uint_gt(n_bad, 3 * LM_N_PARTS);
	trial_close(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sense_job");
	TCase *t = tcase_create("runs");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, hessians_are_means_of_products, 0,
			    sizeof(forms) / sizeof(*forms));
	tcase_add_loop_test(t, threads_change_nothing, 0, 3);
	tcase_add_test(t, a_seed_draws_other_labels);
	tcase_add_test(t, sequences_know_nothing_of_each_other);
	tcase_add_test(t, progress_goes_all_the_way);
	tcase_add_test(t, stopped_anywhere_nothing_is_written);
	tcase_add_test(t, memory_is_planned);
	tcase_add_test(t, weights_that_are_no_numbers);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
