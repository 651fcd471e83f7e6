/* gguf_table.c - a GGUF's tensors as ours: "Our tensors" of formats/gguf.md. */
#include "formats/gguf.h"

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

/* GGUF's first dimension is the fastest, ours the last. */
static enum hvqz_ret add_tensor(struct model *m, const struct gguf *g,
				const struct gguf_info *t,
				struct hvqz_err *err)
{
	const struct gguf_type *type = gguf_type(t->type);
	struct span name = gguf_name(g, t);
	uint64_t dim[GGUF_MAX_DIMS];
	char *text = strndup((const char *)name.p, name.len);
	enum hvqz_ret ret;

	if (!text)
		return hvqz_nomem(err, name.len, "a tensor's name");
	for (uint32_t i = 0; i < t->rank; i++)
		dim[i] = t->ne[t->rank - 1 - i];
	/* Blocks are so many bytes, and a row is whole blocks. */
	if (!type->dtype)
		dim[t->rank - 1] = t->ne[0] / type->block * type->bytes;
	ret = model_add(m, text, type->dtype ? type->dtype : DTYPE_U8,
			t->rank, dim, err);
	free(text);
	if (ret == HVQZ_OK)
		m->tensors[m->n_tensors - 1].skew =
			t->off - m->tensors[m->n_tensors - 1].off;
	return ret;
}

enum hvqz_ret gguf_table(const struct gguf *g, struct model *m,
			 struct hvqz_err *err)
{
	for (size_t i = 0; i < g->n_infos; i++)
		TRY(add_tensor(m, g, &g->infos[i], err));
	return HVQZ_OK;
}
