/*
 * trellis_encode.c - codec 3's encoder: its stages in order.
 *
 *	1. open		W by channels
 *	2. steps	from the sensitivities (trellis_steps.c)
 *	3. decouple	Ω, the few weights kept exactly
 *	4. quantize	the trellis, with feedback (trellis_quantize.c)
 *	5. put		tables, indices, sparse residual
 */
#include "codec/trellis_encoder.h"

#include "codec/weights.h"
#include "sense/decouple.h"

#include <math.h>
#include <stdlib.h>

enum {
	/*
	 * No lane is shorter, if there is a choice: a search that ends with
	 * every channel (see trellis_quantize.c) needs length; one that runs
	 * on finds it elsewhere.
	 */
	MIN_LANE = 128,
	MIN_LANE_RUNNING = 16,
};

static unsigned log_states(int effort)
{
	static const uint8_t log[10] = {3, 2, 2, 2, 3, 3, 4, 5, 6, 8};

	return log[effort];
}

static unsigned lanes_for(const struct trellis_encoder *e)
{
	size_t least = e->metric.feedback ? MIN_LANE : MIN_LANE_RUNNING;
	unsigned n = 1;

	while (n < TRELLIS_MAX_LANES && e->q.n_units / (2 * n) >= least)
		n *= 2;
	return n;
}

/* Channels are the inputs: the sidecar says which axis they are on. */
static bool is_across(const struct slab *slab, const struct sens *sens)
{
	if (sens)
		return sens->axis == 0;
	return slab->n_rows < MIN_LANE && slab->n_cols > slab->n_rows;
}

