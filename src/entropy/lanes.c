/* lanes.c - the fast rANS of lanes.h. */
#include "entropy/lanes.h"

#include "entropy/bits.h"

#include <stdlib.h>

enum { FAST_LANES = 8 };	/* that decode_kernels have rounds for */

/*
 * x / f without a division. After renormalising x is below f·2^20. With K such
 * that 2^K / f is 2^31 to 2^32, which is K = 31 + log2 f for powers of two and
 * 32 + floor(log2 f) else, two ways give the quotient:
 *
 * - r = ceil(2^K / f) = (2^K + e) / f with e < f: x·r / 2^K is x / f and
 *   x·e / (f·2^K) more, too little to reach the next integer, 1 / f or more
 *   away, when x·e < 2^K: when f·e <= 2^(K - 20).
 * - r = floor(2^K / f) = (2^K - d) / f: (x + 1)·r / 2^K is (x + 1) / f and
 *   (x + 1)·d / (f·2^K) less, so below the next integer when d > 0, and not
 *   below the quotient when (x + 1)·d <= 2^K: when f·d <= 2^(K - 20).
 *
 * Up to f = 2048 the first will do: f·e < 2^(2K - 62) and K <= 42. Above, K is
 * 43, and e or d, which are f together, is below 2^11.
 */
void lanes_fill_syms(const uint16_t *freq, unsigned n, struct encode_sym *to)
{
	uint32_t cum = 0;

	for (unsigned s = 0; s < n; s++) {
		uint32_t f = freq[s], log = 0, k, up;
		uint64_t rcp, e;

		to[s] = (struct encode_sym){0};
		if (!f)
			continue;
		while (f >> (log + 1))
			log++;
		k = 31 + log + (f & (f - 1) ? 1 : 0);
		rcp = (((uint64_t)1 << k) + f - 1) / f;
		e = rcp * f - ((uint64_t)1 << k);
		up = f * e > (uint64_t)1 << (k - 20);
		to[s].rcp = (uint32_t)(rcp - up);
		to[s].what = (f - 1) | cum << 12 | up << 24 | k << 26;
		cum += f;
	}
}

void lanes_fill_slots(const uint16_t *freq, unsigned n, uint32_t *slot)
{
	for (unsigned s = 0; s < n; s++)
		for (uint32_t i = 0; i < freq[s]; i++)
			*slot++ = s | (freq[s] - 1u) << 8 | i << 20;
}

/* A symbol into state *x; a word it gives away is put below end. */
static inline uint8_t *push(uint32_t *x, struct encode_sym s, uint8_t *end)
{
	uint32_t f = (s.what & (LANES_SLOTS - 1)) + 1, q;

	if (*x >> (32 - LANES_BITS) >= f) {
		end -= 2;
		put_le16(end, (uint16_t)*x);
		*x >>= 16;
	}
	q = (uint32_t)((uint64_t)(*x + (s.what >> 24 & 1)) * s.rcp >>
		       (s.what >> 26));
	*x += q * (LANES_SLOTS - f) + (s.what >> 12 & (LANES_SLOTS - 1));
	return end;
}

enum hvqz_ret lanes_enc_begin(struct lanes_enc *e,
			      const struct encode_kernels *kern,
			      const struct encode_sym *syms, size_t n,
			      struct hvqz_err *err)
{
	return lanes_enc_begin_in(e, rans_lanes(n), kern, syms, n, err);
}

enum hvqz_ret lanes_enc_begin_in(struct lanes_enc *e, unsigned n_lanes,
				 const struct encode_kernels *kern,
				 const struct encode_sym *syms, size_t n,
				 struct hvqz_err *err)
{
	size_t room = ENCODE_SLACK + 2 * n;

	*e = (struct lanes_enc){
		.kern = kern,
		.syms = syms,
		.n_lanes = n_lanes,
		.left = n,
	};
	e->words = malloc(room);
	if (!e->words)
		return hvqz_nomem(err, room, "a rANS stream");
	e->end = e->at = e->words + room;
	for (unsigned l = 0; l < e->n_lanes; l++)
		e->state[l] = RANS_LOW;
	encode_fill_right(e->right);
	return HVQZ_OK;
}

