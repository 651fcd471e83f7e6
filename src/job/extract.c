/*
 * extract.c - job: some tensors, or some rows of them, out of a .hvqz.
 *
 * With an index (a seekable source) only the chunks that hold wanted rows are
 * read; on a pipe all chunks pass by and the others are skipped. Either way
 * the pipeline sees just the chunks that matter.
 */
#include "formats/safetensors.h"
#include "job/damage.h"
#include "job/walk.h"
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
	struct chunk_walk walk;	/* without an index */
	struct damage damage;
	struct base_map base;
	struct decode_team team;
	/* with one: the tensor, its bytes so far, its next chunk */
	size_t tensor;
	uint64_t off;
	size_t chunk;
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
static bool wanted_part(const struct extract_job *j, size_t t, uint64_t off,
			uint64_t raw_len, uint64_t *a, uint64_t *b)
{
	wanted_bytes(j, t, a, b);
	*a = *a > off ? *a - off : 0;
	*b = *b > off ? *b - off : 0;
	if (*b > raw_len)
		*b = raw_len;
	return *a < *b;
}

static bool wanted(void *ctx, size_t t, uint64_t off, uint64_t len)
{
	uint64_t a, b;

	return wanted_part(ctx, t, off, len, &a, &b);
}

/* The chunks of a tensor are its original's. */
static size_t original(const struct extract_job *j, size_t t)
{
	return container_is_copy(&j->info, t) ? j->info.copy_of[t] - 1 : t;
}

