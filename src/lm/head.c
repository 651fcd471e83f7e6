/* head.c - logits slab by slab, and what becomes of them. */
#include "lm/head.h"

#include "base/rng.h"
#include "lm/flop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB = 2048 }; /* of the vocabulary */

enum hvqz_ret lm_head_init(struct lm_head *h, const struct lm_run *r,
			   const struct lm_model *m, struct hvqz_err *err)
{
	size_t d = m->conf.d_model;

	*h = (struct lm_head){
		.run = r,
		.w = lm_model_head(m),
		.norm = calloc(d, sizeof(float)),
	};
	if (!h->norm)
		return hvqz_nomem(err, d * sizeof(float), "the final norm");
	lm_weight_widen(&m->final_norm, 0, 1, h->norm);
	return HVQZ_OK;
}

void lm_head_free(struct lm_head *h)
{
	free(h->norm);
}

void lm_head_norm(const struct lm_head *h, size_t n, const float *hidden,
		  float *x, float *rms)
{
	const struct lm_config *c = h->run->conf;

	for (size_t i = 0; i < n; i++) {
		size_t at = i * c->d_model;
		float r = h->run->rows->norm(x + at, hidden + at, h->norm,
					     c->d_model, c->norm_eps);

		if (rms)
			rms[i] = r;
	}
}

/* ---- slabs ---- */

/* What is known of a token's softmax so far: Σ exp(z) = sum·exp(max). */
struct softmax {
	double sum;
	float max;
	uint32_t top; /* where the maximum is */
};

struct token {
	struct softmax own, given;
	double diff;   /* Σ exp(z − own.max)·(z − z_given) */
	double passed; /* probability in the slabs gone by */
	float target;  /* the target's logit, the given one's if any */
};

/* The scratch of one call. */
struct desk {
	struct token *tokens; /* [n] */
	float *w;	      /* [SLAB][d_model] */
	float *z;	      /* [n][SLAB] */
	float *z_given;	      /* [n][SLAB] */
	float *mean;	      /* [n][d_model] */
};

static size_t token_floats(size_t n)
{
	return n * (sizeof(struct token) / sizeof(float));
}

size_t lm_head_scratch(const struct lm_head *h, size_t n)
{
	size_t d = h->run->conf->d_model;

	return token_floats(n) + SLAB * d + 2 * n * SLAB + n * d;
}

static struct desk lay_out(const struct lm_head *h, size_t n, float *scratch)
{
	size_t d = h->run->conf->d_model;
	struct desk k = {.tokens = (struct token *)(void *)scratch};

	k.w = scratch + token_floats(n);
	k.z = k.w + SLAB * d;
	k.z_given = k.z + n * SLAB;
	k.mean = k.z_given + n * SLAB;
	for (size_t i = 0; i < n; i++)
		k.tokens[i] = (struct token){
			.own.max = -INFINITY,
			.given.max = -INFINITY,
		};
	return k;
}

static size_t slab_len(const struct lm_head *h, size_t v)
{
	size_t left = h->run->conf->n_vocab - v;

	return left < SLAB ? left : SLAB;
}

/* Widen the head's rows v … v + nv - 1 to w; z [n][nv] are their logits. */
static void logits(const struct lm_head *h, const float *x, size_t n, size_t v,
		   size_t nv, float *w, float *z, double *flop)
{
	size_t d = h->run->conf->d_model;

	lm_weight_widen(h->w, v, nv, w);
	count_nt(n, nv, d, (struct mat){x, d}, (struct mat){w, d}, 0, z, nv,
		 flop);
}

/*
 * Raise s->max to that of a slab's logits z [nv]; the sums so far are to be
 * multiplied by what is returned.
 */
static double raise_max(const struct lm_head *h, struct softmax *s,
			const float *z, size_t v, size_t nv)
{
	float max = h->run->rows->max(z, nv);
	double shrink;
	uint32_t at = 0;

	if (!(max > s->max))
		return 1;
	while (at + 1 < nv && z[at] != max)
		at++;
	shrink = exp((double)s->max - (double)max);
	s->max = max;
	s->top = (uint32_t)v + at;
	return shrink;
}

static void add_slab(const struct lm_head *h, struct softmax *s, const float *z,
		     size_t v, size_t nv)
{
	s->sum *= raise_max(h, s, z, v, nv);
	s->sum += h->run->rows->sum_exp(z, nv, s->max);
}

static double lse(const struct softmax *s)
{
	return (double)s->max + log(s->sum);
}

/* ---- scores ---- */

static void score_slab(const struct lm_head *h, struct token *t, const float *z,
		       const float *z_given, size_t v, size_t nv)
{
	double shrink, sum;

	if (!z_given) {
		add_slab(h, &t->own, z, v, nv);
		return;
	}
	shrink = raise_max(h, &t->own, z, v, nv);
	t->diff *= shrink;
	t->diff += h->run->rows->sum_exp_diff(z, z_given, nv, t->own.max, &sum);
	t->own.sum = t->own.sum * shrink + sum;
	add_slab(h, &t->given, z_given, v, nv);
}

