/* rans.c - tables, encoder and decoder of rans.h. */
#include "entropy/rans.h"

#include "entropy/bits.h"

#include <assert.h>
#include <stdlib.h>

void rans_table_free(struct rans_table *t)
{
	free(t->freq);
	free(t->cum);
	free(t->slot);
	free(t->span);
	*t = (struct rans_table){0};
}

static enum hvqz_ret table_alloc(struct rans_table *t, uint32_t n,
				 unsigned bits, bool slots,
				 struct hvqz_err *err)
{
	size_t n_slots = (size_t)1 << bits;

	*t = (struct rans_table){.bits = bits, .n = n};
	t->freq = calloc(n, sizeof(*t->freq));
	t->cum = calloc(n, sizeof(*t->cum));
	if (slots) {
		t->slot = malloc((n_slots + 1) * sizeof(*t->slot));
		t->span = malloc(n * sizeof(*t->span));
	}
	if (!t->freq || !t->cum || (slots && (!t->slot || !t->span))) {
		rans_table_free(t);
		return hvqz_nomem(err, n_slots * 2 + n * 8, "a rANS table");
	}
	return HVQZ_OK;
}

/* The sum of the frequencies; cum is filled on the way. */
static uint32_t accumulate(struct rans_table *t)
{
	uint32_t sum = 0;

	for (uint32_t s = 0; s < t->n; s++) {
		t->cum[s] = (uint16_t)sum;
		sum += t->freq[s];
	}
	return sum;
}

void rans_scale(const uint32_t *counts, uint32_t n, unsigned bits,
		uint16_t *freq)
{
	uint64_t total = 0;
	int64_t rest = (int64_t)1 << bits;

	for (uint32_t s = 0; s < n; s++)
		total += counts[s];
	for (uint32_t s = 0; s < n; s++) {
		uint64_t f = ((uint64_t)counts[s] << bits) / total;

		freq[s] = (uint16_t)(f ? f : counts[s] != 0);
		rest -= freq[s];
	}
	/*
	 * Hand out what is left, or take back what the forced ones cost, one
	 * at a time where it matters least: the gain of one more is
	 * count/freq, the loss of one fewer is count/(freq - 1).
	 */
	while (rest) {
		uint32_t best = n;
		bool give = rest > 0;

		for (uint32_t s = 0; s < n; s++) {
			uint64_t a, b;

			if (give ? !counts[s] : freq[s] < 2)
				continue;
			if (best == n) {
				best = s;
				continue;
			}
			a = (uint64_t)counts[s] *
			    (uint64_t)(freq[best] - !give);
			b = (uint64_t)counts[best] *
			    (uint64_t)(freq[s] - !give);
			if (give ? a > b : a < b)
				best = s;
		}
		assert(best < n);
		freq[best] = (uint16_t)(freq[best] + (give ? 1 : -1));
		rest += give ? -1 : 1;
	}
}

enum hvqz_ret rans_table_from_counts(struct rans_table *t,
				     const uint32_t *counts, uint32_t n,
				     unsigned bits, struct hvqz_err *err)
{
	TRY(table_alloc(t, n, bits, false, err));
	rans_scale(counts, n, bits, t->freq);
	accumulate(t);
	return HVQZ_OK;
}

enum hvqz_ret rans_table_from_freqs(struct rans_table *t,
				    const uint16_t *freq, uint32_t n,
				    unsigned bits, bool *valid,
				    struct hvqz_err *err)
{
	uint64_t sum = 0;

	for (uint32_t s = 0; s < n; s++)
		sum += freq[s];
	*valid = sum == (uint64_t)1 << bits;
	*t = (struct rans_table){0};
	if (!*valid)
		return HVQZ_OK;
	TRY(table_alloc(t, n, bits, true, err));
	memcpy(t->freq, freq, n * sizeof(*freq));
	accumulate(t);
	for (uint32_t s = 0; s < n; s++) {
		t->span[s] = t->freq[s] | (uint32_t)t->cum[s] << 16;
		for (uint32_t i = 0; i < t->freq[s]; i++)
			t->slot[t->cum[s] + i] = (uint16_t)s;
	}
	t->slot[sum] = 0;
	return HVQZ_OK;
}

unsigned rans_lanes(size_t n)
{
	return n < 2048 ? 1 : n < 65536 ? 4 : RANS_MAX_LANES;
}

enum hvqz_ret rans_put_frame(const uint32_t *state, unsigned lanes,
			     const uint16_t *words, size_t n_words,
			     struct buf *out, struct hvqz_err *err)
{
	uint8_t *to;

	varint_put(out, (uint32_t)n_words);
	for (unsigned l = 0; l < lanes; l++)
		buf_u32(out, state[l]);
	to = buf_grow(out, n_words * 2);
	for (size_t i = n_words; to && i-- > 0; to += 2)
		put_le16(to, words[i]);
	return buf_ok(out, err);
}

bool rans_get_frame(struct cursor *c, unsigned lanes, uint32_t *state,
		    const uint8_t **word, const uint8_t **end)
{
	uint32_t n_words;

	if (!varint_get(c, &n_words))
		return false;
	for (unsigned l = 0; l < lanes; l++)
		if (!cur_u32(c, &state[l]) || state[l] < RANS_LOW)
			return false;
	*word = cur_take(c, (uint64_t)n_words * 2);
	if (!*word)
		return false;
	*end = *word + (size_t)n_words * 2;
	return true;
}

bool rans_at_end(const uint32_t *state, unsigned lanes, const uint8_t *word,
		 const uint8_t *end)
{
	for (unsigned l = 0; l < lanes; l++)
		if (state[l] != RANS_LOW)
			return false;
	return word == end;
}

enum hvqz_ret rans_encode(const struct rans_table *t, const uint16_t *sym,
			  size_t n, struct buf *out, struct hvqz_err *err)
{
	unsigned lanes = rans_lanes(n);
	uint32_t state[RANS_MAX_LANES];
	uint16_t *words = malloc((n + 1) * sizeof(*words));
	size_t n_words = 0;
	enum hvqz_ret ret;

	if (!words)
		return hvqz_nomem(err, n * sizeof(*words), "a rANS stream");
	for (unsigned l = 0; l < lanes; l++)
		state[l] = RANS_LOW;
	for (size_t i = n; i-- > 0;) {
		assert(t->freq[sym[i]]);
		rans_push(&state[i % lanes], t->freq[sym[i]], t->cum[sym[i]],
			  t->bits, words, &n_words);
	}
	ret = rans_put_frame(state, lanes, words, n_words, out, err);
	free(words);
	return ret;
}

bool rans_decode(const struct rans_table *t, const struct decode_kernels *kern,
		 struct cursor *c, uint16_t *sym, size_t n)
{
	unsigned lanes = rans_lanes(n);
	uint32_t state[RANS_MAX_LANES];
	uint32_t mask = ((uint32_t)1 << t->bits) - 1;
	const uint8_t *word, *end;
	size_t i = 0;

	if (!rans_get_frame(c, lanes, state, &word, &end))
		return false;
	if (lanes == RANS_MAX_LANES)
		i = lanes * kern->wide_rounds(state, &word, end, t->slot,
					      t->span, t->bits, sym,
					      n / lanes);
	for (; i < n; i++) {
		uint32_t *x = &state[i % lanes], slot = *x & mask;
		uint16_t s = t->slot[slot];

		if (!rans_pop(x, t->freq[s], t->cum[s], slot, t->bits, &word,
			      end))
			return false;
		sym[i] = s;
	}
	return rans_at_end(state, lanes, word, end);
}
