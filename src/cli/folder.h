/*
 * folder.h - a model's folder as Hugging Face lays it out: config.json,
 * model.safetensors or its shards with an index, tokenizer.json.
 *
 * Says its own error messages (or none after HVQZ_STOPPED: a signal).
 */
#ifndef CLI_FOLDER_H
#define CLI_FOLDER_H

#include "job/load.h"

#include <stdbool.h>

/* DIR/config.json. */
bool folder_config(const char *dir, struct lm_config *c);

/*
 * All weights of m, which lm_model_init() has made and the caller frees, from
 * path: a safetensors or .hvqz file (its bytes tell which; "-" is standard
 * input), or a folder. Of that: model.safetensors, or else the shards that
 * model.safetensors.index.json names, each once and in the order of their
 * names. In place of any of these FILE.hvqz will do. *hash as of job_load()
 * over all of them from 0 on; *file_bytes: the sizes of the files, summed up.
 * Both may be NULL. env->progress counts anew in each file.
 */
bool folder_load(const struct job_env *env, const char *path,
		 struct lm_model *m, uint64_t *hash, uint64_t *file_bytes);

/*
 * All of DIR/NAME, at most max bytes, to *p, which the caller frees. (NULL
 * when the file is empty.)
 */
bool folder_read_file(const char *dir, const char *name, size_t max,
		      uint8_t **p, size_t *len);

/*
 * Is path one of DIR's own files, or would it become one: config.json,
 * tokenizer.json, a name that begins with "model"; or is it a safetensors or
 * .hvqz file in DIR other than a sidecar? Says nothing.
 */
bool folder_owns(const char *dir, const char *path);

#endif
