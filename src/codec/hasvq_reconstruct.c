/*
 * hasvq_reconstruct.c - from indices, scales and outliers to weights.
 *
 * A weight is scale × centroid element, rounded to the slab's dtype. Scales of
 * the compact form lie on a coarse grid, so many rows have the same one: their
 * K · b products are rounded once and a block is copied from them, its signs
 * flipped or not. (Rounding is symmetric: a flipped sign is all that the
 * negative of a product differs in.) Rows whose scale is too rare for that are
 * made weight by weight.
 */
#include "codec/hasvq.h"

#include "codec/weights.h"

#include <stdlib.h>

struct maker {
	const struct hasvq *q;
	const struct decode_kernels *kern;
	enum dtype dtype;
	size_t elem;		/* bytes of a weight */
	size_t row_len;		/* bytes of a row */
	uint8_t *table;		/* [k][b] weights of one scale; or NULL */
	float *row;		/* [row_blocks × b] */
	uint8_t *raw;
};

/* n numbers, of any n. */
static void narrow(const struct maker *m, const float *w, size_t n,
		   uint8_t *raw)
{
	size_t i = 0;

	for (; i + DECODE_LANES <= n; i += DECODE_LANES)
		m->kern->narrow(m->dtype, w + i, raw + i * m->elem);
	weights_narrow(m->dtype, w + i, n - i, raw + i * m->elem);
}

static void fill_table(const struct maker *m, float scale)
{
	size_t n = (size_t)m->q->k * m->q->b;
	float w[DECODE_LANES];

	for (size_t i = 0; i < n; i += DECODE_LANES) {
		size_t part = n - i < DECODE_LANES ? n - i : DECODE_LANES;

		for (size_t k = 0; k < part; k++)
			w[k] = scale * m->q->cent[i + k];
		narrow(m, w, part, m->table + i * m->elem);
	}
}

/* n blocks of `unit` bytes, a constant at every call. sign: a weight's. */
static inline __attribute__((always_inline)) void
copy_blocks(const uint16_t *idx, size_t n, const uint8_t *table, size_t unit,
	    const uint8_t *sign, uint8_t *raw)
{
	uint64_t flip;
	uint32_t flip4;
	uint16_t flip2;

	memcpy(&flip, sign, sizeof(flip));
	memcpy(&flip4, sign, sizeof(flip4));
	memcpy(&flip2, sign, sizeof(flip2));
	for (size_t j = 0; j < n; j++, raw += unit) {
		const uint8_t *from = table + (size_t)(idx[j] >> 1) * unit;
		uint64_t mask = 0 - (uint64_t)(idx[j] & 1), eight;
		uint32_t four;
		uint16_t two;

		if (unit == 2) {
			memcpy(&two, from, 2);
			two = (uint16_t)(two ^ (flip2 & mask));
			memcpy(raw, &two, 2);
		} else if (unit == 4) {
			memcpy(&four, from, 4);
			four ^= flip4 & (uint32_t)mask;
			memcpy(raw, &four, 4);
		}
		for (size_t k = 0; k + 8 <= unit; k += 8) {
			memcpy(&eight, from + k, 8);
			eight ^= flip & mask;
			memcpy(raw + k, &eight, 8);
		}
	}
}

static void copy_row(const struct maker *m, size_t i)
{
	static const uint8_t sign_16[8] = {0, 0x80, 0, 0x80, 0, 0x80, 0, 0x80};
	static const uint8_t sign_32[8] = {0, 0, 0, 0x80, 0, 0, 0, 0x80};
	const struct hasvq *q = m->q;
	const uint16_t *idx = q->idx + i * q->row_blocks;
	const uint8_t *sign = m->elem == 2 ? sign_16 : sign_32;
	size_t whole = q->n_cols / q->b, unit = q->b * m->elem;
	uint8_t *raw = m->raw + i * m->row_len;

	switch (unit) {
	case 2:
		copy_blocks(idx, whole, m->table, 2, sign, raw);
		break;
	case 4:
		copy_blocks(idx, whole, m->table, 4, sign, raw);
		break;
	case 8:
		copy_blocks(idx, whole, m->table, 8, sign, raw);
		break;
	case 16:
		copy_blocks(idx, whole, m->table, 16, sign, raw);
		break;
	default:
		copy_blocks(idx, whole, m->table, 32, sign, raw);
		break;
	}
	if (whole < q->row_blocks) {
		const uint8_t *from = m->table +
				      (size_t)(idx[whole] >> 1) * unit;

		for (size_t k = whole * unit; k < m->row_len; k++) {
			size_t at = k - whole * unit;
			unsigned flip = idx[whole] & 1 ? sign[at % 8] : 0;

			raw[k] = (uint8_t)(from[at] ^ flip);
		}
	}
}

