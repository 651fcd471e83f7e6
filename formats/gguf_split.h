/*
 * gguf_split.h - models whose GGUF is split into several files: rule Q16 of
 * formats/gguf.md, for one file and for all parts together.
 *
 * What a part is stands in its keys. Its name, PREFIX-00002-of-00003.gguf, says
 * which files are of one set.
 */
#ifndef FORMATS_GGUF_SPLIT_H
#define FORMATS_GGUF_SPLIT_H

#include "formats/gguf.h"

/* What the split.* keys of a file say. */
struct gguf_split {
	uint32_t no, count;	/* 0 of 1: a whole file */
	uint64_t n_tensors;	/* in this file */
	uint64_t total;		/* in all of them, as it says */
};

static inline bool gguf_is_part(const struct gguf_split *s)
{
	return s->count > 1;
}

/* HVQZ_DAMAGED: what a file can break of Q16 alone. */
enum hvqz_ret gguf_split_of(const struct gguf *g, struct gguf_split *s,
			    struct hvqz_err *err);

/* The bytes of PREFIX in PREFIX-00002-of-00003.gguf; 0: no such name. */
size_t gguf_part_prefix(const char *name);

/*
 * Are files of these names in one set: in one folder, and called by one PREFIX
 * and one count, or both otherwise? qsort's order; 0: they are.
 */
int gguf_set_cmp(const char *a, const char *b);

struct gguf_part {
	const char *name;
	struct gguf_split split;
};

/*
 * The parts of one set, n > 0; they are sorted by number. HVQZ_DAMAGED names
 * the part that is not there or there twice, those that do not agree, or the
 * number of tensors that is wrong.
 */
enum hvqz_ret gguf_split_check(struct gguf_part *v, size_t n,
			       struct hvqz_err *err);

#endif
