/*
 * pieces.c - the list of pieces: building it, storing it, believing a stored
 * one. The law is formats/pieces.md.
 */
#include "formats/pieces.h"

#include "base/bytes.h"
#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const char *const formats[] = {"folder", "tar", "zip", "npz", "npy",
				      "torch"};

/* Sums stay below 2^63, as everything in a .hvqz does. */
#define MAX_SIZE ((uint64_t)INT64_MAX)

bool format_has_pieces(const char *format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(formats[i], format))
			return true;
	return false;
}

bool format_has_files(const char *format)
{
	return !strcmp(format, "folder") || !strcmp(format, "tar") ||
	       !strcmp(format, "zip");
}

void pieces_free(struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].name);
	free(p->v);
	buf_free(&p->literals);
	*p = (struct pieces){0};
}

static bool is_utf8(const char *s)
{
	utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(s);

	while (left > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate(
			(const utf8proc_uint8_t *)s, left, &c);

		if (n <= 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
		s += n;
		left -= n;
	}
	return true;
}

const char *member_name_fault(const char *name)
{
	const char *part = name;

	if (!*name)
		return "an empty name";
	if (strlen(name) > MEMBER_MAX_NAME)
		return "a name of over 4096 bytes";
	if (*name == '/')
		return "an absolute path";
	if (strchr(name, '\\'))
		return "a backslash in its name";
	if (!is_utf8(name))
		return "a name that is not UTF-8 without control characters";
	for (;;) {
		size_t n = strcspn(part, "/");

		if (n == 2 && !strncmp(part, "..", 2))
			return "'..' in its path";
		if (!n || (n == 1 && *part == '.'))
			return "an empty part in its path";
		if (!part[n])
			return NULL;
		part += n + 1;
	}
}

/* ---- building ---- */

static enum hvqz_ret append(struct pieces *p, const struct piece *piece,
			    struct hvqz_err *err)
{
	if (p->n >= PIECES_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "in more than %d pieces", PIECES_MAX);
	if (!(p->n & (p->n - 1))) {
		size_t n = p->n ? 2 * p->n : 1;
		struct piece *more = realloc(p->v, n * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, n * sizeof(*more),
					  "the list of pieces");
		p->v = more;
	}
	p->v[p->n++] = *piece;
	return HVQZ_OK;
}

static enum hvqz_ret add_size(struct pieces *p, uint64_t n,
			      struct hvqz_err *err)
{
	if (n > MAX_SIZE - p->size)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the pieces add up to more than 2^63 bytes");
	p->size += n;
	p->sealed = p->left && p->left == n;
	p->left -= n < p->left ? n : p->left;
	return HVQZ_OK;
}

/* Room for n more literal bytes, as a piece; at *to. */
static enum hvqz_ret grow(struct pieces *p, uint64_t n, uint8_t **to,
			  struct hvqz_err *err)
{
	struct piece *last = p->n ? &p->v[p->n - 1] : NULL;
	struct piece piece = {.kind = PIECE_LITERAL, .len = n,
			      .at = p->literals.len};
	bool sealed = p->sealed;

	*to = NULL;
	if (!n)
		return HVQZ_OK;
	if (n > PIECES_MAX_LITERALS - p->literals.len)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "more than %d bytes that are not tensors and "
				 "not whole files", PIECES_MAX_LITERALS);
	TRY(add_size(p, n, err));
	if (last && last->kind == PIECE_LITERAL && !sealed)
		last->len += n;
	else
		TRY(append(p, &piece, err));
	*to = buf_grow(&p->literals, (size_t)n);
	return buf_ok(&p->literals, err);
}

enum hvqz_ret pieces_literal(struct pieces *p, const void *bytes, size_t n,
			     struct hvqz_err *err)
{
	uint8_t *to;

	TRY(grow(p, n, &to, err));
	if (n)
		memcpy(to, bytes, n);
	return HVQZ_OK;
}

