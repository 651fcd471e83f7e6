/*
 * members.c - what is in the files of a source.
 *
 * First every member is looked into, then the pieces are laid out, so that all
 * that is refused is refused before the first tensor is read.
 */
#include "formats/members_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
	*v = (struct member){.off = off, .size = size, .number = list->n,
			     .name = strdup(name)};
	if (!v->name)
		return hvqz_nomem(err, strlen(name), "a member's name");
	list->n++;
	if (added)
		*added = v;
	return HVQZ_OK;
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

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Where in the index's list the name is, or NULL. */
static char **find_listed(const struct members_job *j, const char *name)
{
	return j->shards.n ? bsearch(&name, j->shards.name, j->shards.n,
				     sizeof(*j->shards.name), compare_texts)
			   : NULL;
}

/* The last of that name: an archive that was appended to means that one. */
static const struct member *find_inner(const struct members_job *j,
				       const char *name)
{
	for (size_t i = j->list->n; i--;)
		if (!strcmp(member_inner(j, &j->list->v[i]), name))
			return &j->list->v[i];
	return NULL;
}

bool members_own(const struct members_job *j, const struct member *x)
{
	const char *name = member_inner(j, x);

	if (j->index)
		return find_listed(j, name);
	if (strchr(name, '/'))
		return false;
	return !j->has_single || !strcmp(name, "model.safetensors");
}

/* I3: the index and the files agree. */
static enum hvqz_ret check_shards(const struct members_job *j,
				  struct hvqz_err *err)
{
	bool *there = calloc(j->shards.n + 1, sizeof(*there));
	enum hvqz_ret ret = HVQZ_OK;

	if (!there)
		return hvqz_nomem(err, j->shards.n, "the shards");
	for (size_t i = 0; i < j->list->n && ret == HVQZ_OK; i++) {
		const char *name = member_inner(j, &j->list->v[i]);
		char **listed = find_listed(j, name);

		if (listed)
			there[listed - j->shards.name] = true;
		else if (!strncmp(name, "model-", 6) &&
			 strstr(name, "-of-") &&
			 member_ends_with(name, ".safetensors"))
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

static enum hvqz_ret read_index(struct members_job *j, struct hvqz_err *err)
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
	TRY(members_seek(j, x->off, err));
	TRY(members_about(x, source_load(j->src, x->size, "the index", &p,
					 err), err));
	ret = members_about(x, shards_parse(p, (size_t)x->size, &j->shards,
					    err), err);
	free(p);
	TRY(ret);
	return check_shards(j, err);
}

/* ---- the pieces ---- */

static enum hvqz_ret lay_gap(struct members_job *j, uint64_t from, uint64_t to,
			     struct pieces *p, struct hvqz_err *err)
{
	if (from == to)
		return HVQZ_OK;
	TRY(members_seek(j, from, err));
	return pieces_load(p, j->src, to - from, err);
}

/*
 * What lies between tensors, before t or (NULL) behind the last, is padding:
 * as rule Q15 of formats/gguf.md has it, since only GGUF has any.
 */
static enum hvqz_ret lay_padding(struct members_job *j, uint64_t from,
				 uint64_t to, const struct tensor *t,
				 struct pieces *p, struct hvqz_err *err)
{
	size_t first = p->literals.len;

	TRY(lay_gap(j, from, to, p, err));
	for (size_t i = first; i < p->literals.len; i++)
		if (p->literals.p[i])
			return hvqz_fail_tensor(err, HVQZ_DAMAGED,
						t ? t->name : NULL,
						"a byte of the padding %s, "
						"%zu of %zu, is not 0",
						t ? "before it"
						  : "behind the last tensor",
						i - first + 1,
						p->literals.len - first);
	return HVQZ_OK;
}

static enum hvqz_ret lay_member(struct members_job *j, const struct member *x,
				struct pieces *p, struct model *m,
				struct hvqz_err *err)
{
	struct piece like = {
		.kind = x->packed ? PIECE_PACKED : PIECE_MEMBER,
		.len = x->size, .method = x->method, .crc = x->crc,
		.unpacked = x->unpacked, .summed = x->summed,
	};
	uint64_t at = x->off + x->content_at;

