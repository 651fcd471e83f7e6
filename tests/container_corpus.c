/*
 * container_corpus.c - the ways to spoil a good .hvqz, in order, and doing it.
 */
#include "tests/container_corpus_cases.h"

#include <assert.h>

size_t container_corpus_n(void)
{
	return container_cases_head_n + container_cases_chunks_n +
	       container_cases_frames_n;
}

const struct corpus_case *container_corpus(size_t i)
{
	if (i < container_cases_head_n)
		return &container_cases_head[i];
	i -= container_cases_head_n;
	if (i < container_cases_chunks_n)
		return &container_cases_chunks[i];
	i -= container_cases_chunks_n;
	assert(i < container_cases_frames_n);
	return &container_cases_frames[i];
}

void container_corpus_make(const struct corpus_case *c, struct buf *file)
{
	struct image im = {0};

	image_good(file);
	image_take_apart(file, &im);
	for (int at = AT_HEADER; at <= AT_FILE; at++) {
		image_derive(&im, (enum corpus_stage)at);
		if (c->at == (enum corpus_stage)at)
			c->change(&im);
	}
	image_must(buf_ok(&im.file, NULL));
	buf_clear(file);
	buf_put(file, im.file.p, im.file.len);
	image_free(&im);
}
