/*
 * known_case.h - one codec on its own: trips there and back, sidecars' records
 * of every kind, and what an error costs by them.
 */
#ifndef TESTS_KNOWN_CASE_H
#define TESTS_KNOWN_CASE_H

#include "codec/codec.h"
#include "kernels/kernels.h"
#include "sense/factor.h"
#include "tests/sense_case.h"
#include "tests/slab_case.h"

static const struct codec_env plain_env = {.kern = &kernels_generic};
static struct hvqz_err err;

struct trip {
	bool declined;
	size_t len;
	struct codec_stats stats;
};

/* There and back, by set->codec alone; the statistics must say what came. */
static inline struct trip trip(struct sample *s,
			       const struct codec_settings *set,
			       const struct sens *sens,
			       const struct factor *factor)
{
	const struct codec *codec = codec_find(set->codec);
	struct codec_env env = plain_env;
	struct trip t = {0};
	struct buf out = {0};
	double noise, signal;

	env.factor = factor;
	ck_assert_msg(codec->encode(&env, &s->slab, set, sens, s->raw, &out,
				    &t.stats, &t.declined, &err) ==
			      HVQZ_OK, "%s", err.msg);
	t.len = out.len;
	if (!t.declined) {
		ck_assert_msg(codec->decode(&plain_env, &s->slab, out.p,
					    out.len, s->back, &err) ==
				      HVQZ_OK, "%s", err.msg);
		weights_error(&kernels_generic, s->slab.dtype, s->raw, s->back, sample_elems(s),
			      &noise, &signal);
		ck_assert(noise == t.stats.noise);
		ck_assert(signal == t.stats.signal);
	}
	buf_free(&out);
	return t;
}

/* ---- sensitivities ---- */

enum knowledge {
	NOTHING,
	DIAGONAL,
	CURVED,			/* and the tensor's curvature */
	ROWS,			/* and row sensitivities */
	FULL,
	FULL_ROWS,
	N_KNOWLEDGE,
};

struct known {
	struct sense_case file;	/* with the full Hessian */
	struct sens sens;
	struct factor factor;
	enum knowledge how;
};

/* Inputs like an autoregressive process's, of log-normal power: [n][n]. */
static inline float *correlated(struct rng *r, size_t n, double rho,
				double spread)
{
	float *h = must(malloc(n * n * sizeof(*h)));
	double *s = must(malloc(n * sizeof(*s)));

	for (size_t j = 0; j < n; j++)
		s[j] = exp(spread * gaussian(r));
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = (float)(pow(rho, fabs((double)j -
							     (double)k)) *
					       s[j] * s[k]);
	free(s);
	return h;
}

/* A sidecar's record for a slab whose inputs are on `axis`. */
static inline void know(struct known *k, enum knowledge how, unsigned axis,
			const struct sample *s, uint64_t seed)
{
	size_t rows = s->slab.n_rows, cols = (size_t)s->slab.n_cols;
	size_t n_in = axis ? cols : rows, n_out = axis ? rows : cols;
	struct rng rng = {seed};

	*k = (struct known){.how = how};
	if (how == NOTHING)
		return;
	k->sens = (struct sens){.axis = axis, .n_in = n_in};
	if (how >= FULL) {
		float *h = correlated(&rng, n_in, 0.8, 0.5);

		case_open(&k->file, h, NULL, n_in);
		k->sens = *k->file.s;
		k->sens.axis = axis;
		free(h);
	} else {
		k->sens.diag = must(malloc(n_in * sizeof(float)));
		for (size_t j = 0; j < n_in; j++)
			k->sens.diag[j] = (float)exp(gaussian(&rng));
	}
	ck_assert_int_eq(factor_make(&k->sens, &k->factor, &err), HVQZ_OK);
	if (how == CURVED)
		k->sens.curvature = 0.7f;
	if (how != ROWS && how != FULL_ROWS)
		return;
	k->sens.n_out = n_out;
	k->sens.row_sens = must(malloc(n_out * sizeof(float)));
	for (size_t i = 0; i < n_out; i++)
		k->sens.row_sens[i] = (float)exp(0.7 * gaussian(&rng));
}

static inline const struct sens *known_sens(const struct known *k)
{
	return k->how == NOTHING ? NULL : &k->sens;
}

static inline const struct factor *known_factor(const struct known *k)
{
	return k->how == NOTHING ? NULL : &k->factor;
}

static inline void forget(struct known *k)
{
	if (k->how == NOTHING)
		return;
	free(k->sens.row_sens);
	factor_free(&k->factor);
	if (k->how >= FULL)
		case_close(&k->file);
	else
		free(k->sens.diag);
}

/* Σ_i g_i·(E H Eᵀ)_ii, E = W − Ŵ and g either NULL or [units]. */
static inline double weighted_error(const struct sample *s, unsigned axis,
				    const float *h, const float *g)
{
	size_t rows = s->slab.n_rows, cols = (size_t)s->slab.n_cols;
	size_t n = axis ? cols : rows, n_units = axis ? rows : cols;
	float *w = sample_weights(s, s->raw), *v = sample_weights(s, s->back);
	double *e = must(malloc(n * sizeof(*e))), sum = 0;

	for (size_t i = 0; i < n_units; i++) {
		double row = 0;

		for (size_t j = 0; j < n; j++) {
			size_t at = axis ? i * cols + j : j * cols + i;

			e[j] = (double)w[at] - (double)v[at];
			for (size_t k = 0; k < j; k++)
				row += 2 * e[j] * (double)h[j * n + k] * e[k];
			row += e[j] * e[j] * (double)h[j * n + j];
		}
		sum += g ? (double)g[i] * row : row;
	}
	free(e);
	free(v);
	free(w);
	return sum;
}

#endif
