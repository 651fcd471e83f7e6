/*
 * planes_classes.c - scale codes of rows and columns, as stored.
 *
 * A list of codes is a byte: 0 for "all 0", else 1 + log2 of the codes' unit,
 * plus 4 when each stands for the difference to the one before; then a byte,
 * the number to start from, in that unit; then a number list.
 */
#include "codec/planes.h"

#include "entropy/bits.h"
#include "entropy/intcode.h"

#include <stdlib.h>

enum {
	WAY_NONE = 0,
	WAY_UNITS = 4,		/* 1, 2, 4, 8 */
	WAY_DIFFERENCES = 4,	/* added to it */
};

void classes_free(struct classes *k)
{
	free(k->row);
	free(k->col);
	*k = (struct classes){0};
}

static inline void add(const uint8_t *restrict col, uint8_t row, size_t n,
		       uint8_t *restrict class)
{
	size_t j = 0;

	for (; j + PLANES_STEP <= n; j += PLANES_STEP)
		for (unsigned k = 0; k < PLANES_STEP; k++)
			class[j + k] = (uint8_t)(col[j + k] + row);
	for (; j < n; j++)
		class[j] = (uint8_t)(col[j] + row);
}

void classes_get(const struct classes *k, size_t i, size_t n, uint8_t *class)
{
	size_t row = i / k->width, col = i % k->width;

	while (n) {
		size_t m = k->width - col < n ? k->width - col : n;

		add(k->col + col, k->row[row], m, class);
		class += m;
		n -= m;
		row++;
		col = 0;
	}
}

void classes_present(const struct classes *k, bool *present)
{
	bool row[CLASS_MAX + 1] = {0}, col[CLASS_MAX + 1] = {0};

	memset(present, 0, (CLASS_MAX + 1) * sizeof(*present));
	for (size_t i = 0; i < k->n_rows; i++)
		row[k->row[i]] = true;
	for (size_t j = 0; j < k->width; j++)
		col[k->col[j]] = true;
	for (unsigned a = 0; a <= CLASS_MAX; a++)
		for (unsigned b = 0; row[a] && a + b <= CLASS_MAX; b++)
			present[a + b] |= col[b];
}

/* ---- writing ---- */

/* The codes in units of 2^log, or their differences; centre is the start. */
static void as_numbers(const uint8_t *code, size_t n, unsigned log,
		       bool differences, unsigned centre, uint32_t *v)
{
	int before = (int)centre;

	for (size_t i = 0; i < n; i++) {
		int q = code[i] >> log;

		v[i] = zigzag(q - before);
		if (differences)
			before = q;
	}
}

static enum hvqz_ret put_codes(const uint8_t *code, size_t n, struct buf *out,
			       struct hvqz_err *err)
{
	struct buf other = {0};
	uint32_t *v = malloc((n + 1) * sizeof(*v));
	uint8_t any = 0;
	unsigned log = 0, centre;
	uint64_t sum = 0;
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), "scale codes");
	for (size_t i = 0; i < n; i++) {
		any |= code[i];
		sum += code[i];
	}
	if (!any) {
		buf_u8(out, WAY_NONE);
		ret = buf_ok(out, err);
		goto out;
	}
	while (log < 3 && !(any >> log & 1))
		log++;
	centre = (unsigned)(sum / n) >> log;
	buf_u8(&other, (uint8_t)(1 + log + WAY_DIFFERENCES));
	buf_u8(&other, (uint8_t)(code[0] >> log));
	as_numbers(code, n, log, true, code[0] >> log, v);
	TRY_OUT(intcode_put(v, n, &other, err));
	sum = out->len;
	buf_u8(out, (uint8_t)(1 + log));
	buf_u8(out, (uint8_t)centre);
	as_numbers(code, n, log, false, centre, v);
	TRY_OUT(intcode_put(v, n, out, err));
	if (other.len < out->len - sum) {
		out->len = sum;
		buf_put(out, other.p, other.len);
	}
	ret = buf_ok(out, err);
out:
	buf_free(&other);
	free(v);
	return ret;
}

enum hvqz_ret classes_cost(const uint8_t *code, size_t n, size_t *len,
			   struct hvqz_err *err)
{
	struct buf trial = {0};
	enum hvqz_ret ret = put_codes(code, n, &trial, err);

	*len = trial.len;
	buf_free(&trial);
	return ret;
}

enum hvqz_ret classes_put(const struct classes *k, struct buf *out,
			  struct hvqz_err *err)
{
	varint_put(out, (uint32_t)k->width);
	TRY(put_codes(k->row, k->n_rows, out, err));
	return put_codes(k->col, k->width, out, err);
}

/* ---- reading ---- */

static enum hvqz_ret get_codes(struct cursor *c, uint8_t *code, size_t n,
			       unsigned *max, const char *what,
			       struct hvqz_err *err)
{
	uint8_t way, start;
	unsigned log;
	uint32_t *v;
	int64_t before;
	enum hvqz_ret ret;

	*max = 0;
	if (!cur_u8(c, &way) || way > 2 * WAY_UNITS)
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: no such list", what);
	if (way == WAY_NONE) {
		memset(code, 0, n);
		return HVQZ_OK;
	}
	if (!cur_u8(c, &start))
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: a list that is cut",
				 what);
	log = (way - 1u) % WAY_UNITS;
	v = malloc(n * sizeof(*v));
	if (!v)
		return hvqz_nomem(err, n * sizeof(*v), what);
	TRY_OUT(intcode_get(c, v, n, what, err));
	before = start;
	for (size_t i = 0; i < n; i++) {
		int64_t q = before + unzigzag(v[i]);

		if (q < 0 || q > CLASS_MAX >> log) {
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"%s: a code that is not from 0 to %d",
					what, CLASS_MAX);
			goto out;
		}
		if (way > WAY_DIFFERENCES)
			before = q;
		code[i] = (uint8_t)(q << log);
		*max = code[i] > *max ? code[i] : *max;
	}
out:
	free(v);
	return ret;
}

enum hvqz_ret classes_read(struct classes *k, struct cursor *c, size_t n,
			   struct hvqz_err *err)
{
	unsigned max_row, max_col;
	uint32_t width;

	*k = (struct classes){0};
	if (!varint_get(c, &width) || !width || width > n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "scale codes of rows that are not of 1 to %zu "
				 "numbers", n);
	k->width = width;
	k->n_rows = (n + width - 1) / width;
	k->row = malloc(k->n_rows);
	k->col = malloc(k->width);
	if (!k->row || !k->col)
		return hvqz_nomem(err, k->n_rows + k->width, "scale codes");
	TRY(get_codes(c, k->row, k->n_rows, &max_row, "row scales", err));
	TRY(get_codes(c, k->col, k->width, &max_col, "column scales", err));
	if (max_row + max_col > CLASS_MAX)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "scale codes of rows up to %u and of columns "
				 "up to %u", max_row, max_col);
	return HVQZ_OK;
}
