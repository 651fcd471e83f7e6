/*
 * token_input.c - reading a text, or the ids of one.
 *
 * How many tokens are wanted is known before anything is read, unless all are.
 * Of a file of ids just so many are read. A text is read and told into tokens
 * piece by piece until there are enough: the first piece has many times the
 * bytes that so many tokens should take, for the tokens at a piece's end are
 * not to be trusted, where a word may have been cut.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/token_input.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "cli/folder.h"
#include "cli/in_file.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "lm/tokenizer/tokenizer.h"
#include "lm/tokenizer/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONTEXT_DEFAULT = 512,
	MAX_TOKENIZER = 64 << 20,	/* bytes of a tokenizer.json */
	BYTES_PER_TOKEN = 32,		/* several times what is usual */
	LEAST_PIECE = 64 << 10,
	LOOK = 64 << 10,
	LONGEST_NAME = 200,	/* bytes of a name in a description */
};

static const size_t MAX_BYTES = (size_t)1 << 30;

/* ---- how much ---- */

static bool settle_context(const struct model_args *args,
			   const struct lm_config *conf, struct token_input *t)
{
	size_t most = conf->max_position;

	t->context = most < CONTEXT_DEFAULT ? most : CONTEXT_DEFAULT;
	if (args->context)
		t->context = args->context;
	if (t->context <= most)
		return true;
	message_error(args->dir, "-c %zu is more than the %zu tokens the model "
		      "can look back on (max_position_embeddings)", t->context,
		      most);
	return false;
}

/* Sequences that are wanted; 0: all there are. */
static size_t wanted(const struct model_args *args,
		     const struct token_wish *wish, size_t context)
{
	if (args->n_sequences || !wish->n_tokens)
		return args->n_sequences;
	return wish->n_tokens < context ? 1 : wish->n_tokens / context;
}

/* ---- bytes ---- */

/* Read on until b has `most` bytes; *end: or until there are no more. */
static enum hvqz_ret read_up_to(struct source *src, size_t most, struct buf *b,
				bool *end, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t n;

	*end = false;
	while (b->len < most) {
		TRY(source_ahead(src, LOOK, &p, &n, err));
		if (!n) {
			*end = true;
			return HVQZ_OK;
		}
		n = n < most - b->len ? n : most - b->len;
		buf_put(b, p, n);
		TRY(buf_ok(b, err));
		source_consume(src, n);
	}
	return HVQZ_OK;
}

static enum hvqz_ret too_long(struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_UNSUPPORTED, "more than %zu bytes, the most "
			 "that are read; -n takes less of it", MAX_BYTES);
}

/* ---- ids ---- */

/* Ids of `width` bytes each, as many as `need` if it is not 0. */
static enum hvqz_ret read_ids(struct source *src, size_t width, size_t need,
			      uint32_t **ids, size_t *n, struct hvqz_err *err)
{
	size_t most = need && need < MAX_BYTES / width ? need * width
						       : MAX_BYTES;
	struct buf b = {0};
	enum hvqz_ret ret;
	uint64_t size;
	bool end;

	TRY_OUT(read_up_to(src, most, &b, &end, err));
	if (!end && most == MAX_BYTES)
		TRY_OUT(too_long(err));
	size = src->size != SOURCE_SIZE_UNKNOWN ? src->size : b.len;
	if (size % width)
		TRY_OUT(hvqz_fail(err, HVQZ_DAMAGED, "%llu bytes are no whole "
				  "number of ids of %zu bytes",
				  (unsigned long long)size, width));
	*n = b.len / width;
	*ids = malloc((*n ? *n : 1) * sizeof(**ids));
	if (!*ids)
		TRY_OUT(hvqz_nomem(err, *n * sizeof(**ids), "token ids"));
	for (size_t i = 0; i < *n; i++)
		(*ids)[i] = width == 2 ? get_le16(b.p + 2 * i)
				       : get_le32(b.p + 4 * i);
out:
	buf_free(&b);
	return ret;
}

/* The first `need` tokens of a text, or more; 0: all of them. */
static enum hvqz_ret read_text(const struct tokenizer *tok, struct source *src,
			       size_t need, uint32_t **ids, size_t *n,
			       struct hvqz_err *err)
{
	static const struct tokenizer_stop stop = {signals_stopped, NULL};
	size_t most = MAX_BYTES;
	struct buf b = {0};
	enum hvqz_ret ret;
	bool end;

	if (need && need < MAX_BYTES / BYTES_PER_TOKEN)
		most = need * BYTES_PER_TOKEN + LEAST_PIECE;
	for (;;) {
		most = most < MAX_BYTES ? most : MAX_BYTES;
		TRY_OUT(read_up_to(src, most, &b, &end, err));
		TRY_OUT(tokenizer_encode(tok, b.p, b.len, &stop, ids, n,
					 err));
		if (end || (need && *n / 2 >= need))
			break;
		free(*ids);
		*ids = NULL;
		if (most == MAX_BYTES)
			TRY_OUT(too_long(err));
		most *= 4;
	}
out:
	buf_free(&b);
	return ret;
}

