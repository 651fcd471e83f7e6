/*
 * container_corpus.h - bad .hvqz files, each breaking one rule, generated.
 *
 * Each is a small good file with one change; every hash and length behind the
 * change is made right again, else nothing behind the hashes would be reached.
 * The good file is a real one (raw chunks, a safetensors header), so that the
 * program's own tests can use this table too.
 */
#ifndef TESTS_CONTAINER_CORPUS_H
#define TESTS_CONTAINER_CORPUS_H

#include "tests/container_image.h"

#include <stdbool.h>
#include <stddef.h>

struct corpus_case {
	const char *rule;	/* of shared/HOSTILE.md: "H3" */
	const char *name;	/* fit for a file name */
	enum corpus_stage at;
	void (*change)(struct image *im);
	enum hvqz_ret ret;	/* HVQZ_OK: a good variant */
	const char *word;	/* what the sentence must contain */
	/* An index reader, who does not see every head, cannot find it. */
	bool sequence_only;
};

/* Case i of so many. */
const struct corpus_case *container_corpus(size_t i);
size_t container_corpus_n(void);

/* The file of case c, to *file (cleared first). */
void container_corpus_make(const struct corpus_case *c, struct buf *file);

#endif
