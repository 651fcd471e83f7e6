/*
 * trellis_steps.c - how finely each weight is quantized, and in which class.
 *
 * Every weight is to add equally to the loss, so the step of channel j and
 * unit i goes by 1/(√g_i·l_j): l_j is the diagonal of the Hessian's Cholesky
 * factor (or √h_j), g_i the Fisher row sensitivity (DESIGN §4). With g the
 * constant is absolute for the whole model; without, the l_j are taken
 * relative to their geometric mean, so that a step is one of the weights
 * themselves.
 */
#include "codec/trellis_encoder.h"

#include "base/log2.h"
#include "base/scale.h"

#include <math.h>
#include <stdlib.h>

/*
 * No slab's signal-to-noise ratio falls below these: 10 dB, and 3 dB where g
 * says that it does no harm.
 */
#define MIN_SNR 10.0
#define MIN_SNR_G 2.0

/* log2 of the geometric mean of v. */
static double mean_log2(const float *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += log2_approx(v[i]);
	return sum / (double)n;
}

/*
 * Finer grids where one number serves many weights: a grid of 2^-res octaves
 * loses 0.058·4^-res bit a weight and one bit a number saved doubles it.
 */
static unsigned resolution(size_t n_weights)
{
	return n_weights > 350 ? 3 : n_weights > 90 ? 2 : 1;
}

/* Codes of 1/v relative to the geometric mean, power times; n_weights each. */
static void make_codes(struct step_list *list, const float *v, size_t n,
		       float power, double mean, size_t n_weights)
{
	list->res = resolution(n_weights);
	for (size_t i = 0; i < n; i++) {
		float c = (float)(1 << list->res) * power *
			  ((float)mean - log2_approx(v[i]));
		float max = (float)((SCALE_UNIT / 2 - 1) >> (3 - list->res));

		c = c < -max ? -max : c > max ? max : c;
		list->code[i] = (int16_t)floorf(c + 0.5f);
	}
	step_list_values(list, n);
}

/* Σ g·(l·w)² over the slab, and Σ g·(l·step)² of steps with base 1. */
static void weigh(const struct trellis_encoder *e, double *signal,
		  double *noise)
{
	const struct trellis *q = &e->q;
	double units = 0, channels = 0, sum = 0;

	for (size_t j = 0; j < q->n_channels; j++) {
		double s = e->metric.l[j] * q->channel.step[j];
		double l = e->metric.l[j];

		l /= (double)e->norm[j];
		sum += e->kern->energy(e->w + j * e->at.stride, e->g,
				       e->norm[j], e->at.stride) * l * l;
		channels += s * s;
	}
	*signal = sum * e->g_unit;
	for (size_t i = 0; i < q->n_units; i++)
		units += (double)e->metric.g[i] * q->unit.step[i] *
			 q->unit.step[i];
	*noise = units * channels;
}

void trellis_choose_steps(struct trellis_encoder *e)
{
	const struct metric *m = &e->metric;
	struct trellis *q = &e->q;
	double l = mean_log2(m->l, q->n_channels);
	double g = mean_log2(m->g, q->n_units);
	double signal, noise, base, most;

	make_codes(&q->channel, m->l, q->n_channels, 1.0f, l, q->n_units);
	make_codes(&q->unit, m->g, q->n_units, 0.5f, g, q->n_channels);
	base = m->has_g ? e->set->step_sens * exp2(-l - g / 2) : e->set->step;
	weigh(e, &signal, &noise);
	most = sqrt(signal / (noise * TRELLIS_NOISE *
			      (m->has_g ? MIN_SNR_G : MIN_SNR)));
	if (base > most)
		base = most;
	q->base = (float)base;
	trellis_place(&e->at, q->unit.step, e->step);
	for (size_t p = 0; p < e->at.stride; p++)
		e->inverse[p] = e->step[p] > 0 ? 1 / e->step[p] : 0;
}

