/*
 * planes_choose.c - the encoder of codes: which window, how many raw bits.
 *
 * More mantissa bits in the symbol mean a better fit to the density and more
 * symbols; three are within a thousandth of what any number gives. A symbol
 * that is rarer than a table's smallest frequency does harm in the window, as
 * it takes room from the others: it becomes an escape.
 */
#include "codec/planes.h"

#include "base/log2.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"

#include <stdlib.h>

enum {
	/* A symbol rarer than one in that many is better an escape. */
	RARE = 3 * LANES_SLOTS / 2,
	/* Octaves that classes can move a window. */
	MAX_MOVE = CLASS_MAX / 8 + 1,
	/* Histograms are of this many bits at most. */
	HIST_BITS = 16,
};

/* How often each symbol was met, relative to the octave of its class. */
struct histogram {
	uint32_t *n;		/* [TABLE_PHASES][size], owned */
	uint32_t *all;		/* [size]: their sum; behind n */
	size_t size, zero;	/* zero: the index of symbol 0 */
};

/* Numbers of 16 bits: four counters, as equal neighbours would wait. */
static void count_16(const struct codes_plan *p, const struct numbers *v,
		     struct histogram *h)
{
	struct encode_split cut = {
		.shift = p->raw, .bits = p->bits, .octave = p->octave,
	};
	bool classes = v->classes || v->class;
	uint16_t at[PLANES_BLOCK];
	uint8_t room[2 * PLANES_BLOCK], class[PLANES_BLOCK];
	size_t size = h->size, two = classes ? TABLE_PHASES * size : size;
	uint32_t *n = h->n, *n2 = n + two;
	/* With classes, a symbol's neighbours often have other phases. */
	uint32_t *n3 = classes ? n : n2 + two, *n4 = classes ? n2 : n3 + two;

	for (size_t i = 0; i < v->n; i += PLANES_BLOCK) {
		size_t m = v->n - i < PLANES_BLOCK ? v->n - i : PLANES_BLOCK;
		size_t j = 0;

		v->kern->index16(numbers_16(v, i, m, room),
				 numbers_classes(v, i, m, class), m, &cut,
				 (uint16_t)h->zero, (uint16_t)size, at);
		for (; j + 4 <= m; j += 4) {
			n[at[j]]++;
			n2[at[j + 1]]++;
			n3[at[j + 2]]++;
			n4[at[j + 3]]++;
		}
		for (; j < m; j++)
			n[at[j]]++;
	}
	for (size_t s = 0; s < two; s++) {
		n[s] += n2[s];
		n2[s] = 0;
		if (classes)
			continue;
		n[s] += n3[s] + n4[s];
		n3[s] = n4[s] = 0;
	}
}

/* All others. */
static void count_32(const struct codes_plan *p, const struct numbers *v,
		     struct histogram *h)
{
	unsigned shift = p->raw, octave = p->octave;
	uint32_t x[PLANES_BLOCK], mask;
	uint8_t class[PLANES_BLOCK] = {0};

	mask = (uint32_t)(((uint64_t)1 << p->bits) - 1);
	for (size_t i = 0; i < v->n; i += PLANES_BLOCK) {
		size_t m = v->n - i < PLANES_BLOCK ? v->n - i : PLANES_BLOCK;

		numbers_get(v, i, m, x, class);
		for (size_t j = 0; j < m; j++)
			h->n[h->zero + codes_phase(class[j]) * h->size -
			     ((size_t)(class[j] >> 3) << octave) +
			     ((x[j] & mask) >> shift)]++;
	}
}

/* largest: no magnitude is above it. */
static enum hvqz_ret count(const struct codes_plan *p,
			   const struct numbers *v, uint32_t largest,
			   struct histogram *h, struct hvqz_err *err)
{
	bool classes = v->classes || v->class;
	size_t n;

	h->zero = classes ? (size_t)MAX_MOVE << p->octave : 0;
	h->size = h->zero + (largest >> p->raw) + 1;
	/* count_16 has two of each with classes. */
	n = h->size * (classes ? 2 * TABLE_PHASES : TABLE_PHASES);
	h->n = calloc(n + h->size, sizeof(*h->n));
	if (!h->n)
		return hvqz_nomem(err, (n + h->size) * sizeof(*h->n),
				  "a histogram");
	h->all = h->n + n;
	if (v->front->bits <= 16 &&
	    h->size * (classes ? TABLE_PHASES : 1) <= 1 << 16)
		count_16(p, v, h);
	else
		count_32(p, v, h);
	for (unsigned i = 0; i < TABLE_PHASES; i++)
		for (size_t s = 0; s < h->size; s++)
			h->all[s] += h->n[i * h->size + s];
	return HVQZ_OK;
}

