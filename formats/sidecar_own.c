/*
 * sidecar_own.c - reading our own kind of sidecar.
 *
 * Its law is formats/sidecar.md: a safetensors file with some tensors
 * NAME.field for every weight NAME. The shapes are checked first, from the
 * header alone (sidecar_fields.c); then the data streams by, in file order.
 *
 * Full Hessians are far larger than all the rest together, so they are only
 * streamed past: every value is checked, the diagonal is kept. Their places in
 * the file are noted, for sens_load_full().
 */
#include "formats/sidecar_own.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/half.h"
#include "formats/format.h"
#include "formats/safetensors.h"
#include "formats/sidecar_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP = 64 << 10,	/* bytes of tensor data in hand at a time */
};

/* ---- which tensors belong to which weight ---- */

struct weight {
	const struct tensor *field[N_FIELDS];
	float *scale;		/* [n_in], until its record takes it over */
};

/* One of the file's tensors: which field of which weight it is. */
struct item {
	const struct tensor *tensor;
	size_t base_len;	/* of the weight's name at the start of its */
	enum field field;	/* N_FIELDS: none of ours */
	size_t weight;
};

struct ours {
	struct model m;
	void *state;		/* the safetensors reader's */
	struct item *items;	/* [m.n_tensors] */
	struct weight *weights;	/* [t->n], parallel to t->v */
	struct sens_table *t;
	uint8_t *step;		/* [STEP] */
};

static int by_base(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	size_t n = x->base_len < y->base_len ? x->base_len : y->base_len;
	int c = memcmp(x->tensor->name, y->tensor->name, n);

	return c ? c : (x->base_len > y->base_len) -
		(x->base_len < y->base_len);
}

static int by_tensor(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

/* A weight for every different base name, in t as well. */
static enum hvqz_ret add_weight(struct ours *o, const struct item *x,
				struct hvqz_err *err)
{
	char *name = strndup(x->tensor->name, x->base_len);
	struct sens *s = name ? sens_table_add(o->t, name) : NULL;

	free(name);
	if (!s)
		return hvqz_nomem(err, x->base_len + sizeof(*s),
				  "the sidecar's table");
	return HVQZ_OK;
}

static enum hvqz_ret group(struct ours *o, const struct hvqz_notes *notes,
			   struct hvqz_err *err)
{
	size_t n = o->m.n_tensors, n_unknown = 0, bytes;
	const struct item *last = NULL;
	const char *unknown = "";

	bytes = n * (sizeof(*o->items) + sizeof(*o->weights));
	o->items = calloc(n + 1, sizeof(*o->items));
	o->weights = calloc(n + 1, sizeof(*o->weights));
	if (!o->items || !o->weights)
		return hvqz_nomem(err, bytes, "the sidecar's table");
	for (size_t i = 0; i < n; i++) {
		struct item *x = &o->items[i];

		x->tensor = &o->m.tensors[i];
		x->field = sidecar_find_field(x->tensor->name, &x->base_len);
		if (x->field == N_FIELDS && !n_unknown++)
			unknown = x->tensor->name;
	}
	if (n_unknown)
		hvqz_warn(notes, "sidecar: %zu tensors are no field we know "
			  "and are not used (the first is %.200s)", n_unknown,
			  unknown);
	qsort(o->items, n, sizeof(*o->items), by_base);
	for (size_t i = 0; i < n; i++) {
		struct item *x = &o->items[i];

		if (x->field == N_FIELDS)
			continue;
		if (!last || by_base(last, x))
			TRY(add_weight(o, x, err));
		last = x;
		x->weight = o->t->n - 1;
		o->weights[x->weight].field[x->field] = x->tensor;
	}
	qsort(o->items, n, sizeof(*o->items), by_tensor);
	return HVQZ_OK;
}

/* ---- the data, as it comes ---- */

static enum hvqz_ret check_value(const struct tensor *x, uint64_t i, float v,
				 bool sign, struct hvqz_err *err)
{
	if (isfinite(v) && (sign || v >= 0))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
				"value %" PRIu64 " is %g; it must be finite%s",
				i, (double)v, sign ? "" : " and not negative");
}

/* The next values of x, of which `done` were here, to o->step: *k of them. */
static enum hvqz_ret next_values(struct ours *o, const struct tensor *x,
				 uint64_t done, size_t *k,
				 struct hvqz_err *err)
{
	size_t size = x->dtype == DTYPE_F16 ? 2 : 4;

	*k = STEP / size;
	if (*k > x->n_elems - done)
		*k = (size_t)(x->n_elems - done);
	return safetensors_reader.next(o->state, o->step, *k * size, err);
}

static float value_at(const struct ours *o, const struct tensor *x, size_t i)
{
	if (x->dtype == DTYPE_F16)
		return f32_from_f16(get_le16(o->step + 2 * i));
	return get_lef32(o->step + 4 * i);
}

