/*
 * args_take.c - what each option does, grouped as in the manual page.
 *
 * Values are checked here, on their own; what options mean together is
 * args.c's business.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/args_take.h"

#include "cli/number.h"
#include "cli/suffix.h"

#include <stdio.h>
#include <string.h>

static bool take_rows(struct extract_options *x, const char *text)
{
	const char *colon = strchr(text, ':');
	char first[24] = "";

	if (colon && (size_t)(colon - text) < sizeof(first))
		memcpy(first, text, (size_t)(colon - text));
	if (!number_parse(first, 0, UINT64_MAX, &x->row_a) ||
	    !number_parse(colon + 1, 0, UINT64_MAX, &x->row_b))
		return REFUSE("--rows: '%s' is not A:B, as 0:128 is", text);
	if (x->row_a >= x->row_b)
		return REFUSE("--rows: '%s' is no row: B must be above A",
			      text);
	x->has_rows = true;
	return true;
}

static bool take_dtype(struct args *a, const char *text)
{
	enum dtype d = 0;

	if (strcmp(text, "f16") == 0)
		d = DTYPE_F16;
	else if (strcmp(text, "bf16") == 0)
		d = DTYPE_BF16;
	else if (strcmp(text, "f32") == 0)
		d = DTYPE_F32;
	else if (strcmp(text, "source") != 0)
		return REFUSE("--dtype: '%s' is not source, f16, bf16 or f32",
			      text);
	a->decode.dtype = a->extract.dtype = d;
	return true;
}

static bool take_to(struct args *a, const char *text)
{
	char names[120] = "";
	const struct writer_ops *w;

	a->decode.to = text;
	a->to_hvqz = strcmp(text, "hvqz") == 0;
	if (a->to_hvqz || (format_writer(text) && strcmp(text, "folder")))
		return true;
	for (unsigned i = 0; (w = format_writer_at(i)); i++) {
		size_t n = strlen(names);

		/* Files of a folder cannot go into one output. */
		if (w != &folder_writer)
			snprintf(names + n, sizeof(names) - n, "%s, ",
				 w->name);
	}
	return REFUSE("--to: '%s' is no format that can be written; there is: "
		      "%shvqz", text, names);
}

static bool set_mode(struct args *a, enum mode mode, const char *option)
{
	a->mode = mode;
	a->mode_option = option;
	return true;
}

bool take_mode(void *ctx, int code, const char *arg)
{
	const struct parse *p = ctx;
	struct args *a = p->args;

	switch (code) {
	case 'z':
		return set_mode(a, MODE_ENCODE, "-z");
	case 'd':
		return set_mode(a, MODE_DECODE, "-d");
	case 't':
		return set_mode(a, MODE_TEST, "-t");
	case 'l':
		return set_mode(a, MODE_LIST, "-l");
	case 'x':
		set_mode(a, MODE_EXTRACT, "-x");
		return options_append(&a->extract.globs, &a->extract.n_globs,
				      arg);
	case 'n':
		return a->encode.dry_run = true;
	case OPT_JSON:
		return a->json = true;
	case OPT_KEEP_GOING:
		return a->keep_going = true;
	case OPT_ROWS:
		return take_rows(&a->extract, arg);
	case OPT_DTYPE:
		return take_dtype(a, arg);
	default:		/* OPT_TO */
		return take_to(a, arg);
	}
}

static bool take_tensor_rule(struct encode_options *e, const char *text)
{
	struct tensor_rule rule = {0};
	struct hvqz_err err = {0};

	if (!options_grow(&e->rules, e->n_rules, sizeof(*e->rules)))
		return false;
	if (rule_parse(text, &rule, &err) != HVQZ_OK) {
		rule_free(&rule);
		return REFUSE("--tensor: %s", err.msg);
	}
	e->rules[e->n_rules++] = rule;
	return true;
}

/* --quality, --bpp, --kl: one of them at the most. */
static bool take_rate(struct parse *p, int code, const char *arg)
{
	struct encode_options *e = &p->args->encode;
	static const struct {
		int code;
		enum rate_mode mode;
		const char *name;
		double min, max;
	} way[] = {
		{OPT_QUALITY, RATE_QUALITY, "quality", QUALITY_MIN,
		 QUALITY_MAX},
		{OPT_BPP, RATE_BPP, "bpp", 0.1, 16},
		{OPT_KL, RATE_KL, "kl", 1e-9, 10},
	};
	unsigned i = 0;

	while (way[i].code != code)
		i++;
	if (p->rate && p->rate != code)
		return REFUSE("--quality, --bpp and --kl exclude each other");
	p->rate = code;
	e->rate_mode = way[i].mode;
	return number_real(arg, way[i].min, way[i].max, &e->rate) ||
	       REFUSE("--%s: '%s' is not a number from %g to %g", way[i].name,
		      arg, way[i].min, way[i].max);
}

