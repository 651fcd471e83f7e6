/*
 * hasvq_body.c - the k-means body: how many centroids, training, assignment.
 *
 * Faithful (as published): unweighted k-means on at most 200·K blocks, 15
 * iterations, dead centroids revived at random points, F16 centroids.
 *
 * Compact: the metric has the sensitivities of both sides and s_i² in it,
 * covered coordinates do not count, indices have a price, each centroid also
 * stands for its negative, and the stored codebook lies on a grid whose error
 * adds about one percent.
 */
#include "codec/hasvq_encoder.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAMPLE_PER_CENTROID = 200,	/* the paper's bound */
	PARTS = 8,			/* of a sample, each from all over */
};

/* How much of its worth a bit costs in training: see kmeans.h. */
#define INDEX_PRICE 0.3

/* Seeds only have to differ between uses, not between slabs. */
#define SEED_KMEANS 0x6b6d65616e73u
#define SEED_SAMPLE 0x73616d706c65u

/*
 * Doubling K from K/2 costs 1/b bit a weight in indices and K/2 new centroids
 * of about 4·b + log2 K bits. On a small slab the centroids cost more than the
 * indices, and the same bits would buy more quality elsewhere: such doublings
 * are left out.
 */
uint32_t body_centroids(const struct codec_settings *set, uint64_t n_blocks)
{
	uint32_t k = set->centroids;

	if (set->faithful)
		return k;
	while (k > 16) {
		unsigned log_k = 31 - (unsigned)__builtin_clz(k);
		uint64_t centroid = 4 * set->block + log_k;

		if ((uint64_t)k / 2 * centroid <= n_blocks)
			break;
		k /= 2;
	}
	return k;
}

/* Metric weights of row i's coordinates [first, first + n) to u. */
static void metric(const struct encoder *e, size_t i, size_t first, size_t n,
		   float *u)
{
	const uint8_t *covered = e->covered + i * e->padded;

	for (size_t j = first; j < first + n; j++)
		*u++ = !e->q.compact ? 1.0f
		       : covered[j]  ? 0.0f
				     : e->col_u[j];
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
	size_t b = e->q.b, n = 0, per, at;
	size_t want = (size_t)SAMPLE_PER_CENTROID * k;
	struct rng rng = {SEED_SAMPLE};

	want = want < e->n_blocks ? want : e->n_blocks;
	/* The published form's order is the blocks'. */
	per = e->q.compact ? want / PARTS : 0;
	*s = (struct sample){0};
	s->x = malloc(want * b * sizeof(*s->x));
	s->u = malloc(want * b * sizeof(*s->u));
	s->v = malloc(want * sizeof(*s->v));
	if (!s->x || !s->u || !s->v) {
		sample_free(s);
		return hvqz_nomem(err, want * (2 * b + 1) * 4,
				  "the k-means sample");
	}
	/*
	 * Knuth's selection sampling: each block with (wanted)/(left). They
	 * are dealt out to the parts that training may begin with.
	 */
	for (size_t i = 0; i < e->n_blocks && n < want; i++) {
		size_t row = i / e->q.row_blocks;
		size_t col = i % e->q.row_blocks * b;

		if (want < e->n_blocks &&
		    rng_below(&rng, e->n_blocks - i) >= want - n)
			continue;
		at = n < per * PARTS ? n % PARTS * per + n / PARTS : n;
		for (size_t d = 0; d < b; d++)
			s->x[at * b + d] = e->x[row * e->padded + col + d];
		metric(e, row, col, b, s->u + at * b);
		s->v[at] = e->row_v[row];
		n++;
	}
	s->pts = (struct points){n, (unsigned)b, s->x, s->u, s->v};
	return HVQZ_OK;
}

/* Round every centroid to what the stream can hold. */
static void store_codebook(struct encoder *e, struct codebook *cb)
{
	/* A grid of step t adds t²/12 to the error: one percent of it. */
	float step = sqrtf(0.12f * (float)cb->mse), max = 0;

	for (unsigned d = 0; d < cb->b; d++)
		for (uint32_t k = 0; k < cb->k; k++) {
			float c = fabsf(cb->cent[(size_t)d * cb->k + k]);

			max = c > max ? c : max;
		}
	/*
	 * Integers up to 2^20, so that step × integer / step is that integer
	 * again: a codebook without error (few different weights) would ask
	 * for more.
	 */
	if (step < max * 0x1p-20f)
		step = max * 0x1p-20f;
	e->q.step = step > 1e-6f ? step : 1e-6f;
	for (unsigned d = 0; d < cb->b; d++)
		for (uint32_t k = 0; k < cb->k; k++) {
			float *c = &cb->cent[(size_t)d * cb->k + k];

			if (e->q.compact)
				*c = e->q.step * rintf(*c / e->q.step);
			else
				*c = f32_from_f16(f16_from_f32(*c));
		}
}

enum hvqz_ret body_train(struct encoder *e, uint32_t k,
			 const struct kmeans_round *rounds,
			 const struct codebook *from, struct codebook *cb,
			 struct hvqz_err *err)
{
	struct kmeans_settings ks = {
		.k = k,
		.from = from,
		.mirrored = e->q.compact,
		.mu = e->q.compact ? INDEX_PRICE : 0.0,
		.seed = SEED_KMEANS,
	};
	struct sample s;
	enum hvqz_ret ret;

	memcpy(ks.rounds, rounds, sizeof(ks.rounds));
	TRY(sample_blocks(e, k, &s, err));
	ret = kmeans_train(e->env, &s.pts, &ks, cb, err);
	sample_free(&s);
	if (ret == HVQZ_OK)
		store_codebook(e, cb);
	return ret;
}

/* A row at a time, so that no second copy of x is needed. */
enum hvqz_ret body_assign(struct encoder *e, const struct codebook *cb,
			  struct hvqz_err *err)
{
	size_t nb = e->q.row_blocks;
	float *v = malloc(nb * sizeof(*v));
	float *u = malloc(e->padded * sizeof(*u));
	struct nearest_tree tree = {0};
	enum hvqz_ret ret;

	if (!u || !v) {
		ret = hvqz_nomem(err, (nb + e->padded) * 4, "a row");
		goto out;
	}
	TRY_OUT(codebook_tree(cb, e->env->kern, &tree, err));
	for (size_t i = 0; i < e->q.n_rows; i++) {
		struct points row = {nb, e->q.b, e->x + i * e->padded, u, v};

		metric(e, i, 0, e->padded, u);
		for (size_t j = 0; j < nb; j++)
			v[j] = e->row_v[i];
		TRY_OUT(kmeans_assign(e->env, &row, cb, &tree,
				      e->idx + i * nb, err));
	}
out:
	nearest_tree_free(&tree);
	free(v);
	free(u);
	return ret;
}

uint64_t body_train_memory(const struct codec_settings *set, uint32_t k,
			   uint64_t n_blocks)
{
	uint64_t n = (uint64_t)SAMPLE_PER_CENTROID * k, b = set->block, cells;
	uint64_t first, then;

	n = n < n_blocks ? n : n_blocks;
	cells = k * b;
	/* The sample's x, u and v, the indices; the codebook, sums, counts. */
	first = n * (8 * b + 8) + cells * (4 + 16) + k * (uint64_t)8;
	/* The order of the start is gone when the first tree is made. */
	then = nearest_tree_memory((unsigned)b, k, !set->faithful);
	return first + (n * 4 > then ? n * 4 : then);
}
