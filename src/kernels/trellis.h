/*
 * trellis.h - the inner loops of encoding on a trellis.
 *
 * As in kernels.h the generic table is normative and the others give the same
 * bits: every lane does the same single-precision operations in the same
 * order, and a sum over a channel is TRELLIS_SUM sums of every TRELLIS_SUM-th
 * term, added up in pairs, whatever a register holds.
 *
 * A channel is an array of places: row t of `lanes` places is [t·lanes,
 * (t + 1)·lanes), and place l of each row belongs to lane l. Places without a
 * unit have the class TRELLIS_NO_UNIT, target 0 and weight 0. A channel's
 * arrays are padded to a multiple of TRELLIS_SUM with such places.
 */
#ifndef KERNELS_TRELLIS_H
#define KERNELS_TRELLIS_H

#include "base/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TRELLIS_SUM = 16,
	TRELLIS_WIDE = 8,	/* a search takes a multiple of so many lanes */
	TRELLIS_PRICES = 64,	/* larger magnitudes cost what 63 does */
	TRELLIS_NO_UNIT = -128,
	TRELLIS_ZERO_BELOW = 12,	/* classes without a point */
	TRELLIS_LAST_CLASS = 79,
	TRELLIS_KEYS = 128,	/* keys of a class */
};

/* |x| beyond this is cut: magnitudes stay below 2^24. */
#define TRELLIS_MAX_X 4194304.0f

/* Channels of one search, [n_channels][stride] where two sizes are given. */
struct trellis_job {
	unsigned log_states;	/* 2 … 8 */
	/* The two ways into a state: from[2·state + way] is where from, and
	 * u mod 4 on the way above bit 8. */
	const int32_t *from;
	unsigned lanes;		/* a multiple of TRELLIS_WIDE */
	size_t rows, stride, n_channels;
	const float *target;	/* [n_channels][stride] */
	const float *inverse;	/* [stride]: 1 / a unit's step */
	const float *scale;	/* [n_channels]: 1 / a channel's step */
	const int8_t *unit_class, *channel_class;
	/* By class: λ·bits of a magnitude; per subset only the point nearest
	 * shrink·x is tried. */
	const float *price;	/* [80][TRELLIS_PRICES] */
	const float *shrink;	/* [80] */
	uint8_t *state;		/* [lanes], moved on */
	void *work;		/* trellis_work_size() bytes, 64-aligned */
	int32_t *u;		/* [n_channels][stride]; 0 where no point is */
};

/* A channel whose points are known. */
struct trellis_settle {
	size_t n;		/* places, a multiple of TRELLIS_SUM */
	const int32_t *u;
	const float *target, *weight, *unit_step;
	const int8_t *unit_class;
	int channel_class;
	float step;		/* the channel's */
	float norm;
	const int32_t *geometry;	/* [80]: escape + (shift << 16) */
	/* Out: target − restored goes to error where that is not NULL, times
	 * damp; key: see settle(). */
	float *error, damp;
	uint16_t *key;
	uint8_t *more;		/* [n / TRELLIS_SUM] */
};

struct trellis_kernels {
	/*
	 * Viterbi's algorithm, all lanes at once, through the channels from
	 * the last to the first: the points that minimise
	 * Σ (x − v)² + price, x = target·(scale·inverse) and v = u + ½.
	 * Returns not 0 when an |x| was beyond TRELLIS_MAX_X.
	 */
	int (*search)(const struct trellis_job *s);

	/* The same of the points nearest to shrink·x, rows in either coset in
	 * turn. */
	int (*nearest)(const struct trellis_job *s);

	/*
	 * Restore (u + ½)·(step·unit_step), 0 where no point is. Returns
	 * Σ weight·(norm·(target − restored))². error −= restored, then times damp.
	 * key is (class − 11)·TRELLIS_KEYS + min(magnitude >> shift, escape), 0
	 * where no point is; more[b] is not 0 when one of the places
	 * [b·16, b·16 + 16) is coded with raw bits.
	 */
	double (*settle)(const struct trellis_settle *s);

	/* The bits of the largest |a|; n: a multiple of TRELLIS_SUM. */
	uint32_t (*largest)(const float *a, size_t n);
	/*
	 * Σ (norm·a)²·b and Σ |norm·a|·b; n: a multiple of TRELLIS_SUM. norm,
	 * a power of two, keeps squares of what is large or small in range.
	 */
	double (*energy)(const float *a, const float *b, float norm, size_t n);
	double (*magnitude)(const float *a, const float *b, float norm,
			    size_t n);
	/* acc += (norm·a)²·b·r */
	void (*accumulate)(const float *a, const float *b, float norm, float r,
			   size_t n, float *acc);
	/*
	 * y += m[0]·x[0 …] + m[m_skip]·x[skip …] + …, `terms` of them, one
	 * after another; y and each x have n numbers, any n.
	 */
	void (*combine)(float *y, size_t n, const float *x, size_t skip,
			const float *m, size_t m_skip, size_t terms);
	/*
	 * The places from `at` on, n of them at the most, a multiple of
	 * TRELLIS_SUM: the first b for which one of the 16 from b has
	 * |a|·(scale·inverse) > least, or n.
	 */
	size_t (*above)(const float *a, const float *inverse, float scale,
			float least, size_t at, size_t n);

	/*
	 * 32 rows of 32 halves, row i at rows[i], turned and widened exactly:
	 * to[j·stride + i] is column j of row i. Returns not 0 when one is not
	 * finite. dtype is F16 or BF16.
	 */
	int (*turn)(enum dtype dtype, const uint8_t *const *rows, float *to,
		    size_t stride);

	/* Points to bytes, −128 where no unit or no point is, for the class of
	 * the channel; returns not 0 when one is beyond ±126. n: as above. */
	int (*pack)(const int32_t *u, const int8_t *unit_class,
		    int channel_class, size_t n, uint8_t *to);

	/* sum[0] = Σ (a − b)² and sum[1] = Σ a² of n elements, a few thousand. */
	void (*error)(enum dtype dtype, const uint8_t *a, const uint8_t *b,
		      size_t n, float *sum);
};

/* Bytes of work for a search of so many rows in all. */
size_t trellis_work_size(unsigned log_states, size_t n_rows);

extern const struct trellis_kernels trellis_generic;
/* Only on x86-64. */
extern const struct trellis_kernels trellis_avx2, trellis_avx512;

#endif
