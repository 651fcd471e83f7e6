/* trellis_search.c - Viterbi's algorithm, eight lanes at a time. */
#include "codec/trellis_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	W = 8,			/* lanes in a vector */
	SUBSETS = 4,
};

#define UNREACHED 1e30f

typedef float vec __attribute__((vector_size(4 * W)));
typedef int32_t ivec __attribute__((vector_size(4 * W)));

/* mask ? a : b. A macro: passing vectors by value has no settled ABI. */
#define CHOOSE(mask, a, b) \
	((vec)(((mask) & (ivec)(a)) | (~(mask) & (ivec)(b))))

struct step {
	ivec u[SUBSETS];	/* the point of each subset that was tried */
};

/* The working memory. */
struct work {
	struct step *step;	/* [longest] */
	ivec *way;		/* [longest][words]: which way was better, a
				   bit a state */
	size_t words;
};

static size_t way_words(unsigned n_states)
{
	return (n_states + 31) / 32;
}

uint64_t trellis_search_memory(unsigned n_states, size_t longest)
{
	return longest * (uint64_t)(sizeof(struct step) +
				    way_words(n_states) * sizeof(ivec)) +
	       sizeof(struct work) + 128;
}

static void *aligned(size_t size)
{
	return aligned_alloc(64, (size + 63) & ~(size_t)63);
}

enum hvqz_ret trellis_search_open(struct trellis_search *s,
				  const struct trellis_code *code,
				  unsigned n_lanes, size_t longest,
				  struct hvqz_err *err)
{
	struct work *w = calloc(1, sizeof(*w));

	*s = (struct trellis_search){
		.code = code, .n_lanes = n_lanes, .longest = longest,
		.work = w,
	};
	if (w) {
		w->words = way_words(code->n_states);
		w->step = aligned(longest * sizeof(*w->step));
		w->way = aligned(longest * w->words * sizeof(*w->way));
	}
	if (!w || !w->step || !w->way) {
		trellis_search_close(s);
		return hvqz_nomem(err, longest * sizeof(struct step),
				  "a trellis search");
	}
	return HVQZ_OK;
}

void trellis_search_close(struct trellis_search *s)
{
	struct work *w = s->work;

	if (w) {
		free(w->step);
		free(w->way);
	}
	free(w);
	s->work = NULL;
}

/* Eight lanes' next numbers. */
struct front {
	vec x, shrunk;
	const float *price[W];
};

/* The cost of the point of each subset that is nearest to the shrunk x. */
static void subset_costs(const struct front *f, vec *cost, struct step *s)
{
	for (int32_t i = 0; i < SUBSETS; i++) {
		vec y = f->shrunk * 0.25f + (0.5f - 0.25f * ((float)i + 0.5f));
		ivec m = __builtin_convertvector(y, ivec);
		ivec u, n, few;
		vec v, price = {0};

		/* Towards minus infinity, not zero. */
		m += __builtin_convertvector(m, vec) > y;
		u = m * 4 + i;
		n = u ^ (u < 0);
		few = n < TRELLIS_PRICES;
		n = (n & few) | (~few & (TRELLIS_PRICES - 1));
		for (unsigned l = 0; l < W; l++)
			price[l] = f->price[l][n[l]];
		v = f->x - (__builtin_convertvector(u, vec) + 0.5f);
		cost[i] = v * v + price;
		s->u[i] = u;
	}
}

/* Add, compare, select: one number further, all states. */
static void advance(const struct trellis_code *code, const vec *cost,
		    const vec *from, vec *to, ivec *way)
{
	for (unsigned n = 0; n < code->n_states; n++) {
		vec a = from[code->from[n][0]] + cost[code->subset[n][0]];
		vec b = from[code->from[n][1]] + cost[code->subset[n][1]];
		ivec second = b < a;

		to[n] = CHOOSE(second, b, a);
		if (!(n & 31))
			way[n >> 5] = (ivec){0};
		way[n >> 5] |= second & (int32_t)(1u << (n & 31));
	}
}

/* Follow the best path of lane l of the group back from its end. */
static void trace(struct trellis_search *s, const vec *metric, unsigned group,
		  unsigned l, size_t len, int32_t *u)
{
	const struct trellis_code *code = s->code;
	const struct work *w = s->work;
	unsigned state = 0;

	for (unsigned n = 1; n < code->n_states; n++)
		if (metric[n][l] < metric[state][l])
			state = n;
	s->state[group + l] = (uint8_t)state;
	for (size_t t = len; t-- > 0;) {
		uint32_t way = (uint32_t)w->way[t * w->words +
						(state >> 5)][l];
		unsigned second = way >> (state & 31) & 1;

		u[t] = w->step[t].u[code->subset[state][second]][l];
		state = code->from[state][second];
	}
}

static void search_group(struct trellis_search *s, unsigned group,
			 const float *x,
			 const struct trellis_price *const *price,
			 const size_t *start, int32_t *u)
{
	static const float free_of_charge[TRELLIS_PRICES] = {0};
	struct work *w = s->work;
	unsigned n_lanes = s->n_lanes - group < W ? s->n_lanes - group : W;
	vec metric[2][TRELLIS_MAX_STATES], cost[SUBSETS];
	size_t len[W] = {0}, longest = 0;
	struct front f = {.x = {0}, .shrunk = {0}};

	for (unsigned l = 0; l < W; l++)
		f.price[l] = free_of_charge;
	for (unsigned l = 0; l < n_lanes; l++) {
		len[l] = start[group + l + 1] - start[group + l];
		longest = len[l] > longest ? len[l] : longest;
	}
	for (unsigned n = 0; n < s->code->n_states; n++)
		for (unsigned l = 0; l < W; l++)
			metric[0][n][l] = l < n_lanes &&
					  s->state[group + l] != n
						  ? UNREACHED : 0;
	for (size_t t = 0; t < longest; t++) {
		for (unsigned l = 0; l < n_lanes; l++) {
			size_t i = start[group + l] + t;
			float v;

			/* A lane that has ended waits, see below. */
			if (t >= len[l])
				continue;
			v = x[i] < -TRELLIS_MAX_X ? -TRELLIS_MAX_X : x[i];
			v = v > TRELLIS_MAX_X ? TRELLIS_MAX_X : v;
			f.x[l] = v;
			f.shrunk[l] = v * price[i]->shrink;
			f.price[l] = price[i]->of;
		}
		subset_costs(&f, cost, &w->step[t]);
		advance(s->code, cost, metric[t & 1], metric[~t & 1],
			w->way + t * w->words);
		for (unsigned l = 0; l < n_lanes; l++)
			if (t >= len[l])
				for (unsigned n = 0; n < s->code->n_states; n++)
					metric[~t & 1][n][l] =
						metric[t & 1][n][l];
	}
	for (unsigned l = 0; l < n_lanes; l++)
		trace(s, metric[longest & 1], group, l, len[l],
		      u + start[group + l]);
}

void trellis_search_run(struct trellis_search *s, const float *x,
			const struct trellis_price *const *price,
			const size_t *start, int32_t *u)
{
	for (unsigned group = 0; group < s->n_lanes; group += W)
		search_group(s, group, x, price, start, u);
}
