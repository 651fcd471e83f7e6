/*
 * planes.h - the parts of codec 1, for its own files and their tests.
 *
 * From the slab to the payload, and from the bottom up:
 *
 *	front	units of the slab (its elements, mostly) as numbers of at most
 *		32 bits and back: FP32 that holds F16 values becomes F16,
 *		integers lose their least one   (planes_front.c)
 *	classes	what a number's row and column say about its scale
 *		(planes_classes.c, chosen in planes_scale.c)
 *	codes	numbers as symbols under their class, and raw bits
 *		(planes_codes.c, tables in planes_table.c, chosen in
 *		planes_choose.c, made in planes_cut.c)
 *	bytes	lists of bytes: raw, one value, zstd, or codes (planes_bytes.c;
 *		of what, in planes_split.c)
 *
 * The payload is formats/hvqz.md, codec 1. planes.c reads it, and
 * planes_encode.c decides what to write.
 */
#ifndef CODEC_PLANES_H
#define CODEC_PLANES_H

#include "base/buf.h"
#include "base/bytes.h"
#include "codec/codec.h"
#include "entropy/lanes.h"

enum planes_form {
	PLANES_BYTES = 0,
	PLANES_NUMBERS = 1,
	PLANES_PALETTE = 2,
	PLANES_PADDED = 0x80,	/* flag: zeros follow the form */
};

/* Flags of PLANES_NUMBERS. */
enum {
	NUMBERS_MASK = 1,	/* zeros are told apart first */
	NUMBERS_PLUS = 2,	/* no number has its sign bit set */
	NUMBERS_CLASSES = 4,
	NUMBERS_FLAGS = 7,
};

enum {
	/* Numbers are handled this many at a time. */
	PLANES_BLOCK = 1024,
	/*
	 * And in the inner loops this many: a constant, so that the compiler
	 * makes vectors of them at any level of optimisation.
	 */
	PLANES_STEP = 16,
};

/* ---- front ---- */

/* A binary floating-point format: sign, exponent, mantissa. */
struct float_format {
	uint8_t exponent, mantissa;	/* bits; 0: not such a dtype */
};
struct float_format float_format(enum dtype d);

/*
 * u, of format from, in format to, value for value (infinities and NaNs keep
 * their mantissa's high bits). False when to has no such value.
 */
bool float_convert(uint64_t u, struct float_format from,
		   struct float_format to, uint64_t *v);

/* Can a slab of dtype d hold numbers of dtype held? */
bool front_may_hold(enum dtype d, enum dtype held);

/* Do all n units of dtype d, held may be? Then front_load narrows them. */
bool front_holds(enum dtype d, enum dtype held, const uint8_t *raw, size_t n);

struct front {
	enum dtype dtype;	/* of the slab */
	enum dtype held;	/* of the numbers: dtype, or a narrower one */
	unsigned unit;		/* bytes of a unit: 1, 2, 4, 8 */
	unsigned bits;		/* of a number, its sign included: 8, 16, 32 */
	unsigned tail;		/* bytes stored as they are: F64's low 4 */
	bool is_float;
	uint64_t base;		/* of integers: what number 0 is */
	unsigned drop;		/* low bits that are 0 in all, not counted */
};

/* The front of dtype d with numbers of held; drop and base 0. */
struct front front_of(enum dtype d, enum dtype held);

/* Units i … i + n − 1 (n ≤ PLANES_BLOCK) of raw as numbers. */
void front_load(const struct front *f, const uint8_t *raw, size_t i, size_t n,
		uint32_t *x);
/* And back; false: the dtype cannot have such a number. */
bool front_store(const struct front *f, const struct decode_kernels *kern,
		 const uint32_t *x, size_t i, size_t n, uint8_t *raw);

/* ---- classes ---- */

/*
 * Number i is in row i / width and column i mod width; its class is the sum
 * of the codes of both, an eighth of an octave of scale each step.
 */
enum { CLASS_MAX = 254 };

struct classes {
	size_t width, n_rows;
	uint8_t *row, *col;	/* [n_rows], [width]; owned */
};