/* The window [*from, *to) of h->all, at most `most` wide, of multiples. */
static void window(const uint32_t *n, size_t size, size_t total,
		   unsigned most, size_t align, size_t *from, size_t *to)
{
	size_t a = 0, b = size;

	while (a < b && n[a] * (uint64_t)RARE < total)
		a++;
	while (b > a && n[b - 1] * (uint64_t)RARE < total)
		b--;
	if (a == b) {		/* all rare: around the most frequent */
		for (size_t s = 0; s < size; s++)
			if (n[s] > n[a < size ? a : 0] || a >= size)
				a = s;
		b = a + 1;
	}
	a -= a % align;
	while (b - a > most) {
		uint64_t low = 0, high = 0;

		for (size_t s = 0; s < align; s++) {
			low += n[a + s];
			high += n[b - 1 - s];
		}
		if (low <= high)
			a += align;
		else
			b -= align;
	}
	*from = a;
	*to = b;
}

/* Where σ is, in octaves from the first symbol: a Gaussian's mean is 0.798 σ. */
static unsigned depth_of(const struct codes_plan *p, const struct histogram *h,
			 size_t from)
{
	unsigned per_octave = 1u << p->octave;
	float sum = 0, n = 0, log;

	for (unsigned i = 0; i < TABLE_PHASES; i++)
		for (unsigned t = 0; t < p->n; t++) {
			uint32_t c = h->n[i * h->size + from + t];
			float x = f32_from_bits((127 + (t >> p->octave) -
						 p->octave) << 23) *
				  ((float)(per_octave + t % per_octave) + 0.5f);

			/* 2^(−i/4) */
			static const float down[TABLE_PHASES] = {
				1.0f, 0.8408964f, 0.7071068f, 0.5946036f,
			};
			sum += (float)c * x * down[i];
			n += (float)c;
		}
	if (n == 0)
		return 0;
	log = log2_approx(1.2533141f * sum / n) + 0.5f;
	return log < 0 ? 0 : log < TABLE_MAX_DEPTH ? (unsigned)log
						   : TABLE_MAX_DEPTH;
}

/* Bits that all numbers take when the low `raw` more of h's are raw. */
static float price(const struct histogram *h, unsigned more, size_t total,
		   uint32_t *folded)
{
	size_t size = (h->size + ((size_t)1 << more) - 1) >> more, from, to;
	float bits = (float)more * (float)total, inside = 0;

	memset(folded, 0, size * sizeof(*folded));
	for (size_t s = 0; s < h->size; s++)
		folded[s >> more] += h->all[s];
	window(folded, size, total, TABLE_MAX_SYMBOLS, 1, &from, &to);
	for (size_t s = from; s < to; s++)
		if (folded[s]) {
			inside += (float)folded[s];
			bits += (float)folded[s] *
				(log2_approx((float)total) -
				 log2_approx((float)folded[s]));
		}
	/* A table's number; an escape: itself, its place in the list. */
	bits += 7.0f * (float)(to - from);
	bits += ((float)total - inside) *
		(log2_approx((float)total / ((float)total - inside + 1)) +
		 log2_approx((float)size + 1));
	return bits;
}

static uint32_t largest(const struct numbers *v)
{
	uint32_t x[PLANES_BLOCK], most = 0;

	for (size_t i = 0; i < v->n; i += PLANES_BLOCK) {
		size_t m = v->n - i < PLANES_BLOCK ? v->n - i : PLANES_BLOCK;

		numbers_get(v, i, m, x, NULL);
		for (size_t j = 0; j < m; j++)
			most = x[j] > most ? x[j] : most;
	}
	return most;
}

/* Raw bits of numbers that have no exponent. */
static enum hvqz_ret choose_raw(struct codes_plan *p, const struct numbers *v,
				struct histogram *h, struct hvqz_err *err)
{
	uint32_t *folded, most = largest(v);
	float best = 0;
	unsigned best_more = 0;