/* DIR/tokenizer.json; NULL: error message. */
static struct tokenizer *open_tokenizer(const char *dir)
{
	static const char name[] = "tokenizer.json";
	struct tokenizer *tok = NULL;
	struct hvqz_err err = {0};
	uint8_t *json;
	size_t len;

	if (!folder_read_file(dir, name, MAX_TOKENIZER, &json, &len))
		return NULL;
	if (tokenizer_new(json, len, &tok, &err) != HVQZ_OK) {
		message_error(dir, "%s: %s", name, err.msg);
		tok = NULL;
	}
	free(json);
	return tok;
}

/* At least `need` tokens, if there are; 0: all. */
static bool read_tokens(const struct model_args *args, size_t need,
			struct token_input *t, size_t *n)
{
	struct tokenizer *tok = NULL;
	struct hvqz_err err = {0};
	enum hvqz_ret ret;
	struct in_file in;

	if (args->text && !(tok = open_tokenizer(args->dir)))
		return false;
	/* A text may well be typed. */
	if (!in_open(&in, args->text ? args->text : args->tokens,
		     IN_SEQUENTIAL | IN_FORCE)) {
		tokenizer_free(tok);
		return false;
	}
	t->name = in.name;
	t->st = in.st;
	if (tok)
		ret = read_text(tok, &in.src, need, &t->ids, n, &err);
	else
		ret = read_ids(&in.src, model_args_id_bytes(args->tokens),
			       need, &t->ids, n, &err);
	if (ret != HVQZ_OK)
		message_err(in.name, &err);
	else if (!in_unchanged(&in))
		ret = HVQZ_IO;
	in_close(&in);
	tokenizer_free(tok);
	return ret == HVQZ_OK;
}

/* ---- sequences ---- */

/* Cut n tokens into as many sequences as were asked for or can be had. */
static bool cut(const struct model_args *args, size_t n_more, size_t n,
		size_t wants, struct token_input *t)
{
	size_t has = n > n_more ? (n - n_more) / t->context : 0;
	char a[TEXT_LEN], b[TEXT_LEN];

	if (!has) {
		message_error(t->name, "%s tokens are less than one sequence "
			      "of %s%s", text_number(n, a),
			      text_number(t->context, b),
			      n_more ? " and the token behind it" : "");
		return false;
	}
	t->n_sequences = wants && wants < has ? wants : has;
	if (t->n_sequences < args->n_sequences)
		message_warn(t->name, "%s sequences of %zu tokens is all there "
			     "are, not %zu", text_number(has, a), t->context,
			     args->n_sequences);
	return true;
}

static bool check_ids(const struct token_input *t, size_t n, size_t n_vocab)
{
	char at[TEXT_LEN], id[TEXT_LEN], vocab[TEXT_LEN];

	for (size_t i = 0; i < n; i++)
		if (t->ids[i] >= n_vocab) {
			message_error(t->name, "token %s is id %s, and the "
				      "model knows %s ids",
				      text_number(i, at),
				      text_number(t->ids[i], id),
				      text_number(n_vocab, vocab));
			return false;
		}
	return true;
}

bool token_input_read(const struct model_args *args,
		      const struct lm_config *conf,
		      const struct token_wish *wish, struct token_input *t)
{
	size_t wants, n = 0;

	*t = (struct token_input){0};
	if (!settle_context(args, conf, t))
		return false;
	wants = wanted(args, wish, t->context);
	return read_tokens(args, wants ? wants * t->context + wish->n_more : 0,
			   t, &n) &&
	       cut(args, wish->n_more, n, wants, t) &&
	       check_ids(t, t->n_sequences * t->context + wish->n_more,
			 conf->n_vocab);
}

void token_input_free(struct token_input *t)
{
	free(t->ids);
	t->ids = NULL;
}

/* Whole characters of name; a byte that is part of none becomes '?'. */
static void copy_name(char *to, const char *name)
{
	size_t len = strlen(name), at = 0, n;
	int32_t c;

	for (; len && at < LONGEST_NAME; name += n, len -= n) {
		const char *from = name;

		n = utf8_char((const uint8_t *)name, len, &c);
		if (!n) {
			from = "?";
			n = 1;
		}
		if (at + n > LONGEST_NAME)
			break;
		memcpy(to + at, from, n);
		at += n;
	}
	to[at] = '\0';
}

char *token_input_describe(const struct token_input *t, char *buf, size_t len)
{
	const char *slash = strrchr(t->name, '/');
	char name[LONGEST_NAME + 1];

	copy_name(name, slash ? slash + 1 : t->name);
	snprintf(buf, len, "%s, first %zu sequence%s of %zu tokens", name,
		 t->n_sequences,
		 t->n_sequences == 1 ? "" : "s", t->context);
	return buf;
}
