/*
 * shards.c - model.safetensors.index.json, of which one member matters.
 *
 * It is walked as a safetensors header is (safetensors_json.c says why): whole
 * in jansson's hands, 16 MiB of `[],` would be half a gigabyte.
 */
#include "formats/shards.h"

#include "formats/safetensors_json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_DEPTH = 16,
	MAX_OTHER = 1 << 20,	/* bytes of a value we do not need */
};

void shards_free(struct shards *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->name[i]);
	for (size_t i = 0; i < s->n_tensors; i++)
		free(s->tensor[i]);
	free(s->name);
	free(s->tensor);
	*s = (struct shards){0};
}

/* Can the name of a shard only mean a file of this very folder? */
static bool is_plain(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") &&
	       !strchr(name, '/');
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool shards_list(const struct shards *s, const char *name)
{
	return s->n && bsearch(&name, s->name, s->n, sizeof(*s->name),
			       by_name);
}

/* Sort the files and keep each once; no tensor is there twice. */
static enum hvqz_ret settle(struct shards *s, struct hvqz_err *err)
{
	size_t kept = 0;

	qsort(s->name, s->n, sizeof(*s->name), by_name);
	for (size_t i = 0; i < s->n; i++)
		if (kept && !strcmp(s->name[kept - 1], s->name[i]))
			free(s->name[i]);
		else
			s->name[kept++] = s->name[i];
	s->n = kept;
	qsort(s->tensor, s->n_tensors, sizeof(*s->tensor), by_name);
	for (size_t i = 1; i < s->n_tensors; i++)
		if (!strcmp(s->tensor[i - 1], s->tensor[i]))
			return hvqz_fail_tensor(err, HVQZ_DAMAGED,
						s->tensor[i], "'weight_map' "
						"has it twice");
	if (s->n > SHARDS_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "an index of %zu files; the most is %d",
				 s->n, SHARDS_MAX);
	return HVQZ_OK;
}

/* The list grows by doubling: at every power of two. */
static bool grow(char ***v, size_t n)
{
	char **more;

	if (n & (n - 1))
		return true;
	more = realloc(*v, (n ? 2 * n : 1) * sizeof(*more));
	if (more)
		*v = more;
	return more;
}

/* A pair of the map. */
static enum hvqz_ret take(const struct walk *w, struct slice key,
			  struct slice value, struct shards *s)
{
	const char *tensor, *file = "";

	if (!grow(&s->name, s->n) || !grow(&s->tensor, s->n_tensors))
		return hvqz_nomem(w->err, 2 * s->n * sizeof(*s->name),
				  "the shards");
	TRY(walk_key(w, key, &s->tensor[s->n_tensors]));
	tensor = s->tensor[s->n_tensors++];
	if (*value.p == '"') {
		TRY(walk_key(w, value, &s->name[s->n]));
		file = s->name[s->n++];
	}
	if (is_plain(file))
		return HVQZ_OK;
	return hvqz_fail_tensor(w->err, HVQZ_DAMAGED, tensor,
				"its file is '%.200s'; it must be the plain "
				"name of a file in the folder", file);
}

static enum hvqz_ret take_map(const struct walk *w, struct slice value,
			      struct shards *s)
{
	struct walk in = walk_into(w, value);
	struct slice key, file;
	bool more;

	TRY(walk_open(&in));
	for (;;) {
		TRY(walk_pair(&in, 1, &key, &file, &more));
		if (!more)
			return walk_close(&in);
		TRY(take(&in, key, file, s));
	}
}

/* What else an index has need not be known, but has to be JSON. */
static enum hvqz_ret pass_other(const struct walk *w, struct slice value)
{
	json_t *j;

	if (value.len > MAX_OTHER)
		return hvqz_fail(w->err, HVQZ_UNSUPPORTED,
				 "an index with %zu bytes that are no "
				 "'weight_map'; the most is %d", value.len,
				 MAX_OTHER);
	TRY(walk_decode(w, value, 0, &j));
	json_decref(j);
	return HVQZ_OK;
}

static enum hvqz_ret walk_index(struct walk *w, struct shards *s)
{
	struct slice key, value;
	bool more, has_map = false;
	char *name;

	TRY(walk_open(w));
	for (;;) {
		bool is_map;

		TRY(walk_pair(w, MAX_DEPTH, &key, &value, &more));
		if (!more)
			return walk_close(w);
		TRY(walk_key(w, key, &name));
		is_map = !strcmp(name, "weight_map");
		free(name);
		if (is_map && has_map)
			return walk_fail(w, key.p, "a second 'weight_map'");
		has_map |= is_map;
		if (is_map && *value.p == '{')
			TRY(take_map(w, value, s));
		else
			TRY(pass_other(w, value));
	}
}

enum hvqz_ret shards_parse(const uint8_t *p, size_t len, struct shards *s,
			   struct hvqz_err *err)
{
	const uint8_t *at = p ? p : (const uint8_t *)"";
	struct hvqz_err why = {0};
	struct walk w = {.base = at, .p = at, .end = at + len, .err = &why};
	enum hvqz_ret ret;

	*s = (struct shards){0};
	ret = walk_index(&w, s);
	if (ret == HVQZ_DAMAGED && !*why.tensor)
		return hvqz_fail(err, ret, "not JSON as an index has it: %s",
				 why.msg);
	if (ret != HVQZ_OK) {
		if (err)
			*err = why;
		return ret;
	}
	if (!s->n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'weight_map' is missing, empty or not an "
				 "object");
	return settle(s, err);
}
