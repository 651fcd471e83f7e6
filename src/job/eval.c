/*
 * eval.c - the job of eval.h.
 *
 * The original is run first, and its last hidden states are kept for all
 * tokens: with its head they give its predictions again, slab by slab, beside
 * those of whatever it is compared with. So no two models' layers need be in
 * memory together, and no logits are kept.
 */
#include "job/eval.h"

#include "job/job_internal.h"
#include "lm/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct eval_base {
	struct eval_options opt;
	const struct lm_model *model;
	uint32_t *tokens; /* [n + 1] */
	float *x;	  /* [n][d_model], normed */
	double nll;
};

struct eval_run {
	const struct job_env *env;
	const struct eval_base *base;
	bool given; /* or the original itself */
	struct lm_engine engine;
	struct lm_head original;       /* when given */
	struct lm_token_score *scores; /* [n] */
	float *x;      /* [n][d_model] to fill, of the original */
	float *hidden; /* [group tokens][d_model] */
	size_t first;  /* the group's first token */
};

static size_t n_tokens(const struct eval_options *opt)
{
	return opt->context * opt->n_sequences;
}

uint64_t job_eval_memory(const struct job_env *env,
			 const struct eval_options *opt,
			 const struct lm_model *m)
{
	uint64_t n = n_tokens(opt), d = m->conf.d_model, group;
	struct engine_share share;
	struct lm_run r;

	lm_run_size(&r, &m->conf, opt->context);
	share = engine_share(&r, job_threads(env), opt->n_sequences);
	group = share.group_seqs * opt->context;
	return (opt->alone ? 1 : 2) * lm_model_bytes(m) +
	       engine_memory(m, opt->context, &share, 0) +
	       n * ((opt->alone ? 0 : d) * sizeof(float) + sizeof(struct lm_token_score) +
		    sizeof(uint32_t) + sizeof(float)) +
	       group * d * sizeof(float);
}

/* ---- one group of sequences ---- */

static void score_slice(void *ctx, const struct engine_slice *s)
{
	struct eval_run *run = ctx;
	size_t d = run->engine.run.conf->d_model;
	const float *hidden = run->hidden + s->first * d;
	size_t at = run->first + s->first;
	const uint32_t *targets = run->base->tokens + at + 1;
	struct lm_token_score *scores = run->scores + at;
	float *y = s->scratch + lm_head_scratch(&run->engine.head, s->n);

	if (run->given) {
		lm_head_norm(&run->engine.head, s->n, hidden, y, NULL);
		lm_head_score(&run->original, run->base->x + at * d,
			      &run->engine.head, y, s->n, targets, scores,
			      s->scratch, s->flop);
		return;
	}
	if (run->x)
		y = run->x + at * d;
	lm_head_norm(&run->engine.head, s->n, hidden, y, NULL);
	lm_head_score(&run->engine.head, y, NULL, NULL, s->n, targets, scores,
		      s->scratch, s->flop);
}

/* The group's step `done` of all is over. */
static enum hvqz_ret tell(struct eval_run *run, size_t n, size_t done,
			  struct hvqz_err *err)
{
	size_t steps = run->engine.run.conf->n_layers + 1;

	if (run->env->progress)
		run->env->progress(run->env->progress_ctx,
				   run->first + n * done / steps, 0, "forward");
	return job_poll(run->env, err);
}

static enum hvqz_ret run_group(struct eval_run *run, size_t n_seqs,
			       struct hvqz_err *err)
{
	struct lm_engine *e = &run->engine;
	size_t n = n_seqs * e->run.context, layers = e->run.conf->n_layers;

	engine_embed(e, run->base->tokens + run->first, n, run->hidden);
	for (size_t i = 0; i < layers; i++) {
		TRY(tell(run, n, i, err));
		engine_take_layer(e, i);
		engine_forward(e, n_seqs, run->hidden, run->hidden, NULL);
	}
	TRY(tell(run, n, layers, err));
	engine_slices(e, n_seqs, score_slice, run);
	return tell(run, n, layers + 1, err);
}

/* ---- sums ---- */

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The smallest value that 99 % of all are not above. */
static enum hvqz_ret percentile(const struct lm_token_score *s, size_t n,
				double *kl99, struct hvqz_err *err)
{
	float *v = malloc(n * sizeof(*v));

	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "sorting");
	for (size_t i = 0; i < n; i++)
		v[i] = s[i].kl;
	qsort(v, n, sizeof(*v), compare);
	*kl99 = (double)v[(n * 99 + 99) / 100 - 1];
	free(v);
	return HVQZ_OK;
}

