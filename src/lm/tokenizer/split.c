/*
 * split.c - running the steps of a pre-tokenizer: see split.h.
 *
 * The steps are run depth first: a piece goes through all steps behind the
 * one that cut it before the next piece is cut, so nothing is stored.
 */
#include "lm/tokenizer/split.h"

#include "lm/tokenizer/pattern.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
	MATCH_LIMIT = 1000000000,	/* steps of one search */
	HEAP_KIB = 1 << 20,
	STACK_MIN = 32 << 10,
	STACK_MAX = 64 << 20,
};

/* All that one run hands down from step to step. */
struct run {
	const struct split *split;
	struct split_scratch *scratch;
	const struct split_sink *sink;
	struct hvqz_err *err;
};

static enum hvqz_ret add(struct split *s, pcre2_code *step,
			 struct hvqz_err *err)
{
	if (s->n_steps == SPLIT_MAX_STEPS) {
		pcre2_code_free(step);
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a pre_tokenizer of over %d steps",
				 SPLIT_MAX_STEPS);
	}
	s->steps[s->n_steps++] = step;
	return HVQZ_OK;
}

enum hvqz_ret split_add_space(struct split *s, struct hvqz_err *err)
{
	return add(s, NULL, err);
}

static enum hvqz_ret compile(struct split *s, const void *pattern, size_t len,
			     uint32_t options, struct hvqz_err *err)
{
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	char text[160] = "";
	pcre2_code *code;
	PCRE2_SIZE at;
	int e;

	if (!ctx)
		return hvqz_nomem(err, len, "a regular expression");
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	code = pcre2_compile(pattern, len, options | PCRE2_UTF, &e, &at, ctx);
	pcre2_compile_context_free(ctx);
	if (!code) {
		pcre2_get_error_message(e, (PCRE2_UCHAR *)text, sizeof(text));
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "PCRE2 refuses the regular expression "
				 "\"%.*s\": %s", len < 200 ? (int)len : 200,
				 (const char *)pattern, text);
	}
	/* Only faster: where there is none, matching works without. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return add(s, code, err);
}

enum hvqz_ret split_add_regex(struct split *s, const char *pattern,
			      struct hvqz_err *err)
{
	struct buf b = {0};
	enum hvqz_ret ret;

	TRY_OUT(pattern_translate(pattern, &b, err));
	ret = compile(s, b.len ? (const char *)b.p : "", b.len,
		      PCRE2_UCP | PCRE2_MULTILINE, err);
out:
	buf_free(&b);
	return ret;
}

enum hvqz_ret split_add_literal(struct split *s, const char *text,
				struct hvqz_err *err)
{
	return compile(s, text, strlen(text), PCRE2_LITERAL, err);
}

void split_free(struct split *s)
{
	for (unsigned i = 0; i < s->n_steps; i++)
		pcre2_code_free(s->steps[i]);
	s->n_steps = 0;
}

enum hvqz_ret split_begin(struct split_scratch *scratch, struct hvqz_err *err)
{
	scratch->match = pcre2_match_data_create(1, NULL);
	scratch->limits = pcre2_match_context_create(NULL);
	scratch->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (!scratch->match || !scratch->limits)
		return hvqz_nomem(err, sizeof(void *), "matching");
	pcre2_set_match_limit(scratch->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(scratch->limits, HEAP_KIB);
	/* Without a stack, because there is no JIT, this changes nothing. */
	pcre2_jit_stack_assign(scratch->limits, NULL, scratch->stack);
	return HVQZ_OK;
}

void split_end(struct split_scratch *scratch)
{
	pcre2_match_data_free(scratch->match);
	pcre2_match_context_free(scratch->limits);
	pcre2_jit_stack_free(scratch->stack);
	*scratch = (struct split_scratch){0};
}

static enum hvqz_ret run_step(const struct run *r, unsigned step,
			      const uint8_t *text, size_t len);

/* Search text from byte `from`; *found false when there is no more. */
static enum hvqz_ret search(const struct run *r, unsigned step,
			    const uint8_t *text, size_t len, size_t from,
			    bool *found)
{
	char why[160] = "";
	int n = pcre2_match(r->split->steps[step], text, len, from,
			    PCRE2_NO_UTF_CHECK, r->scratch->match,
			    r->scratch->limits);

	*found = n >= 0;
	if (n >= 0 || n == PCRE2_ERROR_NOMATCH)
		return HVQZ_OK;
	if (n == PCRE2_ERROR_NOMEMORY)
		return hvqz_nomem(r->err, len, "matching");
	pcre2_get_error_message(n, (PCRE2_UCHAR *)why, sizeof(why));
	return hvqz_fail(r->err, HVQZ_UNSUPPORTED,
			 "step %u of the pre_tokenizer fails on a piece of "
			 "%zu bytes: %s", step, len, why);
}

/*
 * A step on text that is all characters. A match of nothing cuts there,
 * unless another match ends there.
 */
static enum hvqz_ret run_regex(const struct run *r, unsigned step,
			       const uint8_t *text, size_t len)
{
	const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(r->scratch->match);
	size_t done = 0, from = 0;
	bool found = true;

	while (found && from <= len) {
		size_t start, end;
		int32_t c;

		TRY(search(r, step, text, len, from, &found));
		start = found ? ov[0] : len;
		end = found ? ov[1] : len;
		from = end;
		if (start == end)
			from += end < len ?
				utf8_char(text + end, len - end, &c) : 1;
		if (start > done)
			TRY(run_step(r, step + 1, text + done, start - done));
		if (end > start)
			TRY(run_step(r, step + 1, text + start, end - start));
		done = end;
	}
	return HVQZ_OK;
}

static enum hvqz_ret run_space(const struct run *r, unsigned step,
			       const uint8_t *text, size_t len)
{
	enum hvqz_ret ret;
	uint8_t *spaced;

	if (*text == ' ')
		return run_step(r, step + 1, text, len);
	spaced = malloc(len + 1);
	if (!spaced)
		return hvqz_nomem(r->err, len + 1, "a piece of text");
	*spaced = ' ';
	memcpy(spaced + 1, text, len);
	ret = run_step(r, step + 1, spaced, len + 1);
	free(spaced);
	return ret;
}

/* len is not 0. */
static enum hvqz_ret run_step(const struct run *r, unsigned step,
			      const uint8_t *text, size_t len)
{
	if (step == r->split->n_steps)
		return r->sink->take(r->sink->ctx, text, len, r->err);
	if (!r->split->steps[step])
		return run_space(r, step, text, len);
	for (size_t at = 0; at < len;) {
		size_t n = utf8_valid(text + at, len - at);

		if (n)
			TRY(run_regex(r, step, text + at, n));
		at += n;
		n = utf8_stray(text + at, len - at);
		if (n)
			TRY(run_step(r, step + 1, text + at, n));
		at += n;
	}
	return HVQZ_OK;
}

enum hvqz_ret split_run(const struct split *s, struct split_scratch *scratch,
			const uint8_t *text, size_t len,
			const struct split_sink *sink, struct hvqz_err *err)
{
	struct run r = {s, scratch, sink, err};

	return len ? run_step(&r, 0, text, len) : HVQZ_OK;
}
