/* engine.c - slices handed to threads, and the memory they work in. */
#include "lm/engine.h"

#include "kernels/blas.h"
#include "lm/attention.h"

#include <stdlib.h>

enum {
	LEAST_SLICES = 4, /* of a group: widening is shared by them */
	WIDEN_ROWS = 64,  /* rows of a weight that a thread widens */
};

/* ---- memory ---- */

static size_t max(size_t a, size_t b)
{
	return a > b ? a : b;
}

struct engine_share engine_share(const struct lm_run *r, unsigned n_threads,
				 size_t n_seqs)
{
	size_t slices = lm_n_slices(r, n_seqs), group;

	if (n_threads > slices)
		n_threads = (unsigned)slices;
	/* A whole number of slices for each thread: none waits for others. */
	group = (LEAST_SLICES + n_threads - 1) / n_threads * n_threads;
	return (struct engine_share){
		.n_threads = n_threads,
		.group_seqs = (group < slices ? group : slices) *
			      r->slice_seqs,
	};
}

/* Floats that a thread needs at its worst moment. */
static size_t desk_len(const struct lm_run *r, const struct lm_head *h,
		       unsigned n_draws)
{
	size_t n = lm_slice_tokens(r);
	size_t acts = layer_acts_len(r, LAYER_INPUTS | LAYER_REST, n);
	size_t back = n_draws ? layer_back_scratch(r, n_draws, n) : 0;

	/* Behind the head's own: its inputs or their gradients, and norms. */
	return max(acts + max(attention_scratch(r), back),
		   lm_head_scratch(h, n) +
			   n * (r->conf->d_model * max(n_draws, 1) + 1));
}

static size_t wide_len(const struct lm_model *m)
{
	return m->conf.n_layers ? layer_weights_len(&m->layers[0]) : 0;
}

uint64_t engine_memory(const struct lm_model *m, size_t context,
		       const struct engine_share *share, unsigned n_draws)
{
	struct lm_run r;
	struct lm_head h = {.run = &r};

	lm_run_size(&r, &m->conf, context);
	return ((uint64_t)desk_len(&r, &h, n_draws) * share->n_threads +
		wide_len(m) + context * m->conf.d_head + m->conf.d_model) *
	       sizeof(float);
}

enum hvqz_ret engine_init(struct lm_engine *e, const struct lm_model *m,
			  size_t context, const struct engine_share *share,
			  unsigned n_draws, struct hvqz_err *err)
{
	unsigned n_threads = share->n_threads;

	*e = (struct lm_engine){.model = m, .n_draws = n_draws};
	TRY(lm_run_init(&e->run, &m->conf, context, err));
	TRY(lm_head_init(&e->head, &e->run, m, err));
	e->group_seqs = share->group_seqs;
	e->desk_len = desk_len(&e->run, &e->head, n_draws);
	e->wide = malloc(wide_len(m) * sizeof(float));
	e->desks = calloc(n_threads, sizeof(*e->desks));
	if (!e->wide || !e->desks)
		return hvqz_nomem(err, (uint64_t)wide_len(m) * sizeof(float),
				  "a layer in single precision");
	blas_init();
	TRY(team_new(n_threads, &e->team, err));
	for (unsigned i = 0; i < n_threads; i++) {
		e->desks[i].mem = malloc(e->desk_len * sizeof(float));
		if (!e->desks[i].mem)
			return hvqz_nomem(err,
					  (uint64_t)e->desk_len * sizeof(float),
					  "a thread's activations");
	}
	return HVQZ_OK;
}

void engine_free(struct lm_engine *e)
{
	if (e->desks && e->team)
		for (unsigned i = 0; i < team_size(e->team); i++)
			free(e->desks[i].mem);
	free(e->desks);
	team_free(e->team);
	free(e->wide);
	lm_head_free(&e->head);
	lm_run_free(&e->run);
}

double engine_flop(const struct lm_engine *e)
{
	double sum = 0;

	for (unsigned i = 0; i < team_size(e->team); i++)
		sum += e->desks[i].flop;
	return sum;
}

/* ---- slices ---- */

struct slices {
	struct lm_engine *e;
	size_t n_seqs;
	void (*fn)(void *ctx, const struct engine_slice *s);
	void *ctx;
};

static void one_slice(void *ctx, size_t item, unsigned thread)
{
	struct slices *all = ctx;
	const struct lm_run *r = &all->e->run;
	struct lm_desk *desk = &all->e->desks[thread];
	size_t seq = item * r->slice_seqs;
	size_t left = all->n_seqs - seq;
	struct engine_slice s = {
		.number = item,
		.first = seq * r->context,
		.n_seqs = left < r->slice_seqs ? left : r->slice_seqs,
		.thread = thread,
		.scratch = desk->mem,
	};
	double flop = 0; /* not shared with other threads' until done */

	s.n = s.n_seqs * r->context;
	s.flop = &flop;
	all->fn(all->ctx, &s);
	desk->flop += flop;
}

