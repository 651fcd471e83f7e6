/*
 * model_load.h - a model to run: its weights in memory, and the progress line
 * while they come.
 */
#ifndef CLI_MODEL_LOAD_H
#define CLI_MODEL_LOAD_H

#include "cli/common_args.h"
#include "job/job.h"
#include "lm/model.h"

/* What jobs need of the command line; `name` is what warnings are about. */
struct job_env model_env(const struct common_args *common, const char *name);

/*
 * What m's weights will take once they are loaded, if they have 16 bits each:
 * what a plan knows beforehand.
 */
uint64_t model_bytes_expected(const struct lm_model *m);

/*
 * Is there room for `need` bytes? False: error message about `name`, which
 * says what to use to need less.
 */
bool model_fits(const struct common_args *common, const char *name,
		uint64_t need, const char *use);

/*
 * Fill *m, made by lm_model_init(), from the folder or file at path; *hash and
 * *file_bytes as of folder_load(). False: error message, or a signal came.
 */
bool model_load(const struct common_args *common, const char *path,
		struct lm_model *m, uint64_t *hash, uint64_t *file_bytes);

#endif
