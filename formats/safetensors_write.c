/*
 * safetensors_write.c - the writer of safetensors, and the making of headers.
 *
 * A model that came from safetensors gets its own header back, byte for byte,
 * once that header is known to describe the table. Any other table gets a new
 * one, laid out as the reference library does it: compact JSON, then spaces
 * until the data begins at a multiple of 8.
 *
 * A new header is read back with the reader's parser before it is used, so
 * that whatever the format cannot say (two tensors of one name, a name that is
 * not UTF-8) is refused by the same rules as on input.
 */
#include "formats/format.h"
#include "formats/safetensors.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 8 };

struct writer {
	const struct model *m;
	uint8_t *made;		/* a header of our own, or NULL */
	const uint8_t *head;	/* that one or the model's */
	size_t head_len;
	uint64_t done;		/* data bytes written */
};

static void put_text(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static void put_number(struct buf *b, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, v);
	put_text(b, digits);
}

/* s as a JSON string. */
static enum hvqz_ret put_string(struct buf *b, const char *s,
				struct hvqz_err *err)
{
	json_t *string = json_string(s);
	char *quoted;

	if (!string)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, s,
					"its name is not UTF-8 and cannot "
					"stand in a safetensors header");
	quoted = json_dumps(string, JSON_ENCODE_ANY);
	json_decref(string);
	if (!quoted)
		return hvqz_nomem(err, strlen(s), "a tensor's name");
	put_text(b, quoted);
	free(quoted);
	return HVQZ_OK;
}

static enum hvqz_ret put_tensor(struct buf *b, const struct tensor *t,
				struct hvqz_err *err)
{
	if (!strcmp(t->name, "__metadata__"))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"safetensors reserves this name");
	TRY(put_string(b, t->name, err));
	put_text(b, ":{\"dtype\":\"");
	put_text(b, dtype_name(t->dtype));
	put_text(b, "\",\"shape\":[");
	for (unsigned i = 0; i < t->rank; i++) {
		if (i)
			buf_u8(b, ',');
		put_number(b, t->dim[i]);
	}
	put_text(b, "],\"data_offsets\":[");
	put_number(b, t->off);
	buf_u8(b, ',');
	put_number(b, t->off + t->size);
	put_text(b, "]}");
	return HVQZ_OK;
}

/* The metadata of an older head, as it stands there. */
static enum hvqz_ret find_kept(const uint8_t *keep, size_t keep_len,
			       struct safetensors_metadata *meta,
			       struct hvqz_err *err)
{
	struct model old = {0};
	enum hvqz_ret ret;

	*meta = (struct safetensors_metadata){0};
	if (!keep)
		return HVQZ_OK;
	ret = safetensors_parse(keep, keep_len, &old, meta, err);
	model_free(&old);
	return ret;
}

static enum hvqz_ret put_json(struct buf *b, const struct model *m,
			      const struct safetensors_metadata *meta,
			      struct hvqz_err *err)
{
	buf_u8(b, '{');
	if (meta->p) {
		put_text(b, "\"__metadata__\":");
		buf_put(b, meta->p, meta->len);
	}
	for (size_t i = 0; i < m->n_tensors; i++) {
		if (i || meta->p)
			buf_u8(b, ',');
		TRY(put_tensor(b, &m->tensors[i], err));
	}
	buf_u8(b, '}');
	return HVQZ_OK;
}

enum hvqz_ret safetensors_make_head(const struct model *m,
				    const uint8_t *keep, size_t keep_len,
				    uint8_t **head, size_t *head_len,
				    struct hvqz_err *err)
{
	struct safetensors_metadata meta;
	struct buf b = {0};
	enum hvqz_ret ret;

