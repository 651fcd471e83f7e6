/*
 * safetensors_read.c - the reader of safetensors: length, JSON, tensor bytes,
 * all in order, from a pipe if need be.
 *
 * What the JSON may say is safetensors_head.c's affair; here is what concerns
 * the stream: how long the header may be before it is loaded, and whether the
 * data is as long as the header says.
 */
#include "formats/format.h"
#include "formats/safetensors.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How sure a bid is: see format.h. */
enum {
	BID_LENGTH = 8,		/* the length could be one, no '{' behind */
	BID_QUOTE = 16,		/* '{"' in place, but an absurd length */
	BID_BRACE = 45,		/* 37 zero bits of the length, and '{' */
};

struct reader {
	struct source *src;
	const struct tensor *tensors;	/* the model's, to name the cut one */
	size_t n_tensors;
	uint64_t data_size;
	uint64_t done;			/* data bytes handed out */
};

static unsigned bid(const uint8_t *peek, size_t len)
{
	size_t i = SAFETENSORS_LEN;

	if (len < SAFETENSORS_LEN)
		return 0;
	if (get_le64(peek) > SAFETENSORS_MAX_JSON)
		return len >= i + 2 && !memcmp(peek + i, "{\"", 2) ? BID_QUOTE
								    : 0;
	while (i < len && (peek[i] == ' ' || peek[i] == '\n' ||
			   peek[i] == '\r' || peek[i] == '\t'))
		i++;
	return i < len && peek[i] == '{' ? BID_BRACE : BID_LENGTH;
}

/* S14: the data ends after `has` bytes; name the first tensor it cuts. */
static enum hvqz_ret fail_cut(const struct reader *r, uint64_t has,
			      struct hvqz_err *err)
{
	size_t i = 0;

	while (i + 1 < r->n_tensors &&
	       r->tensors[i].off + r->tensors[i].size <= has)
		i++;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED,
				r->n_tensors ? r->tensors[i].name : NULL,
				"truncated: the data has %" PRIu64
				" of %" PRIu64
				" bytes; this tensor is the first one cut",
				has, r->data_size);
}

/* The 8 bytes and the JSON behind them, into *head. */
static enum hvqz_ret load_head(struct source *src, uint8_t **head,
			       size_t *head_len, struct hvqz_err *err)
{
	const uint8_t *p;
	uint64_t json_len;
	size_t avail;

	TRY(source_ahead(src, SAFETENSORS_LEN, &p, &avail, err));
	if (avail < SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: %zu bytes, and the length of the "
				 "header alone takes %d", avail,
				 SAFETENSORS_LEN);
	json_len = get_le64(p);
	if (json_len > SAFETENSORS_MAX_JSON)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a header of %" PRIu64
				 " bytes; the most is %d", json_len,
				 SAFETENSORS_MAX_JSON);
	/* Not consumed yet: the length field is loaded with the rest. */
	TRY(source_load(src, SAFETENSORS_LEN + json_len, "the header", head,
			err));
	*head_len = (size_t)(SAFETENSORS_LEN + json_len);
	return HVQZ_OK;
}

/* Where the input's size is known a wrong one is told before any work. */
static enum hvqz_ret check_size(const struct reader *r, struct hvqz_err *err)
{
	uint64_t left = source_left(r->src);

	if (left == SOURCE_SIZE_UNKNOWN || left == r->data_size)
		return HVQZ_OK;
	if (left < r->data_size)
		return fail_cut(r, left, err);
	return hvqz_fail(err, HVQZ_DAMAGED, "%" PRIu64 " bytes after the data",
			 left - r->data_size);
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	struct reader r = {.src = src}, *kept;

	*state = NULL;
	TRY(load_head(src, &m->head, &m->head_len, err));
	memcpy(m->format, "safetensors", sizeof("safetensors"));
	TRY(safetensors_parse(m->head, m->head_len, m, NULL, err));
	r.tensors = m->tensors;
	r.n_tensors = m->n_tensors;
	r.data_size = m->data_size;
	TRY(check_size(&r, err));
	kept = malloc(sizeof(*kept));
	if (!kept)
		return hvqz_nomem(err, sizeof(*kept), "the reader");
	*kept = r;
	*state = kept;
	return HVQZ_OK;
}

static enum hvqz_ret next(void *state, uint8_t *to, size_t len,
			  struct hvqz_err *err)
{
	struct reader *r = state;
	size_t got;

	if (len > r->data_size - r->done)
		return hvqz_fail(err, HVQZ_USAGE,
				 "%zu bytes asked for, %" PRIu64
				 " of the data are left", len,
				 r->data_size - r->done);
	TRY(source_read(r->src, to, len, &got, err));
	r->done += got;
	return got < len ? fail_cut(r, r->done, err) : HVQZ_OK;
}

static enum hvqz_ret tail(void *state, struct hvqz_err *err)
{
	struct reader *r = state;
	bool end;

	TRY(source_at_end(r->src, &end, err));
	if (!end)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "bytes after the data, which ends at byte "
				 "%" PRIu64, r->src->off);
	return HVQZ_OK;
}

const struct reader_ops safetensors_reader = {
	.name = "safetensors",
	.suffix = ".safetensors",
	.bid = bid,
	.head = read_head,
	.next = next,
	.tail = tail,
	.free = free,
};
