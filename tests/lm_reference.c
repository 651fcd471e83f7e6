/* lm_reference.c - loops over single numbers, and nothing clever. */
#include "tests/lm_reference.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Often: an assertion that holds would take longer than the work. */
static double *doubles(size_t n)
{
	double *p = calloc(n, sizeof(*p));

	if (!p)
		ck_abort_msg("out of memory");
	return p;
}

struct ref_inputs ref_inputs_new(const struct lm_config *c, size_t n)
{
	return (struct ref_inputs){
		.a = doubles(n * c->d_model),
		.o_in = doubles(n * c->n_heads * c->d_head),
		.m = doubles(n * c->d_model),
		.act = doubles(n * c->d_ff),
	};
}

void ref_inputs_free(struct ref_inputs *in)
{
	free(in->a);
	free(in->o_in);
	free(in->m);
	free(in->act);
}

void ref_norm(double *y, const double *x, const float *w, size_t n, double eps)
{
	double s = 0;

	for (size_t i = 0; i < n; i++)
		s += x[i] * x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] / sqrt(s + eps) * (double)w[i];
}

static double *norm_all(const struct lm_config *c, const float *w, size_t n,
			const double *x)
{
	double *y = doubles(n * c->d_model);

	for (size_t i = 0; i < n; i++)
		ref_norm(y + i * c->d_model, x + i * c->d_model, w, c->d_model,
			 (double)c->norm_eps);
	return y;
}

/* What matrix `part` gives, moved where bump says. */
static double *project(const struct layer_weights *w, unsigned part,
		       const float *bias, size_t n, size_t rows, size_t cols,
		       const double *x, const struct ref_bump *bump)
{
	double *y = doubles(n * rows);

	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < rows; i++) {
			double s = bias ? (double)bias[i] : 0;

			for (size_t j = 0; j < cols; j++)
				s += (double)w->part[part][i * cols + j] *
				     x[t * cols + j];
			y[t * rows + i] = s;
		}
	if (bump && bump->part == part)
		y[bump->token * rows + bump->row] += bump->by;
	return y;
}

/* ---- rotary positions, as Llama 3.1's own code has them ---- */

static double angle_of(const struct lm_config *c, size_t pair)
{
	const struct lm_rope_llama3 *s = &c->llama3;
	double f = pow(c->rope_theta, -(double)(2 * pair) / (double)c->d_head);
	double wavelength = 2 * M_PI / f, smooth;

	if (c->rope != LM_ROPE_LLAMA3)
		return f;
	if (wavelength < (double)s->original_max_position /
				 s->high_freq_factor)
		return f;
	if (wavelength > (double)s->original_max_position / s->low_freq_factor)
		return f / s->factor;
	smooth = ((double)s->original_max_position / wavelength -
		  s->low_freq_factor) /
		 (s->high_freq_factor - s->low_freq_factor);
	return (1 - smooth) * f / s->factor + smooth * f;
}

static void finish_head(const struct lm_config *c, const float *norm, size_t t,
			const double *angle, double *x)
{
	size_t half = c->d_head / 2;

	if (norm)
		ref_norm(x, x, norm, c->d_head, (double)c->norm_eps);
	for (size_t j = 0; j < half; j++) {
		double at = (double)t * angle[j];
		double a = x[j], b = x[half + j];

		x[j] = a * cos(at) - b * sin(at);
		x[half + j] = a * sin(at) + b * cos(at);
	}
}

static void finish_heads(const struct lm_config *c, const float *norm, size_t n,
			 size_t n_heads, double *x)
{
	double *angle = doubles(c->d_head / 2);

	for (size_t j = 0; j < c->d_head / 2; j++)
		angle[j] = angle_of(c, j);
	for (size_t i = 0; i < n * n_heads; i++)
		finish_head(c, norm, i / n_heads, angle, x + i * c->d_head);
	free(angle);
}

/* ---- attention ---- */

/* One head of token t: o [d_head]. */
static void attend(const struct lm_config *c, size_t t, size_t head,
		   const double *q, const double *k, const double *v, double *o)
{
	size_t d = c->d_head, kv_width = c->n_kv_heads * d;
	size_t at = head / (c->n_heads / c->n_kv_heads) * d;
	double *p = doubles(t + 1), max = -INFINITY, sum = 0;

	q += (t * c->n_heads + head) * d;
	o += (t * c->n_heads + head) * d;
	for (size_t u = 0; u <= t; u++) {
		for (size_t j = 0; j < d; j++)
			p[u] += q[j] * k[u * kv_width + at + j];
		p[u] /= sqrt((double)d);
		max = p[u] > max ? p[u] : max;
	}
	for (size_t u = 0; u <= t; u++)
		sum += p[u] = exp(p[u] - max);
	for (size_t u = 0; u <= t; u++)
		for (size_t j = 0; j < d; j++)
			o[j] += p[u] / sum * v[u * kv_width + at + j];
	free(p);
}

void ref_log_softmax(double *z, size_t n)
{
	double max = z[0], sum = 0;

	for (size_t i = 1; i < n; i++)
		max = z[i] > max ? z[i] : max;
	for (size_t i = 0; i < n; i++)
		sum += exp(z[i] - max);
	for (size_t i = 0; i < n; i++)
		z[i] -= max + log(sum);
}

/* ---- a layer ---- */

static void keep(double *to, const double *from, size_t n)
{
	memcpy(to, from, n * sizeof(*to));
}

