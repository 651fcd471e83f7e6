/*
 * list_condition.c - the last table of -lvv: coordinates, by layer type.
 *
 * The spectra come first, for they are what one looks for; what a narrow
 * terminal has no room for comes last.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/list.h"
#include "cli/text.h"

#include <stdio.h>

static void cell_figure(struct table *t, double v)
{
	char buf[TEXT_LEN];

	table_cell(t, "%s", text_figure(v, buf));
}

/* "0.3", or "0.3-0.9" */
static void cell_alpha(struct table *t, const struct listing_condition *c)
{
	if (c->alpha_min == c->alpha_max)
		table_cell(t, "%g", c->alpha_min / 100.0);
	else
		table_cell(t, "%g-%g", c->alpha_min / 100.0,
			   c->alpha_max / 100.0);
}

static void add_type(struct table *t, const struct listing_type *x)
{
	static const char *const no_spectra[] = {"-", "-", "-", "-",
						 "-", NULL};
	static const char *const no_body[] = {"-", "-", "-", NULL};
	const struct listing_condition *c = &x->cond;
	char bodies[LIST_CODECS_LEN];
	double most[2], ratio[2];

	table_cell(t, "%s", x->name);
	if (c->n_chunks) {
		listing_spectra(c, most, ratio);
		for (int i = 0; i < 2; i++)
			cell_figure(t, most[i]);
		for (int i = 0; i < 2; i++)
			cell_figure(t, ratio[i]);
		cell_alpha(t, c);
	} else {
		table_cells(t, no_spectra);
	}
	table_cell(t, "%zu/%zu", x->n_conditioned, x->n_tensors);
	if (c->n_chunks) {
		table_cell(t, "%s", list_codecs(c->bodies, bodies));
		table_cell(t, "%zu", x->n_rotated);
		cell_figure(t, (double)c->n_angles /
			       (double)x->n_conditioned);
	} else {
		table_cells(t, no_body);
	}
}

bool list_conditions(const struct listing *l)
{
	static const char *const heads[] = {"Layer type", "λ_max", "After",
					    "Cond.", "After", "Alpha",
					    "Tensors", "Body", "Rotated",
					    "Angles", NULL};
	struct table t = {.columns = "lrrrrrrlrr", .n_spare = 3};
	bool any = false, good;

	if (!l->cond)
		return true;
	putchar('\n');
	for (size_t i = 0; i < l->n_types; i++)
		any |= l->types[i].cond.n_chunks > 0;
	if (!any) {
		puts("  No tensor was quantized in conditioned coordinates.");
		return true;
	}
	table_cells(&t, heads);
	table_rule(&t);
	for (size_t i = 0; i < l->n_types; i++)
		add_type(&t, &l->types[i]);
	good = table_print(&t, 2);
	table_free(&t);
	return good;
}
