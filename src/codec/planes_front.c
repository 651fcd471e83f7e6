/*
 * planes_front.c - units of a slab as numbers of 32 bits, and back.
 *
 * A unit is an element, half of a C64, or a byte of elements that are smaller.
 * A number has its sign on top when it is floating-point.
 */
#include "codec/planes.h"

#include "base/half.h"

struct float_format float_format(enum dtype d)
{
	switch (d) {
	case DTYPE_F16:
		return (struct float_format){5, 10};
	case DTYPE_BF16:
		return (struct float_format){8, 7};
	case DTYPE_F32:
	case DTYPE_C64:
		return (struct float_format){8, 23};
	case DTYPE_F64:
		return (struct float_format){11, 52};
	case DTYPE_F8_E4M3:
	case DTYPE_F8_E4M3FNUZ:
		return (struct float_format){4, 3};
	case DTYPE_F8_E5M2:
	case DTYPE_F8_E5M2FNUZ:
		return (struct float_format){5, 2};
	default:
		return (struct float_format){0, 0};
	}
}

bool float_convert(uint64_t u, struct float_format from,
		   struct float_format to, uint64_t *v)
{
	enum { ONE = 60 };	/* where a mantissa's leading one is put */
	uint64_t sign = u >> (from.exponent + from.mantissa);
	uint64_t m = u & (((uint64_t)1 << from.mantissa) - 1);
	int32_t top = (1 << from.exponent) - 1, to_top = (1 << to.exponent) - 1;
	int32_t e = (int32_t)(u >> from.mantissa) & top;
	unsigned shift = ONE - to.mantissa;

	*v = sign << (to.exponent + to.mantissa);
	m <<= ONE - from.mantissa;
	if (e == top) {
		*v |= (uint64_t)to_top << to.mantissa;
	} else if (e || m) {
		if (e)
			m |= (uint64_t)1 << ONE;
		else
			for (e = 1; !(m >> ONE); e--)
				m <<= 1;
		e += to_top / 2 - top / 2;
		if (e >= to_top)
			return false;
		if (e > 0) {
			m ^= (uint64_t)1 << ONE;
			*v |= (uint64_t)e << to.mantissa;
		} else {
			/* A subnormal: no leading one, and the exponent 1's. */
			shift += (unsigned)(1 - e);
			if (shift > ONE)
				return false;
		}
	}
	*v |= m >> shift;
	return !(m & (((uint64_t)1 << shift) - 1));
}

bool front_may_hold(enum dtype d, enum dtype held)
{
	if (d == held)
		return true;
	switch (d) {
	case DTYPE_F16:
		return held == DTYPE_BF16;
	case DTYPE_F32:
	case DTYPE_C64:
		return held == DTYPE_F16 || held == DTYPE_BF16;
	case DTYPE_F64:
		return held == DTYPE_F16 || held == DTYPE_BF16 ||
		       held == DTYPE_F32;
	default:
		return false;
	}
}

static unsigned unit_bytes(enum dtype d)
{
	unsigned bits = d == DTYPE_C64 ? 32 : dtype_bits(d);

	return bits < 8 ? 1 : bits / 8;
}

struct front front_of(enum dtype d, enum dtype held)
{
	struct front f = {
		.dtype = d,
		.held = held,
		.unit = unit_bytes(d),
		.is_float = float_format(d).exponent != 0,
	};

	f.bits = 8 * unit_bytes(held);
	if (f.is_float && f.bits == 64)
		f.tail = 4;
	if (f.bits > 32)
		f.bits = 32;
	return f;
}

static inline uint64_t get_unit(const uint8_t *p, unsigned unit)
{
	switch (unit) {
	case 1:
		return *p;
	case 2:
		return get_le16(p);
	case 4:
		return get_le32(p);
	default:
		return get_le64(p);
	}
}

static inline void put_unit(uint8_t *p, unsigned unit, uint64_t v)
{
	switch (unit) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		put_le16(p, (uint16_t)v);
		break;
	case 4:
		put_le32(p, (uint32_t)v);
		break;
	default:
		put_le64(p, v);
	}
}

/* One width at a time: the compiler makes a loop of each. */
static inline void load(const struct front *f, const uint8_t *restrict raw,
			unsigned unit, size_t n, uint32_t *restrict x)
{
	uint64_t base = f->base;
	unsigned shift = 8 * f->tail;
	uint32_t mask = (uint32_t)(((uint64_t)1 << f->bits) - 1);

	for (size_t j = 0; j < n; j++)
		x[j] = (uint32_t)((get_unit(raw + j * unit, unit) - base) >>
				  shift) & mask;
}

