/*
 * sense_trial.h - a toy model, a text, job_sense() on them in memory, and its
 * sidecar read back.
 */
#ifndef TESTS_SENSE_TRIAL_H
#define TESTS_SENSE_TRIAL_H

#include "formats/sidecar.h"
#include "job/sense.h"
#include "tests/lm_reference.h"
#include "tests/lm_toy.h"

struct sense_trial {
	struct lm_model m;
	struct ref_model ref;
	struct job_env env;
	struct sense_options opt;
	uint32_t *tokens;
	struct buf file;		/* of the last run */
	struct sense_report rep;
	struct hvqz_err err;
	struct sens_table table;
};

static inline size_t trial_tokens(const struct sense_trial *t)
{
	return t->opt.context * t->opt.n_sequences;
}

/* Full Hessians, 2 draws. The caller frees *t, and may change it first. */
static inline void trial_open(struct sense_trial *t,
			      const struct lm_config *conf, size_t context,
			      size_t n_sequences)
{
	*t = (struct sense_trial){
		.env = {.n_threads = 2},
		.opt = {
			.context = context,
			.n_sequences = n_sequences,
			.full = true,
			.draws = 2,
			.seed = 1,
			.calibration = "a toy's text",
			.model_hash = 0xabcdef,
		},
	};
	toy_init(&t->m, conf, 7);
	ref_init(&t->ref, &t->m);
	t->tokens = toy_text(conf, trial_tokens(t), 3);
}

static inline void trial_close(struct sense_trial *t)
{
	sens_table_free(&t->table);
	buf_free(&t->file);
	free(t->tokens);
	ref_free(&t->ref);
	lm_model_free(&t->m);
}

static inline enum hvqz_ret trial_run(struct sense_trial *t)
{
	struct sink sink;

	buf_clear(&t->file);
	t->err = (struct hvqz_err){0};
	sink_init_memory(&sink, &t->file);
	return job_sense(&t->env, &t->opt, &t->m, t->tokens, &sink, &t->rep,
			 &t->err);
}

static inline enum hvqz_ret trial_read_at(void *ctx, uint64_t off, void *buf,
					  size_t n, struct hvqz_err *err)
{
	const struct sense_trial *t = ctx;

	(void)err;
	ck_assert_uint_le(off + n, t->file.len);
	memcpy(buf, t->file.p + off, n);
	return HVQZ_OK;
}

/* Run it, and read what it wrote to t->table. */
static inline void trial_table(struct sense_trial *t)
{
	struct read_again reader = {trial_read_at, t};
	struct source_memory mem;
	struct source src;

	ck_assert_msg(!trial_run(t), "%s", t->err.msg);
	sens_table_free(&t->table);
	t->table = (struct sens_table){0};
	source_init_memory(&src, &mem, t->file.p, t->file.len);
	ck_assert_msg(!sidecar_read(&src, &t->table, NULL, &t->err), "%s",
		      t->err.msg);
	source_free(&src);
	sens_table_set_reader(&t->table, &reader);
}

static inline const struct sens *trial_find(const struct sense_trial *t,
					    const struct lm_weight *w)
{
	const struct sens *s = sens_find(&t->table, w->name);

	ck_assert_msg(s != NULL, "no entry for %s", w->name);
	ck_assert_uint_eq(s->axis, 1);
	ck_assert_uint_eq(s->n_in, w->n_cols);
	if (s->row_sens)
		ck_assert_uint_eq(s->n_out, w->n_rows);
	return s;
}

static const enum lm_part trial_matrices[] = {LM_Q,    LM_K,  LM_V,   LM_O,
					      LM_GATE, LM_UP, LM_DOWN};
enum { TRIAL_MATRICES = sizeof(trial_matrices) / sizeof(*trial_matrices) };

#endif
