/* hasvq_index.c - the level table and index stream of hasvq_index.h. */
#include "codec/hasvq_index.h"

#include "entropy/bits.h"
#include "entropy/rans.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL ((uint32_t)1 << HASVQ_INDEX_BITS)

/*
 * Merge frequencies that lie within 2^(1/4) of the first of their run into
 * their mean, rounded down; what that leaves over goes, one each, to the
 * lowest symbols, which splits at most one level in two and keeps the table
 * falling.
 */
static void flatten(uint16_t *freq, uint32_t k)
{
	uint32_t total = 0;

	for (uint32_t i = 0; i < k;) {
		uint32_t end = i, sum = 0;

		/* 2^(1/4) = 1.189… */
		while (end < k && freq[end] * 1189u >= freq[i] * 1000u)
			sum += freq[end++];
		for (uint32_t s = i; s < end; s++)
			freq[s] = (uint16_t)(sum / (end - i));
		total += sum / (end - i) * (end - i);
		i = end;
	}
	for (uint32_t s = 0; total < TOTAL; s = (s + 1) % k) {
		freq[s]++;
		total++;
	}
}

enum hvqz_ret hasvq_index_put(const uint32_t *counts, uint32_t k,
			      const uint16_t *idx, size_t n, struct buf *out,
			      struct hvqz_err *err)
{
	struct rans_table table;
	uint32_t levels = 0;
	bool valid;
	uint16_t *freq = malloc(k * sizeof(*freq));
	uint16_t *sym = malloc(n * sizeof(*sym));
	struct bit_writer signs = {.out = out};
	enum hvqz_ret ret;

	if (!freq || !sym) {
		free(freq);
		free(sym);
		return hvqz_nomem(err, k * 2 + n * 2, "the indices");
	}
	rans_scale(counts, k, HASVQ_INDEX_BITS, freq);
	flatten(freq, k);
	for (uint32_t s = 0; s < k; s++)
		levels += !s || freq[s] != freq[s - 1];
	varint_put(out, levels);
	for (uint32_t s = 0, run; s < k; s += run) {
		for (run = 1; s + run < k && freq[s + run] == freq[s];)
			run++;
		varint_put(out, run);
		varint_put(out, freq[s]);
	}
	ret = rans_table_from_freqs(&table, freq, k, HASVQ_INDEX_BITS, &valid,
				    err);
	if (ret == HVQZ_OK) {
		for (size_t i = 0; i < n; i++)
			sym[i] = idx[i] >> 1;
		ret = rans_encode(&table, sym, n, out, err);
	}
	for (size_t i = 0; i < n; i++)
		bits_put(&signs, idx[i] & 1, 1);
	bits_flush(&signs);
	rans_table_free(&table);
	free(freq);
	free(sym);
	return ret;
}

/*
 * The bits b at its places 0, 16, 32 and 48, for the four lowest of b: the
 * products of the multiplication do not meet.
 */
static uint64_t spread4(unsigned b)
{
	return (b & 15) * 0x0000200040008001u & 0x0001000100010001u;
}

/* Each index gets its sign from the bits that follow. */
static enum hvqz_ret get_signs(struct cursor *c, uint16_t *idx, size_t n,
			       struct hvqz_err *err)
{
	const uint8_t *p = cur_take(c, ((uint64_t)n + 7) / 8);
	size_t i = 0;

	if (!p)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the indices' signs are cut");
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	/* As hasvq_index(), four in a word; none has its highest bit set. */
	for (; i + 8 <= n; i += 8) {
		uint64_t four[2];

		memcpy(four, idx + i, sizeof(four));
		four[0] = four[0] << 1 | spread4(p[i / 8]);
		four[1] = four[1] << 1 | spread4(p[i / 8] >> 4);
		memcpy(idx + i, four, sizeof(four));
	}
#endif
	for (; i < n; i++)
		idx[i] = hasvq_index(idx[i], p[i / 8] >> i % 8 & 1);
	if (n % 8 && p[n / 8] >> n % 8)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "nonzero padding behind the indices' signs");
	return HVQZ_OK;
}

enum hvqz_ret hasvq_index_get(struct cursor *c,
			      const struct decode_kernels *kern, uint32_t k,
			      uint16_t *idx, size_t n, struct hvqz_err *err)
{
	struct rans_table table = {0};
	uint32_t levels, at = 0, last = TOTAL + 1;
	bool valid, good;
	uint16_t *freq = malloc(k * sizeof(*freq));
	enum hvqz_ret ret;

	if (!freq)
		return hvqz_nomem(err, k * sizeof(*freq), "index table");
	good = varint_get(c, &levels);
	while (good && levels) {
		uint32_t run = 0, f = 0;

		good = varint_get(c, &run) && varint_get(c, &f) && run &&
		       run <= k - at && f && f < last;
		levels--;
		last = f;
		while (good && run--)
			freq[at++] = (uint16_t)f;
	}
	if (!good || at != k) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the index frequencies describe %" PRIu32
				" of %" PRIu32 " centroids and do not go on",
				at, k);
		goto out;
	}
	TRY_OUT(rans_table_from_freqs(&table, freq, k, HASVQ_INDEX_BITS,
				      &valid, err));
	if (!valid)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the index frequencies do not sum to %" PRIu32,
				TOTAL);
	else if (!rans_decode(&table, kern, c, idx, n))
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the indices' rANS stream is broken");
	else
		ret = get_signs(c, idx, n, err);
out:
	rans_table_free(&table);
	free(freq);
	return ret;
}
