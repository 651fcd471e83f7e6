/*
 * rows_template.h - the functions of rows.h for one instruction set.
 *
 * Include it with
 *
 *	ROWS(f)		the function's name
 *	ROWS_NAME	the table's name, a string
 *	ROWS_TARGET	a target attribute, or empty
 *	ROWS_LANES	floats in a register
 *
 * Not a header: it has no guard, and removes the macros.
 *
 * Everything is in terms of a vector of ROWS_LANES floats. The end of a row,
 * where fewer are left, is loaded into a vector filled up with a value that
 * changes nothing.
 */

#define lanes ROWS(lanes)
#define int_lanes ROWS(int_lanes)
#define bit_lanes ROWS(bit_lanes)
#define half_lanes ROWS(half_lanes)
#define LANES ((size_t)ROWS_LANES)

typedef float lanes __attribute__((vector_size(ROWS_LANES * sizeof(float))));
typedef int32_t int_lanes
	__attribute__((vector_size(ROWS_LANES * sizeof(float))));
typedef uint32_t bit_lanes
	__attribute__((vector_size(ROWS_LANES * sizeof(float))));
typedef uint16_t half_lanes
	__attribute__((vector_size(ROWS_LANES * sizeof(uint16_t))));

#define INLINE static inline __attribute__((always_inline)) ROWS_TARGET

/*
 * The end of a row goes through functions that are not inlined, and a vector
 * of its own: one whose address is taken stays in memory, all along the row.
 */
static ROWS_TARGET __attribute__((noinline)) void
ROWS(load_end)(lanes *v, const float *p, size_t n, float fill)
{
	*v = (lanes){0} + fill;
	memcpy(v, p, n * sizeof(float));
}

static ROWS_TARGET __attribute__((noinline)) void
ROWS(store_end)(float *p, const lanes *v, size_t n)
{
	memcpy(p, v, n * sizeof(float));
}

INLINE void ROWS(load)(lanes *v, const float *p, size_t n, float fill)
{
	lanes end;

	if (__builtin_expect(n >= LANES, 1)) {
		memcpy(v, p, sizeof(*v));
		return;
	}
	ROWS(load_end)(&end, p, n, fill);
	*v = end;
}

INLINE void ROWS(store)(float *p, const lanes *v, size_t n)
{
	lanes end;

	if (__builtin_expect(n >= LANES, 1)) {
		memcpy(p, v, sizeof(*v));
		return;
	}
	end = *v;
	ROWS(store_end)(p, &end, n);
}

INLINE float ROWS(sum)(const lanes *v)
{
	float f[LANES];

	memcpy(f, v, sizeof(f));
	for (size_t h = LANES / 2; h; h /= 2)
		for (size_t i = 0; i < h; i++)
			f[i] += f[i + h];
	return f[0];
}

/* *v = exp(*v), for values up to 88. */
INLINE void ROWS(exp)(lanes *v)
{
	const float log2e = 0x1.715476p+0f, round = 0x1.8p+23f;
	const float ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f;
	int_lanes small = *v < -87.0f, nan = *v != *v;
	bit_lanes k;
	lanes x = *v, t, p;

	t = x * log2e + round;
	k = (bit_lanes)t << 23;
	t -= round;
	x = (x - t * ln2_hi) - t * ln2_lo;
	p = x * 0x1.6c16c2p-10f + 0x1.111112p-7f;
	p = p * x + 0x1.555556p-5f;
	p = p * x + 0x1.555556p-3f;
	p = p * x + 0.5f;
	p = p * x + 1.0f;
	p = p * x + 1.0f;
	/* A NaN's payload must not be taken for an exponent. */
	*v = (lanes)((((bit_lanes)p + k) & ~(bit_lanes)small) |
		     (bit_lanes)nan);
}

static ROWS_TARGET float ROWS(norm)(float *y, const float *x, const float *w,
				    size_t n, float eps)
{
	lanes s = {0}, a, b;
	float r;

	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, x + i, n - i, 0);
		s += a * a;
	}
	r = 1 / sqrtf(ROWS(sum)(&s) / (float)n + eps);
	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, x + i, n - i, 0);
		ROWS(load)(&b, w + i, n - i, 0);
		a = a * r * b;
		ROWS(store)(y + i, &a, n - i);
	}
	return r;
}

static ROWS_TARGET void ROWS(norm_back)(float *dx, const float *dy,
					const float *x, const float *w,
					size_t n, float r)
{
	lanes s = {0}, a, b, u;
	float c;

	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&u, dy + i, n - i, 0);
		ROWS(load)(&b, w + i, n - i, 0);
		ROWS(load)(&a, x + i, n - i, 0);
		s += u * b * a;
	}
	c = r * r * ROWS(sum)(&s) / (float)n;
	for (size_t i = 0; i < n; i += LANES) {
		lanes d;

		ROWS(load)(&u, dy + i, n - i, 0);
		ROWS(load)(&b, w + i, n - i, 0);
		ROWS(load)(&a, x + i, n - i, 0);
		ROWS(load)(&d, dx + i, n - i, 0);
		d += r * (u * b - a * c);
		ROWS(store)(dx + i, &d, n - i);
	}
}

