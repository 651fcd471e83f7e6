/*
 * members_gguf.c - GGUF files among the files of a source: whole models, and
 * models split into several, whose parts have to be there all.
 *
 * Which of them are the model's own: members.h.
 */
#include "formats/members_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Heads of models that are not the model's own, as far as all are literals. */
enum { MAX_HEADS = 64 << 20 };

/* ---- one file ---- */

/* A member as a source of its own: its end is the end. */
struct window {
	struct source *src;
	uint64_t left;
};

static enum hvqz_ret window_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct window *w = ctx;

	TRY(source_read(w->src, buf, w->left < n ? (size_t)w->left : n, got,
			err));
	w->left -= *got;
	return HVQZ_OK;
}

static enum hvqz_ret read_head(const struct members_job *j,
			       const struct member *x, struct gguf *g,
			       struct hvqz_err *err)
{
	static const struct source_ops ops = {window_read, NULL};
	struct window w = {j->src, x->size};
	struct source src;
	enum hvqz_ret ret;

	source_init(&src, &ops, &w, x->size);
	ret = gguf_read_head(&src, g, err);
	source_free(&src);
	return ret;
}

/* Q15, but that all padding is zeros, which is seen when it is kept. */
static enum hvqz_ret check_size(const struct member *x, const struct gguf *g,
				struct hvqz_err *err)
{
	uint64_t has = x->size - g->head.len;

	if (has < g->data_size)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: the data has %" PRIu64 " of %"
				 PRIu64 " bytes", has, g->data_size);
	if (has > g->data_size + g->pad)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64 " bytes after the data, which may "
				 "be padded with up to %zu",
				 has - g->data_size, g->pad);
	return HVQZ_OK;
}

/* Sums of an activation's squares are no weights, and stay what they are. */
static bool is_imatrix(const struct gguf *g)
{
	const struct gguf_pair *p = gguf_find(g, "general.type");
	struct span s;

	if (!p || p->type != GGUF_STRING)
		return false;
	s = gguf_string(g, p);
	return span_is(&s, "imatrix");
}

static enum hvqz_ret load(const struct members_job *j, struct member *x,
			  struct gguf *g, struct hvqz_err *err)
{
	TRY(read_head(j, x, g, err));
	TRY(gguf_split_of(g, &x->split, err));
	TRY(check_size(x, g, err));
	if (is_imatrix(g))
		return HVQZ_OK;
	TRY(gguf_table(g, &x->content, err));
	x->content_at = g->head.len;
	x->is_gguf = x->is_understood = true;
	return HVQZ_OK;
}

/*
 * Many GGUF files are bytes in the end, but which is known when all were seen.
 * No more tables are held than there is room for heads; settle() reads those
 * it wants again.
 */
static void hold(struct members_job *j, struct member *x)
{
	x->is_late = members_count(&j->n_heads, x->content_at, "", NULL) !=
		     HVQZ_OK;
	if (x->is_late)
		model_free(&x->content);
}

static enum hvqz_ret load_again(const struct members_job *j, struct member *x,
				struct hvqz_err *err)
{
	struct gguf g = {0};
	enum hvqz_ret ret;

	if (!x->is_late)
		return HVQZ_OK;
	TRY(members_seek(j, x->off, err));
	ret = load(j, x, &g, err);
	gguf_free(&g);
	return ret;
}

enum hvqz_ret members_load_gguf(struct members_job *j, struct member *x,
				struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	struct gguf g = {0};
	const uint8_t *p;
	enum hvqz_ret ret;
	size_t avail;

	TRY(source_ahead(j->src, 4, &p, &avail, err));
	if (x->size < 4 || avail < 4 || memcmp(p, "GGUF", 4))
		return HVQZ_OK;
	ret = load(j, x, &g, &why);
	gguf_free(&g);
	if (ret != HVQZ_OK && ret != HVQZ_UNSUPPORTED) {
		if (err)
			*err = why;
		return ret;
	}
	if (ret == HVQZ_UNSUPPORTED) {
		model_free(&x->content);
		members_about(x, ret, &why);
		if (!j->not_read) {
			j->not_read = x;
			j->why = why;
		}
	}
	if (!x->is_gguf)
		return members_seek(j, x->off, err);
	hold(j, x);
	return HVQZ_OK;
}

