/*
 * sidecar_gguf.c - a sidecar for a model that came from GGUF: the entries get
 * the names that its tensors have there, and sensitivities of rows the order of
 * its rows (formats/gguf.md).
 *
 * What is about inputs needs nothing: columns stay where they are.
 */
#include "formats/gguf_files.h"
#include "formats/sidecar.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Heads of q and of k whose rows are in pairs; 0: none are. */
struct heads {
	uint32_t q, k;
};

/* The head that m came with, or that of its files as one. */
static enum hvqz_ret read_head(const struct model *m, struct gguf *g,
			       struct hvqz_err *err)
{
	struct gguf_files f = {0};
	struct pieces p = {0};
	struct buf head = {0};
	enum hvqz_ret ret;
	size_t pad;

	if (!strcmp(m->format, "gguf"))
		return gguf_parse_head(m->head, m->head_len, g, err);
	TRY_OUT(pieces_from_head(&p, m, err));
	TRY_OUT(gguf_files_find(&f, &p, m, err));
	TRY_OUT(gguf_files_head(&f, &head, &pad, err));
	ret = gguf_parse_head(head.p, head.len, g, err);
out:
	buf_free(&head);
	gguf_files_free(&f);
	pieces_free(&p);
	return ret;
}

static enum hvqz_ret read_heads(const struct model *m, struct heads *h,
				struct hvqz_err *err)
{
	const struct gguf_pair *p;
	struct gguf g = {0};
	struct span arch;
	enum hvqz_ret ret;

	*h = (struct heads){0};
	TRY_OUT(read_head(m, &g, err));
	p = gguf_find(&g, "general.architecture");
	if (!p || p->type != GGUF_STRING)
		goto out;
	arch = gguf_string(&g, p);
	p = gguf_find(&g, "llama.attention.head_count");
	if (!span_is(&arch, "llama") || !p || p->type != GGUF_U32)
		goto out;
	h->q = h->k = get_le32(g.head.p + p->at);
	p = gguf_find(&g, "llama.attention.head_count_kv");
	if (p && p->type == GGUF_U32)
		h->k = get_le32(g.head.p + p->at);
out:
	gguf_free(&g);
	return ret;
}

/* Rows j·half + i of each of n heads become rows 2i + j. */
static enum hvqz_ret turn_rows(struct sens *s, uint32_t n,
			       struct hvqz_err *err)
{
	size_t rows = n ? s->n_out / n : 0, half = rows / 2;
	float *to;

	if (!s->row_sens || !n)
		return HVQZ_OK;
	if (s->n_out % n || rows % 2)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, s->name,
					"%zu row sensitivities are not %u "
					"heads of pairs", s->n_out, n);
	to = malloc(s->n_out * sizeof(*to) + 1);
	if (!to)
		return hvqz_nomem(err, s->n_out * sizeof(*to),
				  "row sensitivities");
	for (size_t head = 0; head < s->n_out; head += rows)
		for (size_t i = 0; i < half; i++)
			for (size_t j = 0; j < 2; j++)
				to[head + 2 * i + j] =
					s->row_sens[head + j * half + i];
	free(s->row_sens);
	s->row_sens = to;
	return HVQZ_OK;
}

enum hvqz_ret sidecar_to_gguf(struct sens_table *t, const struct model *m,
			      struct hvqz_err *err)
{
	struct heads heads;

	TRY(read_heads(m, &heads, err));
	for (size_t i = 0; i < t->n; i++) {
		struct sens *s = &t->v[i];
		char name[256], *copy;

		/* Another pass over the same model finds them done. */
		if (!name_to_gguf(s->name, name, sizeof(name)))
			continue;
		if (strstr(name, ".attn_q."))
			TRY(turn_rows(s, heads.q, err));
		else if (strstr(name, ".attn_k."))
			TRY(turn_rows(s, heads.k, err));
		copy = strdup(name);
		if (!copy)
			return hvqz_nomem(err, strlen(name), "a name");
		free(s->name);
		s->name = copy;
	}
	/* A table may have had both of a tensor's names. */
	return sidecar_sort(t, err);
}
