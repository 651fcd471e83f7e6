/*
 * nearest_template.h - the nearest-centroid loop, included once per
 * instruction set with
 *
 *	NEAREST_NAME	the function's name; NAME_mirrored is the second one
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
 * Mirrored: each centroid c also stands for −c. Since
 *
 *	Σ w(x ∓ c)² = Σ w·x² + Σ w·c² ∓ 2·Σ w·x·c,
 *
 * the better sign is that of the last sum and the first one is the same for
 * all centroids: Σ w·c² − 2·|Σ w·x·c| is compared, both signs at once.
 */

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VF GLUE(NEAREST_NAME, _vf)
#define VI GLUE(NEAREST_NAME, _vi)
#define POINT GLUE(NEAREST_NAME, _point)
#define MIRRORED GLUE(NEAREST_NAME, _mirrored)

typedef float VF __attribute__((vector_size(4 * NEAREST_LANES)));
typedef int32_t VI __attribute__((vector_size(4 * NEAREST_LANES)));

/* One point; b is a constant at every call, so the inner loop unrolls. */
static inline __attribute__((always_inline)) NEAREST_TARGET uint32_t
POINT(const float *x, const float *w, float lam, unsigned b, bool mirrored,
      const float *cent, const float *bits, size_t k_pad)
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
		VF sum, cross = {0};

		memcpy(&sum, bits + k, sizeof(sum));
		sum *= lam;
		for (unsigned d = 0; d < b; d++) {
			VF c;

			memcpy(&c, cent + d * k_pad + k, sizeof(c));
			if (mirrored) {
				sum += w[d] * c * c;
				cross += w[d] * x[d] * c;
			} else {
				c = x[d] - c;
				sum += w[d] * c * c;
			}
		}
		/* |cross|: its bits without the sign */
		if (mirrored)
			sum -= 2.0f * (VF)((VI)cross & 0x7fffffff);
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

/* The switch makes b a constant in each branch. */
static inline __attribute__((always_inline)) NEAREST_TARGET uint32_t
GLUE(NEAREST_NAME, _any)(const float *x, const float *w, float lam, unsigned b,
			 bool mirrored, const float *cent, const float *bits,
			 size_t k_pad)
{
	switch (b) {
	case 1:
		return POINT(x, w, lam, 1, mirrored, cent, bits, k_pad);
	case 2:
		return POINT(x, w, lam, 2, mirrored, cent, bits, k_pad);
	case 4:
		return POINT(x, w, lam, 4, mirrored, cent, bits, k_pad);
	default:
		return POINT(x, w, lam, 8, mirrored, cent, bits, k_pad);
	}
}

static NEAREST_TARGET void
NEAREST_NAME(const float *x, const float *w, const float *lam, size_t n,
	     unsigned b, const float *cent, const float *bits, size_t k_pad,
	     uint32_t *idx)
{
	for (size_t p = 0; p < n; p++, x += b, w += b)
		idx[p] = GLUE(NEAREST_NAME, _any)(x, w, lam[p], b, false, cent,
						  bits, k_pad);
}

static NEAREST_TARGET void
MIRRORED(const float *x, const float *w, const float *lam, size_t n, unsigned b,
	 const float *cent, const float *bits, size_t k_pad, uint32_t *idx)
{
	for (size_t p = 0; p < n; p++, x += b, w += b) {
		uint32_t k = GLUE(NEAREST_NAME, _any)(x, w, lam[p], b, true,
						      cent, bits, k_pad);
		float cross = 0;

		for (unsigned d = 0; d < b; d++)
			cross += w[d] * x[d] * cent[d * k_pad + k];
		idx[p] = cross < 0 ? k + (uint32_t)k_pad : k;
	}
}

#undef GLUE2
#undef GLUE
#undef VF
#undef VI
#undef POINT
#undef MIRRORED
#undef NEAREST_NAME
#undef NEAREST_TARGET
#undef NEAREST_LANES
