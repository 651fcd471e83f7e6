/*
 * pattern.c - from Oniguruma's Ruby dialect to PCRE2's.
 *
 * What differs, of what is seen in such files:
 *	\s	PCRE2 counts U+180E as white space, Unicode does not
 *	\w	letters, marks, digits, connectors; PCRE2 before 10.43
 *		has letters, numbers and '_'
 *	\p{Han}	the script; PCRE2 since 10.40: what goes with it too
 *	\v	a vertical tab; in PCRE2 any line ending
 *	\uHHHH	a character
 *	a{2,3}+	repeats the repetition; in PCRE2 it is possessive
 *	[a[bc]]	and [ab&&[bc]] are sets of sets; in PCRE2 plain characters
 * and \h, \R, \X, options inside the pattern, verbs, ... : refused. So are
 * \b and \B, which hang on \w.
 */
#include "lm/tokenizer/pattern.h"

#include "lm/tokenizer/field.h"

#include <stdio.h>
#include <string.h>

/* What may stand between '[' and ']'. */
#define SPACE "\\t-\\r\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}" \
	"\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define NOT_SPACE "\\x00-\\x08\\x0e-\\x1f\\x21-\\x84\\x86-\\x9f" \
	"\\xa1-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}" \
	"\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}" \
	"\\x{3001}-\\x{10ffff}"
#define WORD "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}" \
	"\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
/* Oniguruma has these too, but not between brackets. */
#define WORD_OUTSIDE WORD "\\xb2\\xb3\\xb9\\xbc-\\xbe"

struct translation {
	const char *p;		/* where we are */
	const char *pattern;
	struct buf *out;
	struct hvqz_err *err;
};

static void put(struct translation *t, const char *s)
{
	buf_put(t->out, s, strlen(s));
}

/* "what" is of n bytes at t->p. */
static enum hvqz_ret refuse(struct translation *t, int n, const char *why)
{
	char q[QUOTE_LEN];

	return hvqz_fail(t->err, HVQZ_UNSUPPORTED,
			 "the regular expression \"%s\" has \"%.*s\" at byte "
			 "%zu: %s", quote(t->pattern, q), n, t->p,
			 (size_t)(t->p - t->pattern), why);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

/* t->p is at "\x" or "\u": a character by its number. */
static enum hvqz_ret put_number(struct translation *t)
{
	const char *p = t->p + 2, *digits = p;
	size_t n = 0, fixed = t->p[1] == 'u' ? 4 : 2;
	bool is_braced = t->p[1] == 'x' && *p == '{';

	if (is_braced)
		digits = ++p;
	while (is_hex(digits[n]) && (is_braced ? n < 8 : n < fixed))
		n++;
	if (!n || (is_braced ? digits[n] != '}' : n != fixed))
		return refuse(t, 2, "not a number of a character");
	/* Without braces it is a byte, of which a character may have more. */
	if (t->p[1] == 'x' && !is_braced && digits[0] > '7')
		return refuse(t, 4, "a byte that is part of a character");
	put(t, "\\x{");
	buf_put(t->out, digits, n);
	put(t, "}");
	t->p = digits + n + is_braced;
	return HVQZ_OK;
}

/* t->p is at "\p" or "\P": two letters are a category, more are a script. */
static enum hvqz_ret put_property(struct translation *t)
{
	const char *name = t->p + 3, *end;
	bool is_not = t->p[1] == 'P';
	size_t n;

