/*
 * trellis_symbols.c - points to symbols, counts, raw bits, and their streams.
 *
 * A channel's points become keys, 16 bits each, as soon as they are known,
 * and raw bits, which come in the decoder's order by themselves. The tables
 * are chosen when all have been counted, and the rANS coder, which goes from
 * the last symbol to the first, has only the keys to look at. Places without
 * a point have a symbol of frequency 2^12: it leaves the coder as it is.
 */
#include "codec/trellis_points.h"

#include "entropy/lanes.h"

#include <stdlib.h>

_Static_assert((int)TRELLIS_ZERO_BELOW == (int)TRELLIS_MIN_CLASS &&
		       (int)TRELLIS_LAST_CLASS == MODEL_CLASSES - 1 &&
		       (int)MODEL_MAX_SYMBOLS <= (int)TRELLIS_KEYS &&
		       (int)MODEL_BITS == (int)LANES_BITS &&
		       (int)TRELLIS_MAX_LANES == (int)RANS_MAX_LANES,
	       "kernels/trellis.h knows these numbers");

struct trellis_places trellis_places_of(size_t n_units, unsigned lanes)
{
	struct trellis_places at = {.lanes = lanes};

	for (unsigned l = 0; l <= lanes; l++)
		at.start[l] = trellis_lane_start(n_units, lanes, l);
	at.rows = (n_units + lanes - 1) / lanes;
	at.n = at.rows * lanes;
	at.stride = (at.n + TRELLIS_SUM - 1) / TRELLIS_SUM * TRELLIS_SUM;
	return at;
}

uint64_t trellis_symbols_memory(uint64_t n_channels, uint64_t stride)
{
	return (n_channels + 2) * stride * sizeof(uint16_t) +
	       sizeof(struct point_counts) +
	       2 * TRELLIS_KEY_COUNT * sizeof(uint32_t);
}

enum hvqz_ret trellis_symbols_open(struct trellis_symbols *s,
				   const struct trellis_places *at,
				   size_t n_channels, struct hvqz_err *err)
{
	*s = (struct trellis_symbols){
		.n_channels = n_channels,
		.key = malloc(n_channels * at->n * sizeof(*s->key)),
		.counts = calloc(1, sizeof(*s->counts)),
		.hist = calloc(2 * TRELLIS_KEY_COUNT, sizeof(*s->hist)),
		.scratch = malloc(at->stride * sizeof(*s->scratch)),
		.more = malloc(at->stride / TRELLIS_SUM),
	};
	s->bits.out = &s->raw;
	for (unsigned c = 0; c < MODEL_CLASSES; c++)
		s->geometry[c] = (int32_t)(model_fold(c) + 1 +
					   (model_shift(c) << 16));
	if (!s->key || !s->counts || !s->hist || !s->scratch || !s->more)
		return hvqz_nomem(err, (size_t)trellis_symbols_memory(
					       n_channels, at->stride),
				  "the symbols");
	return HVQZ_OK;
}

void trellis_symbols_free(struct trellis_symbols *s)
{
	free(s->key);
	free(s->counts);
	free(s->hist);
	free(s->scratch);
	free(s->more);
	buf_free(&s->raw);
}

/* The raw bits of 16 places. */
static void put_raw(struct trellis_symbols *s, const uint16_t *key,
		    const int32_t *u)
{
	for (unsigned i = 0; i < TRELLIS_SUM; i++) {
		unsigned c = key[i] / TRELLIS_KEYS + TRELLIS_ZERO_BELOW - 1;
		uint32_t n = trellis_magnitude(u[i]), escape, shift;

		if (!key[i])
			continue;
		escape = (uint32_t)s->geometry[c] & 0xffff;
		shift = (uint32_t)s->geometry[c] >> 16;
		if (n >> shift >= escape)
			bits_put_gamma(&s->bits, (n >> shift) - escape);
		if (shift)
			bits_put(&s->bits, n & ((1u << shift) - 1), shift);
	}
}

double trellis_symbols_add(struct trellis_symbols *s,
			   const struct trellis_kernels *kern,
			   const struct trellis_places *at, size_t j,
			   struct trellis_settle *c)
{
	uint16_t *key = s->key + (s->n_channels - 1 - j) * at->n;
	uint32_t *even = s->hist, *odd = s->hist + TRELLIS_KEY_COUNT;
	double sum;

	c->n = at->stride;
	c->geometry = s->geometry;
	c->key = at->n == at->stride ? key : s->scratch;
	c->more = s->more;
	sum = kern->settle(c);
	/* Two of each, or one number's count would wait for the last one's. */
	for (size_t p = 0; p < at->stride; p += 2) {
		even[c->key[p]]++;
		odd[c->key[p + 1]]++;
	}
	for (size_t p = 0; p < at->stride; p += TRELLIS_SUM)
		if (s->more[p / TRELLIS_SUM])
			put_raw(s, c->key + p, c->u + p);
	if (c->key != key)
		memcpy(key, c->key, at->n * sizeof(*key));
	return sum;
}

static void count(struct trellis_symbols *s)
{
	for (unsigned k = TRELLIS_KEYS; k < TRELLIS_KEY_COUNT; k++) {
		uint32_t n = s->hist[k] + s->hist[TRELLIS_KEY_COUNT + k];
		unsigned c = k / TRELLIS_KEYS + TRELLIS_ZERO_BELOW - 1;

		if (n)
			s->counts->n[c][k % TRELLIS_KEYS] = n;
	}
}

enum hvqz_ret trellis_symbols_put(struct trellis_symbols *s, struct trellis *q,
				  const struct trellis_places *at,
				  const struct encode_kernels *kern,
				  struct buf *out, struct hvqz_err *err)
{
	static const uint16_t none[1] = {LANES_SLOTS};
	struct encode_sym *syms = malloc(TRELLIS_KEY_COUNT * sizeof(*syms));
	size_t n = q->n_channels * at->n;
	struct lanes_enc enc = {0};
	enum hvqz_ret ret;

	if (!syms)
		return hvqz_nomem(err, TRELLIS_KEY_COUNT * sizeof(*syms),
				  "the symbols' tables");
	count(s);
	TRY_OUT(point_model_put(&q->model, s->counts, out, err));
	lanes_fill_syms(none, 1, syms);
	for (unsigned c = TRELLIS_MIN_CLASS; c < MODEL_CLASSES; c++) {
		const struct point_table *t = q->model.t[c];

		if (t)
			lanes_fill_syms(t->freq, t->escape + 1u,
					syms + (c - TRELLIS_MIN_CLASS + 1) *
						       TRELLIS_KEYS);
	}
	TRY_OUT(lanes_enc_begin_in(&enc, at->lanes, kern, syms, n, err));
	lanes_enc_push(&enc, s->key, n);
	TRY_OUT(lanes_enc_put(&enc, out, err));
	bits_flush(&s->bits);
	TRY_OUT(buf_ok(&s->raw, err));
	varint_put(out, (uint32_t)s->raw.len);
	buf_put(out, s->raw.p, s->raw.len);
	ret = buf_ok(out, err);
out:
	lanes_enc_free(&enc);
	free(syms);
	return ret;
}

enum hvqz_ret trellis_put(struct trellis *q, struct trellis_symbols *s,
			  const struct trellis_places *at,
			  const struct encode_kernels *kern, struct buf *out,
			  struct hvqz_err *err)
{
	size_t n_cols = q->across ? q->n_units : q->n_channels;

	TRY(trellis_put_head(q, out, err));
	TRY(trellis_symbols_put(s, q, at, kern, out, err));
	return sparse_put(&q->sparse, true, NULL, n_cols, out, err);
}
