/*
 * check_rows.c - norms, activations and the plain row kernels, against the same
 * formulas in double precision. Those made of exp() alone: check_rows_exp.c.
 */
#include "tests/rows_case.h"

/* ---- norms ---- */

START_TEST(norm_divides_by_the_root_mean_square)
{
	const float eps = 1e-3f;

	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *x = row_random(n, 3, 1), *w = row_random(n, 1, 2);
		float *y = row_new(n), r;
		double s = 0, must;

		for (size_t i = 0; i < n; i++)
			s += (double)x[i] * (double)x[i];
		must = 1 / sqrt(s / (double)n + (double)eps);
		r = k->norm(y, x, w, n, eps);
		check_near((double)r, must, must * sum_tol(n), n, 0);
		for (size_t i = 0; i < n; i++) {
			double v = (double)x[i] * must * (double)w[i];

			check_near((double)y[i], v, fabs(v) * sum_tol(n), n,
				   i);
		}
		memset(x, 0, n * sizeof(*x));
		r = k->norm(y, x, w, n, eps);
		check_near((double)r, 1 / sqrt((double)eps), 1e-5, n, 0);
		for (size_t i = 0; i < n; i++)
			ck_assert(y[i] == 0);
		row_free(x, n);
		row_free(w, n);
		row_free(y, n);
	}
}
END_TEST

START_TEST(norm_back_is_its_gradient)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *x = row_random(n, 3, 1), *w = row_random(n, 1, 2);
		float *dy = row_random(n, 2, 3), *dx = row_random(n, 1, 4);
		float *was = row_copy(dx, n);
		double r = 0.37, s = 0, size = 0;

		for (size_t i = 0; i < n; i++) {
			double t = (double)dy[i] * (double)w[i] *
				   (double)x[i];

			s += t;
			size += fabs(t);
		}
		s *= r * r / (double)n;
		size *= r * r / (double)n;
		k->norm_back(dx, dy, x, w, n, (float)r);
		for (size_t i = 0; i < n; i++) {
			double u = (double)dy[i] * (double)w[i];
			double v = r * (u - (double)x[i] * s);
			double scale = fabs((double)was[i]) + fabs(u) +
				       fabs((double)x[i]) * size;

			check_near((double)dx[i], (double)was[i] + v,
				   scale * sum_tol(n), n, i);
		}
		row_free(x, n);
		row_free(w, n);
		row_free(dy, n);
		row_free(dx, n);
		row_free(was, n);
	}
}
END_TEST

/* ---- activations ---- */

static double sigmoid(double g)
{
	return 1 / (1 + exp(-g));
}

/* Gates over all of the range, far out too. */
static float *gates(size_t n)
{
	static const float far[] = {0, -0.0f, 88, -88, 100, -100, 1000, -1000,
				    1e30f, -1e30f, 1e-30f, -87, 87};
	float *p = row_random(n, 6, 5);

	for (size_t i = 0; i < n; i++)
		if (i % 3 == 1)
			p[i] = far[(i / 3 + n) % (sizeof(far) / sizeof(*far))];
	return p;
}

START_TEST(swiglu_and_its_gradients)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *gate = gates(n), *up = row_random(n, 1, 6);
		float *da = row_random(n, 1, 7), *a = row_new(n);
		float *dgate = row_new(n), *dup = row_new(n);

		k->swiglu(a, gate, up, n);
		k->swiglu_back(dgate, dup, da, gate, up, n);
		for (size_t i = 0; i < n; i++) {
			double g = (double)gate[i], s = sigmoid(g);
			double u = (double)up[i], d = (double)da[i];
			double slope = s * (1 + g * (1 - s));
			double size = fabs(d * u) * s * (1 + fabs(g));

			/* far down, exp() is 0 */
			check_near((double)a[i], g * s * u,
				   1e-6 * fabs(g * s * u) + 1e-35, n, i);
			check_near((double)dup[i], d * g * s,
				   1e-6 * fabs(d * g * s) + 1e-35, n, i);
			/* 1 − s is rounded at the size of 1 */
			if (fabs(g) < 1e4)
				check_near((double)dgate[i], d * u * slope,
					   1e-6 * size + 1e-35, n, i);
			else
				check_near((double)dgate[i],
					   g > 0 ? d * u : 0, 1e-6, n, i);
		}
		/* the gradient of gate in the place of that of a */
		k->swiglu_back(da, dup, da, gate, up, n);
		ck_assert_mem_eq(da, dgate, n * sizeof(*da));
		row_free(gate, n);
		row_free(up, n);
		row_free(da, n);
		row_free(a, n);
		row_free(dgate, n);
		row_free(dup, n);
	}
}
END_TEST