	TRY(pieces_member(p, x->name, &like, err));
	TRY(lay_gap(j, x->off, at, p, err));
	for (size_t i = 0; i < x->content.n_tensors; i++) {
		const struct tensor *t = &x->content.tensors[i];
		uint64_t place = x->off + x->content_at + t->off + t->skew;

		TRY(lay_padding(j, at, place, t, p, err));
		TRY(model_add(m, t->name, t->dtype, t->rank, t->dim, err));
		TRY(pieces_tensor(p, t->size, err));
		at = place + t->size;
	}
	return lay_padding(j, at, x->off + x->size, NULL, p, err);
}

static enum hvqz_ret lay_out(struct members_job *j, uint64_t size,
			     struct pieces *p, struct model *m,
			     struct hvqz_err *err)
{
	uint64_t at = 0;

	for (size_t i = 0; i < j->list->n; i++) {
		const struct member *x = &j->list->v[i];

		TRY(lay_gap(j, at, x->off, p, err));
		TRY(members_about(x, lay_member(j, x, p, m, err), err));
		at = x->off + x->size;
	}
	return lay_gap(j, at, size, p, err);
}

static int by_place(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	/* Empty files share a place; qsort may do with them what it likes. */
	return x->number < y->number ? -1 : x->number > y->number;
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

/* A file with a name as PyTorch's have it, or NULL. */
static const char *find_torch(const struct members *list)
{
	static const char *const ends[] = {".bin", ".pt", ".pth"};

	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; k < sizeof(ends) / sizeof(*ends); k++)
			if (member_ends_with(list->v[i].name, ends[k]))
				return list->v[i].name;
	return NULL;
}

/*
 * PyTorch files, whose pickle was read, and NPZ files, if all in them are
 * arrays, are models even when not one of their tensors is one to us (C7).
 */
static bool is_model(const struct members *list, const char *format)
{
	size_t n_packed = 0, n_arrays = 0;

	for (size_t i = 0; i < list->n; i++) {
		n_packed += list->v[i].packed;
		n_arrays += list->v[i].is_array;
	}
	if (!strcmp(format, "torch"))
		return !n_packed;
	return !strcmp(format, "npz") && n_arrays == list->n;
}

static enum hvqz_ret check_any(const struct members_job *j,
			       const char *format, struct hvqz_err *err)
{
	const struct members *list = j->list;
	const char *torch;
	size_t n_packed = 0;

	if (is_model(list, format))
		return HVQZ_OK;
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].is_understood)
			return HVQZ_OK;
		n_packed += list->v[i].packed;
	}
	/* Of a GGUF that was left as it is, why. */
	if (j->not_read) {
		if (err)
			*err = j->why;
		return j->why.ret;
	}
	if (n_packed)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "no model in it: %zu of %zu files are "
				 "compressed by the archive, and only stored "
				 "ones are looked into", n_packed, list->n);
	torch = find_torch(list);
	if (torch)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "no model in it: %.200s may be a PyTorch "
				 "file, which is read by itself only", torch);
	if (!list->n)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "no model in it: there are no files in it");
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "no model in it: none of %zu files is a safetensors "
			 "or GGUF file or a NumPy array of a type that a "
			 "tensor has", list->n);
}

enum hvqz_ret members_read(struct members *list, struct source *src,
			   uint64_t start, uint64_t size, const char *format,
			   struct model *m, void **state,
			   struct hvqz_err *err)
{
	struct members_job j = {.list = list, .src = src, .start = start};
	struct pieces p = {0};
	enum hvqz_ret ret;
	bool is_npz = !strcmp(format, "npz");

	TRY_OUT(check_places(list, size, err));
	j.root = is_npz ? 0 : find_root(list);
	j.has_single = find_inner(&j, "model.safetensors");
	TRY_OUT(read_index(&j, err));
	for (size_t i = 0; i < list->n; i++)
		TRY_OUT(members_about(&list->v[i],
				      members_look(&j, &list->v[i], err),
				      err));
	TRY_OUT(members_settle_gguf(&j, err));
	TRY_OUT(check_any(&j, format, err));
	if (is_npz || !strcmp(format, "torch"))
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
