/*
 * split.c - running the steps of a pre-tokenizer: see split.h.
 *
 * The steps are run depth first: a piece goes through all steps behind the
 * one that cut it before the next piece is cut, so nothing is stored.
 *
 * Patterns come with the file, and some take exponential time. PCRE2 has a
 * limit for how often a match may turn back, but it holds for every place of
 * the text anew, and what it counts may each take as long as the text. So
 * patterns are PCRE2_ANCHORED and tried at one place after the other, with a
 * limit of FREE_STEPS. If these do not do, as in a long run of white space,
 * the try is begun anew with the same pattern compiled with a callout before
 * every item. The callouts ask whether to stop, and take what they see done,
 * one and the way gone since the last, from a budget that grows with the
 * text. So that work is linear in the text, whatever the pattern. Free tries
 * can still add up to a square, but the stop is asked between them.
 */
#include "lm/tokenizer/split.h"

#include "lm/tokenizer/field.h"
#include "lm/tokenizer/pattern.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
	FREE_STEPS = 256,
	BUDGET = 1 << 24,		/* and for each byte of text: */
	BUDGET_PER_BYTE = 64,
	HEAP_KIB = 1 << 20,
	STACK_MIN = 32 << 10,
	STACK_MAX = 64 << 20,
};

/* All that one run hands down from step to step. */
struct run {
	const struct split *split;
	struct split_scratch *scratch;
	const struct split_sink *sink;
	const struct tokenizer_stop *stop;
	struct hvqz_err *err;
};

/* One more step, of which the caller fills in the rest. */
static enum hvqz_ret add(struct split *s, const char *pattern,
			 struct hvqz_err *err)
{
	if (s->n_steps == SPLIT_MAX_STEPS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a pre_tokenizer of over %d steps",
				 SPLIT_MAX_STEPS);
	s->patterns[s->n_steps] = strdup(pattern);
	if (!s->patterns[s->n_steps])
		return hvqz_nomem(err, strlen(pattern) + 1, "a pattern");
	s->steps[s->n_steps] = s->counted[s->n_steps] = NULL;
	s->n_steps++;
	return HVQZ_OK;
}

enum hvqz_ret split_add_space(struct split *s, struct hvqz_err *err)
{
	return add(s, "", err);
}

static enum hvqz_ret compile(const void *pattern, size_t len,
			     uint32_t options, pcre2_code **code,
			     struct hvqz_err *err)
{
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	char text[160] = "";
	PCRE2_SIZE at;
	int e;

	if (!ctx)
		return hvqz_nomem(err, len, "a regular expression");
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	*code = pcre2_compile(pattern, len,
			      options | PCRE2_UTF | PCRE2_ANCHORED, &e, &at,
			      ctx);
	pcre2_compile_context_free(ctx);
	if (!*code) {
		pcre2_get_error_message(e, (PCRE2_UCHAR *)text, sizeof(text));
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "PCRE2 refuses the regular expression "
				 "\"%.*s\": %s", len < 200 ? (int)len : 200,
				 (const char *)pattern, text);
	}
	/* Only faster: where there is none, matching works without. */
	pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);
	return HVQZ_OK;
}

/* name: the pattern as it came. */
static enum hvqz_ret add_pattern(struct split *s, const char *name,
				 const void *pattern, size_t len,
				 uint32_t options, struct hvqz_err *err)
{
	pcre2_code *code = NULL, *counted = NULL;
	enum hvqz_ret ret;

	TRY_OUT(compile(pattern, len, options, &code, err));
	TRY_OUT(compile(pattern, len, options | PCRE2_AUTO_CALLOUT, &counted,
			err));
	TRY_OUT(add(s, name, err));
	s->steps[s->n_steps - 1] = code;
	s->counted[s->n_steps - 1] = counted;
	return HVQZ_OK;
out:
	pcre2_code_free(code);
	pcre2_code_free(counted);
	return ret;
}

enum hvqz_ret split_add_regex(struct split *s, const char *pattern,
			      struct hvqz_err *err)
{
	struct buf b = {0};
	enum hvqz_ret ret;

	TRY_OUT(pattern_translate(pattern, &b, err));
	ret = add_pattern(s, pattern, b.len ? (const char *)b.p : "", b.len,
			  PCRE2_UCP | PCRE2_MULTILINE, err);
out:
	buf_free(&b);
	return ret;
}

