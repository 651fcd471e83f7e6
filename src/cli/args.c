/*
 * args.c - the command line, understood and checked.
 *
 * One table names every option and the modes it means something in; what it
 * does stands in args_take.c. An option that the final mode has no use for is
 * refused instead of ignored: somebody wanted something by it. Not so what
 * other packers take in any mode, too, and scripts therefore give in any.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/args.h"

#include "cli/args_take.h"
#include "cli/help.h"
#include "cli/suffix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sets of modes. */
enum {
	IN_Z = 1 << MODE_ENCODE,
	IN_D = 1 << MODE_DECODE,
	IN_T = 1 << MODE_TEST,
	IN_L = 1 << MODE_LIST,
	IN_X = 1 << MODE_EXTRACT,
	IN_C = 1 << MODE_CONVERT,
	IN_ALL = IN_Z | IN_D | IN_T | IN_L | IN_X | IN_C,
};

static const struct option_row table[] = {
	{"encode", no_argument, 'z', IN_ALL, take_mode},
	{"decode", no_argument, 'd', IN_ALL, take_mode},
	{"test", no_argument, 't', IN_ALL, take_mode},
	{"list", no_argument, 'l', IN_ALL, take_mode},
	{"extract", required_argument, 'x', IN_X, take_mode},
	{"json", no_argument, OPT_JSON, IN_L, take_mode},
	{"rows", required_argument, OPT_ROWS, IN_X, take_mode},
	{"dtype", required_argument, OPT_DTYPE, IN_D | IN_T | IN_X | IN_C,
	 take_mode},
	{"to", required_argument, OPT_TO, IN_Z | IN_D | IN_X | IN_C, take_mode},
	{"keep-going", no_argument, OPT_KEEP_GOING, IN_D | IN_T | IN_X,
	 take_mode},
	{"dry-run", no_argument, 'n', IN_Z, take_mode},

	{"quality", required_argument, OPT_QUALITY, IN_Z, take_coding},
	{"bpp", required_argument, OPT_BPP, IN_Z, take_coding},
	{"kl", required_argument, OPT_KL, IN_Z, take_coding},
	{"body", required_argument, OPT_BODY, IN_Z, take_coding},
	{"preset", required_argument, OPT_PRESET, IN_Z, take_coding},
	{"faithful", no_argument, OPT_FAITHFUL, IN_Z, take_coding},
	{"lossless", no_argument, OPT_LOSSLESS, IN_Z, take_coding},
	{"centroids", required_argument, OPT_CENTROIDS, IN_Z, take_coding},
	{"block", required_argument, OPT_BLOCK, IN_Z, take_coding},
	{"bits", required_argument, OPT_BITS, IN_Z, take_coding},
	{"group", required_argument, OPT_GROUP, IN_Z, take_coding},
	{"outliers", required_argument, OPT_OUTLIERS, IN_Z, take_coding},
	{"condition", required_argument, OPT_CONDITION, IN_Z, take_coding},
	{"alpha", required_argument, OPT_ALPHA, IN_Z, take_coding},
	{"sidecar", required_argument, OPT_SIDECAR, IN_Z, take_coding},
	{"base", required_argument, OPT_BASE,
	 IN_Z | IN_D | IN_T | IN_X | IN_C, take_coding},
	{"tensor", required_argument, OPT_TENSOR, IN_Z, take_coding},
	{"chunk", required_argument, OPT_CHUNK, IN_Z, take_coding},
	{"verify", no_argument, OPT_VERIFY, IN_Z, take_coding},
	{"no-verify", no_argument, OPT_NO_VERIFY, IN_Z, take_coding},

	{"output", required_argument, 'o', IN_Z | IN_D | IN_X | IN_C,
	 take_files},
	{"output-dir", required_argument, OPT_OUTPUT_DIR, IN_Z | IN_D | IN_C,
	 take_files},
	{"stdout", no_argument, 'c', IN_ALL, take_files},
	{"suffix", required_argument, 'S', IN_ALL, take_files},
	{"keep", no_argument, 'k', IN_ALL, take_files},
	{"rm", no_argument, OPT_RM, IN_Z | IN_D | IN_C, take_files},
	{"force", no_argument, 'f', IN_ALL, take_files},
	{"no-sync", no_argument, OPT_NO_SYNC, IN_ALL, take_files},

	{NULL, no_argument, '1', IN_ALL, take_coding},
	{NULL, no_argument, '2', IN_ALL, take_coding},
	{NULL, no_argument, '3', IN_ALL, take_coding},
	{NULL, no_argument, '4', IN_ALL, take_coding},
	{NULL, no_argument, '5', IN_ALL, take_coding},
	{NULL, no_argument, '6', IN_ALL, take_coding},
	{NULL, no_argument, '7', IN_ALL, take_coding},
	{NULL, no_argument, '8', IN_ALL, take_coding},
	{NULL, no_argument, '9', IN_ALL, take_coding},
};