	p->octave = 0;
	p->raw = 0;
	while (most >> p->raw >> HIST_BITS)
		p->raw++;
	TRY(count(p, v, most, h, err));
	folded = malloc((h->size + 1) * sizeof(*folded));
	if (!folded)
		return hvqz_nomem(err, h->size * sizeof(*folded),
				  "a histogram");
	for (unsigned more = 0; most >> p->raw >> more; more++) {
		float bits = price(h, more, v->n, folded);

		if (!more || bits < best) {
			best = bits;
			best_more = more;
		}
	}
	free(folded);
	if (!best_more)
		return HVQZ_OK;
	p->raw += best_more;
	free(h->n);
	return count(p, v, most, h, err);
}

static enum hvqz_ret put_streams(struct codes_plan *p,
				 const struct table_counts *counts,
				 const struct numbers *v, size_t n_escapes,
				 struct buf *out, struct hvqz_err *err)
{
	struct encode_sym syms[TABLE_PHASES * LANES_SYMBOLS];
	uint16_t key[PLANES_BLOCK];
	struct cutter cut = {0};
	struct lanes_enc lanes = {0};
	enum hvqz_ret ret;

	buf_u8(out, (uint8_t)p->raw);
	buf_u8(out, (uint8_t)p->octave);
	varint_put(out, zigzag(p->first));
	buf_u8(out, (uint8_t)p->n);
	varint_put(out, (uint32_t)n_escapes);
	TRY(table_put(p, counts, n_escapes, v->n, out, err));
	for (unsigned i = 0; i < TABLE_PHASES; i++)
		if (p->used >> i & 1)
			lanes_fill_syms(p->freq[i], p->n + 1,
					syms + i * LANES_SYMBOLS);
	TRY_OUT(cutter_make(&cut, p, v, n_escapes, err));
	TRY_OUT(lanes_enc_begin(&lanes, v->kern, syms, v->n, err));
	for (size_t end = v->n; end;) {
		size_t i = (end - 1) / PLANES_BLOCK * PLANES_BLOCK;

		cutter_cut(&cut, i, end - i, key);
		lanes_enc_push(&lanes, key, end - i);
		end = i;
	}
	TRY_OUT(intcode_put(cut.escape, n_escapes, out, err));
	TRY_OUT(lanes_enc_put(&lanes, out, err));
	buf_put(out, cut.field, cut.n_bytes);
	ret = buf_ok(out, err);
out:
	cutter_free(&cut);
	lanes_enc_free(&lanes);
	return ret;
}

enum hvqz_ret codes_put(struct codes_plan *p, const struct numbers *v,
			bool *fits, struct buf *out, struct hvqz_err *err)
{
	struct table_counts *counts = calloc(1, sizeof(*counts));
	struct histogram h = {0};
	bool present[CLASS_MAX + 1] = {true};
	size_t from, to, n_escapes = v->n;
	enum hvqz_ret ret;

	*fits = false;
	if (!counts)
		return hvqz_nomem(err, sizeof(*counts), "counts");
	if (p->family)
		TRY_OUT(count(p, v, ((uint32_t)1 << p->bits) - 1, &h, err));
	else
		TRY_OUT(choose_raw(p, v, &h, err));
	window(h.all, h.size, v->n, p->family ? TABLE_MAX_SYMBOLS - 15
					      : TABLE_MAX_SYMBOLS,
	       p->family ? (size_t)1 << p->octave : 1, &from, &to);
	p->first = (int32_t)((int64_t)from - (int64_t)h.zero);
	p->n = (unsigned)(to - from);
	p->used = 0;
	for (unsigned i = 0; i < TABLE_PHASES; i++) {
		const uint32_t *n = h.n + i * h.size;
		uint32_t phase = 0, in = 0;

		for (size_t s = 0; s < h.size; s++)
			phase += n[s];
		for (size_t t = 0; t < p->n; t++)
			in += counts->n[i][t] = n[from + t];
		counts->n[i][p->n] = phase - in;
		n_escapes -= in;
	}
	if (v->classes)
		classes_present(v->classes, present);
	for (unsigned k = 0; k <= CLASS_MAX; k++)
		p->used |= (uint8_t)(present[k] << codes_phase(k));
	if (p->family)
		p->depth = depth_of(p, &h, from);
	*fits = n_escapes <= v->n / 4;
	ret = HVQZ_OK;
	if (*fits)
		ret = put_streams(p, counts, v, n_escapes, out, err);
out:
	free(h.n);
	free(counts);
	return ret;
}
