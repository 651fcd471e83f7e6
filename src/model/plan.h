/*
 * plan.h - what will be done with every tensor, before anything is read.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/model.h"
#include "model/rules.h"

/* Fewer elements than this, or rank below 2: coded without loss. */
enum { PLAN_MIN_LOSSY = 4096 };

struct tensor_plan {
	struct codec_settings set;
	const struct tensor_rule *rule;	/* that made them so, or NULL */
	const struct sens *sens;	/* or NULL */
	struct tensor_rows rows;
	uint32_t rows_per_chunk;
	bool lossy;			/* may lose something */
};

struct plan {
	struct tensor_plan *t;		/* [n_tensors], owned */
	size_t n_tensors;
	uint64_t n_chunks;
	uint32_t max_raw;		/* the largest chunk's bytes */
	/* What one worker needs for it: usually, and at the most. */
	uint64_t usual_memory, most_memory;
};

/*
 * Decide for every tensor. chunk_elems: about how many elements a chunk
 * should have (default 4 Mi). Rules are tried in order; one that matches no
 * tensor is HVQZ_USAGE. sens may be NULL and must outlive the plan.
 */
enum hvqz_ret plan_make(struct plan *p, const struct model *m,
			const struct codec_settings *base,
			struct tensor_rule *rules, size_t n_rules,
			const struct sens_table *sens, uint64_t chunk_elems,
			struct hvqz_err *err);
void plan_free(struct plan *p);

/* How many chunks a tensor has. */
uint64_t plan_chunks(const struct tensor_plan *tp);

/* Has the tensor a Hessian whose factor is of use to its codec? */
bool plan_wants_factor(const struct tensor_plan *tp);

/*
 * Bytes that the factors of Hessians need which are there at once, when n
 * chunks of `window` that follow each other are in work; 0: no Hessians.
 */
uint64_t plan_factor_memory(const struct plan *p, uint64_t window, unsigned n);

/* The slab of tensor t that starts at first_row. */
struct slab plan_slab(const struct plan *p, const struct model *m, size_t t,
		      uint64_t first_row);

#endif
