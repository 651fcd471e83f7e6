/* model.c - building, cutting and searching the tensor table. */
#include "model/model.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row longer than this is cut into elements: bounded memory for any shape. */
#define MAX_ROW_LEN ((uint64_t)64 << 20)

/* Every size and offset stays below 2^63, as the container's fields ask. */
#define MAX_SIZE ((uint64_t)INT64_MAX)

void model_free(struct model *m)
{
	for (size_t i = 0; i < m->n_tensors; i++)
		free(m->tensors[i].name);
	free(m->tensors);
	free(m->head);
	free(m->rest);
	*m = (struct model){0};
}

/* n_elems and size of t from its shape. */
static enum hvqz_ret measure(struct tensor *t, const char *name,
			     struct hvqz_err *err)
{
	unsigned bits = dtype_bits(t->dtype);
	uint64_t n = 1, n_bits;
	bool has_zero = false;

	for (unsigned i = 0; i < t->rank; i++)
		has_zero |= t->dim[i] == 0;
	for (unsigned i = 0; i < t->rank && !has_zero; i++)
		if (!ckd_mul64(&n, n, t->dim[i]))
			goto overflow;
	if (has_zero)
		n = 0;
	/* bits is at most 64, so this also bounds n. */
	if (!ckd_mul64(&n_bits, n, bits) || n_bits / 8 > MAX_SIZE)
		goto overflow;
	if (n_bits % 8)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, name,
			"%" PRIu64 " elements of %s are %" PRIu64
			" bits and do not end on a byte",
			n, dtype_name(t->dtype), n_bits);
	t->n_elems = n;
	t->size = n_bits / 8;
	return HVQZ_OK;
overflow:
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
				"the product of its dimensions overflows 64 "
				"bits");
}

enum hvqz_ret model_add(struct model *m, const char *name, enum dtype dtype,
			unsigned rank, const uint64_t *dim,
			struct hvqz_err *err)
{
	struct tensor t = {.dtype = dtype, .rank = rank, .off = m->data_size};
	size_t name_len = strlen(name);

	if (!name_len || name_len > TENSOR_MAX_NAME)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "tensor %zu: a name of %zu bytes; names have "
				 "1 to %d",
				 m->n_tensors, name_len, TENSOR_MAX_NAME);
	if (!dtype_bits(dtype))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"unknown dtype number %u",
					(unsigned)dtype);
	if (rank > TENSOR_MAX_RANK)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"rank %u; the most is %d", rank,
					TENSOR_MAX_RANK);
	if (rank)
		memcpy(t.dim, dim, rank * sizeof(*dim));
	TRY(measure(&t, name, err));
	if (t.size > MAX_SIZE - m->data_size)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"the sizes add up to more than 2^63 "
					"bytes");
	/* The table grows by doubling: at every power of two. */
	if (!(m->n_tensors & (m->n_tensors - 1))) {
		size_t n = m->n_tensors ? 2 * m->n_tensors : 1;
		struct tensor *more =
			realloc(m->tensors, n * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, n * sizeof(*more),
					  "the tensor table");
		m->tensors = more;
	}
	t.name = malloc(name_len + 1);
	if (!t.name)
		return hvqz_nomem(err, name_len + 1, "a tensor's name");
	memcpy(t.name, name, name_len + 1);
	m->tensors[m->n_tensors++] = t;
	m->data_size += t.size;
	m->n_params += t.n_elems;
	return HVQZ_OK;
}

struct tensor_rows tensor_rows(const struct tensor *t)
{
	unsigned bits = dtype_bits(t->dtype);
	struct tensor_rows r = {0};

	if (t->rank >= 2 && t->n_elems) {
		uint64_t row_bits = t->n_elems / t->dim[0] * bits;

		if (row_bits % 8 == 0 && row_bits / 8 <= MAX_ROW_LEN) {
			r.n_rows = t->dim[0];
			r.row_elems = t->n_elems / t->dim[0];
			r.row_len = row_bits / 8;
			r.is_matrix = true;
			return r;
		}
	}
	r.row_elems = 1;
	while (r.row_elems * bits % 8)
		r.row_elems++;
	r.row_len = r.row_elems * bits / 8;
	r.n_rows = t->n_elems / r.row_elems;
	return r;
}

const struct tensor *model_find(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->n_tensors; i++)
		if (!strcmp(m->tensors[i].name, name))
			return &m->tensors[i];
	return NULL;
}

char *tensor_shape(const struct tensor *t, char *buf, size_t len)
{
	size_t at = (size_t)snprintf(buf, len, "[");

	for (unsigned i = 0; i < t->rank && at < len; i++)
		at += (size_t)snprintf(buf + at, len - at, "%s%" PRIu64,
				       i ? ", " : "", t->dim[i]);
	if (at < len)
		snprintf(buf + at, len - at, "]");
	return buf;
}
