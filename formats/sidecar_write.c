/*
 * sidecar_write.c - writing our own kind of sidecar (formats/sidecar.md).
 *
 * All values are checked first, then the head is made from the shapes, then
 * the data streams out. Nothing that the reader refuses is written.
 *
 * Correlations are written a band of rows at a time. Only the lower triangle
 * of H is read, so that what stands right of a band comes from the columns
 * below it: BAND floats beside each other, which is one line of the cache.
 */
#include "formats/sidecar_write.h"

#include "base/bytes.h"
#include "base/half.h"
#include "formats/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BAND = 16,		/* rows of correlations in hand at a time */
	STEP = 4096,		/* floats of a row in hand at a time */
	F16_ONE = 0x3c00,
};

struct job {
	const struct sidecar_entry *v;
	size_t n;
	struct model m;		/* the table, tensors in the file's order */
	struct sink *out;
	uint8_t *band;		/* [BAND][widest square] F16, or [STEP] F32 */
	double *inv;		/* [most inputs] 1/s_j, 0 where s_j is */
};

/* ---- the squares of an entry ---- */

/* One square of a Hessian, and where it stands. */
struct square {
	const float *h;		/* [w][w] */
	size_t w;
	size_t at;		/* the channel it starts with */
};

/* The side of all squares but the last. */
static size_t side_of(const struct sidecar_entry *e)
{
	return e->block < e->n_in ? e->block : e->n_in;
}

/* Start with {e->full}; false behind the last. */
static bool next_square(const struct sidecar_entry *e, struct square *q)
{
	size_t side = side_of(e);

	q->h += q->w * q->w;
	q->at += q->w;
	q->w = e->n_in - q->at < side ? e->n_in - q->at : side;
	return q->w > 0;
}

static bool in_blocks(const struct sidecar_entry *e)
{
	return e->full && e->block < e->n_in;
}

/* ---- what may not be written ---- */

static enum hvqz_ret bad_value(const struct sidecar_entry *e, const char *what,
			       size_t i, float v, struct hvqz_err *err)
{
	return hvqz_fail_tensor(err, HVQZ_USAGE, e->name,
				"value %zu of %s to be written is %g; it must "
				"be finite and not negative", i, what,
				(double)v);
}

static enum hvqz_ret check_row(const struct sidecar_entry *e, const char *what,
			       const float *v, size_t n, struct hvqz_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!(isfinite(v[i]) && v[i] >= 0))
			return bad_value(e, what, i, v[i], err);
	return HVQZ_OK;
}

static enum hvqz_ret check_square(const struct sidecar_entry *e,
				  const struct square *q, struct hvqz_err *err)
{
	for (size_t i = 0; i < q->w; i++) {
		const float *row = q->h + i * q->w;

		for (size_t j = 0; j < i; j++)
			if (!isfinite(row[j]))
				return hvqz_fail_tensor(
					err, HVQZ_USAGE, e->name,
					"the hessian to be written has %g in "
					"row %zu, column %zu; it must be "
					"finite", (double)row[j], q->at + i,
					q->at + j);
		if (!(isfinite(row[i]) && row[i] >= 0))
			return bad_value(e, "the hessian's diagonal",
					 q->at + i, row[i], err);
	}
	return HVQZ_OK;
}

static enum hvqz_ret check_entry(const struct sidecar_entry *e,
				 struct hvqz_err *err)
{
	struct square q = {e->full, 0, 0};

	assert(!e->diag != !e->full && (!e->full || e->block));
	if (!e->name[0] || !e->n_in || (e->row_sens && !e->n_out))
		return hvqz_fail_tensor(err, HVQZ_USAGE, e->name,
					"an entry with a name of %zu bytes, "
					"%zu inputs and %zu outputs; none may "
					"be 0", strlen(e->name), e->n_in,
					e->n_out);
	if (e->diag)
		TRY(check_row(e, "hessian_diag", e->diag, e->n_in, err));
	while (e->full && next_square(e, &q))
		TRY(check_square(e, &q, err));
	if (e->row_sens)
		TRY(check_row(e, "row_sens", e->row_sens, e->n_out, err));
	return HVQZ_OK;
}

/* ---- the head ---- */

static enum hvqz_ret add_field(struct model *m, const struct sidecar_entry *e,
			       const char *field, enum dtype dtype,
			       unsigned rank, const uint64_t *dim,
			       struct hvqz_err *err)
{
	size_t len = strlen(e->name) + strlen(field) + 2;
	char *name = malloc(len);
	enum hvqz_ret ret;

	if (!name)
		return hvqz_nomem(err, len, "a tensor's name");
	snprintf(name, len, "%s.%s", e->name, field);
	ret = model_add(m, name, dtype, rank, dim, err);
	free(name);
	return ret;
}

