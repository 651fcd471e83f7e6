/* added.c - a trie of added tokens: see added.h. */
#include "lm/tokenizer/added.h"

#include "lm/tokenizer/utf8.h"
#include "lm/tokenizer/vocab.h"

void added_free(struct added *a)
{
	buf_free(&a->nodes);
	*a = (struct added){0};
}

static struct added_node *node(const struct added *a, uint32_t i)
{
	return (struct added_node *)(void *)a->nodes.p + i;
}

/* The node of byte b below parent; parent 0 is the top. 0 for none. */
static uint32_t below(const struct added *a, uint32_t parent, uint8_t b)
{
	uint32_t i;

	if (!parent)
		return a->first[b];
	i = node(a, parent)->child;
	while (i && node(a, i)->byte != b)
		i = node(a, i)->sibling;
	return i;
}

static enum hvqz_ret put_node(struct added *a, uint32_t parent, uint8_t b,
			      uint32_t *out, struct hvqz_err *err)
{
	struct added_node n = {.byte = b, .id = VOCAB_NONE};
	size_t count = a->nodes.len / sizeof(n);

	if (count >= UINT32_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the added tokens are over %zu bytes", count);
	n.sibling = parent ? node(a, parent)->child : 0;
	buf_put(&a->nodes, &n, sizeof(n));
	TRY(buf_ok(&a->nodes, err));
	*out = (uint32_t)count;
	if (parent)
		node(a, parent)->child = *out;
	else
		a->first[b] = *out;
	return HVQZ_OK;
}

enum hvqz_ret added_put(struct added *a, const uint8_t *p, size_t len,
			uint32_t id, bool lstrip, bool rstrip, bool *is_new,
			struct hvqz_err *err)
{
	static const struct added_node nothing = {.id = VOCAB_NONE};
	struct added_node *end;
	uint32_t at = 0;

	if (!a->nodes.len)
		buf_put(&a->nodes, &nothing, sizeof(nothing));
	TRY(buf_ok(&a->nodes, err));
	for (size_t i = 0; i < len; i++) {
		uint32_t next = below(a, at, p[i]);

		if (!next)
			TRY(put_node(a, at, p[i], &next, err));
		at = next;
	}
	end = node(a, at);
	*is_new = at && end->id == VOCAB_NONE;
	if (!*is_new)
		return HVQZ_OK;
	end->id = id;
	end->lstrip = lstrip;
	end->rstrip = rstrip;
	return HVQZ_OK;
}

/* The longest token that begins at p; its end in *n. 0 for none. */
static uint32_t longest(const struct added *a, const uint8_t *p, size_t len,
			size_t *n)
{
	uint32_t at = 0, best = 0;

	for (size_t i = 0; i < len; i++) {
		at = below(a, at, p[i]);
		if (!at)
			break;
		if (node(a, at)->id == VOCAB_NONE)
			continue;
		best = at;
		*n = i + 1;
	}
	return best;
}

/* Back from `end` over white space, to `from` at most. */
static size_t space_before(const uint8_t *text, size_t from, size_t end)
{
	while (end > from) {
		size_t at = end - 1;
		int32_t c;

		while (at > from && end - at < 4 && (text[at] & 0xc0) == 0x80)
			at--;
		if (utf8_char(text + at, end - at, &c) != end - at ||
		    !utf8_is_space(c))
			break;
		end = at;
	}
	return end;
}

static size_t space_behind(const uint8_t *text, size_t at, size_t len)
{
	while (at < len) {
		int32_t c;
		size_t n = utf8_char(text + at, len - at, &c);

		if (!n || !utf8_is_space(c))
			break;
		at += n;
	}
	return at;
}

bool added_find(const struct added *a, const uint8_t *text, size_t len,
		size_t from, struct added_hit *hit)
{
	for (size_t i = from; i < len; i++) {
		const struct added_node *n;
		size_t match_len = 0;
		uint32_t at;

		if (!a->first[text[i]])
			continue;
		at = longest(a, text + i, len - i, &match_len);
		if (!at)
			continue;
		n = node(a, at);
		hit->id = n->id;
		hit->start = n->lstrip ? space_before(text, from, i) : i;
		hit->end = i + match_len;
		if (n->rstrip)
			hit->end = space_behind(text, hit->end, len);
		return true;
	}
	return false;
}
