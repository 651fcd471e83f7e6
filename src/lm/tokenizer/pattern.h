/*
 * pattern.h - the regular expressions of a tokenizer.json, for PCRE2.
 *
 * They are written for Oniguruma in its Ruby dialect. The two agree on most
 * of what such files use; what they mean differently is written anew here,
 * and what we do not know is refused, for a pattern that is understood
 * wrongly would cut text wrongly and never say so.
 */
#ifndef LM_TOKENIZER_PATTERN_H
#define LM_TOKENIZER_PATTERN_H

#include "base/buf.h"

/*
 * Append to out what PCRE2 (with PCRE2_UTF, PCRE2_UCP, PCRE2_MULTILINE and
 * line feed as the only newline) must be given for this pattern.
 * HVQZ_UNSUPPORTED names the part we do not know.
 */
enum hvqz_ret pattern_translate(const char *pattern, struct buf *out,
				struct hvqz_err *err);

#endif
