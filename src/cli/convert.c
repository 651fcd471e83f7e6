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
#include "cli/in_parts.h"
#include "cli/message.h"
#include "cli/out_file.h"
#include "cli/out_folder.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/sandbox.h"
#include "cli/scratch_file.h"
#include "cli/signals.h"
#include "cli/suffix.h"
#include "formats/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct task {
	const struct args *args;
	struct sens_table *sens;
	const struct base_file *base;
	struct kept *kept;
	const char *path;	/* as it was given */
	struct in_file in;
	bool packed;		/* it is a .hvqz */
	struct out_file out;
	struct out_folder out_folder;
	char format[16];	/* decoding: of the model in it; "": unknown */
	struct job_env env;
	struct job_report rep;
	bool damaged;
	bool last;		/* file: nothing will be opened after it */
	struct scratch_file scratch, twins;
	struct job_scratch scratch_ops, twins_ops;
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

/*
 * What a .hvqz was made of, where it can be looked at and read again. A file
 * that is damaged will be told so by the job.
 */
static void look_at_format(struct task *t)
{
	struct container_reader *r = NULL;
	struct container_info info = {0};
	struct hvqz_err err = {0};

	if (!source_can_seek(&t->in.src))
		return;
	if (container_read_head(&r, &t->in.src, &info, &err) == HVQZ_OK)
		memcpy(t->format, info.model.format, sizeof(t->format));
	container_reader_free(r);
	container_info_free(&info);
	if (source_seek(&t->in.src, 0, &err) != HVQZ_OK)
		*t->format = '\0';
}

/* ---- the name of the output ---- */

enum where { SKIP, TO_STDOUT, TO_FILE, TO_FOLDER };

/* Does what comes out belong into a folder, as files of their own? */
static bool is_for_folder(const struct task *t)
{
	const struct args *a = t->args;

	if (a->mode != MODE_DECODE || a->decode.to || a->output ||
	    a->to_stdout)
		return false;
	if (a->output_dir)
		return !t->in.path || !*t->format ||
		       format_has_files(t->format);
	return t->in.path && !strcmp(t->format, "folder");
}

/* Where the output goes; *name is allocated for files and folders. */
static enum where name_output(const struct task *t, char **name)
{
	const struct args *a = t->args;
	const struct in_file *in = &t->in;
	bool folder = is_for_folder(t);

	*name = NULL;
	if (a->output)
		*name = strdup(a->output);
	else if (folder && a->output_dir)
		*name = strdup(a->output_dir);
	else if (a->to_stdout || a->mode == MODE_EXTRACT ||
		 (!in->path && !a->output_dir))
		return TO_STDOUT;
	else if (!in->path || (!in->regular && !in->folder)) {
		message_error(in->name, "is not a regular file: say with -o "
			      "or -c where the output goes");
		return SKIP;
	} else if (a->mode == MODE_ENCODE)
		*name = suffix_encoded(in->path, in->unpack != NULL,
				       a->suffix);
	else if (a->mode == MODE_CONVERT && !t->packed)
		*name = suffix_converted(in->path, in->unpack != NULL,
					 a->decode.to);
	else
		*name = suffix_decoded(in->path, a->suffix, a->decode.to);
	if (*name && a->output_dir && !folder && !a->output)
		*name = suffix_move(*name, a->output_dir);
	if (*name)
		return folder ? TO_FOLDER : TO_FILE;
	if (errno == ENOMEM)
		message_error(in->name, "out of memory");
	else if (a->mode == MODE_ENCODE ||
		 (a->mode == MODE_CONVERT && !t->packed))
		message_error(in->name, "has no name that an output's could "
			      "be made of: say it with -o");
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

/* Is the input files with names, but not a folder? */
static bool is_archive(struct task *t)
{
	const struct reader_ops *r;

	if (!t->in.path || t->in.folder)
		return false;
	if (t->packed)
		return format_has_files(t->format);
	return format_detect(&t->in.src, &r, NULL) == HVQZ_OK &&
	       format_has_files(r->name);
}

/* The archive's path without its suffixes, allocated; NULL: it is none. */
static char *archive_name(struct task *t)
{
	const struct args *a = t->args;
	char *name, *stem;

	if (!a->decode.to || !is_archive(t))
		return NULL;
	name = t->packed ? suffix_decoded(t->in.path, a->suffix, "gguf")
			 : suffix_converted(t->in.path, t->in.unpack != NULL,
					    "gguf");
	stem = name ? suffix_strip(name, ".gguf") : NULL;
	free(name);
	return stem;
}

static enum hvqz_ret run_with(struct task *t, const char *archive,
			      struct sink *out, struct hvqz_err *err)
{
	struct decode_options dec = t->args->decode;
	struct extract_options ext = t->args->extract;
	struct source *src = &t->in.src;
	bool go_on = t->args->keep_going || t->args->mode == MODE_TEST;
	struct format_wish wish;
	struct beside beside;

