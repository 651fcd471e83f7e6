/* corpus_part_rtn.c - the rows of corpus_rtn.h. */
#include "tests/corpus.h"
#include "tests/corpus_rtn.h"

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
	buf_free(&m.out);
}

const struct corpus_part corpus_part_rtn = {
	"payload of rtn", READ_PAYLOAD, &codec_rtn, count, row, make_bytes,
};
