/*
 * convert.c - one file from its name to its result.
 *
 * The order is always the same: open the input, look whether its content
 * suits, name and open the output, run the job, see that the input held still,
 * give the output its name, then perhaps remove the source. Whatever fails,
 * an output file that was begun is gone and an old one is as it was.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/convert.h"

#include "cli/base_file.h"
#include "cli/beside.h"
#include "cli/hardware.h"
#include "cli/in_file.h"
#include "cli/message.h"
#include "cli/out_file.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/sandbox.h"
#include "cli/scratch_file.h"
#include "cli/signals.h"
#include "cli/suffix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct task {
	const struct args *args;
	struct sens_table *sens;
	const struct base_file *base;
	struct in_file in;
	bool packed;		/* it is a .hvqz */
	struct out_file out;
	struct job_env env;
	struct job_report rep;
	bool damaged;
	bool last;		/* file: nothing will be opened after it */
	struct scratch_file scratch;
	struct job_scratch scratch_ops;
};

/* ---- is the input what the mode wants? ---- */

/* A reader's bid of so many bits is no accident. */
enum { SURE = 32 };

/* A few bytes of a .hvqz are a truncated one; the job says so. */
static bool is_packed(const uint8_t *p, size_t len)
{
	return container_bid(p, len) ||
	       (len && len < CONTAINER_MAGIC_LEN &&
		memcmp(p, container_magic, len) == 0);
}

/*
 * Encoding looks for itself; converting takes what it gets; the rest want a
 * .hvqz and say what else it is.
 */
static bool content_suits(struct task *t)
{
	struct in_file *in = &t->in;
	const struct reader_ops *r;
	struct hvqz_err err = {0};
	const uint8_t *p;
	size_t len;

	if (source_ahead(&in->src, 4096, &p, &len, &err) != HVQZ_OK) {
		message_err(in->name, &err);
		return false;
	}
	t->packed = is_packed(p, len);
	if (t->packed || t->args->mode == MODE_CONVERT)
		return true;
	if (format_detect(&in->src, &r, &err) != HVQZ_OK) {
		r = NULL;
		/* What it is, not what else it is not. */
		if (len && strncmp(err.msg, "this is ", 8) != 0)
			*err.msg = '\0';
	}
	if (*err.msg)
		message_error(in->name, "not a .hvqz file: %s", err.msg);
	else if (r && r->bid(p, len) >= SURE)
		message_error(in->name, "not a .hvqz file: it is a %s model",
			      r->name);
	else
		message_error(in->name, "not a .hvqz file: its first bytes "
			      "are not those of one");
	return false;
}

/* ---- the name of the output ---- */

enum where { SKIP, TO_STDOUT, TO_FILE };

/* With the suffix of the format asked for, in place of any there is. */
static char *name_converted(const struct task *t)
{
	const struct args *a = t->args;
	const struct writer_ops *w;
	char *name = suffix_strip(t->in.path, a->suffix), *shorter = NULL;

	if (!name && !t->packed)
		name = strdup(t->in.path);
	if (!name)
		return NULL;
	for (unsigned i = 0; !shorter && (w = format_writer_at(i)); i++)
		shorter = suffix_strip(name, w->suffix);
	if (shorter) {
		free(name);
		name = shorter;
	}
	shorter = suffix_add(name, format_writer(a->decode.to)->suffix);
	free(name);
	return shorter;
}

/* Where the output goes; *name is allocated for TO_FILE. */
static enum where name_output(const struct task *t, char **name)
{
	const struct args *a = t->args;
	const struct in_file *in = &t->in;

	*name = NULL;
	if (a->output)
		*name = strdup(a->output);
	else if (a->to_stdout || a->mode == MODE_EXTRACT || !in->path)
		return TO_STDOUT;
	else if (!in->regular) {
		message_error(in->name, "is not a regular file: say with -o "
			      "or -c where the output goes");
		return SKIP;
	} else if (a->mode == MODE_ENCODE)
		*name = suffix_add(in->path, a->suffix);
	else if (a->decode.to)
		*name = name_converted(t);
	else
		*name = suffix_strip(in->path, a->suffix);
	if (*name)
		return TO_FILE;
	if (errno == ENOMEM)
		message_error(in->name, "out of memory");
	else
		message_warn(in->name, "the name does not end in %s: skipped; "
			     "-o or -c decodes it all the same", a->suffix);
	return SKIP;
}

/* ---- the job ---- */

static void bad_chunk(void *ctx, const struct hvqz_err *err)
{
	message_err(ctx, err);
}

static enum hvqz_ret encode(struct task *t, struct sink *out,
			    struct hvqz_err *err)
{
	struct encode_options opt = t->args->encode;

