/* corpus_part_gguf.c - the rows of corpus_gguf.h. */
#include "tests/corpus.h"
#include "tests/corpus_gguf.h"

static size_t count(void)
{
	return N_CORPUS_GGUF;
}

static void row(size_t i, struct corpus_row *row)
{
	const struct corpus_case *c = &corpus_gguf[i];

	*row = (struct corpus_row){c->rule, c->name, c->ret,
				   *c->word ? c->word : NULL};
}

static void make(size_t i, struct corpus_bytes *to)
{
	corpus_gguf_make(&corpus_gguf[i], &to->b);
}

const struct corpus_part corpus_part_gguf = {
	"gguf", READ_GGUF, NULL, count, row, make,
};
