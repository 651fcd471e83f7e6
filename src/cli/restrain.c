/* restrain.c - where files may be made when several are processed. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/restrain.h"

#include "cli/sandbox.h"
#include "cli/scratch_file.h"
#include "formats/shards.h"
#include "kernels/blas.h"

#include <stdlib.h>
#include <string.h>

/* The length of path without the slashes at its end. */
static size_t without_slashes(const char *path, size_t n)
{
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

/*
 * A name in the folder that the output of path will be in; the caller frees.
 * "model/" is a folder, and so is what lies beside the index of its shards.
 */
static char *output_beside(const struct args *a, const char *path)
{
	bool takes_models = a->mode != MODE_DECODE;
	const char *slash = strrchr(path, '/');
	size_t n = strlen(path);

	if (takes_models && slash && !strcmp(slash + 1, SHARDS_INDEX))
		n = (size_t)(slash - path);
	return strndup(path, without_slashes(path, n));
}

static void restrain_writing(const struct args *a)
{
	char **names = calloc(a->n_files, sizeof(*names));
	size_t n = 0;

	/* Without memory there is nothing that may be written. */
	while (names && n < a->n_files &&
	       (names[n] = output_beside(a, a->files[n])))
		n++;
	sandbox_read_only((const char *const *)names, n,
			  scratch_file_folder(), 2);
	while (n)
		free(names[--n]);
	free(names);
}

void restrain(const struct args *a)
{
	bool writes = a->mode == MODE_ENCODE || a->mode == MODE_DECODE ||
		      a->mode == MODE_CONVERT;

	/*
	 * Rights are a thread's: those to come have their parent's, others keep
	 * their own. An encoder has use for BLAS, which would start anew.
	 */
	if (a->mode != MODE_ENCODE)
		blas_end_threads();
	if (a->n_files < 2 || a->force || a->output_dir)
		return;
	if (writes)
		restrain_writing(a);
	else
		sandbox_read_only(NULL, 0, scratch_file_folder(),
				  a->mode == MODE_LIST ? 3 : 2);
}
