/*
 * check_sense_fisher.c - row sensitivities, and the embedding's Hessian, of
 * whole runs against the exact Fisher information of a small model.
 *
 * Labels of different tokens are independent and a score's mean is 0, so
 *
 *	E[(dL/dy)²] = Σ_t Σ_v p_tv·(d log p_tv / dy)²
 *
 * for L the sum over all tokens t, y one number that a matrix gives at one
 * token. The right side is worked out, for all labels v, by central differences
 * of the reference; the left side is the mean of many runs, which scatter, so
 * that we know how far from the truth their mean may be.
 */
#include "tests/sense_trial.h"

static const double STEP = 1e-4;

enum { CONTEXT = 5, SEQS = 3, TOKENS = CONTEXT * SEQS, V = 7, RUNS = 16 };

static struct lm_config small_config(bool tied, bool all)
{
	struct lm_config c = toy_config();

	c.n_vocab = V;
	c.d_model = 8;
	c.d_ff = 6;
	c.d_head = 4;
	c.tied = tied;
	c.qkv_bias = c.o_bias = c.qk_norm = all;
	return c;
}

/*
 * The derivatives of log p [CONTEXT][V] of sequence seq to what `bump` moves,
 * and p: *score [CONTEXT·V], *p the same.
 */
static void scores(const struct sense_trial *t, size_t seq,
		   struct ref_bump bump, double *score, double *p)
{
	const uint32_t *tokens = t->tokens + seq * CONTEXT;
	double down[CONTEXT * V];

	bump.by = STEP;
	ref_predict(&t->ref, tokens, CONTEXT, score, NULL, &bump, NULL);
	bump.by = -STEP;
	ref_predict(&t->ref, tokens, CONTEXT, down, NULL, &bump, NULL);
	ref_predict(&t->ref, tokens, CONTEXT, p, NULL, NULL, NULL);
	for (size_t i = 0; i < CONTEXT * V; i++) {
		score[i] = (score[i] - down[i]) / (2 * STEP);
		p[i] = exp(p[i]);
	}
}

/* E[dL/da · dL/db] for a, b rows of what a part gives, mean over tokens. */
static double fisher(const struct sense_trial *t, size_t layer, unsigned part,
		     size_t a, size_t b)
{
	double sum = 0;

	for (size_t i = 0; i < TOKENS; i++) {
		struct ref_bump bump = {
			.layer = layer, .part = part, .token = i % CONTEXT,
		};
		double x[CONTEXT * V], y[CONTEXT * V], p[CONTEXT * V];

		bump.row = a;
		scores(t, i / CONTEXT, bump, x, p);
		bump.row = b;
		scores(t, i / CONTEXT, bump, y, p);
		for (size_t j = 0; j < CONTEXT * V; j++)
			sum += p[j] * x[j] * y[j];
	}
	return sum / TOKENS;
}

/* ---- means of runs ---- */

/* One number that runs estimate: what it is, and what they say. */
struct number {
	double truth, sum, squares;
};

struct numbers {
	struct number *v;
	size_t n, at;		/* at: the next one of this run */
};

static void tell(struct numbers *all, double is)
{
	struct number *one = &all->v[all->at++];

	ck_assert_uint_le(all->at, all->n);
	one->sum += is;
	one->squares += is * is;
}

static void tell_run(const struct sense_trial *t, struct numbers *all)
{
	all->at = 0;
	for (size_t i = 0; i < t->m.conf.n_layers * TRIAL_MATRICES; i++) {
		const struct lm_weight *w =
			&t->m.layers[i / TRIAL_MATRICES]
				 .part[trial_matrices[i % TRIAL_MATRICES]];
		const struct sens *s = trial_find(t, w);

		for (size_t j = 0; j < s->n_out; j++)
			tell(all, (double)s->row_sens[j]);
	}
	if (!t->m.conf.tied) {
		const struct sens *s = trial_find(t, &t->m.embed);
		float h[64];

		ck_assert_uint_eq(s->n_in * s->n_in, 64);
		ck_assert_int_eq(sens_load_full(s, h, NULL), HVQZ_OK);
		for (size_t i = 0; i < 64; i++)
			if (i % 8 <= i / 8)
				tell(all, (double)h[i]);
	}
	ck_assert_uint_eq(all->at, all->n);
}