static enum hvqz_ret sum_up(const struct lm_token_score *s, size_t n,
			    bool given, struct eval_score *score,
			    struct hvqz_err *err)
{
	double nll = 0, kl = 0;
	size_t same = 0;

	for (size_t i = 0; i < n; i++) {
		nll += (double)s[i].nll;
		kl += (double)s[i].kl;
		same += s[i].same_top;
	}
	*score = (struct eval_score){
		.n_tokens = n,
		.nll = nll / (double)n,
		.ppl = exp(nll / (double)n),
		.kl = kl / (double)n,
		.top1 = (double)same / (double)n,
	};
	if (!isfinite(score->nll) || !isfinite(score->kl))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the model's predictions "
				 "are not numbers: a weight is not finite, or "
				 "too large");
	return given ? percentile(s, n, &score->kl99, err) : HVQZ_OK;
}

/* ---- a whole run ---- */

static enum hvqz_ret run_all(struct eval_run *run, const struct lm_model *m,
			     struct eval_score *score, struct hvqz_err *err)
{
	const struct eval_options *opt = &run->base->opt;
	struct lm_engine *e = &run->engine;
	size_t n = n_tokens(opt), d = m->conf.d_model, left, now;
	struct engine_share share;
	struct lm_run r;

	lm_run_size(&r, &m->conf, opt->context);
	share = engine_share(&r, job_threads(run->env), opt->n_sequences);
	TRY(engine_init(e, m, opt->context, &share, 0, err));
	if (run->given)
		TRY(lm_head_init(&run->original, &e->run, run->base->model,
				 err));
	run->scores = calloc(n, sizeof(*run->scores));
	run->hidden = malloc(e->group_seqs * opt->context * d * sizeof(float));
	if (!run->scores || !run->hidden)
		return hvqz_nomem(err, n * sizeof(*run->scores), "scores");
	for (left = opt->n_sequences; left; left -= now) {
		now = left < e->group_seqs ? left : e->group_seqs;
		TRY(run_group(run, now, err));
		run->first += now * opt->context;
	}
	return sum_up(run->scores, n, run->given, score, err);
}

static enum hvqz_ret evaluate(struct eval_run *run, const struct lm_model *m,
			      struct eval_score *score, struct hvqz_err *err)
{
	enum hvqz_ret ret = run_all(run, m, score, err);

	lm_head_free(&run->original);
	engine_free(&run->engine);
	free(run->scores);
	free(run->hidden);
	return ret;
}

enum hvqz_ret job_eval_base(const struct job_env *env,
			    const struct eval_options *opt,
			    const struct lm_model *m, const uint32_t *tokens,
			    struct eval_base **base, struct eval_score *score,
			    struct hvqz_err *err)
{
	size_t n = n_tokens(opt), d = m->conf.d_model;
	struct eval_base *b = calloc(1, sizeof(*b));
	struct eval_run run = {.env = env, .base = b};
	enum hvqz_ret ret;

	if (!b)
		return hvqz_nomem(err, sizeof(*b), "an evaluation");
	b->opt = *opt;
	b->model = m;
	b->tokens = malloc((n + 1) * sizeof(*tokens));
	b->x = opt->alone ? NULL : malloc(n * d * sizeof(float));
	if (!b->tokens || (!b->x && !opt->alone)) {
		ret = hvqz_nomem(err, (uint64_t)n * d * sizeof(float),
				 "hidden states");
		goto out;
	}
	memcpy(b->tokens, tokens, (n + 1) * sizeof(*tokens));
	run.x = b->x;
	TRY_OUT(evaluate(&run, m, score, err));
	b->nll = score->nll;
	*base = b;
	return HVQZ_OK;
out:
	job_eval_free(b);
	return ret;
}

enum hvqz_ret job_eval_given(const struct job_env *env,
			     const struct eval_base *base,
			     const struct lm_model *given,
			     struct eval_score *score, struct hvqz_err *err)
{
	struct eval_run run = {.env = env, .base = base, .given = true};

	TRY(evaluate(&run, given, score, err));
	score->dnll = score->nll - base->nll;
	return HVQZ_OK;
}

void job_eval_free(struct eval_base *base)
{
	if (!base)
		return;
	free(base->tokens);
	free(base->x);
	free(base);
}
