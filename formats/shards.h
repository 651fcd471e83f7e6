/*
 * shards.h - the files that a model.safetensors.index.json names.
 */
#ifndef FORMATS_SHARDS_H
#define FORMATS_SHARDS_H

#include "base/error.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARDS_INDEX "model.safetensors.index.json"

enum {
	SHARDS_MAX_INDEX = 16 << 20,	/* bytes of JSON */
	SHARDS_MAX = 1 << 16,
};

struct shards {
	char **name;		/* sorted, each once; owned */
	size_t n;
	char **tensor;		/* sorted; all that are in them; owned */
	size_t n_tensors;
};

void shards_free(struct shards *s);

/*
 * The index, p [len]. HVQZ_DAMAGED: not JSON, no weight_map, a tensor twice, a
 * name that is not the plain name of a file beside the index (I1), more than
 * SHARDS_MAX (I4). Takes up to 16 times len in memory. shards_free() in any
 * case.
 */
enum hvqz_ret shards_parse(const uint8_t *p, size_t len, struct shards *s,
			   struct hvqz_err *err);

/* Does it list the file of that name? */
bool shards_list(const struct shards *s, const char *name);

/*
 * HVQZ_DAMAGED: m came from a folder or an archive whose index has tensors that
 * none of the files it lists has.
 */
enum hvqz_ret shards_check(const struct model *m, struct hvqz_err *err);

#endif
