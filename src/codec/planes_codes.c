/*
 * planes_codes.c - numbers as symbols under their class, and raw bits.
 *
 * A number's magnitude is cut into a symbol (the high bits) and raw bits. The
 * symbols of a class come from a window of at most 255, that begins at
 * codes_first(); what is outside is an escape, and listed apart.
 *
 * Reading is one pass in pieces of a block: symbols, escapes, raw bits.
 */
#include "codec/planes.h"

#include "entropy/bits.h"
#include "entropy/intcode.h"

#include <stdlib.h>

enum { MAX_FIRST = 1 << 28 };

static enum hvqz_ret get_plan(struct codes_plan *p, struct cursor *c,
			      uint32_t *n_escapes, size_t n,
			      struct hvqz_err *err)
{
	uint8_t raw, octave, n_symbols;
	uint32_t first;

	if (!cur_u8(c, &raw) || !cur_u8(c, &octave) ||
	    !varint_get(c, &first) || !cur_u8(c, &n_symbols) ||
	    !varint_get(c, n_escapes))
		return hvqz_fail(err, HVQZ_DAMAGED, "the codes' head is cut");
	p->raw = raw;
	p->octave = octave;
	p->first = unzigzag(first);
	p->n = n_symbols;
	if (raw > p->bits || raw + p->sign > 31 || octave > 8 ||
	    p->first > MAX_FIRST || p->first < -MAX_FIRST || !n_symbols ||
	    *n_escapes > n / 4)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the codes' head is out of range: %u raw bits "
				 "of %u, 2^%u symbols an octave, the first of "
				 "%u is %d, %u escapes of %zu numbers", raw,
				 p->bits, octave, n_symbols, (int)p->first,
				 *n_escapes, n);
	return table_get(p, *n_escapes, n, c, err);
}

static enum hvqz_ret get_escapes(struct codes_reader *r, struct cursor *c,
				 size_t n, struct hvqz_err *err)
{
	r->n_escapes = n;
	r->escape = malloc((n + 1) * sizeof(*r->escape));
	if (!r->escape)
		return hvqz_nomem(err, n * sizeof(*r->escape), "escapes");
	return intcode_get(c, r->escape, n, "escapes", err);
}

static enum hvqz_ret make_tables(struct codes_reader *r, const bool *classes,
				 struct hvqz_err *err)
{
	const struct codes_plan *p = &r->plan;

	r->slots = malloc(TABLE_PHASES * LANES_SLOTS * sizeof(*r->slots));
	if (!r->slots)
		return hvqz_nomem(err, TABLE_PHASES * LANES_SLOTS *
				  sizeof(*r->slots), "tables of symbols");
	for (unsigned i = 0; i < TABLE_PHASES; i++)
		if (p->used >> i & 1)
			lanes_fill_slots(p->freq[i], p->n + 1,
					 r->slots + i * LANES_SLOTS);
	for (unsigned k = 0; k <= CLASS_MAX; k++) {
		unsigned phase = codes_phase(k);

		if (classes ? !classes[k] : k)
			continue;
		if (!(p->used >> phase & 1))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "class %u has no table", k);
		r->table[k] = r->slots + phase * LANES_SLOTS;
	}
	return HVQZ_OK;
}

