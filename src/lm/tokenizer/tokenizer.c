/*
 * tokenizer.c - the ways of text to ids and of ids to text.
 *
 * text -> added tokens cut out -> what is between is normalised -> those
 * added tokens cut out that want normalised text -> what is between is cut
 * into pieces (split.h) -> every piece is merged into tokens (bpe.h).
 */
#include "lm/tokenizer/tokenizer.h"

#include "lm/tokenizer/bpe.h"
#include "lm/tokenizer/normal.h"
#include "lm/tokenizer/parts.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

uint32_t tokenizer_n_ids(const struct tokenizer *t)
{
	return t->vocab.n_ids;
}

/* One tokenizer_encode(). */
struct encoder {
	const struct tokenizer *t;
	struct split_scratch split;
	struct bpe_scratch bpe;
	struct buf normal;	/* the text between added tokens, as NFC */
	struct buf ids;		/* of uint32_t */
	const struct tokenizer_stop *stop;
	struct hvqz_err *err;
};

static enum hvqz_ret take_piece(void *ctx, const uint8_t *piece, size_t len,
				struct hvqz_err *err)
{
	struct encoder *e = ctx;

	return bpe_encode(&e->t->vocab, &e->bpe, piece, len, &e->ids, e->stop,
			  err);
}

static enum hvqz_ret encode_plain(struct encoder *e, const uint8_t *text,
				  size_t len)
{
	const struct split_sink sink = {take_piece, e};

	return split_run(&e->t->split, &e->split, text, len, &sink, e->stop,
			 e->err);
}

/* Ids of the added tokens of a list; what is between them goes to `plain`. */
static enum hvqz_ret encode_added(struct encoder *e, const struct added *a,
				  const uint8_t *text, size_t len,
				  enum hvqz_ret (*plain)(struct encoder *,
							 const uint8_t *,
							 size_t))
{
	struct added_hit hit;
	size_t from = 0;

	while (added_find(a, text, len, from, &hit)) {
		TRY(tokenizer_poll(e->stop, e->err));
		if (hit.start > from)
			TRY(plain(e, text + from, hit.start - from));
		buf_put(&e->ids, &hit.id, sizeof(hit.id));
		from = hit.end;
	}
	if (len > from)
		TRY(plain(e, text + from, len - from));
	return buf_ok(&e->ids, e->err);
}

static enum hvqz_ret encode_raw(struct encoder *e, const uint8_t *text,
				size_t len)
{
	if (e->t->nfc && !utf8_is_ascii(text, len)) {
		buf_clear(&e->normal);
		TRY(normal_nfc(text, len, &e->normal, e->err));
		text = e->normal.p;
		len = e->normal.len;
	}
	return encode_added(e, &e->t->normalized, text, len, encode_plain);
}

enum hvqz_ret tokenizer_encode(const struct tokenizer *t, const uint8_t *text,
			       size_t len, const struct tokenizer_stop *stop,
			       uint32_t **ids, size_t *n_ids,
			       struct hvqz_err *err)
{
	struct encoder e = {.t = t, .stop = stop, .err = err};
	enum hvqz_ret ret;

	TRY_OUT(split_begin(&e.split, err));
	TRY_OUT(encode_added(&e, &t->raw, text, len, encode_raw));
	*ids = (uint32_t *)(void *)e.ids.p;
	*n_ids = e.ids.len / sizeof(uint32_t);
	e.ids = (struct buf){0};
out:
	split_end(&e.split);
	bpe_free(&e.bpe);
	buf_free(&e.normal);
	buf_free(&e.ids);
	return ret;
}

enum hvqz_ret tokenizer_decode(const struct tokenizer *t, const uint32_t *ids,
			       size_t n, uint8_t **text, size_t *len,
			       struct hvqz_err *err)
{
	const struct vocab *v = &t->vocab;
	enum hvqz_ret ret;
	struct buf out = {0};

	for (size_t i = 0; i < n; i++) {
		if (!vocab_has(v, ids[i])) {
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"id %u, number %zu of %zu, is of no "
					"token", ids[i], i, n);
			goto out;
		}
		buf_put(&out, v->bytes.p + v->tokens[ids[i]].off,
			v->tokens[ids[i]].len);
	}
	TRY_OUT(buf_ok(&out, err));
	*text = out.p;
	*len = out.len;
	return HVQZ_OK;
out:
	buf_free(&out);
	return ret;
}
