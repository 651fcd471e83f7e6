/*
 * token_input.h - the text a model is run on, as token ids cut into sequences.
 *
 * Says its own error messages.
 */
#ifndef CLI_TOKEN_INPUT_H
#define CLI_TOKEN_INPUT_H

#include "cli/model_args.h"
#include "lm/config.h"

#include <stdint.h>
#include <sys/stat.h>

/* What a program wants of its text when the command line does not say. */
struct token_wish {
	size_t n_tokens;	/* as many sequences as make so many; 0: all */
	size_t n_more;		/* tokens needed behind the last sequence */
};

struct token_input {
	const char *name;	/* of the text, for messages */
	struct stat st;		/* of its file, as it was opened */
	/* [n_sequences × context + n_more], all below n_vocab; owned. */
	uint32_t *ids;
	size_t context, n_sequences;
};

/*
 * Read the text or the ids that args names; text is told into tokens by the
 * model's own tokenizer.json. No more of it is read than its sequences take.
 * False: error message. The caller frees *t in either case.
 */
bool token_input_read(const struct model_args *args,
		      const struct lm_config *conf,
		      const struct token_wish *wish, struct token_input *t);
void token_input_free(struct token_input *t);

/*
 * "calib.txt, first 64 sequences of 512 tokens" to buf (len bytes), which it
 * returns: for people, and always UTF-8.
 */
char *token_input_describe(const struct token_input *t, char *buf, size_t len);

#endif
