/*
 * check_lm_head.c - what a model predicts: scores, the softmax Fisher, labels
 * drawn and the gradients they give, for vocabularies below, at and above the
 * slab of 2048 that logits are computed in.
 *
 * Logits are single precision and as large as 30: a log-probability is exact to
 * 10⁻⁵, a probability to 10⁻⁵ of itself.
 */
#include "kernels/blas.h"
#include "lm/head.h"
#include "tests/lm_reference.h"
#include "tests/lm_toy.h"

static const double TOL = 1e-5;

static const size_t vocabs[] = {1, 7, 2047, 2048, 2049, 4096, 5000};
enum { N_VOCABS = sizeof(vocabs) / sizeof(*vocabs), D = 6, N = 5 };

/* A head on N hidden states, and its predictions in double precision. */
struct trial {
	struct lm_model m;
	struct ref_model ref;
	struct lm_run run;
	struct lm_head head;
	size_t n_vocab;
	float hidden[N * D], x[N * D], rms[N];
	double *log_p;		/* [N][n_vocab] of x */
	double mean[N * D];	/* Σ p·E */
	float *scratch;
};

/* log_p and mean of x. */
static void predict(struct trial *t)
{
	size_t n_vocab = t->n_vocab;

	memset(t->mean, 0, sizeof(t->mean));
	for (size_t i = 0; i < N; i++) {
		double *z = t->log_p + i * n_vocab;

		for (size_t v = 0; v < n_vocab; v++) {
			z[v] = 0;
			for (size_t j = 0; j < D; j++)
				z[v] += (double)t->x[i * D + j] *
					(double)t->ref.head[v * D + j];
		}
		ref_log_softmax(z, n_vocab);
		for (size_t k = 0; k < n_vocab * D; k++)
			t->mean[i * D + k % D] +=
				exp(z[k / D]) * (double)t->ref.head[k];
	}
}

static void open_trial(struct trial *t, size_t n_vocab, bool tied,
		       uint64_t seed)
{
	struct lm_config c = toy_config();
	struct rng r = {seed};

	*t = (struct trial){.n_vocab = n_vocab};
	c.n_layers = 1;
	c.d_model = D;
	c.n_vocab = n_vocab;
	c.tied = tied;
	blas_init();
	toy_init(&t->m, &c, seed);
	ref_init(&t->ref, &t->m);
	ck_assert_int_eq(lm_run_init(&t->run, &t->m.conf, N, NULL), HVQZ_OK);
	ck_assert_int_eq(lm_head_init(&t->head, &t->run, &t->m, NULL),
			 HVQZ_OK);
	t->scratch = toy_alloc(lm_head_scratch(&t->head, N), sizeof(float));
	t->log_p = toy_alloc(N * n_vocab, sizeof(double));
	for (size_t i = 0; i < N * D; i++)
		t->hidden[i] = 2 * normal(&r);
	lm_head_norm(&t->head, N, t->hidden, t->x, t->rms);
	/* Some tokens are sure of themselves; the first is not at all. */
	for (size_t i = 0; i < N * D; i++)
		t->x[i] *= (float)(i / D);
	predict(t);
}

static void close_trial(struct trial *t)
{
	free(t->log_p);
	free(t->scratch);
	lm_head_free(&t->head);
	lm_run_free(&t->run);
	ref_free(&t->ref);
	lm_model_free(&t->m);
}

static void check_near(const char *what, size_t i, double is, double must,
		       double tol)
{
	if (!(fabs(is - must) <= tol))
		ck_abort_msg("%s %zu is %.9g, not %.9g; off by %.3g over %.3g",
			     what, i, is, must, fabs(is - must), tol);
}

static size_t top_of(const double *log_p, size_t n)
{
	size_t top = 0;

	for (size_t v = 1; v < n; v++)
		if (log_p[v] > log_p[top])
			top = v;
	return top;
}

/* ---- norms and scores ---- */