/* Chunk i of tensor t to u; what is not there is lost, if we go on. */
static enum hvqz_ret read_indexed(struct extract_job *j, struct decode_unit *u,
				  size_t t, size_t i, struct hvqz_err *err)
{
	const struct container_index_entry *e = &j->index.chunks[i];
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	u->lost = false;
	u->n_lost = 0;
	ret = container_seek_chunk(j->reader, &j->index, i, &u->head, &why);
	if (ret == HVQZ_OK)
		ret = container_read_payload(j->reader, &u->payload, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (!j->opt->bad || !is_damage(ret)) {
		if (err)
			*err = why;
		return ret;
	}
	u->lost = true;
	u->n_lost = e->n_rows;
	u->err = why;
	u->head = (struct chunk_head){
		.tensor = (uint32_t)t,
		.first_row = e->first_row,
		.n_rows = e->n_rows,
		.raw_len = (uint32_t)(j->off - u->off),
	};
	return HVQZ_OK;
}

static enum hvqz_ret next_indexed(struct extract_job *j,
				  struct decode_unit *u, bool *end,
				  struct hvqz_err *err)
{
	for (; j->tensor < j->info.model.n_tensors; j->tensor++) {
		size_t of = original(j, j->tensor);
		const struct tensor_rows rows =
			tensor_rows(&j->info.model.tensors[of]);
		size_t first = j->index.first[of];

		while (first + j->chunk < j->index.first[of + 1]) {
			size_t i = first + j->chunk++;

			u->as = j->tensor;
			u->off = j->off;
			j->off += j->index.chunks[i].n_rows * rows.row_len;
			if (!wanted(j, u->as, u->off, j->off - u->off))
				continue;
			return read_indexed(j, u, of, i, err);
		}
		j->chunk = 0;
		j->off = 0;
	}
	*end = true;
	return HVQZ_OK;
}

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct extract_job *j = ctx;
	struct decode_unit *u = slot;

	TRY(job_poll(j->env, err));
	TRY(j->indexed ? next_indexed(j, u, end, err)
		       : chunk_walk_next(&j->walk, u, end, err));
	if (*end)
		return HVQZ_OK;
	wanted_part(j, u->as, u->off, u->head.raw_len, &u->count_a,
		    &u->count_b);
	return decode_team_expect(&j->team, &j->info, u, err);
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct extract_job *j = ctx;
	struct decode_desk *d = &j->team.desks[worker];

	if (j->opt->bad)
		return decode_unit_go_on(slot, d, &j->codec_env, &j->info,
					 &j->base, j->opt->dtype, true, err);
	return decode_unit_run(slot, d, &j->codec_env, &j->info, &j->base,
			       j->opt->dtype, err);
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct extract_job *j = ctx;
	struct decode_unit *u = slot;
	size_t t = u->as;
	enum dtype from = j->info.model.tensors[t].dtype;
	enum dtype to = restored_dtype(&j->info, t, j->opt->dtype);
	uint64_t a, b;

	if (j->opt->bad)
		damage_put(&j->damage, u);
	wanted_part(j, t, u->off, u->head.raw_len, &a, &b);
	/* Only whole-byte dtypes are ever converted. */
	if (to != from) {
		a = a / (dtype_bits(from) / 8) * (dtype_bits(to) / 8);
		b = b / (dtype_bits(from) / 8) * (dtype_bits(to) / 8);
	}
	TRY(safetensors_writer.put(j->state, j->out, u->bytes + a,
				   (size_t)(b - a), err));
	j->rep->n_clamped += u->n_clamped;
	if (!u->lost)
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

/* By the index; or all in sequence, where that is damaged and we go on. */
static enum hvqz_ret read_index(struct extract_job *j, struct source *src,
				struct hvqz_err *err)
{
	uint64_t back = src->off;
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	ret = container_read_index(j->reader, &j->index, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (j->opt->bad && is_damage(ret)) {
		j->indexed = false;
		return source_seek(src, back, err);
	}
	if (err)
		*err = why;
	return ret;
}

/* What the damage comes to; what is damaged elsewhere does not concern us. */
static enum hvqz_ret sum_up(struct extract_job *j, struct hvqz_err *err)
{
	if (!j->opt->bad)
		return HVQZ_OK;
	j->rep->complete = true;
	damage_flush(&j->damage);
	j->rep->n_damaged = j->damage.n;
	if (j->damage.n)
		return hvqz_fail(err, HVQZ_DAMAGED, "damaged: the rows told of "
				 "are written as zeros");
	if (j->walk.tail.ret != HVQZ_OK && err)
		*err = j->walk.tail;
	return j->walk.tail.ret;
}

static enum hvqz_ret run(struct extract_job *j, struct source *src,
			 struct hvqz_err *err)
{
	static const struct pipeline_ops ops = {next, work, put};
	struct decode_team *team = &j->team;

	TRY(container_read_head(&j->reader, src, &j->info, err));
	TRY(base_check(j->opt->base, &j->info, &j->env->notes, err));
	if (j->info.has_base)
		TRY(base_map_make(&j->base, j->opt->base, &j->info.model,
				  err));
	TRY(choose(j, err));
	j->indexed = source_can_seek(src) &&
		     source_left(src) != SOURCE_SIZE_UNKNOWN;
	if (j->indexed)
		TRY(read_index(j, src, err));
	TRY(decode_team_open(team, j->env, &j->info, j->opt->dtype,
			     !j->indexed, j->rep, err));
	j->walk = (struct chunk_walk){
		.env = j->env, .info = &j->info, .reader = j->reader,
		.wanted = wanted, .ctx = j, .go_on = j->opt->bad != NULL,
	};
	j->damage = (struct damage){
		.info = &j->info, .bad = j->opt->bad, .ctx = j->opt->bad_ctx};
	TRY(damage_open(&j->damage, err));
	if (!j->indexed)
		TRY(chunk_walk_open(&j->walk, err));
	TRY(restored_model(&j->info, j->opt->dtype, j->n_rows, &j->made,
			   err));
	TRY(safetensors_writer.plan(&j->made, &j->state, err));
	TRY(safetensors_writer.head(j->state, j->out, err));
	TRY(pipeline_run(&ops, j, job_threads(&team->env), team->units,
			 sizeof(*team->units), err));
	TRY(safetensors_writer.tail(j->state, j->out, err));
	j->rep->n_params = j->made.n_params;
	j->rep->n_tensors = j->made.n_tensors;
	j->rep->in_bytes = src->off;
	j->rep->out_bytes = j->out->off;
	return sum_up(j, err);
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
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	ret = run(&j, src, err);
	decode_team_close(&j.team);
	if (j.state)
		safetensors_writer.free(j.state);
	chunk_walk_close(&j.walk);
	damage_close(&j.damage);
	base_map_free(&j.base);
	container_index_free(&j.index);
	container_reader_free(j.reader);
	container_info_free(&j.info);
	model_free(&j.made);
	free(j.n_rows);
	return ret;
}
