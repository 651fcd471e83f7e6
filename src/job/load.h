/*
 * load.h - a model file's weights into a struct lm_model.
 */
#ifndef JOB_LOAD_H
#define JOB_LOAD_H

#include "job/job.h"
#include "lm/model.h"

/*
 * Fill m from one file: a safetensors file or shard, or a .hvqz, which is
 * decoded by env's threads as it comes. Called once for each shard; see
 * lm_model_complete(). *hash is chained over the bytes of the restored tensors
 * and their names (start with 0): the same weights in one file give the same
 * hash however they are stored. NULL: not wanted. Errors name the tensor.
 */
enum hvqz_ret job_load(const struct job_env *env, struct source *src,
		       struct lm_model *m, uint64_t *hash,
		       struct hvqz_err *err);

#endif