	dec.bad = ext.bad = go_on ? bad_chunk : NULL;
	dec.bad_ctx = ext.bad_ctx = (void *)t->in.name;
	if (t->args->mode == MODE_EXTRACT)
		return job_extract(&t->env, &ext, src, out, &t->rep, err);
	beside_wish(&beside, t->in.folder ? t->in.inside : t->in.path, archive,
		    dec.dtype, &wish);
	wish.n_clamped = &t->rep.n_clamped;
	if (t->args->mode == MODE_CONVERT && !t->packed) {
		struct convert_options con = {.to = dec.to, .wish = &wish};

		return job_convert(&t->env, &con, src, out, &t->rep, err);
	}
	if (is_for_folder(t)) {
		dec.to = "folder";
		dec.to_folder = true;
	}
	dec.wish = &wish;
	return job_decode(&t->env, &dec, src, out, &t->rep, err);
}

static enum hvqz_ret run(struct task *t, struct sink *out,
			 struct hvqz_err *err)
{
	enum hvqz_ret ret;
	char *archive;

	if (t->args->mode == MODE_ENCODE)
		return encode(t, out, err);
	archive = archive_name(t);
	ret = run_with(t, archive, out, err);
	free(archive);
	return ret;
}

/* Nothing will be opened any more, but for what lies in folders. */
static void lock_in(const struct task *t, const struct sink *out)
{
	const struct args *a = t->args;
	const char *beside = a->remove ? t->in.path : NULL;
	const char *reads = t->in.folder ? t->in.inside :
			    a->decode.to ? t->in.path : NULL;

	if (out == &t->out_folder.sink)
		sandbox_close_tree(t->out_folder.dir, beside, 2);
	else
		sandbox_close(out && t->out.target ? t->out.temp.folder : -1,
			      beside, reads, 2);
}

/* Run the job into out (NULL: a test); true when its result is to be used. */
static bool work(struct task *t, struct sink *out)
{
	const struct args *a = t->args;
	struct hvqz_err err = {0};
	double began = progress_clock();
	enum hvqz_ret ret;

	if (t->last)
		lock_in(t, out);
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
	report_clamped(a, t->in.name, &t->rep);
	if (t->damaged)
		return true;
	if (a->encode.dry_run)
		report_plan(t->in.name, &t->rep);
	else
		report_done(a, t->in.name, &t->rep, progress_clock() - began);
	return true;
}

/* Into files of their own, in the folder of that name. */
static void work_to_folder(struct task *t, const char *name, unsigned flags)
{
	if (!out_folder_open(&t->out_folder, name, &t->in, flags, t->kept))
		return;
	if (!work(t, &t->out_folder.sink))
		out_folder_discard(&t->out_folder);
	else if (out_folder_commit(&t->out_folder) && t->args->remove &&
		 !t->damaged)
		in_remove(&t->in);
}

/* --output-dir names a folder, which may be new. */
static bool make_output_dir(const struct task *t, unsigned flags)
{
	const char *dir = t->args->output_dir;
	bool made;

	return !dir || out_folder_make(dir, t->in.name, flags, &made);
}

/* Must what is there now not be replaced? Then error message. */
static bool is_kept(const struct task *t, const char *name)
{
	struct hvqz_err err = {0};
	struct stat st;

	if ((stat(name, &st) < 0 ||
	     kept_check(t->kept, &st, name, &err) == HVQZ_OK) &&
	    kept_room(t->kept, 1, &err) == HVQZ_OK)
		return false;
	message_err(t->in.name, &err);
	return true;
}

/* The output is there: no later one may take its place. */
static void keep(const struct task *t, const char *name)
{
	struct stat st;

	if (name && stat(name, &st) == 0)
		kept_add_output(t->kept, &st, t->path);
}

static void work_to_output(struct task *t)
{
	const struct args *a = t->args;
	char *name;
	enum where where = name_output(t, &name);
	unsigned flags = (a->force ? OUT_FORCE : 0) |
			 (a->no_sync ? OUT_NO_SYNC : 0);

	if (where == SKIP ||
	    (where == TO_FILE && is_kept(t, name)) ||
	    (a->remove && base_file_is_input(a, t->in.path)))
		goto out;
	if (where == TO_FOLDER) {
		work_to_folder(t, name, flags);
		goto out;
	}
	if (!make_output_dir(t, flags) ||
	    !out_open(&t->out, where == TO_FILE ? name : NULL, &t->in, flags))
		goto out;
	if (!work(t, &t->out.sink)) {
		out_discard(&t->out);
	} else if (out_commit(&t->out)) {
		keep(t, name);
		if (a->remove && !t->damaged)
			in_remove(&t->in);
	}
out:
	free(name);
}

/*
 * Look at what it is, and unpack what has to be. All that the input is read
 * from is open now, the files of a folder aside.
 */
static bool prepare(struct task *t)
{
	enum mode mode = t->args->mode;

	if (mode != MODE_ENCODE && !content_suits(t))
		return false;
	if (mode == MODE_DECODE || (mode == MODE_CONVERT && t->packed))
		look_at_format(t);
	return mode == MODE_ENCODE || (mode == MODE_CONVERT && !t->packed) ?
		       in_prepare(&t->in) : true;
}

void convert_file(const struct args *args, struct sens_table *sens,
		  const struct base_file *base, struct kept *kept,
		  const char *path)
{
	struct task t = {.args = args, .sens = sens, .base = base,
			 .kept = kept, .path = path,
			 .last = args_is_last(args, path)};
	bool takes_models = args->mode == MODE_ENCODE ||
			    args->mode == MODE_CONVERT;
	struct sink none;

	if (!in_open(&t.in, path, (args->force ? IN_FORCE : 0) |
			 (takes_models ? IN_MODEL : 0) |
			 (args->mode == MODE_EXTRACT ? 0 : IN_SEQUENTIAL)))
		return;
	if (t.in.set && in_parts_named_before(args->files, args->n_files,
					      path)) {
		in_close(&t.in);
		return;
	}
	t.env = (struct job_env){
		.n_threads = args->common.threads,
		.memory_limit = args->common.memory,
		.memory_base = HARDWARE_BASE,
		.notes = {message_note, (void *)t.in.name},
		.progress = progress_update,
		.stopped = signals_stopped,
		.scratch = &t.scratch_ops,
		.twins = &t.twins_ops,
		.kern = args->common.kern,
	};
	scratch_file_open(&t.scratch);
	t.scratch_ops = scratch_file_ops(&t.scratch);
	scratch_file_open(&t.twins);
	t.twins_ops = scratch_file_ops(&t.twins);
	if (!prepare(&t)) {
		/* told */
	} else if (args->remove && t.in.folder) {
		message_error(t.in.name, "--rm removes a file, not the files "
			      "of %s", t.in.set ? "a split model"
						: "a folder");
	} else if (args->mode == MODE_TEST) {
		work(&t, NULL);
	} else if (args->encode.dry_run && args->mode == MODE_ENCODE) {
		sink_init_null(&none);
		work(&t, &none);
	} else {
		work_to_output(&t);
	}
	scratch_file_close(&t.twins);
	scratch_file_close(&t.scratch);
	in_close(&t.in);
}
