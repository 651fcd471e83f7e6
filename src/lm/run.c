/*
 * run.c - rotary angles and the size of slices.
 *
 * Position t turns pair j of a head by t·f_j, f_j = theta^(−2j/d_head)
 * (RoFormer, arXiv 2104.09864). Llama 3.1 divides the low frequencies by
 * `factor`: those whose wavelength is over original/low_freq_factor wholly,
 * those under original/high_freq_factor not at all, linearly in between.
 */
#include "lm/run.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Enough rows for matrix products at full speed, few enough for the cache. */
enum { SLICE_TOKENS = 512 };

static double slow_down(double f, const struct lm_rope_llama3 *s)
{
	double turns = (double)s->original_max_position * f / (2 * M_PI);
	double part;

	if (turns > s->high_freq_factor)
		return f;
	if (turns < s->low_freq_factor)
		return f / s->factor;
	part = (turns - s->low_freq_factor) /
	       (s->high_freq_factor - s->low_freq_factor);
	return (1 - part) * f / s->factor + part * f;
}

static void fill_angles(struct lm_run *r)
{
	const struct lm_config *c = r->conf;
	size_t half = c->d_head / 2;

	for (size_t j = 0; j < half; j++) {
		double f = pow(c->rope_theta,
			       -2.0 * (double)j / (double)c->d_head);

		if (c->rope == LM_ROPE_LLAMA3)
			f = slow_down(f, &c->llama3);
		for (size_t t = 0; t < r->context; t++) {
			r->cos[t * half + j] = (float)cos((double)t * f);
			r->sin[t * half + j] = (float)sin((double)t * f);
		}
	}
}

void lm_run_size(struct lm_run *r, const struct lm_config *conf, size_t context)
{
	*r = (struct lm_run){
		.conf = conf,
		.rows = rows_select(),
		.context = context,
		.slice_seqs =
			context < SLICE_TOKENS ? SLICE_TOKENS / context : 1,
	};
}

enum hvqz_ret lm_run_init(struct lm_run *r, const struct lm_config *conf,
			  size_t context, struct hvqz_err *err)
{
	size_t n = context * (conf->d_head / 2);

	lm_run_size(r, conf, context);
	r->cos = calloc(n, sizeof(float));
	r->sin = calloc(n, sizeof(float));
	if (!r->cos || !r->sin)
		return hvqz_nomem(err, (uint64_t)n * 2 * sizeof(float),
				  "rotary angles");
	fill_angles(r);
	return HVQZ_OK;
}

void lm_run_free(struct lm_run *r)
{
	free(r->cos);
	free(r->sin);
}

size_t lm_slice_tokens(const struct lm_run *r)
{
	return r->slice_seqs * r->context;
}

size_t lm_n_slices(const struct lm_run *r, size_t n_seqs)
{
	return (n_seqs + r->slice_seqs - 1) / r->slice_seqs;
}
