/* corpus_part_hasvq.c - the rows of corpus_hasvq.h. */
#include "tests/corpus.h"
#include "tests/corpus_hasvq.h"

static size_t count(void)
{
	return sizeof(bad_payloads) / sizeof(*bad_payloads);
}

/* What is unknown is not damaged. */
static void row(size_t i, struct corpus_row *row)
{
	const struct bad_payload *b = &bad_payloads[i];

	*row = (struct corpus_row){"H8", b->name, HVQZ_DAMAGED, b->word};
	if (!strcmp(b->word, "unknown"))
		row->ret = HVQZ_UNSUPPORTED;
}

static void make_bytes(size_t i, struct corpus_bytes *to)
{
	struct made m;

	make(&m, bad_payloads[i].faithful);
	bad_payloads[i].mutate(&m.q, &m.out);
	to->slab = m.slab;
	buf_put(&to->b, m.out.p, m.out.len);
	unmake(&m);
}

const struct corpus_part corpus_part_hasvq = {
	"payload of hasvq", READ_PAYLOAD, &codec_hasvq, count, row, make_bytes,
};
