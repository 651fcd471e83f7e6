/* sense_sums.c - the sums of sense_sums.h, from zero to means. */
#include "job/sense_sums.h"

#include <math.h>
#include <stdlib.h>

/*
 * Tokens of each word that we pretend to have seen besides the text's. A word
 * that the calibration does not have is not one that never comes.
 */
#define UNSEEN 4.0

/* The matrices of a layer, in the order of the sidecar. */
static const struct part_row {
	enum lm_part part;
	enum sense_input in;
} parts[] = {
	{LM_Q, SENSE_A},      {LM_K, SENSE_A},	  {LM_V, SENSE_A},
	{LM_O, SENSE_O},      {LM_GATE, SENSE_M}, {LM_UP, SENSE_M},
	{LM_DOWN, SENSE_ACT},
};

enum { N_PARTS = sizeof(parts) / sizeof(*parts) };

static size_t rows_of(const struct lm_config *c, enum lm_part part)
{
	switch (part) {
	case LM_Q:
		return lm_q_width(c);
	case LM_K:
	case LM_V:
		return lm_kv_width(c);
	case LM_GATE:
	case LM_UP:
		return c->d_ff;
	default:
		return c->d_model;
	}
}

static size_t width_of(const struct lm_config *c, enum sense_input in)
{
	return in == SENSE_O   ? lm_q_width(c) :
	       in == SENSE_ACT ? c->d_ff :
				 c->d_model;
}

/* ---- memory ---- */

size_t sense_squares_len(const struct lm_config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < N_PARTS; i++)
		n += rows_of(c, parts[i].part);
	return n;
}

void sense_squares_place(const struct lm_config *c, float *p,
			 struct layer_squares *q)
{
	for (size_t i = 0; i < N_PARTS; i++) {
		q->part[parts[i].part] = p;
		p += rows_of(c, parts[i].part);
	}
}

/* How a Hessian over n channels is kept. */
static struct lm_hessian kept(const struct sense_options *opt, size_t n)
{
	size_t block = !opt->full		    ? 0 :
		       opt->block && opt->block < n ? opt->block :
						      n;

	return (struct lm_hessian){.n = n, .block = block};
}

/* Give h its memory, or only count it while there is none. */
static void allot(struct lm_hessian *h, float *mem, size_t *len)
{
	h->sum = mem ? mem + *len : NULL;
	*len += hessian_len(h->n, h->block);
}

/* Floats of all Hessians; s->in NULL: only counted. */
static size_t place(struct sense_sums *s, const struct sense_options *opt,
		    float *mem)
{
	const struct lm_config *c = &s->model->conf;
	size_t len = 0;

	for (size_t i = 0; i < c->n_layers * SENSE_N_INPUTS; i++) {
		struct lm_hessian h = kept(opt,
					   width_of(c, i % SENSE_N_INPUTS));

		allot(&h, mem, &len);
		if (s->in)
			s->in[i] = h;
	}
	s->head = s->embed = kept(opt, c->d_model);
	allot(&s->head, mem, &len);
	if (s->model->head.n_rows && opt->draws)
		allot(&s->embed, mem, &len);
	return len;
}

uint64_t sense_sums_memory(const struct lm_model *m,
			   const struct sense_options *opt)
{
	const struct lm_config *c = &m->conf;
	struct sense_sums s = {.model = m};

	return place(&s, opt, NULL) * sizeof(float) +
	       (c->n_layers * sense_squares_len(c) + 2 * c->n_vocab) *
		       (sizeof(double) + sizeof(float));
}

enum hvqz_ret sense_sums_init(struct sense_sums *s, const struct lm_model *m,
			      const struct sense_options *opt,
			      struct hvqz_err *err)
{
	const struct lm_config *c = &m->conf;

	*s = (struct sense_sums){
		.model = m,
		.n_layers = c->n_layers,
		.in = calloc(c->n_layers * SENSE_N_INPUTS, sizeof(*s->in)),
		.has_g = opt->draws > 0,
		.g_len = sense_squares_len(c),
		.g_head = calloc(c->n_vocab, sizeof(double)),
		.seen = calloc(c->n_vocab, sizeof(uint64_t)),
	};
	s->g = calloc(c->n_layers * s->g_len, sizeof(double));
	if (s->in) {
		s->mem = calloc(place(s, opt, NULL), sizeof(float));
		if (s->mem)
			place(s, opt, s->mem);
	}
	if (s->mem && s->g && s->g_head && s->seen)
		return HVQZ_OK;
	return hvqz_nomem(err, sense_sums_memory(m, opt), "Hessians");
}

void sense_sums_free(struct sense_sums *s)
{
	free(s->in);
	free(s->mem);
	free(s->g);
	free(s->g_head);
	free(s->g_out);
	free(s->seen);
}

/* ---- adding ---- */

struct adding {
	struct lm_engine *e;
	const struct sense_add *what;
	size_t n_seqs;
};

