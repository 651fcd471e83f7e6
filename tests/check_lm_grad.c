/*
 * check_lm_grad.c - one layer, forward and backward, in all the shapes that a
 * config can give it, against the plain one of lm_reference.h.
 *
 * The loss of draw e is ⟨y, r_e⟩ with r_e random; its gradients are central
 * differences of the reference, exact to about 1e-9. What is compared with them
 * is single precision: each number may be off by 5·10⁻⁶ of the largest of its
 * kind.
 */
#include "kernels/blas.h"
#include "tests/lm_reference.h"
#include "tests/lm_toy.h"

static const double TOL = 5e-6, STEP = 1e-4;

struct shape {
	const char *name;
	size_t n_heads, n_kv_heads, context, n_seqs;
	unsigned n_draws;
	bool qkv_bias, o_bias, qk_norm, llama3;
};

static const struct shape shapes[] = {
	{"plain", 3, 3, 5, 1, 1, 0, 0, 0, 0},
	{"one token", 3, 3, 1, 3, 2, 0, 0, 0, 0},
	{"several sequences", 3, 3, 4, 3, 1, 0, 0, 0, 0},
	{"several draws", 3, 3, 4, 2, 3, 0, 0, 0, 0},
	{"4 heads, 2 for keys", 4, 2, 5, 2, 1, 0, 0, 0, 0},
	{"4 heads, 1 for keys", 4, 1, 5, 2, 2, 0, 0, 0, 0},
	{"q, k, v biases", 4, 2, 5, 2, 1, 1, 0, 0, 0},
	{"o bias", 4, 2, 5, 2, 1, 0, 1, 0, 0},
	{"q, k norms", 4, 2, 5, 2, 2, 0, 0, 1, 0},
	{"llama3", 4, 2, 9, 1, 1, 0, 0, 0, 1},
	{"all of it", 4, 2, 6, 3, 3, 1, 1, 1, 1},
	/* more queries than attention takes at a time: 128 */
	{"two blocks", 2, 1, 150, 2, 2, 0, 0, 0, 0},
	{"two blocks, all of it", 4, 2, 150, 1, 2, 1, 1, 1, 1},
	{"a block exactly", 2, 2, 128, 1, 1, 1, 0, 1, 0},
	{"a block and one", 2, 1, 129, 1, 1, 0, 1, 0, 1},
	{"three blocks", 1, 1, 257, 1, 1, 0, 0, 1, 0},
};

enum { N_SHAPES = sizeof(shapes) / sizeof(*shapes), LONG = 100 };

/* A layer, its input, and memory to run it in. */
struct trial {
	const struct shape *shape;
	struct lm_model m;
	struct ref_model ref;
	struct lm_run run;
	size_t n;		/* tokens */
	float *x, *y;		/* [n][d_model] */
	float *r;		/* [n_draws][n][d_model], the gradients of y */
	float *dx;		/* the same, to be those of x */
	float *acts_mem, *scratch, *back;
	struct layer_acts acts;
	float *g_mem[LM_N_PARTS];
	struct layer_squares g;
};

static const enum lm_part matrices[] = {LM_Q,	 LM_K,	LM_V,	LM_O,
					LM_GATE, LM_UP, LM_DOWN};

static float *floats(size_t n)
{
	return toy_alloc(n, sizeof(float));
}

static struct lm_config conf_of(const struct shape *s)
{
	struct lm_config c = toy_config();

	c.n_layers = 1;
	c.n_heads = s->n_heads;
	c.n_kv_heads = s->n_kv_heads;
	c.qkv_bias = s->qkv_bias;
	c.o_bias = s->o_bias;
	c.qk_norm = s->qk_norm;
	c.rope = s->llama3 ? LM_ROPE_LLAMA3 : LM_ROPE_PLAIN;
	if (s->context >= LONG) {
		c.d_model = 6;
		c.d_ff = 5;
	}
	return c;
}