/* *s = σ(g) */
INLINE void ROWS(sigmoid)(lanes *s, const lanes *g)
{
	int_lanes negative = *g < 0;
	/* exp of what is never positive: no overflow. */
	lanes e = (lanes)((bit_lanes)*g | 0x80000000u);

	ROWS(exp)(&e);
	*s = 1 / (1 + e);
	e *= *s;
	*s = (lanes)(((int_lanes)e & negative) | ((int_lanes)*s & ~negative));
}

static ROWS_TARGET void ROWS(swiglu)(float *a, const float *gate,
				     const float *up, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		lanes g, u, s;

		ROWS(load)(&g, gate + i, n - i, 0);
		ROWS(load)(&u, up + i, n - i, 0);
		ROWS(sigmoid)(&s, &g);
		g = g * s * u;
		ROWS(store)(a + i, &g, n - i);
	}
}

static ROWS_TARGET void ROWS(swiglu_back)(float *dgate, float *dup,
					  const float *da, const float *gate,
					  const float *up, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		lanes g, u, d, s, du;

		ROWS(load)(&g, gate + i, n - i, 0);
		ROWS(load)(&u, up + i, n - i, 0);
		ROWS(load)(&d, da + i, n - i, 0);
		ROWS(sigmoid)(&s, &g);
		du = d * (g * s);
		g = d * u * (s * (1 + g * (1 - s)));
		ROWS(store)(dgate + i, &g, n - i);
		ROWS(store)(dup + i, &du, n - i);
	}
}

/* *m = the larger one, lane by lane. */
INLINE void ROWS(raise)(lanes *m, const lanes *a)
{
	int_lanes more = *a > *m;

	*m = (lanes)(((int_lanes)*a & more) | ((int_lanes)*m & ~more));
}

/* Four at a time: each step waits for the one before it in its own chain. */
static ROWS_TARGET float ROWS(max)(const float *x, size_t n)
{
	lanes m0 = (lanes){0} - INFINITY, m1 = m0, m2 = m0, m3 = m0, a;
	float f[LANES], best;
	size_t i = 0;

	for (; i + 4 * LANES <= n; i += 4 * LANES) {
		ROWS(load)(&a, x + i, LANES, 0);
		ROWS(raise)(&m0, &a);
		ROWS(load)(&a, x + i + LANES, LANES, 0);
		ROWS(raise)(&m1, &a);
		ROWS(load)(&a, x + i + 2 * LANES, LANES, 0);
		ROWS(raise)(&m2, &a);
		ROWS(load)(&a, x + i + 3 * LANES, LANES, 0);
		ROWS(raise)(&m3, &a);
	}
	for (; i < n; i += LANES) {
		ROWS(load)(&a, x + i, n - i, -INFINITY);
		ROWS(raise)(&m0, &a);
	}
	ROWS(raise)(&m0, &m1);
	ROWS(raise)(&m2, &m3);
	ROWS(raise)(&m0, &m2);
	memcpy(f, &m0, sizeof(f));
	best = f[0];
	for (i = 1; i < LANES; i++)
		if (f[i] > best)
			best = f[i];
	return best;
}

static ROWS_TARGET void ROWS(softmax)(float *s, size_t n, float scale)
{
	lanes sum = {0}, a;
	float m = ROWS(max)(s, n), r;

	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, s + i, n - i, -INFINITY);
		a = (a - m) * scale;
		ROWS(exp)(&a);
		sum += a;
		ROWS(store)(s + i, &a, n - i);
	}
	r = 1 / ROWS(sum)(&sum);
	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, s + i, n - i, 0);
		a *= r;
		ROWS(store)(s + i, &a, n - i);
	}
}

static ROWS_TARGET void ROWS(softmax_back)(float *dp, const float *p, size_t n,
					   float scale)
{
	lanes s = {0}, a, b;
	float mean;

	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, dp + i, n - i, 0);
		ROWS(load)(&b, p + i, n - i, 0);
		s += a * b;
	}
	mean = ROWS(sum)(&s);
	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, dp + i, n - i, 0);
		ROWS(load)(&b, p + i, n - i, 0);
		a = scale * b * (a - mean);
		ROWS(store)(dp + i, &a, n - i);
	}
}

static ROWS_TARGET void ROWS(rotate)(float *x, const float *c, const float *s,
				     size_t half, float dir)
{
	for (size_t i = 0; i < half; i += LANES) {
		lanes a, b, cos, sin, t;

		ROWS(load)(&a, x + i, half - i, 0);
		ROWS(load)(&b, x + half + i, half - i, 0);
		ROWS(load)(&cos, c + i, half - i, 0);
		ROWS(load)(&sin, s + i, half - i, 0);
		sin *= dir;
		t = a * cos - b * sin;
		b = b * cos + a * sin;
		ROWS(store)(x + i, &t, half - i);
		ROWS(store)(x + half + i, &b, half - i);
	}
}

