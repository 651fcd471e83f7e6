/*
 * extract.c - job: some tensors, or some rows of them, out of a .hvqz.
 *
 * With an index (a seekable source) only the chunks that hold wanted rows are
 * read; on a pipe all chunks pass by and the others are skipped. Either way
 * the pipeline sees just the chunks that matter.
 */
#include "formats/safetensors.h"
#include "job/job_internal.h"
#include "stream/pipeline.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>

struct extract_job {
	const struct job_env *env;
	const struct extract_options *opt;
	struct codec_env codec_env;
	struct container_info info;
	struct container_reader *reader;
	struct container_index index;
	bool indexed;
	uint64_t *n_rows;	/* [n_tensors]: rows taken; UINT64_MAX: none */
	struct model made;
	void *state;		/* the writer's */
	struct sink *out;
	struct job_report *rep;
	size_t chunk;		/* next() with an index: the next one */
};

/* The bytes [*a, *b) of tensor t, in its own dtype, that are wanted. */
static void wanted_bytes(const struct extract_job *j, size_t t, uint64_t *a,
			 uint64_t *b)
{
	const struct tensor *tensor = &j->info.model.tensors[t];
	uint64_t row;

	*a = 0;
	*b = j->n_rows[t] == UINT64_MAX ? 0 : tensor->size;
	if (!*b || !j->opt->has_rows)
		return;
	row = tensor->size / tensor->dim[0];
	*a = j->opt->row_a * row;
	*b = j->opt->row_b * row;
}

/* The part [*a, *b) of a chunk's bytes that is wanted; false: none of it. */
static bool wanted_part(const struct extract_job *j, size_t t,
			uint64_t first_row, uint64_t raw_len, uint64_t *a,
			uint64_t *b)
{
	uint64_t row_len = tensor_rows(&j->info.model.tensors[t]).row_len;
	uint64_t off = first_row * row_len;

	wanted_bytes(j, t, a, b);
	*a = *a > off ? *a - off : 0;
	*b = *b > off ? *b - off : 0;
	if (*b > raw_len)
		*b = raw_len;
	return *a < *b;
}

static enum hvqz_ret next_indexed(struct extract_job *j,
				  struct decode_unit *u, bool *end,
				  struct hvqz_err *err)
{
	size_t t = 0;
	uint64_t a, b;

	for (; j->chunk < j->index.n_chunks; j->chunk++) {
		const struct container_index_entry *e =
			&j->index.chunks[j->chunk];

		while (j->chunk >= j->index.first[t + 1])
			t++;
		if (wanted_part(j, t, e->first_row,
				e->n_rows * tensor_rows(
					&j->info.model.tensors[t]).row_len,
				&a, &b))
			return container_seek_chunk(j->reader, &j->index,
						    j->chunk++, &u->head,
						    err);
	}
	*end = true;
	return HVQZ_OK;
}

static enum hvqz_ret next_in_sequence(struct extract_job *j,
				      struct decode_unit *u, bool *end,
				      struct hvqz_err *err)
{
	uint64_t a, b;

	do {
		TRY(job_poll(j->env, err));
		TRY(container_read_chunk(j->reader, &u->head, end, err));
		if (*end)
			return container_read_tail(j->reader, err);
	} while (!wanted_part(j, u->head.tensor, u->head.first_row,
			      u->head.raw_len, &a, &b));
	return HVQZ_OK;
}

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct extract_job *j = ctx;
	struct decode_unit *u = slot;

	TRY(job_poll(j->env, err));
	TRY(j->indexed ? next_indexed(j, u, end, err)
		       : next_in_sequence(j, u, end, err));
	return *end ? HVQZ_OK
		    : container_read_payload(j->reader, &u->payload, err);
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct extract_job *j = ctx;

	(void)worker;
	return decode_unit_run(slot, &j->codec_env, &j->info, j->opt->dtype,
			       err);
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct extract_job *j = ctx;
	struct decode_unit *u = slot;
	size_t t = u->head.tensor;
	enum dtype from = j->info.model.tensors[t].dtype;
	enum dtype to = restored_dtype(&j->info, t, j->opt->dtype);
	uint64_t a, b;

	wanted_part(j, t, u->head.first_row, u->head.raw_len, &a, &b);
	/* Only whole-byte dtypes are ever converted. */
	if (to != from) {
		a = a / (dtype_bits(from) / 8) * (dtype_bits(to) / 8);
		b = b / (dtype_bits(from) / 8) * (dtype_bits(to) / 8);
	}
	TRY(safetensors_writer.put(j->state, j->out, u->bytes + a,
				   (size_t)(b - a), err));
	report_chunk(j->rep, &u->head);
	if (j->env->progress)
		j->env->progress(j->env->progress_ctx, j->rep->in_bytes,
				 j->out->off, j->info.model.tensors[t].name);
	return HVQZ_OK;
}