/* r everywhere; few, and long: only at some tokens of the last sequence. */
static void fill_r(struct trial *t, bool few)
{
	static const size_t some[] = {7, 100, 127, 128, 149, 256};
	size_t d = t->m.conf.d_model, context = t->shape->context;
	struct rng rng = {31 + few};

	for (size_t i = 0; i < t->shape->n_draws * t->n * d; i++) {
		size_t at = i / d % context;
		bool on = !few || context < LONG;

		for (size_t j = 0; j < sizeof(some) / sizeof(*some); j++)
			on = on || (at == some[j] &&
				    i / d % t->n >= t->n - context);
		t->r[i] = on ? normal(&rng) : 0;
	}
}

static void open_trial(struct trial *t, const struct shape *s)
{
	struct lm_config c = conf_of(s);
	size_t d = c.d_model;
	struct rng rng = {17};

	*t = (struct trial){.shape = s, .n = s->n_seqs * s->context};
	toy_init(&t->m, &c, 5);
	ref_init(&t->ref, &t->m);
	blas_init();
	ck_assert_int_eq(lm_run_init(&t->run, &t->m.conf, s->context, NULL),
			 HVQZ_OK);
	t->x = floats(t->n * d);
	t->y = floats(t->n * d);
	t->r = floats(s->n_draws * t->n * d);
	t->dx = floats(s->n_draws * t->n * d);
	t->acts_mem = floats(layer_acts_len(
		&t->run, LAYER_INPUTS | LAYER_REST, t->n));
	t->back = floats(layer_back_scratch(&t->run, s->n_draws, t->n));
	layer_acts_place(&t->run, LAYER_INPUTS | LAYER_REST, t->n, t->acts_mem,
			 &t->acts);
	for (size_t i = 0; i < LM_N_PARTS; i++)
		t->g.part[i] = floats(t->m.layers[0].part[i].n_rows);
	for (size_t i = 0; i < t->n * d; i++)
		t->x[i] = normal(&rng);
	fill_r(t, false);
}

static void close_trial(struct trial *t)
{
	for (size_t i = 0; i < LM_N_PARTS; i++)
		free(t->g.part[i]);
	free(t->x);
	free(t->y);
	free(t->r);
	free(t->dx);
	free(t->acts_mem);
	free(t->back);
	lm_run_free(&t->run);
	ref_free(&t->ref);
	lm_model_free(&t->m);
}

static void forward(struct trial *t, float *y)
{
	float *scratch = t->back;	/* has room for attention's */
	double flop = 0;

	layer_forward(&t->run, &t->ref.layers[0], t->shape->n_seqs, t->x,
		      &t->acts, y, scratch, &flop);
	ck_assert(flop > 0);
}

static void backward(struct trial *t)
{
	double flop = 0;

	memcpy(t->dx, t->r, t->shape->n_draws * t->n * t->m.conf.d_model *
			    sizeof(*t->dx));
	layer_back(&t->run, &t->ref.layers[0], t->shape->n_seqs, t->x,
		   &t->acts, t->shape->n_draws, t->dx, &t->g, t->back, &flop);
	ck_assert(flop > 0);
}

/* The reference's y of sequence seq, with x[at] there moved by `by`. */
static void ref_forward(const struct trial *t, size_t seq, size_t at, double by,
			const struct ref_bump *bump, double *y,
			const struct ref_inputs *in)
{
	size_t len = t->shape->context * t->m.conf.d_model;
	double *x = toy_alloc(len, sizeof(*x));

	for (size_t i = 0; i < len; i++)
		x[i] = (double)t->x[seq * len + i];
	x[at] += by;
	ref_layer(&t->m.conf, &t->ref.layers[0], t->shape->context, x, y, bump,
		  in);
	free(x);
}

/*
 * Gradients of all draws' losses, [n_draws], to x[at] of a sequence or, with
 * bump, to what it moves.
 */