/* The tensors of e, in the order their data is put in by put_entry(). */
static enum hvqz_ret add_entry(struct model *m, const struct sidecar_entry *e,
			       struct hvqz_err *err)
{
	uint64_t in[2] = {e->n_in, e->n_in}, out = e->n_out;
	uint64_t side = side_of(e);

	if (e->diag || in_blocks(e))
		TRY(add_field(m, e, "hessian_diag", DTYPE_F32, 1, in, err));
	if (in_blocks(e)) {
		uint64_t dim[3] = {(e->n_in - 1) / side + 1, side, side};

		TRY(add_field(m, e, "hessian_blocks", DTYPE_F16, 3, dim, err));
	} else if (e->full) {
		TRY(add_field(m, e, "hessian", DTYPE_F16, 2, in, err));
		TRY(add_field(m, e, "hessian_scale", DTYPE_F32, 1, in, err));
	}
	if (e->row_sens)
		TRY(add_field(m, e, "row_sens", DTYPE_F32, 1, &out, err));
	return HVQZ_OK;
}

static enum hvqz_ret add_pair(json_t *pairs, const char *key,
			      const char *value, struct hvqz_err *err)
{
	if (json_object_get(pairs, key))
		return hvqz_fail(err, HVQZ_USAGE,
				 "the sidecar's metadata has '%.40s' twice",
				 key);
	if (json_object_set_new(pairs, key, json_string(value)))
		return hvqz_fail(err, HVQZ_USAGE,
				 "the sidecar's metadata '%.40s' is not UTF-8, "
				 "or out of memory", key);
	return HVQZ_OK;
}

static enum hvqz_ret add_pairs(json_t *pairs, const struct sidecar_meta *meta,
			       struct hvqz_err *err)
{
	char digits[24];

	TRY(add_pair(pairs, "hvqz.sidecar", "1", err));
	if (meta->calibration)
		TRY(add_pair(pairs, "calibration", meta->calibration, err));
	if (meta->n_tokens) {
		snprintf(digits, sizeof(digits), "%" PRIu64, meta->n_tokens);
		TRY(add_pair(pairs, "tokens", digits, err));
	}
	for (size_t i = 0; i < meta->n_more; i++)
		TRY(add_pair(pairs, meta->keys[i], meta->values[i], err));
	return HVQZ_OK;
}

/* A head without tensors, for safetensors_make_head() to take them from. */
static enum hvqz_ret make_metadata(const struct sidecar_meta *meta,
				   struct buf *b, struct hvqz_err *err)
{
	json_t *pairs = json_object();
	json_t *all = json_pack("{sO}", "__metadata__", pairs);
	char *text = NULL;
	enum hvqz_ret ret;

	if (all)
		TRY_OUT(add_pairs(pairs, meta, err));
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	if (!text) {
		ret = hvqz_fail(err, HVQZ_NOMEM,
				"out of memory: the sidecar's metadata");
		goto out;
	}
	buf_u64(b, strlen(text));
	buf_put(b, text, strlen(text));
	ret = buf_ok(b, err);
out:
	free(text);
	json_decref(all);
	json_decref(pairs);
	return ret;
}

static enum hvqz_ret put_head(struct job *job, const struct sidecar_meta *meta,
			      struct hvqz_err *err)
{
	struct buf pairs = {0};
	uint8_t *head = NULL;
	size_t head_len;
	enum hvqz_ret ret;

	TRY_OUT(make_metadata(meta, &pairs, err));
	for (size_t i = 0; i < job->n; i++)
		TRY_OUT(add_entry(&job->m, &job->v[i], err));
	TRY_OUT(safetensors_make_head(&job->m, pairs.p, pairs.len, &head,
				      &head_len, err));
	ret = sink_write(job->out, head, head_len, err);
out:
	free(head);
	buf_free(&pairs);
	return ret;
}

/* ---- the data ---- */

static enum hvqz_ret put_floats(const struct job *job, const float *v,
				size_t n, struct hvqz_err *err)
{
	for (size_t done = 0; done < n;) {
		size_t k = n - done < STEP ? n - done : STEP;

		for (size_t i = 0; i < k; i++)
			put_lef32(job->band + 4 * i, v[done + i]);
		TRY(sink_write(job->out, job->band, 4 * k, err));
		done += k;
	}
	return HVQZ_OK;
}

/* H's diagonal, or, to be its correlations' scales, the roots of that. */
static enum hvqz_ret put_diagonal(const struct job *job,
				  const struct sidecar_entry *e, bool roots,
				  struct hvqz_err *err)
{
	struct square q = {e->full, 0, 0};
	float v[64];
	size_t k = 0;

