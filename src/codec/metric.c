/* metric.c - l and g from the sidecar's record. */
#include "codec/metric.h"

#include <math.h>
#include <stdlib.h>

/* A unit's g is at least this share of the tensor's mean. */
#define G_FLOOR 0.03

static void take_units(struct metric *m, const struct slab *slab, bool across,
		       size_t n_units, const struct sens *sens)
{
	const float *g = sens ? sens->row_sens : NULL;
	double mean = 0;

	for (size_t i = 0; g && i < sens->n_out; i++)
		mean += g[i];
	mean = g ? mean / (double)sens->n_out : sens ? sens->curvature : 0;
	m->has_g = mean > 0;
	if (g && !across)
		g += slab->first_row;
	for (size_t i = 0; i < n_units; i++) {
		double v = g ? g[i] : mean;

		if (!m->has_g)
			v = 1;
		else if (v < G_FLOOR * mean)
			v = G_FLOOR * mean;
		m->g[i] = (float)v;
	}
}

enum hvqz_ret metric_take(struct metric *m, const struct slab *slab,
			  bool across, const struct factor *f,
			  const struct sens *sens, struct hvqz_err *err)
{
	size_t n_channels = across ? slab->n_rows : (size_t)slab->n_cols;
	size_t n_units = across ? (size_t)slab->n_cols : slab->n_rows;
	size_t first = across ? (size_t)slab->first_row : 0;
	struct factor diagonal = {0};
	float scale;

	*m = (struct metric){
		.l = malloc(n_channels * sizeof(*m->l)),
		.g = malloc(n_units * sizeof(*m->g)),
	};
	if (!m->l || !m->g)
		return hvqz_nomem(err, (n_channels + n_units) * 4,
				  "sensitivities");
	take_units(m, slab, across, n_units, sens);
	/* Feedback needs all channels in one slab. */
	if (f && f->m && f->n == n_channels)
		m->feedback = f;
	if (!f && sens) {
		TRY(factor_diagonal(sens, &diagonal, err));
		f = &diagonal;
	}
	/* With it errors cost what H says, not what damping adds to it. */
	scale = m->feedback ? sqrtf(f->real) : 1.0f;
	for (size_t j = 0; j < n_channels; j++)
		m->l[j] = f ? f->l[first + j] * scale : 1.0f;
	factor_free(&diagonal);
	return HVQZ_OK;
}

void metric_free(struct metric *m)
{
	free(m->l);
	free(m->g);
	*m = (struct metric){0};
}
