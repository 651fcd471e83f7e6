/*
 * nearest_template.h - the search of nearest.h's tree, included once per
 * instruction set with
 *
 *	NEAREST_NAME	the function's name
 *	NEAREST_TARGET	a target attribute, or empty
 *	NEAREST_LANES	of its vectors: 4 or 8
 *	NEAREST_SIGNS	the sign bits of a vector
 *	NEAREST_MAX	of two vectors
 *	NEAREST_APPEND	(to, lanes, n, first): first + 256 · lanes[i] to to[i],
 *			i < n; up to eight may be written
 *
 * An entry's value is
 *
 *	lam·bits + Σ_d w_d·(x_d − c_d)²,
 *
 * summed in this order, each product as (w·e)·e. No entry in a box is nearer
 * than the box, whose value is made by the same operations in the same order
 * with the price's least and the distances to the box: each rounds
 * monotonically, so the box's value as computed is at most that of any entry
 * as computed. A box whose value is above the best so far can therefore be
 * passed over, and the result is the one of looking at all: nothing depends
 * on the shape of the tree, on where the search begins or on how fast the best
 * is found.
 *
 * A processor guesses badly which boxes are worth a look. So a batch of points
 * goes down the tree level by level: pairs of a point and a node wait in a
 * queue, and a pair's eight values become pairs of the next queue without a
 * branch.
 */

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)
#define VF GLUE(NEAREST_NAME, _vf)
#define VI GLUE(NEAREST_NAME, _vi)
#define QUEST GLUE(NEAREST_NAME, _quest)
#define PARTS (NEAREST_WIDTH / NEAREST_LANES)
#define INLINE static inline __attribute__((always_inline)) NEAREST_TARGET

typedef float VF __attribute__((vector_size(4 * NEAREST_LANES)));
typedef int32_t VI __attribute__((vector_size(4 * NEAREST_LANES)));

struct QUEST {
	const struct nearest_tree *t;
	const float *x, *w, *lam;	/* of the batch */
	uint32_t *number;		/* [batch]: the best so far */
	float best[NEAREST_BATCH];
	/* Nodes to look at, of each level: node << 8 | point. */
	size_t waiting[NEAREST_LEVELS + 1];
	uint32_t queue[NEAREST_LEVELS + 1][NEAREST_QUEUE + NEAREST_WIDTH];
};

/* The values of a leaf's entries for point p; b is constant at every call. */
INLINE void GLUE(NEAREST_NAME, _values)(const struct QUEST *q, unsigned b,
					size_t leaf, size_t p, VF *value)
{
	const float *entry = q->t->entry + leaf * (b + 1) * NEAREST_WIDTH;
	const float *x = q->x + p * b, *w = q->w + p * b;
	VF sum, c;

#pragma GCC unroll 2
	for (unsigned h = 0; h < PARTS; h++, entry += NEAREST_LANES) {
		memcpy(&sum, entry + b * NEAREST_WIDTH, sizeof(sum));
		sum *= q->lam[p];
#pragma GCC unroll 8
		for (unsigned d = 0; d < b; d++) {
			memcpy(&c, entry + d * NEAREST_WIDTH, sizeof(c));
			c = x[d] - c;
			sum += w[d] * c * c;
		}
		value[h] = sum;
	}
}

INLINE void GLUE(NEAREST_NAME, _leaf)(struct QUEST *q, unsigned b, size_t leaf,
				      size_t p)
{
	const uint32_t *number = q->t->number + leaf * NEAREST_WIDTH;
	VF sum[PARTS], best = {0};
	float value[NEAREST_WIDTH];
	unsigned near = 0;
	VI name, own = {0};

	GLUE(NEAREST_NAME, _values)(q, b, leaf, p, sum);
	best += q->best[p];
	own += (int32_t)q->number[p];
#pragma GCC unroll 2
	for (unsigned h = 0; h < PARTS; h++) {
		memcpy(&name, number + h * NEAREST_LANES, sizeof(name));
		name = (VI)(sum[h] < best) |
		       ((VI)(sum[h] == best) & (VI)(name < own));
		near |= NEAREST_SIGNS(name) << h * NEAREST_LANES;
	}
	if (__builtin_expect(!near, 1))
		return;
	memcpy(value, sum, sizeof(value));
	for (; near; near &= near - 1) {
		unsigned l = (unsigned)__builtin_ctz(near);

		if (value[l] < q->best[p] || (value[l] == q->best[p] &&
					      number[l] < q->number[p])) {
			q->best[p] = value[l];
			q->number[p] = number[l];
		}
	}
}