static void range(const float *v, size_t n, float *least, float *most)
{
	*least = *most = v[0];
	for (size_t i = 1; i < n; i++) {
		*least = v[i] < *least ? v[i] : *least;
		*most = v[i] > *most ? v[i] : *most;
	}
}

bool trellis_steps_sound(const struct trellis *q)
{
	float c_least, c_most, u_least, u_most;

	range(q->channel.step, q->n_channels, &c_least, &c_most);
	range(q->unit.step, q->n_units, &u_least, &u_most);
	return isnormal(q->base) && isnormal(q->base * c_least) &&
	       isnormal(q->base * c_most) &&
	       isnormal(q->base * c_least * u_least) &&
	       isnormal(q->base * c_most * u_most);
}

/* 4·log2 √v, rounded: a mean square as a difference of classes. */
static int half_log(double v)
{
	if (!(v > 1e-30))
		return -120;
	return (int)floor(MODEL_STEPS / 2.0 * log2_approx((float)v) + 0.5);
}

/*
 * A unit's class is how much larger its weights are, in steps, than the
 * average unit's: 4·log2 of the ratio. It is worth storing when it saves more
 * than it costs: a Gaussian priced with a σ that is a factor r off costs
 * log2(e)·(ln r)² bits more a weight.
 */
enum hvqz_ret trellis_unit_classes(struct trellis_encoder *e,
				   struct hvqz_err *err)
{
	struct trellis *q = &e->q;
	size_t stride = e->at.stride, n_used = 0;
	float *sum = calloc(2 * stride, sizeof(*sum)), *inverse2;
	double gain = 0, cost = 0;

	if (!sum)
		return hvqz_nomem(err, 2 * stride * sizeof(*sum), "row sums");
	inverse2 = sum + stride;
	for (size_t p = 0; p < stride; p++)
		inverse2[p] = e->inverse[p] * e->inverse[p];
	for (size_t j = 0; j < q->n_channels; j++) {
		const float *w = e->w + j * stride;
		double mean = e->kern->energy(w, inverse2, e->norm[j],
					      stride) /
			      (double)q->n_units;

		if (!(mean > 0x1p-100))
			continue;
		n_used++;
		e->kern->accumulate(w, inverse2, e->norm[j],
				    (float)(1 / mean), stride, sum);
	}
	for (size_t p = 0; p < stride && n_used; p++) {
		size_t i = trellis_unit_at(&e->at, p);
		int c = half_log(sum[p] / (double)n_used);

		if (i == SIZE_MAX)
			continue;
		c = c < -60 ? -60 : c > 60 ? 60 : c;
		q->unit.class[i] = (int8_t)c;
		gain += (double)q->n_channels * 0.043 * c * c;
		cost += 1 + 1.2 * abs(c);
	}
	for (size_t p = 0; p < stride; p++) {
		size_t i = trellis_unit_at(&e->at, p);

		if (i == SIZE_MAX)
			continue;
		if (gain < cost)
			q->unit.class[i] = 0;
		e->class[p] = q->unit.class[i];
		e->level[p] = (float)exp2(-q->unit.class[i] /
					  (double)MODEL_STEPS) * e->inverse[p];
		e->level2[p] = e->level[p] * e->level[p];
	}
	free(sum);
	return HVQZ_OK;
}

/*
 * Mean magnitude over root mean square within the classes. Robust against a few
 * outliers, as the fourth moment would not be. A channel in every 8 will do.
 */
void trellis_guess_shape(struct trellis_encoder *e)
{
	const struct trellis *q = &e->q;
	double sum = 0, n = 0;

	for (size_t j = 0; j < q->n_channels; j += q->n_channels > 512 ? 8 : 1) {
		const float *w = e->w + j * e->at.stride;
		double mean = e->kern->magnitude(w, e->level, e->norm[j],
						 e->at.stride);
		double square = e->kern->energy(w, e->level2, e->norm[j],
						e->at.stride);

		if (!(square > 0))
			continue;
		sum += mean / sqrt(square * (double)q->n_units);
		n++;
	}
	e->shape = model_shape(n > 0 ? (float)(sum / n) : 0.8f);
}