static bool take_body(struct parse *p, const char *text)
{
	p->body = strcmp(text, "trellis") == 0  ? CODEC_TRELLIS
		  : strcmp(text, "kmeans") == 0 ? CODEC_HASVQ
		  : strcmp(text, "rtn") == 0	? CODEC_RTN
						: 0;
	return p->body || REFUSE("--body: '%s' is not trellis, kmeans or rtn",
				 text);
}

bool take_coding(void *ctx, int code, const char *arg)
{
	struct parse *p = ctx;
	struct args *a = p->args;
	uint64_t n = 0;

	switch (code) {
	case OPT_QUALITY:
	case OPT_BPP:
	case OPT_KL:
		return take_rate(p, code, arg);
	case OPT_BODY:
		return take_body(p, arg);
	case OPT_PRESET:
		p->high = strcmp(arg, "high") == 0;
		return p->high || strcmp(arg, "mid") == 0 ||
		       REFUSE("--preset: '%s' is not mid or high", arg);
	case OPT_FAITHFUL:
		return p->faithful = true;
	case OPT_LOSSLESS:
		return p->lossless = true;
	case OPT_CENTROIDS:
		if (!number_parse(arg, 2, HVQZ_MAX_CENTROIDS, &n))
			return REFUSE("--centroids: '%s' is not a number from "
				      "2 to %d", arg, HVQZ_MAX_CENTROIDS);
		p->centroids = (uint32_t)n;
		return true;
	case OPT_BLOCK:
		if (!number_parse(arg, 1, 8, &n) || (n & (n - 1)))
			return REFUSE("--block: '%s' is not 1, 2, 4 or 8",
				      arg);
		p->block = (uint32_t)n;
		return true;
	case OPT_BITS:
		if (!number_parse(arg, RTN_MIN_BITS, RTN_MAX_BITS, &n))
			return REFUSE("--bits: '%s' is not a number from %d to "
				      "%d", arg, RTN_MIN_BITS, RTN_MAX_BITS);
		p->bits = (uint32_t)n;
		return true;
	case OPT_GROUP:
		if (!number_parse(arg, 0, RTN_MAX_GROUP, &n))
			return REFUSE("--group: '%s' is not a number from 0 to "
				      "%d", arg, RTN_MAX_GROUP);
		p->group = (uint32_t)n;
		return true;
	case OPT_OUTLIERS:
		return number_share(arg, 0, 0.5, &p->outliers) ||
		       REFUSE("--outliers: '%s' is not a share from 0 to 0.5",
			      arg);
	case OPT_BASE:
		a->base = arg;
		return true;
	case OPT_CONDITION:
		return condition_parse(arg, &p->condition) ||
		       REFUSE("--condition: '%s' is not none, smooth or hero",
			      arg);
	case OPT_ALPHA:
		return alpha_parse(arg, &p->alpha) ||
		       REFUSE("--alpha: '%s' is not auto or a number from 0 "
			      "to 1", arg);
	case OPT_SIDECAR:
		return options_append(&a->sidecars, &a->n_sidecars, arg);
	case OPT_TENSOR:
		return take_tensor_rule(&a->encode, arg);
	case OPT_CHUNK:
		return number_size(arg, 1 << 10, 1 << 28,
				   &a->encode.chunk_elems) ||
		       REFUSE("--chunk: '%s' is not a number of parameters "
			      "from 1K to 256M", arg);
	case OPT_VERIFY:
	case OPT_NO_VERIFY:
		a->encode.no_verify = code == OPT_NO_VERIFY;
		return true;
	default:		/* '1' … '9' */
		p->effort = code - '0';
		return true;
	}
}

bool take_files(void *ctx, int code, const char *arg)
{
	const struct parse *p = ctx;
	struct args *a = p->args;

	switch (code) {
	case 'o':
		return common_take_output(&a->output, arg);
	case OPT_OUTPUT_DIR:
		a->output_dir = arg;
		return *arg || REFUSE("--output-dir: '' is no folder");
	case 'c':
		return a->to_stdout = true;
	case 'S':
		a->suffix = arg;
		return suffix_valid(arg) ||
		       REFUSE("-S: '%s' is no suffix: a dot, something behind "
			      "it, no slash", arg);
	case 'f':
		return a->force = true;
	case OPT_NO_SYNC:
		return a->no_sync = true;
	default:		/* 'k', OPT_RM */
		a->remove = code == OPT_RM;
		return true;
	}
}