enum hvqz_ret codes_open(struct codes_reader *r, struct cursor *c,
			 unsigned bits, bool sign, size_t n,
			 const bool *classes, struct hvqz_err *err)
{
	uint32_t n_escapes = 0;
	uint64_t n_bits;

	*r = (struct codes_reader){.plan = {.bits = bits, .sign = sign}};
	TRY(get_plan(&r->plan, c, &n_escapes, n, err));
	TRY(make_tables(r, classes, err));
	TRY(get_escapes(r, c, n_escapes, err));
	if (!lanes_begin(&r->lanes, c, n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the symbols' rANS stream is cut");
	n_bits = (uint64_t)n * (r->plan.raw + sign);
	r->field = cur_take(c, (n_bits + 7) / 8);
	if (!r->field)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the numbers' raw bits are cut");
	r->field_end = c->p;
	if (n_bits % 8 && r->field_end[-1] >> n_bits % 8)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the numbers' raw bits are padded with ones");
	return HVQZ_OK;
}

/* The windows' symbols that are escapes, from their list. */
static bool set_escapes(struct codes_reader *r, const uint8_t *t, size_t n,
			uint32_t *x)
{
	const uint8_t *at = t;

	while ((at = memchr(at, (int)r->plan.n, n - (size_t)(at - t)))) {
		uint32_t e;

		if (r->at_escape == r->n_escapes)
			return false;
		e = r->escape[r->at_escape++];
		/* Above the window, or (odd) below it. */
		if (e & 1)
			x[at - t] -= r->plan.n + 1 + (e >> 1);
		else
			x[at - t] += e >> 1;
		at++;
	}
	return true;
}

/* The next n raw fields, each of width bits. */
static void get_fields(struct codes_reader *r, unsigned width, size_t n,
		       uint32_t *restrict v)
{
	uint32_t mask = (uint32_t)(((uint64_t)1 << width) - 1);
	uint64_t at = r->at_bit, left;
	size_t i = 0;

	left = (uint64_t)(r->field_end - r->field);
	/* Eight of up to 8 bits in one load, when they begin on a byte. */
	for (; width <= 8 && !(at & 7) && i + 8 <= n && (at >> 3) + 8 <= left;
	     i += 8, at += 8 * width) {
		uint64_t eight = get_le64(r->field + (at >> 3));

		for (unsigned k = 0; k < 8; k++)
			v[i + k] = (uint32_t)(eight >> k * width) & mask;
	}
	for (; i < n && (at >> 3) + 8 <= left; i++, at += width)
		v[i] = (uint32_t)(get_le64(r->field + (at >> 3)) >> (at & 7)) &
		       mask;
	for (; i < n; i++, at += width) {
		uint8_t last[8] = {0};

		memcpy(last, r->field + (at >> 3), (size_t)(left - (at >> 3)));
		v[i] = (uint32_t)(get_le64(last) >> (at & 7)) & mask;
	}
	r->at_bit = at;
}

/* Put the raw bits below and the sign above the symbols in x, of room. */
static void add_fields(const struct codes_plan *p, const uint32_t *restrict v,
		       size_t n, uint32_t *restrict x)
{
	unsigned raw = p->raw, up = p->bits - raw;
	uint32_t low = ((uint32_t)1 << raw) - 1;

	/* Without a sign there is nothing above the low bits. */
	if (!p->sign) {
		for (size_t i = 0; i < n; i++)
			x[i] = x[i] << raw | v[i];
		return;
	}
	/* The last step's rest is not read by anyone. */
	for (size_t i = 0; i < n; i += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			x[i + k] = x[i + k] << raw | (v[i + k] & low) |
				   (v[i + k] & ~low) << up;
}

/* Symbols from their places in the windows; in whole steps. */
static void place(const struct codes_plan *p,
		      const uint8_t *restrict class,
		      const uint8_t *restrict t, size_t n, uint32_t *restrict x)
{
	uint32_t first = (uint32_t)p->first;
	unsigned octave = p->octave;

	if (class)
		for (size_t i = 0; i < n; i += PLANES_STEP)
			for (unsigned k = 0; k < PLANES_STEP; k++)
				x[i + k] = first + t[i + k] +
					   ((uint32_t)(class[i + k] >> 3)
					    << octave);
	else
		for (size_t i = 0; i < n; i += PLANES_STEP)
			for (unsigned k = 0; k < PLANES_STEP; k++)
				x[i + k] = first + t[i + k];
}

/* All bits that are set in any of x. */
static uint32_t any_bits(const uint32_t *x, size_t n)
{
	uint32_t any[PLANES_STEP] = {0}, all = 0;
	size_t i = 0;

	for (; i + PLANES_STEP <= n; i += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			any[k] |= x[i + k];
	for (; i < n; i++)
		all |= x[i];
	for (unsigned k = 0; k < PLANES_STEP; k++)
		all |= any[k];
	return all;
}

enum hvqz_ret codes_take(struct codes_reader *r, const uint8_t *class,
			 size_t n, uint32_t *x, struct hvqz_err *err)
{
	const struct codes_plan *p = &r->plan;
	unsigned most = p->bits - p->raw < 31 ? p->bits - p->raw : 31;
	uint32_t mask = (uint32_t)-((uint64_t)1 << most);
	uint32_t fields[PLANES_BLOCK] = {0};
	uint8_t t[PLANES_BLOCK] = {0};

	if (!lanes_take(&r->lanes, r->table, class, t, n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the symbols' rANS stream lacks words");
	place(p, class, t, n, x);
	if (!set_escapes(r, t, n, x))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "more than the %zu escapes announced",
				 r->n_escapes);
	if (any_bits(x, n) & mask)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a symbol that needs more than %u bits",
				 most);
	if (p->raw + p->sign) {
		get_fields(r, p->raw + p->sign, n, fields);
		add_fields(p, fields, n, x);
	}
	return HVQZ_OK;
}

enum hvqz_ret codes_close(const struct codes_reader *r, struct hvqz_err *err)
{
	if (!lanes_end(&r->lanes))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the symbols' rANS stream does not end where "
				 "it began");
	if (r->at_escape != r->n_escapes)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu of %zu escapes are not used",
				 r->n_escapes - r->at_escape, r->n_escapes);
	return HVQZ_OK;
}

void codes_free(struct codes_reader *r)
{
	free(r->slots);
	free(r->escape);
	r->slots = NULL;
	r->escape = NULL;
}
