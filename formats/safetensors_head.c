/*
 * safetensors_head.c - a safetensors header into a tensor table, by the rules
 * S1 to S19 of formats/safetensors.md.
 *
 * Two steps. First every entry is read, in the order of the JSON, into a list
 * of its own; then the list is sorted, by name to find duplicates and by
 * offset to find holes and overlaps, and moved into the model's table. No
 * streams here: the whole header is in memory, the data is not looked at.
 *
 * Memory: the shortest entry takes 52 bytes of header, and costs about 110 here
 * and as much in the model, twice that while a list grows, plus its name. The
 * whole stays below 16 times the header ((m) 5.5 times at the worst we found).
 */
#include "formats/safetensors.h"

#include "base/bytes.h"
#include "formats/safetensors_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRY_DEPTH = 2,	/* {"shape": [...]}: the object, the array */
	N_OFFSETS = 2,
};

struct entry {
	char *name;		/* owned */
	enum dtype dtype;
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
	uint64_t begin, end;	/* data_offsets */
	size_t order;		/* place in the header */
};

struct listing {
	struct entry *entries;	/* owned */
	size_t n, cap;
	struct slice meta;	/* p NULL: no "__metadata__" */
};

static void listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->entries[i].name);
	free(l->entries);
}

static enum hvqz_ret listing_grow(struct listing *l, struct hvqz_err *err)
{
	size_t cap = l->cap ? 2 * l->cap : 64;
	struct entry *more;

	if (l->n < l->cap)
		return HVQZ_OK;
	more = realloc(l->entries, cap * sizeof(*more));
	if (!more)
		return hvqz_nomem(err, cap * sizeof(*more),
				  "the header's list");
	l->entries = more;
	l->cap = cap;
	return HVQZ_OK;
}

/*
 * A flat array of numbers (S9, S19): whole, not negative, below 2^63. The
 * elements are counted before jansson sees them, so that a long array costs
 * nothing; more than TENSOR_MAX_RANK are counted but not read.
 */
static enum hvqz_ret read_numbers(const struct walk *w, const char *field,
				  struct slice v, uint64_t *to, size_t *n)
{
	enum hvqz_ret ret = HVQZ_OK;
	size_t commas = 0;
	json_t *array;

	if (*v.p != '[')
		return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
					"field '%s' is not an array", field);
	for (size_t i = 0; i < v.len; i++)
		commas += v.p[i] == ',';
	*n = commas + 1;
	if (*n > TENSOR_MAX_RANK)
		return HVQZ_OK;
	TRY(walk_decode(w, v, 0, &array));
	*n = json_array_size(array);
	for (size_t i = 0; i < *n; i++) {
		json_t *number = json_array_get(array, i);

		if (!json_is_integer(number)) {
			ret = hvqz_fail_tensor(
				w->err, HVQZ_DAMAGED, w->tensor,
				"field '%s': number %zu is not a whole number "
				"in plain digits", field, i + 1);
			break;
		}
		to[i] = (uint64_t)json_integer_value(number);
	}
	json_decref(array);
	/* -0 too: after the check above a '-' can only be a sign. */
	if (ret == HVQZ_OK && memchr(v.p, '-', v.len))
		ret = hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
				       "field '%s' has a negative number",
				       field);
	return ret;
}

static enum hvqz_ret read_dtype(const struct walk *w, struct slice v,
				struct entry *e)
{
	enum hvqz_ret ret = HVQZ_OK;
	char *name;

	if (*v.p != '"')
		return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
					"field 'dtype' is not a string");
	TRY(walk_key(w, v, &name));
	if (!dtype_from_name(name, &e->dtype))
		ret = hvqz_fail_tensor(w->err, HVQZ_UNSUPPORTED, w->tensor,
				       "unknown dtype '%.40s'", name);
	free(name);
	return ret;
}

