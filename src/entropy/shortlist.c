/* shortlist.c - the ways of shortlist.h, and the choice among them. */
#include "entropy/shortlist.h"

#include "entropy/intcode.h"

#include <inttypes.h>
#include <stdlib.h>

/* How a list is stored: a byte in front of it. */
enum {
	WAY_DIFFERENCES = 1,	/* each minus the one before */
	WAY_PREDICTED = 2,	/* minus the guess */
	WAYS = 4,
	WAY_ZERO = 0xff,	/* all are zero, and nothing follows */
};

enum hvqz_ret shortlist_put(const int32_t *v, const int32_t *guess, size_t n,
			    struct buf *out, struct hvqz_err *err)
{
	uint32_t *u = calloc(n, sizeof(*u));
	struct buf best = {0}, trial = {0};
	unsigned n_ways = guess ? WAYS : WAY_PREDICTED, best_way = 0;
	bool zero = true;
	enum hvqz_ret ret = HVQZ_OK;

	if (!u)
		return hvqz_nomem(err, n * sizeof(*u), "numbers to code");
	for (size_t i = 0; i < n; i++)
		zero &= !v[i];
	for (unsigned way = 0; way < n_ways && !zero; way++) {
		int32_t last = 0;

		for (size_t i = 0; i < n; i++) {
			int32_t x = v[i] - (way & WAY_PREDICTED ? guess[i]
								: 0);

			u[i] = zigzag(x - last);
			last = way & WAY_DIFFERENCES ? x : 0;
		}
		buf_clear(&trial);
		TRY_OUT(intcode_put(u, n, &trial, err));
		if (!way || trial.len < best.len) {
			struct buf longer = best;

			best = trial;
			trial = longer;
			best_way = way;
		}
	}
	buf_u8(out, zero ? WAY_ZERO : (uint8_t)best_way);
	buf_put(out, best.p, best.len);
	ret = buf_ok(out, err);
out:
	buf_free(&best);
	buf_free(&trial);
	free(u);
	return ret;
}

enum hvqz_ret shortlist_get(struct cursor *c, int32_t *v, const int32_t *guess,
			    size_t n, int32_t max, const char *what,
			    struct hvqz_err *err)
{
	int64_t last = 0;
	uint8_t way;

	if (!cur_u8(c, &way) ||
	    (way >= (guess ? WAYS : WAY_PREDICTED) && way != WAY_ZERO))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s: stored in an unknown way", what);
	if (way == WAY_ZERO) {
		memset(v, 0, n * sizeof(*v));
		return HVQZ_OK;
	}
	TRY(intcode_get(c, (uint32_t *)v, n, what, err));
	for (size_t i = 0; i < n; i++) {
		int64_t x = unzigzag((uint32_t)v[i]) + last;

		last = way & WAY_DIFFERENCES ? x : 0;
		x += way & WAY_PREDICTED ? guess[i] : 0;
		if (x < -max || x > max)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "%s: %" PRId64 " is not within ±%"
					 PRId32, what, x, max);
		v[i] = (int32_t)x;
	}
	return HVQZ_OK;
}
