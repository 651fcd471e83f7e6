/*
 * container_corpus_cases.h - how the tables of container_corpus_*.c are written.
 */
#ifndef TESTS_CONTAINER_CORPUS_CASES_H
#define TESTS_CONTAINER_CORPUS_CASES_H

#include "tests/container_corpus.h"

/* A change to one field, as a function of the image. */
#define CHANGE(name, ...)                          \
	static void name(struct image *im)         \
	{                                          \
		__VA_ARGS__;                       \
	}

#define PROLOGUE(off) (im->prologue + (off))
#define HEAD(i, off) (im->chunk[i].head + (off))
#define TRAILER(off) (im->trailer + (off))

#define BAD HVQZ_DAMAGED
#define UNSUP HVQZ_UNSUPPORTED
/* The function's name is the case's. */
#define CASE(rule_, at_, change_, ret_, word_)                          \
	{.rule = rule_, .name = #change_, .at = at_, .change = change_, \
	 .ret = ret_, .word = word_}
#define CASE_SEQUENCE(rule_, at_, change_, ret_, word_)                 \
	{.rule = rule_, .name = #change_, .at = at_, .change = change_, \
	 .ret = ret_, .word = word_, .sequence_only = true}

extern const struct corpus_case container_cases_head[];
extern const struct corpus_case container_cases_chunks[];
extern const struct corpus_case container_cases_frames[];
extern const size_t container_cases_head_n, container_cases_chunks_n;
extern const size_t container_cases_frames_n;

#endif
