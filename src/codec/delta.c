/*
 * delta.c - codec 6: a slab as its difference from the same rows of a base
 * model (env->base), without loss. formats/hvqz.md, codec 6.
 *
 * Bit patterns are put into the order of the numbers they stand for; the
 * difference of two places in it is small where two numbers are close. How
 * small depends on the base's exponent: a change of a given size is many steps
 * of a small number and few of a large one. So units are sorted by that
 * exponent into groups, and every group is a number list of its own.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "codec/codec.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
	MAX_EXPONENTS = 256,
	MAX_SYMBOLS = 128,	/* of intcode's classes */
};

/* How a dtype's units are seen. */
struct view {
	unsigned bytes;		/* of a unit: 1, 2, 4; 0: not for this codec */
	unsigned mantissa;	/* bits below the exponent; 0: no float */
	unsigned exponents;	/* values of its exponent field; 1: no float */
};

static struct view view_of(enum dtype d)
{
	switch (d) {
	case DTYPE_F16:
		return (struct view){2, 10, 32};
	case DTYPE_BF16:
		return (struct view){2, 7, 256};
	case DTYPE_F32:
		return (struct view){4, 23, 256};
	default:
		break;
	}
	switch (dtype_bits(d)) {
	case 8:
		return (struct view){1, 0, 1};
	case 16:
		return (struct view){2, 0, 1};
	case 32:
		return (struct view){4, 0, 1};
	default:
		return (struct view){0};
	}
}

static uint32_t unit_at(const struct view *v, const uint8_t *p, size_t i)
{
	return v->bytes == 1   ? p[i]
	       : v->bytes == 2 ? get_le16(p + 2 * i)
			       : get_le32(p + 4 * i);
}

static void put_unit(const struct view *v, uint32_t u, uint8_t *p, size_t i)
{
	if (v->bytes == 1)
		p[i] = (uint8_t)u;
	else if (v->bytes == 2)
		put_le16(p + 2 * i, (uint16_t)u);
	else
		put_le32(p + 4 * i, u);
}

static uint32_t ones(const struct view *v)
{
	return UINT32_MAX >> (32 - 8 * v->bytes);
}

/* The place of a float's pattern among all, lowest first; and back. */
static uint32_t to_order(const struct view *v, uint32_t u)
{
	uint32_t top = ones(v) ^ ones(v) >> 1;

	if (!v->mantissa)
		return u;
	return u & top ? ~u & ones(v) : u | top;
}

static uint32_t from_order(const struct view *v, uint32_t o)
{
	uint32_t top = ones(v) ^ ones(v) >> 1;

	if (!v->mantissa)
		return o;
	return o & top ? o & ~top : ~o & ones(v);
}

static unsigned exponent(const struct view *v, uint32_t base)
{
	return v->mantissa ? base >> v->mantissa & (v->exponents - 1) : 0;
}

/* The difference as a number list has it, modulo the unit. */
static uint32_t difference(const struct view *v, uint32_t u, uint32_t base)
{
	uint32_t d = to_order(v, u) - to_order(v, base);
	unsigned shift = 32 - 8 * v->bytes;

	/* Sign-extended. */
	return zigzag((int32_t)(d << shift) >> shift);
}

static uint32_t apply(const struct view *v, uint32_t x, uint32_t base)
{
	uint32_t d = (uint32_t)unzigzag(x);

	return from_order(v, (to_order(v, base) + d) & ones(v));
}

/* ---- groups ---- */

struct groups {
	unsigned n;
	uint8_t last[MAX_EXPONENTS];	/* the highest exponent of each */
	uint8_t of[MAX_EXPONENTS];	/* an exponent's group */
};

static void number_groups(struct groups *g)
{
	unsigned e = 0;

	for (unsigned k = 0; k < g->n; k++)
		for (; e <= g->last[k]; e++)
			g->of[e] = (uint8_t)k;
}

