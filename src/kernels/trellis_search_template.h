/*
 * trellis_search_template.h - Viterbi's algorithm for one instruction set;
 * see trellis.c for what is defined where it is included.
 *
 * The plain version: for every number, and every state, the two ways into the
 * state are compared by what the path so far and the point on the way cost,
 * the better one is kept, and a bit remembers which it was. In the end the
 * bits are followed back from the best state. Here W lanes are W elements of
 * a vector, and a state's bits are bits of a word a lane.
 *
 * With 4 and 8 states everything stays in registers: the loops over states are
 * unrolled, and the code is known to the compiler.
 */

typedef float VF __attribute__((vector_size(4 * W)));
typedef int32_t VI __attribute__((vector_size(4 * W)));
typedef uint32_t VU __attribute__((vector_size(4 * W)));
typedef int8_t VC __attribute__((vector_size(W)));
typedef uint16_t VH __attribute__((vector_size(2 * W)));
typedef uint8_t VB __attribute__((vector_size(W)));

/* The points u of a subset nearest to a shrunk x. */
#define NEAREST_POINT(u, shrunk, subset) \
	do { \
		VF y_ = (shrunk) * 0.25f + \
			(0.375f - 0.25f * (float)(subset)); \
		VI m_; \
		FLOOR(m_, y_); \
		(u) = m_ * 4 + (subset); \
	} while (0)

struct T(front) {
	VF cost[4], shrunk;
	VI active;
	int all, clipped;
};

/* The class, and whether there is a point, of W places. */
INLINE void T(classes)(const int8_t *unit_class, int channel_class, VI *class,
		       VI *active)
{
	VC narrow;
	VI c;

	memcpy(&narrow, unit_class, sizeof(narrow));
	c = __builtin_convertvector(narrow, VI) + channel_class;
	*active = c >= TRELLIS_ZERO_BELOW;
	c = SELECT_I(c > TRELLIS_LAST_CLASS, (VI){0} + TRELLIS_LAST_CLASS, c);
	*class = c & *active;
}

/* x of W places, cut. */
INLINE void T(number)(const struct trellis_job *s, size_t c, size_t at, VF *x,
		      int *clipped)
{
	const VF max = (VF){0} + TRELLIS_MAX_X;
	VF inverse, v;
	VI over, under;

	memcpy(&v, s->target + c * s->stride + at, sizeof(v));
	memcpy(&inverse, s->inverse + at, sizeof(inverse));
	v *= inverse * s->scale[c];
	/* A NaN is neither. */
	over = ~(VI)(v <= max);
	under = (VI)(v < -max);
	if (__builtin_expect(ANY(over | under), 0)) {
		v = SELECT_F(over, max, v);
		v = SELECT_F(under, -max, v);
		*clipped = 1;
	}
	*x = v;
}

INLINE void T(look)(const struct trellis_job *s, size_t c, size_t at,
		    struct T(front) *f)
{
	VF x, shrink;
	VI class;

	T(classes)(s->unit_class + at, s->channel_class[c], &class,
		   &f->active);
	f->all = !ANY(~f->active);
	T(number)(s, c, at, &x, &f->clipped);
	GATHER_F(shrink, s->shrink, class);
	f->shrunk = x * shrink;
	class *= TRELLIS_PRICES;
	UNROLL(4)
	for (int i = 0; i < 4; i++) {
		VI u, n;
		VF price, d;

		NEAREST_POINT(u, f->shrunk, i);
		n = u ^ (u < 0);
		n = SELECT_I(n < TRELLIS_PRICES, n,
			     (VI){0} + (TRELLIS_PRICES - 1));
		n += class;
		GATHER_F(price, s->price, n);
		d = x - (__builtin_convertvector(u, VF) + 0.5f);
		f->cost[i] = d * d + price;
	}
}

/* Where lane l of the group starts. */
INLINE void T(begin)(const struct trellis_job *s, unsigned group, unsigned n,
		     VF *metric)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned l = 0; l < W; l++)
			metric[i][l] = s->state[group + l] == i ? 0 : 1e30f;
}

/* The best path of every lane back from the end; way [steps][words]. */
INLINE void T(trace)(const struct trellis_job *s, unsigned group, unsigned n,
		     const VF *metric, const VF *shrunk, const VI *way)
{
	size_t words = (n + 31) / 32, k = s->n_channels * s->rows;
	VF best = metric[0];
	VI state = {0}, lane = {0};

	for (unsigned l = 0; l < W; l++)
		lane[l] = (int32_t)l;
	for (unsigned i = 1; i < n; i++) {
		VI less = (VI)(metric[i] < best);

		best = SELECT_F(less, metric[i], best);
		state = SELECT_I(less, (VI){0} + (int32_t)i, state);
	}
	for (unsigned l = 0; l < W; l++)
		s->state[group + l] = (uint8_t)state[l];
	for (size_t c = 0; c < s->n_channels; c++)
		for (size_t t = s->rows; t-- > 0;) {
			size_t at = t * s->lanes + group;
			VI class, active, bits, from, subset, m, u;
			VF y;

			k--;
			T(classes)(s->unit_class + at, s->channel_class[c],
				   &class, &active);
			if (words == 1) {
				bits = way[k];
			} else {
				VI of = (state >> 5) * (int32_t)W + lane;

				GATHER_I(bits, (const int32_t *)(way +
					k * words), of);
			}
			bits = (VI)((VU)bits >> (VU)(state & 31)) & 1;
			bits += state * 2;
			GATHER_I(from, s->from, bits);
			subset = from >> 8;
			y = shrunk[k] * 0.25f +
			    (0.375f -
			     0.25f * __builtin_convertvector(subset, VF));
			FLOOR(m, y);
			u = (m * 4 + subset) & active;
			memcpy(s->u + c * s->stride + at, &u, sizeof(u));
			state = SELECT_I(active, from & 255, state);
		}
}