START_TEST(the_final_norm)
{
	struct trial t;
	float x[N * D];

	open_trial(&t, 7, _i, 3);
	lm_head_norm(&t.head, N, t.hidden, x, NULL);
	for (size_t i = 0; i < N; i++) {
		double h[D], y[D], s = 0;

		for (size_t j = 0; j < D; j++) {
			h[j] = (double)t.hidden[i * D + j];
			s += h[j] * h[j] / D;
		}
		s = 1 / sqrt(s + (double)t.m.conf.norm_eps);
		ref_norm(y, h, t.ref.norm, D, (double)t.m.conf.norm_eps);
		check_near("1/rms", i, (double)t.rms[i], s, s * 1e-6);
		for (size_t j = 0; j < D; j++)
			check_near("x", j, (double)x[i * D + j], y[j], 3e-6);
	}
	close_trial(&t);
}
END_TEST

/* The last and first words of slabs are targets too. */
static uint32_t target_of(const struct trial *t, size_t i)
{
	static const uint32_t edges[] = {0, 2047, 2048, 4095, 4999};

	return edges[i] % t->n_vocab;
}

START_TEST(scores_of_one_head)
{
	struct trial t;
	struct lm_token_score score[N];
	uint32_t targets[N];
	double flop = 0;

	open_trial(&t, vocabs[_i], _i % 2, 3);
	for (size_t i = 0; i < N; i++)
		targets[i] = target_of(&t, i);
	lm_head_score(&t.head, t.x, NULL, NULL, N, targets, score, t.scratch,
		      &flop);
	for (size_t i = 0; i < N; i++) {
		check_near("nll", i, (double)score[i].nll,
			   -t.log_p[i * t.n_vocab + targets[i]], TOL);
		ck_assert(score[i].kl == 0 && score[i].same_top);
	}
	ck_assert(flop == 2.0 * N * D * (double)t.n_vocab);
	close_trial(&t);
}
END_TEST

START_TEST(scores_against_another)
{
	struct trial a, b;
	struct lm_token_score score[N];
	uint32_t targets[N];
	double flop = 0;

	open_trial(&a, vocabs[_i], _i % 2, 3);
	open_trial(&b, vocabs[_i], true, 4);
	for (size_t i = 0; i < N; i++)
		targets[i] = target_of(&a, i + 1 < N ? i + 1 : 0);
	lm_head_score(&a.head, a.x, &b.head, b.x, N, targets, score, a.scratch,
		      &flop);
	for (size_t i = 0; i < N; i++) {
		const double *p = a.log_p + i * a.n_vocab;
		const double *q = b.log_p + i * a.n_vocab;
		double kl = 0;

		for (size_t v = 0; v < a.n_vocab; v++)
			kl += exp(p[v]) * (p[v] - q[v]);
		check_near("nll", i, (double)score[i].nll, -q[targets[i]],
			   TOL);
		check_near("kl", i, (double)score[i].kl, kl, TOL + TOL * kl);
		ck_assert_int_eq(score[i].same_top,
				 top_of(p, a.n_vocab) == top_of(q, a.n_vocab));
	}
	/* Not of another kind than itself, to the last bit. */
	lm_head_score(&a.head, a.x, &a.head, a.x, N, targets, score, a.scratch,
		      &flop);
	for (size_t i = 0; i < N; i++) {
		check_near("nll", i, (double)score[i].nll,
			   -a.log_p[i * a.n_vocab + targets[i]], TOL);
		ck_assert(score[i].kl == 0 && score[i].same_top);
	}
	close_trial(&a);
	close_trial(&b);
}
END_TEST

