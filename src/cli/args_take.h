/*
 * args_take.h - what each option does to struct args.
 *
 * Between args.c, which walks the command line, and args_take.c only.
 */
#ifndef CLI_ARGS_TAKE_H
#define CLI_ARGS_TAKE_H

#include "cli/args.h"
#include "cli/message.h"

/* Codes of options without a short form. */
enum {
	OPT_FIRST = 256,
	OPT_JSON, OPT_ROWS, OPT_RM, OPT_NO_SYNC, OPT_CHUNK, OPT_PRESET,
	OPT_FAITHFUL, OPT_CENTROIDS, OPT_BLOCK, OPT_OUTLIERS, OPT_LOSSLESS,
	OPT_SIDECAR, OPT_TENSOR, OPT_DTYPE, OPT_TO, OPT_VERIFY,
	OPT_NO_VERIFY, OPT_PROGRESS, OPT_QUALITY, OPT_BPP, OPT_KL,
};

/* What must be known whole before it can be put into args. */
struct parse {
	struct args *args;
	bool high, faithful, lossless;
	bool kmeans;			/* --preset, --centroids … */
	int rate;			/* OPT_QUALITY, _BPP, _KL or 0 */
	uint32_t centroids, block;	/* 0: as the preset says */
	double outliers;		/* below 0: as the preset says */
	int effort;
};

/* Say what is wrong with the command line; false, for the caller to return. */
#define REFUSE(...) (message_error(NULL, __VA_ARGS__), false)

/* One option each; arg is NULL when it takes none. False: refused. */
bool take_mode(struct parse *p, int code, const char *arg);
bool take_coding(struct parse *p, int code, const char *arg);
bool take_files(struct parse *p, int code, const char *arg);
bool take_talk(struct parse *p, int code, const char *arg);

/* Append text to a list of n; false when out of memory. */
bool take_append(const char ***list, size_t *n, const char *text);

#endif
