/*
 * gguf_merge.c - the writers that make one file of the GGUF files in a folder
 * or an archive: a GGUF, or what that goes on to become (formats/gguf.md,
 * "Split models").
 *
 * Tensors pass by in their order, those of other files are left out. Nothing
 * of the tensors changes but where they lie.
 */
#include "formats/gguf_files.h"
#include "formats/remap.h"

#include <stdlib.h>
#include <string.h>

static enum hvqz_ret keep_tensors(struct remap *r, const struct gguf_files *f,
				  enum dtype matrix, struct hvqz_err *err)
{
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->v[i].g.n_infos; k++) {
			size_t at = f->v[i].first + k;
			const struct tensor *t = &r->from->tensors[at];
			struct remap_tensor how = {.dtype = t->dtype};

			if (matrix && t->rank > 1 && dtype_is_weight(t->dtype))
				how.dtype = matrix;
			TRY(remap_keep(r, at, t->name, &how, err));
		}
	return HVQZ_OK;
}

/* r->to as it were if it had been read from the one file. */
static enum hvqz_ret make_model(struct remap *r, const struct pieces *files,
				enum dtype matrix, struct hvqz_err *err)
{
	struct gguf_files f = {0};
	struct buf head = {0};
	size_t pad = 0;
	enum hvqz_ret ret;

	if (files)
		TRY_OUT(gguf_files_find(&f, files, r->from, err));
	if (!f.n) {
		ret = hvqz_fail(err, HVQZ_UNSUPPORTED,
				"the %s has no GGUF model of its own",
				r->from->format);
		goto out;
	}
	TRY_OUT(keep_tensors(r, &f, matrix, err));
	TRY_OUT(gguf_files_head(&f, &head, &pad, err));
	memcpy(r->to.format, "gguf", sizeof("gguf"));
	r->to.rest = calloc(pad + 1, 1);
	if (!r->to.rest) {
		ret = hvqz_nomem(err, pad, "the last padding");
		goto out;
	}
	r->to.rest_len = pad;
	r->to.head = head.p;
	r->to.head_len = head.len;
	head = (struct buf){0};
out:
	buf_free(&head);
	gguf_files_free(&f);
	return ret;
}

/* To that writer, which will find `next` in its state. */
static enum hvqz_ret start(const struct model *m,
			   const struct format_wish *wish, enum dtype matrix,
			   const struct writer_ops *writer,
			   struct format_wish *next, void **state,
			   struct hvqz_err *err)
{
	const struct format_wish to = {
		.writer = writer,
		.writer_state = next,
		.n_clamped = wish ? wish->n_clamped : NULL,
	};
	struct remap *r;
	enum hvqz_ret ret;

	*state = NULL;
	r = remap_new(m, err);
	if (!r)
		return HVQZ_NOMEM;
	ret = make_model(r, wish ? wish->files : NULL, matrix, err);
	if (ret == HVQZ_OK)
		ret = remap_start(r, NULL, &to, err);
	if (ret != HVQZ_OK)
		remap_free(r);
	else
		*state = r;
	return ret;
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	const struct format_wish *wish = *state;

	return start(m, wish, wish ? wish->dtype : 0, &gguf_writer, NULL,
		     state, err);
}

/* What else is wished is the other converter's affair. */
static enum hvqz_ret plan_hf(const struct model *m, void **state,
			     struct hvqz_err *err)
{
	struct format_wish *wish = *state;

	return start(m, wish, 0, &hf_from_gguf, wish, state, err);
}

const struct writer_ops gguf_merge = {
	.name = "gguf",
	.suffix = ".gguf",
	.plan = plan,
	.head = remap_head,
	.put = remap_put,
	.tail = remap_tail,
	.free = remap_free,
};

const struct writer_ops hf_from_gguf_files = {
	.name = "safetensors",
	.suffix = ".safetensors",
	.plan = plan_hf,
	.head = remap_head,
	.put = remap_put,
	.tail = remap_tail,
	.free = remap_free,
};