/* n states; where n is a constant it is in registers. */
INLINE int T(group)(const struct trellis_job *s, unsigned group, unsigned n,
		    const struct way (*ways)[2])
{
	size_t words = (n + 31) / 32, k = 0, steps = s->n_channels * s->rows;
	VF *shrunk = s->work;
	VI *way = (void *)(shrunk + steps);
	struct T(front) f = {.clipped = 0};
	VF a[8], b[8];

	T(begin)(s, group, n, a);
	for (size_t c = s->n_channels; c-- > 0;)
		for (size_t t = 0; t < s->rows; t++, k++) {
			VI bits = {0};

			T(look)(s, c, t * s->lanes + group, &f);
			shrunk[k] = f.shrunk;
			UNROLL(8)
			for (unsigned i = 0; i < n; i++) {
				struct way w0 = ways[i][0];
				struct way w1 = ways[i][1];
				VF p = a[w0.from] + f.cost[w0.subset];
				VF q = a[w1.from] + f.cost[w1.subset];

				BETTER(b[i], bits, p, q, 1 << i);
			}
			if (__builtin_expect(f.all, 1)) {
				UNROLL(8)
				for (unsigned i = 0; i < n; i++)
					a[i] = b[i];
			} else {
				UNROLL(8)
				for (unsigned i = 0; i < n; i++)
					a[i] = SELECT_F(f.active, b[i], a[i]);
			}
			way[k * words] = bits;
		}
	T(trace)(s, group, n, a, shrunk, way);
	return f.clipped;
}

/* Any number of states, in memory. */
static TARGET int T(group_large)(const struct trellis_job *s, unsigned group)
{
	unsigned n = 1u << s->log_states;
	size_t words = (n + 31) / 32, k = 0, steps = s->n_channels * s->rows;
	VF *shrunk = s->work;
	VI *way = (void *)(shrunk + steps);
	VF metric[2][256], *a = metric[0], *b = metric[1];
	struct T(front) f = {.clipped = 0};

	T(begin)(s, group, n, a);
	for (size_t c = s->n_channels; c-- > 0;)
		for (size_t t = 0; t < s->rows; t++, k++) {
			VF *other = a;
			VI bits = {0};

			T(look)(s, c, t * s->lanes + group, &f);
			shrunk[k] = f.shrunk;
			for (unsigned i = 0; i < n; i++) {
				int32_t w0 = s->from[2 * i];
				int32_t w1 = s->from[2 * i + 1];
				VF p = a[w0 & 255] + f.cost[w0 >> 8];
				VF q = a[w1 & 255] + f.cost[w1 >> 8], to;

				BETTER(to, bits, p, q, (int32_t)(1u << (i & 31)));
				b[i] = to;
				if ((i & 31) == 31 || i == n - 1) {
					way[k * words + (i >> 5)] = bits;
					bits = (VI){0};
				}
			}
			if (!f.all)
				for (unsigned i = 0; i < n; i++)
					b[i] = SELECT_F(f.active, b[i], a[i]);
			a = b;
			b = other;
		}
	T(trace)(s, group, n, a, shrunk, way);
	return f.clipped;
}

static TARGET int T(group_4)(const struct trellis_job *s, unsigned group)
{
	return T(group)(s, group, 4, ways_4);
}

static TARGET int T(group_8)(const struct trellis_job *s, unsigned group)
{
	return T(group)(s, group, 8, ways_8);
}

static TARGET int T(search)(const struct trellis_job *s)
{
	int clipped = 0;

	if (s->lanes % W)
		return NARROWER(search)(s);
	for (unsigned group = 0; group < s->lanes; group += W)
		clipped |= s->log_states == 2	? T(group_4)(s, group)
			   : s->log_states == 3 ? T(group_8)(s, group)
						: T(group_large)(s, group);
	return clipped;
}

static TARGET int T(nearest)(const struct trellis_job *s)
{
	int clipped = 0;

	if (s->lanes % W)
		return NARROWER(nearest)(s);
	for (size_t c = 0; c < s->n_channels; c++)
		for (size_t t = 0; t < s->rows; t++)
			for (unsigned l = 0; l < s->lanes; l += W) {
				size_t at = t * s->lanes + l;
				int32_t odd = (int32_t)(t & 1);
				VI class, active, u;
				VF x, shrink;

				T(classes)(s->unit_class + at,
					   s->channel_class[c], &class,
					   &active);
				T(number)(s, c, at, &x, &clipped);
				GATHER_F(shrink, s->shrink, class);
				/* u = 2m + odd is nearest where u + ½ is. */
				x = (x * shrink - (float)odd - 0.5f) * 0.5f +
				    0.5f;
				FLOOR(u, x);
				u = (u * 2 + odd) & active;
				memcpy(s->u + c * s->stride + at, &u,
				       sizeof(u));
			}
	return clipped;
}
