/*
 * trellis_template.h - what is left of trellis.h for one instruction set; see
 * trellis.c for what is defined where it is included. Loops take 16 places,
 * N vectors of them, at a time.
 */

#define N (TRELLIS_SUM / W)

/* The sums in pairs: 0 and 8, 1 and 9 … */
INLINE float T(fold)(const VF *sum)
{
	float f[TRELLIS_SUM];

	memcpy(f, sum, sizeof(f));
	for (unsigned h = TRELLIS_SUM / 2; h; h /= 2)
		for (unsigned i = 0; i < h; i++)
			f[i] += f[i + h];
	return f[0];
}

static TARGET double T(settle)(const struct trellis_settle *s)
{
	VF sum[N] = {{0}};

	for (size_t at = 0; at < s->n; at += TRELLIS_SUM) {
		VI any = {0};

		UNROLL(4)
		for (unsigned i = 0; i < N; i++) {
			size_t p = at + i * W;
			VI u, class, active, n, of, escape, shift, k;
			VF step, made, target, weight, d;
			VH key;

			memcpy(&u, s->u + p, sizeof(u));
			memcpy(&step, s->unit_step + p, sizeof(step));
			memcpy(&target, s->target + p, sizeof(target));
			memcpy(&weight, s->weight + p, sizeof(weight));
			T(classes)(s->unit_class + p, s->channel_class,
				   &class, &active);
			made = (__builtin_convertvector(u, VF) + 0.5f) *
			       (step * s->step);
			made = (VF)((VI)made & active);
			d = target - made;
			d *= s->norm;
			sum[i] += weight * d * d;
			if (s->error) {
				VF e;

				memcpy(&e, s->error + p, sizeof(e));
				e = (e - made) * s->damp;
				memcpy(s->error + p, &e, sizeof(e));
			}
			n = u ^ (u < 0);
			GATHER_I(of, s->geometry, class);
			escape = of & 0xffff;
			shift = of >> 16;
			n = (VI)((VU)n >> (VU)shift);
			n = SELECT_I(n < escape, n, escape);
			any |= active & ((n == escape) | (shift > 0));
			k = ((class - (TRELLIS_ZERO_BELOW - 1)) *
				     TRELLIS_KEYS + n) & active;
			key = __builtin_convertvector(k, VH);
			memcpy(s->key + p, &key, sizeof(key));
		}
		s->more[at / TRELLIS_SUM] = ANY(any) != 0;
	}
	return (double)T(fold)(sum);
}

static TARGET uint32_t T(largest)(const float *a, size_t n)
{
	VI most = {0};
	uint32_t all = 0;

	for (size_t at = 0; at < n; at += W) {
		VI v;

		memcpy(&v, a + at, sizeof(v));
		v &= 0x7fffffff;
		most = SELECT_I(v > most, v, most);
	}
	for (unsigned l = 0; l < W; l++)
		all = (uint32_t)most[l] > all ? (uint32_t)most[l] : all;
	return all;
}

static TARGET double T(energy)(const float *a, const float *b, float norm,
			       size_t n)
{
	VF sum[N] = {{0}};

	for (size_t at = 0; at < n; at += TRELLIS_SUM)
		UNROLL(4)
		for (unsigned i = 0; i < N; i++) {
			VF x, y;

			memcpy(&x, a + at + i * W, sizeof(x));
			memcpy(&y, b + at + i * W, sizeof(y));
			x *= norm;
			sum[i] += x * x * y;
		}
	return (double)T(fold)(sum);
}

static TARGET double T(magnitude)(const float *a, const float *b, float norm,
				  size_t n)
{
	VF sum[N] = {{0}};

	for (size_t at = 0; at < n; at += TRELLIS_SUM)
		UNROLL(4)
		for (unsigned i = 0; i < N; i++) {
			VF x, y;

			memcpy(&x, a + at + i * W, sizeof(x));
			memcpy(&y, b + at + i * W, sizeof(y));
			x = (VF)((VI)x & 0x7fffffff) * norm;
			sum[i] += x * y;
		}
	return (double)T(fold)(sum);
}