/*
 * Pass over a tensor's data, checking every value, and keep each `stride`th in
 * a fresh array of *n floats (the caller frees) that grows as they arrive. The
 * values between are checked for being finite, the kept ones also for ≥ 0.
 */
static enum hvqz_ret take_every(struct ours *o, const struct tensor *x,
				uint64_t stride, float **kept, size_t *n,
				struct hvqz_err *err)
{
	uint64_t next = 0, done = 0;
	struct buf b = {0};
	enum hvqz_ret ret = HVQZ_OK;
	size_t k;

	for (; done < x->n_elems; done += k) {
		TRY_OUT(next_values(o, x, done, &k, err));
		for (size_t i = 0; i < k; i++) {
			float v = value_at(o, x, i);

			TRY_OUT(check_value(x, done + i, v, done + i != next,
					    err));
			if (done + i == next) {
				buf_put(&b, &v, sizeof(v));
				next += stride;
			}
		}
		TRY_OUT(buf_ok(&b, err));
	}
	*n = b.len / sizeof(float);
	*kept = (float *)(void *)b.p;
	return HVQZ_OK;
out:
	buf_free(&b);
	return ret;
}

/* Rule 10, about row r, column c of a block for w channels (or more). */
static enum hvqz_ret check_in_block(const struct tensor *x, uint64_t i,
				    float v, uint64_t r, uint64_t c,
				    uint64_t w, struct hvqz_err *err)
{
	bool behind = r >= w || c >= w;

	TRY(check_value(x, i, v, true, err));
	if ((behind && v != 0) || (!behind && r == c && v != 1))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
					"value %" PRIu64 " is %g; %s", i,
					(double)v, behind ? "behind the last "
					"channel it must be 0" : "on the "
					"diagonal it must be 1");
	return HVQZ_OK;
}

/* Blocks of correlations between n_in channels: checked, and left there. */
static enum hvqz_ret check_blocks(struct ours *o, const struct tensor *x,
				  uint64_t n_in, struct hvqz_err *err)
{
	uint64_t b = x->dim[1], at = 0, r = 0, c = 0;
	size_t k;

	for (uint64_t done = 0; done < x->n_elems; done += k) {
		TRY(next_values(o, x, done, &k, err));
		for (size_t i = 0; i < k; i++) {
			TRY(check_in_block(x, done + i, value_at(o, x, i), r,
					   c, n_in - at, err));
			if (++c < b)
				continue;
			c = 0;
			if (++r < b)
				continue;
			r = 0;
			at += b;
		}
	}
	return HVQZ_OK;
}

static enum hvqz_ret pass_over(struct ours *o, const struct tensor *x,
			       struct hvqz_err *err)
{
	for (uint64_t left = x->size; left;) {
		size_t k = left < STEP ? (size_t)left : STEP;

		TRY(safetensors_reader.next(o->state, o->step, k, err));
		left -= k;
	}
	return HVQZ_OK;
}

static enum hvqz_ret take_one(struct ours *o, const struct tensor *x,
			      enum field f, struct sens *s,
			      struct hvqz_err *err)
{
	TRY(safetensors_reader.next(o->state, o->step, (size_t)x->size, err));
	if (f == CURVATURE) {
		float v = get_lef32(o->step);

		TRY(check_value(x, 0, v, false, err));
		/* row_sens says it itself, and more exactly. */
		if (!s->row_sens)
			s->curvature = v;
		return HVQZ_OK;
	}
	if (o->step[0] > 1)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
					"hessian_axis is %d; it must be 0 or "
					"1", o->step[0]);
	s->axis = o->step[0];
	return HVQZ_OK;
}

static enum hvqz_ret take_rows(struct ours *o, const struct tensor *x,
			       struct sens *s, struct hvqz_err *err)
{
	double sum = 0;

	TRY(take_every(o, x, 1, &s->row_sens, &s->n_out, err));
	for (size_t i = 0; i < s->n_out; i++)
		sum += (double)s->row_sens[i];
	s->curvature = (float)(sum / (double)s->n_out);
	return HVQZ_OK;
}

static enum hvqz_ret take_tensor(struct ours *o, const struct item *x,
				 struct hvqz_err *err)
{
	const struct tensor *tensor = x->tensor;
	struct weight *w;
	struct sens *s;
	size_t n;

	if (x->field == N_FIELDS)
		return pass_over(o, tensor, err);
	s = &o->t->v[x->weight];
	w = &o->weights[x->weight];
	switch (x->field) {
	case DIAG:
		return take_every(o, tensor, 1, &s->diag, &s->n_in, err);
	case BLOCKS:
		return check_blocks(o, tensor, w->field[DIAG]->dim[0], err);
	case FULL:
		return take_every(o, tensor, tensor->dim[0] + 1, &s->diag,
				  &s->n_in, err);
	case SCALE:
		return take_every(o, tensor, 1, &w->scale, &n, err);
	case ROWS:
		return take_rows(o, tensor, s, err);
	default:
		return take_one(o, tensor, x->field, s, err);
	}
}

