/*
 * nearest.h - a codebook as a tree of boxes, for kernels.h's search.
 *
 * Eight entries that lie together are a leaf, eight leaves a branch, eight
 * branches a bough; each has the smallest box around its entries and the
 * smallest of their prices. A codebook has few boughs: all are looked at.
 */
#ifndef KERNELS_NEAREST_H
#define KERNELS_NEAREST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernels;

enum {
	NEAREST_WIDTH = 8,	/* entries of a leaf, boxes of a node */
	NEAREST_LEVELS = 3,	/* of boxes: leaves, branches, boughs */
	NEAREST_MAX_B = 8,
};

/* What fills a leaf: so far away, and so dear, that it is never nearest. */
#define NEAREST_FAR 1e18f

/* A seed for a point of which nothing is known. */
#define NEAREST_ANY UINT32_MAX

struct nearest_tree {
	unsigned b;		/* 1, 2, 4 or 8 */
	size_t n;		/* entries */
	/*
	 * Entries by eights: [leaf][b + 1][8], their coordinates and then
	 * their prices; number[leaf][8]: what they are called.
	 */
	float *entry;
	uint32_t *number;
	/*
	 * Boxes by eights, of leaves, branches and boughs: [node][2b + 1][8],
	 * lower and upper ends, prices. n_boxes without what fills the last
	 * node.
	 */
	float *box[NEAREST_LEVELS];
	size_t n_boxes[NEAREST_LEVELS];
	/* The set bits of a number, and how many. */
	uint8_t lanes[256][NEAREST_WIDTH], n_lanes[256];
	uint32_t *place;	/* [n]: where it is in `number` */
	/*
	 * A place to begin at for x: cells of a grid, `steps` in each
	 * coordinate; cell c of coordinate d begins at first[d] + c / per[d].
	 */
	unsigned steps;
	float first[NEAREST_MAX_B], per[NEAREST_MAX_B];
	uint32_t *start;	/* [steps^b] */
};

/*
 * The tree of k ≥ 1 centroids cent[b][k] of prices bits[k] ≥ 0. Number i is
 * centroid i, and if mirrored number k + i its negative. Finite all. Without
 * kern there are no starts, and every point must come with a number.
 * HVQZ_NOMEM. nearest_tree_free() in every case.
 */
enum hvqz_ret nearest_tree_make(struct nearest_tree *t, unsigned b,
				const float *cent, const float *bits, size_t k,
				bool mirrored,
				const struct kernels *kern,
				struct hvqz_err *err);
void nearest_tree_free(struct nearest_tree *t);

/* Bytes of a tree of so many centroids, at the most. */
uint64_t nearest_tree_memory(unsigned b, size_t k, bool mirrored);

#endif
