/* help_model.c - the options of the programs that run models. */
#include "cli/help.h"

#include <stddef.h>

/* ---- what they have in common ---- */

static const char text_options[] =
	"The text:\n"
	"      --text FILE        UTF-8 text, for the model's "
	"tokenizer.json; - is\n"
	"                         standard input\n"
	"      --tokens FILE.u16  token ids, little-endian, of 16 bits; .u32: "
	"of 32\n"
	"  -n, --sequences N      take the first N sequences; default: as many "
	"as make\n"
	"                         32,768 tokens for hvqz-sense, all for "
	"hvqz-eval\n"
	"  -c, --context N        tokens of a sequence; default 512, or what "
	"the model\n"
	"                         can look back on if that is less\n";

#define TEXT_BRIEF                                                          \
	"  --text FILE   UTF-8 text; - is standard input\n"                 \
	"  --tokens F    or its token ids, little-endian: F.u16, F.u32\n"   \
	"  -n N          take the first N sequences\n"                      \
	"  -c N          tokens of a sequence; default 512 at most\n"

/* ---- hvqz-sense ---- */

static const char sense_usage[] =
	"Usage: hvqz-sense MODEL_DIR (--text FILE | --tokens FILE) -o SIDECAR "
	"[OPTION]...\n"
	"Run a model on a text and measure how much each of its weights "
	"matters: a\n"
	"sidecar for hvqz --sidecar.\n\n";

static const char sense_brief[] =
	TEXT_BRIEF
	"  -o SIDECAR    the file to make; - is standard output\n"
	"  -f            overwrite; allow a terminal\n"
	"  --diag        only diagonals: a small file, worth less\n"
	"  --dry-run     plan, write nothing\n";

static const char sense_measure[] =
	"\nWhat is measured:\n"
	"      --full             full Hessians (the default)\n"
	"      --diag             only their diagonals\n"
	"      --block N          of full Hessians, only blocks of N channels "
	"along the\n"
	"                         diagonal; 0, the default: all of it\n"
	"      --draws N          gradients drawn for each token, for the row\n"
	"                         sensitivities; default 2; 0: none of them\n"
	"      --seed S           of the draws; default 0\n";

static const char sense_files[] =
	"\nFiles:\n"
	"  -o, --output SIDECAR   the file to make; - is standard output\n"
	"  -f, --force            overwrite; allow binary data on a terminal\n"
	"      --no-sync          do not wait for the disk\n"
	"      --dry-run          plan, report, write nothing\n";

static const char *const sense_sections[] = {text_options, sense_measure,
					     sense_files, NULL};

const struct help help_sense = {sense_usage, sense_brief, sense_sections};

/* ---- hvqz-eval ---- */

static const char eval_usage[] =
	"Usage: hvqz-eval MODEL_DIR (--text FILE | --tokens FILE) "
	"[--weights FILE]...\n"
	"Score a model on a text, and say how far other weights for it are "
	"from it.\n\n";

static const char eval_brief[] =
	TEXT_BRIEF
	"  --weights F   a .hvqz or model file, or a folder; repeatable\n"
	"  --json        one JSON object a line\n";

static const char eval_scores[] =
	"\nScores:\n"
	"      --weights FILE     compare these weights with the folder's own: "
	"a .hvqz or\n"
	"                         model file, or another folder; repeatable\n"
	"      --json             one JSON object a line instead of a table\n";

static const char *const eval_sections[] = {text_options, eval_scores, NULL};

const struct help help_eval = {eval_usage, eval_brief, eval_sections};