static void count_groups(const struct view *v, const struct groups *g,
			 const uint8_t *base, size_t n, size_t *start)
{
	for (unsigned k = 0; k <= g->n; k++)
		start[k] = 0;
	for (size_t i = 0; i < n; i++)
		start[g->of[exponent(v, unit_at(v, base, i))] + 1]++;
	for (unsigned k = 0; k < g->n; k++)
		start[k + 1] += start[k];
}

/* ---- encoding ---- */

/* Bits of the classes of numbers counted so, and of their table, about. */
static double cost(const uint32_t *counts)
{
	double sum = 0, bits = 0;

	for (unsigned c = 0; c < MAX_SYMBOLS; c++) {
		if (!counts[c])
			continue;
		sum += counts[c];
		bits += 9 - counts[c] * log2(counts[c]);
	}
	return sum > 0 ? bits + sum * log2(sum) + 40 : 0;
}

static unsigned class_of(uint32_t x)
{
	unsigned e;

	if (x < 4)
		return x;
	e = 31 - (unsigned)__builtin_clz(x);
	return 4 * (e - 1) + (x >> (e - 2) & 3);
}

/*
 * Every exponent a group of its own at first; neighbours join while that costs
 * less than two tables.
 */
static enum hvqz_ret choose_groups(const struct view *v, const uint8_t *raw,
				   const uint8_t *base, size_t n,
				   struct groups *g, struct hvqz_err *err)
{
	uint32_t(*counts)[MAX_SYMBOLS] =
		calloc(v->exponents, sizeof(*counts));
	double price[MAX_EXPONENTS];

	if (!counts)
		return hvqz_nomem(err, v->exponents * sizeof(*counts),
				  "counting differences");
	for (size_t i = 0; i < n; i++) {
		uint32_t b = unit_at(v, base, i);

		counts[exponent(v, b)]
		      [class_of(difference(v, unit_at(v, raw, i), b))]++;
	}
	g->n = 0;
	for (unsigned e = 0; e < v->exponents; e++) {
		unsigned k = g->n++;

		g->last[k] = (uint8_t)e;
		price[k] = cost(counts[e]);
		if (k != e)
			memcpy(counts[k], counts[e], sizeof(*counts));
		/* Does it join the one before, and that again? */
		while (k) {
			uint32_t both[MAX_SYMBOLS];
			double joined;

			for (unsigned c = 0; c < MAX_SYMBOLS; c++)
				both[c] = counts[k - 1][c] + counts[k][c];
			joined = cost(both);
			if (joined > price[k - 1] + price[k])
				break;
			memcpy(counts[k - 1], both, sizeof(both));
			price[k - 1] = joined;
			g->last[k - 1] = g->last[k];
			g->n = k--;
		}
	}
	free(counts);
	number_groups(g);
	return HVQZ_OK;
}

/* A payload that is next to nothing is made long enough to be allowed. */
static void pad(struct buf *out, size_t before, uint32_t raw_len)
{
	/* hvqz.md, section 5, rule 4; with some room. */
	size_t least = raw_len / 65536 + 1;

	while (out->len - before < least)
		buf_u8(out, 0);
}

static enum hvqz_ret encode(const struct codec_env *env,
			    const struct slab *slab,
			    const struct codec_settings *set,
			    const struct sens *sens, const uint8_t *raw,
			    struct buf *out, struct codec_stats *stats,
			    bool *declined, struct hvqz_err *err)
{
	struct view v = view_of(slab->dtype);
	size_t n = v.bytes ? slab->raw_len / v.bytes : 0, before = out->len;
	size_t start[MAX_EXPONENTS + 1], at[MAX_EXPONENTS];
	struct groups g = {0};
	uint32_t *x;
	enum hvqz_ret ret;

	(void)set;
	(void)sens;
	(void)stats;
	*declined = !env->base || !n;
	if (*declined)
		return HVQZ_OK;
	TRY(choose_groups(&v, raw, env->base, n, &g, err));
	x = malloc(n * sizeof(*x));
	if (!x)
		return hvqz_nomem(err, n * sizeof(*x), "differences");
	count_groups(&v, &g, env->base, n, start);
	memcpy(at, start, g.n * sizeof(*at));
	for (size_t i = 0; i < n; i++) {
		uint32_t b = unit_at(&v, env->base, i);

		x[at[g.of[exponent(&v, b)]]++] =
			difference(&v, unit_at(&v, raw, i), b);
	}
	buf_u8(out, (uint8_t)(g.n - 1));
	buf_put(out, g.last, g.n - 1);
	for (unsigned k = 0; k < g.n; k++)
		TRY_OUT(intcode_put(x + start[k], start[k + 1] - start[k], out,
				    err));
	pad(out, before, slab->raw_len);
	ret = buf_ok(out, err);
out:
	free(x);
	return ret;
}

