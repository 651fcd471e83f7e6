/*
 * torch_read.c - the tensors of a PyTorch file.
 *
 * Such a file is a zip of PREFIX/data.pkl, which describes, and PREFIX/data/N,
 * the storages. A tensor is a view of a storage: first element, shape,
 * strides. Where the views of a storage lie behind each other and fill it they
 * are tensors to us, named by the way to them through the dictionaries
 * ("model.tok_embeddings.weight"). A view whose strides are those of its
 * transpose is taken as that, and named NAME.T. Of several views of the same
 * place the first has it. A storage with any other view, or with none, is
 * bytes; another view is also one with metadata (a conjugate, a negative).
 */
#include "formats/pickle.h"
#include "formats/torch.h"
#include "formats/zip.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum {
	MAX_DEPTH = 40,
	MAX_VISITS = 1 << 22,
	MAX_PREFIX = 1024,
	MAX_KEY = 1024,		/* bytes of a dictionary's key */
	MAX_NAMES = 64 << 20,	/* bytes of all names together */
	/*
	 * Names of tensors, besides one for so many bytes of the pickle: a
	 * dictionary in a dictionary, twice each time, makes millions of few.
	 */
	MANY_VIEWS = 1 << 16,
	BYTES_PER_VIEW = 16,
};

#define ALONE "tensor"

struct view {
	size_t member;
	uint64_t first, n;	/* elements */
	size_t number;		/* in the order of the pickle */
	enum dtype dtype;
	unsigned rank;
	uint64_t dim[TENSOR_MAX_RANK];
	char *name;		/* owned */
	bool is_odd;		/* it cannot be told as a tensor */
};

struct named {
	const char *name;
	size_t member;
};

struct torch {
	struct pickle k;
	struct members *list;
	struct named *by_name;	/* [list->n] */
	char prefix[MAX_PREFIX];
	struct view *views;
	size_t n_views, most_views;
	struct buf path;
	size_t n_nameless;	/* keys on the way that no name can have */
	uint64_t visits;
	uint64_t n_names;	/* bytes */
	struct torch_extras *extras;	/* or NULL: nobody wants them */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name,
		      ((const struct named *)b)->name);
}

static enum hvqz_ret damaged(const struct torch *t, const char *what,
			     struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "the PyTorch file's tensor '%.*s': %s",
			 (int)(t->path.len < 200 ? t->path.len : 200),
			 t->path.p ? (char *)t->path.p : "", what);
}

/* The member that is the storage of that key. */
static bool find_storage(const struct torch *t,
			 const struct pickle_value *key, size_t *member)
{
	char name[MAX_PREFIX + 256];
	struct named want = {.name = name};
	const struct named *found;

	if (key->kind != PICKLE_TEXT || key->n > 200)
		return false;
	snprintf(name, sizeof(name), "%sdata/%.*s", t->prefix, (int)key->n,
		 key->text);
	found = bsearch(&want, t->by_name, t->list->n, sizeof(want),
			compare_names);
	if (!found)
		return false;
	*member = found->member;
	return true;
}

/* A tuple of at most TENSOR_MAX_RANK numbers, none negative. */
static bool take_numbers(const struct pickle *k, uint32_t id, uint64_t *to,
			 unsigned *n)
{
	const struct pickle_value *x = &k->v[id];

	if ((x->kind != PICKLE_TUPLE && x->kind != PICKLE_LIST) ||
	    x->n > TENSOR_MAX_RANK)
		return false;
	for (uint32_t i = 0; i < x->n; i++) {
		const struct pickle_value *v = &k->v[x->item[i]];

		if (v->kind != PICKLE_INT || v->number < 0)
			return false;
		to[i] = (uint64_t)v->number;
	}
	*n = x->n;
	return true;
}

/* Are these the strides of an array with dimension step * i varying slowest? */
static bool is_packed(const struct view *x, const uint64_t *stride,
		      bool turned)
{
	uint64_t want = 1;

	for (unsigned i = 0; i < x->rank; i++) {
		unsigned d = turned ? i : x->rank - 1 - i;

		if (x->dim[d] > 1 && stride[d] != want)
			return false;
		want *= x->dim[d];
	}
	return true;
}

static void turn(struct view *x)
{
	for (unsigned i = 0; i < x->rank / 2; i++) {
		uint64_t d = x->dim[i];

		x->dim[i] = x->dim[x->rank - 1 - i];
		x->dim[x->rank - 1 - i] = d;
	}
}

