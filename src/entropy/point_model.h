/*
 * point_model.h - frequency tables for the points of a trellis quantizer.
 *
 * A magnitude n (0, 1, 2 …: a point n + ½ lattice spacings from zero) is coded
 * with the table of its class. A class is a standard deviation: class q stands
 * for 2^((q − 16)/4) lattice spacings.
 *
 * Large magnitudes are split: n = n'·2^shift + low bits, the low ones stored
 * raw (flat enough by then). n' up to fold has a symbol of its own, the rest is
 * an escape followed by an Elias gamma code.
 *
 * The frequencies come from a family of distributions both sides can compute:
 * a Gaussian of the class's σ times 2^(offset/16), its σ spread by one of eight
 * amounts (a Gaussian scale mixture: 0 is a Gaussian, 7 has heavier tails than
 * a Laplacian). Where the chunk is large enough to pay for it, corrections to
 * them follow. So a small chunk spends a byte on a class, and a large one has
 * its own counts. Basic arithmetic only: the same on every machine.
 */
#ifndef ENTROPY_POINT_MODEL_H
#define ENTROPY_POINT_MODEL_H

#include "base/buf.h"
#include "base/bytes.h"
#include "entropy/bits.h"

enum {
	MODEL_CLASSES = 80,
	MODEL_CLASS_UNIT = 16,		/* the class of σ = 1 */
	MODEL_STEPS = 4,		/* classes per octave */
	MODEL_BITS = 12,
	MODEL_MAX_FOLD = 125,
	MODEL_MAX_SYMBOLS = MODEL_MAX_FOLD + 2,	/* with the escape */
	/* n stays below this. */
	MODEL_MAX_N = 1 << 24,
};

struct point_table {
	uint8_t shift;
	uint8_t escape;		/* the last symbol: fold + 1 */
	uint16_t freq[MODEL_MAX_SYMBOLS];	/* sum 2^12, all ≥ 1 */
	uint16_t cum[MODEL_MAX_SYMBOLS];
	uint8_t slot[1 << MODEL_BITS];		/* the symbol of a slot */
};

struct point_model {
	struct point_table *t[MODEL_CLASSES];	/* NULL: unused; owned */
};

void point_model_free(struct point_model *m);

/* How often each symbol was met: the encoder's counts. */
struct point_counts {
	uint32_t n[MODEL_CLASSES][MODEL_MAX_SYMBOLS];
};

/* The geometry of class q's table. */
unsigned model_shift(unsigned q);
unsigned model_fold(unsigned q);

/*
 * Choose tables for the counts and append them to out. What a reader makes of
 * those bytes is *m.
 */
enum hvqz_ret point_model_put(struct point_model *m,
			      const struct point_counts *c, struct buf *out,
			      struct hvqz_err *err);

/* Read what point_model_put wrote. HVQZ_DAMAGED when it is not such. */
enum hvqz_ret point_model_get(struct point_model *m, struct cursor *c,
			      struct hvqz_err *err);

/*
 * The shape whose mean magnitude is nearest to ratio times its root mean
 * square: 0.798 is a Gaussian's ratio, 0.707 a Laplacian's.
 */
unsigned model_shape(float ratio);

/*
 * What n = 0 … max - 1 cost in class q, in bits, before any counts are known;
 * shape: of the family. The encoder's first guess.
 */
void model_guess(unsigned q, unsigned shape, float *bits, size_t max);

/* The same by the table t. */
void model_price(const struct point_table *t, float *bits, size_t max);

/* The symbol of n; raw bits (escape, low part) are appended to w. */
static inline unsigned model_symbol(const struct point_table *t, uint32_t n,
				    struct bit_writer *w)
{
	uint32_t s = n >> t->shift;

	if (s >= t->escape) {
		bits_put_gamma(w, s - t->escape);
		s = t->escape;
	}
	if (t->shift)
		bits_put(w, n & ((1u << t->shift) - 1), t->shift);
	return s;
}

/* The n of symbol s; false when out of range (a damaged stream). */
static inline bool model_magnitude(const struct point_table *t, unsigned s,
				   struct bit_reader *r, uint32_t *n)
{
	uint32_t hi = s;

	if (s == t->escape) {
		uint32_t more = bits_get_gamma(r);

		if (more >= MODEL_MAX_N)
			return false;
		hi += more;
	}
	if (hi >= (uint32_t)MODEL_MAX_N >> t->shift)
		return false;
	*n = hi << t->shift | (t->shift ? bits_get(r, t->shift) : 0);
	return true;
}

#endif