static inline __attribute__((always_inline)) void
multiply(const struct hasvq *q, const uint16_t *idx, float s, unsigned b,
	 float *w)
{
	for (size_t j = 0; j < q->row_blocks; j++, w += b) {
		const float *c = q->cent + (size_t)(idx[j] >> 1) * b;
		float signed_s = idx[j] & 1 ? -s : s;

		for (unsigned d = 0; d < b; d++)
			w[d] = signed_s * c[d];
	}
}

static void make_row(const struct maker *m, size_t i)
{
	const struct hasvq *q = m->q;
	const uint16_t *idx = q->idx + i * q->row_blocks;

	switch (q->b) {
	case 1:
		multiply(q, idx, q->scale[i], 1, m->row);
		break;
	case 2:
		multiply(q, idx, q->scale[i], 2, m->row);
		break;
	case 4:
		multiply(q, idx, q->scale[i], 4, m->row);
		break;
	default:
		multiply(q, idx, q->scale[i], 8, m->row);
		break;
	}
	narrow(m, m->row, q->n_cols, m->raw + i * m->row_len);
}

/* Rows by their scale code: order[first[c]] … order[first[c + 1] − 1]. */
static void sort_rows(const struct hasvq *q, uint32_t *first, uint32_t *order)
{
	uint32_t to[SCALE_CODES], sum = 0;

	memset(first, 0, (SCALE_CODES + 1) * sizeof(*first));
	for (size_t i = 0; i < q->n_rows; i++)
		first[q->code[i]]++;
	for (unsigned c = 0; c <= SCALE_CODES; c++) {
		uint32_t n = first[c];

		first[c] = sum;
		if (c < SCALE_CODES)
			to[c] = sum;
		sum += n;
	}
	for (size_t i = 0; i < q->n_rows; i++)
		order[to[q->code[i]]++] = (uint32_t)i;
}

static enum hvqz_ret rows_by_scale(struct maker *m, struct hvqz_err *err)
{
	const struct hasvq *q = m->q;
	uint32_t first[SCALE_CODES + 1];
	uint32_t *order = malloc(q->n_rows * sizeof(*order));

	m->table = malloc((size_t)q->k * q->b * m->elem);
	if (!order || !m->table) {
		free(order);
		return hvqz_nomem(err, (uint64_t)q->k * q->b * m->elem,
				  "a codebook of weights");
	}
	sort_rows(q, first, order);
	for (unsigned c = 0; c < SCALE_CODES; c++) {
		size_t n = first[c + 1] - first[c];
		const uint32_t *row = order + first[c];
		bool pays = n * q->row_blocks > q->k;

		if (pays)
			fill_table(m, q->scale[row[0]]);
		for (size_t i = 0; i < n; i++)
			(pays ? copy_row : make_row)(m, row[i]);
	}
	free(order);
	return HVQZ_OK;
}

static void put_outliers(const struct maker *m)
{
	const struct sparse *s = &m->q->sparse;
	/* Finite patterns of the dtype's own are what narrowing gives. */
	bool same = m->dtype == (s->kind == HALF_F16 ? DTYPE_F16 : DTYPE_BF16);

	for (uint32_t o = 0; o < s->n; o++) {
		uint8_t *to = m->raw + (size_t)s->pos[o] * m->elem;
		float w;

		if (same) {
			put_le16(to, s->half[o]);
			continue;
		}
		w = f32_from_half(s->kind, s->half[o]);
		weights_narrow(m->dtype, &w, 1, to);
	}
}

enum hvqz_ret hasvq_reconstruct(const struct hasvq *q, enum dtype dtype,
				const struct decode_kernels *kern,
				uint8_t *raw, struct hvqz_err *err)
{
	struct maker m = {.q = q, .kern = kern, .dtype = dtype, .raw = raw};
	size_t n = q->row_blocks * q->b;
	enum hvqz_ret ret = HVQZ_OK;

	m.elem = dtype_bits(dtype) / 8;
	m.row_len = q->n_cols * m.elem;
	m.row = malloc(n * sizeof(*m.row));
	if (!m.row)
		return hvqz_nomem(err, n * sizeof(*m.row), "a row");
	if (q->compact)
		ret = rows_by_scale(&m, err);
	for (size_t i = 0; i < q->n_rows && !q->compact; i++)
		make_row(&m, i);
	if (ret == HVQZ_OK)
		put_outliers(&m);
	free(m.table);
	free(m.row);
	return ret;
}