static ROWS_TARGET void ROWS(add)(float *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		lanes a, b;

		ROWS(load)(&a, y + i, n - i, 0);
		ROWS(load)(&b, x + i, n - i, 0);
		a += b;
		ROWS(store)(y + i, &a, n - i);
	}
}

static ROWS_TARGET void ROWS(add_squares)(float *acc, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		lanes a, b;

		ROWS(load)(&a, acc + i, n - i, 0);
		ROWS(load)(&b, x + i, n - i, 0);
		a += b * b;
		ROWS(store)(acc + i, &a, n - i);
	}
}

static ROWS_TARGET double ROWS(sum_exp)(const float *x, size_t n, float m)
{
	lanes s = {0}, a;

	for (size_t i = 0; i < n; i += LANES) {
		ROWS(load)(&a, x + i, n - i, -INFINITY);
		a -= m;
		ROWS(exp)(&a);
		s += a;
	}
	return (double)ROWS(sum)(&s);
}

static ROWS_TARGET double ROWS(sum_exp_diff)(const float *x, const float *y,
					     size_t n, float m, double *sum)
{
	lanes s = {0}, t = {0}, a, b, d;

	for (size_t i = 0; i < n; i += LANES) {
		/* Any finite fill will do where exp is 0. */
		ROWS(load)(&a, x + i, n - i, -FLT_MAX / 4);
		ROWS(load)(&b, y + i, n - i, 0);
		d = a - b;
		a -= m;
		ROWS(exp)(&a);
		s += a;
		t += a * d;
	}
	*sum = (double)ROWS(sum)(&s);
	return (double)ROWS(sum)(&t);
}

static ROWS_TARGET double ROWS(fisher)(float *x, float *acc, size_t n,
				       float lse)
{
	lanes s = {0};

	for (size_t i = 0; i < n; i += LANES) {
		lanes p, a;

		ROWS(load)(&p, x + i, n - i, -INFINITY);
		ROWS(load)(&a, acc + i, n - i, 0);
		p -= lse;
		ROWS(exp)(&p);
		s += p;
		a += p * (1 - p);
		ROWS(store)(x + i, &p, n - i);
		ROWS(store)(acc + i, &a, n - i);
	}
	return (double)ROWS(sum)(&s);
}

INLINE void ROWS(load_halves)(bit_lanes *u, const uint8_t *le)
{
	half_lanes h;

	memcpy(&h, le, sizeof(h));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	h = h << 8 | h >> 8;
#endif
	*u = __builtin_convertvector(h, bit_lanes);
}

/*
 * f32_from_f16() without its product: a subnormal factor takes a hundred
 * cycles. A subnormal of F16 is the low part of a number between 2^-14 and
 * 2^-13, of which 2^-14 is taken.
 */
static ROWS_TARGET void ROWS(widen_f16)(float *y, const uint8_t *le, size_t n)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		bit_lanes u, mag, big, small;
		lanes low;

		ROWS(load_halves)(&u, le + 2 * i);
		mag = (u & 0x7fff) << 13;
		big = (bit_lanes)(mag > 0x0f7fffffu);
		small = (bit_lanes)(mag < 0x00800000u);
		low = (lanes)(mag + 0x38800000u) - 0x1p-14f;
		mag += 0x38000000u + (big & 0x38000000u);
		mag = ((bit_lanes)low & small) | (mag & ~small);
		u = (u & 0x8000) << 16 | mag;
		memcpy(y + i, &u, sizeof(u));
	}
	for (; i < n; i++)
		y[i] = f32_from_f16(get_le16(le + 2 * i));
}

static ROWS_TARGET void ROWS(widen_bf16)(float *y, const uint8_t *le, size_t n)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		bit_lanes u;

		ROWS(load_halves)(&u, le + 2 * i);
		u <<= 16;
		memcpy(y + i, &u, sizeof(u));
	}
	for (; i < n; i++)
		y[i] = f32_from_bf16(get_le16(le + 2 * i));
}

static const struct row_kernels ROWS(table) = {
	.name = ROWS_NAME,
	.norm = ROWS(norm),
	.norm_back = ROWS(norm_back),
	.swiglu = ROWS(swiglu),
	.swiglu_back = ROWS(swiglu_back),
	.softmax = ROWS(softmax),
	.softmax_back = ROWS(softmax_back),
	.rotate = ROWS(rotate),
	.add = ROWS(add),
	.add_squares = ROWS(add_squares),
	.max = ROWS(max),
	.sum_exp = ROWS(sum_exp),
	.sum_exp_diff = ROWS(sum_exp_diff),
	.fisher = ROWS(fisher),
	.widen_f16 = ROWS(widen_f16),
	.widen_bf16 = ROWS(widen_bf16),
};

#undef INLINE
#undef ROWS
#undef ROWS_NAME
#undef ROWS_TARGET
#undef ROWS_LANES
#undef lanes
#undef int_lanes
#undef bit_lanes
#undef half_lanes
#undef LANES
