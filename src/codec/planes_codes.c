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
	}
	return HVQZ_OK;
}

enum hvqz_ret codes_open(struct codes_reader *r, struct cursor *c,
			 const struct decode_kernels *kern, unsigned bits,
			 bool sign, size_t n, const bool *classes,
			 struct hvqz_err *err)
{
	uint32_t n_escapes = 0;
	uint64_t n_bits;

	*r = (struct codes_reader){
		.plan = {.bits = bits, .sign = sign},
		.kern = kern,
	};
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
	const struct decode_kernels *kern = r->kern;
	uint64_t at = r->at_bit, left;
	size_t i = 0;

	left = (uint64_t)(r->field_end - r->field);
	if (!(at & 7)) {
		i = kern->fields(r->field + (at >> 3),
				 (size_t)(left - (at >> 3)), width, n, v);
		at += (uint64_t)i * width;
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

/*
 * Put the raw bits below and the sign above the n symbols in x, of room.
 * Returns the bits that were set in any of them.
 */
static uint32_t add_fields(struct codes_reader *r, size_t n, uint32_t *x)
{
	const struct codes_plan *p = &r->plan;
	/* In whole steps, the last ones 0. */
	size_t whole = (n + PLANES_STEP - 1) / PLANES_STEP * PLANES_STEP;
	uint32_t v[PLANES_BLOCK], any = 0;

	if (!p->raw && !p->sign) {
		for (size_t i = 0; i < n; i++)
			any |= x[i];
		return any;
	}
	get_fields(r, p->raw + p->sign, n, v);
	memset(v + n, 0, (whole - n) * sizeof(*v));
	memset(x + n, 0, (whole - n) * sizeof(*x));
	return r->kern->join(x, v, whole, p->raw, p->bits);
}

/* Which of the four tables each class has. */
static void phases(const uint8_t *restrict class, uint8_t *restrict phase)
{
	for (size_t i = 0; i < PLANES_BLOCK; i++)
		phase[i] = (uint8_t)codes_phase(class[i]);
}

enum hvqz_ret codes_take(struct codes_reader *r, const uint8_t *class,
			 size_t n, uint32_t *x, struct hvqz_err *err)
{
	const struct codes_plan *p = &r->plan;
	unsigned most = p->bits - p->raw < 31 ? p->bits - p->raw : 31;
	uint32_t mask = (uint32_t)-((uint64_t)1 << most);
	uint8_t t[PLANES_BLOCK + PLANES_STEP], room[PLANES_BLOCK];
	const uint8_t *phase = NULL;

	/* The last step's rest is not read by anyone, but worked on. */
	memset(t + n, 0, PLANES_STEP);
	if (class) {
		phases(class, room);
		phase = room;
	}
	if (!lanes_take(&r->lanes, r->kern, r->slots, phase, t, n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the symbols' rANS stream lacks words");
	r->kern->place(t, class, n, (uint32_t)p->first, p->octave, x);
	if (!set_escapes(r, t, n, x))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "more than the %zu escapes announced",
				 r->n_escapes);
	if (add_fields(r, n, x) & mask)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a symbol that needs more than %u bits",
				 most);
	return HVQZ_OK;
}

bool codes_fit_16(const struct codes_reader *r)
{
	const struct codes_plan *p = &r->plan;
	unsigned width = p->raw + p->sign;

	/* No sum of symbols may leave 15 bits and a sign. */
	return p->bits <= 15 && width && width <= DECODE_MAX_FIELD_16 &&
	       p->first >= -(1 << 13) && p->first <= 1 << 14 &&
	       r->lanes.n_lanes == RANS_MAX_LANES;
}

/* The escapes among n numbers at to, which have only their fields' bits. */
static bool set_escapes_16(struct codes_reader *r, const uint8_t *t,
			   const uint8_t *class, size_t n, uint8_t *to,
			   int64_t *any)
{
	const struct codes_plan *p = &r->plan;
	const uint8_t *at = t;

	while ((at = memchr(at, (int)p->n, n - (size_t)(at - t)))) {
		size_t i = (size_t)(at++ - t);
		int64_t x = codes_first(p, class ? class[i] : 0);
		uint32_t e;

		if (r->at_escape == r->n_escapes)
			return false;
		e = r->escape[r->at_escape++];
		/* Above the window, or (odd) below it. */
		x += e & 1 ? -1 - (int64_t)(e >> 1) : p->n + (int64_t)(e >> 1);
		*any |= x;
		put_le16(to + 2 * i,
			 (uint16_t)(get_le16(to + 2 * i) |
				    (uint32_t)x << p->raw));
	}
	return true;
}

enum hvqz_ret codes_take_16(struct codes_reader *r, const uint8_t *class,
			    size_t n, uint8_t *raw, struct hvqz_err *err)
{
	const struct codes_plan *p = &r->plan;
	struct decode_split s = {
		.first = (uint16_t)p->first, .octave = p->octave,
		.raw = p->raw, .bits = p->bits, .sign = p->sign,
		.n = (uint8_t)p->n,
	};
	const uint8_t *field = r->field + (r->at_bit >> 3);
	uint8_t t[PLANES_BLOCK], rest[PLANES_BLOCK] = {0};
	uint32_t x[PLANES_BLOCK], any = 0;
	size_t done = 0;
	int64_t bits;

	if (!r->lanes.at && !(r->at_bit & 7))
		done = RANS_MAX_LANES *
		       r->kern->rounds16(r->lanes.state, &r->lanes.word,
					 r->lanes.end, r->slots, class, &s,
					 field, (size_t)(r->field_end - field),
					 t, n / RANS_MAX_LANES, raw, &any);
	r->at_bit += (uint64_t)done * (p->raw + p->sign);
	bits = any;
	if (!set_escapes_16(r, t, class, done, raw, &bits))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "more than the %zu escapes announced",
				 r->n_escapes);
	if (bits >> (p->bits - p->raw))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a symbol that needs more than %u bits",
				 p->bits - p->raw);
	if (done == n)
		return HVQZ_OK;
	if (class)
		memcpy(rest, class + done, n - done);
	TRY(codes_take(r, class ? rest : NULL, n - done, x, err));
	r->kern->store16(x, n - done, raw + 2 * done);
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