/* W into w, by channels. False in *finite when there is a NaN or infinity. */
static enum hvqz_ret open(struct trellis_encoder *e, const struct sens *sens,
			  bool *finite, struct hvqz_err *err)
{
	const struct slab *slab = e->slab;
	size_t n = (size_t)slab->n_rows * (size_t)slab->n_cols;

	TRY(trellis_alloc(&e->q, slab, is_across(slab, sens), err));
	e->q.log_states = log_states(e->set->effort);
	e->w = malloc(n * sizeof(*e->w));
	e->u = malloc(n * sizeof(*e->u));
	e->level = malloc(e->q.n_units * sizeof(*e->level));
	if (!e->w || !e->u || !e->level)
		return hvqz_nomem(err, n * 8, "the slab's weights");
	*finite = e->q.across
			  ? weights_widen(slab->dtype, e->raw, n, e->w)
			  : weights_widen_turned(slab->dtype, e->raw,
						 slab->n_rows,
						 (size_t)slab->n_cols, e->w);
	return HVQZ_OK;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * The outliers: the weights that would need the largest indices, that is of
 * highest |w|·√g·l.
 */
static enum hvqz_ret choose_outliers(struct trellis_encoder *e,
				     struct hvqz_err *err)
{
	struct trellis *q = &e->q;
	size_t n = q->n_channels * q->n_units;
	size_t n_out = decouple_count(n, e->set->outliers);
	float *score = NULL;
	enum hvqz_ret ret;

	TRY(sparse_alloc(&q->sparse, (uint32_t)n_out, err));
	if (!n_out)
		return HVQZ_OK;
	score = malloc(n * sizeof(*score));
	e->covered = malloc(n_out * sizeof(*e->covered));
	if (!score || !e->covered) {
		ret = hvqz_nomem(err, n * sizeof(*score), "importance scores");
		goto out;
	}
	for (size_t j = 0; j < q->n_channels; j++)
		for (size_t i = 0; i < q->n_units; i++)
			score[j * q->n_units + i] =
				fabsf(e->w[j * q->n_units + i]) /
				(q->channel.step[j] * q->unit.step[i]);
	TRY_OUT(decouple(score, n, n_out, e->covered, err));
	for (size_t o = 0; o < n_out; o++) {
		size_t j = e->covered[o] / q->n_units;
		size_t i = e->covered[o] % q->n_units;

		q->sparse.pos[o] = (uint32_t)(q->across
						      ? e->covered[o]
						      : i * q->n_channels + j);
	}
	qsort(q->sparse.pos, n_out, sizeof(*q->sparse.pos), by_number);
	ret = sparse_take(&q->sparse, e->slab, e->raw, err);
out:
	free(score);
	return ret;
}

/* What the decoder will make of it, and the error of that. */
static enum hvqz_ret measure(const struct trellis_encoder *e,
			     struct codec_stats *stats, struct hvqz_err *err)
{
	const struct trellis *q = &e->q;
	uint8_t *made = malloc(e->slab->raw_len);
	float *tile = malloc(trellis_tile_size(q));
	enum hvqz_ret ret = HVQZ_OK;

	if (!made || !tile) {
		ret = hvqz_nomem(err, e->slab->raw_len, "a reconstruction");
		goto out;
	}
	for (size_t first = 0; first < q->n_channels; first += TRELLIS_TILE) {
		size_t n = q->n_channels - first < TRELLIS_TILE
				   ? q->n_channels - first : TRELLIS_TILE;

		for (size_t j = 0; j < n; j++)
			trellis_restore(q, first + j,
					e->u + (first + j) * q->n_units,
					tile + j * q->n_units);
		trellis_store(q, e->slab, tile, first, n, made);
	}
	trellis_store_sparse(q, e->slab, made);
	weights_error(e->slab->dtype, e->raw, made,
		      e->slab->n_rows * (size_t)e->slab->n_cols,
		      &stats->noise, &stats->signal);
	stats->loss = e->metric.has_g ? e->loss * TRELLIS_LOSS : 0;
out:
	free(made);
	free(tile);
	return ret;
}

enum hvqz_ret trellis_encode(const struct codec_env *env,
			     const struct slab *slab,
			     const struct codec_settings *set,
			     const struct sens *sens, const uint8_t *raw,
			     struct buf *out, struct codec_stats *stats,
			     bool *declined, struct hvqz_err *err)
{
	struct trellis_encoder e = {
		.env = env, .slab = slab, .set = set, .raw = raw,
	};
	bool finite = false;
	enum hvqz_ret ret;

	*declined = true;
	TRY_OUT(open(&e, sens, &finite, err));
	stats->nonfinite = !finite;
	if (!finite)
		goto out;
	TRY_OUT(metric_take(&e.metric, slab, e.q.across, env->factor, sens,
			    err));
	e.q.n_lanes = lanes_for(&e);
	TRY_OUT(trellis_choose_steps(&e, err));
	if (!trellis_steps_sound(&e.q))
		goto out;	/* all zero, or next to it: exact is as short */
	TRY_OUT(choose_outliers(&e, err));
	if (!sparse_finite(&e.q.sparse))
		goto out;
	TRY_OUT(trellis_unit_classes(&e, err));
	trellis_guess_shape(&e);
	TRY_OUT(trellis_quantize(&e, err));
	if (e.clipped)
		goto out;
	TRY_OUT(trellis_put(&e.q, e.u, out, err));
	TRY_OUT(measure(&e, stats, err));
	*declined = false;
out:
	free(e.w);
	free(e.u);
	metric_free(&e.metric);
	free(e.level);
	free(e.covered);
	trellis_free(&e.q);
	return ret;
}

uint64_t trellis_encode_memory(const struct slab *slab,
			       const struct codec_settings *set)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;
	uint64_t units = slab->n_rows > slab->n_cols ? slab->n_rows
						     : slab->n_cols;
	unsigned states = 1u << log_states(set->effort);

	/* Weights and points all the time; scores, or symbols, words and
	 * payload, or the reconstruction on top of them. */
	return n * 8 + n * 5 + slab->raw_len +
	       trellis_tile_memory(slab, TRELLIS_BLOCK) +
	       (units + (uint64_t)TRELLIS_RUN * TRELLIS_MAX_LANES) * 16 +
	       trellis_search_memory(states, TRELLIS_RUN + 2 * MIN_LANE +
					     units / TRELLIS_MAX_LANES + 1) +
	       (slab->n_rows + slab->n_cols) * 48 +
	       MODEL_CLASSES * sizeof(struct point_table) +
	       ((uint64_t)1 << 20);
}
