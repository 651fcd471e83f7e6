/*
 * hasvq_encode.c - codec 2's encoder: the stages of HAS-VQ in order.
 *
 *	1. scale	x = W / s, row by row
 *	2. decouple	Ω, the outliers (hasvq_outliers.c)
 *	3. train	the codebook (hasvq_body.c)
 *	4. assign	every block to a centroid
 *	5. settle, put	payload: scales, codebook, indices, sparse residual
 *
 * In the plain form (faithful) s_i = max_j |W_ij| as F16. In the compact form
 * it is the row's root mean square on a grid of 2^(1/8), and a first, quick
 * body (stages 3 and 4) helps to choose part of the outliers.
 */
#include "codec/hasvq_encoder.h"

#include "codec/weights.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* The part of ρ that goes by importance in the compact form. */
#define BY_IMPORTANCE 0.4

/* A vector of the sidecar as metric weights: mean 1, floor share·mean. */
static void metric_weights(const float *v, size_t n, float share, float *to)
{
	double sum = 0;

	for (size_t i = 0; v && i < n; i++)
		sum += v[i];
	for (size_t i = 0; i < n; i++) {
		float w = sum > 0 ? (float)(v[i] * (double)n / sum) : 1.0f;

		to[i] = w > share ? w : share;
	}
}

static void take_sens(struct encoder *e, const struct sens *sens)
{
	const float *row = NULL, *col = NULL;
	size_t first = (size_t)e->slab->first_row;

	if (sens && sens->axis == 1) {
		e->col_h = col = sens->diag;
		row = sens->row_sens ? sens->row_sens + first : NULL;
	} else if (sens) {
		e->row_h = row = sens->diag + first;
		col = sens->row_sens;
	}
	metric_weights(col, e->q.n_cols, 0.01f, e->col_u);
	for (size_t j = e->q.n_cols; j < e->padded; j++)
		e->col_u[j] = 0.01f;
	metric_weights(row, e->q.n_rows, 0.03f, e->row_v);
}

static float row_rms(const float *x, size_t n)
{
	double sum = 0;

	for (size_t j = 0; j < n; j++)
		sum += (double)x[j] * x[j];
	return (float)sqrt(sum / (double)n);
}

static float row_max(const float *x, size_t n)
{
	float max = 0;

	for (size_t j = 0; j < n; j++)
		max = fabsf(x[j]) > max ? fabsf(x[j]) : max;
	return max;
}

/* The largest scale we store: 2^30. No weight matrix is near it. */
#define MAX_SCALE_CODE (8 * (64 + 30))

/*
 * Stage 1. False when a row is too large: for F16 in the plain form, for the
 * metric's single precision in the compact one.
 */
static bool scale_rows(struct encoder *e)
{
	struct hasvq *q = &e->q;

	for (size_t i = 0; i < q->n_rows; i++) {
		float *x = e->x + i * e->padded, s;

		if (q->compact) {
			q->code[i] = (uint16_t)scale_code(
				row_rms(x, q->n_cols));
			if (q->code[i] > MAX_SCALE_CODE)
				return false;
			s = scale_value(q->code[i]);
			e->row_v[i] *= s * s;
		} else {
			q->code[i] = f16_from_f32(row_max(x, q->n_cols));
			s = f32_from_f16(q->code[i]);
			e->row_v[i] = 1.0f;
		}
		if (!isfinite(s))
			return false;
		q->scale[i] = s;
		for (size_t j = 0; j < q->n_cols; j++)
			x[j] = s > 0 ? x[j] / s : 0.0f;
	}
	/* The metric is used in single precision: keep it in range. */
	metric_weights(e->row_v, q->n_rows, 1e-6f, e->row_v);
	return true;
}

struct rank {
	uint32_t count, k;
};

static int by_count(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->k < y->k ? -1 : 1;
}

/*
 * Move codebook and indices into q. In the compact form centroids stand by
 * falling count, and the unused ones are gone. counts: [cb->k].
 */
