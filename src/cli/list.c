/* list.c - the pages of -l. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/list.h"

#include "cli/in_file.h"
#include "cli/in_parts.h"
#include "cli/message.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "codec/codec.h"

#include <stdio.h>
#include <string.h>

uint64_t listing_raw(const struct listing *l)
{
	const struct model *m = &l->info.model;

	return l->is_hvqz ? format_source_size(m) : l->file_size;
}

double listing_bpp(uint64_t bytes, uint64_t n_params)
{
	return n_params ? 8.0 * (double)bytes / (double)n_params : 0;
}

void listing_noise(const struct listing *l, double *noise, double *signal)
{
	*noise = *signal = 0;
	for (size_t i = 0; l->t && i < l->info.model.n_tensors; i++) {
		*noise += l->t[i].noise;
		*signal += l->t[i].signal;
	}
}

double listing_loss(const struct listing *l)
{
	double loss = 0;

	for (size_t i = 0; l->t && i < l->info.model.n_tensors; i++)
		loss += l->t[i].loss;
	return loss;
}

static void cell_number(struct table *t, uint64_t v)
{
	char buf[TEXT_LEN];

	table_cell(t, "%s", text_number(v, buf));
}

/* Does a tensor come back as it was? What a chunk says of its noise may lie. */
static bool is_exact(const struct listing *l, size_t i)
{
	const struct container_info *info = &l->info;
	size_t of = container_is_copy(info, i) ? info->copy_of[i] - 1 : i;

	for (unsigned id = 0; l->t && codec_find(id); id++)
		if (l->t[of].codecs >> id & 1 && !codec_find(id)->lossless)
			return false;
	return true;
}

static size_t count_inexact(const struct listing *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->info.model.n_tensors; i++)
		n += !is_exact(l, i);
	return n;
}

/* "21.3", "exact", or "-" where there is nothing to compare with. */
static void cell_snr(struct table *t, bool is_hvqz, bool exact, double signal,
		     double noise)
{
	if (is_hvqz && exact)
		table_cell(t, "exact");
	else if (is_hvqz && noise > 0 && signal > 0)
		table_cell(t, "%.1f", text_snr(signal, noise));
	else
		table_cell(t, "-");
}

/* "0.0349", or "-" where nothing was lost or nothing is known. */
static void cell_kl(struct table *t, double loss)
{
	char buf[TEXT_LEN];

	table_cell(t, "%s", text_kl(loss, buf));
}

/* "3.141", or "-" where there are no parameters to share the bits. */
static void cell_bpp(struct table *t, uint64_t bytes, uint64_t n_params)
{
	if (n_params)
		table_cell(t, "%.3f", listing_bpp(bytes, n_params));
	else
		table_cell(t, "-");
}

/* ---- plain: one line a file ---- */

static void add_summary(struct list_sum *sum, const char *name,
			const struct listing *l)
{
	static const char *const heads[] = {"Tensors", "Parameters",
					    "Original", "Stored", "Ratio",
					    "bpp", "SNR dB", "KL est.",
					    "File", NULL};
	struct table *t = &sum->table;
	uint64_t raw = listing_raw(l);
	double noise, signal;

	if (!t->columns) {
		t->columns = "rrrrrrrrl";
		table_cells(t, heads);
	}
	listing_noise(l, &noise, &signal);
	cell_number(t, l->info.model.n_tensors);
	cell_number(t, l->info.model.n_params);
	cell_number(t, raw);
	cell_number(t, l->file_size);
	table_cell(t, "%.2f", l->file_size ? (double)raw /
					     (double)l->file_size : 0);
	cell_bpp(t, l->file_size, l->info.model.n_params);
	cell_snr(t, l->is_hvqz, !count_inexact(l), signal, noise);
	cell_kl(t, listing_loss(l));
	table_cell(t, "%s", name);
	sum->n_files++;
	sum->raw += raw;
	sum->stored += l->file_size;
	sum->n_params += l->info.model.n_params;
}

