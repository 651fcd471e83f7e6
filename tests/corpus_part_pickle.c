/* corpus_part_pickle.c - the rows of corpus_pickle.h, each in a PyTorch file. */
#include "tests/corpus.h"
#include "tests/corpus_pickle.h"

static size_t count(void)
{
	return N_PICKLES;
}

static void row(size_t i, struct corpus_row *row)
{
	const struct pickle_case *c = &pickle_cases[i];

	*row = (struct corpus_row){"A1", c->name, c->ret, c->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	pickle_file(&to->b, pickle_cases[i].p, pickle_cases[i].len);
}

const struct corpus_part corpus_part_pickle = {
	"pickle", READ_ARCHIVE, NULL, count, row, make,
};