/*
 * Correlations became the diagonal's; scale them: H_jj = corr_jj·scale_j². The
 * scales are kept for the rest of H.
 */
static enum hvqz_ret apply_scale(struct weight *w, struct sens *s,
				 struct hvqz_err *err)
{
	for (size_t j = 0; w->scale && j < s->n_in; j++) {
		s->diag[j] = s->diag[j] * w->scale[j] * w->scale[j];
		TRY(check_value(w->field[SCALE], j, s->diag[j], false, err));
	}
	s->full.scale = w->scale;
	w->scale = NULL;
	return HVQZ_OK;
}

/* Correlations in blocks come with the diagonal: √h_j are their scales. */
static enum hvqz_ret make_scale(const struct weight *w, struct sens *s,
				struct hvqz_err *err)
{
	float *scale;

	if (!w->field[BLOCKS])
		return HVQZ_OK;
	scale = malloc(s->n_in * sizeof(*scale));
	if (!scale)
		return hvqz_nomem(err, s->n_in * sizeof(*scale),
				  "the sidecar's scales");
	for (size_t j = 0; j < s->n_in; j++)
		scale[j] = sqrtf(s->diag[j]);
	s->full.scale = scale;
	return HVQZ_OK;
}

/* Where the full Hessian stands in the file, if there is one. */
static void note_place(const struct ours *o, const struct weight *w,
		       struct sens *s)
{
	const struct tensor *blocks = w->field[BLOCKS];
	const struct tensor *full = blocks ? blocks : w->field[FULL];

	if (!full)
		return;
	s->has_full = true;
	s->full.block = blocks ? (size_t)blocks->dim[1] : 0;
	s->full.off = o->m.head_len + full->off;
	s->full.is_f16 = full->dtype == DTYPE_F16;
}

/* ---- the file ---- */

static enum hvqz_ret read_metadata(struct ours *o, struct hvqz_err *err)
{
	const struct model *m = &o->m;
	char *value = NULL, *end;
	enum hvqz_ret ret;

	TRY(safetensors_find_metadata(m->head, m->head_len, "hvqz.sidecar",
				      &value, err));
	if (!value)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "this safetensors file is a model, not a "
				 "sidecar: it has no metadata hvqz.sidecar");
	if (strcmp(value, "1")) {
		ret = hvqz_fail(err, HVQZ_UNSUPPORTED,
				"a sidecar of version %.40s; we read 1",
				value);
		goto out;
	}
	TRY_OUT(safetensors_find_metadata(m->head, m->head_len, "calibration",
					  &o->t->calibration, err));
	free(value);
	value = NULL;
	TRY_OUT(safetensors_find_metadata(m->head, m->head_len, "tokens",
					  &value, err));
	if (!value)
		return HVQZ_OK;
	errno = 0;
	o->t->n_tokens = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the sidecar's metadata tokens is \"%.40s\", "
				"not a number", value);
out:
	free(value);
	return ret;
}

enum hvqz_ret sidecar_own_read(struct source *src, struct sens_table *t,
			       const struct hvqz_notes *notes,
			       struct hvqz_err *err)
{
	struct ours o = {.t = t};
	enum hvqz_ret ret;

	snprintf(t->kind, sizeof(t->kind), "hvqz");
	TRY_OUT(safetensors_reader.head(src, &o.m, &o.state, err));
	TRY_OUT(read_metadata(&o, err));
	TRY_OUT(group(&o, notes, err));
	for (size_t i = 0; i < t->n; i++) {
		TRY_OUT(sidecar_check_fields(o.weights[i].field,
					     t->v[i].name, err));
		note_place(&o, &o.weights[i], &t->v[i]);
	}
	o.step = malloc(STEP);
	if (!o.step) {
		ret = hvqz_nomem(err, STEP, "reading the sidecar");
		goto out;
	}
	for (size_t i = 0; i < o.m.n_tensors; i++)
		TRY_OUT(take_tensor(&o, &o.items[i], err));
	TRY_OUT(safetensors_reader.tail(o.state, err));
	for (size_t i = 0; i < t->n; i++) {
		TRY_OUT(apply_scale(&o.weights[i], &t->v[i], err));
		TRY_OUT(make_scale(&o.weights[i], &t->v[i], err));
		t->v[i].full.n_tokens = t->n_tokens;
	}
out:
	for (size_t i = 0; o.weights && i < t->n; i++)
		free(o.weights[i].scale);
	free(o.step);
	free(o.weights);
	free(o.items);
	if (o.state)
		safetensors_reader.free(o.state);
	model_free(&o.m);
	return ret;
}