void engine_slices(struct lm_engine *e, size_t n_seqs,
		   void (*fn)(void *ctx, const struct engine_slice *s),
		   void *ctx)
{
	struct slices all = {e, n_seqs, fn, ctx};

	team_run(e->team, one_slice, &all, lm_n_slices(&e->run, n_seqs));
}

/* ---- widening ---- */

struct widening {
	struct lm_engine *e;
	const struct lm_layer *layer;
};

static size_t pieces(const struct lm_weight *w)
{
	return (w->n_rows + WIDEN_ROWS - 1) / WIDEN_ROWS;
}

static void widen_piece(void *ctx, size_t item, unsigned thread)
{
	struct widening *job = ctx;
	const struct lm_weight *w = job->layer->part;
	size_t row, left;
	int i = 0;

	(void)thread;
	for (; item >= pieces(&w[i]); i++)
		item -= pieces(&w[i]);
	row = item * WIDEN_ROWS;
	left = w[i].n_rows - row;
	lm_weight_widen(&w[i], row, left < WIDEN_ROWS ? left : WIDEN_ROWS,
			(float *)job->e->w.part[i] + row * w[i].n_cols);
}

void engine_take_layer(struct lm_engine *e, size_t layer)
{
	struct widening job = {e, &e->model->layers[layer]};
	size_t n = 0;

	layer_weights_place(job.layer, e->wide, &e->w);
	for (int i = 0; i < LM_N_PARTS; i++)
		n += pieces(&job.layer->part[i]);
	team_run(e->team, widen_piece, &job, n);
}

void engine_embed(struct lm_engine *e, const uint32_t *tokens, size_t n,
		  float *x)
{
	size_t d = e->model->conf.d_model;

	for (size_t i = 0; i < n; i++)
		lm_weight_widen(&e->model->embed, tokens[i], 1, x + i * d);
}

/* ---- a layer, there and back ---- */

struct crossing {
	struct lm_engine *e;
	const float *x;
	float *y;
	const struct layer_acts *inputs;
	float *dx;
	struct layer_squares *squares;
};

static void slice_forward(void *ctx, const struct engine_slice *s)
{
	struct crossing *c = ctx;
	const struct lm_run *r = &c->e->run;
	const struct lm_config *conf = r->conf;
	unsigned parts = LAYER_REST | (c->inputs ? 0 : LAYER_INPUTS);
	size_t at = s->first * conf->d_model;
	struct layer_acts acts;

	layer_acts_place(r, parts, s->n, s->scratch, &acts);
	if (c->inputs) {
		acts.a = c->inputs->a + at;
		acts.o_in = c->inputs->o_in + s->first * lm_q_width(conf);
		acts.m = c->inputs->m + at;
		acts.act = c->inputs->act + s->first * conf->d_ff;
	}
	layer_forward(r, &c->e->w, s->n_seqs, c->x + at, &acts, c->y + at,
		      s->scratch + layer_acts_len(r, parts, s->n), s->flop);
}

void engine_forward(struct lm_engine *e, size_t n_seqs, const float *x,
		    float *y, const struct layer_acts *inputs)
{
	struct crossing c = {.e = e, .x = x, .y = y, .inputs = inputs};

	engine_slices(e, n_seqs, slice_forward, &c);
}

static void slice_back(void *ctx, const struct engine_slice *s)
{
	struct crossing *c = ctx;
	const struct lm_run *r = &c->e->run;
	unsigned parts = LAYER_INPUTS | LAYER_REST;
	size_t d = r->conf->d_model;
	const float *x = c->x + s->first * d;
	float *rest = s->scratch + layer_acts_len(r, parts, s->n);
	struct layer_acts acts;

	layer_acts_place(r, parts, s->n, s->scratch, &acts);
	layer_forward(r, &c->e->w, s->n_seqs, x, &acts, NULL, rest, s->flop);
	layer_back(r, &c->e->w, s->n_seqs, x, &acts, c->e->n_draws,
		   c->dx + s->first * d * c->e->n_draws, &c->squares[s->number],
		   rest, s->flop);
}

void engine_back(struct lm_engine *e, size_t n_seqs, const float *x, float *dx,
		 struct layer_squares *squares)
{
	struct crossing c = {.e = e, .x = x, .dx = dx, .squares = squares};

	engine_slices(e, n_seqs, slice_back, &c);
}
