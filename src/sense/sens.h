/*
 * sens.h - what a sidecar says about the weights: their sensitivities.
 *
 * For a weight matrix W [out, in] with inputs x: the Hessian of the layer's
 * output error is H = E[x xᵀ] [in, in]; its diagonal h_j = E[x_j²] says how
 * much an error in input channel j costs. The Fisher row sensitivity
 * g_i = E[(∂loss/∂y_i)²] says how much an error in output row i costs.
 */
#ifndef SENSE_SENS_H
#define SENSE_SENS_H

#include "base/error.h"
#include "base/read_again.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a sidecar has the full H of a weight: n_in × n_in values, row by row,
 * or only those in blocks along the diagonal, ⌈n_in / block⌉ × block × block,
 * the last one padded with zeros. Together they are larger than memory, so each
 * is read when it is wanted.
 */
struct sens_full {
	uint64_t off;		/* of the first value, from the file's start */
	size_t block;		/* channels in each, ≤ n_in; 0: no blocks */
	bool is_f16;		/* correlations C in F16; otherwise H in F32 */
	/* s [n_in], H_jk = C_jk·s_j·s_k; owned, or NULL. */
	float *scale;
	uint64_t n_tokens;	/* that it is a mean over; 0: unknown */
	struct read_again file;
};

struct sens {
	char *name;		/* the weight's (Hugging Face) name, owned */
	unsigned axis;		/* 1: inputs are columns; 0: inputs are rows */
	size_t n_in;		/* input channels */
	float *diag;		/* h [n_in], all finite and ≥ 0; owned */
	size_t n_out;		/* 0 when row_sens is NULL */
	float *row_sens;	/* g [n_out] or NULL, finite and ≥ 0; owned */
	float curvature;	/* mean of g, or 0 when unknown */
	bool has_full;		/* the sidecar also has the full H */
	struct sens_full full;	/* where, if it has */
};

struct sens_table {
	struct sens *v;		/* owned; sorted by name */
	size_t n;
	char kind[24];		/* "hvqz", "imatrix.dat", "imatrix.gguf" */
	char *calibration;	/* what it was made from, or NULL; owned */
	uint64_t n_tokens;	/* 0 when unknown */
	uint64_t hash;		/* XXH3-64 of the sidecar file */
};

void sens_table_free(struct sens_table *t);

/*
 * Append an empty record for name (copied); NULL when out of memory. The
 * pointer is good until the next call. Call sens_table_sort() after the last.
 */
struct sens *sens_table_add(struct sens_table *t, const char *name);
void sens_table_sort(struct sens_table *t);

/* Say for all entries how their full H is read; ctx stays the caller's. */
void sens_table_set_reader(struct sens_table *t, const struct read_again *r);

/* Move all but the name from `from` to `to`, in place of what `to` has. */
void sens_move(struct sens *to, struct sens *from);

/* Binary search in a sorted table; t may be NULL. NULL when absent. */
const struct sens *sens_find(const struct sens_table *t, const char *name);

/* Is there a full H, in a file that can be read again? */
bool sens_can_load(const struct sens *s);

/* The channels of a block: full.block, or n_in where H is one. */
size_t sens_block(const struct sens *s);

/*
 * Read the full H to h [n_in][n_in], exactly symmetric, its diagonal that of
 * s->diag, zero between blocks; only after sens_can_load(). From any thread.
 * HVQZ_DAMAGED: a value that is not finite, a negative one on the diagonal, or
 * H_jk and H_kj further apart than rounding explains. Else what reading the
 * file says. h is then unspecified.
 */
enum hvqz_ret sens_load_full(const struct sens *s, float *h,
			     struct hvqz_err *err);

#endif