/* The same guess or not: word `at` the best of one, or of both. */
START_TEST(best_guesses_in_any_slab)
{
	static const uint32_t at[] = {0, 5, 2047, 2048, 4096, 4999};
	enum { N_AT = sizeof(at) / sizeof(*at) };
	struct trial a, b;
	struct lm_token_score score[N];
	uint32_t targets[N] = {0};
	double flop = 0;

	open_trial(&a, 5000, false, 3);
	open_trial(&b, 5000, false, 3);
	for (size_t i = 0; i < N * D; i++)
		a.x[i] = i % D == 0;
	for (size_t i = 0; i < N_AT * N_AT; i++) {
		size_t p = (size_t)at[i / N_AT] * D;
		size_t q = (size_t)at[i % N_AT] * D;
		float was_p = toy_get(&a.m.head, p);
		float was_q = toy_get(&b.m.head, q);

		toy_set(&a.m.head, p, 10);
		toy_set(&b.m.head, q, 10);
		lm_head_score(&a.head, a.x, &b.head, a.x, N, targets, score,
			      a.scratch, &flop);
		for (size_t j = 0; j < N; j++)
			ck_assert_int_eq(score[j].same_top, p == q);
		toy_set(&a.m.head, p, was_p);
		toy_set(&b.m.head, q, was_q);
	}
	close_trial(&a);
	close_trial(&b);
}
END_TEST

/* ---- the Fisher ---- */

/* From (p − onehot)·E, the label: the word whose row is missing. */
static size_t label_of(const struct trial *t, size_t i, const float *dx)
{
	double best = INFINITY;
	size_t label = 0;

	for (size_t v = 0; v < t->n_vocab; v++) {
		double off = 0;

		for (size_t j = 0; j < D && off < best; j++)
			off = fmax(off, fabs(t->mean[i * D + j] -
					     (double)dx[j] -
					     (double)t->ref.head[v * D + j]));
		if (off < best) {
			best = off;
			label = v;
		}
	}
	check_near("dx of label", label, best, 0, TOL);
	return label;
}

START_TEST(fisher_is_that_of_the_softmax)
{
	enum { DRAWS = 3 };
	struct lm_labels labels = {.seed = 9, .first = 100, .n_draws = DRAWS};
	struct trial t;
	uint32_t targets[N];
	float *g, dx[DRAWS * N * D];
	double nll = 1000, must = 1000, flop = 0;

	open_trial(&t, vocabs[_i], _i % 2, 3);
	g = toy_alloc(t.n_vocab + 1, sizeof(*g));
	for (size_t v = 0; v <= t.n_vocab; v++)
		g[v] = 0.25f;
	for (size_t i = 0; i < N; i++) {
		targets[i] = i == 2 ? LM_NO_TARGET : target_of(&t, i);
		if (i != 2)
			must -= t.log_p[i * t.n_vocab + targets[i]];
	}
	lm_head_fisher(&t.head, t.x, N, targets, &labels, g, dx, &nll,
		       t.scratch, &flop);
	check_near("nll", 0, nll, must, N * TOL);
	for (size_t v = 0; v < t.n_vocab; v++) {
		double sum = 0.25;

		for (size_t i = 0; i < N; i++) {
			double p = exp(t.log_p[i * t.n_vocab + v]);

			sum += p * (1 - p);
		}
		check_near("g", v, (double)g[v], sum, 2e-6);
	}
	ck_assert(g[t.n_vocab] == 0.25f);
	/* p − onehot for some label */
	for (size_t i = 0; i < DRAWS * N; i++)
		label_of(&t, i % N, dx + i * D);
	/* nothing of it without draws */
	labels.n_draws = 0;
	dx[0] = 77;
	lm_head_fisher(&t.head, t.x, N, targets, &labels, g, dx, &nll,
		       t.scratch, &flop);
	ck_assert(dx[0] == 77);
	check_near("nll", 1, nll, 2 * must - 1000, 2 * N * TOL);
	close_trial(&t);
	free(g);
}
END_TEST

/* −log p(label) from a hidden state, all in double precision. */
static double ref_loss(const struct trial *t, const double *hidden,
		       size_t label)
{
	double *z = toy_alloc(t->n_vocab, sizeof(*z)), x[D], loss;

	ref_norm(x, hidden, t->ref.norm, D, (double)t->m.conf.norm_eps);
	for (size_t v = 0; v < t->n_vocab; v++)
		for (size_t j = 0; j < D; j++)
			z[v] += x[j] * (double)t->ref.head[v * D + j];
	ref_log_softmax(z, t->n_vocab);
	loss = -z[label];
	free(z);
	return loss;
}