	TRY(find_kept(keep, keep_len, &meta, err));
	buf_u64(&b, 0);			/* the length, when it is known */
	TRY_OUT(put_json(&b, m, &meta, err));
	while (b.len % ALIGN && !b.failed)
		buf_u8(&b, ' ');
	TRY_OUT(buf_ok(&b, err));
	if (b.len - SAFETENSORS_LEN > SAFETENSORS_MAX_JSON) {
		ret = hvqz_fail(err, HVQZ_UNSUPPORTED,
				"%zu tensors need a header of %zu bytes; the "
				"most is %d", m->n_tensors,
				b.len - SAFETENSORS_LEN, SAFETENSORS_MAX_JSON);
		goto out;
	}
	put_le64(b.p, b.len - SAFETENSORS_LEN);
	TRY_OUT(safetensors_check_head(m, b.p, b.len, err));
	*head = b.p;
	*head_len = b.len;
	return HVQZ_OK;
out:
	buf_free(&b);
	return ret;
}

static enum hvqz_ret compare(const struct tensor *table,
			     const struct tensor *head, struct hvqz_err *err)
{
	const char *what = NULL;

	if (strcmp(table->name, head->name))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, table->name,
					"the kept header has '%.100s' in its "
					"place", head->name);
	if (table->dtype != head->dtype)
		what = "dtypes";
	else if (table->rank != head->rank ||
		 memcmp(table->dim, head->dim,
			table->rank * sizeof(*table->dim)))
		what = "shapes";
	else if (table->off != head->off || table->size != head->size)
		what = "offsets";
	if (!what)
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, table->name,
				"table and kept header give it different %s",
				what);
}

enum hvqz_ret safetensors_check_head(const struct model *m,
				     const uint8_t *head, size_t head_len,
				     struct hvqz_err *err)
{
	struct model h = {0};
	enum hvqz_ret ret;

	TRY_OUT(safetensors_parse(head, head_len, &h, NULL, err));
	if (h.n_tensors != m->n_tensors) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the kept header has %zu tensors, the table "
				"%zu", h.n_tensors, m->n_tensors);
		goto out;
	}
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY_OUT(compare(&m->tensors[i], &h.tensors[i], err));
out:
	model_free(&h);
	return ret;
}

static void free_writer(void *state)
{
	struct writer *w = state;

	if (w)
		free(w->made);
	free(w);
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	enum hvqz_ret ret;

	if (!w)
		return hvqz_nomem(err, sizeof(*w), "the writer");
	w->m = m;
	if (m->head && !strcmp(m->format, "safetensors")) {
		w->head = m->head;
		w->head_len = m->head_len;
		ret = safetensors_check_head(m, w->head, w->head_len, err);
	} else {
		ret = safetensors_make_head(m, NULL, 0, &w->made, &w->head_len,
					    err);
		w->head = w->made;
	}
	if (ret != HVQZ_OK)
		free_writer(w);
	else
		*state = w;
	return ret;
}

static enum hvqz_ret write_head(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;

	return sink_write(out, w->head, w->head_len, err);
}

static enum hvqz_ret put(void *state, struct sink *out, const uint8_t *p,
			 size_t len, struct hvqz_err *err)
{
	struct writer *w = state;

	if (len > w->m->data_size - w->done)
		return hvqz_fail(err, HVQZ_USAGE,
				 "%zu bytes to write, the table has room for "
				 "%" PRIu64, len, w->m->data_size - w->done);
	TRY(sink_write(out, p, len, err));
	w->done += len;
	return HVQZ_OK;
}

static enum hvqz_ret write_tail(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;

	(void)out;
	if (w->done < w->m->data_size)
		return hvqz_fail(err, HVQZ_USAGE,
				 "%" PRIu64 " of %" PRIu64
				 " data bytes were written", w->done,
				 w->m->data_size);
	return HVQZ_OK;
}

const struct writer_ops safetensors_writer = {
	.name = "safetensors",
	.suffix = ".safetensors",
	.plan = plan,
	.head = write_head,
	.put = put,
	.tail = write_tail,
	.free = free_writer,
};
