/*
 * planes_table.c - frequencies of the symbols of a number's window.
 *
 * Symbols of floating-point magnitudes are an exponent and the mantissa's top
 * bits, so one octave of the window is like the next, and a class an octave up
 * has the same table with the window moved. What remains are the four quarters
 * of an octave, the phases. Their tables come from the family of Gaussian
 * mixtures that the trellis uses too (entropy/point_model.h): σ to a sixteenth
 * of an octave, eight shapes. A byte says which; corrections follow where they
 * pay. Integers have no octaves: their frequencies are listed.
 */
#include "codec/planes.h"

#include "base/log2.h"
#include "entropy/bits.h"
#include "entropy/exp2.h"
#include "entropy/intcode.h"

#include <math.h>

enum {
	SHAPES = 8,
	NODES = 5,
	OFFSETS = 16,
	MAX_SYMBOLS = TABLE_MAX_SYMBOLS + 1,
	/* Bits of a table's byte. */
	SHAPE_SHIFT = 4,
	CORRECTED = 0x80,
};

static const int8_t spread[SHAPES] = {0, 3, 5, 7, 9, 12, 15, 18};
static const float node_weight[NODES] = {
	0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f,
};

/*
 * The family: chances of the window's symbols, not normalised. Symbol t is
 * the magnitudes from x to x + w, x = 2^e·(1 + m / 2^octave), e and m being t's
 * octave and place in it; its chance is w times the mean of the density at a
 * quarter and three quarters of the way. Returns their sum.
 */
static float family(const struct codes_plan *p, unsigned phase, unsigned byte,
		    float *mass)
{
	unsigned shape = byte >> SHAPE_SHIFT & (SHAPES - 1);
	unsigned first = shape ? 0 : NODES / 2;
	unsigned last = shape ? NODES - 1 : NODES / 2;
	unsigned per_octave = 1u << p->octave;
	int sigma = (int)(16 * p->depth + 4 * phase + byte % OFFSETS) -
		    OFFSETS / 2;
	float rate[NODES] = {0}, height[NODES] = {0}, sum = 0;

	for (unsigned i = first; i <= last; i++) {
		float s = exp2_sixteenths(sigma + ((int)i - NODES / 2) *
							  spread[shape]);

		/* exp(−x²/2s²) = 2^(−x²·rate) */
		rate[i] = 0.72134752f / (s * s);
		height[i] = node_weight[i] / s;
	}
	for (unsigned t = 0; t < p->n; t++) {
		unsigned e = t >> p->octave, m = t & (per_octave - 1);
		float w = f32_from_bits((127 + e - p->octave) << 23);
		float x = w * (float)(per_octave + m);
		float a = x + 0.25f * w, b = x + 0.75f * w, d = 0;

		for (unsigned i = first; i <= last; i++)
			d += height[i] * (exp2_neg(a * a * rate[i]) +
					  exp2_neg(b * b * rate[i]));
		mass[t] = w * d;
		sum += mass[t];
	}
	return sum;
}

/* To frequencies; the escape's share is that of the escapes in all. */
static void family_freqs(const struct codes_plan *p, unsigned phase,
			 unsigned byte, size_t n_escapes, size_t n,
			 uint16_t *freq)
{
	float mass[MAX_SYMBOLS];
	float sum = family(p, phase, byte, mass);
	uint32_t w[MAX_SYMBOLS];
	uint64_t all = 0;

	for (unsigned t = 0; t < p->n; t++) {
		w[t] = (uint32_t)(mass[t] / sum * 0x1p20f) + 1;
		all += w[t];
	}
	w[p->n] = 0;
	if (n_escapes)
		w[p->n] = (uint32_t)(all * n_escapes / (n - n_escapes)) + 1;
	rans_scale(w, p->n + 1, LANES_BITS, freq);
}

/* ---- choosing ---- */

/* Bits that the symbols counted in n cost with chances mass / sum. */
static float family_cost(const struct codes_plan *p, unsigned phase,
			 unsigned byte, const uint32_t *n)
{
	float mass[MAX_SYMBOLS], bits = 0;
	float least = family(p, phase, byte, mass) * 0x1p-12f;
	float unit = -log2_approx(least * 0x1p12f);

	for (unsigned t = 0; t < p->n; t++) {
		float m = mass[t] > least ? mass[t] : least;

		if (n[t])
			bits -= (float)n[t] * (log2_approx(m) + unit);
	}
	return bits;
}

static float cost(const uint32_t *n, const uint16_t *freq, unsigned n_sym)
{
	float bits = 0;

	for (unsigned s = 0; s < n_sym; s++)
		if (n[s])
			bits += (float)n[s] *
				(12.0f - log2_approx((float)freq[s]));
	return bits;
}

/* Downhill from byte, one step of σ or shape at a time. */
static unsigned fit(const struct codes_plan *p, unsigned phase, unsigned byte,
		    const uint32_t *n)
{
	float best = family_cost(p, phase, byte, n);
	bool better = true;

	for (unsigned turn = 0; better && turn < OFFSETS + SHAPES; turn++) {
		static const int step[4] = {1, -1, 1 << SHAPE_SHIFT,
					    -(1 << SHAPE_SHIFT)};
		better = false;
		for (unsigned i = 0; i < 4; i++) {
			int to = (int)byte + step[i];
			float bits;

			if (to < 0 || to >= CORRECTED ||
			    (i < 2 && to >> SHAPE_SHIFT !=
				      (int)byte >> SHAPE_SHIFT))
				continue;
			bits = family_cost(p, phase, (unsigned)to, n);
			if (bits < best) {
				best = bits;
				byte = (unsigned)to;
				better = true;
			}
		}
	}
	return byte;
}

