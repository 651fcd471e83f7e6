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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sens {
	char *name;		/* the weight's (Hugging Face) name, owned */
	unsigned axis;		/* 1: inputs are columns; 0: inputs are rows */
	size_t n_in;		/* input channels */
	float *diag;		/* h [n_in], all finite and ≥ 0; owned */
	size_t n_out;		/* 0 when row_sens is NULL */
	float *row_sens;	/* g [n_out] or NULL, finite and ≥ 0; owned */
	float curvature;	/* mean of g, or 0 when unknown */
	bool has_full;		/* the sidecar also has the full H */
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

/* Binary search in a sorted table; t may be NULL. NULL when absent. */
const struct sens *sens_find(const struct sens_table *t, const char *name);

#endif