	/* The environment's limit must not change a byte; an option may. */
	opt.fit_chunks = t->args->common.has_memory;
	opt.sens = t->sens->n || t->sens->kind[0] ? t->sens : NULL;
	return job_encode(&t->env, &opt, &t->in.src, out, &t->rep, err);
}

static enum hvqz_ret run(struct task *t, struct sink *out,
			 struct hvqz_err *err)
{
	struct decode_options dec = t->args->decode;
	struct extract_options ext = t->args->extract;
	struct source *src = &t->in.src;
	bool go_on = t->args->keep_going || t->args->mode == MODE_TEST;
	struct format_wish wish;
	struct beside beside;

	if (t->args->mode == MODE_ENCODE)
		return encode(t, out, err);
	dec.bad = ext.bad = go_on ? bad_chunk : NULL;
	dec.bad_ctx = ext.bad_ctx = (void *)t->in.name;
	if (t->args->mode == MODE_EXTRACT)
		return job_extract(&t->env, &ext, src, out, &t->rep, err);
	beside_wish(&beside, t->in.path, dec.dtype, &wish);
	if (t->args->mode == MODE_CONVERT && !t->packed) {
		struct convert_options con = {.to = dec.to, .wish = &wish};

		return job_convert(&t->env, &con, src, out, &t->rep, err);
	}
	dec.wish = &wish;
	return job_decode(&t->env, &dec, src, out, &t->rep, err);
}

/* Run the job into out (NULL: a test); true when its result is to be used. */
static bool work(struct task *t, struct sink *out)
{
	const struct args *a = t->args;
	struct hvqz_err err = {0};
	double began = progress_clock();
	enum hvqz_ret ret;

	if (t->last)
		sandbox_close(out && t->out.target ? t->out.temp.folder : -1,
			      a->remove ? t->in.path : NULL,
			      a->decode.to ? t->in.path : NULL, 2);
	progress_begin(a->common.progress, t->in.name, PROGRESS_BYTES,
		       a->mode == MODE_EXTRACT ? SOURCE_SIZE_UNKNOWN
					       : t->in.src.size);
	ret = run(t, out, &err);
	progress_end();
	t->damaged = ret != HVQZ_OK;
	if (t->damaged)
		message_err(t->in.name, &err);
	/* With --keep-going, damage is told of, and the rest is wanted. */
	if (t->damaged && (!t->rep.complete || !out))
		return false;
	if (!in_unchanged(&t->in) || !base_file_unchanged(t->base))
		return false;
	if (t->damaged)
		return true;
	if (a->encode.dry_run)
		report_plan(t->in.name, &t->rep);
	else
		report_done(a, t->in.name, &t->rep, progress_clock() - began);
	return true;
}

static void work_to_output(struct task *t)
{
	const struct args *a = t->args;
	char *name;
	enum where where = name_output(t, &name);
	unsigned flags = (a->force ? OUT_FORCE : 0) |
			 (a->no_sync ? OUT_NO_SYNC : 0);

	if (where == SKIP ||
	    (where == TO_FILE && base_file_is_output(a, name)) ||
	    (a->remove && base_file_is_input(a, t->in.path)) ||
	    !out_open(&t->out, where == TO_FILE ? name : NULL, &t->in, flags))
		goto out;
	if (!work(t, &t->out.sink))
		out_discard(&t->out);
	else if (out_commit(&t->out) && a->remove && !t->damaged)
		in_remove(&t->in);
out:
	free(name);
}

void convert_file(const struct args *args, struct sens_table *sens,
		  const struct base_file *base, const char *path)
{
	struct task t = {.args = args, .sens = sens, .base = base,
			 .last = args_is_last(args, path)};
	struct sink none;

	if (!in_open(&t.in, path, (args->force ? IN_FORCE : 0) |
			 (args->mode == MODE_EXTRACT ? 0 : IN_SEQUENTIAL)))
		return;
	t.env = (struct job_env){
		.n_threads = args->common.threads,
		.memory_limit = args->common.memory,
		.memory_base = HARDWARE_BASE,
		.notes = {message_note, (void *)t.in.name},
		.progress = progress_update,
		.stopped = signals_stopped,
		.scratch = &t.scratch_ops,
		.kern = args->common.kern,
	};
	scratch_file_open(&t.scratch);
	t.scratch_ops = scratch_file_ops(&t.scratch);
	if (args->mode != MODE_ENCODE && !content_suits(&t)) {
		/* told */
	} else if (args->mode == MODE_TEST) {
		work(&t, NULL);
	} else if (args->encode.dry_run && args->mode == MODE_ENCODE) {
		sink_init_null(&none);
		work(&t, &none);
	} else {
		work_to_output(&t);
	}
	scratch_file_close(&t.scratch);
	in_close(&t.in);
}