/* mid = x + attention(norm(x))·Woᵀ */
static double *attention_half(const struct lm_config *c,
			      const struct layer_weights *w, size_t n,
			      const double *x, const struct ref_bump *bump,
			      const struct ref_inputs *in)
{
	const float *const *p = w->part;
	size_t d = c->d_model, qw = c->n_heads * c->d_head;
	size_t kvw = c->n_kv_heads * c->d_head;
	double *a = norm_all(c, p[LM_ATTN_NORM], n, x);
	double *q = project(w, LM_Q, p[LM_Q_BIAS], n, qw, d, a, bump);
	double *k = project(w, LM_K, p[LM_K_BIAS], n, kvw, d, a, bump);
	double *v = project(w, LM_V, p[LM_V_BIAS], n, kvw, d, a, bump);
	double *o = doubles(n * qw), *mid;

	finish_heads(c, p[LM_Q_NORM], n, c->n_heads, q);
	finish_heads(c, p[LM_K_NORM], n, c->n_kv_heads, k);
	for (size_t t = 0; t < n; t++)
		for (size_t h = 0; h < c->n_heads; h++)
			attend(c, t, h, q, k, v, o);
	mid = project(w, LM_O, p[LM_O_BIAS], n, d, qw, o, bump);
	for (size_t i = 0; i < n * d; i++)
		mid[i] += x[i];
	if (in) {
		keep(in->a, a, n * d);
		keep(in->o_in, o, n * qw);
	}
	free(a);
	free(q);
	free(k);
	free(v);
	free(o);
	return mid;
}

void ref_layer(const struct lm_config *c, const struct layer_weights *w,
	       size_t n, const double *x, double *y,
	       const struct ref_bump *bump, const struct ref_inputs *in)
{
	size_t d = c->d_model, ff = c->d_ff;
	double *mid = attention_half(c, w, n, x, bump, in);
	double *m = norm_all(c, w->part[LM_MLP_NORM], n, mid);
	double *gate = project(w, LM_GATE, NULL, n, ff, d, m, bump);
	double *up = project(w, LM_UP, NULL, n, ff, d, m, bump), *down;

	for (size_t i = 0; i < n * ff; i++)
		gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
	down = project(w, LM_DOWN, NULL, n, d, ff, gate, bump);
	if (in) {
		keep(in->m, m, n * d);
		keep(in->act, gate, n * ff);
	}
	for (size_t i = 0; i < n * d; i++)
		y[i] = mid[i] + down[i];
	free(mid);
	free(m);
	free(gate);
	free(up);
	free(down);
}

/* ---- a model ---- */

static float *widened(const struct lm_weight *w)
{
	float *p = malloc(w->n_rows * w->n_cols * sizeof(*p));

	ck_assert_ptr_nonnull(p);
	lm_weight_widen(w, 0, w->n_rows, p);
	return p;
}

void ref_init(struct ref_model *r, const struct lm_model *m)
{
	size_t n_layers = m->conf.n_layers;

	*r = (struct ref_model){
		.conf = &m->conf,
		.embed = widened(&m->embed),
		.norm = widened(&m->final_norm),
		.wide = calloc(n_layers * LM_N_PARTS, sizeof(*r->wide)),
		.layers = calloc(n_layers, sizeof(*r->layers)),
	};
	r->head = m->conf.tied ? r->embed : widened(&m->head);
	ck_assert(r->wide && r->layers);
	for (size_t i = 0; i < n_layers * LM_N_PARTS; i++) {
		const struct lm_weight *w =
			&m->layers[i / LM_N_PARTS].part[i % LM_N_PARTS];

		if (w->n_rows)
			r->wide[i] = widened(w);
		r->layers[i / LM_N_PARTS].part[i % LM_N_PARTS] = r->wide[i];
	}
}

void ref_free(struct ref_model *r)
{
	for (size_t i = 0; i < r->conf->n_layers * LM_N_PARTS; i++)
		free(r->wide[i]);
	if (r->head != r->embed)
		free(r->head);
	free(r->embed);
	free(r->norm);
	free(r->wide);
	free(r->layers);
}

void ref_predict(const struct ref_model *r, const uint32_t *tokens, size_t n,
		 double *log_p, double *x, const struct ref_bump *bump,
		 const struct ref_inputs *in)
{
	const struct lm_config *c = r->conf;
	size_t d = c->d_model;
	double *h = doubles(n * d), *normed;

	for (size_t i = 0; i < n * d; i++)
		h[i] = (double)r->embed[tokens[i / d] * d + i % d];
	if (bump && bump->part == REF_EMBED)
		h[bump->token * d + bump->row] += bump->by;
	for (size_t i = 0; i < c->n_layers; i++)
		ref_layer(c, &r->layers[i], n, h, h,
			  bump && bump->layer == i ? bump : NULL,
			  in ? &in[i] : NULL);
	normed = norm_all(c, r->norm, n, h);
	if (x)
		keep(x, normed, n * d);
	for (size_t t = 0; t < n; t++) {
		double *z = log_p + t * c->n_vocab;

		for (size_t v = 0; v < c->n_vocab; v++) {
			z[v] = 0;
			for (size_t j = 0; j < d; j++)
				z[v] += (double)r->head[v * d + j] *
					normed[t * d + j];
		}
		ref_log_softmax(z, c->n_vocab);
	}
	free(h);
	free(normed);
}