enum { N_OPTIONS = sizeof(table) / sizeof(*table) };

static size_t row_of(int code)
{
	size_t i = 0;

	while (table[i].code != code)
		i++;
	return i;
}

/* What is no option is a file; none at all is standard input. */
static bool take_names(struct args *a, int argc, char **argv, int first)
{
	while (first < argc)
		if (!options_append(&a->files, &a->n_files, argv[first++]))
			return false;
	return a->n_files || options_append(&a->files, &a->n_files, "-");
}

static bool is_seen(const bool *seen, int code)
{
	return seen[row_of(code)];
}

/* Options that move one body, and choose it where --body does not. */
static const struct {
	int code;
	enum codec_id body;
} knobs[] = {
	{OPT_PRESET, CODEC_HASVQ},    {OPT_FAITHFUL, CODEC_HASVQ},
	{OPT_CENTROIDS, CODEC_HASVQ}, {OPT_BLOCK, CODEC_HASVQ},
	{OPT_BITS, CODEC_RTN},	      {OPT_GROUP, CODEC_RTN},
};

enum { N_KNOBS = sizeof(knobs) / sizeof(*knobs) };

static const char *body_name(enum codec_id body)
{
	return body == CODEC_HASVQ ? "k-means body"
	       : body == CODEC_RTN ? "rtn body"
				   : "trellis";
}

/* The body, and the option that chose it; OPT_BODY if none did. */
static enum codec_id choose_body(const struct parse *p, const bool *seen,
				 int *by)
{
	*by = OPT_BODY;
	if (p->body)
		return p->body;
	for (size_t i = 0; i < N_KNOBS; i++)
		if (is_seen(seen, knobs[i].code)) {
			*by = knobs[i].code;
			return knobs[i].body;
		}
	return CODEC_TRELLIS;
}

/* The parts of the settings in the order that makes sense of them. */
static void settle_codec(const struct parse *p, enum codec_id body,
			 struct codec_settings *set)
{
	settings_preset_mid(set);
	if (p->high)
		settings_preset_high(set);
	set->bits = p->bits;
	set->group = p->group;
	if (body == CODEC_TRELLIS)
		settings_trellis(set);
	else if (body == CODEC_RTN)
		settings_rtn(set);
	set->condition = p->condition;
	set->alpha = p->alpha;
	set->effort = p->effort;
	set->faithful = p->faithful;
	if (p->centroids)
		set->centroids = p->centroids;
	if (p->block)
		set->block = p->block;
	if (p->outliers >= 0)
		set->outliers = p->outliers;
	if (p->lossless)
		set->codec = CODEC_PLANES;
}

/* Has a --tensor rule this word in it? */
static bool any_rule(const struct args *a, const char *word)
{
	for (size_t i = 0; i < a->encode.n_rules; i++)
		if (strstr(a->encode.rules[i].setting, word))
			return true;
	return false;
}