static struct lm_token_score finish(const struct token *t, bool given)
{
	double own = lse(&t->own), other = own;
	struct lm_token_score s = {.same_top = true};

	if (given) {
		other = lse(&t->given);
		/* Σ p·(log p − log q), p = exp(z − own). */
		s.kl = (float)(t->diff / t->own.sum - own + other);
		s.same_top = t->own.top == t->given.top;
	}
	s.nll = (float)(other - (double)t->target);
	return s;
}

void lm_head_score(const struct lm_head *h, const float *x,
		   const struct lm_head *given, const float *y, size_t n,
		   const uint32_t *targets, struct lm_token_score *score,
		   float *scratch, double *flop)
{
	struct desk k = lay_out(h, n, scratch);
	const float *last = given ? k.z_given : k.z;
	size_t nv;

	for (size_t v = 0; v < h->run->conf->n_vocab; v += nv) {
		nv = slab_len(h, v);
		logits(h, x, n, v, nv, k.w, k.z, flop);
		if (given)
			logits(given, y, n, v, nv, k.w, k.z_given, flop);
		for (size_t i = 0; i < n; i++) {
			struct token *t = &k.tokens[i];

			score_slab(h, t, k.z + i * nv,
				   given ? k.z_given + i * nv : NULL, v, nv);
			if (targets[i] >= v && targets[i] - v < nv)
				t->target = last[i * nv + targets[i] - v];
		}
	}
	for (size_t i = 0; i < n; i++)
		score[i] = finish(&k.tokens[i], given);
}

/* ---- the Fisher ---- */

/* Uniform in [0, 1). */
static double uniform(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

/*
 * One token's draws in one slab, of which p [nv] are its predictions: the part
 * before … after of all probability. A draw that falls into it takes its
 * label's row of w off dx.
 */
static void draw_labels(const struct lm_labels *l, size_t i, const float *p,
			size_t nv, double before, double after, const float *w,
			size_t d, float *dx, size_t dx_len)
{
	struct rng r = {l->seed ^ (l->first + i + 1) * 0xd1b54a32d192ed03u};

	for (unsigned e = 0; e < l->n_draws; e++) {
		double at = uniform(&r), left = at - before;
		size_t v = 0;

		if (at < before || at >= after)
			continue;
		for (; v + 1 < nv && left >= (double)p[v]; v++)
			left -= (double)p[v];
		for (size_t j = 0; j < d; j++)
			dx[e * dx_len + j] -= w[v * d + j];
	}
}

/* First time through the vocabulary: sums, and the targets' logits. */
static void sum_up(const struct lm_head *h, const float *x, size_t n,
		   const uint32_t *targets, struct desk *k, double *flop)
{
	size_t nv;

	for (size_t v = 0; v < h->run->conf->n_vocab; v += nv) {
		nv = slab_len(h, v);
		logits(h, x, n, v, nv, k->w, k->z, flop);
		for (size_t i = 0; i < n; i++) {
			const float *z = k->z + i * nv;

			add_slab(h, &k->tokens[i].own, z, v, nv);
			if (targets[i] != LM_NO_TARGET && targets[i] >= v &&
			    targets[i] - v < nv)
				k->tokens[i].target = z[targets[i] - v];
		}
	}
}

void lm_head_fisher(const struct lm_head *h, const float *x, size_t n,
		    const uint32_t *targets, const struct lm_labels *labels,
		    float *g, float *dx, double *nll, float *scratch,
		    double *flop)
{
	size_t d = h->run->conf->d_model, n_vocab = h->run->conf->n_vocab, nv;
	struct desk k = lay_out(h, n, scratch);

	sum_up(h, x, n, targets, &k, flop);
	memset(dx, 0, labels->n_draws * n * d * sizeof(float));
	for (size_t v = 0; v < n_vocab; v += nv) {
		nv = slab_len(h, v);
		if (n_vocab > SLAB)
			logits(h, x, n, v, nv, k.w, k.z, flop);
		for (size_t i = 0; i < n; i++) {
			struct token *t = &k.tokens[i];
			float *p = k.z + i * nv;
			double after = t->passed + h->run->rows->fisher(
							   p, g + v, nv,
							   (float)lse(&t->own));

			if (v + nv == n_vocab) /* but for rounding */
				after = 1;
			draw_labels(labels, i, p, nv, t->passed, after, k.w, d,
				    dx + i * d, n * d);
			t->passed = after;
		}
		if (labels->n_draws)
			count_nn(n, d, nv, (struct mat){k.z, nv},
				 (struct mat){k.w, d}, v > 0, k.mean, d, flop);
	}
	for (unsigned e = 0; e < labels->n_draws; e++)
		h->run->rows->add(dx + e * n * d, k.mean, n * d);
	for (size_t i = 0; i < n; i++)
		if (targets[i] != LM_NO_TARGET)
			*nll += lse(&k.tokens[i].own) -
				(double)k.tokens[i].target;
}
