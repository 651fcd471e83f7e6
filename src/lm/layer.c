/* layer.c - the forward half of layer.h, and the memory both halves use. */
#include "lm/layer.h"

#include "lm/attention.h"
#include "lm/flop.h"

#include <string.h>

/* ---- memory ---- */

size_t layer_weights_len(const struct lm_layer *l)
{
	size_t n = 0;

	for (int i = 0; i < LM_N_PARTS; i++)
		n += l->part[i].n_rows * l->part[i].n_cols;
	return n;
}

void layer_weights_place(const struct lm_layer *l, float *to,
			 struct layer_weights *w)
{
	for (int i = 0; i < LM_N_PARTS; i++) {
		size_t n = l->part[i].n_rows * l->part[i].n_cols;

		w->part[i] = n ? to : NULL;
		to += n;
	}
}

/* Take n floats off *mem; only counted when there is no memory yet. */
static float *take(float **mem, size_t *len, size_t n)
{
	float *p = *mem;

	*len += n;
	if (p)
		*mem += n;
	return p;
}

static size_t place(const struct lm_run *r, unsigned parts, size_t n,
		    float *mem, struct layer_acts *acts)
{
	const struct lm_config *c = r->conf;
	size_t q = n * lm_q_width(c), kv = n * lm_kv_width(c), len = 0;

	if (parts & LAYER_INPUTS) {
		acts->a = take(&mem, &len, n * c->d_model);
		acts->o_in = take(&mem, &len, q);
		acts->m = take(&mem, &len, n * c->d_model);
		acts->act = take(&mem, &len, n * c->d_ff);
	}
	if (!(parts & LAYER_REST))
		return len;
	acts->q = take(&mem, &len, q);
	acts->k = take(&mem, &len, kv);
	acts->v = take(&mem, &len, kv);
	acts->mid = take(&mem, &len, n * c->d_model);
	acts->gate = take(&mem, &len, n * c->d_ff);
	acts->up = take(&mem, &len, n * c->d_ff);
	acts->a_r = take(&mem, &len, n);
	acts->m_r = take(&mem, &len, n);
	acts->q_raw = acts->k_raw = acts->q_r = acts->k_r = NULL;
	if (c->qk_norm) {
		acts->q_raw = take(&mem, &len, q);
		acts->k_raw = take(&mem, &len, kv);
		acts->q_r = take(&mem, &len, n * c->n_heads);
		acts->k_r = take(&mem, &len, n * c->n_kv_heads);
	}
	return len;
}

size_t layer_acts_len(const struct lm_run *r, unsigned parts, size_t n)
{
	struct layer_acts acts;

	return place(r, parts, n, NULL, &acts);
}

void layer_acts_place(const struct lm_run *r, unsigned parts, size_t n,
		      float *mem, struct layer_acts *acts)
{
	place(r, parts, n, mem, acts);
}

/* ---- forward ---- */

/* y [n][rows] = x [n][cols]·Wᵀ + bias */
static void project(const float *w, const float *bias, size_t n, size_t rows,
		    size_t cols, const float *x, float *y, double *flop)
{
	for (size_t i = 0; bias && i < n; i++)
		memcpy(y + i * rows, bias, rows * sizeof(float));
	count_nt(n, rows, cols, (struct mat){x, cols}, (struct mat){w, cols},
		 bias ? 1 : 0, y, rows, flop);
}

/* Norm (where there is one) and rotate each head of q or k, in place. */
static void finish_heads(const struct lm_run *r, const float *norm, size_t n,
			 size_t n_heads, float *x, float *raw, float *rms)
{
	size_t d = r->conf->d_head, half = d / 2;

	if (norm)
		memcpy(raw, x, n * n_heads * d * sizeof(float));
	for (size_t i = 0; i < n; i++) {
		size_t t = i % r->context;

		for (size_t h = 0; h < n_heads; h++) {
			size_t at = i * n_heads + h;

			if (norm)
				rms[at] = r->rows->norm(x + at * d,
							raw + at * d, norm, d,
							r->conf->norm_eps);
			r->rows->rotate(x + at * d, r->cos + t * half,
					r->sin + t * half, half, 1);
		}
	}
}

static void norm_rows(const struct lm_run *r, const float *w, size_t n,
		      const float *x, float *y, float *rms)
{
	size_t d = r->conf->d_model;

	for (size_t i = 0; i < n; i++)
		rms[i] = r->rows->norm(y + i * d, x + i * d, w, d,
				       r->conf->norm_eps);
}

/* y = x + in·Wᵀ (+ bias) */
static void add_projected(const struct lm_run *r, const float *w,
			  const float *bias, size_t n, size_t cols,
			  const float *x, const float *in, float *y,
			  double *flop)
{
	size_t d = r->conf->d_model;

	if (y != x)
		memcpy(y, x, n * d * sizeof(float));
	for (size_t i = 0; bias && i < n; i++)
		r->rows->add(y + i * d, bias, d);
	count_nt(n, d, cols, (struct mat){in, cols}, (struct mat){w, cols}, 1,
		 y, d, flop);
}

void layer_forward(const struct lm_run *r, const struct layer_weights *w,
		   size_t n_seqs, const float *x, struct layer_acts *acts,
		   float *y, float *scratch, double *flop)
{
	const struct lm_config *c = r->conf;
	const float *const *p = w->part;
	size_t n = n_seqs * r->context, d = c->d_model;
	size_t q = lm_q_width(c), kv = lm_kv_width(c);

	norm_rows(r, p[LM_ATTN_NORM], n, x, acts->a, acts->a_r);
	project(p[LM_Q], p[LM_Q_BIAS], n, q, d, acts->a, acts->q, flop);
	project(p[LM_K], p[LM_K_BIAS], n, kv, d, acts->a, acts->k, flop);
	project(p[LM_V], p[LM_V_BIAS], n, kv, d, acts->a, acts->v, flop);
	finish_heads(r, p[LM_Q_NORM], n, c->n_heads, acts->q, acts->q_raw,
		     acts->q_r);
	finish_heads(r, p[LM_K_NORM], n, c->n_kv_heads, acts->k, acts->k_raw,
		     acts->k_r);
	attention(r, n_seqs, acts->q, acts->k, acts->v, acts->o_in, scratch,
		  flop);
	add_projected(r, p[LM_O], p[LM_O_BIAS], n, q, x, acts->o_in, acts->mid,
		      flop);

	norm_rows(r, p[LM_MLP_NORM], n, acts->mid, acts->m, acts->m_r);
	project(p[LM_GATE], NULL, n, c->d_ff, d, acts->m, acts->gate, flop);
	project(p[LM_UP], NULL, n, c->d_ff, d, acts->m, acts->up, flop);
	if (!y)
		return;
	r->rows->swiglu(acts->act, acts->gate, acts->up, n * c->d_ff);
	add_projected(r, p[LM_DOWN], NULL, n, c->d_ff, acts->mid, acts->act, y,
		      flop);
}
