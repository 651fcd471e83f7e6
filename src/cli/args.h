/*
 * args.h - the command line, understood and checked.
 *
 * Parsing is all or nothing: when it succeeds, options that contradict each
 * other or the mode have been refused, and nobody behind has to ask again.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/common_args.h"
#include "job/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode {
	MODE_ENCODE,
	MODE_DECODE,
	MODE_TEST,
	MODE_LIST,
	MODE_EXTRACT,
	MODE_CONVERT,		/* --to, and none of the others */
};

struct args {
	struct common_args common;
	enum mode mode;
	const char *mode_option;	/* "-d": for messages */

	const char *output;		/* -o, or NULL */
	const char *output_dir;		/* --output-dir, or NULL */
	bool to_stdout;			/* -c */
	const char *suffix;		/* -S */
	bool force;			/* -f */
	bool remove;			/* --rm */
	bool no_sync;			/* --no-sync */

	bool json;
	bool keep_going;		/* --keep-going */
	bool to_hvqz;			/* --to hvqz */

	struct encode_options encode;	/* rules owned; sens is not set */
	struct decode_options decode;	/* wish is not set */
	struct extract_options extract;	/* globs owned */
	const char **sidecars;		/* owned */
	size_t n_sidecars;
	const char *base;		/* --base, or NULL */

	const char **files;		/* owned; at least one; "-" is stdin */
	size_t n_files;
};

/* Is path, one of files, the last one there will be? */
static inline bool args_is_last(const struct args *a, const char *path)
{
	return path == a->files[a->n_files - 1];
}

/* The strings stay argv's. args_free() in every case. */
enum args_result args_parse(struct args *args, int argc, char **argv);
void args_free(struct args *args);

#endif
