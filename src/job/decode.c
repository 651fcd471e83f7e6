/*
 * decode.c - jobs: restore a .hvqz, or only test it.
 */
#include "formats/npy.h"
#include "formats/pieces.h"
#include "formats/safetensors.h"
#include "formats/shards.h"
#include "job/damage.h"
#include "job/twins.h"
#include "job/walk.h"
#include "stream/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct decode_job {
	const struct job_env *env;
	const struct decode_options *opt;
	struct codec_env codec_env;
	struct container_info info;
	struct container_reader *reader;
	struct chunk_walk walk;
	struct damage damage;
	struct base_map base;
	const struct writer_ops *writer;	/* NULL when testing */
	void *state;				/* the writer's */
	struct model made;			/* when dtypes change */
	struct twins twins;
	struct sink *out;
	struct job_report *rep;
	struct decode_team team;
	uint64_t n_good;			/* chunks, copies not counted */
};

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct decode_job *j = ctx;
	struct decode_unit *u = slot;

	TRY(chunk_walk_next(&j->walk, u, end, err));
	return *end ? HVQZ_OK
		    : decode_team_expect(&j->team, &j->info, u, err);
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct decode_job *j = ctx;
	struct decode_unit *u = slot;
	struct decode_desk *d = &j->team.desks[worker];

	if (j->opt->bad)
		return decode_unit_go_on(u, d, &j->codec_env, &j->info,
					 &j->base, j->opt->dtype, j->writer,
					 err);
	return decode_unit_run(u, d, &j->codec_env, &j->info, &j->base,
			       j->opt->dtype, err);
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct decode_job *j = ctx;
	struct decode_unit *u = slot;

	if (j->opt->bad)
		damage_put(&j->damage, u);
	if (j->twins.n_more)
		TRY(twins_put(&j->twins, j->env->twins, j->writer, j->state,
			      j->out, u->bytes, u->len, err));
	else if (j->writer)
		TRY(j->writer->put(j->state, j->out, u->bytes, u->len, err));
	j->rep->n_clamped += u->n_clamped;
	if (u->as == u->head.tensor && !u->lost) {
		j->n_good += !u->bad;
		report_chunk(j->rep, &u->head);
		j->rep->in_bytes += CONTAINER_CHUNK_HEAD_LEN +
				    u->head.stored_len;
	}
	if (j->env->progress)
		j->env->progress(j->env->progress_ctx, j->rep->in_bytes,
				 j->out ? j->out->off : 0,
				 j->info.model.tensors[u->as].name);
	return HVQZ_OK;
}

static enum hvqz_ret plan_writer(struct decode_job *j, const struct model *m,
				 bool is_converter, struct hvqz_err *err)
{
	if (!j->opt->writer && j->opt->to) {
		TRY(twins_plan(&j->twins, &j->info.model, m, j->opt->to, err));
		m = twins_model(&j->twins, m);
	}
	if (is_converter)
		return format_plan_converter(j->writer, j->opt->wish,
					     &j->info.model, m, &j->state,
					     err);
	return j->writer->plan(m, &j->state, err);
}

static bool is_numpy(const char *format)
{
	return !strcmp(format, "npz") || !strcmp(format, "npy");
}

/* Choose the writer and give it the table it writes. */
static enum hvqz_ret plan_output(struct decode_job *j, struct hvqz_err *err)
{
	struct model *m = &j->info.model;
	const char *to = j->opt->to ? j->opt->to : m->format;
	bool same = true, is_converter;

	if (!format_has_files(to))
		TRY(shards_check(m, err));
	/* In their own format tensors kept exactly stay what they are. */
	j->writer = format_converter_of(m, to, strcmp(m->format, to) ?
					       j->opt->dtype : 0);
	is_converter = j->writer;
	if (!j->writer) {
		j->writer = j->opt->writer;
		j->state = j->opt->writer_state;
	}
	if (!j->writer)
		j->writer = format_writer(to);
	if (!j->writer)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "there is no writer for the format '%s'", to);
	for (size_t i = 0; i < m->n_tensors && same; i++)
		same = restored_dtype(&j->info, i, j->opt->dtype) ==
		       m->tensors[i].dtype;
	for (size_t i = 0; i < m->n_tensors; i++)
		m->inexact |= j->info.tensor_flags[i] & TENSOR_LOSSY;
	if (j->writer == &folder_writer && !j->opt->to_folder)
		return hvqz_fail(err, HVQZ_USAGE,
				 "holds the files of a folder: --output-dir "
				 "DIR makes it again, --to tar puts them into "
				 "one file");
	if (same)
		return plan_writer(j, m, is_converter, err);
	if (!j->opt->writer && format_has_files(m->format) &&
	    format_has_files(to))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "--dtype changes the headers of the files in "
				 "a %s: --to safetensors makes one file of "
				 "the tensors", m->format);
	/* Another header is needed; the metadata is kept where it can be. */
	TRY(restored_model(&j->info, j->opt->dtype, NULL, &j->made, err));
	if (!j->opt->writer && !strcmp(to, "safetensors") &&
	    !strcmp(m->format, "safetensors")) {
		TRY(safetensors_make_head(&j->made, m->head, m->head_len,
					  &j->made.head, &j->made.head_len,
					  err));
		strcpy(j->made.format, "safetensors");
	} else if (!j->opt->writer && m->head && is_numpy(m->format) &&
		   is_numpy(to)) {
		TRY(npy_retype(m, m->format, &j->made, err));
	} else if (!j->opt->writer && m->head &&
		   !format_has_pieces(m->format)) {
		/* Another format's writer can tell what changes in its own. */
		j->made.head = malloc(m->head_len);
		if (!j->made.head)
			return hvqz_nomem(err, m->head_len, "the header");
		memcpy(j->made.head, m->head, m->head_len);
		j->made.head_len = m->head_len;
		memcpy(j->made.format, m->format, sizeof(m->format));
	}
	return plan_writer(j, &j->made, is_converter, err);
}