void lanes_enc_push(struct lanes_enc *e, const uint16_t *key, size_t n)
{
	while (n) {
		size_t whole = n / RANS_MAX_LANES;
		unsigned lane = (unsigned)(e->left % e->n_lanes);
		size_t row = e->n_lanes;

		if (whole && !lane && e->n_lanes == RANS_MAX_LANES) {
			n -= whole * RANS_MAX_LANES;
			e->left -= whole * RANS_MAX_LANES;
			e->at = e->kern->rounds(e->state, e->syms, e->right,
						key + n, whole, e->at);
			continue;
		}
		for (; !lane && n >= row; n -= row, e->left -= row)
			for (size_t l = row; l-- > 0;)
				e->at = push(&e->state[l],
					     e->syms[key[n - row + l]], e->at);
		if (!n)
			break;
		lane = lane ? lane - 1 : e->n_lanes - 1;
		e->left--;
		e->at = push(&e->state[lane], e->syms[key[--n]], e->at);
	}
}

enum hvqz_ret lanes_enc_put(const struct lanes_enc *e, struct buf *out,
			    struct hvqz_err *err)
{
	size_t len = (size_t)(e->end - e->at);

	varint_put(out, (uint32_t)(len / 2));
	for (unsigned l = 0; l < e->n_lanes; l++)
		buf_u32(out, e->state[l]);
	buf_put(out, e->at, len);
	return buf_ok(out, err);
}

void lanes_enc_free(struct lanes_enc *e)
{
	free(e->words);
	e->words = NULL;
}

bool lanes_begin(struct lanes_dec *d, struct cursor *c, size_t n)
{
	*d = (struct lanes_dec){.n_lanes = rans_lanes(n)};
	return rans_get_frame(c, d->n_lanes, d->state, &d->word, &d->end);
}

/* The next state's x of slot e; renormalised by the caller. */
static inline uint32_t pop(uint32_t x, uint32_t e)
{
	return ((e >> 8 & (LANES_SLOTS - 1)) + 1) * (x >> LANES_BITS) +
	       (e >> 20);
}

static bool take_one(struct lanes_dec *d, const uint32_t *slots, uint8_t *sym)
{
	uint32_t *x = &d->state[d->at];
	uint32_t e = slots[*x & (LANES_SLOTS - 1)];

	*sym = (uint8_t)e;
	*x = pop(*x, e);
	if (*x < RANS_LOW) {
		if (d->word == d->end)
			return false;
		*x = *x << 16 | get_le16(d->word);
		d->word += 2;
	}
	if (++d->at == d->n_lanes)
		d->at = 0;
	return true;
}

bool lanes_take(struct lanes_dec *d, const struct decode_kernels *kern,
		const uint32_t *slots, const uint8_t *which, uint8_t *sym,
		size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t whole = (n - i) / d->n_lanes;
		const uint32_t *own = slots;

		if (whole && d->n_lanes >= FAST_LANES && !d->at)
			i += d->n_lanes *
			     kern->rounds(d->n_lanes, d->state, &d->word,
					  d->end, slots,
					  which ? which + i : NULL, sym + i,
					  whole);
		if (i == n)
			break;
		if (which)
			own += (size_t)which[i] * LANES_SLOTS;
		if (!take_one(d, own, &sym[i]))
			return false;
		i++;
	}
	return true;
}

bool lanes_end(const struct lanes_dec *d)
{
	return rans_at_end(d->state, d->n_lanes, d->word, d->end);
}

_Static_assert((int)RANS_MAX_LANES == (int)DECODE_LANES &&
		       (int)RANS_MAX_LANES == (int)ENCODE_LANES &&
		       LANES_BITS == 12,
	       "kernels/decode.h and encode.h know these numbers");
