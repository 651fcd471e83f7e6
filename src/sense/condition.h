/*
 * condition.h - a change of coordinates before quantizing, after HeRo-Q
 * ("Hessian Conditioning", arXiv 2601.21626; its full text was not available
 * to us, so the definition below is our own).
 *
 * A weight W [out, in] is quantized as V = W·T, T = S·R, and restored as
 * Ŵ = V̂·Rᵀ·S⁻¹. An error E_V in V is the error E = E_V·Rᵀ·S⁻¹ in W, so what it
 * costs is
 *
 *	tr(E H Eᵀ) = tr(E_V H' E_Vᵀ),	H' = Rᵀ·S⁻¹·H·S⁻¹·R.
 *
 * S = diag(s_j), s_j = ((h_j + ε) / GM(h + ε))^(α/2), is compression: it takes
 * h_j, the curvature of channel j, to h_j/s_j², a spectrum of h^(1−α), while
 * det S = 1. The weights of sharp channels grow, so that the same quantizer
 * errs less there. α = 0 changes nothing; α = 1 makes all channels alike.
 *
 * R is orthogonal and leaves the eigenvalues of H' alone: they are S's business.
 * What it does is to choose axes. Along no axis of V is a curvature as large as
 * along the eigenvector it belongs to, and no weight of a row stands out, which
 * is what a quantizer with one scale for many weights pays for. R is the same
 * for all rows and made of blocks of 2^log_block channels: seeded signs and a
 * Hadamard matrix (or neither), then `levels` of Givens rotations, each of n/2
 * in parallel, with angles learned from the weights (condition_learn.h).
 *
 * Everything the decoder does is basic single precision in a fixed order.
 */
#ifndef SENSE_CONDITION_H
#define SENSE_CONDITION_H

#include "base/buf.h"
#include "base/bytes.h"

enum {
	CONDITION_BLOCK = 7,		/* log₂ of the usual block */
	CONDITION_MAX_BLOCK = 10,	/* log₂ of the largest */
	CONDITION_MAX_LEVELS = 32,
	/*
	 * An angle is a code from -128 to 128: the rotation by 2·atan(t),
	 * t = code / 128, that is by up to a quarter turn either way.
	 */
	CONDITION_MAX_ANGLE = 128,
	CONDITION_MAX_SCALE = 127,	/* of 1/s: quarters of an octave */
	CONDITION_ALPHA_STEPS = 100,
};

struct conditioner {
	size_t n;		/* input channels, > 0 */
	unsigned alpha;		/* in hundredths; it informs */
	unsigned log_block;	/* 0: R = I */
	unsigned levels;	/* of rotations */
	bool seeded;		/* signs and Hadamard matrix */
	uint32_t seed;
	int32_t *code;		/* [n]: of 1/s_j; owned */
	int32_t *angle;		/* [levels][n/2] codes; owned, or NULL */
	float *back;		/* [n]: 1/s_j, seeded sign and norm; owned */
};

/* Channels of the largest block that n allows, as log₂, ≤ CONDITION_BLOCK. */
unsigned condition_log_block(size_t n);

/* S = R = I for n channels. The caller frees *c, also after an error. */
enum hvqz_ret condition_init(struct conditioner *c, size_t n,
			     struct hvqz_err *err);
void condition_free(struct conditioner *c);

/* *c gets the same as from; both are freed. */
enum hvqz_ret condition_copy(struct conditioner *c,
			     const struct conditioner *from,
			     struct hvqz_err *err);

/*
 * S from h [n] ≥ 0 and α in hundredths, to c->code: what is stored, so that the
 * encoder divides by what the decoder multiplies with.
 */
void condition_scales(struct conditioner *c, const float *h, unsigned alpha);

/* Give R blocks of 2^log_block channels and, if seeded, the Hadamard matrix. */
void condition_rotate(struct conditioner *c, unsigned log_block, bool seeded,
		      uint32_t seed);

/* Room for levels more of rotations, none of them turning anything yet. */
enum hvqz_ret condition_add_levels(struct conditioner *c, unsigned levels,
				   struct hvqz_err *err);

/* Call after any change to codes or R: what condition_*() below go by. */
void condition_ready(struct conditioner *c);

/*
 * x [n][w] holds w rows of W channel by channel, channel j from x + j·stride
 * on. Forward: W to V = W·S·R. Back: V̂ to Ŵ = V̂·Rᵀ·S⁻¹.
 */
void condition_forward(const struct conditioner *c, float *x, size_t w,
		       size_t stride);
void condition_back(const struct conditioner *c, float *x, size_t w,
		    size_t stride);

/*
 * What the layer's inputs become: columns x to Rᵀ·S⁻¹·x, so that V·x' = W·x. Of
 * w columns, x [n][w] as above. H' is the Hessian of these.
 */
void condition_inputs(const struct conditioner *c, float *x, size_t w,
		      size_t stride);

/* The cosine and sine of a code: rational in t, so basic operations do. */
struct turn {
	float c, s;
};

static inline struct turn condition_turn(int32_t code)
{
	float t = (float)code / CONDITION_MAX_ANGLE, d = 1.0f + t * t;

	return (struct turn){(1.0f - t * t) / d, (t + t) / d};
}

/*
 * The channels of rotation k of a level: *a and *a + the level's distance,
 * which is returned.
 */
static inline size_t condition_pair(const struct conditioner *c,
				    unsigned level, size_t k, size_t *a)
{
	unsigned t = level % c->log_block;

	*a = k >> t << (t + 1) | (k & (((size_t)1 << t) - 1));
	return (size_t)1 << t;
}

/* ---- condition_io.c: hvqz.md, codec 5 ---- */

enum hvqz_ret condition_put(const struct conditioner *c, struct buf *out,
			    struct hvqz_err *err);

/*
 * Read one of n channels for n_weights weights; ready. The caller frees *c,
 * also after an error.
 */
enum hvqz_ret condition_get(struct conditioner *c, size_t n,
			    uint64_t n_weights, struct cursor *from,
			    struct hvqz_err *err);

/* The most bytes that a conditioner of n channels keeps. */
uint64_t condition_memory(size_t n, uint64_t n_weights);

#endif