/* A test has seen a copy when it has seen its original. */
static bool not_again(void *ctx, size_t as, uint64_t off, uint64_t len)
{
	const struct decode_job *j = ctx;

	(void)off;
	(void)len;
	return !container_is_copy(&j->info, as);
}

/* What the damage comes to, when the job has got to the end in spite of it. */
static enum hvqz_ret sum_up(struct decode_job *j, struct hvqz_err *err)
{
	struct job_report *rep = j->rep;

	if (!j->opt->bad)
		return HVQZ_OK;
	rep->complete = true;
	damage_flush(&j->damage);
	if (!j->writer)
		damage_put_copies(&j->damage);
	if (!j->damage.n) {
		if (j->walk.tail.ret != HVQZ_OK && err)
			*err = j->walk.tail;
		return j->walk.tail.ret;
	}
	if (j->walk.tail.ret != HVQZ_OK)
		j->opt->bad(j->opt->bad_ctx, &j->walk.tail);
	/* Rows may be missing that the header's count has no chunk for. */
	rep->n_damaged = j->info.n_chunks > j->n_good ?
				 j->info.n_chunks - j->n_good : 1;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "%" PRIu64 " of %" PRIu64 " chunks are damaged%s",
			 rep->n_damaged, j->info.n_chunks, j->writer ?
			 "; their rows are written as zeros" : "");
}

static enum hvqz_ret run(struct decode_job *j, struct source *src,
			 struct hvqz_err *err)
{
	static const struct pipeline_ops ops = {next, work, put};
	struct decode_team *team = &j->team;

	TRY(container_read_head(&j->reader, src, &j->info, err));
	TRY(base_check(j->opt->base, &j->info, &j->env->notes, err));
	if (j->info.has_base)
		TRY(base_map_make(&j->base, j->opt->base, &j->info.model,
				  err));
	j->rep->n_params = j->info.model.n_params;
	j->rep->n_tensors = j->info.model.n_tensors;
	j->rep->in_bytes = src->off;
	for (size_t i = 0; i < j->info.model.n_tensors; i++)
		j->rep->n_lossy += j->info.tensor_flags[i] & TENSOR_LOSSY;
	TRY(decode_team_open(team, j->env, &j->info, j->opt->dtype,
			     j->out || j->opt->writer, j->rep, err));
	if (j->out || j->opt->writer) {
		TRY(plan_output(j, err));
		if (!j->opt->writer && j->opt->to)
			TRY(job_tell_left_out(j->env, &j->info.model,
					      j->opt->to, err));
		TRY(j->writer->head(j->state, j->out, err));
	}
	j->walk = (struct chunk_walk){
		.env = j->env, .info = &j->info, .reader = j->reader,
		.wanted = j->writer ? NULL : not_again, .ctx = j,
		.go_on = j->opt->bad != NULL, .no_output = !j->writer,
	};
	j->damage = (struct damage){
		.info = &j->info, .bad = j->opt->bad, .ctx = j->opt->bad_ctx};
	TRY(damage_open(&j->damage, err));
	TRY(chunk_walk_open(&j->walk, err));
	TRY(pipeline_run(&ops, j, job_threads(&team->env), team->units,
			 sizeof(*team->units), err));
	if (j->writer)
		TRY(j->writer->tail(j->state, j->out, err));
	return sum_up(j, err);
}

enum hvqz_ret job_decode(const struct job_env *env,
			 const struct decode_options *opt, struct source *src,
			 struct sink *out, struct job_report *rep,
			 struct hvqz_err *err)
{
	struct decode_job j = {
		.env = env,
		.opt = opt,
		.codec_env = job_codec_env(env),
		.out = out,
		.rep = rep,
	};
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	ret = run(&j, src, err);
	rep->in_bytes = src->off;
	rep->out_bytes = out ? out->off : 0;
	decode_team_close(&j.team);
	if (j.state)
		j.writer->free(j.state);
	chunk_walk_close(&j.walk);
	damage_close(&j.damage);
	base_map_free(&j.base);
	container_reader_free(j.reader);
	container_info_free(&j.info);
	model_free(&j.made);
	twins_free(&j.twins);
	return ret;
}