void list_end(const struct args *args, struct list_sum *sum)
{
	struct table *t = &sum->table;

	if (args->mode != MODE_LIST || !t->columns)
		return;
	if (sum->n_files > 1) {
		table_rule(t);
		table_cell(t, "%s", "");
		cell_number(t, sum->n_params);
		cell_number(t, sum->raw);
		cell_number(t, sum->stored);
		table_cell(t, "%.2f", sum->stored ? (double)sum->raw /
						    (double)sum->stored : 0);
		cell_bpp(t, sum->stored, sum->n_params);
		table_cell(t, "%s", "");
		table_cell(t, "%s", "");
		table_cell(t, "%zu files", sum->n_files);
	}
	if (!table_print(t, 0))
		message_error(NULL, "out of memory");
	table_free(t);
}

/* ---- with -v: a page a file ---- */

const char *list_codecs(uint32_t codecs, char *text)
{
	size_t n = 0;

	for (unsigned i = 0; i < 32; i++) {
		const struct codec *c = codec_find(i);

		if (!(codecs >> i & 1) || n >= LIST_CODECS_LEN)
			continue;
		n += (size_t)snprintf(text + n, LIST_CODECS_LEN - n, "%s%s",
				      n ? "+" : "", c ? c->name : "?");
	}
	return n ? text : "-";
}

/* What its chunks are coded with, or what it is a copy of. */
static void cell_coding(struct table *t, const struct listing *l, size_t i)
{
	const struct container_info *info = &l->info;
	char buf[LIST_CODECS_LEN];

	if (container_is_copy(info, i))
		table_cell(t, "copy of %s",
			   info->model.tensors[info->copy_of[i] - 1].name);
	else
		table_cell(t, "%s",
			   list_codecs(l->t ? l->t[i].codecs : 0, buf));
}

static void add_tensor(struct table *t, const struct listing *l, size_t i)
{
	const struct tensor *x = &l->info.model.tensors[i];
	uint64_t stored = l->t && l->is_hvqz ? l->t[i].stored : x->size;
	char shape[200];

	table_cell(t, "%s", x->name);
	table_cell(t, "%s", dtype_name(x->dtype));
	table_cell(t, "%s", tensor_shape(x, shape, sizeof(shape)));
	cell_coding(t, l, i);
	cell_number(t, stored);
	cell_bpp(t, stored, x->n_elems);
	cell_snr(t, l->is_hvqz, is_exact(l, i), l->t ? l->t[i].signal : 0,
		 l->t ? l->t[i].noise : 0);
	cell_kl(t, l->t ? l->t[i].loss : 0);
}

/* The last two lines: what no tensor holds, and the whole. */
static void add_totals(struct table *t, const struct listing *l)
{
	const struct model *m = &l->info.model;
	uint64_t rest = l->file_size;
	double noise, signal;
	char params[TEXT_LEN];

	for (size_t i = 0; i < m->n_tensors; i++)
		rest -= l->t && l->is_hvqz ? l->t[i].stored
					   : m->tensors[i].size;
	listing_noise(l, &noise, &signal);
	table_cell(t, "(header%s)", l->is_hvqz ? ", index" : "");
	for (int i = 0; i < 3; i++)
		table_cell(t, "%s", "");
	cell_number(t, rest);
	cell_bpp(t, rest, m->n_params);
	table_cell(t, "%s", "");
	table_cell(t, "%s", "");
	table_rule(t);
	table_cell(t, "%zu tensor%s", m->n_tensors,
		   m->n_tensors == 1 ? "" : "s");
	table_cell(t, "%s", "");
	table_cell(t, "%s", text_number(m->n_params, params));
	table_cell(t, "%s", "");
	cell_number(t, l->file_size);
	cell_bpp(t, l->file_size, m->n_params);
	cell_snr(t, l->is_hvqz, !count_inexact(l), signal, noise);
	cell_kl(t, listing_loss(l));
}

