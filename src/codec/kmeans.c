/* kmeans.c - the training of kmeans.h. */
#include "codec/kmeans.h"

#include "base/log2.h"
#include "base/rng.h"
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

enum {
	BATCH = 1024,		/* points between two looks at the stop flag */
	MIN_PER_CENTROID = 16,	/* points of a part */
};

struct training {
	const struct points *pts;	/* all */
	struct points part;		/* of this iteration */
	uint32_t *idx;		/* [n] */
	uint32_t *part_idx;	/* of the part, in idx */
	double *sum;		/* [k][b]: Σ v·u·x */
	double *weight;		/* [k][b]: Σ v·u */
	uint32_t *count;	/* [k] */
	struct rng rng;
};

void codebook_free(struct codebook *cb)
{
	free(cb->cent);
	free(cb->bits);
	*cb = (struct codebook){0};
}

static enum hvqz_ret codebook_alloc(struct codebook *cb, unsigned b,
				    uint32_t k, bool mirrored,
				    struct hvqz_err *err)
{
	*cb = (struct codebook){.b = b, .k = k, .mirrored = mirrored};
	cb->cent = malloc((size_t)k * b * sizeof(float));
	cb->bits = calloc(k, sizeof(float));
	if (!cb->cent || !cb->bits) {
		codebook_free(cb);
		return hvqz_nomem(err, (size_t)k * (b + 1) * sizeof(float),
				  "a codebook");
	}
	return HVQZ_OK;
}

static void set_centroid(struct codebook *cb, uint32_t k, const float *x)
{
	for (unsigned d = 0; d < cb->b; d++)
		cb->cent[(size_t)d * cb->k + k] = x[d];
}

enum hvqz_ret codebook_tree(const struct codebook *cb,
			    const struct kernels *kern, struct nearest_tree *t,
			    struct hvqz_err *err)
{
	return nearest_tree_make(t, cb->b, cb->cent, cb->bits, cb->k,
				 cb->mirrored, kern, err);
}

enum hvqz_ret kmeans_assign(const struct codec_env *env,
			    const struct points *pts,
			    const struct codebook *cb,
			    const struct nearest_tree *tree, uint32_t *idx,
			    struct hvqz_err *err)
{
	float lam[BATCH];

	for (size_t p = 0; p < pts->n; p += BATCH) {
		size_t n = pts->n - p < BATCH ? pts->n - p : BATCH;

		if (env->stopped && env->stopped(env->stopped_ctx))
			return hvqz_fail(err, HVQZ_STOPPED, "stopped");
		for (size_t i = 0; i < n; i++)
			lam[i] = (float)cb->lambda / pts->v[p + i];
		env->kern->search(tree, pts->x + p * cb->b,
				  pts->u + p * cb->b, lam, n, idx + p);
	}
	return HVQZ_OK;
}

/* K different points in random order: a partial Fisher–Yates shuffle. */
static enum hvqz_ret start(struct training *t, struct codebook *cb,
			   struct hvqz_err *err)
{
	size_t n = t->pts->n;
	uint32_t *order = malloc(n * sizeof(*order));

	if (!order)
		return hvqz_nomem(err, n * sizeof(*order), "k-means start");
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (uint32_t k = 0; k < cb->k; k++) {
		size_t j = k + rng_below(&t->rng, n - k);
		uint32_t take = order[j];

		order[j] = order[k];
		order[k] = take;
		set_centroid(cb, k, t->pts->x + (size_t)take * cb->b);
	}
	free(order);
	return HVQZ_OK;
}

/* Sums over every cell, and the errors of the assignment. */
static void gather(struct training *t, struct codebook *cb, double *weighted)
{
	const struct points *pts = &t->part;
	unsigned b = cb->b;
	double plain = 0;
	size_t n_plain = 0;

	memset(t->sum, 0, cb->k * b * sizeof(*t->sum));
	memset(t->weight, 0, cb->k * b * sizeof(*t->weight));
	memset(t->count, 0, cb->k * sizeof(*t->count));
	*weighted = 0;
	for (size_t p = 0; p < pts->n; p++) {
		const float *x = pts->x + p * b, *u = pts->u + p * b;
		uint32_t k = codebook_centroid(cb, t->part_idx[p]);
		double sign = codebook_negative(cb, t->part_idx[p]) ? -1 : 1;

		t->count[k]++;
		for (unsigned d = 0; d < b; d++) {
			double w = (double)pts->v[p] * u[d];
			double y = sign * x[d];
			double e = y - cb->cent[(size_t)d * cb->k + k];

			t->sum[k * b + d] += w * y;
			t->weight[k * b + d] += w;
			*weighted += w * e * e;
			plain += u[d] > 0 ? e * e : 0;
			n_plain += u[d] > 0;
		}
	}
	n_plain += !n_plain;
	*weighted /= (double)n_plain;
	cb->mse = plain / (double)n_plain;
}

