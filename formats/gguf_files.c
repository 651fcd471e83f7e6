/*
 * gguf_files.c - GGUF files in a list of pieces, found again.
 *
 * The list says nothing of formats: a GGUF is a member whose first literal is a
 * head with as many tensors as follow in it, and an own one if those have the
 * names in the head.
 */
#include "formats/gguf_files.h"

#include "formats/gguf_write.h"

#include <stdlib.h>
#include <string.h>

void gguf_files_free(struct gguf_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		gguf_free(&f->v[i].g);
	free(f->v);
	*f = (struct gguf_files){0};
}

/* ---- finding them ---- */

/* The tensors among the pieces of the member at v[i]. */
static size_t count_tensors(const struct pieces *p, size_t i)
{
	uint64_t left = p->v[i].len;
	size_t n = 0;

	for (i++; i < p->n && left; i++) {
		n += p->v[i].kind == PIECE_TENSOR;
		left -= p->v[i].len;
	}
	return n;
}

/* Does the member at v[i] begin with a head? */
static enum hvqz_ret read_head(const struct pieces *p, size_t i,
			       struct gguf_file *f, bool *is,
			       struct hvqz_err *err)
{
	const struct piece *x = &p->v[i + 1];
	struct hvqz_err why = {0};
	struct source_memory memory;
	struct source src;
	enum hvqz_ret ret;

	*is = false;
	if (p->v[i].kind != PIECE_MEMBER || i + 1 == p->n ||
	    x->kind != PIECE_LITERAL || x->len < 4 ||
	    memcmp(p->literals.p + x->at, "GGUF", 4))
		return HVQZ_OK;
	source_init_memory(&src, &memory, p->literals.p + x->at,
			   (size_t)x->len);
	ret = gguf_read_head(&src, &f->g, &why);
	source_free(&src);
	if (ret == HVQZ_OK)
		ret = gguf_split_of(&f->g, &f->part.split, &why);
	if (ret == HVQZ_NOMEM && err)
		*err = why;
	f->part.name = p->v[i].name;
	*is = ret == HVQZ_OK && f->g.n_infos == count_tensors(p, i);
	return ret == HVQZ_NOMEM ? ret : HVQZ_OK;
}

static bool is_plain(const struct gguf_file *f, const struct model *m)
{
	for (size_t i = 0; i < f->g.n_infos; i++) {
		struct span name = gguf_name(&f->g, &f->g.infos[i]);

		if (!span_is(&name, m->tensors[f->first + i].name))
			return false;
	}
	return true;
}

/* All GGUF files whose tensors have plain names, or that have none. */
static enum hvqz_ret find_plain(struct gguf_files *f, const struct pieces *p,
				const struct model *m, struct hvqz_err *err)
{
	size_t n = 0, tensor = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].kind == PIECE_MEMBER;
	f->v = calloc(n + 1, sizeof(*f->v));
	if (!f->v)
		return hvqz_nomem(err, n * sizeof(*f->v), "GGUF files");
	for (size_t i = 0; i < p->n; i++) {
		struct gguf_file *x = &f->v[f->n];
		enum hvqz_ret ret;
		bool is;

		tensor += p->v[i].kind == PIECE_TENSOR;
		x->first = tensor;
		ret = read_head(p, i, x, &is, err);
		if (is && is_plain(x, m)) {
			f->n++;
			continue;
		}
		gguf_free(&x->g);
		*x = (struct gguf_file){0};
		TRY(ret);
	}
	return HVQZ_OK;
}

/* Is it that file, or a part of the set that one is in? */
static bool is_one(const struct gguf_file *x, const char *name)
{
	return x->part.name == name ||
	       (gguf_is_part(&x->part.split) &&
		!gguf_set_cmp(x->part.name, name));
}

/*
 * Of several models none is the own one. A file without tensors does not tell
 * whose it is: it goes with the others of its set, or with none.
 */
static void keep_one(struct gguf_files *f)
{
	const char *model = NULL;
	bool several = false;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct gguf_file *x = &f->v[i];

		if (!x->g.n_infos)
			continue;
		if (model)
			several |= !is_one(x, model);
		model = x->part.name;
	}
	for (size_t i = 0; i < f->n; i++)
		if (model && !several && is_one(&f->v[i], model))
			f->v[n++] = f->v[i];
		else
			gguf_free(&f->v[i].g);
	f->n = n;
}

static enum hvqz_ret check_parts(const struct gguf_files *f,
				 struct hvqz_err *err)
{
	struct gguf_part *v = malloc((f->n + 1) * sizeof(*v));
	enum hvqz_ret ret;

	if (!v)
		return hvqz_nomem(err, f->n * sizeof(*v), "the parts");
	for (size_t i = 0; i < f->n; i++)
		v[i] = f->v[i].part;
	ret = gguf_split_check(v, f->n, err);
	free(v);
	return ret;
}

enum hvqz_ret gguf_files_find(struct gguf_files *f, const struct pieces *p,
			      const struct model *m, struct hvqz_err *err)
{
	TRY(find_plain(f, p, m, err));
	keep_one(f);
	return f->n && gguf_is_part(&f->v->part.split) ? check_parts(f, err)
						       : HVQZ_OK;
}

bool gguf_files_any(const struct model *m)
{
	struct gguf_files f = {0};
	struct hvqz_err why = {0};
	struct pieces p;
	bool any;

	if (!m->head || !format_has_files(m->format))
		return false;
	/* What is wrong with them is for who uses them to tell. */
	if (pieces_from_head(&p, m, &why) == HVQZ_OK)
		gguf_files_find(&f, &p, m, &why);
	any = f.n;
	gguf_files_free(&f);
	pieces_free(&p);
	return any;
}

/* ---- as one ---- */

static bool is_split_key(const struct gguf *g, const struct gguf_pair *p)
{
	return p->key_len > 6 && !memcmp(g->head.p + p->key, "split.", 6);
}

/* The pairs that are kept, to *b; how many they are. */
static uint64_t put_pairs(const struct gguf *g, struct buf *b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->n_pairs; i++) {
		/* A key is behind its length. */
		size_t at = g->pairs[i].key - 8;
		size_t end = i + 1 < g->n_pairs ? g->pairs[i + 1].key - 8
						: g->table;

		if (is_split_key(g, &g->pairs[i]))
			continue;
		buf_put(b, g->head.p + at, end - at);
		n++;
	}
	return n;
}

enum hvqz_ret gguf_files_head(const struct gguf_files *f, struct buf *head,
			      size_t *pad, struct hvqz_err *err)
{
	const struct gguf *first = &f->v[0].g;
	uint64_t n_tensors = 0, end = 0, n_pairs;
	struct buf pairs = {0};
	enum hvqz_ret ret;

	for (size_t i = 0; i < f->n; i++) {
		if (!f->v[i].part.split.no)
			first = &f->v[i].g;
		n_tensors += f->v[i].g.n_infos;
	}
	n_pairs = put_pairs(first, &pairs);
	TRY_OUT(buf_ok(&pairs, err));
	gguf_put_counts(head, first->version, n_tensors, n_pairs);
	buf_put(head, pairs.p, pairs.len);
	for (size_t i = 0; i < f->n; i++) {
		const struct gguf *g = &f->v[i].g;

		for (size_t k = 0; k < g->n_infos; k++)
			gguf_put_info(head, g->head.p + g->infos[k].name,
				      &g->infos[k], first->alignment, &end);
	}
	gguf_put_padding(head, first->alignment);
	ret = buf_ok(head, err);
	*pad = (size_t)(-end & (first->alignment - 1));
out:
	buf_free(&pairs);
	return ret;
}