/* ---- all of them ---- */

static int by_set(const void *a, const void *b)
{
	const struct gguf_part *x = a, *y = b;

	return gguf_set_cmp(x->name, y->name);
}

static bool is_inner(const struct members_job *j, const struct member *x)
{
	return !strchr(member_inner(j, x), '/');
}

/* What is found of the model's own files: those in the outermost folder. */
struct owner {
	size_t n_sets, n_whole;
	const char *set;	/* a file of one of the sets */
};

/* A part that is not read is not one that is not there. */
static enum hvqz_ret check_set(const struct members_job *j,
			       struct gguf_part *v, size_t n,
			       struct hvqz_err *err)
{
	if (!j->not_read ||
	    gguf_set_cmp(member_inner(j, j->not_read), v->name))
		return gguf_split_check(v, n, err);
	if (err)
		*err = j->why;
	return j->why.ret;
}

/* Q16: every set of parts is complete. */
static enum hvqz_ret check_sets(const struct members_job *j,
				struct owner *own, struct hvqz_err *err)
{
	const struct members *list = j->list;
	struct gguf_part *v = malloc((list->n + 1) * sizeof(*v));
	enum hvqz_ret ret = HVQZ_OK;
	size_t n = 0;

	if (!v)
		return hvqz_nomem(err, list->n * sizeof(*v), "the parts");
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].is_gguf && gguf_is_part(&list->v[i].split))
			v[n++] = (struct gguf_part){
				member_inner(j, &list->v[i]),
				list->v[i].split};
	qsort(v, n, sizeof(*v), by_set);
	for (size_t i = 0, end; i < n && ret == HVQZ_OK; i = end) {
		for (end = i + 1; end < n && !by_set(&v[i], &v[end]);)
			end++;
		if (!strchr(v[i].name, '/')) {
			own->n_sets++;
			own->set = v[i].name;
		}
		ret = check_set(j, v + i, end - i, err);
	}
	free(v);
	return ret;
}

/* Is the model in safetensors files? Then a GGUF is something else. */
static bool has_safetensors(const struct members_job *j)
{
	bool has = j->index;

	for (size_t i = 0; i < j->list->n && !has; i++)
		has = is_inner(j, &j->list->v[i]) &&
		      member_ends_with(j->list->v[i].name, ".safetensors");
	return has;
}

static bool is_own(const struct members_job *j, const struct member *x,
		   const struct owner *own)
{
	if (!is_inner(j, x))
		return false;
	if (own->n_sets)
		return own->n_sets == 1 && gguf_is_part(&x->split) &&
		       !gguf_set_cmp(own->set, member_inner(j, x));
	return own->n_whole == 1;
}

/* Bytes of the heads that stay heads: of the model's own files, and others. */
struct heads {
	uint64_t all, others;
};

static enum hvqz_ret settle(struct members_job *j, struct member *x, bool own,
			    struct heads *kept, struct hvqz_err *err)
{
	if (!own && x->content_at > MAX_HEADS - kept->others) {
		model_free(&x->content);
		x->is_gguf = x->is_understood = false;
		return members_keep_whole(j, x, err);
	}
	TRY(members_count(&kept->all, x->content_at, "a head", err));
	TRY(load_again(j, x, err));
	if (own)
		return HVQZ_OK;
	kept->others += x->content_at;
	return members_prefix(j, x, err);
}

enum hvqz_ret members_settle_gguf(struct members_job *j, struct hvqz_err *err)
{
	bool none = has_safetensors(j);
	struct owner own = {0};
	struct heads kept = {0};

	TRY(check_sets(j, &own, err));
	for (size_t i = 0; i < j->list->n; i++) {
		const struct member *x = &j->list->v[i];

		own.n_whole += x->is_gguf && is_inner(j, x) &&
			       !gguf_is_part(&x->split);
	}
	for (size_t i = 0; i < j->list->n; i++) {
		struct member *x = &j->list->v[i];

		if (x->is_gguf)
			TRY(members_about(x, settle(j, x, !none &&
						    is_own(j, x, &own),
						    &kept, err), err));
	}
	return HVQZ_OK;
}
