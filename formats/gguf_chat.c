/*
 * gguf_chat.c - how a model wants to be talked to: formats/gguf.md, "Keys".
 *
 * The template is a program in Jinja, kept as it is: in tokenizer_config.json,
 * or, since 2025, in a file of its own. A model without one is no chat model.
 */
#include "formats/gguf_tokens.h"

#include "formats/pieces.h"
#include "lm/tokenizer/field.h"

#include <string.h>

enum { MAX_FILE = 4 << 20 };

#define KEY "tokenizer.chat_template"

/* The file, if there is one: else b is empty. */
static enum hvqz_ret get(const struct format_wish *wish, const char *name,
			 struct buf *b, struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	enum hvqz_ret ret;

	buf_clear(b);
	if (wish->files && pieces_has_file(wish->files, name))
		return pieces_file(wish->files, name, MAX_FILE, b, err);
	if (!wish->get)
		return HVQZ_OK;
	ret = wish->get(wish->ctx, name, MAX_FILE, b, &why);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	buf_clear(b);
	if (ret == HVQZ_USAGE)	/* it is not there */
		return HVQZ_OK;
	if (err)
		*err = why;
	return ret;
}

/* One template, or the one called "default" of several. */
static const char *find_template(const json_t *config)
{
	const json_t *t = json_object_get(config, "chat_template"), *one;
	size_t i;

	if (json_is_string(t))
		return json_string_value(t);
	json_array_foreach((json_t *)t, i, one) {
		const char *name = json_string_value(json_object_get(one,
								     "name"));

		if (name && !strcmp(name, "default"))
			return json_string_value(json_object_get(one,
								 "template"));
	}
	return NULL;
}

static enum hvqz_ret put_from_json(struct gguf_keys *k,
				   const struct format_wish *wish,
				   const char *name, struct buf *b, bool *done,
				   struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	const char *text;
	json_t *root;

	TRY(get(wish, name, b, err));
	if (!b->len)
		return HVQZ_OK;
	if (field_parse(b->p, b->len, &root, &why) != HVQZ_OK)
		return hvqz_fail(err, why.ret, "%s: %s", name, why.msg);
	text = find_template(root);
	if (text)
		gguf_put_string(k, KEY, text);
	*done = text;
	json_decref(root);
	return HVQZ_OK;
}

enum hvqz_ret gguf_put_chat(struct gguf_keys *k,
			    const struct format_wish *wish,
			    struct hvqz_err *err)
{
	struct buf b = {0};
	bool done = false;
	enum hvqz_ret ret;

	TRY_OUT(put_from_json(k, wish, "tokenizer_config.json", &b, &done,
			      err));
	if (!done) {
		TRY_OUT(get(wish, "chat_template.jinja", &b, err));
		done = b.len;
		if (b.len && memchr(b.p, 0, b.len)) {
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"chat_template.jinja is no text");
			goto out;
		}
		buf_u8(&b, 0);
		TRY_OUT(buf_ok(&b, err));
		if (done)
			gguf_put_string(k, KEY, (const char *)b.p);
	}
	ret = done ? HVQZ_OK
		   : put_from_json(k, wish, "chat_template.json", &b, &done,
				   err);
out:
	buf_free(&b);
	return ret;
}