static TARGET void T(accumulate)(const float *a, const float *b, float norm,
				 float r, size_t n, float *acc)
{
	for (size_t at = 0; at < n; at += W) {
		VF x, y, z;

		memcpy(&x, a + at, sizeof(x));
		memcpy(&y, b + at, sizeof(y));
		memcpy(&z, acc + at, sizeof(z));
		x *= norm;
		z += x * x * y * r;
		memcpy(acc + at, &z, sizeof(z));
	}
}

static TARGET void T(combine)(float *y, size_t n, const float *x, size_t skip,
			      const float *m, size_t m_skip, size_t terms)
{
	size_t at = 0;

	for (; at + 4 * W <= n; at += 4 * W) {
		const float *from = x + at;
		VF sum[4];

		/* Each by itself, or they would live in memory. */
		UNROLL(4)
		for (unsigned i = 0; i < 4; i++)
			memcpy(&sum[i], y + at + i * W, sizeof(sum[i]));
		for (size_t k = 0; k < terms; k++, from += skip) {
			UNROLL(4)
			for (unsigned i = 0; i < 4; i++) {
				VF v;

				memcpy(&v, from + i * W, sizeof(v));
				sum[i] += v * m[k * m_skip];
			}
		}
		UNROLL(4)
		for (unsigned i = 0; i < 4; i++)
			memcpy(y + at + i * W, &sum[i], sizeof(sum[i]));
	}
	for (; at < n; at++)
		for (size_t k = 0; k < terms; k++)
			y[at] += x[k * skip + at] * m[k * m_skip];
}

static TARGET size_t T(above)(const float *a, const float *inverse, float scale,
			      float least, size_t at, size_t n)
{
	for (; at < n; at += TRELLIS_SUM) {
		VI any = {0};

		UNROLL(4)
		for (unsigned i = 0; i < N; i++) {
			VF x, y;

			memcpy(&x, a + at + i * W, sizeof(x));
			memcpy(&y, inverse + at + i * W, sizeof(y));
			x = (VF)((VI)x & 0x7fffffff) * (y * scale);
			any |= (VI)(x > least);
		}
		if (ANY(any))
			break;
	}
	return at < n ? at : n;
}

/* Halves' bits to singles'. */
INLINE void T(widen)(enum dtype dtype, const uint16_t *h, VF *to, VI *bad)
{
	VH v;
	VU u, mag;

	memcpy(&v, h, sizeof(v));
	u = __builtin_convertvector(v, VU);
	if (dtype == DTYPE_BF16) {
		u <<= 16;
		*bad |= (VI)((u & 0x7f800000) == 0x7f800000);
		*to = (VF)u;
		return;
	}
	mag = (u & 0x7fff) << 13;
	*bad |= (VI)(mag > 0x0f7fffffu);
	/* A subnormal is the low part of a number from 2^-14 to 2^-13. */
	{
		VI small = (VI)(mag < 0x00800000u);
		VF low = (VF)(mag + 0x38800000u) - 0x1p-14f;

		mag += 0x38000000u;
		mag = ((VU)low & (VU)small) | (mag & ~(VU)small);
	}
	*to = (VF)((u & 0x8000) << 16 | mag);
}

static TARGET int T(turn)(enum dtype dtype, const uint8_t *const *rows,
			  float *to, size_t stride)
{
	uint16_t turned[32][32];
	VI bad = {0};

	for (unsigned i = 0; i < 32; i += 8)
		for (unsigned j = 0; j < 32; j += 8)
			turn8(rows + i, 2 * j, &turned[j][i]);
	for (unsigned j = 0; j < 32; j++)
		for (unsigned i = 0; i < 32; i += W) {
			VF v;

			T(widen)(dtype, &turned[j][i], &v, &bad);
			memcpy(to + j * stride + i, &v, sizeof(v));
		}
	return ANY(bad);
}

