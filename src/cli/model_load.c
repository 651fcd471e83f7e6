/* model_load.c - the weights of a model to run. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/model_load.h"

#include "cli/folder.h"
#include "cli/signals.h"
#include "cli/text.h"

struct job_env model_env(const struct common_args *common, const char *name)
{
	return (struct job_env){
		.n_threads = common->threads,
		.memory_limit = common->memory,
		.notes = {message_note, (void *)name},
		.progress = progress_update,
		.stopped = signals_stopped,
	};
}

uint64_t model_bytes_expected(const struct lm_model *m)
{
	return 2 * lm_model_params(m);
}

bool model_fits(const struct common_args *common, const char *name,
		uint64_t need, const char *use)
{
	char a[TEXT_LEN], b[TEXT_LEN];

	if (!common->memory || need <= common->memory)
		return true;
	message_error(name, "needs %s, the limit is %s; use %s",
		      text_memory(need, a), text_memory(common->memory, b),
		      use);
	return false;
}

bool model_load(const struct common_args *common, const char *path,
		struct lm_model *m, uint64_t *hash, uint64_t *file_bytes)
{
	struct job_env env = model_env(common, path);
	char params[TEXT_LEN], bytes[TEXT_LEN];
	double began = progress_clock();
	bool good;

	progress_begin(common->progress, path, PROGRESS_BYTES,
		       SOURCE_SIZE_UNKNOWN);
	good = folder_load(&env, path, m, hash, file_bytes);
	progress_end();
	if (good)
		message_info(2, path, "%s parameters, %s of weights, loaded "
			     "in %.2f s",
			     text_number(lm_model_params(m), params),
			     text_memory(lm_model_bytes(m), bytes),
			     progress_clock() - began);
	return good;
}
