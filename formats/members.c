/*
 * members.c - what is in the files of a source.
 *
 * First every member is looked into, then the pieces are laid out, so that all
 * that is refused is refused before the first tensor is read.
 */
#include "formats/members_internal.h"

#include "base/bytes.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include "formats/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL = 8 << 20,	/* members up to here are kept in the head, */
	SMALL_TEXT = 32 << 20,	/* or up to here if they are text, */
	ENOUGH = 48 << 20,	/* until they are so many bytes; then only */
	TINY = 64 << 10,	/* these are */
};

struct job {
	struct members *list;
	struct source *src;
	uint64_t start;
	size_t root;		/* length of the folder's name all are in */
	const struct member *index;
	struct shards shards;
	bool has_single;	/* a model.safetensors */
	uint64_t n_small;	/* bytes of members for the head */
};

void members_free(struct members *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
		model_free(&list->v[i].content);
	}
	free(list->v);
	*list = (struct members){0};
}

enum hvqz_ret members_add(struct members *list, const char *name,
			  uint64_t off, uint64_t size, struct member **added,
			  struct hvqz_err *err)
{
	const char *fault = member_name_fault(name);
	struct member *v;

	if (fault)
		return hvqz_fail(err, HVQZ_DAMAGED, "member '%.200s': %s",
				 name, fault);
	if (list->n >= MEMBERS_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "more than %d files in it", MEMBERS_MAX);
	if (!(list->n & (list->n - 1))) {
		size_t n = list->n ? 2 * list->n : 1;

		v = realloc(list->v, n * sizeof(*v));
		if (!v)
			return hvqz_nomem(err, n * sizeof(*v), "the members");
		list->v = v;
	}
	v = &list->v[list->n];
	*v = (struct member){.off = off, .size = size, .name = strdup(name)};
	if (!v->name)
		return hvqz_nomem(err, strlen(name), "a member's name");
	list->n++;
	if (added)
		*added = v;
	return HVQZ_OK;
}

/* The error so far is about this member: say so. */
static enum hvqz_ret about(const struct member *x, enum hvqz_ret ret,
			   struct hvqz_err *err)
{
	char msg[sizeof(err->msg)];

	if (ret == HVQZ_OK || ret == HVQZ_STOPPED || !err)
		return ret;
	snprintf(msg, sizeof(msg), "in %.200s: %.380s", x->name, err->msg);
	memcpy(err->msg, msg, sizeof(msg));
	return ret;
}

/* ---- where the model's own files are ---- */

/* The length of the leading folders, slashes and all, that all share. */
static size_t find_root(const struct members *list)
{
	const char *first = list->n ? list->v[0].name : "";
	size_t root = 0;

	for (size_t i = 0; first[i]; i++)
		if (first[i] == '/')
			root = i + 1;
	for (size_t i = 1; i < list->n && root; i++)
		while (root && strncmp(first, list->v[i].name, root))
			for (root--; root && first[root - 1] != '/';)
				root--;
	return root;
}

