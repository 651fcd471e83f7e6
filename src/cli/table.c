/* table.c - aligned columns. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/table.h"

#include "cli/descriptors.h"
#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	GAP = 2,
	NARROWEST = 24,		/* what is left of a cut first column */
};

static const char cut_mark[] = "...";

static bool add(struct table *t, char *cell)
{
	/* Grows by doubling: at every power of two. */
	if (!(t->n_cells & (t->n_cells - 1))) {
		size_t n = t->n_cells ? 2 * t->n_cells : 1;
		char **more = realloc(t->cells, n * sizeof(*more));

		if (!more)
			return false;
		t->cells = more;
	}
	t->cells[t->n_cells++] = cell;
	return true;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *cell = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&cell, fmt, ap) < 0 || !add(t, text_mask(cell))) {
		free(cell);
		t->failed = true;
	}
	va_end(ap);
}

void table_rule(struct table *t)
{
	for (size_t i = 0; t->columns[i]; i++)
		t->failed |= !add(t, NULL);
}

/* Columns of the terminal on stdout; none: as many as it takes. */
static size_t available(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col)
		return (size_t)-1;
	return w.ws_col;
}

static size_t sum_widths(const size_t *width, size_t n_columns)
{
	size_t sum = GAP * (n_columns - 1);

	for (size_t i = 0; i < n_columns; i++)
		sum += width[i];
	return sum;
}

/*
 * A cell of more than width columns, without some behind its first quarter:
 * tensors' names differ more towards their end.
 */
static void put_cut(const char *cell, size_t width)
{
	size_t keep = width - strlen(cut_mark), front = keep / 4;
	size_t back = text_columns(cell) - (keep - front);
	size_t at = 0;

	for (const char *p = cell; *p; p++) {
		bool starts = ((unsigned char)*p & 0xc0) != 0x80;

		at += starts;
		if (at <= front || at > back)
			putchar(*p);
		else if (at == front + 1 && starts)
			fputs(cut_mark, stdout);
	}
}

static void put_spaces(size_t n)
{
	while (n--)
		putchar(' ');
}

static void put_cell(const char *cell, char side, size_t width, bool last)
{
	size_t has;

	if (!cell) {
		while (width--)
			putchar('-');
		return;
	}
	has = text_columns(cell);
	if (side == 'r' && has < width)
		put_spaces(width - has);
	if (has > width)
		put_cut(cell, width);
	else
		fputs(cell, stdout);
	if (side == 'l' && has < width && !last)
		put_spaces(width - has);
}

bool table_print(const struct table *t, size_t indent)
{
	size_t n_columns = strlen(t->columns), room = available();
	size_t width[TABLE_MAX_COLUMNS] = {0}, wide;

	if (t->failed)
		return false;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t n = t->cells[i] ? text_columns(t->cells[i]) : 0;

		if (n > width[i % n_columns])
			width[i % n_columns] = n;
	}
	wide = indent + sum_widths(width, n_columns);
	if (wide > room) {
		size_t less = wide - room;

		if (width[0] > less + NARROWEST)
			width[0] -= less;
		else if (width[0] > NARROWEST)
			width[0] = NARROWEST;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % n_columns;
		bool last = c == n_columns - 1;

		/* No white space at the end of a line. */
		if (!last || !t->cells[i] || *t->cells[i]) {
			put_spaces(c ? GAP : indent);
			put_cell(t->cells[i], t->columns[c], width[c], last);
		}
		if (last)
			putchar('\n');
		if (last && descriptors_stdout_failed())
			break;
	}
	return true;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->n_cells = 0;
}
