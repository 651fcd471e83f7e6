/* corpus_part_conditioned.c - the rows of corpus_conditioned.h. */
#include "tests/corpus.h"
#include "tests/corpus_conditioned.h"

static size_t count(void)
{
	return sizeof(bad) / sizeof(*bad);
}

static void row(size_t i, struct corpus_row *row)
{
	*row = (struct corpus_row){"H8", bad[i].name, bad[i].ret, bad[i].word};
}

static void make_bytes(size_t i, struct corpus_bytes *to)
{
	struct made m;

	make(&m);
	bad[i].damage(&m);
	to->slab = m.slab;
	buf_put(&to->b, m.out.p, m.out.len);
	unmake(&m);
}

const struct corpus_part corpus_part_conditioned = {
	"payload of conditioned", READ_PAYLOAD, &codec_conditioned, count, row, make_bytes,
};