void classes_free(struct classes *k);
/* The classes of numbers i … i + n − 1. */
void classes_get(const struct classes *k, size_t i, size_t n, uint8_t *class);
/* Which there are: present[CLASS_MAX + 1] is set whole. */
void classes_present(const struct classes *k, bool *present);
enum hvqz_ret classes_put(const struct classes *k, struct buf *out,
			  struct hvqz_err *err);
/* n: the numbers there are. HVQZ_DAMAGED as always. */
enum hvqz_ret classes_read(struct classes *k, struct cursor *c, size_t n,
			   struct hvqz_err *err);
/* Bytes of a list of codes as classes_put would write it, about. */
enum hvqz_ret classes_cost(const uint8_t *code, size_t n, size_t *len,
			   struct hvqz_err *err);

/* ---- tables ---- */

enum {
	TABLE_PHASES = 4,	/* of a class in its octave */
	TABLE_MAX_SYMBOLS = 255,	/* and the escape behind them */
	TABLE_MAX_DEPTH = 32,
	TABLE_MIN_OCTAVE = 2,	/* log2 of its symbols: 2^64 is the largest x */
};

/* How numbers become symbols; what the head of codes says. */
struct codes_plan {
	unsigned bits;		/* a magnitude is below 2^bits */
	bool sign;		/* one more bit above: stored raw */
	unsigned raw;		/* low bits stored raw */
	unsigned octave;	/* log2 of the symbols in an octave */
	int32_t first;		/* the first symbol of class 0 */
	unsigned n;		/* symbols in a table, without the escape */
	bool family;
	unsigned depth;		/* octaves from the first symbol to σ */
	uint8_t used;		/* bit p: phase p has a table */
	uint16_t freq[TABLE_PHASES][TABLE_MAX_SYMBOLS + 1];
};

/* Counts of symbols by phase, [n] being the escapes. */
struct table_counts {
	uint32_t n[TABLE_PHASES][TABLE_MAX_SYMBOLS + 1];
};

/*
 * Choose the tables of p->used for the counts, fill p->freq and append what
 * tells a reader about them. n_escapes of n numbers have no symbol.
 */
enum hvqz_ret table_put(struct codes_plan *p, const struct table_counts *c,
			size_t n_escapes, size_t n, struct buf *out,
			struct hvqz_err *err);
enum hvqz_ret table_get(struct codes_plan *p, size_t n_escapes, size_t n,
			struct cursor *c, struct hvqz_err *err);

/* The symbol of class `class`'s window that comes first. */
static inline int32_t codes_first(const struct codes_plan *p, unsigned class)
{
	return p->first + (int32_t)((class >> 3) << p->octave);
}

static inline unsigned codes_phase(unsigned class)
{
	return class >> 1 & (TABLE_PHASES - 1);
}

/* ---- codes ---- */

/* Numbers to encode. */
struct numbers {
	const struct encode_kernels *kern;
	const struct front *front;
	const uint8_t *raw;
	const uint32_t *x;	/* [n]: instead of front and raw, or NULL */
	const struct classes *classes;	/* or NULL */
	const uint8_t *class;	/* [n]: made of classes already, or NULL */
	size_t n;
};

/* Numbers i … i + n − 1, less their dropped bits, and their classes. */
void numbers_get(const struct numbers *v, size_t i, size_t n, uint32_t *x,
		 uint8_t *class);

/*
 * The same of numbers of 16 bits or fewer, as two bytes each: where they lie,
 * or in room[2 · PLANES_BLOCK].
 */
const uint8_t *numbers_16(const struct numbers *v, size_t i, size_t n,
			  uint8_t *room);
/* Their classes alone: in room[PLANES_BLOCK] or elsewhere; NULL: all 0. */
const uint8_t *numbers_classes(const struct numbers *v, size_t i, size_t n,
			       uint8_t *room);

/*
 * Append the codes of v. bits, sign and family of p are given; with family raw
 * and octave too. The rest is chosen. *fits = false, and nothing appended:
 * more than a quarter would be escapes.
 */
enum hvqz_ret codes_put(struct codes_plan *p, const struct numbers *v,
			bool *fits, struct buf *out, struct hvqz_err *err);

/* Numbers being cut: from the last block to the first. */
struct cutter {
	const struct codes_plan *plan;
	const struct numbers *numbers;
	uint32_t *escape;	/* [n_escapes], owned; filled from its end */
	size_t n_escapes;	/* those not met yet */
	uint8_t *field;		/* [n_bytes], owned: the raw bits */
	size_t n_bytes;
};

