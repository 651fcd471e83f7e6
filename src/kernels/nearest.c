/*
 * nearest.c - the making of nearest.h's trees: entries are parted at the middle
 * of their longest side until eight are left.
 */
#include "kernels/nearest.h"

#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct key {
	float x;
	uint32_t at;		/* number */
};

struct builder {
	struct nearest_tree *t;
	const float *bits;
	size_t k;
	float *at;		/* [n][b]: the entries in a row */
	struct key *key;	/* [n], in the order of the leaves when done */
};

static float coordinate(const struct builder *m, uint32_t number, unsigned d)
{
	return m->at[(size_t)number * m->t->b + d];
}

static bool before(const struct key *a, const struct key *b)
{
	return a->x < b->x || (a->x == b->x && a->at < b->at);
}

/* The n_low smallest keys to the front. */
static void part(struct key *key, size_t n, size_t n_low)
{
	while (n > 1) {
		struct key pivot = key[n / 2], other;
		ptrdiff_t i = 0, j = (ptrdiff_t)n - 1;

		while (i <= j) {
			while (before(&key[i], &pivot))
				i++;
			while (before(&pivot, &key[j]))
				j--;
			if (i > j)
				break;
			other = key[i];
			key[i++] = key[j];
			key[j--] = other;
		}
		/* None up to j is above the pivot, none from i on below. */
		if (n_low <= (size_t)(j + 1)) {
			n = (size_t)(j + 1);
		} else if (n_low > (size_t)i) {
			key += i;
			n -= (size_t)i;
			n_low -= (size_t)i;
		} else {
			return;
		}
	}
}

/* The coordinate in which key[n] spread most. */
static unsigned longest(const struct builder *m, const struct key *key,
			size_t n)
{
	float most = -1;
	unsigned side = 0;

	for (unsigned d = 0; d < m->t->b; d++) {
		float low = INFINITY, high = -INFINITY;

		for (size_t i = 0; i < n; i++) {
			float c = coordinate(m, key[i].at, d);

			low = c < low ? c : low;
			high = c > high ? c : high;
		}
		if (high - low > most) {
			most = high - low;
			side = d;
		}
	}
	return side;
}

/* The left part is a power of two in leaves: then nodes are whole. */
static void split(const struct builder *m, struct key *key, size_t n)
{
	while (n > NEAREST_WIDTH) {
		size_t leaves = (n - 1) / NEAREST_WIDTH, low = NEAREST_WIDTH;
		unsigned d = longest(m, key, n);

		while (low / NEAREST_WIDTH * 2 <= leaves)
			low *= 2;
		for (size_t i = 0; i < n; i++)
			key[i].x = coordinate(m, key[i].at, d);
		part(key, n, low);
		split(m, key, low);
		key += low;
		n -= low;
	}
}

static size_t by_eights(size_t n)
{
	return (n + NEAREST_WIDTH - 1) / NEAREST_WIDTH;
}

static void fill_leaves(const struct builder *m)
{
	struct nearest_tree *t = m->t;
	unsigned b = t->b;

	for (size_t i = 0; i < by_eights(t->n) * NEAREST_WIDTH; i++) {
		size_t leaf = i / NEAREST_WIDTH, lane = i % NEAREST_WIDTH;
		float *to = t->entry + leaf * (b + 1) * NEAREST_WIDTH + lane;
		uint32_t number = i < t->n ? m->key[i].at : NEAREST_ANY;

		t->number[i] = number;
		for (unsigned d = 0; d <= b; d++, to += NEAREST_WIDTH)
			*to = i >= t->n ? NEAREST_FAR
			      : d < b	? coordinate(m, number, d)
					: m->bits[number % m->k];
		if (i < t->n)
			t->place[number] = (uint32_t)i;
	}
}

/* The boxes of a level around eights of the one below. */
static void fill_boxes(struct nearest_tree *t, unsigned level)
{
	unsigned b = t->b, w = NEAREST_WIDTH;
	size_t below = level ? t->n_boxes[level - 1] : t->n;
	size_t rows = 2 * b + 1, from_rows = level ? rows : b + 1;
	const float *all = level ? t->box[level - 1] : t->entry;

	for (size_t i = 0; i < by_eights(t->n_boxes[level]) * w; i++) {
		float *to = t->box[level] + i / w * rows * w + i % w;
		const float *from = all + i * from_rows * w;
		size_t n = i * w < below ? below - i * w : 0;

		n = n < w ? n : w;
		for (unsigned d = 0; d < b; d++) {
			const float *low = from + d * w;
			const float *high = from + (level ? b + d : d) * w;
			float l = n ? low[0] : NEAREST_FAR;
			float h = n ? high[0] : NEAREST_FAR;

			for (size_t k = 1; k < n; k++) {
				l = low[k] < l ? low[k] : l;
				h = high[k] > h ? high[k] : h;
			}
			to[d * w] = l;
			to[(b + d) * w] = h;
		}
		to[2 * b * w] = NEAREST_FAR;
		for (size_t k = 0; k < n; k++) {
			float p = from[(from_rows - 1) * w + k];

			to[2 * b * w] = p < to[2 * b * w] ? p : to[2 * b * w];
		}
	}
}

