/*
 * load.c - a model file's tensors into the memory of a decoder's weights.
 *
 * The table comes first: every tensor of the file is given its place before a
 * byte of data is read, so that a file that does not fit the config is refused
 * at once. Then the bytes of a plain file are read straight to where they
 * belong; those of a .hvqz come from job_decode() chunk by chunk, to a writer
 * of our own. Neither holds more than the weights and what decoding takes.
 *
 * A GGUF becomes a Hugging Face model on the way, by a converter in front of
 * that writer.
 *
 * A tensor that a decoder has no use for is passed over, and not hashed.
 */
#include "job/load.h"

#include "formats/pieces.h"
#include "job/job_internal.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Bytes between two looks at whether to stop. */
enum { PIECE = 8 << 20 };

struct load {
	const struct job_env *env;
	struct lm_model *lm;
	const struct model *file;
	struct lm_weight **weights;	/* [n_tensors]; NULL: pass over */
	struct job_report rep;		/* of the decoding */
	size_t tensor;			/* where put() is, */
	uint64_t done;			/* and how far into it */
	uint64_t hash;
};

/* Is t no weight of the model, but a file that came with it, or is in one? */
static bool is_beside(const struct model *file, const struct tensor *t)
{
	return format_has_files(file->format) &&
	       ((t->dtype == DTYPE_U8 && t->rank == 1) ||
		strstr(t->name, ".safetensors/") ||
		strstr(t->name, ".gguf/"));
}

static enum hvqz_ret load_plan(struct load *l, const struct model *file,
			       struct hvqz_err *err)
{
	size_t n = file->n_tensors ? file->n_tensors : 1;
	uint64_t have = lm_model_bytes(l->lm) + l->rep.memory;

	/* Sizes stay below 2^63: no overflow. */
	TRY(job_check_memory(l->env, have + file->data_size,
			     "more memory (--memory)", err));
	l->file = file;
	l->weights = calloc(n, sizeof(*l->weights));
	if (!l->weights)
		return hvqz_nomem(err, n * sizeof(*l->weights),
				  "the places of the tensors");
	for (size_t i = 0; i < file->n_tensors; i++)
		if (!is_beside(file, &file->tensors[i]))
			TRY(lm_model_place(l->lm, &file->tensors[i],
					   &l->weights[i], err));
	return HVQZ_OK;
}

/* Tensor i is complete. */
static void load_hash(struct load *l, size_t i)
{
	const struct tensor *t = &l->file->tensors[i];

	if (!l->weights[i])
		return;
	l->hash = XXH3_64bits_withSeed(t->name, strlen(t->name), l->hash);
	l->hash = XXH3_64bits_withSeed(l->weights[i]->data, (size_t)t->size,
				       l->hash);
}

/* ---- a .hvqz: the writer that job_decode() calls ---- */

static enum hvqz_ret writer_plan(const struct model *m, void **state,
				 struct hvqz_err *err)
{
	return load_plan(*state, m, err);
}

/* Empty tensors have no bytes to be put: pass over those that are next. */
static void pass_complete(struct load *l)
{
	while (l->tensor < l->file->n_tensors &&
	       l->done == l->file->tensors[l->tensor].size) {
		load_hash(l, l->tensor++);
		l->done = 0;
	}
}

static enum hvqz_ret writer_put(void *state, struct sink *out,
				const uint8_t *p, size_t len,
				struct hvqz_err *err)
{
	struct load *l = state;

	(void)out;
	(void)err;
	while (len) {
		struct lm_weight *w;
		uint64_t left;
		size_t n;

		pass_complete(l);
		w = l->weights[l->tensor];
		left = l->file->tensors[l->tensor].size - l->done;
		n = left < len ? (size_t)left : len;
		if (w)
			memcpy((uint8_t *)w->data + l->done, p, n);
		l->done += n;
		p += n;
		len -= n;
	}
	pass_complete(l);
	return HVQZ_OK;
}

static enum hvqz_ret writer_nothing(void *state, struct sink *out,
				    struct hvqz_err *err)
{
	(void)state;
	(void)out;
	(void)err;
	return HVQZ_OK;
}

