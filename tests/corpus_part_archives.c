/* corpus_part_archives.c - the rows of corpus_archives.h. */
#include "tests/corpus.h"
#include "tests/corpus_archives.h"

static size_t count(void)
{
	return N_ARCHIVES;
}

static void row(size_t i, struct corpus_row *row)
{
	const struct archive_case *c = &corpus_archives[i];

	*row = (struct corpus_row){c->rule, c->name, c->ret, c->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	corpus_archives[i].build(&to->b);
}

const struct corpus_part corpus_part_archives = {
	"archive", READ_ARCHIVE, NULL, count, row, make,
};