static const char *inner_name(const struct job *j, const struct member *x)
{
	return x->name + j->root;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Where in the index's list the name is, or NULL. */
static char **find_listed(const struct job *j, const char *name)
{
	return j->shards.n ? bsearch(&name, j->shards.name, j->shards.n,
				     sizeof(*j->shards.name), compare_texts)
			   : NULL;
}

static const struct member *find_inner(const struct job *j, const char *name)
{
	for (size_t i = 0; i < j->list->n; i++)
		if (!strcmp(inner_name(j, &j->list->v[i]), name))
			return &j->list->v[i];
	return NULL;
}

/* Do the tensors of this member have their plain names? */
static bool is_own(const struct job *j, const struct member *x)
{
	const char *name = inner_name(j, x);

	if (j->index)
		return find_listed(j, name);
	if (strchr(name, '/'))
		return false;
	return !j->has_single || !strcmp(name, "model.safetensors");
}

static enum hvqz_ret seek(const struct job *j, uint64_t off,
			  struct hvqz_err *err)
{
	return pieces_seek(j->src, j->start + off, err);
}

/* I3: the index and the files agree. */
static enum hvqz_ret check_shards(const struct job *j, struct hvqz_err *err)
{
	bool *there = calloc(j->shards.n + 1, sizeof(*there));
	enum hvqz_ret ret = HVQZ_OK;

	if (!there)
		return hvqz_nomem(err, j->shards.n, "the shards");
	for (size_t i = 0; i < j->list->n && ret == HVQZ_OK; i++) {
		const char *name = inner_name(j, &j->list->v[i]);
		char **listed = find_listed(j, name);

		if (listed)
			there[listed - j->shards.name] = true;
		else if (!strncmp(name, "model-", 6) &&
			 strstr(name, "-of-") &&
			 ends_with(name, ".safetensors"))
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"'%.200s' looks like a part of the "
					"model, but %.200s does not list it",
					name, j->index->name);
	}
	for (size_t i = 0; i < j->shards.n && ret == HVQZ_OK; i++)
		if (!there[i])
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"%.200s lists '%.200s', which is not "
					"there", j->index->name,
					j->shards.name[i]);
	free(there);
	return ret;
}

static enum hvqz_ret read_index(struct job *j, struct hvqz_err *err)
{
	const struct member *x = find_inner(j, SHARDS_INDEX);
	enum hvqz_ret ret;
	uint8_t *p;

	if (!x || x->packed)
		return HVQZ_OK;
	if (x->size > SHARDS_MAX_INDEX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "%.200s has %" PRIu64
				 " bytes; the most is %d", x->name, x->size,
				 SHARDS_MAX_INDEX);
	j->index = x;
	TRY(seek(j, x->off, err));
	TRY(about(x, source_load(j->src, x->size, "the index", &p, err),
		  err));
	ret = about(x, shards_parse(p, (size_t)x->size, &j->shards, err),
		    err);
	free(p);
	TRY(ret);
	return check_shards(j, err);
}

/* ---- what a member is ---- */

static enum hvqz_ret load_safetensors(const struct job *j, struct member *x,
				      struct hvqz_err *err)
{
	const uint8_t *p;
	enum hvqz_ret ret;
	uint64_t json_len;
	uint8_t *head;
	size_t avail;

	TRY(source_ahead(j->src, 64, &p, &avail, err));
	if (avail > x->size)
		avail = (size_t)x->size;
	if (avail >= 23 && !memcmp(p, "version https://git-lfs", 23))
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "this is a git-LFS "
				 "pointer, not the model it stands for (fetch "
				 "it with \"git lfs pull\")");
	if (avail < SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED, "truncated: %zu bytes",
				 avail);
	json_len = get_le64(p);
	if (json_len > SAFETENSORS_MAX_JSON ||
	    json_len > x->size - SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a header of %" PRIu64 " bytes in a file of "
				 "%" PRIu64 "; the most is %d", json_len,
				 x->size, SAFETENSORS_MAX_JSON);
	x->content_at = SAFETENSORS_LEN + json_len;
	TRY(source_load(j->src, x->content_at, "the header", &head, err));
	ret = safetensors_parse(head, (size_t)x->content_at, &x->content,
				NULL, err);
	free(head);
	TRY(ret);
	if (x->content.data_size != x->size - x->content_at)
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: %" PRIu64
				 " bytes of data, %" PRIu64 " are to be there",
				 x->content.data_size < x->size - x->content_at
					 ? "bytes after the data"
					 : "truncated",
				 x->size - x->content_at,
				 x->content.data_size);
	x->is_understood = true;
	return HVQZ_OK;
}