/* Down to the hidden states: dx of the head, then back through the norm. */
START_TEST(gradients_of_hidden_states)
{
	enum { DRAWS = 9 };
	struct lm_labels labels = {.seed = 4, .n_draws = DRAWS};
	uint32_t targets[1] = {0};
	struct trial t;
	float *g, dx[DRAWS * D], *hidden;
	double nll = 0, flop = 0;

	open_trial(&t, _i / 2 ? 2100 : 7, _i % 2, 3);
	g = toy_alloc(t.n_vocab, sizeof(*g));
	/* Token 1 is the one whose x is the norm itself. */
	hidden = t.hidden + D;
	lm_head_fisher(&t.head, t.x + D, 1, targets, &labels, g, dx, &nll,
		       t.scratch, &flop);
	for (size_t i = 0; i < DRAWS; i++) {
		size_t label = label_of(&t, 1, dx + i * D);
		float dh[D] = {0};

		t.run.rows->norm_back(dh, dx + i * D, hidden, t.head.norm, D,
				      t.rms[1]);
		for (size_t j = 0; j < D; j++) {
			double h[D], up, down;

			for (size_t k = 0; k < D; k++)
				h[k] = (double)hidden[k];
			h[j] += 1e-5;
			up = ref_loss(&t, h, label);
			h[j] -= 2e-5;
			down = ref_loss(&t, h, label);
			check_near("dh", j, (double)dh[j], (up - down) / 2e-5,
				   3e-6);
		}
	}
	close_trial(&t);
	free(g);
}
END_TEST

/* ---- labels ---- */

/* Labels [n_draws][n] of tokens a … a + n - 1; the caller frees them. */
static size_t *draw(struct trial *t, const struct lm_labels *l, size_t a,
		    size_t n)
{
	uint32_t targets[N] = {0};
	size_t *label = toy_alloc(l->n_draws * n, sizeof(*label));
	float *dx = toy_alloc(l->n_draws * n * D, sizeof(*dx));
	float *g = toy_alloc(t->n_vocab, sizeof(*g));
	double nll = 0, flop = 0;

	lm_head_fisher(&t->head, t->x + a * D, n, targets, l, g, dx, &nll,
		       t->scratch, &flop);
	for (size_t i = 0; i < l->n_draws * n; i++)
		label[i] = label_of(t, a + i % n, dx + i * D);
	free(dx);
	free(g);
	return label;
}

/* Of n, so many of probability p? */
static void check_count(const char *what, size_t i, size_t is, size_t n,
			double p)
{
	/* Half a count for what is too rare to have a σ. */
	check_near(what, i, (double)is, (double)n * p,
		   4 * sqrt((double)n * p * (1 - p)) + 0.5);
}

START_TEST(labels_follow_the_predictions)
{
	enum { DRAWS = 20000, V = 7 };
	struct lm_labels labels = {.seed = 1, .n_draws = DRAWS};
	size_t count[N * V] = {0}, pairs[V * V] = {0}, next[V * V] = {0};
	const double *p;
	struct trial t;
	size_t *label;

	open_trial(&t, V, false, 3);
	label = draw(&t, &labels, 0, N);
	for (size_t e = 0; e < DRAWS; e++) {
		const size_t *l = label + e * N;

		for (size_t i = 0; i < N; i++)
			count[i * V + l[i]]++;
		pairs[l[0] * V + l[1]]++;
		if (e + 1 < DRAWS)
			next[l[0] * V + l[N]]++;
	}
	for (size_t i = 0; i < N * V; i++)
		check_count("label", i, count[i], DRAWS, exp(t.log_p[i]));
	/* Tokens know nothing of each other, nor do draws. */
	p = t.log_p;
	for (size_t i = 0; i < V * V; i++) {
		check_count("pair", i, pairs[i], DRAWS,
			    exp(p[i / V] + p[V + i % V]));
		check_count("next", i, next[i], DRAWS - 1,
			    exp(p[i / V] + p[i % V]));
	}
	free(label);
	close_trial(&t);
}
END_TEST

