/* eval_report.c - the scores. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/eval_report.h"

#include "cli/descriptors.h"
#include "cli/json_line.h"
#include "cli/message.h"
#include "cli/text.h"

/*
 * Digits of a real number in JSON: what a sum over a million tokens in double
 * precision is good for.
 */
enum { DIGITS = 10 };

static double bpp(const struct eval_row *row)
{
	return row->n_params ? 8.0 * (double)row->bytes /
			       (double)row->n_params : 0;
}

static bool print_json(const struct eval_row *row)
{
	const struct eval_score *s = &row->score;
	struct json_line o = json_line_begin();

	json_line_text(&o, "file", row->file);
	json_line_number(&o, "params", row->n_params);
	json_line_number(&o, "bytes", row->bytes);
	json_line_real(&o, "bpp", bpp(row));
	json_line_number(&o, "tokens", s->n_tokens);
	json_line_real(&o, "nll", s->nll);
	json_line_real(&o, "ppl", s->ppl);
	json_line_real(&o, "dnll", s->dnll);
	json_line_real(&o, "kl", s->kl);
	json_line_real(&o, "kl99", s->kl99);
	json_line_real(&o, "top1", s->top1);
	return json_line_print(&o, DIGITS);
}

/* "0.00335"; what is measured to be 0 is that, and not unknown. */
static void cell_kl(struct table *t, double kl)
{
	char buf[TEXT_LEN];

	if (kl > 0)
		table_cell(t, "%s", text_kl(kl, buf));
	else
		table_cell(t, "%.1g", kl);
}

static void add_cells(struct table *t, const struct eval_row *row)
{
	const struct eval_score *s = &row->score;

	table_cell(t, "%s", row->file);
	table_cell(t, "%.3f", bpp(row));
	table_cell(t, "%.4f", s->ppl);
	if (row->original) {
		for (unsigned i = 0; i < 4; i++)
			table_cell(t, "-");
		return;
	}
	table_cell(t, "%+.5f", s->dnll);
	cell_kl(t, s->kl);
	cell_kl(t, s->kl99);
	table_cell(t, "%.2f", 100 * s->top1);
}

void eval_report_add(struct eval_report *r, const struct eval_row *row)
{
	static const char *const heads[] = {"Weights", "bpp", "ppl", "dnll",
					    "KL", "KL 99 %", "Top-1 %"};

	if (r->json) {
		if (!print_json(row) && !descriptors_stdout_failed())
			message_error(row->file, "out of memory");
		return;
	}
	if (!r->table.columns) {
		r->table.columns = "lrrrrrr";
		for (unsigned i = 0; i < 7; i++)
			table_cell(&r->table, "%s", heads[i]);
		table_rule(&r->table);
	}
	add_cells(&r->table, row);
}

void eval_report_end(struct eval_report *r)
{
	if (!r->table.columns)
		return;
	if (!table_print(&r->table, 0))
		message_error(NULL, "out of memory");
	table_free(&r->table);
}
