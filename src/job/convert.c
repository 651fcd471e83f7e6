/*
 * convert.c - job: a model file of one format into one of another.
 *
 * No codec is in between: bytes pass in order, and what becomes of them is the
 * converter's business.
 */
#include "formats/left_out.h"
#include "formats/pieces.h"
#include "formats/shards.h"
#include "job/job_internal.h"
#include "job/twins.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };	/* bytes at a time */

struct convert_job {
	const struct job_env *env;
	const struct convert_options *opt;
	struct source *src;
	struct sink *out;
	const struct reader_ops *reader;
	void *from;		/* the reader's state */
	const struct writer_ops *writer;
	void *to;		/* the writer's */
	struct model model;
	struct twins twins;
	uint8_t *piece;
};

enum hvqz_ret job_tell_left_out(const struct job_env *env,
				const struct model *m, const char *to,
				struct hvqz_err *err)
{
	struct left_out l;

	TRY(left_out_find(m, to, &l, err));
	if (l.n)
		hvqz_warn(&env->notes, "%s", l.msg);
	return HVQZ_OK;
}

static enum hvqz_ret plan(struct convert_job *j, struct hvqz_err *err)
{
	enum dtype dtype = j->opt->wish ? j->opt->wish->dtype : 0;
	const struct model *m;

	if (!format_has_files(j->opt->to))
		TRY(shards_check(&j->model, err));
	TRY(twins_plan(&j->twins, &j->model, &j->model, j->opt->to, err));
	m = twins_model(&j->twins, &j->model);
	j->writer = format_converter_of(&j->model, j->opt->to, dtype);
	if (j->writer)
		return format_plan_converter(j->writer, j->opt->wish,
					     &j->model, m, &j->to, err);
	j->writer = format_writer(j->opt->to);
	if (!j->writer)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "there is no writer for the format '%s'",
				 j->opt->to);
	if (dtype)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "--dtype changes the headers of the files in "
				 "a %s: --to safetensors makes one file of "
				 "the tensors", j->opt->to);
	return j->writer->plan(m, &j->to, err);
}

static enum hvqz_ret put(struct convert_job *j, size_t n, struct hvqz_err *err)
{
	if (j->twins.n_more)
		return twins_put(&j->twins, j->env->twins, j->writer, j->to,
				 j->out, j->piece, n, err);
	return j->writer->put(j->to, j->out, j->piece, n, err);
}

static enum hvqz_ret pass_data(struct convert_job *j, struct hvqz_err *err)
{
	const struct model *m = &j->model;

	for (size_t i = 0; i < m->n_tensors; i++) {
		uint64_t left = m->tensors[i].size;

		while (left) {
			size_t n = left < PIECE ? (size_t)left : PIECE;

			TRY(job_poll(j->env, err));
			TRY(j->reader->next(j->from, j->piece, n, err));
			TRY(put(j, n, err));
			left -= n;
			if (j->env->progress)
				j->env->progress(j->env->progress_ctx,
						 j->src->off, j->out->off,
						 m->tensors[i].name);
		}
	}
	return HVQZ_OK;
}

static enum hvqz_ret run(struct convert_job *j, struct job_report *rep,
			 struct hvqz_err *err)
{
	TRY(format_detect(j->src, &j->reader, err));
	TRY(j->reader->head(j->src, &j->model, &j->from, err));
	rep->n_params = j->model.n_params;
	rep->n_tensors = j->model.n_tensors;
	rep->memory = PIECE + job_head_memory(&j->model);
	TRY(job_check_memory(j->env, rep->memory, "more memory (--memory)",
			     err));
	j->piece = malloc(PIECE);
	if (!j->piece)
		return hvqz_nomem(err, PIECE, "a piece of data");
	TRY(plan(j, err));
	TRY(job_tell_left_out(j->env, &j->model, j->opt->to, err));
	TRY(j->writer->head(j->to, j->out, err));
	TRY(pass_data(j, err));
	TRY(j->reader->tail(j->from, err));
	return j->writer->tail(j->to, j->out, err);
}

enum hvqz_ret job_convert(const struct job_env *env,
			  const struct convert_options *opt,
			  struct source *src, struct sink *out,
			  struct job_report *rep, struct hvqz_err *err)
{
	struct convert_job j = {.env = env, .opt = opt, .src = src, .out = out};
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	ret = run(&j, rep, err);
	rep->in_bytes = src->off;
	rep->out_bytes = out->off;
	if (j.to)
		j.writer->free(j.to);
	if (j.from)
		j.reader->free(j.from);
	twins_free(&j.twins);
	free(j.piece);
	model_free(&j.model);
	return ret;
}