/* Format, size and contents of the whole, as rows of a heading. */
static void add_facts(struct table *t, const struct listing *l)
{
	const struct model *m = &l->info.model;
	char a[TEXT_LEN], b[TEXT_LEN], digest[BASE_NAME_LEN];

	table_cell(t, "format");
	if (l->is_hvqz)
		table_cell(t, "hvqz %u.%u of %s", l->info.major,
			   l->info.minor, m->format);
	else
		table_cell(t, "%s", m->format);
	table_cell(t, "model");
	text_number(m->n_tensors, a);
	text_number(m->n_params, b);
	if (l->is_hvqz)
		table_cell(t, "%s parameters in %s tensor%s, %zu of them "
			   "quantized", b, a, m->n_tensors == 1 ? "" : "s",
			   count_inexact(l));
	else
		table_cell(t, "%s parameters in %s tensor%s", b, a,
			   m->n_tensors == 1 ? "" : "s");
	table_cell(t, "size");
	text_number(l->file_size, a);
	if (l->is_hvqz)
		table_cell(t, "%s of %s bytes, %.2f %%", a,
			   text_number(listing_raw(l), b),
			   100.0 * (double)l->file_size /
				   (double)listing_raw(l));
	else
		table_cell(t, "%s bytes", a);
	if (l->info.has_base) {
		table_cell(t, "needs");
		table_cell(t, "base model %s",
			   base_name(l->info.base_digest, digest));
	}
	if (listing_loss(l) > 0) {
		table_cell(t, "KL est.");
		table_cell(t, "%s nats per token",
			   text_kl(listing_loss(l), a));
	}
}

static bool print_heading(const char *name, const struct listing *l)
{
	struct table t = {.columns = "ll"};
	char masked[4200];
	bool good;

	snprintf(masked, sizeof(masked), "%.4190s", name);
	puts(text_mask(masked));
	add_facts(&t, l);
	for (size_t i = 0; i < l->info.n_notes; i++) {
		table_cell(&t, "%s", l->info.notes[i].key);
		table_cell(&t, "%s", l->info.notes[i].value);
	}
	good = table_print(&t, 2);
	table_free(&t);
	putchar('\n');
	return good;
}

static void print_page(const char *name, const struct listing *l, bool first)
{
	static const char *const heads[] = {"Tensor", "Dtype", "Shape",
					    "Codec", "Bytes", "bpp",
					    "SNR dB", "KL est.", NULL};
	struct table t = {.columns = "llllrrrr", .n_spare = 1};

	if (!first)
		putchar('\n');
	table_cells(&t, heads);
	table_rule(&t);
	for (size_t i = 0; i < l->info.model.n_tensors; i++)
		add_tensor(&t, l, i);
	add_totals(&t, l);
	if (!print_heading(name, l) || !table_print(&t, 2) ||
	    !list_conditions(l))
		message_error(NULL, "out of memory");
	table_free(&t);
}

void list_file(const struct args *args, const char *path,
	       struct list_sum *sum)
{
	struct job_env env = {
		.n_threads = args->common.threads,
		.stopped = signals_stopped,
	};
	struct listing l = {0};
	struct hvqz_err err = {0};
	struct in_file in;
	bool conditions = args->common.verbosity > 1;

	if (!in_open(&in, path, IN_MODEL | (args->force ? IN_FORCE : 0)))
		return;
	if ((in.set && in_parts_named_before(args->files, args->n_files,
					     path)) ||
	    !in_prepare(&in)) {
		in_close(&in);
		return;
	}
	if (args_is_last(args, path))		/* -vv is a page here */
		sandbox_close(-1, NULL, in.folder ? in.inside : NULL, 3);
	env.notes = (struct hvqz_notes){message_note, (void *)in.name};
	if (job_list(&env, &in.src, conditions, &l, &err) != HVQZ_OK)
		message_err(in.name, &err);
	else if (args->json)
		list_json(in.name, &l, args->common.verbosity > 0);
	else if (args->common.verbosity > 0)
		print_page(in.name, &l, sum->n_files++ == 0);
	else
		add_summary(sum, in.name, &l);
	listing_free(&l);
	in_close(&in);
}