static enum hvqz_ret name_view(struct torch *t, struct view *x, bool turned,
			       struct hvqz_err *err)
{
	/* No way to it: a tensor saved alone, or under an empty key. */
	const char *name = t->path.len ? (const char *)t->path.p : ALONE;
	size_t n = t->path.len ? t->path.len : strlen(ALONE);

	/* A small pickle can give one tensor a million long names. */
	t->n_names += n;
	if (t->n_names > MAX_NAMES)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "a PyTorch file whose "
				 "tensors' names have over %d bytes",
				 MAX_NAMES);
	x->name = calloc(1, n + 3);
	if (!x->name)
		return hvqz_nomem(err, n, "a name");
	memcpy(x->name, name, n);
	if (turned)
		memcpy(x->name + n, ".T", 2);
	return HVQZ_OK;
}

static enum hvqz_ret add_view(struct torch *t, struct view *x, bool turned,
			      bool odd, struct hvqz_err *err)
{
	if (t->n_views == t->most_views)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "a PyTorch file with "
				 "over %zu names for tensors, too many for "
				 "its pickle", t->most_views);
	if (!(t->n_views & (t->n_views - 1))) {
		size_t n = t->n_views ? 2 * t->n_views : 1;
		struct view *more = realloc(t->views, n * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, n * sizeof(*more), "views");
		t->views = more;
	}
	x->is_odd = odd || t->n_nameless;
	TRY(name_view(t, x, turned && !x->is_odd, err));
	x->number = t->n_views;
	t->views[t->n_views++] = *x;
	return HVQZ_OK;
}

/* "conj" and "neg" say that the numbers mean others than those stored. */
static bool has_metadata(const struct pickle *k, const struct pickle_value *v)
{
	const struct pickle_value *x = v->n > 4 ? &k->v[v->item[4]] : NULL;

	return x && x->kind != PICKLE_NONE &&
	       (x->kind != PICKLE_DICT || x->n);
}

static enum hvqz_ret take_tensor(struct torch *t,
				 const struct pickle_value *v,
				 struct hvqz_err *err)
{
	const struct pickle *k = &t->k;
	const struct pickle_value *storage = &k->v[v->item[0]];
	const struct pickle_value *first = &k->v[v->item[1]];
	const struct pickle_value *n = &k->v[storage->item[3]];
	struct view x = {.n = 1};
	uint64_t stride[TENSOR_MAX_RANK], size, end;
	unsigned n_strides;
	bool packed, turned;

	if (!pickle_storage_dtype(k, storage->item[0], &x.dtype))
		return damaged(t, "a storage of no known type", err);
	if (!find_storage(t, &k->v[storage->item[1]], &x.member))
		return damaged(t, "its storage is not in the file", err);
	if (n->kind != PICKLE_INT || n->number < 0 ||
	    !ckd_mul64(&size, (uint64_t)n->number, dtype_bits(x.dtype) / 8) ||
	    size != t->list->v[x.member].unpacked)
		return damaged(t, "its storage is not as long as it says",
			       err);
	if (first->kind != PICKLE_INT || first->number < 0 ||
	    !take_numbers(k, v->item[2], x.dim, &x.rank) ||
	    !take_numbers(k, v->item[3], stride, &n_strides) ||
	    n_strides != x.rank)
		return damaged(t, "shape or strides are wrong", err);
	x.first = (uint64_t)first->number;
	for (unsigned i = 0; i < x.rank; i++)
		if (!ckd_mul64(&x.n, x.n, x.dim[i]))
			return damaged(t, "its shape overflows", err);
	packed = !x.n || is_packed(&x, stride, false);
	turned = !packed && is_packed(&x, stride, true);
	if ((packed || turned) &&
	    (!ckd_add64(&end, x.first, x.n) || end > (uint64_t)n->number))
		return damaged(t, "it reaches out of its storage", err);
	if (turned)
		turn(&x);
	return add_view(t, &x, turned,
			(!packed && !turned) || has_metadata(k, v), err);
}

/* ---- the walk through the dictionaries ---- */

static enum hvqz_ret walk(struct torch *t, uint32_t id, unsigned depth,
			  struct hvqz_err *err);

/* Can the key be part of a tensor's name? Tensors under others are bytes. */
static bool fits_name(const char *part, size_t n)
{
	const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)part;

	if (n > MAX_KEY || memchr(part, 0, n))
		return false;
	for (size_t i = 0; i < n;) {
		utf8proc_int32_t c;
		utf8proc_ssize_t len = utf8proc_iterate(
			p + i, (utf8proc_ssize_t)(n - i), &c);

		if (len < 1)
			return false;
		i += (size_t)len;
	}
	return true;
}

