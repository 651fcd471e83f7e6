/* point_model.c - the family of distributions, and the choice of tables. */
#include "entropy/point_model.h"

#include "base/half.h"
#include "base/log2.h"
#include "entropy/exp2.h"
#include "entropy/intcode.h"
#include "entropy/rans.h"

#include <math.h>
#include <stdlib.h>

enum {
	OFFSETS = 16,		/* σ offset: (o − 8)/16 octave */
	SHAPES = 8,
	NODES = 5,		/* of a mixture */
};

/* Quantized points spread by the noise less than what they stand for. */
#define NOISE 0.27f

/* A mixture's spread in sixteenths of an octave per node. */
static const int8_t spread[SHAPES] = {0, 3, 5, 7, 9, 12, 15, 18};
/* The weights of its nodes at −2 … 2 times that spread. */
static const float node_weight[NODES] = {
	0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f,
};

void point_model_free(struct point_model *m)
{
	for (unsigned q = 0; q < MODEL_CLASSES; q++) {
		free(m->t[q]);
		m->t[q] = NULL;
	}
}

/* The σ of class q in lattice spacings. */
static float class_sigma(unsigned q)
{
	return exp2_sixteenths(4 * ((int)q - MODEL_CLASS_UNIT));
}

unsigned model_shift(unsigned q)
{
	float s = class_sigma(q);
	unsigned e = 0;

	for (; s > 26.0f; s *= 0.5f)
		e++;
	return e;
}

unsigned model_fold(unsigned q)
{
	unsigned e = model_shift(q);
	float s = class_sigma(q) * f32_from_bits((127u - e) << 23);
	unsigned m = (unsigned)(3.7f * s) + 2;

	return m < MODEL_MAX_FOLD ? m : MODEL_MAX_FOLD;
}

/*
 * The family: the chances mass[s] of the symbols 0 … fold and of the escape,
 * in class q, with σ offset o and shape. The density at the points (for a
 * shift, in the middle of each 2^shift of them), of a variance less by that of
 * the noise. They sum to 1.
 */
static void family(unsigned q, unsigned o, unsigned shape, float *mass)
{
	unsigned shift = model_shift(q), fold = model_fold(q);
	float width = f32_from_bits((127u + shift) << 23), sum = 0;
	float sigma = class_sigma(q);
	unsigned first = shape ? 0 : NODES / 2;
	unsigned last = shape ? NODES - 1 : NODES / 2;
	float var = sigma * sigma - NOISE, rate[NODES] = {0};
	float scale[NODES] = {0};

	if (var < 0.04f)
		var = 0.04f;
	for (unsigned i = first; i <= last; i++) {
		float r = exp2_sixteenths((int)o - OFFSETS / 2 +
					  ((int)i - NODES / 2) *
						  spread[shape]);
		float v = var * r * r;

		/* exp(−x²/2v) = 2^(−x²·rate) */
		rate[i] = 0.72134752f / v;
		scale[i] = node_weight[i] / sqrtf(v);
	}
	/* Past the fold as far again, for the escape. */
	for (unsigned s = 0; s < 2 * fold + 2; s++) {
		float x = ((float)s + 0.5f) * width, m = 0;

		for (unsigned i = first; i <= last; i++)
			m += scale[i] * exp2_neg(x * x * rate[i]);
		sum += m;
		if (s <= fold)
			mass[s] = m;
		else
			mass[fold + 1] = m + (s > fold + 1 ? mass[fold + 1]
							   : 0);
	}
	for (unsigned s = 0; s < fold + 2; s++)
		mass[s] /= sum;
}

/* The family's frequencies: of 2^12, none of them 0. */
static void family_freqs(unsigned q, unsigned o, unsigned shape,
			 uint16_t *freq)
{
	unsigned n = model_fold(q) + 2;
	float mass[MODEL_MAX_SYMBOLS] = {0};
	uint32_t w[MODEL_MAX_SYMBOLS];

	family(q, o, shape, mass);
	for (unsigned s = 0; s < n; s++)
		w[s] = (uint32_t)(mass[s] * 0x1p24f) + 1;
	rans_scale(w, n, MODEL_BITS, freq);
}

static void table_fill(struct point_table *t, unsigned q,
		       const uint16_t *freq)
{
	unsigned at = 0;

	t->shift = (uint8_t)model_shift(q);
	t->escape = (uint8_t)(model_fold(q) + 1);
	for (unsigned s = 0; s <= t->escape; s++) {
		t->freq[s] = freq[s];
		t->cum[s] = (uint16_t)at;
		memset(t->slot + at, (int)s, freq[s]);
		at += freq[s];
	}
}

/* ---- choosing ---- */

/* Bits of the counts n under chances mass. */
static float cost(const uint32_t *n, const float *mass, unsigned n_sym)
{
	float bits = 0;

	for (unsigned s = 0; s < n_sym; s++) {
		float m = mass[s] > 0x1p-12f ? mass[s] : 0x1p-12f;

		if (n[s])
			bits -= (float)n[s] * log2_approx(m);
	}
	return bits;
}

