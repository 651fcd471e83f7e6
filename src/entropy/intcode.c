/* intcode.c - the number lists of intcode.h. */
#include "entropy/intcode.h"

#include "entropy/bits.h"
#include "entropy/lanes.h"
#include "entropy/rans.h"

#include <stdlib.h>

enum {
	TABLE_BITS = LANES_BITS,
	N_CLASSES = 4 * 30 + 4,
	CLASSES = 255,		/* the way byte that is not a Rice parameter */
	MAX_RICE = 30,
	ESCAPE = 20,		/* zeros that announce a whole number */
};

static unsigned class_of(uint32_t v)
{
	unsigned e;

	if (v < 4)
		return v;
	e = 31 - (unsigned)__builtin_clz(v);
	return 4 * (e - 1) + (v >> (e - 2) & 3);
}

/* Raw bits behind a class. */
static unsigned class_extra(unsigned cl)
{
	return cl < 4 ? 0 : cl / 4 - 1;
}

/* The smallest number of a class. */
static uint32_t class_base(unsigned cl)
{
	return cl < 4 ? cl : (4u | (cl & 3)) << (cl / 4 - 1);
}

static enum hvqz_ret put_classes(const uint32_t *v, size_t n, struct buf *out,
				 struct hvqz_err *err)
{
	uint32_t counts[N_CLASSES] = {0};
	struct bit_writer bits = {.out = out};
	struct rans_table table = {0};
	uint16_t *sym = malloc(n * sizeof(*sym));
	uint32_t top = 0;
	enum hvqz_ret ret;

	if (!sym)
		return hvqz_nomem(err, n * sizeof(*sym), "number classes");
	for (size_t i = 0; i < n; i++) {
		sym[i] = (uint16_t)class_of(v[i]);
		counts[sym[i]]++;
		if (sym[i] > top)
			top = sym[i];
	}
	TRY_OUT(rans_table_from_counts(&table, counts, top + 1, TABLE_BITS,
				       err));
	buf_u8(out, CLASSES);
	varint_put(out, top);
	for (uint32_t s = 0; s <= top; s++)
		bits_put_gamma(&bits, table.freq[s]);
	bits_flush(&bits);
	TRY_OUT(rans_encode(&table, sym, n, out, err));
	for (size_t i = 0; i < n; i++)
		bits_put(&bits, v[i] - class_base(sym[i]),
			 class_extra(sym[i]));
	bits_flush(&bits);
	ret = buf_ok(out, err);
out:
	rans_table_free(&table);
	free(sym);
	return ret;
}

/* Bits of all n numbers with Rice parameter r. */
static uint64_t rice_bits(const uint32_t *v, size_t n, unsigned r)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += v[i] >> r < ESCAPE ? (v[i] >> r) + 1 + r : ESCAPE + 32;
	return bits;
}

static void put_rice(const uint32_t *v, size_t n, unsigned r, struct buf *out)
{
	struct bit_writer bits = {.out = out};

	buf_u8(out, (uint8_t)r);
	for (size_t i = 0; i < n; i++) {
		uint32_t zeros = v[i] >> r;

		if (zeros >= ESCAPE) {
			bits_put(&bits, 0, ESCAPE);
			bits_put(&bits, v[i], 32);
			continue;
		}
		bits_put(&bits, (uint32_t)1 << zeros, zeros + 1);
		bits_put(&bits, v[i] & (((uint32_t)1 << r) - 1), r);
	}
	bits_flush(&bits);
}

enum hvqz_ret intcode_put(const uint32_t *v, size_t n, struct buf *out,
			  struct hvqz_err *err)
{
	size_t before = out->len;
	uint64_t best = UINT64_MAX;
	unsigned best_r = 0;

	if (!n)
		return HVQZ_OK;
	TRY(put_classes(v, n, out, err));
	for (unsigned r = 0; r <= MAX_RICE; r++) {
		uint64_t bits = rice_bits(v, n, r);

		if (bits < best) {
			best = bits;
			best_r = r;
		}
	}
	if ((best + 7) / 8 + 1 < out->len - before) {
		out->len = before;
		put_rice(v, n, best_r, out);
	}
	return buf_ok(out, err);
}

static enum hvqz_ret bad(const char *what, const char *why,
			 struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s: %s", what, why);
}

static enum hvqz_ret get_rice(struct cursor *c, unsigned r, uint32_t *v,
			      size_t n, const char *what, struct hvqz_err *err)
{
	struct bit_reader bits = {.p = c->p, .end = c->end};

	for (size_t i = 0; i < n && !bits.over; i++) {
		uint32_t zeros = 0;

		while (zeros < ESCAPE && !bits_get(&bits, 1) && !bits.over)
			zeros++;
		if (zeros == ESCAPE)
			v[i] = bits_get(&bits, 32);
		else
			v[i] = zeros << r | bits_get(&bits, r);
		/* One number has one code. */
		if (zeros == ESCAPE && v[i] >> r < ESCAPE)
			return bad(what, "a number with a needless escape",
				   err);
		if (zeros < ESCAPE && zeros > UINT32_MAX >> r)
			return bad(what, "a number over 32 bits", err);
	}
	if (!bits_end(&bits))
		return bad(what, "a list that is cut or padded with ones",
			   err);
	c->p = bits.p;
	return HVQZ_OK;
}

