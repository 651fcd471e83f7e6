/* left_out.c - what becomes no tensor of another format. */
#include "formats/left_out.h"

#include "formats/gguf.h"
#include "formats/npy.h"
#include "formats/pieces.h"
#include "formats/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct search {
	const struct pieces *p;
	struct left_out *l;
	const char *kind;	/* "array": of these it counts */
	char first[200], why[120];
};

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

static void count(struct search *s, bool lost, const char *name,
		  const char *why)
{
	size_t n = strlen(name);

	s->l->n_all++;
	if (lost && !s->l->n++) {
		if (!strcmp(s->kind, "array") && ends_with(name, ".npy"))
			n -= 4;
		snprintf(s->first, sizeof(s->first), "%.*s", (int)n, name);
		snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
	}
}

static void say(struct search *s)
{
	bool one = s->l->n == 1;

	snprintf(s->l->msg, sizeof(s->l->msg),
		 "%" PRIu64 " of its %" PRIu64 " %s%s %s left out, since no "
		 "%s: %s'%s' (%s)", s->l->n, s->l->n_all, s->kind,
		 s->l->n_all == 1 ? "" : "s", one ? "is" : "are",
		 one ? "tensor can be made of it"
		     : "tensors can be made of them",
		 one ? "" : "the first is ", s->first, s->why);
}

/* ---- arrays ---- */

/* What the member at v[i] begins with, as far as it is in the head. */
static const struct piece *literal_of(const struct pieces *p, size_t i)
{
	const struct piece *x = i + 1 < p->n ? &p->v[i + 1] : NULL;

	return p->v[i].len && x && x->kind == PIECE_LITERAL ? x : NULL;
}

/* Why the member at v[i] is no array of ours. */
static void tell_array(const struct pieces *p, size_t i, char *why, size_t max)
{
	const struct piece *x = literal_of(p, i);
	const uint8_t *head = x ? p->literals.p + x->at : NULL;
	struct npy npy;
	size_t len = 0;

	snprintf(why, max, "kept as bytes");
	if (p->v[i].kind == PIECE_PACKED)
		snprintf(why, max, "compressed by the archive");
	if (!head || !npy_bid(head, (size_t)x->len) ||
	    npy_head_len(head, (size_t)x->len, &len, NULL) != HVQZ_OK ||
	    len > x->len || npy_parse(head, len, &npy, NULL) != HVQZ_OK)
		return;
	if (!npy.descr)
		snprintf(why, max, "an array of structures");
	else if (npy.dtype)
		snprintf(why, max, "an array of over %d dimensions, or cut",
			 TENSOR_MAX_RANK);
	else
		snprintf(why, max, "of type '%.*s'",
			 npy.descr_len < 60 ? (int)npy.descr_len : 60,
			 npy.descr);
}

/* ---- files ---- */

static bool is_torch(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *leaf = slash ? slash + 1 : name;

	return ends_with(name, ".pt") || ends_with(name, ".pth") ||
	       (!strncmp(leaf, "pytorch_model", 13) && ends_with(leaf, ".bin"));
}

/* A GGUF in the head that has no tensors, or none of a model's. */
static bool is_empty_gguf(const struct pieces *p, size_t i)
{
	const struct piece *x = literal_of(p, i);
	const struct gguf_pair *type;
	struct source_memory memory;
	struct gguf g = {0};
	struct source src;
	struct span s;
	bool is;

	if (!x || x->len < 4)
		return false;
	source_init_memory(&src, &memory, p->literals.p + x->at,
			   (size_t)x->len);
	is = gguf_read_head(&src, &g, NULL) == HVQZ_OK;
	source_free(&src);
	if (is && g.n_infos) {
		is = gguf_want(&g, "general.type", GGUF_STRING, &type,
			       NULL) == HVQZ_OK && type;
		if (is) {
			s = gguf_string(&g, type);
			is = span_is(&s, "imatrix");
		}
	}
	gguf_free(&g);
	return is;
}

