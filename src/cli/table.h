/*
 * table.h - aligned columns on standard output.
 *
 * Rows are gathered first, so that every column is as wide as its widest cell
 * and no wider. Only the first column, which holds names, is kept from growing
 * without end.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_MAX_COLUMNS = 10 };

struct table {
	const char *columns;	/* one letter each: 'l'eft or 'r'ight */
	char **cells;		/* owned; row by row; NULL is a rule */
	size_t n_cells;
	/* So many of the last columns may go where a terminal is narrow. */
	size_t n_spare;
	bool failed;		/* out of memory: table_print() says so */
};

/* The next cell, in printf style; control characters are masked. */
void table_cell(struct table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Several cells at once; the list ends with NULL. */
void table_cells(struct table *t, const char *const *text);

/* A whole row that is a line under the columns above. */
void table_rule(struct table *t);

/*
 * Print every row behind indent spaces. A first cell that is too long stands on
 * a line of its own on a terminal, and pushes its row to the right elsewhere,
 * where every row is to be one line. False: out of memory.
 */
bool table_print(const struct table *t, size_t indent);

void table_free(struct table *t);

#endif