static TARGET int T(pack)(const int32_t *u, const int8_t *unit_class,
			  int channel_class, size_t n, uint8_t *to)
{
	VI any = {0};

	for (size_t at = 0; at < n; at += W) {
		VI v, class, active;
		VB b;

		memcpy(&v, u + at, sizeof(v));
		T(classes)(unit_class + at, channel_class, &class, &active);
		any |= (VI)((v ^ (v < 0)) > 126);
		v = (v & active) | (-128 & ~active);
		TO_BYTES(b, v);
		memcpy(to + at, &b, sizeof(b));
	}
	return ANY(any);
}

/* W elements from the i-th on as singles. */
INLINE void T(load)(enum dtype dtype, const uint8_t *raw, size_t i, VF *v)
{
	VI bad = {0};
	uint16_t h[W];

	if (dtype != DTYPE_F16 && dtype != DTYPE_BF16) {
		VU u = {0};

		for (unsigned l = 0; l < W; l++)
			u[l] = get_le32(raw + 4 * (i + l));
		*v = (VF)u;
		return;
	}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(h, raw + 2 * i, sizeof(h));
#else
	for (unsigned l = 0; l < W; l++)
		h[l] = get_le16(raw + 2 * (i + l));
#endif
	T(widen)(dtype, h, v, &bad);
}

INLINE void T(error_of)(enum dtype dtype, const uint8_t *a, const uint8_t *b,
			size_t n, float *sum)
{
	size_t elem = dtype == DTYPE_F16 || dtype == DTYPE_BF16 ? 2 : 4;
	uint8_t end[2][TRELLIS_SUM * sizeof(float)] = {{0}};
	VF d2[N] = {{0}}, x2[N] = {{0}};

	for (size_t at = 0; at < n; at += TRELLIS_SUM) {
		const uint8_t *p = a + at * elem, *q = b + at * elem;

		/* The last ones are filled up with 0. */
		if (n - at < TRELLIS_SUM) {
			memcpy(end[0], p, (n - at) * elem);
			memcpy(end[1], q, (n - at) * elem);
			p = end[0];
			q = end[1];
		}
		UNROLL(4)
		for (unsigned i = 0; i < N; i++) {
			VF x, y;

			T(load)(dtype, p, i * W, &x);
			T(load)(dtype, q, i * W, &y);
			x2[i] += x * x;
			x -= y;
			d2[i] += x * x;
		}
	}
	sum[0] = T(fold)(d2);
	sum[1] = T(fold)(x2);
}

static TARGET void T(error)(enum dtype dtype, const uint8_t *a,
			    const uint8_t *b, size_t n, float *sum)
{
	if (dtype == DTYPE_F16)
		T(error_of)(DTYPE_F16, a, b, n, sum);
	else if (dtype == DTYPE_BF16)
		T(error_of)(DTYPE_BF16, a, b, n, sum);
	else
		T(error_of)(DTYPE_F32, a, b, n, sum);
}

const struct trellis_kernels KERNELS = {
	.search = T(search),
	.nearest = T(nearest),
	.settle = T(settle),
	.largest = T(largest),
	.energy = T(energy),
	.magnitude = T(magnitude),
	.accumulate = T(accumulate),
	.combine = T(combine),
	.above = T(above),
	.turn = T(turn),
	.pack = T(pack),
	.error = T(error),
};

#undef N

/* For the next one. */
#undef T
#undef NARROWER
#undef TARGET
#undef KERNELS
#undef W
#undef VF
#undef VI
#undef VU
#undef VC
#undef VH
#undef VB
#undef SELECT_I
#undef SELECT_F
#undef FLOOR
#undef GATHER_F
#undef GATHER_I
#undef BETTER
#undef ANY
#undef TO_BYTES
