/*
 * trellis_outliers.c - Ω: the few weights that are kept exactly, those that
 * would need the largest indices, that is of highest |w|·√g·l.
 *
 * The n_out highest of all scores without an array of them: candidates are
 * collected, and whenever there are four times too many, the best n_out of
 * them stay and the least of these is from then on what has to be beaten. Of
 * equal scores those met first win.
 */
#include "codec/trellis_encoder.h"

#include "base/half.h"
#include "sense/decouple.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct candidates {
	float *score;		/* [most] */
	uint32_t *at;		/* [most]: rising */
	uint32_t *pick;		/* [wanted] */
	size_t n, most, wanted;
	float least;		/* to be beaten; −1: there is room yet */
};

/* The best `wanted` stay, in their order. */
static enum hvqz_ret thin(struct candidates *c, struct hvqz_err *err)
{
	float least = INFINITY;

	if (c->n <= c->wanted)
		return HVQZ_OK;
	TRY(decouple(c->score, c->n, c->wanted, c->pick, err));
	for (size_t i = 0; i < c->wanted; i++) {
		c->score[i] = c->score[c->pick[i]];
		c->at[i] = c->at[c->pick[i]];
		least = c->score[i] < least ? c->score[i] : least;
	}
	c->n = c->wanted;
	c->least = least;
	return HVQZ_OK;
}

/* Channel j's weights. */
static enum hvqz_ret look(struct candidates *c,
			  const struct trellis_encoder *e, size_t j,
			  struct hvqz_err *err)
{
	size_t stride = e->at.stride, b = 0;
	const float *w = e->w + j * stride;
	float scale = 1 / e->q.channel.step[j];

	while ((b = e->kern->above(w, e->inverse, scale, c->least, b,
				   stride)) < stride) {
		for (size_t p = b; p < b + TRELLIS_SUM; p++) {
			float s = fabsf(w[p]) * (e->inverse[p] * scale);

			if (!(s > c->least) || e->inverse[p] == 0)
				continue;
			c->score[c->n] = s;
			c->at[c->n++] = (uint32_t)(j * stride + p);
			if (c->n == c->most)
				TRY(thin(c, err));
		}
		b += TRELLIS_SUM;
	}
	return HVQZ_OK;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Where place `at` is in the slab. */
static uint32_t position(const struct trellis_encoder *e, uint32_t at)
{
	size_t j = at / e->at.stride;
	size_t i = trellis_unit_at(&e->at, at % e->at.stride);

	return (uint32_t)(e->q.across ? j * e->q.n_units + i
				      : i * e->q.n_channels + j);
}

/* Four times as many as wanted, and never more than there are. */
static size_t room_for(uint64_t n_out, uint64_t n)
{
	return (size_t)(4 * n_out + 1024 < n ? 4 * n_out + 1024 : n + 1);
}

uint64_t trellis_outliers_memory(uint64_t n, double outliers)
{
	uint64_t n_out = decouple_count((size_t)n, outliers);

	/* Scores and places; picks; positions, values, places that stay. */
	return n_out ? room_for(n_out, n) * 8 + n_out * (4 + 6 + 4) : 0;
}

enum hvqz_ret trellis_choose_outliers(struct trellis_encoder *e,
				      struct hvqz_err *err)
{
	struct trellis *q = &e->q;
	size_t n_out = decouple_count(q->n_channels * q->n_units,
				      e->set->outliers);
	struct candidates c = {
		.most = room_for(n_out, q->n_channels * q->n_units),
		.wanted = n_out, .least = -1,
	};
	enum hvqz_ret ret;

	TRY(sparse_alloc(&q->sparse, (uint32_t)n_out, err));
	if (!n_out)
		return HVQZ_OK;
	c.score = malloc(c.most * sizeof(*c.score));
	c.at = malloc(c.most * sizeof(*c.at));
	c.pick = malloc(n_out * sizeof(*c.pick));
	if (!c.score || !c.at || !c.pick) {
		ret = hvqz_nomem(err, c.most * 8, "importance scores");
		goto out;
	}
	for (size_t j = 0; j < q->n_channels; j++)
		TRY_OUT(look(&c, e, j, err));
	TRY_OUT(thin(&c, err));
	assert(c.n == n_out);
	for (size_t o = 0; o < n_out; o++) {
		size_t j = c.at[o] / e->at.stride;

		q->sparse.pos[o] = position(e, c.at[o]);
		/* What is restored exactly must not set the others' scale. */
		e->w[c.at[o]] = 0;
		if (o + 1 == n_out || c.at[o + 1] / e->at.stride != j)
			e->norm[j] = trellis_norm(e, e->w + j * e->at.stride);
	}
	e->covered = malloc(n_out * sizeof(*e->covered));
	if (!e->covered) {
		ret = hvqz_nomem(err, n_out * sizeof(*e->covered),
				 "the outliers");
		goto out;
	}
	memcpy(e->covered, c.at, n_out * sizeof(*e->covered));
	qsort(q->sparse.pos, n_out, sizeof(*q->sparse.pos), by_number);
	ret = sparse_take(&q->sparse, e->slab, e->raw, err);
out:
	free(c.score);
	free(c.at);
	free(c.pick);
	return ret;
}