enum hvqz_ret cutter_make(struct cutter *c, const struct codes_plan *plan,
			  const struct numbers *v, size_t n_escapes,
			  struct hvqz_err *err);
/*
 * Keys of numbers i … i + n − 1, i a multiple of PLANES_BLOCK; the block
 * before those cut so far.
 */
void cutter_cut(struct cutter *c, size_t i, size_t n, uint16_t *key);
void cutter_free(struct cutter *c);

struct codes_reader {
	struct codes_plan plan;
	uint32_t *slots;	/* [TABLE_PHASES][LANES_SLOTS], owned */
	const struct decode_kernels *kern;
	uint32_t *escape;	/* [n_escapes], owned */
	size_t n_escapes, at_escape;
	struct lanes_dec lanes;
	const uint8_t *field, *field_end;
	uint64_t at_bit;
};

/* Read the head of n numbers' codes; classes: those there are, NULL: only 0. */
enum hvqz_ret codes_open(struct codes_reader *r, struct cursor *c,
			 const struct decode_kernels *kern, unsigned bits, bool sign, size_t n,
			 const bool *classes, struct hvqz_err *err);
/*
 * The next n ≤ PLANES_BLOCK numbers to x[PLANES_BLOCK], all of which may be
 * written. class[PLANES_BLOCK] may be NULL: all 0.
 */
enum hvqz_ret codes_take(struct codes_reader *r, const uint8_t *class,
			 size_t n, uint32_t *x, struct hvqz_err *err);
/* Numbers of 16 bits, with nothing unusual about them? */
bool codes_fit_16(const struct codes_reader *r);
/* Then the same as codes_take(), to two bytes each. */
enum hvqz_ret codes_take_16(struct codes_reader *r, const uint8_t *class,
			    size_t n, uint8_t *raw, struct hvqz_err *err);
/* After the last: was all used up? */
enum hvqz_ret codes_close(const struct codes_reader *r, struct hvqz_err *err);
void codes_free(struct codes_reader *r);

/* ---- bytes ---- */

/* Append the list of n ≥ 1 bytes the shortest way. */
enum hvqz_ret bytes_put(const struct encode_kernels *kern, const uint8_t *p,
			size_t n, int effort, struct buf *out,
			struct hvqz_err *err);
enum hvqz_ret bytes_get(struct cursor *c, const struct decode_kernels *kern,
			uint8_t *p, size_t n, const char *what,
			struct hvqz_err *err);

/* ---- encoder ---- */

/*
 * Classes for the n numbers of v (floats) in rows of `width`, or none: then
 * k->width is 0. zeros are not looked at.
 */
enum hvqz_ret scale_classes(const struct numbers *v, size_t width, int effort,
			    struct classes *k, struct hvqz_err *err);

/*
 * Append the n units of raw as indices of their values, if these are few
 * enough: *done. narrow: integers near each other, that need no such list.
 */
enum hvqz_ret palette_put(const struct encode_kernels *kern,
			  const uint8_t *raw, size_t n, unsigned unit,
			  bool narrow, int effort, struct buf *out, bool *done,
			  struct hvqz_err *err);

/* Append them as planes of bytes; turned: floats, by a bit. */
enum hvqz_ret planes_put(const struct encode_kernels *kern, const uint8_t *raw,
			 size_t n, unsigned unit, bool turned, int effort, struct buf *out,
			 struct hvqz_err *err);

/*
 * Are there repeats that zstd finds? *yes when its bytes for the two top planes
 * (of integers: the lowest) of a piece in the middle are fewer than those of
 * their histograms.
 */
enum hvqz_ret planes_repeat(const uint8_t *raw, size_t n, unsigned unit,
			    bool turned, int effort, bool *yes,
			    struct hvqz_err *err);

enum hvqz_ret planes_encode(const struct codec_env *env,
			    const struct slab *slab,
			    const struct codec_settings *set,
			    const struct sens *sens, const uint8_t *raw,
			    struct buf *out, struct codec_stats *stats,
			    bool *declined, struct hvqz_err *err);
uint64_t planes_encode_memory(const struct slab *slab,
			      const struct codec_settings *set);

#endif