static enum hvqz_ret read_shape(const struct walk *w, struct slice v,
				struct entry *e)
{
	size_t n;

	TRY(read_numbers(w, "shape", v, e->dim, &n));
	if (n > TENSOR_MAX_RANK)
		return hvqz_fail_tensor(w->err, HVQZ_UNSUPPORTED, w->tensor,
					"rank %zu; the most is %d", n,
					TENSOR_MAX_RANK);
	e->rank = (unsigned)n;
	return HVQZ_OK;
}

static enum hvqz_ret read_offsets(const struct walk *w, struct slice v,
				  struct entry *e)
{
	uint64_t offsets[TENSOR_MAX_RANK];
	size_t n;

	TRY(read_numbers(w, "data_offsets", v, offsets, &n));
	if (n != N_OFFSETS)
		return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
					"field 'data_offsets' has %zu numbers, "
					"not 2", n);
	if (offsets[1] < offsets[0])
		return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
					"its data ends at byte %" PRIu64
					", before it begins at %" PRIu64,
					offsets[1], offsets[0]);
	e->begin = offsets[0];
	e->end = offsets[1];
	return HVQZ_OK;
}

static const struct {
	const char *name;
	enum hvqz_ret (*read)(const struct walk *w, struct slice v,
			      struct entry *e);
} fields[] = {
	{"dtype", read_dtype},
	{"shape", read_shape},
	{"data_offsets", read_offsets},
};

enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]) };

static enum hvqz_ret read_field(const struct walk *w, struct slice key,
				struct slice value, unsigned *seen,
				struct entry *e)
{
	enum hvqz_ret ret;
	char *name;
	unsigned i = 0;

	TRY(walk_key(w, key, &name));
	while (i < N_FIELDS && strcmp(fields[i].name, name))
		i++;
	/* It could change what the data means: not ours to ignore. */
	if (i == N_FIELDS)
		ret = hvqz_fail_tensor(w->err, HVQZ_UNSUPPORTED, w->tensor,
				       "unknown field '%.40s'", name);
	else if (*seen & 1u << i)
		ret = hvqz_fail_tensor(w->err, HVQZ_DAMAGED, w->tensor,
				       "duplicate field '%s'", name);
	else
		ret = fields[i].read(w, value, e);
	free(name);
	*seen |= 1u << i;
	return ret;
}

/* {"dtype": ..., "shape": [...], "data_offsets": [...]} of tensor w->tensor. */
static enum hvqz_ret read_entry(const struct walk *outer, struct slice value,
				struct entry *e)
{
	struct walk w = walk_into(outer, value);
	struct slice key, field;
	unsigned seen = 0;
	bool more;

	if (*value.p != '{')
		return hvqz_fail_tensor(w.err, HVQZ_DAMAGED, w.tensor,
					"its entry is not a JSON object");
	TRY(walk_open(&w));
	for (;;) {
		TRY(walk_pair(&w, ENTRY_DEPTH - 1, &key, &field, &more));
		if (!more)
			break;
		TRY(read_field(&w, key, field, &seen, e));
	}
	TRY(walk_close(&w));
	for (unsigned i = 0; i < N_FIELDS; i++)
		if (!(seen & 1u << i))
			return hvqz_fail_tensor(w.err, HVQZ_DAMAGED, w.tensor,
						"field '%s' is missing",
						fields[i].name);
	return HVQZ_OK;
}

/* One pair of the outer object. Takes over name. */
static enum hvqz_ret read_member(struct walk *w, char *name,
				 struct slice value, struct listing *l)
{
	size_t len = strlen(name);
	enum hvqz_ret ret;
	struct entry *e;

