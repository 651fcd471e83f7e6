/*
 * retype.c - the same model with matrices of another type, on its way from one
 * file to another without a .hvqz between.
 *
 * NumPy has no BF16: whatever is of it becomes F32 there, which loses nothing
 * and can be read by all.
 */
#include "formats/gguf_files.h"
#include "formats/npy.h"
#include "formats/pieces.h"
#include "formats/remap.h"
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

static bool is_numpy(const struct writer_ops *w)
{
	return w == &npz_writer || w == &npy_writer;
}

static enum hvqz_ret check_gguf(const struct gguf *g, const struct model *m,
				size_t first, struct hvqz_err *err)
{
	for (size_t i = 0; i < g->n_infos && first + i < m->n_tensors; i++)
		TRY(gguf_no_blocks(m->tensors[first + i].name,
				   gguf_type(g->infos[i].type), "NumPy", err));
	return HVQZ_OK;
}

/* A GGUF's blocks are no numbers to anybody who reads arrays. */
static enum hvqz_ret check_blocks(const struct model *m,
				  const struct format_wish *wish,
				  struct hvqz_err *err)
{
	struct gguf_files files = {0};
	struct gguf g = {0};
	enum hvqz_ret ret = HVQZ_OK;

	if (m->head && !strcmp(m->format, "gguf")) {
		TRY_OUT(gguf_parse_head(m->head, m->head_len, &g, err));
		ret = check_gguf(&g, m, 0, err);
	} else if (wish && wish->files) {
		TRY_OUT(gguf_files_find(&files, wish->files, m, err));
		for (size_t i = 0; i < files.n; i++)
			TRY_OUT(check_gguf(&files.v[i].g, m, files.v[i].first,
					   err));
	}
out:
	gguf_files_free(&files);
	gguf_free(&g);
	return ret;
}

static enum hvqz_ret keep_all(struct remap *r, const struct writer_ops *w,
			      enum dtype wanted, struct hvqz_err *err)
{
	for (size_t i = 0; i < r->from->n_tensors; i++) {
		const struct tensor *t = &r->from->tensors[i];
		struct remap_tensor how = {.dtype = t->dtype};

		if (wanted && t->rank > 1 && dtype_is_weight(t->dtype))
			how.dtype = wanted;
		if (is_numpy(w) && how.dtype == DTYPE_BF16)
			how.dtype = DTYPE_F32;
		TRY(remap_keep(r, i, t->name, &how, err));
	}
	return HVQZ_OK;
}

/* Going to the format that it is of, it keeps what else its head says. */
static enum hvqz_ret keep_head(struct remap *r, const struct writer_ops *w,
			       struct hvqz_err *err)
{
	const struct model *m = r->from;

	if (!m->head)
		return HVQZ_OK;
	/* A npy has no name that could say "the transpose". */
	if (w == &npy_writer && !strcmp(m->format, "npz") && m->n_tensors == 1)
		return npy_retype(m, "npy", &r->to, err);
	if (strcmp(m->format, w->name))
		return HVQZ_OK;
	if (is_numpy(w))
		return npy_retype(m, m->format, &r->to, err);
	if (format_has_pieces(m->format))
		return HVQZ_OK;
	memcpy(r->to.format, m->format, sizeof(m->format));
	if (w == &safetensors_writer)
		return safetensors_make_head(&r->to, m->head, m->head_len,
					     &r->to.head, &r->to.head_len,
					     err);
	r->to.head = malloc(m->head_len);
	if (!r->to.head)
		return hvqz_nomem(err, m->head_len, "the header");
	memcpy(r->to.head, m->head, m->head_len);
	r->to.head_len = m->head_len;
	return HVQZ_OK;
}

static enum hvqz_ret plan(const struct writer_ops *w, const struct model *m,
			  void **state, struct hvqz_err *err)
{
	const struct format_wish *wish = *state;
	enum dtype wanted = wish ? wish->dtype : 0;
	struct remap *r;
	enum hvqz_ret ret;

	*state = NULL;
	if (wanted == DTYPE_BF16 && is_numpy(w))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "NumPy has no BF16: --dtype f16 or f32");
	if (is_numpy(w))
		TRY(check_blocks(m, wish, err));
	r = remap_new(m, err);
	if (!r)
		return HVQZ_NOMEM;
	TRY_OUT(keep_all(r, w, wanted, err));
	TRY_OUT(keep_head(r, w, err));
	ret = remap_start(r, w, wish, err);
out:
	if (ret != HVQZ_OK)
		remap_free(r);
	else
		*state = r;
	return ret;
}

static enum hvqz_ret plan_npz(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	return plan(&npz_writer, m, state, err);
}

static enum hvqz_ret plan_npy(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	return plan(&npy_writer, m, state, err);
}

static enum hvqz_ret plan_safetensors(const struct model *m, void **state,
				      struct hvqz_err *err)
{
	return plan(&safetensors_writer, m, state, err);
}

static enum hvqz_ret plan_gguf(const struct model *m, void **state,
			       struct hvqz_err *err)
{
	return plan(&gguf_writer, m, state, err);
}

/* What is behind a GGUF's last tensor, known only now, stays. */
static enum hvqz_ret tail_gguf(void *state, struct sink *out,
			       struct hvqz_err *err)
{
	struct remap *r = state;
	const struct model *m = r->from;

	if (m->rest_len && !r->to.rest) {
		r->to.rest = malloc(m->rest_len);
		if (!r->to.rest)
			return hvqz_nomem(err, m->rest_len, "the last padding");
		memcpy(r->to.rest, m->rest, m->rest_len);
		r->to.rest_len = m->rest_len;
	}
	return remap_tail(state, out, err);
}

const struct writer_ops retyped_npz = {
	.name = "npz", .suffix = ".npz", .plan = plan_npz,
	.head = remap_head, .put = remap_put, .tail = remap_tail,
	.free = remap_free,
};

const struct writer_ops retyped_npy = {
	.name = "npy", .suffix = ".npy", .plan = plan_npy,
	.head = remap_head, .put = remap_put, .tail = remap_tail,
	.free = remap_free,
};

const struct writer_ops retyped_safetensors = {
	.name = "safetensors", .suffix = ".safetensors",
	.plan = plan_safetensors, .head = remap_head, .put = remap_put,
	.tail = remap_tail, .free = remap_free,
};

const struct writer_ops retyped_gguf = {
	.name = "gguf", .suffix = ".gguf", .plan = plan_gguf,
	.head = remap_head, .put = remap_put, .tail = tail_gguf,
	.free = remap_free,
};
