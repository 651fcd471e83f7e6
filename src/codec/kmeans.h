/*
 * kmeans.h - training a codebook: Lloyd's iteration with weights and with the
 * price of an index in the metric.
 *
 * Plain k-means (HAS-VQ as published) minimises Σ ‖x_p − c_k(p)‖². Ours
 * minimises
 *
 *	Σ_p  v_p·Σ_d u_pd·(x_pd − c_kd)²  +  λ·bits(k),   bits(k) = −log2 P(k)
 *
 * with u the sensitivity of the coordinate (h of its input channel), v the
 * point's own weight (its row's scale squared × row sensitivity): the
 * entropy-constrained vector quantizer of Chou, Lookabaugh and Gray (IEEE
 * Trans. ASSP 37, 1989). With u = v = 1 and λ = 0 it is plain k-means.
 */
#ifndef CODEC_KMEANS_H
#define CODEC_KMEANS_H

#include "codec/codec.h"
#include "kernels/nearest.h"

struct points {
	size_t n;
	unsigned b;		/* coordinates: 1, 2, 4, 8 */
	const float *x;		/* [n][b] */
	const float *u;		/* [n][b] ≥ 0 */
	const float *v;		/* [n] > 0 */
};

struct codebook {
	unsigned b;
	uint32_t k;		/* centroids */
	/*
	 * A mirrored codebook uses each centroid with both signs: number i
	 * stands for c_i, number k + i for −c_i. Weights have no preferred
	 * sign, so this gives the quality of twice the centroids for one more
	 * bit an index and no bigger codebook.
	 */
	bool mirrored;
	float *cent;		/* [b][k]; owned */
	float *bits;		/* [k]; owned */
	double lambda;		/* price of a bit in the units of the metric */
	double mse;		/* mean (x − c)², unweighted, where u > 0 */
};

/*
 * Iterations on a part of the points: 1 / parts of them, another part each
 * time. What a codebook looks like, few points tell; where exactly it is best,
 * many.
 */
struct kmeans_round {
	unsigned iterations, parts;
};

enum { KMEANS_ROUNDS = 3 };

struct kmeans_settings {
	uint32_t k;
	struct kmeans_round rounds[KMEANS_ROUNDS];
	bool mirrored;
	/* To go on from: as many centroids, mirrored alike; or NULL. */
	const struct codebook *from;
	/*
	 * λ = mu · 2 ln 2 · D, D the mean weighted error per coordinate: at
	 * mu = 1 a bit costs what a bit is worth on the rate–distortion curve
	 * D ∝ 4^−R. 0: indices are free.
	 */
	double mu;
	uint64_t seed;
};

/*
 * Train on the points (at least one; a part is a run of them, so their order is
 * by chance where there are parts). The caller frees *cb.
 */
enum hvqz_ret kmeans_train(const struct codec_env *env,
			   const struct points *pts,
			   const struct kmeans_settings *set,
			   struct codebook *cb, struct hvqz_err *err);
/* What a number from kmeans_assign means. */
static inline uint32_t codebook_centroid(const struct codebook *cb,
					 uint32_t number)
{
	return number < cb->k ? number : number - cb->k;
}

static inline bool codebook_negative(const struct codebook *cb,
				     uint32_t number)
{
	return number >= cb->k;
}

void codebook_free(struct codebook *cb);

/*
 * The tree of its numbers; without kern as nearest_tree_make() says. HVQZ_NOMEM;
 * nearest_tree_free() in every case.
 */
enum hvqz_ret codebook_tree(const struct codebook *cb,
			    const struct kernels *kern, struct nearest_tree *t,
			    struct hvqz_err *err);

/*
 * The best number for every point to idx [n], in which are numbers to begin
 * with, or NEAREST_ANY; HVQZ_STOPPED when told so.
 */
enum hvqz_ret kmeans_assign(const struct codec_env *env,
			    const struct points *pts,
			    const struct codebook *cb,
			    const struct nearest_tree *tree, uint32_t *idx,
			    struct hvqz_err *err);

#endif