/* The same where a number is the unit. */
static inline void load_plain(const uint8_t *restrict raw, unsigned unit,
			      size_t n, uint32_t *restrict x)
{
	size_t j = 0;

	for (; j + PLANES_STEP <= n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			x[j + k] = (uint32_t)get_unit(raw + (j + k) * unit,
						      unit);
	for (; j < n; j++)
		x[j] = (uint32_t)get_unit(raw + j * unit, unit);
}

/* The same as float_convert, but soon done with what is neither odd nor rare. */
static inline bool narrow(uint64_t u, struct float_format from,
			  struct float_format to, uint64_t *v)
{
	unsigned more = from.mantissa - to.mantissa;

	if (from.exponent == to.exponent) {
		*v = u >> more;
		return !(u & (((uint64_t)1 << more) - 1));
	}
	if (from.mantissa == 23 && to.mantissa == 10) {
		/* FP32's exponents 113 to 142 are F16's 1 to 30. */
		uint32_t m = (uint32_t)u & 0x7fffffff;

		if (m - (113u << 23) < 30u << 23) {
			*v = (u >> 16 & 0x8000) | (m - (112u << 23)) >> 13;
			return !(m & 0x1fff);
		}
	}
	return float_convert(u, from, to, v);
}

/* Stops at the first unit that does not fit: false. x may be NULL. */
static inline bool load_held(const uint8_t *raw, unsigned unit, size_t n,
			     struct float_format from, struct float_format to,
			     uint32_t *x)
{
	for (size_t j = 0; j < n; j++) {
		uint64_t v;

		if (!narrow(get_unit(raw + j * unit, unit), from, to, &v))
			return false;
		if (x)
			x[j] = (uint32_t)v;
	}
	return true;
}

/* One pair of formats at a time, known to the compiler. */
static bool load_any(enum dtype d, enum dtype held, const uint8_t *raw,
		     size_t n, uint32_t *x)
{
	static const struct float_format f16 = {5, 10}, bf16 = {8, 7},
					 f32 = {8, 23};

	if (unit_bytes(d) == 4 && held == DTYPE_F16)
		return load_held(raw, 4, n, f32, f16, x);
	if (unit_bytes(d) == 4 && held == DTYPE_BF16)
		return load_held(raw, 4, n, f32, bf16, x);
	return load_held(raw, unit_bytes(d), n, float_format(d),
			 float_format(held), x);
}

bool front_holds(enum dtype d, enum dtype held, const uint8_t *raw, size_t n)
{
	return load_any(d, held, raw, n, NULL);
}

void front_load(const struct front *f, const uint8_t *raw, size_t i, size_t n,
		uint32_t *x)
{
	raw += i * f->unit;
	if (f->is_float && f->held != f->dtype)
		(void)load_any(f->dtype, f->held, raw, n, x);
	else if (f->is_float && f->unit == 2)
		load_plain(raw, 2, n, x);
	else if (f->is_float && f->unit == 4)
		load_plain(raw, 4, n, x);
	else if (f->unit == 1)
		load(f, raw, 1, n, x);
	else if (f->unit == 2)
		load(f, raw, 2, n, x);
	else if (f->unit == 4)
		load(f, raw, 4, n, x);
	else
		load(f, raw, 8, n, x);
}

/* The low bytes of a unit with a tail are set already. */
static inline void store(const struct front *f, uint8_t *raw, unsigned unit,
			 const uint32_t *x, size_t n)
{
	uint64_t base = f->base;

	for (size_t j = 0; j < n; j++)
		put_unit(raw + j * unit, unit, x[j] + base);
}

static inline void store_plain(uint8_t *restrict raw, unsigned unit,
			       const uint32_t *restrict x, size_t n)
{
	size_t j = 0;

	for (; j + PLANES_STEP <= n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			put_unit(raw + (j + k) * unit, unit, x[j + k]);
	for (; j < n; j++)
		put_unit(raw + j * unit, unit, x[j]);
}

/* In integers where it may be a NaN: a float register can make it quiet. */
static inline uint32_t f32_bits_of_f16(uint32_t h)
{
	uint32_t mag = (h & 0x7fff) << 13, sign = (h & 0x8000) << 16;

	return sign | (mag >= 0x0f800000 ? 0x70000000 | mag
					 : f32_to_bits(f32_from_bits(mag) *
						       0x1p112f));
}

static bool store_held(const struct front *f, uint8_t *restrict raw,
		       const uint32_t *restrict x, size_t n)
{
	struct float_format from = float_format(f->held);
	struct float_format to = float_format(f->dtype);
	bool fits = true;

	if (f->unit == 4) {
		/* F16 and BF16 are FP32, all of them. */
		for (size_t j = 0; j < n; j++)
			put_le32(raw + 4 * j, f->held == DTYPE_F16
					? f32_bits_of_f16(x[j]) : x[j] << 16);
		return true;
	}
	for (size_t j = 0; j < n; j++) {
		uint64_t v;

		fits &= float_convert(x[j], from, to, &v);
		put_unit(raw + j * f->unit, f->unit, v);
	}
	return fits;
}

bool front_store(const struct front *f, const struct decode_kernels *kern,
		 const uint32_t *x, size_t i, size_t n, uint8_t *raw)
{
	raw += i * f->unit;
	if (f->is_float && f->held != f->dtype)
		return store_held(f, raw, x, n);
	if (f->tail)
		for (size_t j = 0; j < n; j++)
			put_le32(raw + j * f->unit + f->tail, x[j]);
	else if (f->is_float && f->unit == 2)
		kern->store16(x, n, raw);
	else if (f->is_float && f->unit == 4)
		store_plain(raw, 4, x, n);
	else if (f->unit == 1)
		store(f, raw, 1, x, n);
	else if (f->unit == 2)
		store(f, raw, 2, x, n);
	else if (f->unit == 4)
		store(f, raw, 4, x, n);
	else
		store(f, raw, 8, x, n);
	return true;
}
