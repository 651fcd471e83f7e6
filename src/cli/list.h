/*
 * list.h - what -l prints, on standard output.
 *
 * Plain: one line a file, with a total below several. With -v: a page a file,
 * one line a tensor. With -vv also one a layer type (list_condition.c). With
 * --json: one object a line (list_json.c).
 */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/args.h"
#include "cli/table.h"

#include <stdint.h>

/* What several listed files come to. Zero-initialise. */
struct list_sum {
	struct table table;	/* the plain list, printed by list_end() */
	size_t n_files;
	uint64_t raw, stored, n_params;
};

/* List one file; says its own errors. */
void list_file(const struct args *args, const char *path,
	       struct list_sum *sum);

/* Print what had to wait for the last file, and free it. */
void list_end(const struct args *args, struct list_sum *sum);

/* ---- list_condition.c ---- */

/*
 * What conditioning did to each layer type, if l was made to say it, behind an
 * empty line. False: out of memory.
 */
bool list_conditions(const struct listing *l);

/* ---- shared with list_json.c and list_condition.c ---- */

enum { LIST_CODECS_LEN = 80 };
/*
 * A set of codec ids to text (LIST_CODECS_LEN bytes): "hasvq", or
 * "hasvq+planes" when chunks differ. Returns it, or "-" for none.
 */
const char *list_codecs(uint32_t codecs, char *text);

/* Bytes of the file as it was before it became a .hvqz. */
uint64_t listing_raw(const struct listing *l);

/* Bits per parameter; 0 when there are no parameters. */
double listing_bpp(uint64_t bytes, uint64_t n_params);

/* Sum over the lossy tensors; 0 noise when nothing is lossy or known. */
void listing_noise(const struct listing *l, double *noise, double *signal);

/* The estimated KL divergence of the model, nats per token; 0: unknown. */
double listing_loss(const struct listing *l);

/* Print l as JSON objects, with every tensor when verbose. */
void list_json(const char *file, const struct listing *l, bool verbose);

#endif