/* A NumPy array; one that is not a tensor, or damaged, is left as it is. */
static enum hvqz_ret load_npy(const struct job *j, struct member *x,
			      struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	struct npy npy = {0};
	enum hvqz_ret ret;
	const uint8_t *p;
	size_t avail, head_len;
	char *name, *dot;

	TRY(source_ahead(j->src, 12, &p, &avail, err));
	if (avail > x->size)
		avail = (size_t)x->size;
	if (!npy_bid(p, avail) ||
	    npy_head_len(p, avail, &head_len, &why) != HVQZ_OK ||
	    head_len > x->size)
		return HVQZ_OK;
	TRY(source_ahead(j->src, head_len, &p, &avail, err));
	if (avail < head_len ||
	    npy_parse(p, head_len, &npy, &why) != HVQZ_OK || !npy.is_tensor)
		return HVQZ_OK;
	name = malloc(strlen(inner_name(j, x)) + 8);
	if (!name)
		return hvqz_nomem(err, strlen(x->name), "a tensor's name");
	strcpy(name, inner_name(j, x));
	dot = ends_with(name, ".npy") ? name + strlen(name) - 4
				      : name + strlen(name);
	strcpy(dot, npy.is_turned ? ".T" : "");
	ret = *name ? model_add(&x->content, name, npy.dtype, npy.rank,
				npy.dim, err)
		    : HVQZ_OK;
	free(name);
	TRY(ret);
	x->content_at = npy.head_len;
	x->is_understood = x->content.data_size == x->size - x->content_at &&
			   x->content.n_tensors;
	if (!x->is_understood)
		model_free(&x->content);
	return HVQZ_OK;
}

/* Does the member begin like a text (tokenizer.json), which packs well? */
static enum hvqz_ret begins_as_text(const struct job *j,
				    const struct member *x, bool *is,
				    struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	*is = false;
	if (x->packed || x->size <= SMALL || x->size > SMALL_TEXT)
		return HVQZ_OK;
	TRY(seek(j, x->off, err));
	TRY(source_ahead(j->src, 4096, &p, &avail, err));
	*is = true;
	for (size_t i = 0; i < avail && i < 4096; i++)
		*is &= p[i] >= ' ' || p[i] == '\n' || p[i] == '\t' ||
		       p[i] == '\r';
	return HVQZ_OK;
}

/* Small enough for the head, or else a tensor of bytes. */
static enum hvqz_ret keep_whole(struct job *j, struct member *x,
				struct hvqz_err *err)
{
	uint64_t dim = x->size;
	bool is_text;

	TRY(begins_as_text(j, x, &is_text, err));
	x->content_at = x->size;
	if (x->size <= TINY || ((x->size <= SMALL || is_text) &&
				x->size <= ENOUGH - j->n_small)) {
		j->n_small += x->size < ENOUGH - j->n_small
				      ? x->size : ENOUGH - j->n_small;
		return HVQZ_OK;
	}
	x->content_at = 0;
	return model_add(&x->content, inner_name(j, x), DTYPE_U8, 1, &dim,
			 err);
}

/* PATH/ before the names of tensors that are not the model's own. */
static enum hvqz_ret prefix(const struct job *j, struct member *x,
			    struct hvqz_err *err)
{
	const char *path = inner_name(j, x);

	for (size_t i = 0; i < x->content.n_tensors; i++) {
		struct tensor *t = &x->content.tensors[i];
		size_t len = strlen(path) + strlen(t->name) + 2;
		char *name;

		if (len > TENSOR_MAX_NAME)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "a tensor's name of %zu bytes with "
					 "its path", len);
		name = malloc(len);
		if (!name)
			return hvqz_nomem(err, len, "a tensor's name");
		stpcpy(stpcpy(stpcpy(name, path), "/"), t->name);
		free(t->name);
		t->name = name;
	}
	return HVQZ_OK;
}

static enum hvqz_ret look(struct job *j, struct member *x,
			  struct hvqz_err *err)
{
	if (x->is_understood)
		return HVQZ_OK;
	if (!x->packed && x->size) {
		TRY(seek(j, x->off, err));
		if (ends_with(x->name, ".safetensors")) {
			TRY(load_safetensors(j, x, err));
			if (!is_own(j, x))
				TRY(prefix(j, x, err));
		} else {
			TRY(load_npy(j, x, err));
		}
	}
	return x->is_understood ? HVQZ_OK : keep_whole(j, x, err);
}