enum hvqz_ret split_add_literal(struct split *s, const char *text,
				struct hvqz_err *err)
{
	return add_pattern(s, text, text, strlen(text), PCRE2_LITERAL, err);
}

void split_free(struct split *s)
{
	for (unsigned i = 0; i < s->n_steps; i++) {
		pcre2_code_free(s->steps[i]);
		pcre2_code_free(s->counted[i]);
		free(s->patterns[i]);
	}
	s->n_steps = 0;
}

enum hvqz_ret split_begin(struct split_scratch *scratch, struct hvqz_err *err)
{
	scratch->match = pcre2_match_data_create(1, NULL);
	scratch->limits = pcre2_match_context_create(NULL);
	scratch->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	scratch->budget = BUDGET;
	if (!scratch->match || !scratch->limits)
		return hvqz_nomem(err, sizeof(void *), "matching");
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

/* A try that is counted. */
struct count {
	const struct run *run;
	size_t at;		/* of the last callout */
	bool stopped, is_spent;
};

static int count(pcre2_callout_block *b, void *ctx)
{
	struct count *c = ctx;
	uint64_t *budget = &c->run->scratch->budget;
	size_t at = b->current_position;
	size_t way = 1 + (at > c->at ? at - c->at : c->at - at);

	c->at = at;
	c->is_spent = *budget < way;
	c->stopped = tokenizer_poll(c->run->stop, c->run->err) != HVQZ_OK;
	if (c->is_spent || c->stopped)
		return PCRE2_ERROR_CALLOUT;
	*budget -= way;
	return 0;
}

/* Does the step's pattern match at byte `at` of text? */
static enum hvqz_ret try_at(const struct run *r, unsigned step,
			    const uint8_t *text, size_t len, size_t at,
			    bool *found)
{
	struct split_scratch *sc = r->scratch;
	struct count c = {.run = r, .at = at};
	char why[160] = "", q[QUOTE_LEN];
	int n;

	TRY(tokenizer_poll(r->stop, r->err));
	pcre2_set_match_limit(sc->limits, FREE_STEPS);
	n = pcre2_match(r->split->steps[step], text, len, at,
			PCRE2_NO_UTF_CHECK, sc->match, sc->limits);
	if (n == PCRE2_ERROR_MATCHLIMIT) {
		pcre2_set_match_limit(sc->limits, UINT32_MAX);
		pcre2_set_callout(sc->limits, count, &c);
		n = pcre2_match(r->split->counted[step], text, len, at,
				PCRE2_NO_UTF_CHECK, sc->match, sc->limits);
	}
	*found = n >= 0;
	if (n >= 0 || n == PCRE2_ERROR_NOMATCH)
		return HVQZ_OK;
	if (c.stopped)
		return HVQZ_STOPPED;
	if (n == PCRE2_ERROR_NOMEMORY)
		return hvqz_nomem(r->err, len, "matching");
	quote(r->split->patterns[step], q);
	if (c.is_spent)
		return hvqz_fail(r->err, HVQZ_UNSUPPORTED,
				 "the pattern \"%s\" of the pre_tokenizer "
				 "takes too long on this text: given up at "
				 "byte %zu of a piece of %zu", q, at, len);
	pcre2_get_error_message(n, (PCRE2_UCHAR *)why, sizeof(why));
	return hvqz_fail(r->err, HVQZ_UNSUPPORTED,
			 "the pattern \"%s\" of the pre_tokenizer fails on a "
			 "piece of %zu bytes: %s", q, len, why);
}

/* Search text from byte `from`; *found false when there is no more. */
static enum hvqz_ret search(const struct run *r, unsigned step,
			    const uint8_t *text, size_t len, size_t from,
			    bool *found)
{
	for (size_t at = from;;) {
		int32_t c;

		TRY(try_at(r, step, text, len, at, found));
		if (*found || at == len)
			return HVQZ_OK;
		at += utf8_char(text + at, len - at, &c);
	}
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
			const struct split_sink *sink,
			const struct tokenizer_stop *stop,
			struct hvqz_err *err)
{
	struct run r = {s, scratch, sink, stop, err};

	scratch->budget += (uint64_t)len * BUDGET_PER_BYTE;
	return len ? run_step(&r, 0, text, len) : HVQZ_OK;
}