/* A node's boxes: those not above the best, as pairs of the level below. */
INLINE void GLUE(NEAREST_NAME, _node)(struct QUEST *q, unsigned b,
				      unsigned level, size_t node, size_t p)
{
	const float *box = q->t->box[level] +
			   node * (2 * b + 1) * NEAREST_WIDTH;
	const float *x = q->x + p * b, *w = q->w + p * b;
	VF sum, low, high, best = {0}, none = {0};
	size_t rest = q->t->n_boxes[level] - node * NEAREST_WIDTH;
	unsigned near = 0, n;
	VI less;

	rest = rest < NEAREST_WIDTH ? rest : NEAREST_WIDTH;
	best += q->best[p];
#pragma GCC unroll 2
	for (unsigned h = 0; h < PARTS; h++, box += NEAREST_LANES) {
		memcpy(&sum, box + 2 * b * NEAREST_WIDTH, sizeof(sum));
		sum *= q->lam[p];
#pragma GCC unroll 8
		for (unsigned d = 0; d < b; d++) {
			const float *ends = box + d * NEAREST_WIDTH;

			memcpy(&low, ends, sizeof(low));
			memcpy(&high, ends + b * NEAREST_WIDTH, sizeof(high));
			low -= x[d];
			high = x[d] - high;
			low = NEAREST_MAX(NEAREST_MAX(low, high), none);
			sum += w[d] * low * low;
		}
		less = (VI)(sum <= best);
		near |= NEAREST_SIGNS(less) << h * NEAREST_LANES;
	}
	/* Where w and lam are 0, what fills the node is as near as the rest. */
	near &= 0xffu >> (NEAREST_WIDTH - rest);
	n = q->t->n_lanes[near];
	NEAREST_APPEND(q->queue[level] + q->waiting[level], q->t->lanes[near],
		       n, (uint32_t)(node * NEAREST_WIDTH << 8 | p));
	q->waiting[level] += n;
}

/* All that waits at a level, and what comes of it; from 0, the leaves. */
INLINE void GLUE(NEAREST_NAME, _leaves)(struct QUEST *q, unsigned b)
{
	for (size_t i = 0; i < q->waiting[0]; i++)
		GLUE(NEAREST_NAME, _leaf)(q, b, q->queue[0][i] >> 8,
					  q->queue[0][i] & 255);
	q->waiting[0] = 0;
}

INLINE void GLUE(NEAREST_NAME, _branches)(struct QUEST *q, unsigned b)
{
	for (size_t i = 0; i < q->waiting[1]; i++) {
		if (q->waiting[0] > NEAREST_QUEUE - NEAREST_WIDTH)
			GLUE(NEAREST_NAME, _leaves)(q, b);
		GLUE(NEAREST_NAME, _node)(q, b, 0, q->queue[1][i] >> 8,
					  q->queue[1][i] & 255);
	}
	q->waiting[1] = 0;
}

INLINE void GLUE(NEAREST_NAME, _boughs)(struct QUEST *q, unsigned b)
{
	for (size_t i = 0; i < q->waiting[2]; i++) {
		if (q->waiting[1] > NEAREST_QUEUE - NEAREST_WIDTH)
			GLUE(NEAREST_NAME, _branches)(q, b);
		GLUE(NEAREST_NAME, _node)(q, b, 1, q->queue[2][i] >> 8,
					  q->queue[2][i] & 255);
	}
	q->waiting[2] = 0;
}

