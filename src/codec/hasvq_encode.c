/*
 * hasvq_encode.c - codec 2's encoder: the stages of HAS-VQ in order.
 *
 *	1. scale	x = W / s, row by row
 *	2. decouple	Ω = the share ρ of highest importance; x[Ω] = 0
 *	3. train	k-means on a sample of blocks
 *	4. assign	every block to a centroid
 *	5. put		payload: scales, codebook, indices, sparse residual
 *
 * Faithful (as published): s_i = max_j |W_ij| as F16, unweighted k-means, at
 * most 200·K blocks sampled, 15 iterations, dead centroids revived at random
 * points, F16 codebook, fixed-width indices.
 *
 * Ours: s_i is the row's root mean square on a grid of 2^(1/8), the metric is
 * weighted by the sensitivities on both sides and by s_i², indices have a
 * price (kmeans.h), the codebook lies on a grid whose error adds about one
 * percent, and K is lowered where the slab is small (see affordable_k).
 */
#include "codec/hasvq.h"

#include "base/rng.h"
#include "codec/kmeans.h"
#include "codec/weights.h"
#include "kernels/kernels.h"
#include "sense/decouple.h"
#include "sense/importance.h"

#include <math.h>
#include <stdlib.h>

enum {
	SAMPLE_PER_CENTROID = 200,	/* the paper's bound */
	ITERATIONS = 15,
};

/* Seeds only have to differ between uses, not between slabs. */
#define SEED_KMEANS 0x6b6d65616e73u
#define SEED_SAMPLE 0x73616d706c65u

struct encoder {
	const struct codec_env *env;
	const struct slab *slab;
	const struct codec_settings *set;
	struct hasvq q;
	size_t n_elems;		/* n_rows × n_cols */
	size_t padded;		/* numbers in a row of x: row_blocks × b */
	float *x;		/* [n_rows][padded]: W, then W / s */
	float *col_u;		/* [padded]: metric weight of each input */
	float *row_v;		/* [n_rows]: metric weight of each row */
	const float *col_h;	/* sidecar's h along columns, or NULL */
	const float *row_h;	/* along rows (axis 0), or NULL */
};

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

