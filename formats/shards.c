/* shards.c - model.safetensors.index.json, of which one member matters. */
#include "formats/shards.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void shards_free(struct shards *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->name[i]);
	free(s->name);
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

/* Sort them and keep each once. */
static void settle(struct shards *s)
{
	size_t kept = 0;

	qsort(s->name, s->n, sizeof(*s->name), by_name);
	for (size_t i = 0; i < s->n; i++)
		if (kept && !strcmp(s->name[kept - 1], s->name[i]))
			free(s->name[i]);
		else
			s->name[kept++] = s->name[i];
	s->n = kept;
}

static enum hvqz_ret list(const json_t *map, struct shards *s,
			  struct hvqz_err *err)
{
	size_t n_tensors = json_object_size(map);
	const char *tensor;
	json_t *value;

	if (!n_tensors)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'weight_map' is missing, empty or not an "
				 "object");
	s->name = malloc(n_tensors * sizeof(*s->name));
	if (!s->name)
		return hvqz_nomem(err, n_tensors * sizeof(*s->name),
				  "the shards");
	json_object_foreach((json_t *)map, tensor, value) {
		const char *file = json_string_value(value);

		if (!file || !is_plain(file))
			return hvqz_fail_tensor(err, HVQZ_DAMAGED, tensor,
						"its file is '%.200s'; it "
						"must be the plain name of a "
						"file in the folder",
						file ? file : "");
		s->name[s->n] = strdup(file);
		if (!s->name[s->n])
			return hvqz_nomem(err, strlen(file), "the shards");
		s->n++;
	}
	settle(s);
	if (s->n > SHARDS_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "an index of %zu files; the most is %d",
				 s->n, SHARDS_MAX);
	return HVQZ_OK;
}

enum hvqz_ret shards_parse(const uint8_t *p, size_t len, struct shards *s,
			   struct hvqz_err *err)
{
	json_error_t e = {0};
	enum hvqz_ret ret;
	json_t *index;

	*s = (struct shards){0};
	index = json_loadb(p ? (const char *)p : "", len,
			   JSON_REJECT_DUPLICATES, &e);
	if (!index)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "not JSON: line %d, column %d: %s", e.line,
				 e.column, e.text);
	ret = list(json_object_get(index, "weight_map"), s, err);
	json_decref(index);
	return ret;
}
