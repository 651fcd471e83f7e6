/* corpus.c - the listing of corpus.h. */
#include "tests/corpus.h"

#include <assert.h>

const struct corpus_part *const corpus_parts[] = {
	&corpus_part_safetensors, &corpus_part_gguf,	&corpus_part_archives,
	&corpus_part_pickle, &corpus_part_hf,
	&corpus_part_content, &corpus_part_sidecar,
	&corpus_part_match,	  &corpus_part_container,
	&corpus_part_planes,	  &corpus_part_hasvq,	&corpus_part_trellis,
	&corpus_part_rtn,	  &corpus_part_conditioned,
	&corpus_part_delta,
};

const size_t corpus_n_parts = sizeof(corpus_parts) / sizeof(*corpus_parts);

size_t corpus_count(void)
{
	size_t n = 0;

	for (size_t p = 0; p < corpus_n_parts; p++)
		n += corpus_parts[p]->count();
	return n;
}

const struct corpus_part *corpus_find(size_t i, struct corpus_row *row,
				      size_t *in_part)
{
	size_t p = 0;

	while (i >= corpus_parts[p]->count()) {
		i -= corpus_parts[p++]->count();
		assert(p < corpus_n_parts);
	}
	corpus_parts[p]->row(i, row);
	*in_part = i;
	return corpus_parts[p];
}