static float cost_freqs(const uint32_t *n, const uint16_t *freq,
			unsigned n_sym)
{
	float mass[MODEL_MAX_SYMBOLS] = {0};

	for (unsigned s = 0; s < n_sym; s++)
		mass[s] = (float)freq[s] * 0x1p-12f;
	return cost(n, mass, n_sym);
}

struct choice {
	unsigned offset, shape;
	bool refined;
	uint16_t guess[MODEL_MAX_SYMBOLS];	/* the family's numbers */
	uint16_t freq[MODEL_MAX_SYMBOLS];	/* with corrections */
};

static float family_cost(unsigned q, const uint32_t *n, unsigned o,
			 unsigned shape)
{
	float mass[MODEL_MAX_SYMBOLS] = {0};

	family(q, o, shape, mass);
	return cost(n, mass, model_fold(q) + 2);
}

/* The best member of the family, by turns in σ and shape. */
static void fit(unsigned q, const uint32_t *n, struct choice *c)
{
	float best = family_cost(q, n, c->offset = OFFSETS / 2,
				 c->shape = 1);

	for (unsigned turn = 0; turn < 2; turn++) {
		unsigned o0 = c->offset, s0 = c->shape;

		for (unsigned o = 0; o < OFFSETS; o++) {
			float b = o == o0 ? best : family_cost(q, n, o, s0);

			if (b < best) {
				best = b;
				c->offset = o;
			}
		}
		for (unsigned s = 0; s < SHAPES; s++) {
			float b = family_cost(q, n, c->offset, s);

			if (b < best) {
				best = b;
				c->shape = s;
			}
		}
	}
}

/* The escape's number is what is left. */
static enum hvqz_ret put_corrections(const uint16_t *guess,
				     const uint16_t *freq, unsigned fold,
				     struct buf *out, struct hvqz_err *err)
{
	uint32_t v[MODEL_MAX_SYMBOLS];

	for (unsigned s = 0; s <= fold; s++)
		v[s] = zigzag(freq[s] - guess[s]);
	return intcode_put(v, fold + 1, out, err);
}

/* Counts as numbers where that saves more than the corrections cost. */
static enum hvqz_ret refine(unsigned q, const uint32_t *n, struct choice *c,
			    struct hvqz_err *err)
{
	unsigned fold = model_fold(q), n_sym = fold + 2;
	uint32_t w[MODEL_MAX_SYMBOLS];
	uint16_t own[MODEL_MAX_SYMBOLS];
	struct buf trial = {0};
	float gain;
	enum hvqz_ret ret;

	memcpy(c->freq, c->guess, sizeof(c->freq));
	for (unsigned s = 0; s < n_sym; s++)
		w[s] = n[s] ? n[s] : 1;
	rans_scale(w, n_sym, MODEL_BITS, own);
	ret = put_corrections(c->guess, own, fold, &trial, err);
	gain = cost_freqs(n, c->guess, n_sym) - cost_freqs(n, own, n_sym);
	c->refined = ret == HVQZ_OK && gain > 8.0f * (float)trial.len;
	if (c->refined)
		memcpy(c->freq, own, sizeof(own));
	buf_free(&trial);
	return ret;
}

static bool class_used(const struct point_counts *c, unsigned q)
{
	for (unsigned s = 0; s < MODEL_MAX_SYMBOLS; s++)
		if (c->n[q][s])
			return true;
	return false;
}

static enum hvqz_ret add_table(struct point_model *m, unsigned q,
			       struct hvqz_err *err)
{
	m->t[q] = malloc(sizeof(*m->t[q]));
	return m->t[q] ? HVQZ_OK
		       : hvqz_nomem(err, sizeof(*m->t[q]), "a table");
}

/* Choices for the classes from first to last, those used having a table. */
static enum hvqz_ret put_choices(const struct point_model *m,
				 const struct choice *v, unsigned first,
				 unsigned last, struct buf *out,
				 struct hvqz_err *err)
{
	struct bit_writer bits = {.out = out};

	buf_u8(out, (uint8_t)first);
	buf_u8(out, (uint8_t)last);
	for (unsigned q = first; q <= last && q < MODEL_CLASSES; q++) {
		bits_put(&bits, m->t[q] != NULL, 1);
		if (!m->t[q])
			continue;
		bits_put(&bits, v[q].offset, 4);
		bits_put(&bits, v[q].shape, 3);
		bits_put(&bits, v[q].refined, 1);
	}
	bits_flush(&bits);
	for (unsigned q = first; q <= last && q < MODEL_CLASSES; q++)
		if (m->t[q] && v[q].refined)
			TRY(put_corrections(v[q].guess, v[q].freq,
					    model_fold(q), out, err));
	return buf_ok(out, err);
}

enum hvqz_ret point_model_put(struct point_model *m,
			      const struct point_counts *c, struct buf *out,
			      struct hvqz_err *err)
{
	struct choice *v = calloc(MODEL_CLASSES, sizeof(*v));
	unsigned first = MODEL_CLASSES, last = 0;
	enum hvqz_ret ret;