	end = t->p[2] == '{' ? strchr(name, '}') : NULL;
	if (!end)
		return refuse(t, 2, "no name in braces follows");
	if (*name == '^') {
		is_not = !is_not;
		name++;
	}
	n = (size_t)(end - name);
	for (size_t i = 0; i < n; i++)
		if (!((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z') &&
		    name[i] != '_')
			n = 0;
	if (!n || n > 40)
		return refuse(t, 2, "not a name of a property we know");
	put(t, is_not ? "\\P{" : "\\p{");
	if (n > 2 && !(n == 3 && !memcmp(name, "Any", 3)))
		put(t, "sc:");
	buf_put(t->out, name, n);
	put(t, "}");
	t->p = end + 1;
	return HVQZ_OK;
}

/* t->p is at a backslash. *is_set: what it means is not one character. */
static enum hvqz_ret put_escape(struct translation *t, bool in_set,
				bool *is_set)
{
	char c = t->p[1];

	*is_set = c && strchr("sSwWdDpP", c);
	switch (c) {
	case 's':
		put(t, in_set ? SPACE : "[" SPACE "]");
		break;
	case 'S':
		put(t, in_set ? NOT_SPACE : "[^" SPACE "]");
		break;
	case 'w':
		put(t, in_set ? WORD : "[" WORD_OUTSIDE "]");
		break;
	case 'W':
		if (in_set)
			return refuse(t, 2, "not known inside of brackets");
		put(t, "[^" WORD_OUTSIDE "]");
		break;
	case 'p':
	case 'P':
		return put_property(t);
	case 'x':
	case 'u':
		return put_number(t);
	case 'v':
		put(t, "\\x0b");
		break;
	case 'd': case 'D': case 'r': case 'n': case 't': case 'f':
	case 'a': case 'e':
		buf_put(t->out, t->p, 2);
		break;
	case 'A': case 'z': case 'Z':
		if (in_set)
			return refuse(t, 2, "not known inside of brackets");
		buf_put(t->out, t->p, 2);
		break;
	default:
		if (c <= ' ' || c >= 0x7f || (c >= '0' && c <= '9') ||
		    ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			return refuse(t, 2, "an escape we do not know");
		buf_put(t->out, t->p, 2);
	}
	t->p += 2;
	return HVQZ_OK;
}

/* t->p is at a '[': to behind its ']'. */
static enum hvqz_ret put_set(struct translation *t)
{
	bool is_range = false;	/* what comes ends a range */

	buf_u8(t->out, '[');
	t->p++;
	if (*t->p == '^') {
		buf_u8(t->out, '^');
		t->p++;
	}
	if (*t->p == ']')
		return refuse(t, 1, "a set of nothing");
	for (const char *first = t->p; *t->p != ']';) {
		bool is_set = false, was_range = is_range;

		is_range = *t->p == '-' && t->p > first && !was_range &&
			   t->p[1] != ']';
		if (!*t->p)
			return refuse(t, 0, "a bracket is never closed");
		if (*t->p == '[')
			return refuse(t, 1, "a set inside of a set");
		if (t->p[0] == '&' && t->p[1] == '&')
			return refuse(t, 2, "an intersection of sets");
		if (*t->p != '\\') {
			buf_u8(t->out, (uint8_t)*t->p++);
			continue;
		}
		TRY(put_escape(t, true, &is_set));
		if (is_set && was_range)
			return refuse(t, 0, "a range ends in a set");
		if (is_set && *t->p == '-') {
			put(t, "\\-");
			t->p++;
		}
	}
	buf_u8(t->out, ']');
	t->p++;
	return HVQZ_OK;
}

static enum hvqz_ret put_group(struct translation *t)
{
	static const char *const known[] = {
		"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:",
	};

	if (t->p[1] == '*')
		return refuse(t, 2, "nothing to repeat");
	buf_u8(t->out, (uint8_t)*t->p++);
	if (*t->p != '?')
		return HVQZ_OK;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i]);

		if (strncmp(t->p, known[i], n))
			continue;
		put(t, known[i]);
		t->p += n;
		return HVQZ_OK;
	}
	if (t->p == t->pattern + 1 && !strncmp(t->p, "?i)", 3)) {
		put(t, "?i)");
		t->p += 3;
		return HVQZ_OK;
	}
	return refuse(t, 2, "a group we do not know");
}

/* t->p is at a '{'. */
static enum hvqz_ret put_interval(struct translation *t)
{
	const char *digits = "0123456789";
	size_t low = strspn(t->p + 1, digits), high = 0;
	const char *end = t->p + 1 + low;
	bool is_fixed = *end != ',';

	if (!is_fixed) {
		high = strspn(end + 1, digits);
		end += 1 + high;
	}
	if (*end != '}' || low + high == 0) {	/* not one: a character */
		put(t, "\\{");
		t->p++;
		return HVQZ_OK;
	}
	if (!low)
		return refuse(t, 2, "an interval without its lower end");
	if (end[1] == '+' || (end[1] == '?' && is_fixed))
		return refuse(t, (int)(end + 2 - t->p),
			      "a repeated interval");
	buf_put(t->out, t->p, (size_t)(end + 1 - t->p));
	t->p = end + 1;
	return HVQZ_OK;
}

enum hvqz_ret pattern_translate(const char *pattern, struct buf *out,
				struct hvqz_err *err)
{
	struct translation t = {pattern, pattern, out, err};
	bool is_set;

	while (*t.p) {
		switch (*t.p) {
		case '\\':
			TRY(put_escape(&t, false, &is_set));
			break;
		case '[':
			TRY(put_set(&t));
			break;
		case '(':
			TRY(put_group(&t));
			break;
		case '{':
			TRY(put_interval(&t));
			break;
		default:
			buf_u8(out, (uint8_t)*t.p++);
		}
	}
	return buf_ok(out, err);
}