/* The cells of `start`: two standard deviations to either side. */
static void fill_start(const struct builder *m, const struct kernels *kern)
{
	struct nearest_tree *t = m->t;
	size_t cells = 1;

	for (unsigned d = 0; d < t->b; d++) {
		double sum = 0, square = 0, sd;

		for (size_t i = 0; i < t->n; i++) {
			double c = coordinate(m, m->key[i].at, d);

			sum += c;
			square += c * c;
		}
		sum /= (double)t->n;
		sd = sqrt(square / (double)t->n - sum * sum);
		if (!(sd > 1e-9))
			sd = 1e-9;
		t->first[d] = (float)(sum - 2 * sd);
		t->per[d] = (float)(t->steps / (4 * sd));
		cells *= t->steps;
	}
	/* Any entry is a start; the search of a cell's middle finds the best. */
	memset(t->start, 0, cells * sizeof(*t->start));
	for (size_t c = 0; c < cells; c++) {
		float x[NEAREST_MAX_B], w[NEAREST_MAX_B], free_of_charge = 0;
		uint32_t number = c ? t->number[t->start[c - 1]] : t->number[0];
		size_t rest = c;

		for (unsigned d = 0; d < t->b; d++, rest /= t->steps) {
			x[d] = t->first[d] +
			       ((float)(rest % t->steps) + 0.5f) / t->per[d];
			w[d] = 1;
		}
		kern->search(t, x, w, &free_of_charge, 1, &number);
		t->start[c] = t->place[number];
	}
}

static size_t start_cells(unsigned b, unsigned *steps)
{
	*steps = b == 1 ? 1024 : b == 2 ? 64 : b == 4 ? 8 : 3;
	return b == 8 ? 6561 : b == 1 ? 1024 : 4096;
}

enum hvqz_ret nearest_tree_make(struct nearest_tree *t, unsigned b,
				const float *cent, const float *bits, size_t k,
				bool mirrored,
				const struct kernels *kern,
				struct hvqz_err *err)
{
	size_t n = mirrored ? 2 * k : k, w = NEAREST_WIDTH, below = n;
	struct builder m = {.t = t, .bits = bits, .k = k};
	size_t cells;
	bool whole;

	*t = (struct nearest_tree){.b = b, .n = n};
	cells = start_cells(b, &t->steps);
	m.key = malloc(n * sizeof(*m.key));
	m.at = malloc(n * b * sizeof(*m.at));
	t->entry = malloc(by_eights(n) * (b + 1) * w * sizeof(*t->entry));
	t->number = malloc(by_eights(n) * w * sizeof(*t->number));
	t->place = calloc(n, sizeof(*t->place));
	t->start = malloc(cells * sizeof(*t->start));
	whole = m.key && m.at && t->entry && t->number && t->place && t->start;
	for (unsigned l = 0; l < NEAREST_LEVELS; l++) {
		below = t->n_boxes[l] = by_eights(below);
		t->box[l] = malloc(by_eights(below) * (2 * b + 1) * w *
				   sizeof(float));
		whole = whole && t->box[l];
	}
	if (!whole) {
		free(m.key);
		free(m.at);
		return hvqz_nomem(err, nearest_tree_memory(b, k, mirrored),
				  "a codebook's tree");
	}
	for (unsigned i = 0; i < 256 * NEAREST_WIDTH; i++)
		if (i / NEAREST_WIDTH >> i % NEAREST_WIDTH & 1) {
			unsigned of = i / NEAREST_WIDTH;

			t->lanes[of][t->n_lanes[of]++] = i % NEAREST_WIDTH;
		}
	for (size_t i = 0; i < n; i++)
		m.key[i].at = (uint32_t)i;
	for (size_t i = 0; i < n; i++)
		for (unsigned d = 0; d < b; d++) {
			float c = cent[d * k + i % k];

			m.at[i * b + d] = i < k ? c : -c;
		}
	split(&m, m.key, n);
	fill_leaves(&m);
	for (unsigned l = 0; l < NEAREST_LEVELS; l++)
		fill_boxes(t, l);
	if (kern)
		fill_start(&m, kern);
	free(m.key);
	free(m.at);
	return HVQZ_OK;
}

void nearest_tree_free(struct nearest_tree *t)
{
	free(t->entry);
	free(t->number);
	free(t->place);
	free(t->start);
	for (unsigned l = 0; l < NEAREST_LEVELS; l++)
		free(t->box[l]);
	*t = (struct nearest_tree){0};
}

uint64_t nearest_tree_memory(unsigned b, size_t k, bool mirrored)
{
	uint64_t n = mirrored ? 2 * (uint64_t)k : k, all;
	unsigned steps;

	/*
	 * Entries, their coordinates again, numbers, places, keys; boxes: 1/8 +
	 * 1/64 + 1/512 of n.
	 */
	all = n * (2 * b + 1 + 1 + 1 + 2) * 4 + start_cells(b, &steps) * 4;
	return all + (n / 7 + 3 * NEAREST_WIDTH) * (2 * b + 1) * 4 + 64 * b;
}
