/* condition_io.c - a conditioner's record in the stream (hvqz.md, 8.5.1). */
#include "sense/condition.h"

#include "entropy/shortlist.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	SEEDED = 1,		/* in flags */
	ANGLES_PER_BYTE = 8,
};

enum hvqz_ret condition_put(const struct conditioner *c, struct buf *out,
			    struct hvqz_err *err)
{
	buf_u8(out, c->seeded ? SEEDED : 0);
	buf_u8(out, (uint8_t)c->alpha);
	buf_u8(out, (uint8_t)c->log_block);
	buf_u8(out, (uint8_t)c->levels);
	if (c->seeded)
		buf_u32(out, c->seed);
	TRY(shortlist_put(c->code, NULL, c->n, out, err));
	if (c->levels)
		TRY(shortlist_put(c->angle, NULL, c->levels * (c->n / 2), out,
				  err));
	return buf_ok(out, err);
}

static enum hvqz_ret get_head(struct conditioner *c, uint64_t n_weights,
			      struct cursor *from, unsigned *levels,
			      struct hvqz_err *err)
{
	uint8_t flags, alpha, log_block, n_levels;

	if (!cur_u8(from, &flags) || !cur_u8(from, &alpha) ||
	    !cur_u8(from, &log_block) || !cur_u8(from, &n_levels))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the conditioner ends in its head");
	if (flags & ~SEEDED)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "conditioner flags %#x are unknown to this "
				 "version", flags & ~SEEDED);
	if (alpha > CONDITION_ALPHA_STEPS)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "alpha is %u hundredths, more than 1", alpha);
	if (log_block > CONDITION_MAX_BLOCK ||
	    c->n % ((size_t)1 << log_block))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "blocks of 2^%u do not divide %zu channels",
				 log_block, c->n);
	if (n_levels > CONDITION_MAX_LEVELS || (n_levels && !log_block) ||
	    (flags & SEEDED && !log_block))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%u levels of rotations in blocks of 2^%u",
				 n_levels, log_block);
	/* Angles of 0 take no bytes, but memory. */
	if (n_levels * (uint64_t)(c->n / 2) > n_weights)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%u levels of %zu angles for %" PRIu64
				 " weights", n_levels, c->n / 2, n_weights);
	*levels = n_levels;
	c->alpha = alpha;
	condition_rotate(c, log_block, flags & SEEDED, 0);
	if (c->seeded && !cur_u32(from, &c->seed))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the conditioner ends in its head");
	return HVQZ_OK;
}

/*
 * A few bytes must not make a decoder turn for minutes: so many angles that are
 * not 0 take so many bytes.
 */
static enum hvqz_ret check_angles(const struct conditioner *c, size_t n_bytes,
				  struct hvqz_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < c->levels * (c->n / 2); i++)
		n += c->angle[i] != 0;
	return n <= n_bytes * ANGLES_PER_BYTE
		       ? HVQZ_OK
		       : hvqz_fail(err, HVQZ_DAMAGED,
				   "%zu angles in %zu bytes", n, n_bytes);
}

enum hvqz_ret condition_get(struct conditioner *c, size_t n,
			    uint64_t n_weights, struct cursor *from,
			    struct hvqz_err *err)
{
	const uint8_t *before = from->p;
	unsigned levels = 0;

	TRY(condition_init(c, n, err));
	TRY(get_head(c, n_weights, from, &levels, err));
	TRY(shortlist_get(from, c->code, NULL, n, CONDITION_MAX_SCALE,
			  "scales", err));
	TRY(condition_add_levels(c, levels, err));
	if (levels)
		TRY(shortlist_get(from, c->angle, NULL, levels * (n / 2),
				  CONDITION_MAX_ANGLE, "angles", err));
	TRY(check_angles(c, (size_t)(from->p - before), err));
	condition_ready(c);
	return HVQZ_OK;
}

uint64_t condition_memory(size_t n, uint64_t n_weights)
{
	uint64_t angles = (uint64_t)CONDITION_MAX_LEVELS * (n / 2);

	angles = angles < n_weights ? angles : n_weights;
	return n * (uint64_t)(sizeof(int32_t) + sizeof(float)) +
	       angles * sizeof(int32_t);
}
