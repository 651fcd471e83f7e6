/* corpus_part_sidecar.c - the rows of corpus_sidecar.h: both imatrices, ours. */
#include "tests/corpus.h"
#include "tests/corpus_sidecar.h"

static size_t count(void)
{
	return N_SIDECAR_CASES;
}

/* A name begins with its rule where it has one; the others break the law's. */
static void row(size_t i, struct corpus_row *row)
{
	static const char *const rules[] = {"M1", "M2", "M3", "M4", "M5"};
	const struct sidecar_case *c = &sidecar_cases[i];

	*row = (struct corpus_row){"sidecar.md", c->name, c->ret, c->word};
	for (size_t r = 0; r < sizeof(rules) / sizeof(*rules); r++)
		if (!strncmp(c->name, rules[r], 2))
			row->rule = rules[r];
}

static void make(size_t i, struct corpus_bytes *to)
{
	corpus_sidecar_build(&sidecar_cases[i], &to->b);
}

const struct corpus_part corpus_part_sidecar = {
	"sidecar", READ_SIDECAR, NULL, count, row, make,
};