/* In the order of tell_run(). */
static void find_truth(const struct sense_trial *t, struct numbers *all)
{
	const struct lm_config *c = &t->m.conf;
	struct number *v = all->v = toy_alloc(400, sizeof(*v));

	for (size_t i = 0; i < c->n_layers * TRIAL_MATRICES; i++) {
		size_t layer = i / TRIAL_MATRICES;
		enum lm_part part = trial_matrices[i % TRIAL_MATRICES];

		for (size_t j = 0; j < t->m.layers[layer].part[part].n_rows;
		     j++)
			v++->truth = fisher(t, layer, part, j, j);
	}
	for (size_t i = 0; !c->tied && i < 64; i++)
		if (i % 8 <= i / 8)
			v++->truth = fisher(t, 0, REF_EMBED, i / 8, i % 8);
	all->n = (size_t)(v - all->v);
	ck_assert_uint_le(all->n, 400);
}

/*
 * A mean is within 5 of its own standard errors (t of 15 degrees of freedom:
 * one number in 6000 is not), and those are small, or mistakes would go unseen.
 */
static void check_means(const struct numbers *all)
{
	double mean_ratio = 0;
	size_t n_sharp = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct number *v = &all->v[i];
		double mean = v->sum / RUNS;
		double var = v->squares / RUNS - mean * mean;
		double error = sqrt(fmax(var, 0) / (RUNS - 1));

		if (!(fabs(mean - v->truth) <= 5 * error + 1e-9))
			ck_abort_msg("number %zu of %zu is %.6g ± %.2g, not "
				     "%.6g", i, all->n, mean, error, v->truth);
		if (error < 0.02 * v->truth) {
			mean_ratio += mean / v->truth;
			n_sharp++;
		}
	}
	ck_assert_uint_gt(n_sharp, all->n * 3 / 4);
	/* Together they are sharper still. */
	mean_ratio /= (double)n_sharp;
	ck_assert_msg(fabs(mean_ratio - 1) < 0.005, "%.6g", mean_ratio);
}

static const struct kind {
	bool tied, all;
} kinds[] = {{true, false}, {false, true}};

START_TEST(means_are_the_fisher_information)
{
	struct lm_config c = small_config(kinds[_i].tied, kinds[_i].all);
	struct numbers all = {0};
	struct sense_trial t;

	trial_open(&t, &c, CONTEXT, SEQS);
	find_truth(&t, &all);
	t.opt.draws = 400;
	t.env.n_threads = 1;
	for (unsigned i = 0; i < RUNS; i++) {
		t.opt.seed = i;
		trial_table(&t);
		tell_run(&t, &all);
	}
	check_means(&all);
	free(all.v);
	trial_close(&t);
}
END_TEST

/* What is not drawn: g of the head is E[p(1 − p)], of the embedding a count. */
START_TEST(head_and_embedding_are_exact)
{
	struct lm_config c = small_config(_i, true);
	double sum[V] = {0}, log_p[CONTEXT * V], seen[V] = {0};
	const struct sens *head, *embed;
	struct sense_trial t;

	trial_open(&t, &c, CONTEXT, SEQS);
	trial_table(&t);
	for (size_t i = 0; i < SEQS; i++) {
		ref_predict(&t.ref, t.tokens + i * CONTEXT, CONTEXT, log_p,
			    NULL, NULL, NULL);
		for (size_t j = 0; j < CONTEXT * V; j++) {
			double p = exp(log_p[j]);

			sum[j % V] += p * (1 - p) / TOKENS;
		}
	}
	for (size_t i = 0; i < TOKENS; i++)
		seen[t.tokens[i]]++;
	head = trial_find(&t, lm_model_head(&t.m));
	embed = trial_find(&t, &t.m.embed);
	ck_assert(_i ? head == embed : head != embed);
	for (size_t v = 0; v < V; v++) {
		/* 4 more of each than the text has: src/job/sense_sums.c */
		double share = (seen[v] + 4) / (TOKENS + 4 * V);

		ck_assert_msg(fabs((double)head->row_sens[v] - sum[v]) < 1e-6,
			      "%zu: %.9g, not %.9g", v,
			      (double)head->row_sens[v], sum[v]);
		if (!_i)
			ck_assert_msg(fabs((double)embed->row_sens[v] - share) <
				      1e-6, "%zu: %.9g, not %.9g", v,
				      (double)embed->row_sens[v], share);
	}
	trial_close(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sense_fisher");
	TCase *t = tcase_create("sensitivities");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, means_are_the_fisher_information, 0, 2);
	tcase_add_loop_test(t, head_and_embedding_are_exact, 0, 2);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
