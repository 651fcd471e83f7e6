/*
 * decouple.c - selection without sorting.
 *
 * Non-negative floats order as their bit patterns do, so the n_out-th highest
 * score is found digit by digit: a histogram of the upper 16 bits says in
 * which bin it lies, a histogram of the lower 16 bits within that bin says
 * which value it is. Three passes over the scores, whatever n_out is.
 */
#include "sense/decouple.h"

#include "base/half.h"

#include <stdlib.h>

enum { BINS = 1 << 16 };

size_t decouple_count(size_t n, double rho)
{
	return (size_t)(rho * (double)n + 0.5);
}

/*
 * The bin in which, counting from the top, the want-th item lies; *above is
 * how many lie in higher bins.
 */
static uint32_t find_bin(const uint32_t *hist, size_t want, size_t *above)
{
	uint32_t bin = BINS;

	*above = 0;
	while (bin-- > 0) {
		if (*above + hist[bin] >= want)
			return bin;
		*above += hist[bin];
	}
	return 0;
}

enum hvqz_ret decouple(const float *score, size_t n, size_t n_out,
		       uint32_t *pos, struct hvqz_err *err)
{
	uint32_t *hist, high, threshold;
	size_t above, above_low, n_equal, found = 0;

	if (!n_out)
		return HVQZ_OK;
	hist = calloc(2 * BINS, sizeof(*hist));
	if (!hist)
		return hvqz_nomem(err, 2 * BINS * sizeof(*hist),
				  "importance histograms");
	for (size_t i = 0; i < n; i++)
		hist[f32_to_bits(score[i]) >> 16]++;
	high = find_bin(hist, n_out, &above);
	for (size_t i = 0; i < n; i++) {
		uint32_t u = f32_to_bits(score[i]);

		if (u >> 16 == high)
			hist[BINS + (u & 0xffff)]++;
	}
	threshold = find_bin(hist + BINS, n_out - above, &above_low);
	threshold |= high << 16;
	n_equal = n_out - above - above_low;
	free(hist);
	for (size_t i = 0; i < n; i++) {
		uint32_t u = f32_to_bits(score[i]);

		if (u < threshold || (u == threshold && !n_equal))
			continue;
		n_equal -= u == threshold;
		pos[found++] = (uint32_t)i;
	}
	return HVQZ_OK;
}
