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
	WIDEST = 96,		/* a first column at most */
	NARROWEST = 16,		/* a first column on a narrow terminal */
};

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

void table_cells(struct table *t, const char *const *text)
{
	for (; *text; text++)
		table_cell(t, "%s", *text);
}

void table_rule(struct table *t)
{
	for (size_t i = 0; t->columns[i]; i++)
		t->failed |= !add(t, NULL);
}

static const size_t NO_TERMINAL = (size_t)-1;

/* Columns of the terminal on stdout. */
static size_t available(void)
{
	struct winsize w;

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_col)
		return NO_TERMINAL;
	return w.ws_col;
}

static size_t sum_widths(const size_t *width, size_t n_columns)
{
	size_t sum = GAP * (n_columns - 1);

	for (size_t i = 0; i < n_columns; i++)
		sum += width[i];
	return sum;
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
	fputs(cell, stdout);
	if (side == 'l' && has < width && !last)
		put_spaces(width - has);
}

/*
 * Every column as wide as its widest cell; in the first one, cells beyond
 * reason do not count.
 */
static void set_widths(const struct table *t, size_t n_columns, size_t *width)
{
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t n = t->cells[i] ? text_columns(t->cells[i]) : 0;
		bool odd = i % n_columns == 0 && n > WIDEST;

		if (n > width[i % n_columns] && !odd)
			width[i % n_columns] = n;
	}
}

/*
 * How many columns a terminal has room for: all, or all but some of the last
 * that can be spared. The first becomes as narrow as it must and may be.
 */
static size_t fit(const struct table *t, size_t n_columns, size_t indent,
		  size_t room, size_t *width)
{
	size_t least = width[0] < NARROWEST ? width[0] : NARROWEST;
	size_t rest = indent + sum_widths(width, n_columns) - width[0];
	size_t kept = n_columns - t->n_spare, most;

	if (room == NO_TERMINAL)
		return n_columns;
	while (n_columns > kept && rest + least > room)
		rest -= GAP + width[--n_columns];
	most = room > rest + least ? room - rest : least;
	if (width[0] > most)
		width[0] = most;
	return n_columns;
}

/* Have these n cells nothing to print? A rule has. */
static bool all_empty(char *const *cells, size_t n)
{
	while (n && *cells && !**cells) {
		cells++;
		n--;
	}
	return !n;
}

bool table_print(const struct table *t, size_t indent)
{
	size_t n_columns = strlen(t->columns), room = available();
	size_t width[TABLE_MAX_COLUMNS] = {0}, n_shown;

	if (t->failed)
		return false;
	set_widths(t, n_columns, width);
	n_shown = fit(t, n_columns, indent, room, width);
	for (size_t i = 0; i < t->n_cells; i++) {
		const char *cell = t->cells[i];
		size_t c = i % n_columns;
		bool last = c == n_shown - 1;

		if (c >= n_shown)
			continue;
		/* No white space at the end of a line. */
		if (!all_empty(&t->cells[i], n_shown - c)) {
			put_spaces(c ? GAP : indent);
			put_cell(cell, t->columns[c], width[c],
				 all_empty(&t->cells[i + 1],
					   n_shown - c - 1));
		}
		/* A name too long for a terminal gets a line of its own. */
		if (!c && !last && room != NO_TERMINAL && cell &&
		    text_columns(cell) > width[0]) {
			putchar('\n');
			put_spaces(indent + width[0]);
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