/* Every centroid to the weighted mean of its cell; dead ones start anew. */
static void move(struct training *t, struct codebook *cb, bool revive)
{
	for (uint32_t k = 0; k < cb->k; k++) {
		if (!t->count[k] && revive) {
			size_t p = rng_below(&t->rng, t->pts->n);

			set_centroid(cb, k, t->pts->x + p * cb->b);
		}
		for (unsigned d = 0; t->count[k] && d < cb->b; d++) {
			double w = t->weight[k * cb->b + d];

			if (w > 0)
				cb->cent[(size_t)d * cb->k + k] =
					(float)(t->sum[k * cb->b + d] / w);
		}
	}
}

/*
 * The price of each index from the cells' counts; an empty one counts half.
 * (A sign costs the same for all and needs no price.)
 */
static void price(struct training *t, struct codebook *cb)
{
	float log_n = log2_approx((float)t->part.n);

	for (uint32_t k = 0; k < cb->k; k++) {
		float c = t->count[k] ? (float)t->count[k] : 0.5f;

		cb->bits[k] = log_n - log2_approx(c);
	}
}

/* The part'th of so many: a run of the points. */
static void take_part(struct training *t, unsigned part, unsigned parts)
{
	const struct points *pts = t->pts;
	size_t from = pts->n * part / parts;
	size_t end = pts->n * (part + 1) / parts;

	t->part_idx = t->idx + from;
	t->part = (struct points){
		.n = end - from,
		.b = pts->b,
		.x = pts->x + from * pts->b,
		.u = pts->u + from * pts->b,
		.v = pts->v + from,
	};
}

static enum hvqz_ret iterate(const struct codec_env *env, struct training *t,
			     const struct kmeans_settings *set,
			     struct codebook *cb, bool seen, bool last,
			     struct hvqz_err *err)
{
	struct nearest_tree tree;
	double weighted;
	enum hvqz_ret ret;

	TRY_OUT(codebook_tree(cb, seen ? NULL : env->kern, &tree, err));
	TRY_OUT(kmeans_assign(env, &t->part, cb, &tree, t->part_idx, err));
	gather(t, cb, &weighted);
	move(t, cb, !last);
	if (set->mu > 0) {
		/* 2 ln 2 = 1.386… */
		cb->lambda = set->mu * 1.3862943611198906 * weighted;
		price(t, cb);
	}
out:
	nearest_tree_free(&tree);
	return ret;
}

static enum hvqz_ret begin(struct training *t,
			   const struct kmeans_settings *set,
			   struct codebook *cb, struct hvqz_err *err)
{
	for (size_t p = 0; p < t->pts->n; p++)
		t->idx[p] = NEAREST_ANY;
	if (!set->from || set->from->k != cb->k)
		return start(t, cb, err);
	memcpy(cb->cent, set->from->cent,
	       (size_t)cb->k * cb->b * sizeof(*cb->cent));
	memcpy(cb->bits, set->from->bits, cb->k * sizeof(*cb->bits));
	cb->lambda = set->from->lambda;
	return HVQZ_OK;
}

enum hvqz_ret kmeans_train(const struct codec_env *env,
			   const struct points *pts,
			   const struct kmeans_settings *set,
			   struct codebook *cb, struct hvqz_err *err)
{
	uint32_t k = set->k < pts->n ? set->k : (uint32_t)pts->n;
	struct training t = {.pts = pts, .rng = {set->seed}};
	size_t cells = (size_t)k * pts->b;
	unsigned left = 0;
	bool seen = false;
	enum hvqz_ret ret;

	*cb = (struct codebook){0};
	t.idx = malloc(pts->n * sizeof(*t.idx));
	t.sum = malloc(cells * sizeof(*t.sum));
	t.weight = malloc(cells * sizeof(*t.weight));
	t.count = malloc(k * sizeof(*t.count));
	if (!t.idx || !t.sum || !t.weight || !t.count) {
		ret = hvqz_nomem(err, pts->n * 4 + cells * 16, "k-means");
		goto out;
	}
	TRY_OUT(codebook_alloc(cb, pts->b, k, set->mirrored, err));
	TRY_OUT(begin(&t, set, cb, err));
	for (unsigned r = 0; r < KMEANS_ROUNDS; r++)
		left += set->rounds[r].iterations;
	for (unsigned r = 0; r < KMEANS_ROUNDS; r++)
		for (unsigned i = 0; i < set->rounds[r].iterations; i++) {
			unsigned parts = set->rounds[r].parts;

			/* Few points: no fewer. */
			while (parts > 1 &&
			       pts->n / parts < (size_t)k * MIN_PER_CENTROID)
				parts /= 2;
			take_part(&t, i % parts, parts);
			TRY_OUT(iterate(env, &t, set, cb, seen, !--left, err));
			seen |= parts == 1;
		}
	ret = HVQZ_OK;
out:
	free(t.idx);
	free(t.sum);
	free(t.weight);
	free(t.count);
	if (ret != HVQZ_OK)
		codebook_free(cb);
	return ret;
}
