/*
 * sense_run.c - from a model and a text to a sidecar.
 *
 * What can be wrong is looked for in the order of what it costs: the text and
 * the model's shape, the memory it will take, the output's name; only then are
 * the weights loaded and the model run.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/sense_run.h"

#include "cli/folder.h"
#include "cli/model_load.h"
#include "cli/out_file.h"
#include "cli/sense_args.h"
#include "cli/text.h"
#include "cli/token_input.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tokens of a text that is not said how much of to take. */
enum { TOKENS_DEFAULT = 32768 };

struct task {
	const struct sense_args *args;
	const char *dir;
	struct job_env env;
	struct token_input input;
	struct sense_options opt;
	char calibration[300];
	struct lm_model model;
	struct sense_report rep;
};

/* Text, shape and plan: all that is cheap to know. */
static bool prepare(struct task *t)
{
	static const struct token_wish wish = {TOKENS_DEFAULT, 0};
	struct job_env no_limit = t->env;
	struct hvqz_err err = {0};
	struct lm_config conf;

	if (!folder_config(t->dir, &conf) ||
	    !token_input_read(&t->args->model, &conf, &wish, &t->input))
		return false;
	t->opt.context = t->input.context;
	t->opt.n_sequences = t->input.n_sequences;
	t->opt.calibration = token_input_describe(&t->input, t->calibration,
						  sizeof(t->calibration));
	/* The weights are not there yet, and do not count in the plan. */
	no_limit.memory_limit = 0;
	if (lm_model_init(&t->model, &conf, &err) != HVQZ_OK ||
	    job_sense_plan(&no_limit, &t->opt, &t->model, &t->rep, &err) !=
		    HVQZ_OK) {
		message_err(t->dir, &err);
		return false;
	}
	t->rep.memory += model_bytes_expected(&t->model);
	return model_fits(&t->args->common, t->dir, t->rep.memory,
			  t->opt.full ? "fewer threads (-T), --block or --diag"
				      : "fewer threads (-T) or shorter "
					"sequences (-c)");
}

/* The plan in a line of len bytes. */
static char *describe_plan(const struct task *t, char *line, size_t len)
{
	char tokens[TEXT_LEN], n[TEXT_LEN], weights[TEXT_LEN];
	char memory[TEXT_LEN];

	snprintf(line, len, "%s tokens (%s x %zu), %s weights, %u threads, "
		 "planned memory %s", text_number(t->rep.n_tokens, tokens),
		 text_number(t->opt.n_sequences, n), t->opt.context,
		 text_number(t->rep.n_weights, weights),
		 t->args->common.threads, text_memory(t->rep.memory, memory));
	return line;
}

static void report(const struct task *t, double seconds)
{
	const struct sense_report *r = &t->rep;
	char tokens[TEXT_LEN], weights[TEXT_LEN], bytes[TEXT_LEN];
	char nll[60] = "";

	/* Without draws nobody looks at what the model predicts. */
	if (!isnan(r->nll))
		snprintf(nll, sizeof(nll), "nll %.4f, ppl %.4f, ", r->nll,
			 exp(r->nll));
	message_info(1, t->dir, "%s tokens, %s%s weights, %s bytes, %.2f s, "
		     "%.1f GFLOP/s",
		     text_number(r->n_tokens, tokens), nll,
		     text_number(r->n_weights, weights),
		     text_number(r->out_bytes, bytes), seconds,
		     r->seconds > 0 ? r->flop / r->seconds / 1e9 : 0);
}

/* Load the weights, run them, write the sidecar to out. */
static bool work(struct task *t, struct sink *out)
{
	const struct common_args *common = &t->args->common;
	double began = progress_clock();
	struct hvqz_err err = {0};
	enum hvqz_ret ret;

	if (!model_load(common, t->dir, &t->model, &t->opt.model_hash, NULL))
		return false;
	progress_begin(common->progress, t->dir, PROGRESS_TOKENS,
		       t->rep.n_tokens);
	ret = job_sense(&t->env, &t->opt, &t->model, t->input.ids, out,
			&t->rep, &err);
	progress_end();
	if (ret != HVQZ_OK) {
		message_err(t->dir, &err);
		return false;
	}
	report(t, progress_clock() - began);
	return true;
}

/* Would the sidecar be written over what it is made from? */
static bool is_input(const struct task *t, bool to_stdout, const char *path)
{
	const struct stat *in = &t->input.st;
	struct stat out;

	if (!to_stdout && folder_owns(t->dir, path)) {
		message_error(path, "the output is one of the model's own "
			      "files");
		return true;
	}
	if ((to_stdout ? fstat(STDOUT_FILENO, &out) : stat(path, &out)) ||
	    !S_ISREG(out.st_mode) || out.st_dev != in->st_dev ||
	    out.st_ino != in->st_ino)
		return false;
	message_error(to_stdout ? "(stdout)" : path, "the output is the input");
	return true;
}

static void work_to_output(struct task *t)
{
	const struct sense_args *a = t->args;
	struct out_file out;

	if (is_input(t, a->to_stdout, a->output))
		return;
	if (!out_open(&out, a->to_stdout ? NULL : a->output, NULL,
		      (a->force ? OUT_FORCE : 0) |
		      (a->no_sync ? OUT_NO_SYNC : 0)))
		return;
	if (work(t, &out.sink))
		out_commit(&out);
	else
		out_discard(&out);
}

void sense_run(const struct sense_args *args)
{
	struct task t = {
		.args = args,
		.dir = args->model.dir,
		.env = model_env(&args->common, args->model.dir),
		.opt = args->opt,
	};
	char line[200], name[4200];

	if (prepare(&t)) {
		describe_plan(&t, line, sizeof(line));
		if (args->dry_run) {
			snprintf(name, sizeof(name), "%.4190s", t.dir);
			printf("%s: %s\n", text_mask(name), line);
		} else {
			message_info(2, t.dir, "%s", line);
			work_to_output(&t);
		}
	}
	lm_model_free(&t.model);
	token_input_free(&t.input);
}