static enum hvqz_ret walk_into(struct torch *t, const char *part, size_t n,
			       uint32_t id, unsigned depth,
			       struct hvqz_err *err)
{
	size_t len = t->path.len;
	bool fits = fits_name(part, n);

	t->n_nameless += !fits;
	if (fits && len)
		buf_u8(&t->path, '.');
	if (fits)
		buf_put(&t->path, part, n);
	TRY(buf_ok(&t->path, err));
	TRY(walk(t, id, depth + 1, err));
	t->path.len = len;
	t->n_nameless -= !fits;
	return HVQZ_OK;
}

static enum hvqz_ret walk(struct torch *t, uint32_t id, unsigned depth,
			  struct hvqz_err *err)
{
	const struct pickle_value *v = &t->k.v[id];
	bool dict = v->kind == PICKLE_DICT;
	char number[24];

	if (depth > MAX_DEPTH || t->visits++ > MAX_VISITS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "a PyTorch file that "
				 "is nested too deeply, or goes in circles");
	if (v->kind == PICKLE_TENSOR)
		return take_tensor(t, v, err);
	if (!dict && v->kind != PICKLE_LIST && v->kind != PICKLE_TUPLE)
		return HVQZ_OK;
	for (uint32_t i = 0; i < v->n; i += 1 + dict) {
		const struct pickle_value *key = &t->k.v[v->item[i]];

		if (dict && key->kind == PICKLE_TEXT) {
			TRY(walk_into(t, key->text, key->n, v->item[i + 1],
				      depth, err));
			continue;
		}
		snprintf(number, sizeof(number), "%" PRId64,
			 dict && key->kind == PICKLE_INT ? key->number
							 : (int64_t)i);
		TRY(walk_into(t, number, strlen(number), v->item[i + dict],
			      depth, err));
	}
	return HVQZ_OK;
}

/* ---- from views to tensors ---- */

static int compare_views(const void *a, const void *b)
{
	const struct view *x = a, *y = b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* The view is told of by another name only; twin: the tensor, or NULL. */
static enum hvqz_ret add_extra(struct torch *t, struct view *v,
			       const size_t *twin, struct hvqz_err *err)
{
	struct torch_extras *all = t->extras;
	struct torch_extra *x;

	if (!all)
		return HVQZ_OK;
	if (!(all->n & (all->n - 1))) {
		size_t n = all->n ? 2 * all->n : 1;

		x = realloc(all->v, n * sizeof(*x));
		if (!x)
			return hvqz_nomem(err, n * sizeof(*x), "names");
		all->v = x;
	}
	x = &all->v[all->n++];
	*x = (struct torch_extra){.name = v->name, .member = v->member,
				  .tensor = twin ? *twin : 0,
				  .rank = v->rank};
	if (!twin)
		x->why = "it is in a storage that is not filled by plain "
			 "tensors";
	memcpy(x->dim, v->dim, sizeof(x->dim));
	v->name = NULL;
	return HVQZ_OK;
}

/* The views v [n] of one storage: do they fill it? */
static enum hvqz_ret fill(struct member *x, const struct view *v, size_t n,
			  struct hvqz_err *err)
{
	uint64_t at = 0;
	size_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].is_odd || v[i].dtype != v[0].dtype || x->packed)
			goto bytes;
		if (i && v[i].first == v[last].first && v[i].n == v[last].n)
			continue;
		if (v[i].first != at)
			goto bytes;
		TRY(model_add(&x->content, v[i].name, v[i].dtype, v[i].rank,
			      v[i].dim, err));
		at += v[i].n;
		last = i;
	}
	if (x->content.data_size == x->size) {
		x->is_understood = true;
		return HVQZ_OK;
	}
bytes:
	model_free(&x->content);
	return HVQZ_OK;
}

/* The same, and what names go without a tensor of their own. */
static enum hvqz_ret settle(struct torch *t, struct member *x, struct view *v,
			    size_t n, struct hvqz_err *err)
{
	size_t last = 0, tensor = 0;

	TRY(fill(x, v, n, err));
	for (size_t i = 0; i < n; i++) {
		bool again = i && v[i].first == v[last].first &&
			     v[i].n == v[last].n;

		if (!x->is_understood)
			TRY(add_extra(t, &v[i], NULL, err));
		else if (again)
			TRY(add_extra(t, &v[i], &tensor, err));
		if (again)
			continue;
		tensor += i > 0;
		last = i;
	}
	return HVQZ_OK;
}

