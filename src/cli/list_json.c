/*
 * list_json.c - -l for programs: one JSON object a line.
 *
 * First an object of the file ("type": "file"), then, with -v, one of every
 * tensor ("type": "tensor") in the order of their data. Keys are only ever
 * added. hvqz(1) describes them.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/descriptors.h"
#include "cli/json_line.h"
#include "cli/list.h"
#include "cli/message.h"
#include "cli/text.h"
#include "codec/codec.h"

#include <stdio.h>

/* Digits of a number that is not whole. */
enum { DIGITS = 6 };

/* null where nothing was lost or nothing is known */
static json_t *snr(double signal, double noise)
{
	return noise > 0 && signal > 0 ? json_real(text_snr(signal, noise))
				       : json_null();
}

/* null where nothing was lost or nothing is known */
static json_t *kl(double loss)
{
	return loss > 0 ? json_real(loss) : json_null();
}

static bool print_file(const char *file, const struct listing *l)
{
	const struct container_info *info = &l->info;
	struct json_line o = json_line_begin();
	struct json_line notes = json_line_begin();
	char digest[BASE_NAME_LEN];
	double noise, signal;

	listing_noise(l, &noise, &signal);
	for (size_t i = 0; i < info->n_notes; i++)
		json_line_text(&notes, info->notes[i].key,
			       info->notes[i].value);
	json_line_text(&o, "type", "file");
	json_line_text(&o, "file", file);
	json_line_text(&o, "format", l->is_hvqz ? "hvqz"
						: info->model.format);
	if (l->is_hvqz) {
		char version[24];

		snprintf(version, sizeof(version), "%u.%u", info->major,
			 info->minor);
		json_line_text(&o, "version", version);
		json_line_text(&o, "source", info->model.format);
	}
	json_line_number(&o, "tensors", info->model.n_tensors);
	json_line_number(&o, "parameters", info->model.n_params);
	json_line_number(&o, "original_bytes", listing_raw(l));
	json_line_number(&o, "bytes", l->file_size);
	if (info->has_base)
		json_line_text(&o, "base",
			       base_name(info->base_digest, digest));
	json_line_real(&o, "bpp", listing_bpp(l->file_size,
					      info->model.n_params));
	json_line_set(&o, "snr_db", snr(signal, noise));
	json_line_set(&o, "kl_estimate", kl(listing_loss(l)));
	json_line_set(&o, "notes", notes.object);
	o.failed |= notes.failed;
	return json_line_print(&o, DIGITS);
}

static json_t *shape(const struct tensor *x)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < x->rank; i++)
		json_array_append_new(a, json_integer((json_int_t)x->dim[i]));
	return a;
}

static json_t *codecs(uint32_t set)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < 32; i++) {
		const struct codec *c = codec_find(i);

		if (set >> i & 1)
			json_array_append_new(a, json_line_string(
						       c ? c->name : "?"));
	}
	return a;
}

static json_t *pair(const double *v)
{
	return json_pack("[f, f]", v[0], v[1]);
}

/* What conditioned the tensor's chunks, n_chunks of them, > 0. */
static struct json_line condition(const struct listing_condition *c)
{
	struct json_line o = json_line_begin();
	char bodies[LIST_CODECS_LEN];
	double most[2], ratio[2];

	listing_spectra(c, most, ratio);
	json_line_text(&o, "body", list_codecs(c->bodies, bodies));
	json_line_number(&o, "chunks", c->n_chunks);
	json_line_real(&o, "alpha", (double)c->alpha_sum / 100 /
				    (double)c->n_chunks);
	json_line_set(&o, "rotated", json_boolean(c->n_rotated));
	json_line_number(&o, "angles", c->n_angles);
	json_line_set(&o, "lambda_max", pair(most));
	json_line_set(&o, "condition_number", pair(ratio));
	return o;
}

static bool print_tensor(const char *file, const struct listing *l, size_t i)
{
	static const struct listing_tensor none;
	const struct tensor *x = &l->info.model.tensors[i];
	const struct listing_tensor *t = l->t ? &l->t[i] : &none;
	uint64_t stored = l->is_hvqz ? t->stored : x->size;
	bool lossy = l->info.tensor_flags &&
		     l->info.tensor_flags[i] & TENSOR_LOSSY;
	struct json_line o = json_line_begin();

	json_line_text(&o, "type", "tensor");
	json_line_text(&o, "file", file);
	json_line_text(&o, "name", x->name);
	json_line_text(&o, "dtype", dtype_name(x->dtype));
	json_line_set(&o, "shape", shape(x));
	json_line_number(&o, "parameters", x->n_elems);
	json_line_number(&o, "original_bytes", x->size);
	json_line_number(&o, "bytes", stored);
	json_line_real(&o, "bpp", listing_bpp(stored, x->n_elems));
	if (l->is_hvqz) {
		json_line_number(&o, "chunks", t->n_chunks);
		json_line_set(&o, "codecs", codecs(t->codecs));
		if (container_is_copy(&l->info, i))
			json_line_text(&o, "copy_of", l->info.model.tensors
						[l->info.copy_of[i] - 1].name);
		json_line_set(&o, "lossy", json_boolean(lossy));
		json_line_set(&o, "snr_db", snr(t->signal, t->noise));
		json_line_set(&o, "kl_estimate", kl(t->loss));
	}
	if (l->cond && l->cond[i].n_chunks) {
		struct json_line c = condition(&l->cond[i]);

		json_line_set(&o, "condition", c.object);
		o.failed |= c.failed;
	}
	return json_line_print(&o, DIGITS);
}

void list_json(const char *file, const struct listing *l, bool verbose)
{
	bool good = print_file(file, l);

	for (size_t i = 0; good && verbose && i < l->info.model.n_tensors;
	     i++)
		good = print_tensor(file, l, i);
	if (!good && !descriptors_stdout_failed())
		message_error(file, "out of memory");
}
