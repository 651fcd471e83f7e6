/*
 * planes_encode.c - codec 1's encoder: what the slab's bytes are.
 *
 * In this order: few values? A narrower dtype in disguise? Zeros to tell
 * apart? Then scales, and codes; and where repeats are likely, bytes for zstd.
 */
#include "codec/planes.h"

#include "entropy/bits.h"
#include "kernels/kernels.h"

#include <stdlib.h>

/* A span of integers for which a window of symbols does. */
enum { NARROW = 1 << 16 };

/* ---- what numbers they are ---- */

static enum dtype narrowest(const uint8_t *raw, size_t n, enum dtype d)
{
	static const enum dtype held[] = {DTYPE_BF16, DTYPE_F16, DTYPE_F32};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		if (held[i] != d && front_may_hold(d, held[i]) &&
		    front_holds(d, held[i], raw, n))
			return held[i];
	return d;
}

/* The least of n integers, as the dtype orders them; the greatest is so far. */
static uint64_t integer_base(const uint8_t *raw, size_t n, enum dtype d,
			     unsigned unit, uint64_t *base)
{
	bool sign = d == DTYPE_I8 || d == DTYPE_I16 || d == DTYPE_I32 ||
		    d == DTYPE_I64;
	/* Flipping the sign bit makes signed order unsigned. */
	uint64_t flip = sign ? (uint64_t)1 << (8 * unit - 1) : 0;
	uint64_t least = UINT64_MAX, most = 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = raw + i * unit;
		uint64_t u = unit == 1   ? *p
			     : unit == 2 ? get_le16(p)
			     : unit == 4 ? get_le32(p)
					 : get_le64(p);

		u ^= flip;
		least = u < least ? u : least;
		most = u > most ? u : most;
	}
	*base = least ^ flip;
	return most - least;
}

struct plan {
	struct front front;
	bool plus;		/* no sign bit set */
	size_t n, n_zeros;
};

/* What all numbers have in common: low zeros, no signs; how many are 0. */
static void survey(struct plan *p, const struct encode_kernels *kern,
		   const uint8_t *raw)
{
	uint32_t any = 0, x[PLANES_BLOCK];
	bool plain = p->front.bits == 16 && p->front.is_float &&
		     p->front.held == p->front.dtype;

	p->n_zeros = 0;
	if (plain)
		any = kern->survey16(raw, p->n, &p->n_zeros);
	for (size_t i = 0; !plain && i < p->n; i += PLANES_BLOCK) {
		size_t m = p->n - i < PLANES_BLOCK ? p->n - i : PLANES_BLOCK;
		uint32_t zeros = 0;

		front_load(&p->front, raw, i, m, x);
		for (size_t j = 0; j < m; j++) {
			any |= x[j];
			zeros += !x[j];
		}
		p->n_zeros += zeros;
	}
	p->plus = !p->front.is_float || !(any >> (p->front.bits - 1));
	while (any && !(any >> p->front.drop & 1))
		p->front.drop++;
	if (p->front.drop > p->front.bits - 2)
		p->front.drop = p->front.bits - 2;
	/* The exponent is coded, its zeros too. */
	if (p->front.is_float) {
		unsigned m = float_format(p->front.held).mantissa -
			     8 * p->front.tail;

		p->front.drop = p->front.drop < m ? p->front.drop : m;
	}
}

/* ---- writing ---- */

/* The numbers that are not 0, with their classes, and the mask of them. */
struct sparse_numbers {
	uint32_t *x;
	uint8_t *class, *mask;
	size_t n;
};

static void sparse_free(struct sparse_numbers *s)
{
	free(s->x);
	free(s->class);
	free(s->mask);
}

static enum hvqz_ret sparse_make(struct sparse_numbers *s,
				 const struct numbers *v, size_t n_zeros,
				 struct hvqz_err *err)
{
	size_t n = v->n - n_zeros;

	s->x = malloc((n + 1) * sizeof(*s->x));
	s->class = malloc(n + 1);
	s->mask = calloc((v->n + 3) / 4, 1);
	if (!s->x || !s->class || !s->mask)
		return hvqz_nomem(err, n * 5 + v->n / 4, "sparse numbers");
	for (size_t i = 0; i < v->n; i += PLANES_BLOCK) {
		size_t m = v->n - i < PLANES_BLOCK ? v->n - i : PLANES_BLOCK;
		uint8_t class[PLANES_BLOCK] = {0};
		uint32_t x[PLANES_BLOCK];

		numbers_get(v, i, m, x, class);
		for (size_t j = 0; j < m; j++) {
			if (!x[j])
				continue;
			s->x[s->n] = x[j];
			s->class[s->n++] = class[j];
			s->mask[(i + j) / 4] |= (uint8_t)(1u << (i + j) % 4);
		}
	}
	return HVQZ_OK;
}