/* The state is job_load()'s. */
static void writer_free(void *state)
{
	(void)state;
}

static const struct writer_ops load_writer = {
	.name = "memory",
	.suffix = "",
	.plan = writer_plan,
	.head = writer_nothing,
	.put = writer_put,
	.tail = writer_nothing,
	.free = writer_free,
};

static enum hvqz_ret load_packed(struct load *l, struct source *src,
				 struct hvqz_err *err)
{
	struct format_wish wish = {
		.writer = &load_writer,
		.writer_state = l,
	};
	struct decode_options opt = {
		.to = "safetensors",
		.wish = &wish,
		.writer = &load_writer,
		.writer_state = l,
	};

	return job_decode(l->env, &opt, src, NULL, &l->rep, err);
}

/* ---- a plain file ---- */

/* The data of tensor i from where the reader is. */
static enum hvqz_ret read_tensor(struct load *l, size_t i, struct source *src,
				 const struct reader_ops *reader, void *state,
				 uint8_t *scrap, struct hvqz_err *err)
{
	const struct tensor *t = &l->file->tensors[i];
	uint8_t *to = l->weights[i] ? l->weights[i]->data : NULL;
	uint64_t done = 0;

	while (done < t->size) {
		size_t n = t->size - done < PIECE ? (size_t)(t->size - done)
						  : PIECE;

		TRY(job_poll(l->env, err));
		TRY(reader->next(state, to ? to + done : scrap, n, err));
		done += n;
		if (l->env->progress)
			l->env->progress(l->env->progress_ctx, src->off, 0,
					 t->name);
	}
	load_hash(l, i);
	return HVQZ_OK;
}

/* The largest piece that is passed over. */
static size_t scrap_len(const struct load *l)
{
	uint64_t max = 1;

	for (size_t i = 0; i < l->file->n_tensors; i++)
		if (!l->weights[i] && l->file->tensors[i].size > max)
			max = l->file->tensors[i].size;
	return max < PIECE ? (size_t)max : PIECE;
}

/* A model of another format: through its converter. */
static enum hvqz_ret load_converted(struct load *l, struct source *src,
				    struct hvqz_err *err)
{
	struct format_wish wish = {
		.writer = &load_writer,
		.writer_state = l,
	};
	struct convert_options opt = {.to = "safetensors", .wish = &wish};
	struct sink none;

	sink_init_null(&none);
	return job_convert(l->env, &opt, src, &none, &l->rep, err);
}

static enum hvqz_ret load_plain(struct load *l, struct source *src,
				struct hvqz_err *err)
{
	const struct reader_ops *reader;
	struct model file = {0};
	uint8_t *scrap = NULL;
	void *state = NULL;
	enum hvqz_ret ret;

	TRY(format_detect(src, &reader, err));
	/* Of files one by one only a split GGUF model comes here. */
	if (reader == &folder_reader ||
	    format_converter(reader->name, "safetensors", 0))
		return load_converted(l, src, err);
	TRY_OUT(reader->head(src, &file, &state, err));
	TRY_OUT(load_plan(l, &file, err));
	scrap = malloc(scrap_len(l));
	if (!scrap) {
		ret = hvqz_nomem(err, scrap_len(l), "tensors of no use");
		goto out;
	}
	for (size_t i = 0; i < file.n_tensors; i++)
		TRY_OUT(read_tensor(l, i, src, reader, state, scrap, err));
	ret = reader->tail(state, err);
out:
	free(scrap);
	if (state)
		reader->free(state);
	model_free(&file);
	return ret;
}

enum hvqz_ret job_load(const struct job_env *env, struct source *src,
		       struct lm_model *m, uint64_t *hash,
		       struct hvqz_err *err)
{
	struct load l = {.env = env, .lm = m, .hash = hash ? *hash : 0};
	enum hvqz_ret ret;
	const uint8_t *p;
	size_t len;

	TRY(source_ahead(src, CONTAINER_MAGIC_LEN, &p, &len, err));
	ret = container_bid(p, len) ? load_packed(&l, src, err)
				    : load_plain(&l, src, err);
	free(l.weights);
	if (ret == HVQZ_OK && hash)
		*hash = l.hash;
	return ret;
}