static void differences(const struct trial *t, size_t seq, size_t at,
			struct ref_bump *bump, double *grad)
{
	size_t d = t->m.conf.d_model, len = t->shape->context * d;
	double *up = toy_alloc(len, sizeof(*up));
	double *down = toy_alloc(len, sizeof(*down));

	if (bump)
		bump->by = STEP;
	ref_forward(t, seq, at, bump ? 0 : STEP, bump, up, NULL);
	if (bump)
		bump->by = -STEP;
	ref_forward(t, seq, at, bump ? 0 : -STEP, bump, down, NULL);
	for (unsigned e = 0; e < t->shape->n_draws; e++) {
		const float *r = t->r + e * t->n * d + seq * len;

		grad[e] = 0;
		for (size_t i = 0; i < len; i++)
			grad[e] += (up[i] - down[i]) / (2 * STEP) *
				   (double)r[i];
	}
	free(up);
	free(down);
}

/* ---- forward ---- */

static void check_rows(const struct trial *t, const char *what, size_t seq,
		       const float *is, const double *must, size_t width)
{
	size_t len = t->shape->context * width;
	double most = 0;

	is += seq * len;
	for (size_t i = 0; i < len; i++)
		most = fmax(most, fabs(must[i]));
	ck_assert(most > 0.01);
	for (size_t i = 0; i < len; i++)
		if (!(fabs((double)is[i] - must[i]) <= TOL * most))
			ck_abort_msg("%s, sequence %zu: %s[%zu][%zu] is %.9g, "
				     "not %.9g", t->shape->name, seq, what,
				     i / width, i % width, (double)is[i],
				     must[i]);
}

START_TEST(forward_is_the_reference)
{
	struct trial t;
	const struct lm_config *c;
	double *y;

	open_trial(&t, &shapes[_i]);
	c = &t.m.conf;
	y = toy_alloc(t.shape->context * c->d_model, sizeof(*y));
	forward(&t, t.y);
	for (size_t s = 0; s < t.shape->n_seqs; s++) {
		struct ref_inputs in = ref_inputs_new(c, t.shape->context);

		ref_forward(&t, s, 0, 0, NULL, y, &in);
		check_rows(&t, "a", s, t.acts.a, in.a, c->d_model);
		check_rows(&t, "o_in", s, t.acts.o_in, in.o_in,
			   lm_q_width(c));
		check_rows(&t, "m", s, t.acts.m, in.m, c->d_model);
		check_rows(&t, "act", s, t.acts.act, in.act, c->d_ff);
		check_rows(&t, "y", s, t.y, y, c->d_model);
		ref_inputs_free(&in);
	}
	/* In the place of x, the same to the bit. */
	forward(&t, t.x);
	ck_assert_mem_eq(t.x, t.y, t.n * c->d_model * sizeof(*t.x));
	free(y);
	close_trial(&t);
}
END_TEST

/* ---- backward ---- */

/* All of a short sequence's x; samples of a long one's. */
static size_t next_place(const struct trial *t, size_t at, struct rng *rng)
{
	size_t len = t->shape->context * t->m.conf.d_model;

	return at + 1 + (t->shape->context < LONG ? 0 :
				     rng_below(rng, len / 20));
}