static enum hvqz_ret settle(struct encoder *e, const struct codebook *cb,
			    uint32_t *counts, struct hvqz_err *err)
{
	struct hasvq *q = &e->q;
	size_t n_blocks = e->n_blocks;
	struct rank *order = calloc(cb->k, sizeof(*order));
	uint16_t *to = malloc(cb->k * sizeof(*to));
	enum hvqz_ret ret;

	q->cent = malloc((size_t)cb->k * cb->b * sizeof(*q->cent));
	q->grid = malloc((size_t)cb->k * cb->b * sizeof(*q->grid));
	q->idx = malloc(n_blocks * sizeof(*q->idx));
	if (!order || !to || !q->cent || !q->grid || !q->idx) {
		ret = hvqz_nomem(err, n_blocks * 2, "the indices");
		goto out;
	}
	for (uint32_t k = 0; k < cb->k; k++)
		order[k].k = k;
	for (size_t i = 0; i < n_blocks; i++) {
		assert(codebook_centroid(cb, e->idx[i]) < cb->k);
		order[codebook_centroid(cb, e->idx[i])].count++;
	}
	if (q->compact)
		qsort(order, cb->k, sizeof(*order), by_count);
	for (q->k = 0; q->k < cb->k; q->k++) {
		const struct rank *r = &order[q->k];

		if (q->compact && !r->count)
			break;
		counts[q->k] = r->count;
		to[r->k] = (uint16_t)q->k;
		for (unsigned d = 0; d < cb->b; d++) {
			float c = cb->cent[(size_t)d * cb->k + r->k];
			size_t at = (size_t)q->k * cb->b + d;

			q->cent[at] = c;
			if (q->compact)
				q->grid[at] = (int32_t)rintf(c / q->step);
		}
	}
	for (size_t i = 0; i < n_blocks; i++)
		q->idx[i] = hasvq_index(to[codebook_centroid(cb, e->idx[i])],
					codebook_negative(cb, e->idx[i]));
	ret = HVQZ_OK;
out:
	free(order);
	free(to);
	return ret;
}

/*
 * What the decoder will make of q, and the error of that. The job compares it
 * with what the decoder did make: a second opinion on every chunk.
 */
static enum hvqz_ret measure(const struct encoder *e,
			     struct codec_stats *stats, struct hvqz_err *err)
{
	uint8_t *made = malloc(e->slab->raw_len);
	enum hvqz_ret ret;

	if (!made)
		return hvqz_nomem(err, e->slab->raw_len, "a reconstruction");
	ret = hasvq_reconstruct(&e->q, e->slab->dtype, e->env->kern->decode,
				made, err);
	if (ret == HVQZ_OK)
		weights_error(e->env->kern, e->slab->dtype, e->raw, made,
			      e->n_elems, &stats->noise, &stats->signal);
	free(made);
	return ret;
}

/* W into x (rows padded to whole blocks), everything of the slab's size. */
static enum hvqz_ret open(struct encoder *e, bool *finite,
			  struct hvqz_err *err)
{
	struct hasvq *q = &e->q;
	size_t row_len = q->n_cols * (dtype_bits(e->slab->dtype) / 8);

	q->scale = malloc(q->n_rows * sizeof(*q->scale));
	q->code = malloc(q->n_rows * sizeof(*q->code));
	e->x = calloc(q->n_rows * e->padded, sizeof(*e->x));
	e->covered = calloc(q->n_rows, e->padded);
	e->idx = malloc(e->n_blocks * sizeof(*e->idx));
	e->col_u = malloc(e->padded * sizeof(*e->col_u));
	e->row_v = malloc(q->n_rows * sizeof(*e->row_v));
	if (!q->scale || !q->code || !e->x || !e->covered || !e->idx ||
	    !e->col_u || !e->row_v)
		return hvqz_nomem(err, e->n_elems * sizeof(float),
				  "the slab's weights");
	for (size_t i = 0; i < e->n_blocks; i++)
		e->idx[i] = NEAREST_ANY;
	*finite = true;
	for (size_t i = 0; i < q->n_rows && *finite; i++)
		*finite = weights_widen(e->slab->dtype, e->raw + i * row_len,
					q->n_cols, e->x + i * e->padded);
	return HVQZ_OK;
}

/*
 * How long to train. Measured on 4 M Gaussian weights (K = 2048, b = 4) by the
 * noise at equal size: the second is 0.03 dB better, the third 0.08, the fourth
 * 0.13 than five and fifteen whole iterations, each from the start.
 */
struct schedule {
	bool quick;	/* a body to choose outliers by */
	struct kmeans_round first[KMEANS_ROUNDS], then[KMEANS_ROUNDS];
};

static const struct schedule schedules[] = {
	{false, {{0, 1}, {0, 1}, {0, 1}}, {{12, 8}, {1, 1}, {0, 1}}},
	{true, {{4, 8}, {0, 1}, {0, 1}}, {{8, 8}, {4, 2}, {1, 1}}},
	{true, {{8, 8}, {0, 1}, {0, 1}}, {{8, 8}, {4, 2}, {2, 1}}},
	{true, {{8, 8}, {0, 1}, {0, 1}}, {{16, 8}, {16, 2}, {8, 1}}},
};

static const struct schedule published = {
	false, {{0, 1}, {0, 1}, {0, 1}}, {{15, 1}, {0, 1}, {0, 1}},
};

