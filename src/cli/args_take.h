/*
 * args_take.h - what each option does to struct args.
 *
 * Between args.c, which walks the command line, and args_take.c only.
 */
#ifndef CLI_ARGS_TAKE_H
#define CLI_ARGS_TAKE_H

#include "cli/args.h"
#include "cli/options.h"

/* Codes of options without a short form. */
enum {
	OPT_JSON = OPT_OWN, OPT_KEEP_GOING, OPT_ROWS, OPT_RM, OPT_NO_SYNC, OPT_CHUNK,
	OPT_PRESET, OPT_FAITHFUL, OPT_CENTROIDS, OPT_BLOCK, OPT_OUTLIERS,
	OPT_LOSSLESS, OPT_SIDECAR, OPT_TENSOR, OPT_DTYPE, OPT_TO, OPT_VERIFY,
	OPT_NO_VERIFY, OPT_QUALITY, OPT_BPP, OPT_KL, OPT_BODY, OPT_BITS,
	OPT_GROUP, OPT_CONDITION, OPT_ALPHA, OPT_BASE, OPT_OUTPUT_DIR,
};

/* What must be known whole before it can be put into args. */
struct parse {
	struct args *args;
	bool high, faithful, lossless;
	enum codec_id body;		/* of --body; 0: not given */
	int rate;			/* OPT_QUALITY, _BPP, _KL or 0 */
	uint32_t centroids, block;	/* 0: as the preset says */
	uint32_t bits, group;		/* 0: the default */
	enum condition condition;
	double alpha;			/* NAN: auto */
	double outliers;		/* below 0: as the preset says */
	int effort;
};

/* One option each, as struct option_row wants it; ctx is a struct parse. */
bool take_mode(void *ctx, int code, const char *arg);
bool take_coding(void *ctx, int code, const char *arg);
bool take_files(void *ctx, int code, const char *arg);

#endif
