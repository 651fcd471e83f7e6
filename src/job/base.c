/* base.c - opening a base model, and finding its rows. */
#include "job/base.h"

#include "codec/codec.h"
#include "formats/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { STEP = 1 << 20 };	/* bytes hashed at a time */

void base_free(struct base_model *b)
{
	model_free(&b->model);
	*b = (struct base_model){0};
}

/* The digest of all of src, from its beginning. */
static enum hvqz_ret hash_all(struct source *src, uint8_t *digest,
			      struct hvqz_err *err)
{
	XXH3_state_t *s = XXH3_createState();
	uint8_t *buf = malloc(STEP);
	XXH128_canonical_t canonical;
	size_t got = STEP;
	enum hvqz_ret ret;

	if (!s || !buf) {
		ret = hvqz_nomem(err, STEP, "hashing the base model");
		goto out;
	}
	XXH3_128bits_reset(s);
	TRY_OUT(source_seek(src, 0, err));
	while (got == STEP) {
		TRY_OUT(source_read(src, buf, STEP, &got, err));
		XXH3_128bits_update(s, buf, got);
	}
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(s));
	memcpy(digest, canonical.digest, CONTAINER_DIGEST_LEN);
	ret = HVQZ_OK;
out:
	XXH3_freeState(s);
	free(buf);
	return ret;
}

enum hvqz_ret base_open(struct base_model *b, struct source *src,
			const struct read_again *file, struct hvqz_err *err)
{
	const struct reader_ops *reader;
	const uint8_t *peek;
	void *state = NULL;
	enum hvqz_ret ret;
	size_t len;

	*b = (struct base_model){.file = *file};
	TRY(source_ahead(src, CONTAINER_MAGIC_LEN, &peek, &len, err));
	if (container_bid(peek, len))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a base model has to be restored first: it "
				 "is a .hvqz");
	TRY(format_detect(src, &reader, err));
	TRY_OUT(reader->head(src, &b->model, &state, err));
	reader->free(state);
	if (reader->offset) {
		ret = hvqz_fail(err, HVQZ_UNSUPPORTED, "a base model has to "
				"be a safetensors or GGUF file, not of the "
				"format %s",
				reader->name);
		goto out;
	}
	TRY_OUT(hash_all(src, b->digest, err));
	return HVQZ_OK;
out:
	base_free(b);
	return ret;
}

void base_map_free(struct base_map *map)
{
	free(map->off);
	*map = (struct base_map){0};
}

static int by_name(const void *a, const void *b)
{
	const struct tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool alike(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank &&
	       !memcmp(a->dim, b->dim, a->rank * sizeof(*a->dim));
}

enum hvqz_ret base_map_make(struct base_map *map, const struct base_model *b,
			    const struct model *m, struct hvqz_err *err)
{
	size_t n = b->model.n_tensors;
	const struct tensor **sorted = malloc((n + 1) * sizeof(*sorted));

	*map = (struct base_map){
		.base = b,
		.off = malloc((m->n_tensors + 1) * sizeof(*map->off)),
	};
	if (!sorted || !map->off) {
		free(sorted);
		base_map_free(map);
		return hvqz_nomem(err, (n + m->n_tensors) * 8,
				  "the base model's tensors");
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = &b->model.tensors[i];
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];
		const struct tensor **of = bsearch(&t, sorted, n,
						   sizeof(*sorted), by_name);

		map->off[i] = BASE_NONE;
		if (!of || !alike(t, *of) || !t->size)
			continue;
		map->off[i] = b->model.head_len + (*of)->off + (*of)->skew;
		map->n_found++;
	}
	free(sorted);
	return HVQZ_OK;
}

enum hvqz_ret base_rows(const struct base_map *map, const struct model *m,
			size_t t, const struct slab *slab, uint8_t *to,
			struct hvqz_err *err)
{
	uint64_t row_len = tensor_rows(&m->tensors[t]).row_len;

	return map->base->file.read_at(map->base->file.ctx,
				       map->off[t] + slab->first_row * row_len,
				       to, slab->raw_len, err);
}

char *base_name(const uint8_t *digest, char *buf)
{
	char *at = buf + sprintf(buf, "xxh3-128:");

	for (unsigned i = 0; i < CONTAINER_DIGEST_LEN; i++)
		at += sprintf(at, "%02x", digest[i]);
	return buf;
}

enum hvqz_ret base_check(const struct base_model *b,
			 const struct container_info *info,
			 const struct hvqz_notes *notes, struct hvqz_err *err)
{
	char need[BASE_NAME_LEN], have[BASE_NAME_LEN];
	const char *name = container_find_note(info, "base");

	if (!info->has_base && b)
		hvqz_warn(notes, "needs no base model: it was encoded without "
			  "one");
	if (!info->has_base)
		return HVQZ_OK;
	if (!name)
		name = "?";
	base_name(info->base_digest, need);
	if (!b)
		return hvqz_fail(err, HVQZ_USAGE,
				 "holds differences from a base model, '%.200s' "
				 "(%s): give hvqz that file with --base", name,
				 need);
	if (memcmp(b->digest, info->base_digest, CONTAINER_DIGEST_LEN))
		return hvqz_fail(err, HVQZ_USAGE,
				 "the base model given is %s; needed is "
				 "'%.200s' (%s)", base_name(b->digest, have),
				 name, need);
	return HVQZ_OK;
}
