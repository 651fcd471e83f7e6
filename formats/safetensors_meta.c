/*
 * safetensors_meta.c - "__metadata__": checking it (S6, S7), looking one up.
 *
 * We never need what it says to restore a file, the header being kept byte for
 * byte; sidecars do, and the format's rules hold for it too.
 */
#include "formats/safetensors.h"
#include "formats/safetensors_json.h"

#include <stdlib.h>
#include <string.h>

enum {
	OUTER_DEPTH = 2,	/* deepest value of the header's object */
	PAIR_DEPTH = 1,		/* of the metadata's: none is right */
};

static int by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct keys {
	char **p;		/* owned, each owned too */
	size_t n, cap;
};

static enum hvqz_ret add_key(struct keys *k, const struct walk *w,
			     struct slice key)
{
	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 16;
		char **more = realloc(k->p, cap * sizeof(*more));

		if (!more)
			return hvqz_nomem(w->err, cap * sizeof(*more),
					  "the metadata's keys");
		k->p = more;
		k->cap = cap;
	}
	TRY(walk_key(w, key, &k->p[k->n]));
	k->n++;
	return HVQZ_OK;
}

static enum hvqz_ret check_metadata_pair(const struct walk *w,
					 const char *key, struct slice value)
{
	json_t *string;

	/* S15: someone named a tensor so. */
	if (*value.p != '"' &&
	    (!strcmp(key, "shape") || !strcmp(key, "data_offsets")))
		return hvqz_fail(w->err, HVQZ_DAMAGED,
				 "a tensor is named '__metadata__', which is "
				 "reserved");
	if (*value.p != '"')
		return hvqz_fail(w->err, HVQZ_DAMAGED,
				 "metadata '%.40s': its value is not a string",
				 key);
	TRY(walk_decode(w, value, JSON_ALLOW_NUL, &string));
	json_decref(string);
	return HVQZ_OK;
}

enum hvqz_ret walk_metadata(const struct walk *outer, struct slice value)
{
	struct walk w = walk_into(outer, value);
	struct slice key, string;
	struct keys keys = {0};
	enum hvqz_ret ret = HVQZ_OK;
	bool more;

	if (*value.p != '{')
		return hvqz_fail(w.err, HVQZ_DAMAGED,
				 "'__metadata__' is not a JSON object");
	TRY_OUT(walk_open(&w));
	for (;;) {
		TRY_OUT(walk_pair(&w, PAIR_DEPTH, &key, &string, &more));
		if (!more)
			break;
		TRY_OUT(add_key(&keys, &w, key));
		TRY_OUT(check_metadata_pair(&w, keys.p[keys.n - 1], string));
	}
	TRY_OUT(walk_close(&w));
	if (keys.n)
		qsort(keys.p, keys.n, sizeof(*keys.p), by_string);
	for (size_t i = 1; i < keys.n; i++) {
		if (!strcmp(keys.p[i - 1], keys.p[i])) {
			ret = hvqz_fail(w.err, HVQZ_DAMAGED,
					"duplicate metadata key '%.40s'",
					keys.p[i]);
			goto out;
		}
	}
out:
	for (size_t i = 0; i < keys.n; i++)
		free(keys.p[i]);
	free(keys.p);
	return ret;
}

/* The pair of that key in the object w stands before; p NULL: none. */
static enum hvqz_ret find(struct walk *w, const char *key, struct slice *value)
{
	struct slice k;
	bool more, is_it;
	char *name;

	TRY(walk_open(w));
	do {
		TRY(walk_pair(w, OUTER_DEPTH, &k, value, &more));
		if (!more) {
			*value = (struct slice){0};
			return HVQZ_OK;
		}
		TRY(walk_key(w, k, &name));
		is_it = !strcmp(name, key);
		free(name);
	} while (!is_it);
	return HVQZ_OK;
}

enum hvqz_ret safetensors_find_metadata(const uint8_t *head, size_t head_len,
					const char *key, char **value,
					struct hvqz_err *err)
{
	struct walk w = {.base = head, .err = err};
	struct slice v;

	*value = NULL;
	if (head_len < SAFETENSORS_LEN)
		return HVQZ_OK;
	w.p = head + SAFETENSORS_LEN;
	w.end = head + head_len;
	TRY(find(&w, "__metadata__", &v));
	if (!v.p)
		return HVQZ_OK;
	w = walk_into(&w, v);
	TRY(find(&w, key, &v));
	return v.p ? walk_key(&w, v, value) : HVQZ_OK;
}
