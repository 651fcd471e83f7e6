/* lanes.c - the fast rANS of lanes.h. */
#include "entropy/lanes.h"

#include <stdlib.h>

/*
 * x / freq without a division. After renormalising x is below freq·2^20. With
 * K = 20 + 2·ceil(log2 freq) and r = ceil(2^K / freq) = (2^K + e) / freq, e <
 * freq: x·r / 2^K exceeds x / freq by x·e / (freq·2^K) < freq·2^20 / 2^K ≤
 * 1 / freq, too little to reach the next integer. K ≤ 44, and x·r < 2^64: the
 * largest x / freq is 2^20 − 1 / freq, times 2^44 + e that is below 2^64 as
 * 2^20·e < 2^44 / freq when freq < 2^12, and e is 0 when freq is 2^12.
 */
void lanes_fill_syms(const uint16_t *freq, unsigned n, struct lanes_sym *to)
{
	unsigned cum = 0;

	for (unsigned s = 0; s < n; s++) {
		unsigned f = freq[s], log = 0;

		while (1u << log < f)
			log++;
		to[s] = (struct lanes_sym){
			.freq = (uint16_t)f,
			.cum = (uint16_t)cum,
			.shift = (uint8_t)(20 + 2 * log),
		};
		if (f)
			to[s].rcp = (((uint64_t)1 << to[s].shift) + f - 1) / f;
		cum += f;
	}
}

void lanes_fill_slots(const uint16_t *freq, unsigned n, uint32_t *slot)
{
	for (unsigned s = 0; s < n; s++)
		for (uint32_t i = 0; i < freq[s]; i++)
			*slot++ = s | (freq[s] - 1u) << 8 | i << 20;
}

static inline uint32_t push(uint32_t x, const struct lanes_sym *s,
			    uint16_t *words, size_t *n_words)
{
	uint32_t full = x >> (32 - LANES_BITS) >= s->freq, q;

	words[*n_words] = (uint16_t)x;
	*n_words += full;
	/* A branch would be a guess. */
	full = 0u - full;
	x ^= (x ^ x >> 16) & full;
	q = (uint32_t)((x * s->rcp) >> s->shift);
	return x + q * (LANES_SLOTS - s->freq) + s->cum;
}

enum hvqz_ret lanes_encode(const struct lanes_sym *syms, const uint16_t *key,
			   size_t n, struct buf *out, struct hvqz_err *err)
{
	return lanes_encode_in(rans_lanes(n), syms, key, n, out, err);
}

enum hvqz_ret lanes_encode_in(unsigned lanes, const struct lanes_sym *syms,
			      const uint16_t *key, size_t n, struct buf *out,
			      struct hvqz_err *err)
{
	uint32_t state[RANS_MAX_LANES];
	/* One more: push stores before it knows. */
	uint16_t *words = malloc((n + 1) * sizeof(*words));
	size_t n_words = 0, i = n;
	enum hvqz_ret ret;

	if (!words)
		return hvqz_nomem(err, n * sizeof(*words), "a rANS stream");
	for (unsigned l = 0; l < lanes; l++)
		state[l] = RANS_LOW;
	while (i % lanes) {
		i--;
		state[i % lanes] = push(state[i % lanes], &syms[key[i]],
					words, &n_words);
	}
	for (; lanes == RANS_MAX_LANES && i; i -= RANS_MAX_LANES)
		for (unsigned l = RANS_MAX_LANES; l-- > 0;)
			state[l] = push(state[l],
					&syms[key[i - RANS_MAX_LANES + l]],
					words, &n_words);
	for (; i; i -= lanes)
		for (unsigned l = lanes; l-- > 0;)
			state[l] = push(state[l], &syms[key[i - lanes + l]],
					words, &n_words);
	ret = rans_put_frame(state, lanes, words, n_words, out, err);
	free(words);
	return ret;
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
		size_t whole = (n - i) / RANS_MAX_LANES;
		const uint32_t *own = slots;

		if (whole && d->n_lanes == RANS_MAX_LANES && !d->at)
			i += RANS_MAX_LANES *
			     kern->rounds(d->state, &d->word, d->end, slots,
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

_Static_assert((int)RANS_MAX_LANES == (int)DECODE_LANES && LANES_BITS == 12,
	       "kernels/decode.h knows these numbers");