/* The rims of slabs, made likely, and the rest of each slab together. */
START_TEST(labels_fall_into_all_slabs)
{
	static const size_t rims[] = {0, 2047, 2048, 4095, 4096, 4999};
	enum { N_RIMS = 6, DRAWS = 3000, V = 5000 };
	struct lm_labels labels = {.seed = 2, .n_draws = DRAWS};
	size_t count[N_RIMS + 3] = {0}, *label;
	double p[N_RIMS + 3] = {0}, size = 0;
	struct trial t;
	const float *x;

	open_trial(&t, V, false, 3);
	x = t.x + D;	/* of token 1 */
	for (size_t j = 0; j < D; j++)
		size += (double)x[j] * (double)x[j];
	for (size_t i = 0; i < N_RIMS * D; i++)
		toy_set(&t.m.head, rims[i / D] * D + i % D, (float)
			((7.5 + 0.2 * (double)(i / D)) * (double)x[i % D] /
			 size));
	ref_free(&t.ref);
	ref_init(&t.ref, &t.m);
	predict(&t);
	label = draw(&t, &labels, 1, 1);
	for (size_t i = 0; i < V + DRAWS; i++) {
		size_t v = i < V ? i : label[i - V], at = 0;

		while (at < N_RIMS && rims[at] != v)
			at++;
		at += at == N_RIMS ? v / 2048 : 0;
		if (i < V)
			p[at] += exp(t.log_p[V + v]);
		else
			count[at]++;
	}
	for (size_t i = 0; i < N_RIMS + 3; i++) {
		ck_assert(p[i] > 0.03);
		check_count("rim or slab", i, count[i], DRAWS, p[i]);
	}
	free(label);
	close_trial(&t);
}
END_TEST

/* A label is of its seed, token and draw, whoever asks, and how. */
START_TEST(labels_do_not_depend_on_slices)
{
	enum { DRAWS = 40 };
	struct lm_labels l = {.seed = 6, .first = 50, .n_draws = DRAWS};
	size_t *all, *other, same = 0;
	struct trial t;

	open_trial(&t, _i ? 2500 : 7, false, 3);
	all = draw(&t, &l, 0, N);
	for (size_t i = 0; i < N; i++) {
		l.first = 50 + i;
		l.n_draws = DRAWS / 2;
		other = draw(&t, &l, i, 1);
		for (size_t e = 0; e < DRAWS / 2; e++)
			ck_assert_uint_eq(other[e], all[e * N + i]);
		free(other);
	}
	l = (struct lm_labels){.seed = 7, .first = 50, .n_draws = DRAWS};
	other = draw(&t, &l, 0, N);
	for (size_t i = 0; i < DRAWS * N; i++)
		same += all[i] == other[i];
	ck_assert_uint_lt(same, DRAWS * N * 9 / 10);
	free(other);
	free(all);
	close_trial(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lm_head");
	TCase *t = tcase_create("predictions");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, the_final_norm, 0, 2);
	tcase_add_loop_test(t, scores_of_one_head, 0, N_VOCABS);
	tcase_add_loop_test(t, scores_against_another, 0, N_VOCABS);
	tcase_add_test(t, best_guesses_in_any_slab);
	tcase_add_loop_test(t, fisher_is_that_of_the_softmax, 0, N_VOCABS);
	tcase_add_loop_test(t, gradients_of_hidden_states, 0, 4);
	tcase_add_test(t, labels_follow_the_predictions);
	tcase_add_test(t, labels_fall_into_all_slabs);
	tcase_add_loop_test(t, labels_do_not_depend_on_slices, 0, 2);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