static void add_tile(void *ctx, size_t item, unsigned thread)
{
	struct adding *a = ctx;
	const struct sense_add *w = a->what;
	const struct lm_run *r = &a->e->run;
	double flop = 0;

	for (; item >= hessian_tiles(w->h); w++)
		item -= hessian_tiles(w->h);
	for (size_t seq = 0; seq < a->n_seqs; seq += r->slice_seqs) {
		size_t left = a->n_seqs - seq;
		size_t seqs = left < r->slice_seqs ? left : r->slice_seqs;
		size_t rows = r->context * w->row_factor;

		hessian_add(w->h, r->rows, item, w->x + seq * rows * w->h->n,
			    seqs * rows, &flop);
	}
	a->e->desks[thread].flop += flop;
}

void sense_add(struct lm_engine *e, const struct sense_add *what, size_t k,
	       size_t n_seqs)
{
	struct adding a = {e, what, n_seqs};
	size_t n = 0;

	for (size_t i = 0; i < k; i++)
		n += hessian_tiles(what[i].h);
	team_run(e->team, add_tile, &a, n);
}

/* ---- entries ---- */

static void scale(struct lm_hessian *h, double by)
{
	size_t n = hessian_len(h->n, h->block);

	for (size_t i = 0; i < n; i++)
		h->sum[i] = (float)((double)h->sum[i] * by);
}

static struct sidecar_entry entry(const char *name, const struct lm_hessian *h,
				  const float *g, size_t n_out)
{
	return (struct sidecar_entry){
		.name = name,
		.n_in = h->n,
		.diag = h->block ? NULL : h->sum,
		.full = h->block ? h->sum : NULL,
		.block = h->block,
		.row_sens = g,
		.n_out = n_out,
	};
}

size_t sense_n_entries(const struct lm_model *m,
		       const struct sense_options *opt)
{
	return m->conf.n_layers * N_PARTS + 1 + (m->head.n_rows && opt->draws);
}

/* The means of g, narrowed: layers, head, embedding. */
static void narrow(struct sense_sums *s, uint64_t n_tokens, unsigned n_draws)
{
	size_t n_vocab = s->model->conf.n_vocab;
	double all = (double)n_tokens + UNSEEN * (double)n_vocab;
	float *to = s->g_out;

	for (size_t i = 0; i < s->n_layers * s->g_len; i++)
		*to++ = (float)(s->g[i] / (double)n_tokens / n_draws);
	for (size_t i = 0; i < n_vocab; i++)
		*to++ = (float)(s->g_head[i] / (double)n_tokens);
	for (size_t i = 0; i < n_vocab; i++)
		*to++ = (float)(((double)s->seen[i] + UNSEEN) / all);
}

static struct sidecar_entry *layer_entries(const struct sense_sums *s,
					   size_t layer,
					   struct sidecar_entry *v)
{
	const struct lm_config *c = &s->model->conf;
	const float *g = s->has_g ? s->g_out + layer * s->g_len : NULL;

	for (size_t i = 0; i < N_PARTS; i++) {
		size_t n = rows_of(c, parts[i].part);

		*v++ = entry(s->model->layers[layer].part[parts[i].part].name,
			     &s->in[layer * SENSE_N_INPUTS + parts[i].in], g,
			     n);
		if (g)
			g += n;
	}
	return v;
}

static bool all_finite(const float *v, size_t n)
{
	while (n && isfinite(v[n - 1]))
		n--;
	return n == 0;
}

/* The model's own fault, before the writer would call it its caller's. */
static enum hvqz_ret check_entry(const struct sidecar_entry *e,
				 struct hvqz_err *err)
{
	const float *h = e->full ? e->full : e->diag;

	if (all_finite(h, hessian_len(e->n_in, e->block)) &&
	    (!e->row_sens || all_finite(e->row_sens, e->n_out)))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, e->name,
				"what goes in there, or what is lost by it, is "
				"not a number: a weight is not finite, or too "
				"large");
}

enum hvqz_ret sense_sums_entries(struct sense_sums *s, uint64_t n_tokens,
				 unsigned n_draws, struct sidecar_entry **out,
				 size_t *n, struct hvqz_err *err)
{
	const struct lm_model *m = s->model;
	size_t n_vocab = m->conf.n_vocab, n_g = s->n_layers * s->g_len;
	struct sidecar_entry *v;
	const float *g = NULL;

	*out = v = calloc(s->n_layers * N_PARTS + 2, sizeof(*v));
	s->g_out = calloc(n_g + 2 * n_vocab, sizeof(float));
	if (!v || !s->g_out)
		return hvqz_nomem(err, (n_g + 2 * n_vocab) * sizeof(float),
				  "row sensitivities");
	for (size_t i = 0; i < s->n_layers * SENSE_N_INPUTS; i++)
		scale(&s->in[i], 1.0 / (double)n_tokens);
	scale(&s->head, 1.0 / (double)n_tokens);
	if (s->has_g) {
		narrow(s, n_tokens, n_draws);
		g = s->g_out + n_g;
	}
	for (size_t i = 0; i < s->n_layers; i++)
		v = layer_entries(s, i, v);
	if (s->embed.sum) {
		scale(&s->embed, 1.0 / (double)n_tokens / n_draws);
		*v++ = entry(m->embed.name, &s->embed, g + n_vocab, n_vocab);
	}
	*v++ = entry(lm_model_head(m)->name, &s->head, g, n_vocab);
	*n = (size_t)(v - *out);
	for (size_t i = 0; i < *n; i++)
		TRY(check_entry(*out + i, err));
	return HVQZ_OK;
}
