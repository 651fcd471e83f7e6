/*
 * eval_run.c - score a model, then other weights for it.
 *
 * The original is scored first and stays; the others come and go one at a
 * time. One that fails is told and passed over.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/eval_run.h"

#include "cli/eval_args.h"
#include "cli/eval_report.h"
#include "cli/folder.h"
#include "cli/model_load.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cli/token_input.h"

#define FEWER "fewer threads (-T), or fewer or shorter sequences (-n, -c)"

struct task {
	const struct eval_args *args;
	struct lm_config conf;
	struct token_input input;
	struct eval_options opt;
	struct lm_model original;
	struct eval_base *base;		/* of the original; NULL: not yet */
	struct eval_report report;
};

static uint64_t n_tokens(const struct task *t)
{
	return (uint64_t)t->opt.n_sequences * t->opt.context;
}

/*
 * Is there room for m, of whose weights `missing` bytes are still to come, for
 * others like it, one at a time, and for all that is computed?
 */
static bool check_memory(const struct task *t, const struct job_env *env,
			 const struct lm_model *m, uint64_t missing)
{
	const struct common_args *c = &t->args->common;
	const char *dir = t->args->model.dir;
	uint64_t need = job_eval_memory(env, &t->opt, m) +
			(t->opt.alone ? 1 : 2) * missing;
	char tokens[TEXT_LEN], n[TEXT_LEN], memory[TEXT_LEN];

	if (missing)
		message_info(2, dir, "%s tokens (%s x %zu), %u threads, "
			     "planned memory %s",
			     text_number(n_tokens(t), tokens),
			     text_number(t->opt.n_sequences, n),
			     t->opt.context, c->threads,
			     text_memory(need, memory));
	return model_fits(c, dir, need, FEWER);
}

/* Score m, loaded from path: as the original, if there is none yet. */
static bool score(struct task *t, const char *path, const struct lm_model *m,
		  uint64_t file_bytes)
{
	struct job_env env = model_env(&t->args->common, path);
	struct eval_row row = {
		.file = path,
		.original = !t->base,
		/* Of the file, whose bytes they are held against. */
		.n_params = lm_model_params(m) + m->n_unused,
		.bytes = file_bytes,
	};
	double began = progress_clock(), seconds;
	char tokens[TEXT_LEN], kl[TEXT_LEN];
	struct hvqz_err err = {0};
	enum hvqz_ret ret;

	progress_begin(t->args->common.progress, path, PROGRESS_TOKENS,
		       n_tokens(t));
	if (t->base)
		ret = job_eval_given(&env, t->base, m, &row.score, &err);
	else
		ret = job_eval_base(&env, &t->opt, m, t->input.ids, &t->base,
				    &row.score, &err);
	progress_end();
	if (ret != HVQZ_OK) {
		message_err(path, &err);
		return false;
	}
	seconds = progress_clock() - began;
	message_info(1, path, "%s tokens, nll %.4f, ppl %.4f, KL %s, %.2f s, "
		     "%.0f tok/s", text_number(row.score.n_tokens, tokens),
		     row.score.nll, row.score.ppl,
		     row.original ? "0" : text_kl(row.score.kl, kl), seconds,
		     seconds > 0 ? (double)row.score.n_tokens / seconds : 0);
	eval_report_add(&t->report, &row);
	return true;
}

static void score_given(struct task *t, const char *path)
{
	struct job_env env = model_env(&t->args->common, path);
	struct lm_model m = {0};
	struct hvqz_err err = {0};
	uint64_t bytes, need = job_eval_memory(&env, &t->opt, &t->original) -
			       lm_model_bytes(&t->original);

	if (lm_model_init(&m, &t->conf, &err) != HVQZ_OK)
		message_err(path, &err);
	else if (model_load(&t->args->common, path, &m, NULL, &bytes) &&
		 /* Its weights may be wider than the original's. */
		 model_fits(&t->args->common, path,
			    need + lm_model_bytes(&m), FEWER))
		score(t, path, &m, bytes);
	lm_model_free(&m);
}

/* Text, shape, memory; then the original's score. */
static bool score_original(struct task *t)
{
	static const struct token_wish wish = {0, 1};
	const char *dir = t->args->model.dir;
	struct job_env env = model_env(&t->args->common, dir);
	struct lm_model *m = &t->original;
	struct hvqz_err err = {0};
	uint64_t bytes;

	if (!folder_config(dir, &t->conf) ||
	    !token_input_read(&t->args->model, &t->conf, &wish, &t->input))
		return false;
	t->opt = (struct eval_options){t->input.context, t->input.n_sequences,
				       !t->args->n_weights};
	if (lm_model_init(m, &t->conf, &err) != HVQZ_OK) {
		message_err(dir, &err);
		return false;
	}
	/* Weights of 32 bits are seen to be that once they are there. */
	return check_memory(t, &env, m, model_bytes_expected(m)) &&
	       model_load(&t->args->common, dir, m, NULL, &bytes) &&
	       check_memory(t, &env, m, 0) && score(t, dir, m, bytes);
}

void eval_run(const struct eval_args *args)
{
	struct task t = {.args = args, .report.json = args->json};

	if (score_original(&t))
		for (size_t i = 0; i < args->n_weights; i++) {
			if (signals_stopped(NULL))
				break;
			score_given(&t, args->weights[i]);
		}
	eval_report_end(&t.report);
	job_eval_free(t.base);
	lm_model_free(&t.original);
	token_input_free(&t.input);
}