/* Codes of v, with this many symbols an octave. */
static enum hvqz_ret put_codes(const struct plan *p, const struct numbers *v,
			       unsigned octave, bool *fits, struct buf *out,
			       struct hvqz_err *err)
{
	const struct front *f = &p->front;
	unsigned m = float_format(f->held).mantissa - 8 * f->tail - f->drop;
	struct codes_plan plan = {
		.bits = f->bits - f->drop - f->is_float,
		.sign = f->is_float && !p->plus,
		.family = f->is_float,
	};

	if (f->is_float) {
		plan.octave = octave < m ? octave : m;
		plan.raw = m - plan.octave;
		plan.family = plan.octave >= TABLE_MIN_OCTAVE;
	}
	return codes_put(&plan, v, fits, out, err);
}

/* The shortest of some; all of them when the effort is high. */
static enum hvqz_ret put_best_codes(const struct plan *p,
				    const struct numbers *v, int effort,
				    bool *fits, struct buf *out,
				    struct hvqz_err *err)
{
	struct buf trial = {0};
	size_t before = out->len;
	unsigned usual = effort > 1 && v->n >= 1 << 13 ? 3 : 2;
	enum hvqz_ret ret;

	TRY(put_codes(p, v, usual, fits, out, err));
	if (effort < 8 || !p->front.is_float)
		return HVQZ_OK;
	for (unsigned octave = 2; octave <= 4; octave++) {
		bool also;

		if (octave == usual)
			continue;
		buf_clear(&trial);
		TRY_OUT(put_codes(p, v, octave, &also, &trial, err));
		if (!also || (*fits && trial.len >= out->len - before))
			continue;
		out->len = before;
		buf_put(out, trial.p, trial.len);
		*fits = true;
	}
	ret = buf_ok(out, err);
out:
	buf_free(&trial);
	return ret;
}

static enum hvqz_ret put_tail(const struct numbers *v, int effort,
			      struct buf *out, struct hvqz_err *err)
{
	uint8_t *tail = malloc(4 * v->n);
	enum hvqz_ret ret;

	if (!tail)
		return hvqz_nomem(err, 4 * v->n, "low halves");
	for (size_t i = 0; i < v->n; i++)
		memcpy(tail + 4 * i, v->raw + i * v->front->unit, 4);
	ret = bytes_put(v->kern, tail, 4 * v->n, effort, out, err);
	free(tail);
	return ret;
}

static enum hvqz_ret put_numbers(const struct encode_kernels *kern,
				 const struct plan *p, const uint8_t *raw,
				 size_t width, int effort, struct buf *out,
				 bool *fits, struct hvqz_err *err)
{
	struct numbers v = {
		.kern = kern, .front = &p->front, .raw = raw, .n = p->n,
	};
	struct sparse_numbers sparse = {0};
	struct classes classes = {0};
	bool mask = p->n_zeros > p->n / 16;
	enum hvqz_ret ret;

	if (p->front.is_float)
		TRY_OUT(scale_classes(&v, width, effort, &classes, err));
	if (classes.width)
		v.classes = &classes;
	buf_u8(out, PLANES_NUMBERS);
	buf_u8(out, (uint8_t)p->front.held);
	buf_u8(out, (uint8_t)((mask ? NUMBERS_MASK : 0) |
			      (p->plus && p->front.is_float ? NUMBERS_PLUS
							    : 0) |
			      (classes.width ? NUMBERS_CLASSES : 0)));
	buf_u8(out, (uint8_t)p->front.drop);
	if (!p->front.is_float)
		buf_u64(out, p->front.base);
	if (p->front.tail)
		TRY_OUT(put_tail(&v, effort, out, err));
	if (mask) {
		TRY_OUT(sparse_make(&sparse, &v, p->n_zeros, err));
		TRY_OUT(bytes_put(kern, sparse.mask, (p->n + 3) / 4, effort, out,
				  err));
		v.x = sparse.x;
		v.class = classes.width ? sparse.class : NULL;
		v.n = sparse.n;
	}
	if (classes.width)
		TRY_OUT(classes_put(&classes, out, err));
	*fits = true;
	if (v.n)
		TRY_OUT(put_best_codes(p, &v, effort, fits, out, err));
	ret = buf_ok(out, err);
out:
	classes_free(&classes);
	sparse_free(&sparse);
	return ret;
}