INLINE size_t GLUE(NEAREST_NAME, _start)(const struct nearest_tree *t,
					 const float *x, unsigned b)
{
	float last = (float)(t->steps - 1);
	size_t cell = 0;

	for (unsigned d = b; d-- > 0;) {
		float c = (x[d] - t->first[d]) * t->per[d];

		c = c > 0 ? c : 0;
		c = c < last ? c : last;
		cell = cell * t->steps + (size_t)(int32_t)c;
	}
	return t->start[cell];
}

/* The first best of point p: the least of the leaf it is sent to. */
INLINE void GLUE(NEAREST_NAME, _begin)(struct QUEST *q, unsigned b, size_t p)
{
	const struct nearest_tree *t = q->t;
	size_t at = q->number[p] == NEAREST_ANY
			    ? GLUE(NEAREST_NAME, _start)(t, q->x + p * b, b)
			    : t->place[q->number[p]];
	size_t leaf = at / NEAREST_WIDTH;
	float value[NEAREST_WIDTH];
	VF sum[PARTS];

	GLUE(NEAREST_NAME, _values)(q, b, leaf, p, sum);
	memcpy(value, sum, sizeof(value));
	for (unsigned l = 0; l < NEAREST_WIDTH; l++)
		if (value[l] < value[at % NEAREST_WIDTH])
			at = leaf * NEAREST_WIDTH + l;
	q->best[p] = value[at % NEAREST_WIDTH];
	q->number[p] = t->number[at];
}

INLINE void GLUE(NEAREST_NAME, _of)(const struct nearest_tree *t,
				    const float *x, const float *w,
				    const float *lam, size_t n, unsigned b,
				    uint32_t *idx)
{
	struct QUEST q;

	q.t = t;
	memset(q.waiting, 0, sizeof(q.waiting));
	for (size_t from = 0; from < n; from += NEAREST_BATCH) {
		size_t part = n - from < NEAREST_BATCH ? n - from
						       : NEAREST_BATCH;

		q.x = x + from * b;
		q.w = w + from * b;
		q.lam = lam + from;
		q.number = idx + from;
		for (size_t p = 0; p < part; p++)
			GLUE(NEAREST_NAME, _begin)(&q, b, p);
		for (size_t node = 0; node * NEAREST_WIDTH < t->n_boxes[2];
		     node++)
			for (size_t p = 0; p < part; p++) {
				if (q.waiting[2] >
				    NEAREST_QUEUE - NEAREST_WIDTH)
					GLUE(NEAREST_NAME, _boughs)(&q, b);
				GLUE(NEAREST_NAME, _node)(&q, b, 2, node, p);
			}
		GLUE(NEAREST_NAME, _boughs)(&q, b);
		GLUE(NEAREST_NAME, _branches)(&q, b);
		GLUE(NEAREST_NAME, _leaves)(&q, b);
	}
}

/* The switch makes b a constant in each branch. */
static NEAREST_TARGET void
NEAREST_NAME(const struct nearest_tree *t, const float *x, const float *w,
	     const float *lam, size_t n, uint32_t *idx)
{
	switch (t->b) {
	case 1:
		GLUE(NEAREST_NAME, _of)(t, x, w, lam, n, 1, idx);
		break;
	case 2:
		GLUE(NEAREST_NAME, _of)(t, x, w, lam, n, 2, idx);
		break;
	case 4:
		GLUE(NEAREST_NAME, _of)(t, x, w, lam, n, 4, idx);
		break;
	default:
		GLUE(NEAREST_NAME, _of)(t, x, w, lam, n, 8, idx);
		break;
	}
}

#undef GLUE2
#undef GLUE
#undef VF
#undef VI
#undef QUEST
#undef PARTS
#undef INLINE
#undef NEAREST_NAME
#undef NEAREST_TARGET
#undef NEAREST_LANES
#undef NEAREST_SIGNS
#undef NEAREST_MAX
#undef NEAREST_APPEND
