/*
 * eval_report.h - the scores, a row for each set of weights: as a table for
 * people, or as JSON, one object a line. hvqz-eval(1) says what they are.
 */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include "cli/table.h"
#include "job/eval.h"

#include <stdbool.h>
#include <stdint.h>

struct eval_report {
	bool json;
	struct table table;
};

struct eval_row {
	const char *file;
	bool original;		/* what the others are compared with */
	uint64_t n_params, bytes;
	struct eval_score score;
};

/* JSON is printed at once, the table at the end. */
void eval_report_add(struct eval_report *r, const struct eval_row *row);
void eval_report_end(struct eval_report *r);

#endif