static bool has_stdin(const struct args *a)
{
	for (size_t i = 0; i < a->n_files; i++)
		if (strcmp(a->files[i], "-") == 0)
			return true;
	return false;
}

static bool check_stdin(const struct args *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_files; i++)
		n += strcmp(a->files[i], "-") == 0;
	for (size_t i = 0; i < a->n_sidecars; i++)
		n += strcmp(a->sidecars[i], "-") == 0;
	n += a->base && strcmp(a->base, "-") == 0;
	return options_check_stdin(n);
}

/* --lossless leaves nothing to quantize, unless --tensor says otherwise. */
static bool check_lossless(const struct args *a, const bool *seen)
{
	static const int lossy[] = {OPT_PRESET, OPT_FAITHFUL, OPT_CENTROIDS,
				    OPT_BLOCK, OPT_OUTLIERS, OPT_QUALITY,
				    OPT_BPP, OPT_KL, OPT_BODY, OPT_BITS,
				    OPT_GROUP, OPT_CONDITION, OPT_ALPHA};

	if (a->mode == MODE_ENCODE && a->base && !a->encode.n_rules &&
	    !is_seen(seen, OPT_LOSSLESS))
		return REFUSE("--base needs --lossless: what is quantized is "
			      "not a difference from anything");
	if (!is_seen(seen, OPT_LOSSLESS) || a->encode.n_rules)
		return true;
	for (size_t i = 0; i < sizeof(lossy) / sizeof(*lossy); i++)
		if (is_seen(seen, lossy[i]))
			return REFUSE("--lossless and --%s exclude each other",
				      table[row_of(lossy[i])].name);
	return true;
}

/*
 * Every body has its own knobs, and only they move it. Those of another one are
 * for --tensor rules, once --body says which the others get.
 */
static bool check_body(const struct parse *p, const bool *seen)
{
	static const int rate[] = {OPT_QUALITY, OPT_BPP, OPT_KL};
	bool rules = p->args->encode.n_rules;
	enum codec_id body;
	int by;

	body = choose_body(p, seen, &by);
	for (size_t i = 0; i < N_KNOBS; i++)
		if (is_seen(seen, knobs[i].code) && knobs[i].body != body &&
		    !(p->body && rules))
			return REFUSE("--%s is for the %s; --%s chooses the %s",
				      table[row_of(knobs[i].code)].name,
				      body_name(knobs[i].body),
				      table[row_of(by)].name,
				      body_name(body));
	if (is_seen(seen, OPT_ALPHA) && p->condition == CONDITION_NONE &&
	    !any_rule(p->args, "condition="))
		return REFUSE("--alpha needs --condition smooth or hero");
	if (body == CODEC_RTN && is_seen(seen, OPT_OUTLIERS) && !rules)
		return REFUSE("--outliers has no meaning with the rtn body: "
			      "all its weights are rounded");
	for (size_t i = 0; i < sizeof(rate) / sizeof(*rate); i++)
		if (is_seen(seen, rate[i]) && body != CODEC_TRELLIS && !rules)
			return REFUSE("--%s is for the trellis; --%s chooses "
				      "the %s", table[row_of(rate[i])].name,
				      table[row_of(by)].name,
				      body_name(body));
	return true;
}

