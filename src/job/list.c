/*
 * list.c - job: what is in a .hvqz, or in a model file of a known format.
 *
 * A seekable .hvqz costs three reads (head, trailer, index), whatever its
 * size; on a pipe the chunk heads are read as they pass by. Conditions
 * (list_condition.h) also cost the payloads that have one.
 */
#include "job/job_internal.h"
#include "job/list_condition.h"

#include <stdlib.h>

void listing_free(struct listing *l)
{
	list_conditions_free(l);
	container_info_free(&l->info);
	free(l->t);
	*l = (struct listing){0};
}

static enum hvqz_ret alloc_tensors(struct listing *l, struct hvqz_err *err)
{
	size_t n = l->info.model.n_tensors;

	l->t = calloc(n + 1, sizeof(*l->t));
	return l->t ? HVQZ_OK
		    : hvqz_nomem(err, n * sizeof(*l->t), "the listing");
}

static void add_chunk(struct listing_tensor *t, unsigned codec,
		      uint32_t stored_len, float noise, float signal,
		      float loss)
{
	t->stored += CONTAINER_CHUNK_HEAD_LEN + (uint64_t)stored_len;
	t->n_chunks++;
	t->noise += noise;
	t->signal += signal;
	t->loss += loss;
	t->codecs |= 1u << (codec & 31);
}

/* The payloads whose conditions count, and no others. */
static enum hvqz_ret conditions_by_index(const struct job_env *env,
					 struct container_reader *r,
					 const struct container_index *ix,
					 struct buf *payload,
					 struct listing *l,
					 struct hvqz_err *err)
{
	for (size_t i = 0; i < ix->n_chunks; i++) {
		struct chunk_head h;

		if (!list_has_condition(ix->chunks[i].codec))
			continue;
		TRY(job_poll(env, err));
		TRY(container_seek_chunk(r, ix, i, &h, err));
		TRY(container_read_payload(r, payload, err));
		TRY(list_add_condition(l, &h, payload, err));
	}
	return HVQZ_OK;
}

static enum hvqz_ret by_index(const struct job_env *env,
			      struct container_reader *r, struct buf *payload,
			      struct listing *l, struct hvqz_err *err)
{
	struct container_index ix;
	enum hvqz_ret ret = HVQZ_OK;

	TRY(container_read_index(r, &ix, err));
	for (size_t t = 0; t < l->info.model.n_tensors; t++)
		for (size_t i = ix.first[t]; i < ix.first[t + 1]; i++) {
			const struct container_index_entry *e = &ix.chunks[i];

			add_chunk(&l->t[t], e->codec, e->stored_len, e->noise,
				  e->signal, e->loss);
		}
	l->file_size = ix.file_size;
	if (l->cond)
		ret = conditions_by_index(env, r, &ix, payload, l, err);
	container_index_free(&ix);
	return ret;
}

static enum hvqz_ret by_reading(const struct job_env *env,
				struct container_reader *r,
				struct source *src, struct buf *payload,
				struct listing *l, struct hvqz_err *err)
{
	for (;;) {
		struct chunk_head h;
		bool end;

		TRY(job_poll(env, err));
		TRY(container_read_chunk(r, &h, &end, err));
		if (end)
			break;
		add_chunk(&l->t[h.tensor], h.codec, h.stored_len, h.noise,
			  h.signal, h.loss);
		if (!l->cond || !list_has_condition(h.codec))
			continue;
		TRY(container_read_payload(r, payload, err));
		TRY(list_add_condition(l, &h, payload, err));
	}
	TRY(container_read_tail(r, err));
	l->file_size = src->off;
	return HVQZ_OK;
}

/* A copy errs as its original does; what that costs the model is not known. */
static void add_copies(struct listing *l)
{
	for (size_t i = 0; i < l->info.model.n_tensors; i++) {
		const struct listing_tensor *of;

		if (!container_is_copy(&l->info, i))
			continue;
		of = &l->t[l->info.copy_of[i] - 1];
		l->t[i].noise = of->noise;
		l->t[i].signal = of->signal;
	}
}

static enum hvqz_ret list_hvqz(const struct job_env *env, struct source *src,
			       bool conditions, struct listing *l,
			       struct hvqz_err *err)
{
	struct container_reader *r = NULL;
	struct buf payload = {0};
	enum hvqz_ret ret;

	l->is_hvqz = true;
	TRY_OUT(container_read_head(&r, src, &l->info, err));
	TRY_OUT(alloc_tensors(l, err));
	if (conditions)
		TRY_OUT(list_conditions_begin(l, err));
	if (source_can_seek(src) && source_left(src) != SOURCE_SIZE_UNKNOWN)
		TRY_OUT(by_index(env, r, &payload, l, err));
	else
		TRY_OUT(by_reading(env, r, src, &payload, l, err));
	ret = conditions ? list_types(l, err) : HVQZ_OK;
	if (ret == HVQZ_OK)
		add_copies(l);
out:
	buf_free(&payload);
	container_reader_free(r);
	return ret;
}

/* A model file: the table alone; every tensor is stored as it is. */
static enum hvqz_ret list_model(struct source *src, struct listing *l,
				struct hvqz_err *err)
{
	const struct reader_ops *reader;
	struct model *m = &l->info.model;
	void *state = NULL;

	TRY(format_detect(src, &reader, err));
	TRY(reader->head(src, m, &state, err));
	reader->free(state);
	TRY(alloc_tensors(l, err));
	for (size_t i = 0; i < m->n_tensors; i++)
		l->t[i].stored = m->tensors[i].size;
	l->file_size = format_source_size(m);
	return HVQZ_OK;
}

enum hvqz_ret job_list(const struct job_env *env, struct source *src,
		       bool conditions, struct listing *l,
		       struct hvqz_err *err)
{
	const uint8_t *peek;
	size_t len;

	*l = (struct listing){0};
	TRY(source_ahead(src, CONTAINER_MAGIC_LEN, &peek, &len, err));
	return container_bid(peek, len)
		       ? list_hvqz(env, src, conditions, l, err)
		       : list_model(src, l, err);
}
