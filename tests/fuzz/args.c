/*
 * args.c - the command lines of the three programs, rules and settings.
 *
 * Input: which program (one byte), then its words, each ended by a NUL. What
 * a rule says is applied to a model.
 */
#include "cli/args.h"
#include "cli/eval_args.h"
#include "cli/sense_args.h"
#include "model/plan.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

enum { MAX_WORDS = 64 };

/* What holds of settings that were accepted, whatever they are. */
static void check_settings(const struct codec_settings *s)
{
	FUZZ_HOLDS(codec_find(s->codec) && s->effort >= 1 && s->effort <= 9);
	FUZZ_HOLDS(s->centroids >= 2 && s->centroids <= HVQZ_MAX_CENTROIDS);
	FUZZ_HOLDS(s->block == 1 || s->block == 2 || s->block == 4 ||
		   s->block == 8);
	FUZZ_HOLDS(s->outliers >= 0 && s->outliers <= 0.5);
	FUZZ_HOLDS(!s->bits || (s->bits >= RTN_MIN_BITS &&
				s->bits <= RTN_MAX_BITS));
	FUZZ_HOLDS(s->group <= RTN_MAX_GROUP);
	FUZZ_HOLDS(isnan(s->alpha) || (s->alpha >= 0 && s->alpha <= 1));
}

static void plan(struct args *a)
{
	static const char *const names[] = {
		"model.embed_tokens.weight", "lm_head.weight", "h.0.attn.w",
	};
	static const uint64_t dim[] = {128, 64};
	struct hvqz_err err = {0};
	struct model m = {0};
	struct plan p = {0};
	enum hvqz_ret ret;

	for (size_t i = 0; i < 3; i++)
		FUZZ_HOLDS(!model_add(&m, names[i], DTYPE_F16, 2, dim, NULL));
	ret = plan_make(&p, &m, &a->encode.set, a->encode.rules,
			a->encode.n_rules, NULL, a->encode.chunk_elems, &err);
	FUZZ_HOLDS(ret == HVQZ_OK || (ret == HVQZ_USAGE && *err.msg));
	for (size_t i = 0; i < p.n_tensors && !ret; i++)
		check_settings(&p.t[i].set);
	plan_free(&p);
	model_free(&m);
}

static void parse(unsigned program, int argc, char **argv)
{
	struct sense_args sense;
	struct eval_args eval;
	struct args a;

	optind = 0;	/* getopt begins anew */
	if (program == 1) {
		sense_args_parse(&sense, argc, argv);
	} else if (program == 2) {
		eval_args_parse(&eval, argc, argv);
		eval_args_free(&eval);
	} else {
		if (args_parse(&a, argc, argv) == ARGS_RUN) {
			FUZZ_HOLDS(a.n_files && a.suffix);
			check_settings(&a.encode.set);
			plan(&a);
		}
		args_free(&a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static int silent;
	char *argv[MAX_WORDS + 2] = {"hvqz"};
	char *words = malloc(len + 1), *end = words + len;
	int argc = 1;

	FUZZ_HOLDS(words);
	message_setup(-2, false);
	if (!silent++) {
		/* -h and -V answer; the replay's own line comes last. */
		FUZZ_HOLDS(freopen("/dev/null", "w", stdout));
	}
	memcpy(words, p, len);
	*end = '\0';
	for (char *w = words + 1; w < end && argc <= MAX_WORDS;
	     w += strlen(w) + 1)
		argv[argc++] = w;
	if (len)
		parse(*words % 3, argc, argv);
	free(words);
	return 0;
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	static const char *const lines[] = {
		"0-z -9 --quality 3.5 --chunk 1M m.safetensors",
		"0-kc --bpp 4 --sidecar s.dat --sidecar t.dat a",
		"0--kl 0.001 --no-verify -n -T2 -M 400M a b",
		"0--faithful --preset mid --outliers 0.02 a",
		"0--preset high --centroids 256 --block 4 a",
		"0--body rtn --bits 4 --group 32 --condition hero a",
		"0--body kmeans --condition smooth --alpha 0.5 a",
		"0--tensor *embed*=lossless --tensor lm_head*=q=7 a",
		"0--tensor *=k=64,b=2,rho=0.1 --tensor h.*=raw a",
		"0--tensor *=rtn,bits=3,group=128,condition=hero,alpha=auto a",
		"0--tensor *=faithful,mid --tensor *=high,trellis -v a",
		"0--lossless --base parent child",
		"0-d --dtype F32 --to safetensors -o out a",
		"0-x *.0.* --rows 3:7 -x b -c a",
		"0-lvv --json -qq -Q a", "0-t -f -S .x a", "0-V", "0-H",
		"0-d --rm --no-sync --progress plain -- -a",
		"1dir --text t.txt -o s.safetensors --block 64 --draws 0",
		"1dir --tokens t.u16 --diag --dry-run --context 128 -T 3",
		"2dir --tokens t.u16 --weights a --weights b --json",
		"2dir --text t --context 64 --sequences 7 -M1G",
	};
	char copy[256];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t n = strlen(lines[i]) + 1;

		memcpy(copy, lines[i], n);
		copy[0] -= '0';
		for (size_t j = 1; j < n; j++)
			if (copy[j] == ' ')
				copy[j] = '\0';
		add(copy, n);
	}
}
