/*
 * sense_pass.c - the way up, with Hessians, and the way back, with gradients.
 *
 * Up: every layer's input is kept, the inputs of its matrices go into their
 * Hessians and are forgotten. At the top labels are drawn from the model's own
 * predictions (so that squared gradients estimate the Fisher information, and
 * not how badly the model knows this text). Back: every layer is computed again
 * from its input, and the squares of the gradients that pass are added up.
 */
#include "job/sense_pass.h"

#include "job/job_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* Floats of everything; also cuts it up once there is memory. */
struct sizes {
	size_t x, inputs, dx, squares, g_head;
};

static struct sizes sizes_of(const struct lm_run *r,
			     const struct sense_options *opt, size_t seqs)
{
	const struct lm_config *c = r->conf;
	size_t n = seqs * r->context, slices = lm_n_slices(r, seqs);
	bool back = opt->draws > 0;

	return (struct sizes){
		.x = ((back ? c->n_layers : 0) + 1) * n * c->d_model,
		.inputs = layer_acts_len(r, LAYER_INPUTS, n),
		.dx = opt->draws * n * c->d_model,
		.squares = back ? slices * sense_squares_len(c) : 0,
		.g_head = back ? slices * c->n_vocab : 0,
	};
}

uint64_t sense_pass_memory(const struct lm_model *m,
			   const struct sense_options *opt, size_t seqs)
{
	struct lm_run r;
	struct sizes s;

	lm_run_size(&r, &m->conf, opt->context);
	s = sizes_of(&r, opt, seqs);
	return (s.x + s.inputs + s.dx + s.squares + s.g_head +
		seqs * opt->context) * sizeof(float);
}

enum hvqz_ret sense_pass_init(struct sense_pass *p, struct hvqz_err *err)
{
	const struct lm_run *r = &p->e->run;
	struct sizes s = sizes_of(r, p->opt, p->e->group_seqs);
	size_t n = p->e->group_seqs * r->context;
	size_t slices = lm_n_slices(r, p->e->group_seqs);

	p->x = malloc(s.x * sizeof(float));
	p->inputs_mem = malloc(s.inputs * sizeof(float));
	p->dx = malloc((s.dx + 1) * sizeof(float));
	p->squares_mem = malloc((s.squares + 1) * sizeof(float));
	p->squares = calloc(slices, sizeof(*p->squares));
	p->g_head = malloc((s.g_head + 1) * sizeof(float));
	p->slice_nll = calloc(slices, sizeof(*p->slice_nll));
	p->targets = malloc(n * sizeof(*p->targets));
	if (!p->x || !p->inputs_mem || !p->dx || !p->squares_mem ||
	    !p->squares || !p->g_head || !p->slice_nll || !p->targets)
		return hvqz_nomem(
			err, sense_pass_memory(p->e->model, p->opt,
						   p->e->group_seqs),
			"a group of sequences");
	layer_acts_place(r, LAYER_INPUTS, n, p->inputs_mem, &p->inputs);
	for (size_t i = 0; p->opt->draws && i < slices; i++)
		sense_squares_place(r->conf,
				    p->squares_mem + i * p->sums->g_len,
				    &p->squares[i]);
	return HVQZ_OK;
}

void sense_pass_free(struct sense_pass *p)
{
	free(p->x);
	free(p->inputs_mem);
	free(p->dx);
	free(p->squares_mem);
	free(p->squares);
	free(p->g_head);
	free(p->slice_nll);
	free(p->targets);
}

/* ---- progress ---- */

/* Going back through a layer costs about three times going up. */
enum { BACK_COST = 3 };

/* `done` of the group's steps are over; name is what comes next. */
static enum hvqz_ret tell(struct sense_pass *p, size_t n, size_t done,
			  const char *name, struct hvqz_err *err)
{
	size_t layers = p->e->run.conf->n_layers;
	size_t all = p->opt->draws ? layers * (1 + BACK_COST) : layers;

	if (p->env->progress)
		p->env->progress(p->env->progress_ctx,
				 p->first + n * done / all, 0, name);
	return job_poll(p->env, err);
}

/* ---- the way up ---- */

static void add_inputs(struct sense_pass *p, size_t layer, size_t n_seqs)
{
	const struct lm_hessian *h = p->sums->in + layer * SENSE_N_INPUTS;
	const struct sense_add all[SENSE_N_INPUTS] = {
		{h + SENSE_ACT, p->inputs.act, 1},
		{h + SENSE_A, p->inputs.a, 1},
		{h + SENSE_O, p->inputs.o_in, 1},
		{h + SENSE_M, p->inputs.m, 1},
	};

	sense_add(p->e, all, SENSE_N_INPUTS, n_seqs);
}

/* The input of a layer, or with n_layers of the head. */
static float *states(const struct sense_pass *p, size_t layer, size_t n)
{
	return p->x + (p->opt->draws ? layer : 0) * n * p->e->run.conf->d_model;
}

static enum hvqz_ret go_up(struct sense_pass *p, size_t n_seqs, size_t n,
			   struct hvqz_err *err)
{
	const uint32_t *tokens = p->tokens + p->first;

