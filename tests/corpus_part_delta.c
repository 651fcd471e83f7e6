/* corpus_part_delta.c - the rows of corpus_delta.h. */
#include "tests/corpus.h"
#include "tests/corpus_delta.h"

#include <string.h>

static size_t count(void)
{
	return sizeof(bad_payloads) / sizeof(*bad_payloads);
}

static void row(size_t i, struct corpus_row *row)
{
	const struct bad_payload *b = &bad_payloads[i];

	*row = (struct corpus_row){"H8", b->name,
				   b->word ? HVQZ_DAMAGED : HVQZ_OK, b->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	const struct bad_payload *b = &bad_payloads[i];

	to->slab = (struct slab){.dtype = b->dtype, .n_rows = 1, .n_cols = 4,
				 .raw_len = 4 * dtype_bits(b->dtype) / 8};
	memcpy(to->base, old_floats, sizeof(old_floats));
	buf_put(&to->b, b->p, b->len);
}

const struct corpus_part corpus_part_delta = {
	"payload of delta", READ_PAYLOAD, &codec_delta, count, row, make,
};
