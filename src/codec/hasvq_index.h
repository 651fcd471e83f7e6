/*
 * hasvq_index.h - the indices of a k-means body at their entropy.
 *
 * The order of the centroids is ours to choose, so they are sorted by how
 * often they occur. The frequency table then falls, and is a short list of
 * levels: "the next `run` centroids have frequency f". Frequencies within a
 * level differ from the true ones by less than 2^(1/8); that costs under
 * 0.002 bit an index and saves a thousand numbers. The signs follow as one bit
 * an index: they have no structure.
 */
#ifndef CODEC_HASVQ_INDEX_H
#define CODEC_HASVQ_INDEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "kernels/decode.h"

enum { HASVQ_INDEX_BITS = 15 };	/* of the frequency table */

/*
 * An index in memory: the centroid's number and, in the lowest bit, whether it
 * is used with the opposite sign (compact form only).
 */
static inline uint16_t hasvq_index(uint32_t k, bool negative)
{
	return (uint16_t)(k << 1 | negative);
}

/*
 * counts [k] must fall (equal is fine) and be ≥ 1; idx [n]:
 * hasvq_index(), each centroid below k.
 */
enum hvqz_ret hasvq_index_put(const uint32_t *counts, uint32_t k,
			      const uint16_t *idx, size_t n, struct buf *out,
			      struct hvqz_err *err);
enum hvqz_ret hasvq_index_get(struct cursor *c,
			      const struct decode_kernels *kern, uint32_t k,
			      uint16_t *idx, size_t n, struct hvqz_err *err);

#endif