	while (next_square(e, &q))
		for (size_t j = 0; j < q.w; j++) {
			float h_jj = q.h[j * q.w + j];

			v[k++] = roots ? sqrtf(h_jj) : h_jj;
			if (k < sizeof(v) / sizeof(*v))
				continue;
			TRY(put_floats(job, v, k, err));
			k = 0;
		}
	return put_floats(job, v, k, err);
}

/* In doubles nothing is out of range, so that a zero in inv makes a zero. */
static uint16_t correlation(float h_ij, double inv_i, double inv_j)
{
	double c = (double)h_ij * inv_i * inv_j;

	return f16_from_f32((float)(c > 1 ? 1 : c < -1 ? -1 : c));
}

/* Rows a … b − 1 of q to the band, whose rows are `width` values wide. */
static void make_band(const struct job *job, const struct square *q, size_t a,
		      size_t b, size_t width)
{
	const double *inv = job->inv + q->at;
	size_t stride = 2 * width;
	uint8_t *band = job->band;

	memset(band, 0, (b - a) * stride);
	for (size_t i = a; i < b; i++) {
		const float *row = q->h + i * q->w;
		uint8_t *p = band + (i - a) * stride;

		for (size_t j = 0; j < i; j++)
			put_le16(p + 2 * j,
				 correlation(row[j], inv[i], inv[j]));
		put_le16(p + 2 * i, F16_ONE);
	}
	/* Behind the diagonal: the same, from the other side of it. */
	for (size_t j = a + 1; j < q->w; j++) {
		const float *row = q->h + j * q->w;
		uint8_t *p = band + 2 * j;

		for (size_t i = a; i < b && i < j; i++)
			put_le16(p + (i - a) * stride,
				 correlation(row[i], inv[j], inv[i]));
	}
}

static enum hvqz_ret put_square(const struct job *job, const struct square *q,
				size_t width, struct hvqz_err *err)
{
	for (size_t j = 0; j < q->w; j++) {
		float h_jj = q->h[j * q->w + j];

		job->inv[q->at + j] = h_jj > 0 ? 1 / sqrt((double)h_jj) : 0;
	}
	for (size_t a = 0; a < q->w; a += BAND) {
		size_t b = q->w - a < BAND ? q->w : a + BAND;

		make_band(job, q, a, b, width);
		TRY(sink_write(job->out, job->band, 2 * (b - a) * width, err));
	}
	/* What is behind the last block's channels. */
	memset(job->band, 0, 2 * width);
	for (size_t i = q->w; i < width; i++)
		TRY(sink_write(job->out, job->band, 2 * width, err));
	return HVQZ_OK;
}

static enum hvqz_ret put_entry(const struct job *job,
			       const struct sidecar_entry *e,
			       struct hvqz_err *err)
{
	struct square q = {e->full, 0, 0};

	if (e->diag)
		TRY(put_floats(job, e->diag, e->n_in, err));
	if (in_blocks(e))
		TRY(put_diagonal(job, e, false, err));
	while (e->full && next_square(e, &q))
		TRY(put_square(job, &q, side_of(e), err));
	if (e->full && !in_blocks(e))
		TRY(put_diagonal(job, e, true, err));
	if (e->row_sens)
		TRY(put_floats(job, e->row_sens, e->n_out, err));
	return HVQZ_OK;
}

static enum hvqz_ret allocate(struct job *job, struct hvqz_err *err)
{
	size_t n_in = 1, bytes = STEP * sizeof(float);

	for (size_t i = 0; i < job->n; i++) {
		const struct sidecar_entry *e = &job->v[i];

		if (!e->full)
			continue;
		if (e->n_in > n_in)
			n_in = e->n_in;
		if (2 * BAND * side_of(e) > bytes)
			bytes = 2 * BAND * side_of(e);
	}
	job->band = malloc(bytes);
	job->inv = malloc(n_in * sizeof(*job->inv));
	if (job->band && job->inv)
		return HVQZ_OK;
	return hvqz_nomem(err, bytes + n_in * sizeof(*job->inv),
			  "writing the sidecar");
}

enum hvqz_ret sidecar_write(const struct sidecar_meta *meta,
			    const struct sidecar_entry *v, size_t n,
			    struct sink *out, struct hvqz_err *err)
{
	struct job job = {.v = v, .n = n, .out = out};
	enum hvqz_ret ret = HVQZ_OK;

	for (size_t i = 0; i < n; i++)
		TRY(check_entry(&v[i], err));
	TRY_OUT(allocate(&job, err));
	TRY_OUT(put_head(&job, meta, err));
	for (size_t i = 0; i < n; i++)
		TRY_OUT(put_entry(&job, &v[i], err));
out:
	free(job.band);
	free(job.inv);
	model_free(&job.m);
	return ret;
}