/* Can rows [a, b) be cut out of this tensor? */
static enum hvqz_ret check_rows(const struct tensor *t, uint64_t a, uint64_t b,
				struct hvqz_err *err)
{
	if (!t->rank)
		return hvqz_fail_tensor(err, HVQZ_USAGE, t->name,
					"a scalar has no rows to choose");
	if (a > b || b > t->dim[0])
		return hvqz_fail_tensor(err, HVQZ_USAGE, t->name,
					"rows %" PRIu64 ":%" PRIu64
					" are not all among its %" PRIu64
					" rows", a, b, t->dim[0]);
	if (t->n_elems / (t->dim[0] ? t->dim[0] : 1) * dtype_bits(t->dtype) % 8)
		return hvqz_fail_tensor(err, HVQZ_USAGE, t->name,
					"its rows end inside a byte and "
					"cannot be cut out");
	return HVQZ_OK;
}

/* Mark the tensors that any glob matches. */
static enum hvqz_ret choose(struct extract_job *j, struct hvqz_err *err)
{
	const struct extract_options *opt = j->opt;
	const struct model *m = &j->info.model;

	j->n_rows = malloc((m->n_tensors + 1) * sizeof(*j->n_rows));
	if (!j->n_rows)
		return hvqz_nomem(err, m->n_tensors * sizeof(*j->n_rows),
				  "the choice of tensors");
	for (size_t i = 0; i < m->n_tensors; i++)
		j->n_rows[i] = UINT64_MAX;
	for (size_t g = 0; g < opt->n_globs; g++) {
		bool found = false;

		for (size_t i = 0; i < m->n_tensors; i++) {
			const struct tensor *t = &m->tensors[i];

			if (fnmatch(opt->globs[g], t->name, 0))
				continue;
			found = true;
			if (opt->has_rows)
				TRY(check_rows(t, opt->row_a, opt->row_b,
					       err));
			j->n_rows[i] = opt->has_rows ? opt->row_b - opt->row_a
				       : t->rank     ? t->dim[0]
						     : 0;
		}
		if (!found)
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s' matches none of the file's %zu "
					 "tensors", opt->globs[g],
					 m->n_tensors);
	}
	return HVQZ_OK;
}

static enum hvqz_ret run(struct extract_job *j, struct source *src,
			 struct decode_unit *units, struct hvqz_err *err)
{
	static const struct pipeline_ops ops = {next, work, put};
	unsigned n = job_threads(j->env);

	TRY(container_read_head(&j->reader, src, &j->info, err));
	TRY(choose(j, err));
	TRY(decode_plan_memory(j->env, &j->info, j->opt->dtype,
			       &j->rep->memory, err));
	j->indexed = source_can_seek(src) &&
		     source_left(src) != SOURCE_SIZE_UNKNOWN;
	if (j->indexed)
		TRY(container_read_index(j->reader, &j->index, err));
	TRY(restored_model(&j->info, j->opt->dtype, j->n_rows, &j->made,
			   err));
	TRY(safetensors_writer.plan(&j->made, &j->state, err));
	TRY(safetensors_writer.head(j->state, j->out, err));
	TRY(pipeline_run(&ops, j, n, units, sizeof(*units), err));
	TRY(safetensors_writer.tail(j->state, j->out, err));
	j->rep->n_params = j->made.n_params;
	j->rep->n_tensors = j->made.n_tensors;
	j->rep->in_bytes = src->off;
	j->rep->out_bytes = j->out->off;
	return HVQZ_OK;
}

enum hvqz_ret job_extract(const struct job_env *env,
			  const struct extract_options *opt,
			  struct source *src, struct sink *out,
			  struct job_report *rep, struct hvqz_err *err)
{
	struct extract_job j = {
		.env = env,
		.opt = opt,
		.codec_env = job_codec_env(env),
		.out = out,
		.rep = rep,
	};
	struct decode_unit *units = decode_units(env, err);
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	if (!units)
		return HVQZ_NOMEM;
	ret = run(&j, src, units, err);
	decode_units_free(env, units);
	if (j.state)
		safetensors_writer.free(j.state);
	container_index_free(&j.index);
	container_reader_free(j.reader);
	container_info_free(&j.info);
	model_free(&j.made);
	free(j.n_rows);
	return ret;
}