/* ---- the plain ones ---- */

START_TEST(sums_and_squares_are_exact)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *y = row_random(n, 1, 15), *x = row_random(n, 4, 16);
		float *sum = row_copy(y, n), *squares = row_copy(y, n);

		k->add(sum, x, n);
		k->add_squares(squares, x, n);
		for (size_t i = 0; i < n; i++) {
			float square = x[i] * x[i];

			check_near((double)sum[i], (double)(y[i] + x[i]), 0,
				   n, i);
			check_near((double)squares[i],
				   (double)(y[i] + square), 0, n, i);
		}
		row_free(y, n);
		row_free(x, n);
		row_free(sum, n);
		row_free(squares, n);
	}
}
END_TEST

START_TEST(max_is_found_anywhere)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n; n = next_length(n)) {
		float *x = row_random(n, 1, 17);

		for (size_t i = 0; i < n; i++)
			x[i] = -5 - fabsf(x[i]);
		for (size_t at = 0; at < n; at += n > MOST ? 61 : 1) {
			float was = x[at];

			x[at] = -4.5f;
			ck_assert(k->max(x, n) == -4.5f);
			x[(at + 1) % n] = -4.5f;
			ck_assert(k->max(x, n) == -4.5f);
			x[(at + 1) % n] = -7;
			x[at] = was;
		}
		for (size_t i = 0; i < n; i++)
			x[i] = -INFINITY;
		ck_assert(k->max(x, n) == -INFINITY);
		row_free(x, n);
	}
}
END_TEST

START_TEST(rotations_go_there_and_back)
{
	if (!take_table(_i))
		return;
	for (size_t n = 1; n <= 130; n++) {
		float *x = row_random(2 * n, 1, 18), *was = row_copy(x, 2 * n);
		float *c = row_new(n), *s = row_new(n);

		for (size_t i = 0; i < n; i++) {
			c[i] = (float)cos((double)(i * n) * 0.7);
			s[i] = (float)sin((double)(i * n) * 0.7);
		}
		k->rotate(x, c, s, n, 1);
		for (size_t i = 0; i < n; i++) {
			double a = (double)was[i], b = (double)was[n + i];
			double cos = (double)c[i], sin = (double)s[i];
			double tol = (fabs(a) + fabs(b)) * 0x1p-22;

			check_near((double)x[i], a * cos - b * sin, tol, n, i);
			check_near((double)x[n + i], b * cos + a * sin, tol, n,
				   i);
		}
		k->rotate(x, c, s, n, -1);
		for (size_t i = 0; i < 2 * n; i++)
			check_near((double)x[i], (double)was[i],
				   (fabs((double)was[i % n]) +
				    fabs((double)was[n + i % n])) * 0x1p-21, n,
				   i);
		row_free(x, 2 * n);
		row_free(was, 2 * n);
		row_free(c, n);
		row_free(s, n);
	}
}
END_TEST

/* Not of a table; asked twice does no harm. */
START_TEST(tables_have_names)
{
	const struct row_kernels *fast = rows_named("avx2");

	ck_assert_str_eq(rows_named("generic")->name, "generic");
	ck_assert_ptr_null(rows_named("avx512"));
	ck_assert_ptr_null(rows_named(""));
	ck_assert_ptr_eq(rows_select(), fast ? fast : rows_named("generic"));
	if (fast)
		ck_assert_str_eq(fast->name, "avx2");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		norm_divides_by_the_root_mean_square,
		norm_back_is_its_gradient, swiglu_and_its_gradients,
		sums_and_squares_are_exact, max_is_found_anywhere,
		rotations_go_there_and_back, tables_have_names,
	};

	return run_tables("rows", tests, sizeof(tests) / sizeof(*tests));
}