static enum hvqz_ret put_list(const struct codes_plan *p, const uint16_t *freq,
			      const uint16_t *guess, struct buf *out,
			      struct hvqz_err *err)
{
	uint32_t v[MAX_SYMBOLS];

	for (unsigned t = 0; t < p->n; t++)
		v[t] = guess ? zigzag(freq[t] - guess[t]) : freq[t];
	return intcode_put(v, p->n, out, err);
}

/* The counts' own frequencies; absent symbols get 0. */
static void own_freqs(const uint32_t *n, unsigned n_sym, unsigned least,
		      uint16_t *freq)
{
	uint32_t w[MAX_SYMBOLS];

	for (unsigned s = 0; s < n_sym; s++)
		w[s] = n[s] || s == n_sym - 1 ? n[s] : least;
	rans_scale(w, n_sym, LANES_BITS, freq);
}

static enum hvqz_ret put_family(struct codes_plan *p, unsigned phase,
				const uint32_t *n, size_t n_escapes,
				size_t n_all, struct buf *out,
				struct buf *corrections, struct hvqz_err *err)
{
	uint16_t own[MAX_SYMBOLS];
	struct buf trial = {0};
	unsigned byte = fit(p, phase, OFFSETS / 2 | 1 << SHAPE_SHIFT, n);
	enum hvqz_ret ret;
	float gain;

	family_freqs(p, phase, byte, n_escapes, n_all, p->freq[phase]);
	own_freqs(n, p->n + 1, 1, own);
	TRY_OUT(put_list(p, own, p->freq[phase], &trial, err));
	gain = cost(n, p->freq[phase], p->n + 1) - cost(n, own, p->n + 1);
	if (gain > 8.0f * (float)trial.len || (n[p->n] &&
					       !p->freq[phase][p->n])) {
		byte |= CORRECTED;
		memcpy(p->freq[phase], own, sizeof(own));
		buf_put(corrections, trial.p, trial.len);
	}
	buf_u8(out, (uint8_t)byte);
	ret = buf_ok(out, err);
out:
	buf_free(&trial);
	return ret;
}

enum hvqz_ret table_put(struct codes_plan *p, const struct table_counts *c,
			size_t n_escapes, size_t n, struct buf *out,
			struct hvqz_err *err)
{
	struct buf corrections = {0};
	enum hvqz_ret ret = HVQZ_OK;

	buf_u8(out, (uint8_t)(p->used | p->family << TABLE_PHASES));
	if (p->family)
		buf_u8(out, (uint8_t)p->depth);
	for (unsigned i = 0; i < TABLE_PHASES; i++) {
		if (!(p->used >> i & 1))
			continue;
		if (p->family) {
			TRY_OUT(put_family(p, i, c->n[i], n_escapes, n, out,
					   &corrections, err));
			continue;
		}
		own_freqs(c->n[i], p->n + 1, 0, p->freq[i]);
		TRY_OUT(put_list(p, p->freq[i], NULL, out, err));
	}
	buf_put(out, corrections.p, corrections.len);
	ret = buf_ok(&corrections, err);
	if (ret == HVQZ_OK)
		ret = buf_ok(out, err);
out:
	buf_free(&corrections);
	return ret;
}

/* ---- reading ---- */

static enum hvqz_ret get_list(const struct codes_plan *p, struct cursor *c,
			      bool signed_guess, uint16_t *freq,
			      struct hvqz_err *err)
{
	uint32_t v[MAX_SYMBOLS];
	int64_t rest = LANES_SLOTS;

	TRY(intcode_get(c, v, p->n, "symbol frequencies", err));
	for (unsigned t = 0; t < p->n; t++) {
		int64_t f = signed_guess ? (int64_t)freq[t] + unzigzag(v[t])
					 : (int64_t)v[t];

		rest -= f;
		if (f < 0 || rest < 0)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a table's frequencies are negative "
					 "or above %d in all", LANES_SLOTS);
		freq[t] = (uint16_t)f;
	}
	freq[p->n] = (uint16_t)rest;
	return HVQZ_OK;
}

enum hvqz_ret table_get(struct codes_plan *p, size_t n_escapes, size_t n,
			struct cursor *c, struct hvqz_err *err)
{
	uint8_t head, depth = 0, byte[TABLE_PHASES] = {0};

	if (!cur_u8(c, &head) || head >> (TABLE_PHASES + 1) ||
	    !(head & ((1 << TABLE_PHASES) - 1)))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the symbols have no tables");
	p->family = head >> TABLE_PHASES;
	p->used = head & ((1 << TABLE_PHASES) - 1);
	if (p->family && (!cur_u8(c, &depth) || depth > TABLE_MAX_DEPTH ||
			  p->octave < TABLE_MIN_OCTAVE))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the tables' depth is %u octaves of 2^%u "
				 "symbols", depth, p->octave);
	p->depth = depth;
	for (unsigned i = 0; i < TABLE_PHASES; i++) {
		if (!(p->used >> i & 1))
			continue;
		if (!p->family)
			TRY(get_list(p, c, false, p->freq[i], err));
		else if (!cur_u8(c, &byte[i]))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "the tables' description is cut");
	}
	for (unsigned i = 0; p->family && i < TABLE_PHASES; i++) {
		if (!(p->used >> i & 1))
			continue;
		family_freqs(p, i, byte[i], n_escapes, n, p->freq[i]);
		if (byte[i] & CORRECTED)
			TRY(get_list(p, c, true, p->freq[i], err));
	}
	return HVQZ_OK;
}
