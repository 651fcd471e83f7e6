/*
 * nearest_template.h - the nearest-centroid loop, included once per
 * instruction set with
 *
 *	NEAREST_NAME	the function's name
 *	NEAREST_TARGET	a target attribute, or empty
 *	NEAREST_LANES	centroids compared at once
 *
 * Plain version: for each point, for each centroid, sum the weighted squared
 * differences coordinate by coordinate, keep the smallest. Here LANES
 * centroids are summed side by side; each lane keeps its own best and the
 * index of the step where it met it, so a later equal value never replaces an
 * earlier one; the lanes' bests are then compared by (value, index). The
 * result is the lowest index of the smallest value, whatever LANES is.
 *
 * Distances are never negative and never NaN, so their bit patterns order as
 * integers do, and the compiler needs no care for signed zeros.
 */

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VF GLUE(NEAREST_NAME, _vf)
#define VI GLUE(NEAREST_NAME, _vi)
#define ROW GLUE(NEAREST_NAME, _point)

typedef float VF __attribute__((vector_size(4 * NEAREST_LANES)));
typedef int32_t VI __attribute__((vector_size(4 * NEAREST_LANES)));

/* One point; b is a constant at every call, so the inner loop unrolls. */
static inline __attribute__((always_inline)) NEAREST_TARGET uint32_t
ROW(const float *x, const float *w, float lam, unsigned b, const float *cent,
    const float *bits, size_t k_pad)
{
	VF best = {0};
	VI best_step = {0};
	float value[NEAREST_LANES];
	int32_t step[NEAREST_LANES];
	uint32_t found;
	int at = 0;

	best += INFINITY;
	for (size_t k = 0; k < k_pad; k += NEAREST_LANES) {
		VI this_step = {0}, less;
		VF sum;

		memcpy(&sum, bits + k, sizeof(sum));
		sum *= lam;
		for (unsigned d = 0; d < b; d++) {
			VF c;

			memcpy(&c, cent + d * k_pad + k, sizeof(c));
			c = x[d] - c;
			sum += w[d] * c * c;
		}
		less = (VI)(sum < best);
		this_step += (int32_t)(k / NEAREST_LANES);
		best = (VF)(((VI)sum & less) | ((VI)best & ~less));
		best_step = (this_step & less) | (best_step & ~less);
	}
	memcpy(value, &best, sizeof(value));
	memcpy(step, &best_step, sizeof(step));
	for (int l = 1; l < NEAREST_LANES; l++)
		if (value[l] < value[at] ||
		    (value[l] == value[at] && step[l] < step[at]))
			at = l;
	found = (uint32_t)step[at] * NEAREST_LANES + (uint32_t)at;
	return found;
}

static NEAREST_TARGET void
NEAREST_NAME(const float *x, const float *w, const float *lam, size_t n,
	     unsigned b, const float *cent, const float *bits, size_t k_pad,
	     uint32_t *idx)
{
	for (size_t p = 0; p < n; p++, x += b, w += b) {
		switch (b) {
		case 1:
			idx[p] = ROW(x, w, lam[p], 1, cent, bits, k_pad);
			break;
		case 2:
			idx[p] = ROW(x, w, lam[p], 2, cent, bits, k_pad);
			break;
		case 4:
			idx[p] = ROW(x, w, lam[p], 4, cent, bits, k_pad);
			break;
		default:
			idx[p] = ROW(x, w, lam[p], 8, cent, bits, k_pad);
			break;
		}
	}
}

#undef GLUE2
#undef GLUE
#undef VF
#undef VI
#undef ROW
#undef NEAREST_NAME
#undef NEAREST_TARGET
#undef NEAREST_LANES