static enum hvqz_ret settle_all(struct torch *t, struct hvqz_err *err)
{
	size_t from = 0;

	if (t->n_views)
		qsort(t->views, t->n_views, sizeof(*t->views), compare_views);
	for (size_t i = 1; i <= t->n_views; i++) {
		if (i < t->n_views &&
		    t->views[i].member == t->views[from].member)
			continue;
		TRY(settle(t, &t->list->v[t->views[from].member],
			   t->views + from, i - from, err));
		from = i;
	}
	return HVQZ_OK;
}

static enum hvqz_ret load(struct source *src, uint64_t start,
			  const struct member *x, uint64_t most, uint8_t **p,
			  struct hvqz_err *err)
{
	if (x->packed || x->size > most)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "member '%.200s' of "
				 "the PyTorch file is compressed, or over %"
				 PRIu64 " bytes", x->name, most);
	TRY(source_seek(src, start + x->off, err));
	return source_load(src, x->size, x->name, p, err);
}

static const struct member *find_pickle(const struct members *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *name = list->v[i].name;
		size_t n = strlen(name);

		if (!strcmp(name, "data.pkl") ||
		    (n > 9 && n < MAX_PREFIX &&
		     !strcmp(name + n - 9, "/data.pkl")))
			return &list->v[i];
	}
	return NULL;
}

/* "little" is what we read; old files do not say. */
static enum hvqz_ret check_order(struct torch *t, struct source *src,
				 uint64_t start, struct hvqz_err *err)
{
	char name[MAX_PREFIX + 16];
	struct named want = {.name = name};
	const struct named *found;
	bool big;
	uint8_t *p;

	snprintf(name, sizeof(name), "%sbyteorder", t->prefix);
	found = bsearch(&want, t->by_name, t->list->n, sizeof(want),
			compare_names);
	if (!found)
		return HVQZ_OK;
	TRY(load(src, start, &t->list->v[found->member], 64, &p, err));
	big = t->list->v[found->member].size >= 3 && !memcmp(p, "big", 3);
	free(p);
	return big ? hvqz_fail(err, HVQZ_UNSUPPORTED,
			       "a PyTorch file of big-endian numbers")
		   : HVQZ_OK;
}

static enum hvqz_ret read_views(struct torch *t, struct source *src,
				uint64_t start, const struct member *pkl,
				struct hvqz_err *err)
{
	enum hvqz_ret ret;
	uint8_t *p;

	TRY(check_order(t, src, start, err));
	TRY(load(src, start, pkl, PICKLE_MAX, &p, err));
	TRY_OUT(pickle_parse(p, (size_t)pkl->size, &t->k, err));
	t->most_views = MANY_VIEWS + (size_t)pkl->size / BYTES_PER_VIEW;
	TRY_OUT(walk(t, t->k.root, 0, err));
	if (t->extras)
		t->extras->n_views = t->n_views;
	ret = settle_all(t, err);
out:
	pickle_free(&t->k);
	free(p);
	return ret;
}

enum hvqz_ret torch_look(struct source *src, uint64_t start,
			 struct members *list, bool *is_torch,
			 struct torch_extras *x, struct hvqz_err *err)
{
	const struct member *pkl = find_pickle(list);
	struct torch t = {.list = list, .extras = x};
	enum hvqz_ret ret;

	*is_torch = pkl;
	if (!pkl)
		return HVQZ_OK;
	memcpy(t.prefix, pkl->name, strlen(pkl->name) - strlen("data.pkl"));
	t.by_name = malloc(list->n * sizeof(*t.by_name));
	if (!t.by_name)
		return hvqz_nomem(err, list->n * sizeof(*t.by_name), "names");
	for (size_t i = 0; i < list->n; i++)
		t.by_name[i] = (struct named){list->v[i].name, i};
	qsort(t.by_name, list->n, sizeof(*t.by_name), compare_names);
	ret = read_views(&t, src, start, pkl, err);
	for (size_t i = 0; i < t.n_views; i++)
		free(t.views[i].name);
	free(t.views);
	free(t.by_name);
	buf_free(&t.path);
	return ret;
}

enum hvqz_ret torch_members(struct source *src, uint64_t start,
			    struct members *list, bool *is_torch,
			    struct hvqz_err *err)
{
	return torch_look(src, start, list, is_torch, NULL, err);
}