enum hvqz_ret pieces_load(struct pieces *p, struct source *src, uint64_t n,
			  struct hvqz_err *err)
{
	uint8_t *to;
	size_t got;

	if (source_left(src) != SOURCE_SIZE_UNKNOWN && source_left(src) < n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: %" PRIu64 " bytes are to come, "
				 "the input has %" PRIu64, n,
				 source_left(src));
	TRY(grow(p, n, &to, err));
	if (!n)
		return HVQZ_OK;
	TRY(source_read(src, to, (size_t)n, &got, err));
	if (got < n)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated at byte %" PRIu64, src->off);
	return HVQZ_OK;
}

enum hvqz_ret pieces_tensor(struct pieces *p, uint64_t size,
			    struct hvqz_err *err)
{
	struct piece piece = {.kind = PIECE_TENSOR, .len = size};

	TRY(add_size(p, size, err));
	return append(p, &piece, err);
}

enum hvqz_ret pieces_member(struct pieces *p, const char *name,
			    const struct piece *like, struct hvqz_err *err)
{
	struct piece piece = *like;
	enum hvqz_ret ret;

	piece.name = strdup(name);
	if (!piece.name)
		return hvqz_nomem(err, strlen(name), "a member's name");
	p->left = piece.len;
	ret = append(p, &piece, err);
	if (ret != HVQZ_OK)
		free(piece.name);
	return ret;
}

/* ---- storing ---- */

enum hvqz_ret pieces_to_head(const struct pieces *p, const char *format,
			     struct model *m, struct hvqz_err *err)
{
	struct buf b = {0};
	enum hvqz_ret ret;

	buf_u32(&b, PIECES_VERSION);
	buf_u32(&b, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct piece *x = &p->v[i];

		buf_u8(&b, (uint8_t)x->kind);
		if (x->kind != PIECE_TENSOR)
			buf_u64(&b, x->len);
		if (!x->name)
			continue;
		buf_u16(&b, (uint16_t)strlen(x->name));
		buf_put(&b, x->name, strlen(x->name));
		if (x->kind != PIECE_PACKED)
			continue;
		buf_u16(&b, x->method);
		buf_u32(&b, x->crc);
		buf_u64(&b, x->unpacked);
	}
	if (p->literals.len)
		buf_put(&b, p->literals.p, p->literals.len);
	ret = buf_ok(&b, err);
	if (ret != HVQZ_OK) {
		buf_free(&b);
		return ret;
	}
	free(m->head);
	m->head = b.p;
	m->head_len = b.len;
	snprintf(m->format, sizeof(m->format), "%s", format);
	return HVQZ_OK;
}

/* ---- believing ---- */

static enum hvqz_ret damaged(size_t i, const char *what, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "the list of pieces: record %zu: "
			 "%s", i, what);
}

static enum hvqz_ret take_member(struct pieces *p, struct cursor *c,
				 struct piece *x, struct hvqz_err *err)
{
	const uint8_t *text;
	enum hvqz_ret ret;
	const char *fault;
	uint16_t n;
	char *name;

	if (!cur_u16(c, &n) || !(text = cur_take(c, n)))
		return damaged(p->n, "it is cut", err);
	if (memchr(text, 0, n))
		return damaged(p->n, "a name with a NUL in it", err);
	if (x->kind == PIECE_PACKED &&
	    (!cur_u16(c, &x->method) || !cur_u32(c, &x->crc) ||
	     !cur_u64(c, &x->unpacked)))
		return damaged(p->n, "it is cut", err);
	name = strndup((const char *)text, n);
	if (!name)
		return hvqz_nomem(err, n, "a member's name");
	fault = member_name_fault(name);
	ret = fault ? damaged(p->n, fault, err)
		    : pieces_member(p, name, x, err);
	free(name);
	return ret;
}