/* ---- decoding ---- */

static enum hvqz_ret get_groups(const struct view *v, struct cursor *c,
				struct groups *g, struct hvqz_err *err)
{
	const uint8_t *last;
	uint8_t more;

	if (!cur_u8(c, &more) || !(last = cur_take(c, more)))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the payload ends in its head");
	if (more >= v->exponents)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%u groups of %u exponents", more + 1u,
				 v->exponents);
	for (unsigned k = 0; k < more; k++) {
		if ((k && last[k] <= last[k - 1]) ||
		    last[k] + 1u >= v->exponents)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "group %u ends at exponent %u", k,
					 last[k]);
		g->last[k] = last[k];
	}
	g->n = more + 1u;
	g->last[more] = (uint8_t)(v->exponents - 1);
	number_groups(g);
	return HVQZ_OK;
}

static enum hvqz_ret get_lists(const struct view *v, const struct groups *g,
			       const size_t *start, struct cursor *c,
			       uint32_t *x, struct hvqz_err *err)
{
	size_t n = start[g->n];

	for (unsigned k = 0; k < g->n; k++)
		TRY(intcode_get(c, x + start[k], start[k + 1] - start[k],
				"differences", err));
	for (size_t i = 0; i < n; i++)
		if (x[i] > ones(v))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a difference of %" PRIu32
					 " is more than a unit holds", x[i]);
	while (cur_left(c))
		if (*cur_take(c, 1))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "bytes behind the payload's end");
	return HVQZ_OK;
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	struct cursor c = {payload, payload + len};
	struct view v = view_of(slab->dtype);
	size_t n = v.bytes ? slab->raw_len / v.bytes : 0;
	size_t start[MAX_EXPONENTS + 1];
	struct groups g = {0};
	uint32_t *x;
	enum hvqz_ret ret;

	if (!v.bytes)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "differences cannot hold elements of %s",
				 dtype_name(slab->dtype));
	if (!env->base)
		return hvqz_fail(err, HVQZ_USAGE,
				 "the rows of the base model are not there");
	TRY(get_groups(&v, &c, &g, err));
	x = malloc(n * sizeof(*x));
	if (!x)
		return hvqz_nomem(err, n * sizeof(*x), "differences");
	count_groups(&v, &g, env->base, n, start);
	TRY_OUT(get_lists(&v, &g, start, &c, x, err));
	for (size_t i = 0; i < n; i++) {
		uint32_t b = unit_at(&v, env->base, i);

		put_unit(&v, apply(&v, x[start[g.of[exponent(&v, b)]]++], b),
			 raw, i);
	}
	ret = HVQZ_OK;
out:
	free(x);
	return ret;
}

/* Differences, and what a number list takes. */
static uint64_t memory(const struct slab *slab)
{
	struct view v = view_of(slab->dtype);
	uint64_t n = v.bytes ? slab->raw_len / v.bytes : 0;

	return n * 8 + MAX_EXPONENTS * MAX_SYMBOLS * 4 + ((uint64_t)1 << 18);
}

static uint64_t encode_memory(const struct slab *slab,
			      const struct codec_settings *set)
{
	(void)set;
	return memory(slab);
}

const struct codec codec_delta = {
	.id = CODEC_DELTA,
	.name = "delta",
	.lossless = true,
	.encode = encode,
	.decode = decode,
	.encode_memory = encode_memory,
	.decode_memory = memory,
};