/* Does everything that was said go together? */
static bool check(const struct parse *p, const bool *seen)
{
	const struct args *a = p->args;
	bool writes = a->mode != MODE_TEST && a->mode != MODE_LIST;
	bool one_output = a->output || a->to_stdout ||
			  a->mode == MODE_EXTRACT;

	for (size_t i = 0; i < N_OPTIONS; i++)
		if (seen[i] && !(table[i].modes & 1 << a->mode))
			return REFUSE("--%s has no meaning with %s",
				      table[i].name, a->mode_option);
	if (a->output && a->to_stdout)
		return REFUSE("-c and -o exclude each other");
	if (a->output_dir && (a->output || a->to_stdout))
		return REFUSE("--output-dir and %s exclude each other",
			      a->output ? "-o" : "-c");
	if (a->remove && (one_output || a->encode.dry_run))
		return REFUSE("--rm is for an output beside its source, not "
			      "for %s", a->output ? "-o" :
			      a->to_stdout ? "-c" : "-n");
	if (a->remove && a->decode.to && !a->to_hvqz)
		return REFUSE("--rm and --to %s exclude each other: what that "
			      "format cannot hold would be lost with the source",
			      a->decode.to);
	if (a->remove && has_stdin(a))
		return REFUSE("--rm is for an output beside its source, not "
			      "for standard input");
	if (a->remove && a->no_sync)
		return REFUSE("--rm waits until the result is on disk, which "
			      "--no-sync does not");
	if (writes && one_output && a->n_files > 1 && !a->encode.dry_run)
		return REFUSE("%zu files cannot go into one output: a file "
			      "holds one model", a->n_files);
	return check_stdin(a) && check_lossless(a, seen) &&
	       check_body(p, seen);
}

/*
 * --to another format than .hvqz means to convert, where no mode was said;
 * --to hvqz is what encoding does.
 */
static bool settle_to(struct args *a, const bool *seen)
{
	if (!a->decode.to)
		return true;
	if (a->mode == MODE_ENCODE && !a->to_hvqz) {
		if (is_seen(seen, 'z'))
			return REFUSE("-z makes a .hvqz, and --to %s something "
				      "else", a->decode.to);
		a->mode = MODE_CONVERT;
		a->mode_option = "--to";
	}
	if (a->mode != MODE_ENCODE && a->to_hvqz)
		return REFUSE("--to hvqz has no meaning with %s",
			      a->mode_option);
	if (a->mode == MODE_EXTRACT && strcmp(a->decode.to, "safetensors"))
		return REFUSE("-x writes safetensors only");
	return true;
}

/* unhvqz is hvqz -d, hvqzcat is hvqz -dc. */
static void mode_of_name(struct args *a, const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0 ? argv0 : "";

	a->mode = MODE_ENCODE;
	a->mode_option = "-z";
	a->to_stdout = strcmp(name, "hvqzcat") == 0;
	if (a->to_stdout || strcmp(name, "unhvqz") == 0) {
		a->mode = MODE_DECODE;
		a->mode_option = "-d";
	}
}

enum args_result args_parse(struct args *args, int argc, char **argv)
{
	struct parse p = {.args = args, .outliers = -1, .effort = 5,
			  .alpha = NAN};
	bool seen[N_OPTIONS] = {false};
	const struct option_group groups[] = {
		{table, N_OPTIONS, &p, seen},
		common_args_group(&args->common),
	};
	enum args_result result;
	int first, by;

	*args = (struct args){
		.suffix = SUFFIX_DEFAULT,
		.encode.rate = QUALITY_DEFAULT,
	};
	mode_of_name(args, argv[0]);
	result = options_walk(groups, 2, &help_hvqz, argc, argv, &first);
	if (result != ARGS_RUN)
		return result;
	if (!take_names(args, argc, argv, first))
		return ARGS_BAD;
	/* -c that only the program's name has said gives way to -o. */
	if ((args->output || args->output_dir) && !is_seen(seen, 'c'))
		args->to_stdout = false;
	if (args->output && strcmp(args->output, "-") == 0) {
		args->output = NULL;
		args->to_stdout = true;
	}
	if (!settle_to(args, seen))
		return ARGS_BAD;
	settle_codec(&p, choose_body(&p, seen, &by), &args->encode.set);
	return check(&p, seen) ? ARGS_RUN : ARGS_BAD;
}

void args_free(struct args *args)
{
	for (size_t i = 0; i < args->encode.n_rules; i++)
		rule_free(&args->encode.rules[i]);
	free(args->encode.rules);
	free(args->extract.globs);
	free(args->sidecars);
	free(args->files);
}