	for (size_t i = 0; i < n; i++)
		p->sums->seen[tokens[i]]++;
	engine_embed(p->e, tokens, n, states(p, 0, n));
	for (size_t i = 0; i < p->sums->n_layers; i++) {
		TRY(tell(p, n, i, "forward", err));
		engine_take_layer(p->e, i);
		engine_forward(p->e, n_seqs, states(p, i, n),
			       states(p, i + 1, n), &p->inputs);
		add_inputs(p, i, n_seqs);
	}
	return HVQZ_OK;
}

/* ---- the top ---- */

struct top {
	struct sense_pass *pass;
	const float *hidden;
};

/* From d at the head's inputs to d at the last layer's output, in dx. */
static void back_norm(const struct lm_head *h, size_t n, size_t i,
		      unsigned n_draws, const float *hidden, float rms,
		      const float *d_in, float *dx)
{
	size_t d = h->run->conf->d_model;

	for (unsigned e = 0; e < n_draws; e++) {
		size_t at = (e * n + i) * d;

		memset(dx + at, 0, d * sizeof(float));
		h->run->rows->norm_back(dx + at, d_in + at, hidden + i * d,
					h->norm, d, rms);
	}
}

static void top_slice(void *ctx, const struct engine_slice *s)
{
	struct top *top = ctx;
	struct sense_pass *p = top->pass;
	const struct lm_head *h = &p->e->head;
	size_t d = h->run->conf->d_model, n_vocab = h->run->conf->n_vocab;
	const float *hidden = top->hidden + s->first * d;
	struct lm_labels labels = {
		.seed = p->opt->seed,
		.first = p->first + s->first,
		.n_draws = p->opt->draws,
	};
	float *x = p->inputs.a + s->first * d;
	float *d_in = s->scratch + lm_head_scratch(h, s->n);
	float *rms = d_in + labels.n_draws * s->n * d;
	float *g = p->g_head + s->number * n_vocab;

	lm_head_norm(h, s->n, hidden, x, rms);
	if (!labels.n_draws)
		return;
	memset(g, 0, n_vocab * sizeof(float));
	p->slice_nll[s->number] = 0;
	lm_head_fisher(h, x, s->n, p->targets + s->first, &labels, g, d_in,
		       &p->slice_nll[s->number], s->scratch, s->flop);
	for (size_t i = 0; i < s->n; i++)
		back_norm(h, s->n, i, labels.n_draws, hidden, rms[i], d_in,
			  p->dx + labels.n_draws * s->first * d);
}

static void go_over_top(struct sense_pass *p, size_t n_seqs, size_t n)
{
	struct top top = {p, states(p, p->sums->n_layers, n)};
	struct sense_add head = {&p->sums->head, p->inputs.a, 1};
	size_t n_vocab = p->e->run.conf->n_vocab, context = p->e->run.context;

	for (size_t i = 0; i < n; i++)
		p->targets[i] = (i + 1) % context ?
					p->tokens[p->first + i + 1] :
					LM_NO_TARGET;
	engine_slices(p->e, n_seqs, top_slice, &top);
	sense_add(p->e, &head, 1, n_seqs);
	if (!p->opt->draws)
		return;
	for (size_t i = 0; i < lm_n_slices(&p->e->run, n_seqs); i++) {
		for (size_t v = 0; v < n_vocab; v++)
			p->sums->g_head[v] +=
				(double)p->g_head[i * n_vocab + v];
		p->nll += p->slice_nll[i];
	}
	p->n_targets += n_seqs * (context - 1);
}

/* ---- the way back ---- */

static enum hvqz_ret go_back(struct sense_pass *p, size_t n_seqs, size_t n,
			     struct hvqz_err *err)
{
	size_t layers = p->sums->n_layers, g_len = p->sums->g_len;
	size_t slices = lm_n_slices(&p->e->run, n_seqs);

	for (size_t i = layers; i--;) {
		double *g = p->sums->g + i * g_len;

		TRY(tell(p, n, layers + (layers - 1 - i) * BACK_COST,
			 "backward", err));
		memset(p->squares_mem, 0, slices * g_len * sizeof(float));
		engine_take_layer(p->e, i);
		engine_back(p->e, n_seqs, states(p, i, n), p->dx, p->squares);
		for (size_t j = 0; j < slices * g_len; j++)
			g[j % g_len] += (double)p->squares_mem[j];
	}
	if (p->sums->embed.sum) {
		struct sense_add embed = {&p->sums->embed, p->dx,
					  p->opt->draws};

		sense_add(p->e, &embed, 1, n_seqs);
	}
	return HVQZ_OK;
}

enum hvqz_ret sense_pass_group(struct sense_pass *p, size_t n_seqs,
			       struct hvqz_err *err)
{
	size_t n = n_seqs * p->e->run.context;

	TRY(go_up(p, n_seqs, n, err));
	go_over_top(p, n_seqs, n);
	if (p->opt->draws)
		TRY(go_back(p, n_seqs, n, err));
	p->first += n;
	return tell(p, 0, 0, "forward", err);
}
