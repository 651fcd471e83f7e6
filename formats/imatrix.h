/*
 * imatrix.h - llama.cpp's importance matrices, for sidecar.c only.
 *
 * Both readers take the whole file in memory (it holds one row per weight, so
 * it is small), add one record per weight to *t, under its Hugging Face name,
 * and leave sorting to the caller. What the files mean: formats/sidecar.md.
 */
#ifndef FORMATS_IMATRIX_H
#define FORMATS_IMATRIX_H

#include "base/bytes.h"
#include "sense/sens.h"

/* Do the first bytes look like a legacy .dat (which has no magic)? */
bool imatrix_dat_bid(const uint8_t *peek, size_t len);

enum hvqz_ret imatrix_dat_read(const uint8_t *p, size_t len,
			       struct sens_table *t,
			       const struct hvqz_notes *notes,
			       struct hvqz_err *err);
enum hvqz_ret imatrix_gguf_read(const uint8_t *p, size_t len,
				struct sens_table *t,
				const struct hvqz_notes *notes,
				struct hvqz_err *err);

/* ---- shared by the two ---- */

/* Entries left out because they hold sums of many experts. */
struct imatrix_skips {
	size_t n;
	char first[160];
};

/* A NUL-terminated copy of a name (the caller frees), 1 … 64 KiB, no NUL. */
enum hvqz_ret imatrix_name(const uint8_t *p, size_t len, char **name,
			   struct hvqz_err *err);

/* Is it the tensor of many experts in one? Counted into *skips then. */
bool imatrix_skip_experts(const char *name, bool many,
			  struct imatrix_skips *skips);
void imatrix_warn_skips(const struct imatrix_skips *skips,
			const struct hvqz_notes *notes);

/*
 * Append llama.cpp tensor `name` with h_j = sums[j] / count: n little-endian
 * F32 at sums, which must be finite and ≥ 0; count must be finite and > 0.
 */
enum hvqz_ret imatrix_add(struct sens_table *t, const char *name,
			  const uint8_t *sums, size_t n, float count,
			  struct hvqz_err *err);
/* The checks of imatrix_add alone, for entries that are left out. */
enum hvqz_ret imatrix_check_sums(const char *name, const uint8_t *sums,
				 size_t n, struct hvqz_err *err);

#endif
