/*
 * layer_back.c - the backward half of layer.h.
 *
 * In the reverse order of layer_forward(). dx starts as the gradient of y;
 * since y = mid + mlp(mid) and mid = x + attn(x), each half adds its own
 * gradient to what passes it by. The MLP is taken one draw at a time, as its
 * rows are the widest; attention takes all draws together, as the costly part
 * of it is computing its weights again.
 */
#include "lm/layer.h"

#include "lm/attention.h"
#include "lm/flop.h"

/* The memory of one layer_back(); n tokens, D draws. */
struct back {
	float *dgate, *dup; /* [n][d_ff]; da before dgate */
	float *din;	    /* [n][d_model] */
	float *d_o, *dq;    /* [D][n][n_heads·d_head] */
	float *dk, *dv;	    /* [D][n][n_kv_heads·d_head] */
	float *head;	    /* [d_head] */
	float *attn;	    /* attention_scratch() */
};

size_t layer_back_scratch(const struct lm_run *r, unsigned n_draws, size_t n)
{
	const struct lm_config *c = r->conf;

	return n * (2 * c->d_ff + c->d_model) +
	       2 * n_draws * n * (lm_q_width(c) + lm_kv_width(c)) + c->d_head +
	       attention_scratch(r);
}

static struct back cut_up(const struct lm_run *r, unsigned n_draws, size_t n,
			  float *mem)
{
	const struct lm_config *c = r->conf;
	size_t q = lm_q_width(c), kv = lm_kv_width(c);
	struct back b;

	b.dgate = mem;
	b.dup = b.dgate + n * c->d_ff;
	b.din = b.dup + n * c->d_ff;
	b.d_o = b.din + n * c->d_model;
	b.dq = b.d_o + n_draws * n * q;
	b.dk = b.dq + n_draws * n * q;
	b.dv = b.dk + n_draws * n * kv;
	b.head = b.dv + n_draws * n * kv;
	b.attn = b.head + c->d_head;
	return b;
}

static void square(const struct lm_run *r, float *g, const float *dy, size_t n,
		   size_t width)
{
	for (size_t i = 0; i < n; i++)
		r->rows->add_squares(g, dy + i * width, width);
}

/* din (+)= dy·W */
static void back_project(const float *w, size_t n, size_t rows, size_t cols,
			 const float *dy, float beta, float *din, double *flop)
{
	count_nn(n, cols, rows, (struct mat){dy, rows}, (struct mat){w, cols},
		 beta, din, cols, flop);
}

static void back_norm_rows(const struct lm_run *r, const float *w, size_t n,
			   const float *x, const float *rms, const float *dy,
			   float *dx)
{
	size_t d = r->conf->d_model;

	for (size_t i = 0; i < n; i++)
		r->rows->norm_back(dx + i * d, dy + i * d, x + i * d, w, d,
				   rms[i]);
}

static void back_mlp(const struct lm_run *r, const struct layer_weights *w,
		     size_t n, const struct layer_acts *acts, float *dx,
		     struct layer_squares *g, const struct back *b,
		     double *flop)
{
	size_t d = r->conf->d_model, ff = r->conf->d_ff;
	const float *const *p = w->part;

	square(r, g->part[LM_DOWN], dx, n, d);
	back_project(p[LM_DOWN], n, d, ff, dx, 0, b->dgate, flop);
	r->rows->swiglu_back(b->dgate, b->dup, b->dgate, acts->gate, acts->up,
			     n * ff);
	square(r, g->part[LM_GATE], b->dgate, n, ff);
	square(r, g->part[LM_UP], b->dup, n, ff);
	back_project(p[LM_GATE], n, ff, d, b->dgate, 0, b->din, flop);
	back_project(p[LM_UP], n, ff, d, b->dup, 1, b->din, flop);
	back_norm_rows(r, p[LM_MLP_NORM], n, acts->mid, acts->m_r, b->din, dx);
}

/* Undo finish_heads(): dx of a rotated, normed q or k, in place. */
static void back_heads(const struct lm_run *r, const float *norm, size_t n,
		       size_t n_heads, const float *raw, const float *rms,
		       float *dx, float *tmp)
{
	size_t d = r->conf->d_head, half = d / 2;

	for (size_t i = 0; i < n; i++) {
		size_t t = i % r->context;

		for (size_t h = 0; h < n_heads; h++) {
			size_t at = i * n_heads + h;
			float *row = dx + at * d;

			r->rows->rotate(row, r->cos + t * half,
					r->sin + t * half, half, -1);
			if (!norm)
				continue;
			for (size_t j = 0; j < d; j++) {
				tmp[j] = row[j];
				row[j] = 0;
			}
			r->rows->norm_back(row, tmp, raw + at * d, norm, d,
					   rms[at]);
		}
	}
}

/* From one draw's dq, dk, dv to din, and on into dx. */
static void back_inputs(const struct lm_run *r, const struct layer_weights *w,
			size_t n, const float *x, const struct layer_acts *acts,
			float *dq, float *dk, const float *dv, float *dx,
			struct layer_squares *g, const struct back *b,
			double *flop)
{
	const struct lm_config *c = r->conf;
	size_t d = c->d_model, q = lm_q_width(c), kv = lm_kv_width(c);
	const float *const *p = w->part;

	back_heads(r, p[LM_Q_NORM], n, c->n_heads, acts->q_raw, acts->q_r, dq,
		   b->head);
	back_heads(r, p[LM_K_NORM], n, c->n_kv_heads, acts->k_raw, acts->k_r,
		   dk, b->head);
	square(r, g->part[LM_Q], dq, n, q);
	square(r, g->part[LM_K], dk, n, kv);
	square(r, g->part[LM_V], dv, n, kv);
	back_project(p[LM_Q], n, q, d, dq, 0, b->din, flop);
	back_project(p[LM_K], n, kv, d, dk, 1, b->din, flop);
	back_project(p[LM_V], n, kv, d, dv, 1, b->din, flop);
	back_norm_rows(r, p[LM_ATTN_NORM], n, x, acts->a_r, b->din, dx);
}

void layer_back(const struct lm_run *r, const struct layer_weights *w,
		size_t n_seqs, const float *x, const struct layer_acts *acts,
		unsigned n_draws, float *dx, struct layer_squares *g,
		float *scratch, double *flop)
{
	const struct lm_config *c = r->conf;
	size_t n = n_seqs * r->context, d = c->d_model;
	size_t q = lm_q_width(c), kv = lm_kv_width(c);
	struct back b = cut_up(r, n_draws, n, scratch);

	for (unsigned e = 0; e < n_draws; e++) {
		float *dx_e = dx + e * n * d;

		back_mlp(r, w, n, acts, dx_e, g, &b, flop);
		square(r, g->part[LM_O], dx_e, n, d);
		back_project(w->part[LM_O], n, d, q, dx_e, 0, b.d_o + e * n * q,
			     flop);
	}
	attention_back(r, n_seqs, acts->q, acts->k, acts->v, n_draws, b.d_o,
		       b.dq, b.dk, b.dv, b.attn, flop);
	for (unsigned e = 0; e < n_draws; e++)
		back_inputs(r, w, n, x, acts, b.dq + e * n * q,
			    b.dk + e * n * kv, b.dv + e * n * kv,
			    dx + e * n * d, g, &b, flop);
}