/* ---- the pieces ---- */

static enum hvqz_ret lay_member(struct job *j, const struct member *x,
				struct pieces *p, struct model *m,
				struct hvqz_err *err)
{
	struct piece like = {
		.kind = x->packed ? PIECE_PACKED : PIECE_MEMBER,
		.len = x->size, .method = x->method, .crc = x->crc,
		.unpacked = x->unpacked, .summed = x->summed,
	};

	TRY(pieces_member(p, x->name, &like, err));
	if (x->content_at)
		TRY(seek(j, x->off, err));
	TRY(pieces_load(p, j->src, x->content_at, err));
	for (size_t i = 0; i < x->content.n_tensors; i++) {
		const struct tensor *t = &x->content.tensors[i];

		TRY(model_add(m, t->name, t->dtype, t->rank, t->dim, err));
		TRY(pieces_tensor(p, t->size, err));
	}
	return HVQZ_OK;
}

static enum hvqz_ret lay_gap(struct job *j, uint64_t from, uint64_t to,
			     struct pieces *p, struct hvqz_err *err)
{
	if (from == to)
		return HVQZ_OK;
	TRY(seek(j, from, err));
	return pieces_load(p, j->src, to - from, err);
}

static enum hvqz_ret lay_out(struct job *j, uint64_t size, struct pieces *p,
			     struct model *m, struct hvqz_err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < j->list->n; i++) {
		const struct member *x = &j->list->v[i];

		TRY(lay_gap(j, at, x->off, p, err));
		TRY(about(x, lay_member(j, x, p, m, err), err));
		at = x->off + x->size;
	}
	return lay_gap(j, at, size, p, err);
}

static int by_place(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

static enum hvqz_ret check_places(struct members *list, uint64_t size,
				  struct hvqz_err *err)
{
	uint64_t at = 0;

	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), by_place);
	for (size_t i = 0; i < list->n; i++) {
		const struct member *x = &list->v[i];

		if (x->off < at)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "member '%.200s' overlaps another "
					 "one", x->name);
		if (x->off > size || x->size > size - x->off)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "truncated: member '%.200s' needs "
					 "bytes up to %" PRIu64
					 ", the input has %" PRIu64, x->name,
					 x->off + x->size, size);
		at = x->off + x->size;
	}
	return HVQZ_OK;
}

static enum hvqz_ret check_any(const struct members *list,
			       struct hvqz_err *err)
{
	size_t n_packed = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].is_understood)
			return HVQZ_OK;
		n_packed += list->v[i].packed;
	}
	if (n_packed)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "no model in it: %zu of %zu files are "
				 "compressed by the archive, and only stored "
				 "ones are looked into", n_packed, list->n);
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "no model in it: none of %zu files is a safetensors "
			 "file or a NumPy array", list->n);
}

enum hvqz_ret members_read(struct members *list, struct source *src,
			   uint64_t start, uint64_t size, const char *format,
			   struct model *m, void **state,
			   struct hvqz_err *err)
{
	struct job j = {.list = list, .src = src, .start = start};
	struct pieces p = {0};
	enum hvqz_ret ret;
	bool is_npz;

	TRY_OUT(check_places(list, size, err));
	is_npz = !strcmp(format, "npz");
	j.root = is_npz ? 0 : find_root(list);
	j.has_single = find_inner(&j, "model.safetensors");
	TRY_OUT(read_index(&j, err));
	for (size_t i = 0; i < list->n; i++)
		TRY_OUT(about(&list->v[i], look(&j, &list->v[i], err), err));
	TRY_OUT(check_any(list, err));
	if (is_npz)
		TRY_OUT(members_number_twins(list, err));
	TRY_OUT(lay_out(&j, size, &p, m, err));
	TRY_OUT(members_check_names(list, m, err));
	TRY_OUT(pieces_to_head(&p, format, m, err));
	ret = pieces_reader(&p, m, src, start, state, err);
out:
	shards_free(&j.shards);
	pieces_free(&p);
	return ret;
}
