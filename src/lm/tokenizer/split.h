/*
 * split.h - the pre-tokenizer: text is cut into pieces, and no token crosses
 * from one into the next.
 *
 * A list of steps, each of which cuts what the one before it gives. A step is
 * a regular expression - what matches is a piece and so is what lies between
 * two matches - or it puts a space before what does not begin with one.
 *
 * Expressions see what is UTF-8 only: stray bytes are a piece, and text
 * begins and ends at them.
 */
#ifndef LM_TOKENIZER_SPLIT_H
#define LM_TOKENIZER_SPLIT_H

#include "base/error.h"
#include "lm/tokenizer/stop.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { SPLIT_MAX_STEPS = 32 };

struct split {
	/* NULL: the step that puts a space. */
	pcre2_code *steps[SPLIT_MAX_STEPS];
	pcre2_code *counted[SPLIT_MAX_STEPS];	/* the same with callouts */
	char *patterns[SPLIT_MAX_STEPS];	/* as they came, for errors */
	unsigned n_steps;
};

/* What one thread needs to run the steps. */
struct split_scratch {
	pcre2_match_data *match;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	uint64_t budget;	/* steps of matching that are left: split.c */
};

/* Gets every piece in order. */
struct split_sink {
	enum hvqz_ret (*take)(void *ctx, const uint8_t *piece, size_t len,
			      struct hvqz_err *err);
	void *ctx;
};

/*
 * What "pre_tokenizer" says; j may be NULL. Zero-initialise *s; split_free()
 * also after a failure. A part we do not know is HVQZ_UNSUPPORTED, by name.
 */
enum hvqz_ret split_load(struct split *s, const json_t *j,
			 struct hvqz_err *err);
void split_free(struct split *s);

/* One more step; pattern as in tokenizer.json, or as it stands. */
enum hvqz_ret split_add_regex(struct split *s, const char *pattern,
			      struct hvqz_err *err);
enum hvqz_ret split_add_literal(struct split *s, const char *text,
				struct hvqz_err *err);
enum hvqz_ret split_add_space(struct split *s, struct hvqz_err *err);

/*
 * Zero-initialise; split_end() also after a failure. One scratch is for one
 * text, in as many runs as it takes: they share its budget.
 */
enum hvqz_ret split_begin(struct split_scratch *scratch,
			  struct hvqz_err *err);
void split_end(struct split_scratch *scratch);

/*
 * stop (may be NULL) is asked wherever a pattern is tried and while it is.
 * HVQZ_UNSUPPORTED names a pattern that takes too long on this text.
 */
enum hvqz_ret split_run(const struct split *s, struct split_scratch *scratch,
			const uint8_t *text, size_t len,
			const struct split_sink *sink,
			const struct tokenizer_stop *stop,
			struct hvqz_err *err);

#endif
