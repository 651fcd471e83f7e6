/*
 * parts.h - what a tokenizer is made of; for tokenizer.c and
 * tokenizer_load.c.
 */
#ifndef LM_TOKENIZER_PARTS_H
#define LM_TOKENIZER_PARTS_H

#include "lm/tokenizer/added.h"
#include "lm/tokenizer/split.h"
#include "lm/tokenizer/vocab.h"

/* Never changed once it is loaded: any number of threads may use it. */
struct tokenizer {
	struct vocab vocab;	/* the added tokens' bytes too */
	struct added raw;	/* looked for in the text as it came */
	struct added normalized;	/* and in the normalised */
	struct split split;
	bool nfc;
};

#endif
