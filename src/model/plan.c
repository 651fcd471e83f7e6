/* plan.c - deciding, for every tensor, what plan.h holds. */
#include "model/plan.h"

#include "codec/codec_memory.h"
#include "sense/condition_factor.h"
#include "sense/factor.h"

#include <fnmatch.h>
#include <stdlib.h>

/* The job's settings with the first rule that matches the tensor. */
static enum hvqz_ret settings_for(const struct tensor *t,
				  const struct codec_settings *base,
				  struct tensor_rule *rules, size_t n_rules,
				  struct tensor_plan *tp, struct hvqz_err *err)
{
	tp->set = *base;
	for (size_t i = 0; i < n_rules; i++) {
		if (fnmatch(rules[i].glob, t->name, 0))
			continue;
		rules[i].matched = true;
		tp->rule = &rules[i];
		return settings_apply(&tp->set, rules[i].setting, err);
	}
	return HVQZ_OK;
}

/* Can and should this tensor be quantized? Otherwise it is kept exactly. */
static bool worth_quantizing(const struct tensor *t,
			     const struct tensor_rows *rows)
{
	return rows->is_matrix && dtype_is_weight(t->dtype) &&
	       t->n_elems >= PLAN_MIN_LOSSY;
}

/*
 * Rows per chunk: about chunk_elems elements, no more than a slab may hold.
 * A last chunk much smaller than the others is avoided by sharing evenly.
 */
static uint32_t rows_per_chunk(const struct tensor_rows *r,
			       uint64_t chunk_elems)
{
	uint64_t n = chunk_elems / r->row_elems, most, n_chunks;

	most = SLAB_MAX_RAW / r->row_len;
	if (n > most)
		n = most;
	if (!n)
		n = 1;
	if (n >= r->n_rows)
		return (uint32_t)(r->n_rows ? r->n_rows : 1);
	n_chunks = (r->n_rows + n - 1) / n;
	return (uint32_t)((r->n_rows + n_chunks - 1) / n_chunks);
}

uint64_t plan_chunks(const struct tensor_plan *tp)
{
	return (tp->rows.n_rows + tp->rows_per_chunk - 1) /
	       tp->rows_per_chunk;
}

bool plan_wants_factor(const struct tensor_plan *tp)
{
	enum factor_use use = codec_find(tp->set.codec)->factor_use;

	/* Coordinates are chosen by what an error costs, whoever makes it. */
	if (use == FACTOR_NONE && codec_first(&tp->set) == CODEC_CONDITIONED)
		use = FACTOR_FULL;
	return tp->sens && (use == FACTOR_ANY ||
			    (use == FACTOR_FULL && sens_can_load(tp->sens)));
}

static uint64_t one_factor(const struct tensor_plan *tp)
{
	return plan_wants_factor(tp) ?
		factor_memory(tp->sens->n_in, sens_can_load(tp->sens)) : 0;
}

uint64_t plan_factor_memory(const struct plan *p, uint64_t window, unsigned n)
{
	uint64_t most = 0;

	/* From tensor i's last chunk on. */
	for (size_t i = 0; i < p->n_tensors; i++) {
		uint64_t sum = 0, left = window;
		unsigned n_left = n;

		for (size_t k = i; k < p->n_tensors && left && n_left; k++) {
			uint64_t more = k > i ? plan_chunks(&p->t[k]) : 1;
			uint64_t one = one_factor(&p->t[k]);

			sum += one;
			n_left -= one != 0;
			left -= more < left ? more : left;
		}
		most = sum > most ? sum : most;
	}
	return most;
}

struct slab plan_slab(const struct plan *p, const struct model *m, size_t t,
		      uint64_t first_row)
{
	const struct tensor_plan *tp = &p->t[t];
	uint64_t left = tp->rows.n_rows - first_row;
	uint64_t n = left < tp->rows_per_chunk ? left : tp->rows_per_chunk;

	return (struct slab){
		.dtype = m->tensors[t].dtype,
		.first_row = first_row,
		.n_rows = (uint32_t)n,
		.n_cols = tp->rows.row_elems,
		.raw_len = (uint32_t)(n * tp->rows.row_len),
	};
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What a worker needs for a slab of tp. */
static void add_memory(struct plan *p, const struct tensor_plan *tp,
		       const struct slab *slab)
{
	bool full = plan_wants_factor(tp) && sens_can_load(tp->sens);
	uint64_t usual = codec_usual_encode(slab, &tp->set), most = 0;

	if (codec_first(&tp->set) == CODEC_CONDITIONED) {
		uint64_t more = tp->sens ?
			condition_factor_memory(tp->sens->n_in, full) : 0;

		usual += more;
		most = codec_conditioned.encode_memory(slab, &tp->set) + more;
	}
	/* A lossy codec may fall back to planes. */
	for (unsigned id = tp->set.codec; id != CODEC_RAW;
	     id = codec_fallback(id))
		most = larger(most,
			      codec_find(id)->encode_memory(slab, &tp->set));
	p->usual_memory = larger(p->usual_memory, usual);
	p->most_memory = larger(p->most_memory, larger(most, usual));
}

static enum hvqz_ret plan_tensor(struct plan *p, const struct model *m,
				 size_t i, const struct codec_settings *base,
				 struct tensor_rule *rules, size_t n_rules,
				 const struct sens_table *sens,
				 uint64_t chunk_elems, struct hvqz_err *err)
{
	const struct tensor *t = &m->tensors[i];
	struct tensor_plan *tp = &p->t[i];
	struct slab slab;

	TRY(settings_for(t, base, rules, n_rules, tp, err));
	tp->rows = tensor_rows(t);
	if (!codec_find(tp->set.codec)->lossless &&
	    !worth_quantizing(t, &tp->rows))
		tp->set.codec = CODEC_PLANES;
	tp->lossy = !codec_find(tp->set.codec)->lossless;
	tp->sens = tp->lossy ? sens_find(sens, t->name) : NULL;
	tp->rows_per_chunk = rows_per_chunk(&tp->rows, chunk_elems);
	if (!tp->rows.n_rows)
		return HVQZ_OK;
	p->n_chunks += plan_chunks(tp);
	slab = plan_slab(p, m, i, 0);
	if (slab.raw_len > p->max_raw)
		p->max_raw = slab.raw_len;
	add_memory(p, tp, &slab);
	return HVQZ_OK;
}

enum hvqz_ret plan_make(struct plan *p, const struct model *m,
			const struct codec_settings *base,
			struct tensor_rule *rules, size_t n_rules,
			const struct sens_table *sens, uint64_t chunk_elems,
			struct hvqz_err *err)
{
	*p = (struct plan){.n_tensors = m->n_tensors};
	p->t = calloc(m->n_tensors + 1, sizeof(*p->t));
	if (!p->t)
		return hvqz_nomem(err, m->n_tensors * sizeof(*p->t),
				  "the plan");
	for (size_t r = 0; r < n_rules; r++)
		rules[r].matched = false;
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY(plan_tensor(p, m, i, base, rules, n_rules, sens,
				chunk_elems, err));
	for (size_t r = 0; r < n_rules; r++)
		if (!rules[r].matched)
			return hvqz_fail(err, HVQZ_USAGE,
					 "the rule '%s' matches none of the "
					 "model's %zu tensors", rules[r].text,
					 m->n_tensors);
	return HVQZ_OK;
}

void plan_free(struct plan *p)
{
	free(p->t);
	*p = (struct plan){0};
}
