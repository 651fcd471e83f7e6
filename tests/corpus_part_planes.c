/* corpus_part_planes.c - the rows of corpus_planes.h. */
#include "tests/corpus.h"
#include "tests/corpus_planes.h"

static size_t count(void)
{
	return sizeof(payloads) / sizeof(*payloads);
}

static void row(size_t i, struct corpus_row *row)
{
	const struct payload *p = &payloads[i];

	*row = (struct corpus_row){"H8", p->name,
				   p->word ? HVQZ_DAMAGED : HVQZ_OK, p->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	const struct payload *p = &payloads[i];

	to->slab = (struct slab){.dtype = p->dtype, .n_rows = 1, .n_cols = 4,
				 .raw_len = 4 * dtype_bits(p->dtype) / 8};
	buf_put(&to->b, p->p, p->len);
}

const struct corpus_part corpus_part_planes = {
	"payload of planes", READ_PAYLOAD, &codec_planes, count, row, make,
};