/* The file at v[i], which no tensor is from. */
static void count_bytes(struct search *s, size_t i, bool to_gguf)
{
	const struct piece *x = &s->p->v[i];
	bool packed = x->kind == PIECE_PACKED;
	bool gguf = ends_with(x->name, ".gguf");
	const char *why = packed ? "compressed by the archive"
				 : "not read, but kept as it is";
	char told[120];

	if (ends_with(x->name, ".safetensors")) {
		/* One that is stored was read: it has no tensors. */
		count(s, packed, x->name, why);
	} else if (gguf) {
		count(s, packed || !is_empty_gguf(s->p, i), x->name, why);
	} else if (to_gguf) {
		/* It is made of these alone. */
	} else if (ends_with(x->name, ".npy")) {
		tell_array(s->p, i, told, sizeof(told));
		count(s, true, x->name, told);
	} else if (ends_with(x->name, ".npz") || is_torch(x->name)) {
		count(s, true, x->name, why);
	}
}

static bool is_model(const char *name)
{
	return ends_with(name, ".safetensors") || ends_with(name, ".gguf") ||
	       ends_with(name, ".npy") || ends_with(name, ".npz") ||
	       is_torch(name);
}

/* Files, or the arrays of an npz. */
static void search_files(struct search *s, bool to_gguf)
{
	const struct pieces *p = s->p;

	for (size_t i = 0; i < p->n; i++) {
		uint64_t left = p->v[i].len;
		size_t n = 0;

		if (p->v[i].kind < PIECE_MEMBER)
			continue;
		for (size_t k = i + 1; k < p->n && p->v[k].len <= left &&
				       p->v[k].kind < PIECE_MEMBER; k++) {
			n += p->v[k].kind == PIECE_TENSOR;
			left -= p->v[k].len;
		}
		/* Bytes without a header are a file too large for the head. */
		if (n == 1 && p->v[i].len &&
		    p->v[i + 1].kind == PIECE_TENSOR)
			n = 0;
		if (!n)
			count_bytes(s, i, to_gguf);
		else if (is_model(p->v[i].name))
			count(s, false, p->v[i].name, "");
	}
}

/* ---- views ---- */

static enum hvqz_ret search_views(struct search *s, const struct model *m,
				  struct hvqz_err *err)
{
	struct torch_extras x = {0};
	struct hvqz_err why = {0};
	enum hvqz_ret ret = torch_extras_of(m, &x, &why);

	if (ret == HVQZ_NOMEM) {
		if (err)
			*err = why;
	} else if (ret != HVQZ_OK) {
		/* Other than when it was read: it is too large for the head. */
		ret = HVQZ_OK;
		s->l->n = s->l->n_all = 1;
		snprintf(s->l->msg, sizeof(s->l->msg),
			 "its pickle cannot be looked at again: names that "
			 "share memory, and what is no plain tensor, would be "
			 "left out");
	} else {
		for (size_t i = 0; i < x.n; i++)
			count(s, x.v[i].why, x.v[i].name, x.v[i].why);
		s->l->n_all = x.n_views;
	}
	torch_extras_free(&x);
	return ret;
}

static bool goes_whole(const char *from, const char *to)
{
	return !format_has_pieces(from) || !strcmp(from, "npy") ||
	       !strcmp(from, to) ||
	       (format_has_files(from) && format_has_files(to));
}

enum hvqz_ret left_out_find(const struct model *m, const char *to,
			    struct left_out *l, struct hvqz_err *err)
{
	struct search s = {.l = l};
	struct pieces p = {0};
	enum hvqz_ret ret;

	*l = (struct left_out){0};
	if (!m->head || goes_whole(m->format, to))
		return HVQZ_OK;
	s.p = &p;
	s.kind = !strcmp(m->format, "torch") ? "tensor" :
		 !strcmp(m->format, "npz") ? "array" : "model file";
	if (!strcmp(m->format, "torch")) {
		TRY_OUT(search_views(&s, m, err));
	} else {
		TRY_OUT(pieces_from_head(&p, m, err));
		search_files(&s, !strcmp(to, "gguf"));
		ret = HVQZ_OK;
	}
	if (l->n && !*l->msg)
		say(&s);
out:
	pieces_free(&p);
	return ret;
}