START_TEST(dx_is_the_gradient)
{
	size_t len, d, n_draws = shapes[_i].n_draws, n = 0;
	struct rng rng = {_i + 1};
	struct trial t;
	double grad[4], most = 0, worst = 0;

	open_trial(&t, &shapes[_i]);
	d = t.m.conf.d_model;
	len = t.shape->context * d;
	forward(&t, NULL);	/* all that going back takes */
	backward(&t);
	for (size_t i = 0; i < n_draws * t.n * d; i++)
		most = fmax(most, fabs((double)t.dx[i]));
	ck_assert(most > 0.1 && most < 1000);
	for (size_t s = 0; s < t.shape->n_seqs; s++)
		for (size_t at = 0; at < len;
		     at = next_place(&t, at, &rng), n++) {
			differences(&t, s, at, NULL, grad);
			for (unsigned e = 0; e < n_draws; e++) {
				float is = t.dx[e * t.n * d + s * len + at];
				double off = fabs((double)is - grad[e]);

				worst = fmax(worst, off / most);
				if (!(off <= TOL * most))
					ck_abort_msg("%s, draw %u: dx[%zu]"
						     "[%zu] is %.9g, not %.9g",
						     t.shape->name, e, at / d,
						     at % d, (double)is,
						     grad[e]);
			}
		}
	ck_assert_uint_ge(n, t.shape->context < LONG ? t.n * d : 15);
	close_trial(&t);
}
END_TEST

/* Does the loss of any draw look at y of token i? */
static bool is_seen(const struct trial *t, size_t i)
{
	size_t d = t->m.conf.d_model;

	for (size_t j = 0; j < t->shape->n_draws * d; j++)
		if (t->r[(j / d * t->n + i) * d + j % d] != 0)
			return true;
	return false;
}

/* Or, of a key or a value, at y of a later token of its sequence? */
static bool matters(const struct trial *t, enum lm_part part, size_t i)
{
	size_t end = part == LM_K || part == LM_V ?
			     (i / t->shape->context + 1) * t->shape->context :
			     i + 1;

	while (i < end && !is_seen(t, i))
		i++;
	return i < end;
}

/* Σ over tokens and draws of the squared gradients to row i of a matrix. */
static double ref_square(const struct trial *t, enum lm_part part, size_t row)
{
	struct ref_bump bump = {.part = part, .row = row};
	size_t context = t->shape->context;
	double sum = 0, grad[4];

	for (size_t i = 0; i < t->n; i++) {
		if (!matters(t, part, i))
			continue;
		bump.token = i % context;
		differences(t, i / context, 0, &bump, grad);
		for (unsigned e = 0; e < t->shape->n_draws; e++)
			sum += grad[e] * grad[e];
	}
	return sum;
}

static void check_squares(const struct trial *t, enum lm_part part)
{
	size_t rows = t->m.layers[0].part[part].n_rows;
	/* All rows, or in long sequences two; one where that takes long. */
	size_t step = t->shape->context < LONG ? 1 :
		      part == LM_K || part == LM_V ? rows : rows - 1;
	double most = 0;

	for (size_t i = 0; i < rows; i++)
		most = fmax(most, (double)t->g.part[part][i] / 2);
	/* The first token looks at itself, whatever q and k are. */
	if (t->shape->context == 1 && (part == LM_Q || part == LM_K)) {
		ck_assert(most < 1e-12);
		return;
	}
	ck_assert(most > 1e-4);
	for (size_t i = 0; i < rows; i += step) {
		double must = ref_square(t, part, i);
		double is = (double)t->g.part[part][i] / 2;

		if (!(fabs(is - must) <= 2 * TOL * most))
			ck_abort_msg("%s, %s: g[%zu] is %.9g, not %.9g; the "
				     "largest is %.9g", t->shape->name,
				     t->m.layers[0].part[part].name, i, is,
				     must, most);
	}
}

START_TEST(squares_are_of_the_gradients)
{
	struct trial t;

	open_trial(&t, &shapes[_i]);
	fill_r(&t, true);
	forward(&t, NULL);
	/* They add to what is there: twice the same is the double. */
	backward(&t);
	backward(&t);
	for (size_t i = 0; i < sizeof(matrices) / sizeof(*matrices); i++)
		check_squares(&t, matrices[i]);
	close_trial(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lm_grad");
	TCase *t = tcase_create("layer");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, forward_is_the_reference, 0, N_SHAPES);
	tcase_add_loop_test(t, dx_is_the_gradient, 0, N_SHAPES);
	tcase_add_loop_test(t, squares_are_of_the_gradients, 0, N_SHAPES);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