	if (!strcmp(name, "__metadata__")) {
		free(name);
		if (l->meta.p)
			return hvqz_fail(w->err, HVQZ_DAMAGED,
					 "duplicate '__metadata__'");
		l->meta = value;
		return walk_metadata(w, value);
	}
	if (!len || len > TENSOR_MAX_NAME) {
		free(name);
		return hvqz_fail(w->err, HVQZ_DAMAGED,
				 "tensor %zu of the header: a name of %zu "
				 "bytes; names have 1 to %d", l->n + 1, len,
				 TENSOR_MAX_NAME);
	}
	ret = listing_grow(l, w->err);
	if (ret != HVQZ_OK) {
		free(name);
		return ret;
	}
	e = &l->entries[l->n];
	*e = (struct entry){.name = name, .order = l->n};
	l->n++;
	w->tensor = name;
	ret = read_entry(w, value, e);
	w->tensor = NULL;
	return ret;
}

static enum hvqz_ret read_listing(struct walk *w, struct listing *l)
{
	struct slice key, value;
	char *name;
	bool more;

	TRY(walk_open(w));
	for (;;) {
		TRY(walk_pair(w, ENTRY_DEPTH, &key, &value, &more));
		if (!more)
			return walk_close(w);
		TRY(walk_key(w, key, &name));
		TRY(read_member(w, name, value, l));
	}
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Empty tensors stand before the one that begins where they lie. */
static int by_offset(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* S10, S11, S12, S13: e is the next tensor of the data. */
static enum hvqz_ret place(struct model *m, const struct entry *e,
			   struct hvqz_err *err)
{
	const struct tensor *t;
	char shape[200];

	if (e->begin > m->data_size)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, e->name,
			"a hole before it: it begins at data byte %" PRIu64
			", the tensors before it end at %" PRIu64,
			e->begin, m->data_size);
	if (e->begin < m->data_size)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, e->name,
			"an overlap: it begins at data byte %" PRIu64
			", the tensor before it ends at %" PRIu64,
			e->begin, m->data_size);
	TRY(model_add(m, e->name, e->dtype, e->rank, e->dim, err));
	t = &m->tensors[m->n_tensors - 1];
	if (t->size != e->end - e->begin)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, e->name,
			"shape %s %s needs %" PRIu64
			" bytes, offsets give %" PRIu64,
			tensor_shape(t, shape, sizeof(shape)),
			dtype_name(t->dtype), t->size, e->end - e->begin);
	return HVQZ_OK;
}

static enum hvqz_ret fill_model(struct listing *l, struct model *m,
				struct hvqz_err *err)
{
	if (!l->n)
		return HVQZ_OK;
	qsort(l->entries, l->n, sizeof(*l->entries), by_name);
	for (size_t i = 1; i < l->n; i++)
		if (!strcmp(l->entries[i - 1].name, l->entries[i].name))
			return hvqz_fail_tensor(err, HVQZ_DAMAGED,
						l->entries[i].name,
						"duplicate name: the header "
						"has it twice");
	qsort(l->entries, l->n, sizeof(*l->entries), by_offset);
	for (size_t i = 0; i < l->n; i++) {
		TRY(place(m, &l->entries[i], err));
		free(l->entries[i].name);	/* the model has a copy */
		l->entries[i].name = NULL;
	}
	return HVQZ_OK;
}

enum hvqz_ret safetensors_parse(const uint8_t *head, size_t head_len,
				struct model *m,
				struct safetensors_metadata *meta,
				struct hvqz_err *err)
{
	struct walk w = {.base = head, .err = err};
	struct listing l = {0};
	enum hvqz_ret ret;

	if (head_len < SAFETENSORS_LEN ||
	    get_le64(head) != head_len - SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a safetensors header of %zu bytes does not "
				 "say so in its first 8 bytes", head_len);
	w.p = head + SAFETENSORS_LEN;
	w.end = head + head_len;
	TRY_OUT(read_listing(&w, &l));
	TRY_OUT(fill_model(&l, m, err));
	if (meta)
		*meta = (struct safetensors_metadata){l.meta.p, l.meta.len};
out:
	listing_free(&l);
	return ret;
}