/* What follows a class: its smallest number, and so many raw bits. */
struct class_raw {
	uint32_t base;
	uint8_t extra;
};

/*
 * Numbers of the classes sym[n] and n_bits raw bits in the `len` bytes at raw,
 * len being just enough. Where eight bytes are left, a number's bits are in one
 * load of them, wherever they start.
 */
static bool join_classes(const uint8_t *sym, size_t n, const uint8_t *raw,
			 size_t len, uint64_t n_bits, uint32_t top,
			 uint32_t *v)
{
	struct class_raw of[N_CLASSES];
	uint64_t at = 0;
	size_t i = 0;

	for (unsigned cl = 0; cl <= top; cl++)
		of[cl] = (struct class_raw){class_base(cl),
					    (uint8_t)class_extra(cl)};
	for (; i < n && (at >> 3) + 8 <= len; i++) {
		const struct class_raw *r = &of[sym[i]];
		uint64_t w = get_le64(raw + (at >> 3)) >> (at & 7);

		v[i] = r->base + (uint32_t)(w & (((uint64_t)1 << r->extra) - 1));
		at += r->extra;
	}
	for (; i < n; i++) {
		const struct class_raw *r = &of[sym[i]];
		uint32_t rest = 0;

		for (unsigned k = 0; k < r->extra; k++, at++)
			rest |= (uint32_t)(raw[at >> 3] >> (at & 7) & 1) << k;
		v[i] = r->base + rest;
	}
	return !(n_bits & 7) || !(raw[len - 1] >> (n_bits & 7));
}

static enum hvqz_ret get_classes(struct cursor *c,
				 const struct decode_kernels *kern,
				 uint32_t *v, size_t n, const char *what,
				 struct hvqz_err *err)
{
	uint32_t slots[LANES_SLOTS];
	uint16_t freq[N_CLASSES];
	uint8_t *sym = NULL;
	struct lanes_dec lanes;
	struct bit_reader bits;
	const uint8_t *raw;
	uint64_t n_bits = 0, sum = 0;
	uint32_t top;
	enum hvqz_ret ret;

	if (!varint_get(c, &top) || top >= N_CLASSES)
		return bad(what, "no frequency table", err);
	bits = (struct bit_reader){.p = c->p, .end = c->end};
	for (uint32_t s = 0; s <= top; s++) {
		uint32_t f = bits_get_gamma(&bits);

		freq[s] = (uint16_t)(f <= 1 << TABLE_BITS ? f : 0xffff);
		sum += freq[s];
	}
	if (!bits_end(&bits) || !freq[top])
		return bad(what, "a frequency table that is cut, padded with "
			   "ones, or too long", err);
	c->p = bits.p;
	if (sum != 1 << TABLE_BITS)
		return bad(what, "frequencies that do not sum to 4096", err);
	lanes_fill_slots(freq, top + 1, slots);
	sym = malloc(n * sizeof(*sym));
	if (!sym)
		return hvqz_nomem(err, n * sizeof(*sym), what);
	if (!lanes_begin(&lanes, c, n) ||
	    !lanes_take(&lanes, kern, slots, NULL, sym, n) ||
	    !lanes_end(&lanes)) {
		ret = bad(what, "a broken rANS stream", err);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		n_bits += class_extra(sym[i]);
	raw = cur_take(c, (n_bits + 7) / 8);
	if (!raw) {
		ret = bad(what, "fewer raw bits than its numbers have", err);
		goto out;
	}
	ret = join_classes(sym, n, raw, (n_bits + 7) / 8, n_bits, top, v)
		      ? HVQZ_OK
		      : bad(what, "nonzero padding", err);
out:
	free(sym);
	return ret;
}

enum hvqz_ret intcode_get_by(struct cursor *c,
			     const struct decode_kernels *kern, uint32_t *v,
			     size_t n, const char *what, struct hvqz_err *err)
{
	uint8_t way;

	if (!n)
		return HVQZ_OK;
	if (!cur_u8(c, &way) || (way != CLASSES && way > MAX_RICE))
		return bad(what, "neither classes nor a Rice parameter", err);
	return way == CLASSES ? get_classes(c, kern, v, n, what, err)
			      : get_rice(c, way, v, n, what, err);
}

enum hvqz_ret intcode_get(struct cursor *c, uint32_t *v, size_t n,
			  const char *what, struct hvqz_err *err)
{
	return intcode_get_by(c, &decode_generic, v, n, what, err);
}
