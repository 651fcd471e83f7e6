/* corpus_part_safetensors.c - the rows of corpus_safetensors.h. */
#include "tests/corpus.h"
#include "tests/corpus_safetensors.h"

static size_t count(void)
{
	return N_CORPUS_SAFETENSORS;
}

static void row(size_t i, struct corpus_row *row)
{
	const struct corpus_case *c = &corpus_safetensors[i];

	*row = (struct corpus_row){c->rule, c->name, c->ret, c->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	size_t len = 0;
	uint8_t *file = corpus_build(&corpus_safetensors[i], &len);

	buf_put(&to->b, file, len);
	free(file);
}

const struct corpus_part corpus_part_safetensors = {
	"safetensors", READ_SAFETENSORS, NULL, count, row, make,
};