static const struct schedule *schedule_of(const struct codec_settings *set)
{
	int i = set->effort < 3 ? 0 : set->effort < 5 ? 1 : set->effort < 7 ? 2
									    : 3;

	return set->faithful ? &published : &schedules[i];
}

/* Stages 2 to 4: outliers, codebook, indices. */
static enum hvqz_ret quantize(struct encoder *e, struct codebook *cb,
			      struct hvqz_err *err)
{
	const struct schedule *plan = schedule_of(e->set);
	size_t n_out = decouple_count(e->n_elems, e->set->outliers);
	size_t n_first = n_out;
	struct codebook quick = {0};
	uint32_t k = body_centroids(e->set, e->n_blocks);
	enum hvqz_ret ret;

	if (plan->quick)
		n_first = (size_t)(BY_IMPORTANCE * (double)n_out);
	TRY(outliers_by_importance(e, n_first, err));
	if (n_first < n_out) {
		TRY_OUT(body_train(e, k, plan->first, NULL, &quick, err));
		TRY_OUT(body_assign(e, &quick, err));
		TRY_OUT(outliers_by_error(e, &quick, n_out, err));
	}
	/* What is chosen by now is a start for the codebook and its indices. */
	TRY_OUT(body_train(e, k, plan->then, quick.k ? &quick : NULL, cb, err));
	ret = body_assign(e, cb, err);
out:
	codebook_free(&quick);
	return ret;
}

enum hvqz_ret hasvq_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, struct codec_stats *stats,
			   bool *declined, struct hvqz_err *err)
{
	struct encoder e = {.env = env, .slab = slab, .set = set, .raw = raw};
	struct codebook cb = {0};
	uint32_t *counts = NULL;
	bool finite = false;
	enum hvqz_ret ret;

	e.q.compact = !set->faithful;
	e.q.b = set->block;
	e.q.n_rows = slab->n_rows;
	e.q.n_cols = slab->n_cols;
	e.q.row_blocks = (e.q.n_cols + e.q.b - 1) / e.q.b;
	e.padded = e.q.row_blocks * e.q.b;
	e.n_elems = e.q.n_rows * e.q.n_cols;
	e.n_blocks = e.q.n_rows * e.q.row_blocks;
	*declined = true;
	TRY_OUT(open(&e, &finite, err));
	stats->nonfinite = !finite;
	if (!finite)
		goto out;
	take_sens(&e, sens);
	if (!scale_rows(&e))
		goto out;
	TRY_OUT(quantize(&e, &cb, err));
	counts = malloc(cb.k * sizeof(*counts));
	if (!counts) {
		ret = hvqz_nomem(err, cb.k * sizeof(*counts), "counts");
		goto out;
	}
	TRY_OUT(settle(&e, &cb, counts, err));
	TRY_OUT(hasvq_put(&e.q, counts, out, err));
	TRY_OUT(measure(&e, stats, err));
	*declined = false;
out:
	free(counts);
	codebook_free(&cb);
	free(e.x);
	free(e.covered);
	free(e.idx);
	free(e.col_u);
	free(e.row_v);
	hasvq_free(&e.q);
	return ret;
}

uint64_t hasvq_encode_memory(const struct slab *slab,
			     const struct codec_settings *set)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols, rows = slab->n_rows;
	uint64_t row_blocks = (slab->n_cols + set->block - 1) / set->block;
	uint64_t padded = row_blocks * set->block, n_blocks = rows * row_blocks;
	uint64_t n_out = decouple_count(n, set->outliers);
	uint32_t k = body_centroids(set, n_blocks);
	uint64_t cells = (uint64_t)k * set->block, keep, most, need;

	/*
	 * For the whole time: x and covered, the best numbers, what rows and
	 * columns have, the outliers, a codebook or two.
	 */
	keep = rows * padded * 5 + n_blocks * 4 + padded * 4 + rows * 10 +
	       n_out * 6 + (cells + k) * 8;
	/* Besides that one of: scores, with an outlier's weight or counts; */
	most = n * 4 + (n_out * 4 > 1 << 19 ? n_out * 4 : 1 << 19);
	/* training; the search of all, a row at a time; */
	need = body_train_memory(set, k, n_blocks);
	most = need > most ? need : most;
	/*
	 * the indices as stored, the codebook twice, and on top of them the
	 * list that is being coded or the reconstruction.
	 */
	need = n_blocks * 4 > n_out * 8 ? n_blocks * 4 : n_out * 8;
	if (need < slab->raw_len + rows * 4 + cells * 4)
		need = slab->raw_len + rows * 4 + cells * 4;
	need += n_blocks * 2 + cells * 8 + k * (uint64_t)32;
	most = need > most ? need : most;
	return keep + most + padded * 8 + ((uint64_t)64 << 10);
}
