/* encode_plan.c - a plan that fits. */
#include "job/encode_plan.h"

#include "job/job_internal.h"
#include "kernels/blas.h"
#include "stream/pipeline.h"

#include <stdlib.h>

enum {
	DEFAULT_CHUNK = 4 << 20,	/* elements */
	LEAST_CHUNK = 64 << 10,	/* no limit makes it smaller */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Bytes that the rows in n slots take, which chunks fill in turn: where large
 * and small tensors take turns, too, some slots never see a large one.
 */
static uint64_t slot_bytes(const struct plan *p, unsigned n)
{
	uint64_t *most = calloc(n, sizeof(*most)), seq = 0, sum = 0;

	if (!most)
		return (uint64_t)n * p->max_raw;
	for (size_t i = 0; i < p->n_tensors; i++) {
		const struct tensor_plan *tp = &p->t[i];
		uint64_t rows = least(tp->rows_per_chunk, tp->rows.n_rows);
		uint64_t len = rows * tp->rows.row_len;
		uint64_t n_chunks = rows ? plan_chunks(tp) : 0;

		for (uint64_t k = 0; k < least(n_chunks, n); k++) {
			uint64_t *to = &most[(seq + k) % n];

			*to = len > *to ? len : *to;
		}
		seq += n_chunks;
	}
	for (unsigned i = 0; i < n; i++)
		sum += most[i];
	free(most);
	return sum;
}

/* What the plan takes with env's threads, to rep. */
static void add_up(const struct plan *p, const struct job_env *env,
		   const struct encode_options *opt,
		   const struct encode_pass *pass, const struct model *m,
		   struct job_report *rep)
{
	unsigned n = job_threads(env);
	bool verifies = !opt->no_verify, steers = pass->steer > 0;
	bool factors = false;
	uint64_t slots = least(pipeline_slots(n), p->n_chunks);
	uint64_t desks = least(n, p->n_chunks), raw = p->max_raw, sum;
	/* Steering looks at chunks, and their factors, before workers do. */
	unsigned in_work = (unsigned)(steers ? slots + 1 : desks);

	for (size_t i = 0; i < p->n_tensors; i++) {
		verifies |= p->t[i].lossy;
		factors |= plan_wants_factor(&p->t[i]) &&
			   sens_can_load(p->t[i].sens);
	}
	/* Rows or payloads: they go round, so that all are filled once. */
	sum = slot_bytes(p, pipeline_slots(n)) * (opt->base ? 2 : 1) +
	      desks * (verifies ? 2 : 1) * raw + (steers ? raw : 0) +
	      env->memory_base + pass->spooled + job_head_memory(m) +
	      plan_factor_memory(p, slots + steers, in_work) +
	      (factors ? BLAS_MEMORY + (desks - !!desks) * BLAS_THREAD_MEMORY : 0);
	desks += steers;
	rep->memory = sum + desks * p->usual_memory;
	rep->memory_most = sum + desks * p->most_memory;
	rep->n_threads = n;
}

enum hvqz_ret encode_plan(struct plan *plan, struct job_env *env,
			  const struct encode_options *opt,
			  const struct encode_pass *pass,
			  const struct codec_settings *set,
			  const struct model *m, struct job_report *rep,
			  struct hvqz_err *err)
{
	uint64_t elems = opt->chunk_elems ? opt->chunk_elems : DEFAULT_CHUNK;
	uint64_t limit = env->memory_limit;
	unsigned n_threads = job_threads(env);
	bool fits;

	for (;; elems /= 2) {
		env->n_threads = n_threads;
		TRY(plan_make(plan, m, set, opt->rules, opt->n_rules,
			      opt->sens, elems, err));
		do {
			add_up(plan, env, opt, pass, m, rep);
			fits = !limit || rep->memory <= limit;
		} while (!fits && env->n_threads > 1 && env->n_threads--);
		if (fits || opt->chunk_elems || !opt->fit_chunks ||
		    elems / 2 < LEAST_CHUNK)
			break;
		plan_free(plan);
	}
	return job_check_chunks(env, rep->memory,
				env->memory_base + pass->spooled +
					job_head_memory(m),
				2 * plan_factor_memory(plan, 1, 1) >
						rep->memory ?
				"Hessians in blocks (hvqz-sense --block)" :
				"smaller chunks (--chunk)", err);
}
