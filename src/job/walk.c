/* walk.c - chunks in order, and those that come again. */
#include "job/walk.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP = 64 << 20 };	/* bytes kept in memory if there is a file */

uint64_t chunk_walk_memory(const struct job_env *env,
			   const struct container_info *info)
{
	const struct model *m = &info->model;
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n_tensors; i++)
		if (container_is_copy(info, i))
			sum += m->tensors[i].size;
	return env->scratch && sum > KEEP ? KEEP : sum;
}

enum hvqz_ret chunk_walk_open(struct chunk_walk *w, struct hvqz_err *err)
{
	const struct model *m = &w->info->model;

	if (!w->most)
		w->most = KEEP;
	w->keep = calloc(m->n_tensors + 1, sizeof(*w->keep));
	w->first = calloc(m->n_tensors + 1, sizeof(*w->first));
	if (!w->keep || !w->first)
		return hvqz_nomem(err, m->n_tensors * 9, "what to keep");
	for (size_t i = 0; i < m->n_tensors; i++)
		if (container_is_copy(w->info, i) &&
		    (!w->wanted ||
		     w->wanted(w->ctx, i, 0, m->tensors[i].size)))
			w->keep[w->info->copy_of[i] - 1] = true;
	return HVQZ_OK;
}

void chunk_walk_close(struct chunk_walk *w)
{
	free(w->keep);
	free(w->first);
	free(w->kept);
	buf_free(&w->mem);
}

static enum hvqz_ret keep(struct chunk_walk *w, const struct decode_unit *u,
			  struct hvqz_err *err)
{
	const struct job_scratch *file = w->env->scratch;
	struct kept *k;

	/* The list grows by doubling: at every power of two. */
	if (!(w->n_kept & (w->n_kept - 1))) {
		size_t n = w->n_kept ? 2 * w->n_kept : 1;

		k = realloc(w->kept, n * sizeof(*k));
		if (!k)
			return hvqz_nomem(err, n * sizeof(*k), "chunks kept");
		w->kept = k;
	}
	if (!u->off)
		w->first[u->head.tensor] = w->n_kept;
	k = &w->kept[w->n_kept++];
	*k = (struct kept){
		.head = u->head, .at = w->mem.len, .lost = u->lost};
	if (u->lost)
		return HVQZ_OK;
	if (!file || w->mem.len + u->payload.len <= w->most) {
		buf_put(&w->mem, u->payload.p, u->payload.len);
		return buf_ok(&w->mem, err);
	}
	k->in_file = true;
	k->at = w->in_file;
	w->in_file += u->payload.len;
	return file->append(file->ctx, u->payload.p, u->payload.len, err);
}

/* The kept chunk number w->replay to u. */
static enum hvqz_ret take_kept(struct chunk_walk *w, struct decode_unit *u,
			       struct hvqz_err *err)
{
	const struct kept *k = &w->kept[w->replay];
	const struct job_scratch *file = w->env->scratch;
	uint8_t *p;

	u->head = k->head;
	u->lost = k->lost;
	u->n_lost = k->lost ? k->head.n_rows : 0;
	buf_clear(&u->payload);
	if (k->lost) {
		hvqz_fail(&u->err, HVQZ_DAMAGED, "lost");
		return HVQZ_OK;
	}
	p = buf_grow(&u->payload, k->head.stored_len);
	if (!p)
		return buf_ok(&u->payload, err);
	if (k->in_file)
		return file->read_at(file->ctx, k->at, p, k->head.stored_len,
				     err);
	memcpy(p, w->mem.p + k->at, k->head.stored_len);
	return HVQZ_OK;
}

/* To the next tensor that is not complete, or behind the last one. */
static void settle(struct chunk_walk *w)
{
	const struct model *m = &w->info->model;

	for (; w->tensor < m->n_tensors; w->tensor++, w->off = 0) {
		size_t of;

		if (w->off == m->tensors[w->tensor].size)
			continue;
		if (!container_is_copy(w->info, w->tensor))
			return;
		of = w->info->copy_of[w->tensor] - 1;
		if (!w->keep[of])
			continue;
		if (!w->off)
			w->replay = w->first[of];
		return;
	}
}

static bool is_wanted(const struct chunk_walk *w, uint64_t len)
{
	return !w->wanted || w->wanted(w->ctx, w->tensor, w->off, len);
}

/* Is the gap at its end here? */
static bool gap_ends(const struct chunk_walk *w)
{
	const struct tensor *t = &w->info->model.tensors[w->tensor];

	return !w->to_end && w->next.tensor == w->tensor &&
	       w->next.first_row * tensor_rows(t).row_len == w->off;
}