/* The row a number has: its matrix's, or for a flat list a made-up one. */
static size_t row_width(const struct slab *slab, size_t n)
{
	if (slab->n_rows == 1 || slab->n_cols < 8 || n % slab->n_rows)
		return n < 1024 ? n : 512;
	return n / slab->n_rows;
}

static enum hvqz_ret put_slab(const struct encode_kernels *kern,
			      const struct slab *slab, int effort,
			      const uint8_t *raw, struct buf *out,
			      struct hvqz_err *err)
{
	unsigned unit = front_of(slab->dtype, slab->dtype).unit;
	struct plan p = {.n = slab->raw_len / unit};
	uint64_t span = UINT64_MAX;
	struct buf other = {0};
	size_t start = out->len;
	bool done, again = false, fits = false;
	enum hvqz_ret ret;

	p.front = front_of(slab->dtype, slab->dtype);
	if (!p.front.is_float)
		span = integer_base(raw, p.n, slab->dtype, unit,
				    &p.front.base);
	TRY(palette_put(kern, raw, p.n, unit, span < NARROW, effort, out, &done,
			err));
	if (done)
		return HVQZ_OK;
	if (p.front.is_float)
		p.front = front_of(slab->dtype,
				   narrowest(raw, p.n, slab->dtype));
	/* Integers of a byte are a list of bytes. */
	fits = p.front.is_float || (unit > 1 && span <= UINT32_MAX);
	if (fits) {
		survey(&p, kern, raw);
		TRY(put_numbers(kern, &p, raw, row_width(slab, p.n), effort, out,
				&fits, err));
	}
	if (fits && unit > 1)
		TRY(planes_repeat(raw, p.n, unit, p.front.is_float, effort, &again,
			    err));
	if (!fits || unit == 1 || again) {
		TRY_OUT(planes_put(kern, raw, p.n, unit, p.front.is_float, effort,
				  &other, err));
		if (!fits || other.len < out->len - start) {
			out->len = start;
			buf_put(out, other.p, other.len);
		}
	}
	ret = buf_ok(out, err);
out:
	buf_free(&other);
	return ret;
}

/*
 * A byte of payload for every 2^16 of the slab: a container wants to see that
 * decoding is not too much work for a short file.
 */
static void pad(struct buf *out, size_t start, uint32_t raw_len)
{
	size_t want = raw_len >> 16, len = out->len - start;
	struct buf whole = {0};

	if (out->failed || len >= want)
		return;
	buf_u8(&whole, out->p[start] | PLANES_PADDED);
	varint_put(&whole, (uint32_t)(want - len));
	for (size_t i = len; i < want; i++)
		buf_u8(&whole, 0);
	buf_put(&whole, out->p + start + 1, len - 1);
	out->len = start;
	buf_put(out, whole.p, whole.len);
	out->failed |= whole.failed;
	buf_free(&whole);
}

enum hvqz_ret planes_encode(const struct codec_env *env,
			    const struct slab *slab,
			    const struct codec_settings *set,
			    const struct sens *sens, const uint8_t *raw,
			    struct buf *out, struct codec_stats *stats,
			    bool *declined, struct hvqz_err *err)
{
	int effort = set->effort < 1 ? 1 : set->effort > 9 ? 9 : set->effort;
	size_t start = out->len;

	(void)sens;
	(void)stats;
	TRY(put_slab(env->kern->encode, slab, effort, raw, out, err));
	pad(out, start, slab->raw_len);
	*declined = out->len - start >= slab->raw_len;
	return buf_ok(out, err);
}

uint64_t planes_encode_memory(const struct slab *slab,
			      const struct codec_settings *set)
{
	unsigned unit = front_of(slab->dtype, slab->dtype).unit;
	uint64_t n = slab->raw_len / unit;
	/* zstd's context at its levels (planes_bytes.c), histograms. */
	uint64_t fixed = (uint64_t)(set->effort > 8   ? 88
				    : set->effort > 7 ? 56
						      : 8) << 20;

	/*
	 * A unit as a sparse number, with class and mask: 5¼ bytes. Its raw
	 * field 4 at most, its words 2, its escape and that one's code 4. Or
	 * else, of a byte plane: itself, codes twice their length as buffers
	 * grow, field, words and escapes; F64's low halves are four of these.
	 * Another payload, of planes or tried for, growing as well.
	 */
	return fixed + (unit == 8 ? 40 : unit == 4 ? 16 : 14) * n +
	       2 * (uint64_t)slab->raw_len;
}
