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
#include "kernels/kernels.h"

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

static unsigned count_lanes(uint64_t n_units, unsigned least)
{
	unsigned n = 1;

	while (n < TRELLIS_MAX_LANES && n_units / (2 * n) >= least)
		n *= 2;
	return n;
}

static unsigned lanes_for(const struct trellis_encoder *e)
{
	return count_lanes(e->q.n_units, e->metric.feedback ? MIN_LANE
							    : MIN_LANE_RUNNING);
}

/* Channels are the inputs: the sidecar says which axis they are on. */
static bool is_across(const struct slab *slab, const struct sens *sens)
{
	if (sens)
		return sens->axis == 0;
	return slab->n_rows < MIN_LANE && slab->n_cols > slab->n_rows;
}

/* What the decoder will make of it. */
static enum hvqz_ret make_tiles(const struct trellis_encoder *e, uint8_t *made,
				struct hvqz_err *err)
{
	const struct trellis *q = &e->q;
	struct trellis_tile tile;
	enum hvqz_ret ret;

	TRY_OUT(trellis_tile_open(&tile, q, e->env->kern->decode, e->slab,
				  made, err));
	for (size_t j = q->n_channels; j-- > 0;) {
		const int32_t *u = e->u + j * e->at.stride;
		int class = q->channel.class[j];

		if (e->kern->pack(u, e->class, class, e->at.n,
				  trellis_tile_slot(&tile)))
			for (size_t p = 0; p < e->at.n; p++)
				if (trellis_magnitude(u[p]) > 126)
					trellis_tile_late(&tile, p, u[p]);
		trellis_tile_next(&tile);
	}
out:
	trellis_tile_free(&tile);
	return ret;
}

/* The same weight by weight. */
static enum hvqz_ret make_slowly(const struct trellis_encoder *e,
				 uint8_t *made, struct hvqz_err *err)
{
	const struct trellis *q = &e->q;
	float *tile = malloc(trellis_tile_size(q));

	if (!tile)
		return hvqz_nomem(err, trellis_tile_size(q), "a tile");
	for (size_t first = 0, n; first < q->n_channels; first += n) {
		n = q->n_channels - first;
		n = n < TRELLIS_TILE ? n : TRELLIS_TILE;
		for (size_t j = first; j < first + n; j++)
			for (size_t p = 0; p < e->at.n; p++) {
				size_t i = trellis_unit_at(&e->at, p);

				if (i != SIZE_MAX)
					tile[(j - first) * q->n_units + i] =
						trellis_restore(
							q, j, i,
							e->u[j * e->at.stride +
							     p]);
			}
		trellis_store(q, e->slab, tile, first, n, made);
	}
	free(tile);
	return HVQZ_OK;
}

/* The error of what the decoder will make of it. */
static enum hvqz_ret measure(const struct trellis_encoder *e,
			     struct codec_stats *stats, struct hvqz_err *err)
{
	uint8_t *made = malloc(e->slab->raw_len);
	enum hvqz_ret ret = HVQZ_OK;

	if (!made)
		return hvqz_nomem(err, e->slab->raw_len, "a reconstruction");
	if (e->at.lanes >= TRELLIS_WIDE)
		TRY_OUT(make_tiles(e, made, err));
	else
		TRY_OUT(make_slowly(e, made, err));
	trellis_store_sparse(&e->q, e->slab, made);
	weights_error(e->env->kern, e->slab->dtype, e->raw, made,
		      e->slab->n_rows * (size_t)e->slab->n_cols,
		      &stats->noise, &stats->signal);
	stats->loss = e->metric.has_g ? e->loss * TRELLIS_LOSS : 0;
out:
	free(made);
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
		.kern = env->kern->trellis,
	};
	bool finite = false;
	enum hvqz_ret ret;

	*declined = true;
	TRY_OUT(trellis_alloc(&e.q, slab, is_across(slab, sens), err));
	e.q.log_states = log_states(set->effort);
	TRY_OUT(metric_take(&e.metric, slab, e.q.across, env->factor, sens,
			    err));
	e.q.n_lanes = lanes_for(&e);
	TRY_OUT(trellis_place_weights(&e, &finite, err));
	stats->nonfinite = !finite;
	if (!finite)
		goto out;
	trellis_choose_steps(&e);
	if (!trellis_steps_sound(&e.q))
		goto out;	/* all zero, or next to it: exact is as short */
	TRY_OUT(trellis_choose_outliers(&e, err));
	if (!sparse_finite(&e.q.sparse))
		goto out;
	TRY_OUT(trellis_unit_classes(&e, err));
	trellis_guess_shape(&e);
	TRY_OUT(trellis_quantize(&e, err));
	if (e.clipped)
		goto out;
	TRY_OUT(trellis_put(&e.q, &e.symbols, &e.at, env->kern->encode, out,
			    err));
	TRY_OUT(measure(&e, stats, err));
	*declined = false;
out:
	free(e.w);
	free(e.u);
	metric_free(&e.metric);
	free(e.places);
	free(e.class);
	free(e.norm);
	free(e.covered);
	trellis_symbols_free(&e.symbols);
	trellis_free(&e.q);
	return ret;
}

/* Bytes for a slab whose channels and units are these. */
static uint64_t lying(uint64_t n_channels, uint64_t n_units, unsigned log)
{
	unsigned lanes = count_lanes(n_units, MIN_LANE_RUNNING);
	unsigned with_feedback = count_lanes(n_units, MIN_LANE);
	/* Lanes and channels are filled up; a short channel has one lane. */
	uint64_t stride = n_units < 2 * MIN_LANE_RUNNING
				  ? (n_units + TRELLIS_SUM - 1) /
					    TRELLIS_SUM * TRELLIS_SUM
				  : n_units + TRELLIS_MAX_LANES + TRELLIS_SUM;

	/* Weights and points all the time, five numbers a place. */
	return n_channels * stride * 8 + 5 * stride * 4 + stride +
	       trellis_quantize_memory(log, with_feedback, n_channels, stride,
				       true) +
	       trellis_quantize_memory(log, lanes, 0, stride, false) +
	       trellis_slots_memory(n_units);
}

uint64_t trellis_encode_memory(const struct slab *slab,
			       const struct codec_settings *set)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;
	unsigned log = log_states(set->effort);
	uint64_t down = lying(slab->n_cols, slab->n_rows, log);
	uint64_t across = lying(slab->n_rows, slab->n_cols, log);

	/* The words, or the reconstruction, on top; steps and tables. */
	return (down > across ? down : across) + n * 2 + slab->raw_len +
	       trellis_outliers_memory(n, set->outliers) +
	       (slab->n_rows + slab->n_cols) * 52 +
	       MODEL_CLASSES * sizeof(struct point_table) +
	       ((uint64_t)1 << 20);
}