	*m = (struct point_model){0};
	if (!v)
		return hvqz_nomem(err, MODEL_CLASSES * sizeof(*v), "tables");
	for (unsigned q = 0; q < MODEL_CLASSES; q++) {
		if (!class_used(c, q))
			continue;
		first = first < q ? first : q;
		last = q;
		fit(q, c->n[q], &v[q]);
		family_freqs(q, v[q].offset, v[q].shape, v[q].guess);
		TRY_OUT(refine(q, c->n[q], &v[q], err));
		TRY_OUT(add_table(m, q, err));
		table_fill(m->t[q], q, v[q].freq);
	}
	ret = put_choices(m, v, first, last, out, err);
out:
	free(v);
	return ret;
}

/* ---- reading ---- */

static enum hvqz_ret get_corrections(struct cursor *c, uint16_t *freq,
				     unsigned fold, struct hvqz_err *err)
{
	uint32_t v[MODEL_MAX_SYMBOLS];
	int64_t rest = 1 << MODEL_BITS;

	TRY(intcode_get(c, v, fold + 1, "table corrections", err));
	for (unsigned s = 0; s <= fold; s++) {
		int64_t f = (int64_t)freq[s] + unzigzag(v[s]);

		rest -= f;
		if (f < 1 || rest < 1)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a table's frequencies are not all at "
					 "least 1 with a sum of %d",
					 1 << MODEL_BITS);
		freq[s] = (uint16_t)f;
	}
	freq[fold + 1] = (uint16_t)rest;
	return HVQZ_OK;
}

enum hvqz_ret point_model_get(struct point_model *m, struct cursor *c,
			      struct hvqz_err *err)
{
	struct {
		unsigned offset, shape;
		bool refined;
	} v[MODEL_CLASSES] = {0};
	struct bit_reader bits;
	uint8_t first, last;

	*m = (struct point_model){0};
	if (!cur_u8(c, &first) || !cur_u8(c, &last) ||
	    first > MODEL_CLASSES || last >= MODEL_CLASSES ||
	    (first > last && (first != MODEL_CLASSES || last)))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the table's classes are out of range");
	bits = (struct bit_reader){.p = c->p, .end = c->end};
	for (unsigned q = first; q <= last; q++) {
		if (!bits_get(&bits, 1))
			continue;
		v[q].offset = bits_get(&bits, 4);
		v[q].shape = bits_get(&bits, 3);
		v[q].refined = bits_get(&bits, 1);
		TRY(add_table(m, q, err));
	}
	if (!bits_end(&bits))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the tables' description is cut");
	c->p = bits.p;
	for (unsigned q = first; q <= last; q++) {
		uint16_t freq[MODEL_MAX_SYMBOLS];

		if (!m->t[q])
			continue;
		family_freqs(q, v[q].offset, v[q].shape, freq);
		if (v[q].refined)
			TRY(get_corrections(c, freq, model_fold(q), err));
		table_fill(m->t[q], q, freq);
	}
	return HVQZ_OK;
}

/* ---- prices ---- */

static void price(const uint16_t *freq, unsigned shift, unsigned escape,
		  float *bits, size_t max)
{
	for (size_t n = 0; n < max; n++) {
		uint32_t s = (uint32_t)n >> shift;
		float b = (float)(shift + MODEL_BITS);

		if (s >= escape) {
			/* The length of the gamma code. */
			b += 2.0f * (float)(31 - __builtin_clz(s - escape +
							       1)) + 1.0f;
			s = escape;
		}
		bits[n] = b - log2_approx((float)freq[s]);
	}
}

/* The mean of the n-th power of a mixture's σ, n = 1 or 2. */
static float mean_spread(unsigned shape, int n)
{
	float sum = 0;

	for (int i = 0; i < NODES; i++)
		sum += node_weight[i] *
		       exp2_sixteenths(n * (i - NODES / 2) * spread[shape]);
	return sum;
}

unsigned model_shape(float ratio)
{
	unsigned best = 0;
	float least = 1;

	for (unsigned s = 0; s < SHAPES; s++) {
		/* √(2/π) is a Gaussian's. */
		float r = 0.79788456f * mean_spread(s, 1) /
			  sqrtf(mean_spread(s, 2));
		float off = fabsf(r - ratio);

		if (off < least) {
			least = off;
			best = s;
		}
	}
	return best;
}

void model_guess(unsigned q, unsigned shape, float *bits, size_t max)
{
	uint16_t freq[MODEL_MAX_SYMBOLS];

	/* The family's σ is the middle one: make the mean square σ². */
	int o = OFFSETS / 2 - (int)(8.0f * log2_approx(mean_spread(shape, 2)) +
				    0.5f);

	family_freqs(q, o > 0 ? (unsigned)o : 0, shape, freq);
	price(freq, model_shift(q), model_fold(q) + 1, bits, max);
}

void model_price(const struct point_table *t, float *bits, size_t max)
{
	price(t->freq, t->shift, t->escape, bits, max);
}
