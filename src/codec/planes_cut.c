/*
 * planes_cut.c - numbers block by block, cut into symbols, escapes, raw bits.
 *
 * Those of 16 bits, which most weights are, are cut by kernels where they lie.
 * rANS wants its symbols last to first, so blocks are cut in that order: what
 * is made of one is still in the cache when it is coded.
 */
#include "codec/planes.h"

#include <stdlib.h>

const uint8_t *numbers_classes(const struct numbers *v, size_t i, size_t n,
			       uint8_t *room)
{
	if (v->class)
		return v->class + i;
	if (!v->classes)
		return NULL;
	classes_get(v->classes, i, n, room);
	return room;
}

void numbers_get(const struct numbers *v, size_t i, size_t n, uint32_t *x,
		 uint8_t *class)
{
	unsigned drop;

	if (v->class && class)
		memcpy(class, v->class + i, n);
	else if (v->classes && class)
		classes_get(v->classes, i, n, class);
	if (v->x) {
		memcpy(x, v->x + i, n * sizeof(*x));
		return;
	}
	front_load(v->front, v->raw, i, n, x);
	drop = v->front->drop;
	for (size_t j = 0; drop && j < n; j++)
		x[j] >>= drop;
}


const uint8_t *numbers_16(const struct numbers *v, size_t i, size_t n,
			  uint8_t *room)
{
	const struct front *f = v->front;
	uint32_t x[PLANES_BLOCK];

	if (!v->x && f->is_float && f->unit == 2 && f->held == f->dtype &&
	    !f->drop)
		return v->raw + 2 * i;
	numbers_get(v, i, n, x, NULL);
	for (size_t j = 0; j < n; j++)
		put_le16(room + 2 * j, (uint16_t)x[j]);
	return room;
}

/* ---- cutting ---- */

enum hvqz_ret cutter_make(struct cutter *c, const struct codes_plan *plan,
			  const struct numbers *v, size_t n_escapes,
			  struct hvqz_err *err)
{
	*c = (struct cutter){
		.plan = plan,
		.numbers = v,
		.n_escapes = n_escapes,
		.n_bytes = (size_t)(((uint64_t)v->n * (plan->raw + plan->sign) +
				     7) / 8),
	};
	c->escape = malloc((n_escapes + 1) * sizeof(*c->escape));
	c->field = malloc(c->n_bytes + 1);
	if (!c->escape || !c->field)
		return hvqz_nomem(err, n_escapes * 4 + c->n_bytes, "symbols");
	return HVQZ_OK;
}

void cutter_free(struct cutter *c)
{
	free(c->escape);
	free(c->field);
}

/* How far symbol s is outside its class's window. */
static void escape(struct cutter *c, unsigned class, uint32_t s)
{
	int64_t first = codes_first(c->plan, class), top = c->plan->n;

	c->escape[--c->n_escapes] =
		(uint32_t)(s < first ? 2 * (first - 1 - s) + 1
				     : 2 * (s - first - top));
}

static void cut_16(struct cutter *c, size_t i, size_t n, uint8_t *field,
		   uint16_t *key)
{
	const struct codes_plan *p = c->plan;
	struct encode_split cut = {
		.shift = p->raw, .bits = p->bits, .octave = p->octave,
		.first = (uint16_t)p->first, .n = (uint8_t)p->n,
		.sign = p->sign,
	};
	uint8_t room[2 * PLANES_BLOCK], class_room[PLANES_BLOCK];
	uint8_t fields[PLANES_BLOCK / 8 * ENCODE_MAX_FIELD +
		       ENCODE_SLACK] = {0};
	const struct numbers *v = c->numbers;
	const uint8_t *raw = numbers_16(v, i, n, room);
	const uint8_t *class = numbers_classes(v, i, n, class_room);
	uint16_t at[PLANES_BLOCK];
	uint32_t mask = ((uint32_t)1 << p->bits) - 1;

	for (size_t k = v->kern->split16(raw, class, n, &cut, key,
					 field ? fields : NULL, at);
	     k-- > 0;)
		escape(c, class ? class[at[k]] : 0,
		       (get_le16(raw + 2 * at[k]) & mask) >> p->raw);
	/* What is behind the block is made already, and stays. */
	if (field)
		memcpy(field, fields, (n * (p->raw + p->sign) + 7) / 8);
}

/*
 * A block's symbols in their windows, and the raw bits. Whole steps: what is
 * behind n is room.
 */
static void split(const struct codes_plan *p, const uint32_t *restrict x,
		  const uint8_t *restrict class, size_t n,
		  uint32_t *restrict t, uint32_t *restrict raw)
{
	unsigned shift = p->raw, octave = p->octave, up = p->bits - p->raw;
	uint32_t mask = (uint32_t)(((uint64_t)1 << p->bits) - 1);
	uint32_t low = ((uint32_t)1 << shift) - 1, high = p->sign ? ~low : 0;
	uint32_t first = (uint32_t)p->first;

	for (size_t j = 0; j < n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			t[j + k] = ((x[j + k] & mask) >> shift) - first -
				   ((uint32_t)(class[j + k] >> 3) << octave);
	/* The sign comes to stand on the low bits; up is below 32 if any. */
	up &= 31;
	for (size_t j = 0; j < n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			raw[j + k] = (x[j + k] & low) |
				     (x[j + k] >> up & high);
}

static void put_fields(const uint32_t *raw, size_t n, unsigned width,
		       uint8_t *to)
{
	unsigned held = 0;
	uint64_t acc = 0;

	for (size_t j = 0; j < n; j++) {
		acc |= (uint64_t)raw[j] << held;
		held += width;
		if (held < 32)
			continue;
		put_le32(to, (uint32_t)acc);
		to += 4;
		acc >>= 32;
		held -= 32;
	}
	for (; held; held = held < 8 ? 0 : held - 8, acc >>= 8)
		*to++ = (uint8_t)acc;
}

static void cut_32(struct cutter *c, size_t i, size_t n, uint8_t *field,
		   uint16_t *key)
{
	const struct codes_plan *p = c->plan;
	const struct numbers *v = c->numbers;
	uint8_t class[PLANES_BLOCK] = {0};
	uint32_t x[PLANES_BLOCK] = {0}, t[PLANES_BLOCK], raw[PLANES_BLOCK];
	uint32_t over = 0, top = p->n;

	numbers_get(v, i, n, x, class);
	split(p, x, class, n, t, raw);
	for (size_t j = 0; j < n; j++)
		over |= t[j] >= top;
	for (size_t j = n; over && j-- > 0;) {
		if (t[j] < top)
			continue;
		escape(c, class[j],
		       t[j] + (uint32_t)codes_first(p, class[j]));
		t[j] = top;
	}
	for (size_t j = 0; j < n; j++)
		key[j] = (uint16_t)((class[j] << 7 & 0x300) | t[j]);
	if (field)
		put_fields(raw, n, p->raw + p->sign, field);
}

void cutter_cut(struct cutter *c, size_t i, size_t n, uint16_t *key)
{
	unsigned width = c->plan->raw + c->plan->sign;
	/* Blocks before this one are whole, and so are their bytes. */
	uint8_t *field = width ? c->field + i / 8 * width : NULL;

	if (c->numbers->front->bits <= 16 && width <= ENCODE_MAX_FIELD &&
	    c->plan->n < 256)
		cut_16(c, i, n, field, key);
	else
		cut_32(c, i, n, field, key);
}
