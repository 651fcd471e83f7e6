/* corpus_part_container.c - the rows of container_corpus_*.c. */
#include "tests/container_corpus.h"
#include "tests/corpus.h"

#include <string.h>

/* Behind the codec's byte stands no payload of that codec. */
static bool only_framed(const char *name)
{
	return !strcmp(name, "delta_with_base") ||
	       !strcmp(name, "work_allowed");
}

static void row(size_t i, struct corpus_row *row)
{
	const struct corpus_case *c = container_corpus(i);

	*row = (struct corpus_row){c->rule, c->name, c->ret, c->word};
	if (only_framed(c->name)) {
		row->ret = *c->name == 'd' ? HVQZ_USAGE : HVQZ_DAMAGED;
		row->word = "";
	}
	/* To whom reads it, a base model is wanting. */
	if (!strcmp(c->name, "base_1"))
		row->ret = HVQZ_USAGE;
}

static void make(size_t i, struct corpus_bytes *to)
{
	container_corpus_make(container_corpus(i), &to->b);
}

const struct corpus_part corpus_part_container = {
	".hvqz", READ_HVQZ, NULL, container_corpus_n, row, make,
};
