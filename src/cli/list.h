/*
 * list.h - what -l prints, on standard output.
 *
 * Plain: one line a file, with a total below several. With -v: a page a file,
 * one line a tensor. With --json: one object a line (list_json.c).
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

/* ---- shared with list_json.c ---- */

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