/* Stage 1. False when a scale does not fit F16 (plain form only). */
static bool scale_rows(struct encoder *e)
{
	struct hasvq *q = &e->q;

	for (size_t i = 0; i < q->n_rows; i++) {
		float *x = e->x + i * e->padded, s;

		if (q->compact) {
			q->code[i] = (uint16_t)hasvq_scale_code(
				row_rms(x, q->n_cols));
			s = hasvq_scale(q->code[i]);
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

/* Does any outlier overflow F16? (F32 tensors only.) */
static enum half_kind choose_kind(enum dtype dtype, const float *w, size_t n)
{
	if (dtype == DTYPE_BF16)
		return HALF_BF16;
	for (size_t i = 0; i < n && dtype == DTYPE_F32; i++)
		if (fabsf(w[i]) >= 65504.0f)
			return HALF_BF16;
	return HALF_F16;
}

/* Stage 2: fill q->sparse, and put zeros at Ω in x. */
static enum hvqz_ret take_outliers(struct encoder *e, const uint8_t *raw,
				   struct hvqz_err *err)
{
	struct hasvq *q = &e->q;
	size_t n_out = decouple_count(e->n_elems, e->set->outliers);
	unsigned elem = dtype_bits(e->slab->dtype) / 8;
	float *score = NULL, *w = NULL;
	enum hvqz_ret ret;

	TRY(sparse_alloc(&q->sparse, (uint32_t)n_out, err));
	if (!n_out)
		return HVQZ_OK;
	score = malloc(e->n_elems * sizeof(*score));
	w = malloc(n_out * sizeof(*w));
	if (!score || !w) {
		ret = hvqz_nomem(err, e->n_elems * 4, "importance scores");
		goto out;
	}
	for (size_t i = 0; i < q->n_rows; i++)
		importance(e->x + i * e->padded, 1, q->n_cols, e->col_h,
			   e->row_h ? e->row_h + i : NULL,
			   score + i * q->n_cols);
	TRY_OUT(decouple(score, e->n_elems, n_out, q->sparse.pos, err));
	for (size_t o = 0; o < n_out; o++) {
		size_t p = q->sparse.pos[o];

		weights_widen(e->slab->dtype, raw + p * elem, 1, &w[o]);
		e->x[p / q->n_cols * e->padded + p % q->n_cols] = 0;
	}
	q->sparse.kind = choose_kind(e->slab->dtype, w, n_out);
	for (size_t o = 0; o < n_out; o++)
		q->sparse.half[o] = half_from_f32(q->sparse.kind, w[o]);
	ret = HVQZ_OK;
out:
	free(score);
	free(w);
	return ret;
}

/*
 * K for a compact body. Doubling K from K/2 costs 1/b bit a weight in indices
 * and K/2 new centroids of about b·(6 + log2 K / b) bits; at a given slab size
 * the same bits spent on another slab's indices would buy the same quality, so
 * a doubling whose codebook costs more than its indices is a bad bargain.
 */
static uint32_t affordable_k(const struct encoder *e)
{
	uint32_t k = e->set->centroids;
	size_t n_blocks = e->q.n_rows * e->q.row_blocks;

	if (!e->q.compact)
		return k;
	while (k > 16) {
		unsigned log_k = 31 - (unsigned)__builtin_clz(k);
		uint64_t centroid = 4 * e->q.b + log_k;

		if ((uint64_t)k / 2 * centroid <= n_blocks)
			break;
		k /= 2;
	}
	return k;
}

/* The blocks to train on: all, or 200·K chosen at random, in order. */
struct sample {
	struct points pts;
	float *x, *u, *v;
};

static void sample_free(struct sample *s)
{
	free(s->x);
	free(s->u);
	free(s->v);
}

static enum hvqz_ret sample_blocks(const struct encoder *e, uint32_t k,
				   struct sample *s, struct hvqz_err *err)
{
	size_t n_blocks = e->q.n_rows * e->q.row_blocks, b = e->q.b;
	size_t want = (size_t)SAMPLE_PER_CENTROID * k, n = 0;
	struct rng rng = {SEED_SAMPLE};

	want = want < n_blocks ? want : n_blocks;
	*s = (struct sample){0};
	s->x = malloc(want * b * sizeof(*s->x));
	s->u = malloc(want * b * sizeof(*s->u));
	s->v = malloc(want * sizeof(*s->v));
	if (!s->x || !s->u || !s->v) {
		sample_free(s);
		return hvqz_nomem(err, want * (2 * b + 1) * 4,
				  "the k-means sample");
	}
	/* Knuth's selection sampling: each block with (wanted)/(left). */
	for (size_t i = 0; i < n_blocks && n < want; i++) {
		size_t row = i / e->q.row_blocks;
		size_t col = i % e->q.row_blocks * b;

		if (want < n_blocks &&
		    rng_below(&rng, n_blocks - i) >= want - n)
			continue;
		for (size_t d = 0; d < b; d++) {
			s->x[n * b + d] = e->x[row * e->padded + col + d];
			s->u[n * b + d] =
				e->q.compact ? e->col_u[col + d] : 1.0f;
		}
		s->v[n++] = e->row_v[row];
	}
	s->pts = (struct points){n, (unsigned)b, s->x, s->u, s->v};
	return HVQZ_OK;
}

/* Stage 3, and the codebook as it will be stored. */
static enum hvqz_ret train(struct encoder *e, struct codebook *cb,
			   struct hvqz_err *err)
{
	struct kmeans_settings ks = {
		.k = affordable_k(e),
		.iterations = ITERATIONS,
		.mu = e->q.compact ? 1.0 : 0.0,
		.seed = SEED_KMEANS,
	};
	struct sample s;
	enum hvqz_ret ret;

	TRY(sample_blocks(e, ks.k, &s, err));
	ret = kmeans_train(e->env, &s.pts, &ks, cb, err);
	sample_free(&s);
	TRY(ret);
	if (!e->q.compact) {
		for (size_t i = 0; i < cb->b * cb->k_pad; i++)
			if (i % cb->k_pad < cb->k)
				cb->cent[i] = f32_from_f16(
					f16_from_f32(cb->cent[i]));
		return HVQZ_OK;
	}
	/* A grid of step t adds t²/12 to the error: one percent of it. */
	e->q.step = sqrtf(0.12f * (float)cb->mse);
	if (!(e->q.step > 1e-6f))
		e->q.step = 1e-6f;
	for (size_t i = 0; i < cb->b * cb->k_pad; i++)
		if (i % cb->k_pad < cb->k)
			cb->cent[i] = e->q.step *
				      rintf(cb->cent[i] / e->q.step);
	return HVQZ_OK;
}

/* Stage 4: a row at a time, so that no second copy of x is needed. */
static enum hvqz_ret assign(struct encoder *e, const struct codebook *cb,
			    uint32_t *idx, struct hvqz_err *err)
{
	size_t nb = e->q.row_blocks;
	float *v = malloc(nb * sizeof(*v)), *u = NULL;
	enum hvqz_ret ret = HVQZ_OK;

	u = malloc(e->padded * sizeof(*u));
	if (!u || !v) {
		ret = hvqz_nomem(err, nb * 4 + e->padded * 4, "a row");
		goto out;
	}
	for (size_t j = 0; j < e->padded; j++)
		u[j] = e->q.compact ? e->col_u[j] : 1.0f;
	for (size_t i = 0; i < e->q.n_rows; i++) {
		struct points row = {nb, e->q.b, e->x + i * e->padded, u, v};

		for (size_t j = 0; j < nb; j++)
			v[j] = e->row_v[i];
		TRY_OUT(kmeans_assign(e->env, &row, cb, idx + i * nb, err));
	}
out:
	free(v);
	free(u);
	return ret;
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
			    const uint32_t *idx, uint32_t *counts,
			    struct hvqz_err *err)
{
	struct hasvq *q = &e->q;
	size_t n_blocks = q->n_rows * q->row_blocks;
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
	for (size_t i = 0; i < n_blocks; i++)
		order[idx[i]].count++;
	if (q->compact)
		qsort(order, cb->k, sizeof(*order), by_count);
	for (q->k = 0; q->k < cb->k; q->k++) {
		const struct rank *r = &order[q->k];

		if (q->compact && !r->count)
			break;
		counts[q->k] = r->count;
		to[r->k] = (uint16_t)q->k;
		for (unsigned d = 0; d < cb->b; d++) {
			float c = cb->cent[d * cb->k_pad + r->k];
			size_t at = (size_t)q->k * cb->b + d;

			q->cent[at] = c;
			if (q->compact)
				q->grid[at] = (int32_t)rintf(c / q->step);
		}
	}
	for (size_t i = 0; i < n_blocks; i++)
		q->idx[i] = to[idx[i]];
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
static enum hvqz_ret measure(const struct encoder *e, const uint8_t *raw,
			     struct codec_stats *stats, struct hvqz_err *err)
{
	uint8_t *made = malloc(e->slab->raw_len);
	float *row = malloc(e->padded * sizeof(*row));
	enum hvqz_ret ret = HVQZ_OK;

	if (!made || !row) {
		ret = hvqz_nomem(err, e->slab->raw_len, "a reconstruction");
	} else {
		hasvq_reconstruct(&e->q, e->slab->dtype, row, made);
		weights_error(e->slab->dtype, raw, made, e->n_elems,
			      &stats->noise, &stats->signal);
	}
	free(made);
	free(row);
	return ret;
}

/* W into x (rows padded to whole blocks), scales and weights allocated. */
static enum hvqz_ret open(struct encoder *e, const uint8_t *raw,
			  bool *finite, struct hvqz_err *err)
{
	struct hasvq *q = &e->q;
	size_t row_len = q->n_cols * (dtype_bits(e->slab->dtype) / 8);

	q->scale = malloc(q->n_rows * sizeof(*q->scale));
	q->code = malloc(q->n_rows * sizeof(*q->code));
	e->x = calloc(q->n_rows * e->padded, sizeof(*e->x));
	e->col_u = malloc(e->padded * sizeof(*e->col_u));
	e->row_v = malloc(q->n_rows * sizeof(*e->row_v));
	if (!q->scale || !q->code || !e->x || !e->col_u || !e->row_v)
		return hvqz_nomem(err, e->n_elems * sizeof(float),
				  "the slab's weights");
	*finite = true;
	for (size_t i = 0; i < q->n_rows && *finite; i++)
		*finite = weights_widen(e->slab->dtype, raw + i * row_len,
					q->n_cols, e->x + i * e->padded);
	return HVQZ_OK;
}

enum hvqz_ret hasvq_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, struct codec_stats *stats,
			   bool *declined, struct hvqz_err *err)
{
	struct encoder e = {.env = env, .slab = slab, .set = set};
	struct codebook cb = {0};
	uint32_t *idx = NULL, *counts = NULL;
	size_t n_blocks;
	bool finite = false;
	enum hvqz_ret ret;

	e.q.compact = !set->faithful;
	e.q.b = set->block;
	e.q.n_rows = slab->n_rows;
	e.q.n_cols = slab->n_cols;
	e.q.row_blocks = (e.q.n_cols + e.q.b - 1) / e.q.b;
	e.padded = e.q.row_blocks * e.q.b;
	e.n_elems = e.q.n_rows * e.q.n_cols;
	n_blocks = e.q.n_rows * e.q.row_blocks;
	*declined = true;
	TRY_OUT(open(&e, raw, &finite, err));
	stats->nonfinite = !finite;
	if (!finite)
		goto out;
	take_sens(&e, sens);
	if (!scale_rows(&e))
		goto out;
	TRY_OUT(take_outliers(&e, raw, err));
	TRY_OUT(train(&e, &cb, err));
	idx = malloc(n_blocks * sizeof(*idx));
	counts = malloc(cb.k * sizeof(*counts));
	if (!idx || !counts) {
		ret = hvqz_nomem(err, n_blocks * 4, "the indices");
		goto out;
	}
	TRY_OUT(assign(&e, &cb, idx, err));
	TRY_OUT(settle(&e, &cb, idx, counts, err));
	TRY_OUT(hasvq_put(&e.q, counts, out, err));
	TRY_OUT(measure(&e, raw, stats, err));
	*declined = false;
out:
	free(idx);
	free(counts);
	codebook_free(&cb);
	free(e.x);
	free(e.col_u);
	free(e.row_v);
	hasvq_free(&e.q);
	return ret;
}

uint64_t hasvq_encode_memory(const struct slab *slab,
			     const struct codec_settings *set)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;
	uint64_t n_blocks = n / set->block + slab->n_rows;
	uint64_t sample = (uint64_t)SAMPLE_PER_CENTROID * set->centroids;

	sample = sample < n_blocks ? sample : n_blocks;
	/* x; then the scores, or the sample with its indices, or the indices
	 * in both widths with the reconstruction: the largest of the three. */
	n = n * 4 + slab->raw_len;
	sample *= 8 * set->block + 12;
	n_blocks *= 8;
	return n + (sample > n_blocks ? sample : n_blocks) +
	       (uint64_t)set->centroids * set->block * 32 +
	       ((uint64_t)2 << 20);
}
