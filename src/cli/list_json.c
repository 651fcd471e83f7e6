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
#include "cli/list.h"
#include "cli/message.h"
#include "cli/text.h"
#include "codec/codec.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file's name may be no UTF-8, which JSON cannot say: masked then. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = strdup(s);
	if (!copy)
		return NULL;
	j = json_string(text_mask(copy));
	free(copy);
	return j;
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

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

static bool print(json_t *o, bool complete)
{
	bool good = o && complete &&
		    json_dumpf(o, stdout, JSON_COMPACT |
					  JSON_REAL_PRECISION(6)) == 0;

	json_decref(o);
	if (good)
		putchar('\n');
	return !descriptors_stdout_failed() && good;
}

/* json_object_set_new() takes NULL for a failure too: sum them up. */
#define SET(o, key, value) (json_object_set_new(o, key, value) == 0)

static bool print_file(const char *file, const struct listing *l)
{
	const struct container_info *info = &l->info;
	json_t *o = json_object(), *notes = json_object();
	double noise, signal;
	bool good = notes;

	listing_noise(l, &noise, &signal);
	for (size_t i = 0; i < info->n_notes; i++)
		good &= SET(notes, info->notes[i].key,
			    text(info->notes[i].value));
	good &= SET(o, "type", text("file"));
	good &= SET(o, "file", text(file));
	good &= SET(o, "format", text(l->is_hvqz ? "hvqz"
						 : info->model.format));
	if (l->is_hvqz) {
		char version[24];

		snprintf(version, sizeof(version), "%u.%u", info->major,
			 info->minor);
		good &= SET(o, "version", text(version));
		good &= SET(o, "source", text(info->model.format));
	}
	good &= SET(o, "tensors", number(info->model.n_tensors));
	good &= SET(o, "parameters", number(info->model.n_params));
	good &= SET(o, "original_bytes", number(listing_raw(l)));
	good &= SET(o, "bytes", number(l->file_size));
	good &= SET(o, "bpp", json_real(listing_bpp(l->file_size,
						    info->model.n_params)));
	good &= SET(o, "snr_db", snr(signal, noise));
	good &= SET(o, "kl_estimate", kl(listing_loss(l)));
	good &= SET(o, "notes", notes);
	return print(o, good);
}

static json_t *shape(const struct tensor *x)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < x->rank; i++)
		json_array_append_new(a, number(x->dim[i]));
	return a;
}

static json_t *codecs(uint32_t set)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < 32; i++) {
		const struct codec *c = codec_find(i);

		if (set >> i & 1)
			json_array_append_new(a, text(c ? c->name : "?"));
	}
	return a;
}

static bool print_tensor(const char *file, const struct listing *l, size_t i)
{
	static const struct listing_tensor none;
	const struct tensor *x = &l->info.model.tensors[i];
	const struct listing_tensor *t = l->t ? &l->t[i] : &none;
	uint64_t stored = l->is_hvqz ? t->stored : x->size;
	bool lossy = l->info.tensor_flags &&
		     l->info.tensor_flags[i] & TENSOR_LOSSY;
	json_t *o = json_object();
	bool good = SET(o, "type", text("tensor"));

	good &= SET(o, "file", text(file));
	good &= SET(o, "name", text(x->name));
	good &= SET(o, "dtype", text(dtype_name(x->dtype)));
	good &= SET(o, "shape", shape(x));
	good &= SET(o, "parameters", number(x->n_elems));
	good &= SET(o, "original_bytes", number(x->size));
	good &= SET(o, "bytes", number(stored));
	good &= SET(o, "bpp", json_real(listing_bpp(stored, x->n_elems)));
	if (l->is_hvqz) {
		good &= SET(o, "chunks", number(t->n_chunks));
		good &= SET(o, "codecs", codecs(t->codecs));
		good &= SET(o, "lossy", json_boolean(lossy));
		good &= SET(o, "snr_db", snr(t->signal, t->noise));
		good &= SET(o, "kl_estimate", kl(t->loss));
	}
	return print(o, good);
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