/* Where the reading of a list is. */
struct walk {
	bool is_folder;		/* all bytes are in members */
	size_t tensor;
	uint64_t literals;	/* bytes of them so far */
	uint64_t member;	/* bytes the open member still wants */
	bool open;
};

/* n bytes of content have come: they fit into the member that is open. */
static enum hvqz_ret take_content(struct walk *w, size_t i, uint64_t n,
				  struct hvqz_err *err)
{
	if (!w->open && w->is_folder && n)
		return damaged(i, "bytes outside of the folder's files", err);
	if (!w->open)
		return HVQZ_OK;
	if (n > w->member)
		return damaged(i, "a piece is longer than the rest of its "
			       "member", err);
	w->member -= n;
	w->open = w->member;
	return HVQZ_OK;
}

static enum hvqz_ret take_record(struct pieces *p, struct cursor *c,
				 const struct model *m, struct walk *w,
				 struct hvqz_err *err)
{
	struct piece x = {0};
	uint8_t kind;

	if (!cur_u8(c, &kind))
		return damaged(p->n, "it is cut", err);
	if (kind > PIECE_PACKED)
		return damaged(p->n, "a kind that there is not", err);
	x.kind = kind;
	if (kind == PIECE_TENSOR) {
		if (w->tensor == m->n_tensors)
			return damaged(p->n, "one tensor more than the table "
				       "has", err);
		x.len = m->tensors[w->tensor++].size;
		TRY(take_content(w, p->n, x.len, err));
		return pieces_tensor(p, x.len, err);
	}
	if (!cur_u64(c, &x.len))
		return damaged(p->n, "it is cut", err);
	if (kind == PIECE_LITERAL) {
		if (!x.len || x.len > PIECES_MAX_LITERALS - w->literals)
			return damaged(p->n, "a literal without bytes, or "
				       "with too many", err);
		x.at = (size_t)w->literals;
		w->literals += x.len;
		TRY(take_content(w, p->n, x.len, err));
		TRY(add_size(p, x.len, err));
		return append(p, &x, err);
	}
	if (w->open)
		return damaged(p->n, "a member within a member", err);
	if (x.len > MAX_SIZE)
		return damaged(p->n, "a member of over 2^63 bytes", err);
	w->member = x.len;
	w->open = x.len;
	return take_member(p, c, &x, err);
}

enum hvqz_ret pieces_from_head(struct pieces *p, const struct model *m,
			       struct hvqz_err *err)
{
	struct cursor c = {m->head, m->head + m->head_len};
	struct walk w = {.is_folder = !strcmp(m->format, "folder")};
	uint32_t version, n;

	*p = (struct pieces){0};
	if (!m->head || !cur_u32(&c, &version) || !cur_u32(&c, &n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the list of pieces is missing");
	if (version != PIECES_VERSION)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a list of pieces of version %" PRIu32
				 "; known is %d", version, PIECES_VERSION);
	/* The smallest record is one byte. */
	if (n > cur_left(&c) || n > PIECES_MAX)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu32 " pieces in %zu bytes", n,
				 cur_left(&c));
	for (uint32_t i = 0; i < n; i++)
		TRY(take_record(p, &c, m, &w, err));
	if (w.open)
		return hvqz_fail(err, HVQZ_DAMAGED, "the list of pieces: the "
				 "last member lacks %" PRIu64 " bytes",
				 w.member);
	if (w.tensor != m->n_tensors)
		return hvqz_fail(err, HVQZ_DAMAGED, "the list of pieces has "
				 "%zu of %zu tensors", w.tensor,
				 m->n_tensors);
	if (w.literals != cur_left(&c))
		return hvqz_fail(err, HVQZ_DAMAGED, "the list of pieces has "
				 "%zu literal bytes, its records say %" PRIu64,
				 cur_left(&c), w.literals);
	if (w.literals)
		buf_put(&p->literals, c.p, (size_t)w.literals);
	return buf_ok(&p->literals, err);
}