/* From here on rows are lost for the reason why: up to where? */
static enum hvqz_ret open_gap(struct chunk_walk *w, const struct hvqz_err *why,
			      struct hvqz_err *err)
{
	w->why = *why;
	TRY(container_resync(w->reader, &w->next, &w->to_end, err));
	w->in_gap = true;
	/* Something was too much, and no row missing: no row will tell of it. */
	if (gap_ends(w) && w->tail.ret == HVQZ_OK)
		w->tail = *why;
	return HVQZ_OK;
}

/* The rows lost here, as many as a chunk may have, as a unit. */
static void take_lost(struct chunk_walk *w, struct decode_unit *u)
{
	const struct tensor_rows rows =
		tensor_rows(&w->info->model.tensors[w->tensor]);
	uint64_t a = w->off / rows.row_len, b = rows.n_rows;
	uint64_t most = w->info->max_raw / rows.row_len;

	if (!w->to_end && w->next.tensor == w->tensor)
		b = w->next.first_row;
	/* A table may promise rows without end: a test counts them at once. */
	if (!w->no_output && b - a > (most ? most : 1))
		b = a + (most ? most : 1);
	u->n_lost = b - a;
	u->head = (struct chunk_head){
		.tensor = (uint32_t)w->tensor,
		.first_row = a,
		.n_rows = (uint32_t)(b - a),
		.raw_len = (uint32_t)((b - a) * rows.row_len),
	};
	buf_clear(&u->payload);
	u->lost = w->any_lost = true;
	u->err = w->why;
}

/* The next chunk's head; or none, and a gap has begun. */
static enum hvqz_ret read_head(struct chunk_walk *w, struct decode_unit *u,
			       struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	enum hvqz_ret ret;
	bool end;

	ret = container_read_chunk(w->reader, &u->head, &end, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (w->go_on && is_damage(ret))
		return open_gap(w, &why, err);
	if (err)
		*err = why;
	return ret;
}

/* The payload that belongs to u->head; cut short, it is lost with the rest. */
static enum hvqz_ret read_payload(struct chunk_walk *w, struct decode_unit *u,
				  struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	ret = container_read_payload(w->reader, &u->payload, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (w->go_on && is_damage(ret)) {
		u->lost = w->any_lost = true;
		u->n_lost = u->head.n_rows;
		hvqz_fail(&u->err, HVQZ_DAMAGED,
			  "truncated: the input ends before them");
		return open_gap(w, &u->err, err);
	}
	if (err)
		*err = why;
	return ret;
}

/* An original's chunk: read, kept, wanted? */
static enum hvqz_ret read_one(struct chunk_walk *w, struct decode_unit *u,
			      bool *wanted, struct hvqz_err *err)
{
	bool again = w->keep[w->tensor];

	u->lost = false;
	u->n_lost = 0;
	if (!w->in_gap)
		TRY(read_head(w, u, err));
	if (w->in_gap && gap_ends(w)) {
		w->in_gap = false;
		u->head = w->next;
	}
	if (w->in_gap)
		take_lost(w, u);
	*wanted = is_wanted(w, u->head.raw_len);
	if (!u->lost && (*wanted || again))
		TRY(read_payload(w, u, err));
	return again ? keep(w, u, err) : HVQZ_OK;
}

/* Behind the last tensor. What is lost is not missed there once more. */
static enum hvqz_ret read_end(struct chunk_walk *w, struct decode_unit *u,
			      bool *end, struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	enum hvqz_ret ret = HVQZ_OK;

	*end = true;
	if (!w->any_lost)
		ret = container_read_chunk(w->reader, &u->head, end, &why);
	if (ret == HVQZ_OK && !w->any_lost)
		ret = container_read_tail(w->reader, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (w->go_on && is_damage(ret)) {
		*end = true;
		if (w->tail.ret == HVQZ_OK)
			w->tail = why;
		return HVQZ_OK;
	}
	if (err)
		*err = why;
	return ret;
}

static uint64_t lost_bytes(const struct chunk_walk *w,
			   const struct decode_unit *u)
{
	const struct tensor *t = &w->info->model.tensors[u->head.tensor];

	return u->n_lost * tensor_rows(t).row_len;
}

enum hvqz_ret chunk_walk_next(struct chunk_walk *w, struct decode_unit *u,
			      bool *end, struct hvqz_err *err)
{
	bool wanted;

	do {
		TRY(job_poll(w->env, err));
		settle(w);
		if (w->tensor == w->info->model.n_tensors)
			return read_end(w, u, end, err);
		u->as = w->tensor;
		u->off = w->off;
		if (container_is_copy(w->info, w->tensor)) {
			wanted = is_wanted(
				w, w->kept[w->replay].head.raw_len);
			TRY(take_kept(w, u, err));
			w->replay++;
		} else {
			TRY(read_one(w, u, &wanted, err));
		}
		w->off += u->n_lost && w->no_output ? lost_bytes(w, u)
						    : u->head.raw_len;
	} while (!wanted);
	return HVQZ_OK;
}
