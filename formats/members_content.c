/*
 * members_content.c - what a file in a source is, by its name or first bytes:
 * safetensors, a NumPy array, or bytes. GGUF: members_gguf.c.
 */
#include "formats/members_internal.h"

#include "base/bytes.h"
#include "formats/npy.h"
#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL = 8 << 20,	/* members up to here are kept in the head, */
	SMALL_TEXT = 32 << 20,	/* or up to here if they are text, */
	ENOUGH = 48 << 20,	/* until they are so many bytes; then only */
	TINY = 64 << 10,	/* these are */
};

enum hvqz_ret members_about(const struct member *x, enum hvqz_ret ret,
			    struct hvqz_err *err)
{
	char msg[sizeof(err->msg)];

	if (ret == HVQZ_OK || ret == HVQZ_STOPPED || !err)
		return ret;
	snprintf(msg, sizeof(msg), "in %.200s: %.380s", x->name, err->msg);
	memcpy(err->msg, msg, sizeof(msg));
	return ret;
}

bool member_ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && !strcmp(name + n - m, suffix);
}

enum hvqz_ret members_seek(const struct members_job *j, uint64_t off,
			   struct hvqz_err *err)
{
	return pieces_seek(j->src, j->start + off, err);
}

/*
 * A list of pieces has room for so many bytes that are no tensors. Headers are
 * added up before they are read: their tables take memory long before the
 * pieces are laid out.
 */
enum hvqz_ret members_count(uint64_t *sum, uint64_t n, const char *what,
			    struct hvqz_err *err)
{
	if (n > PIECES_MAX_LITERALS - *sum)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%s of %" PRIu64 " bytes, and %" PRIu64
				 " in the files before it; the most in all "
				 "files together is %d", what, n, *sum,
				 PIECES_MAX_LITERALS);
	*sum += n;
	return HVQZ_OK;
}

static enum hvqz_ret load_safetensors(struct members_job *j, struct member *x,
				      struct hvqz_err *err)
{
	const uint8_t *p;
	enum hvqz_ret ret;
	uint64_t json_len;
	uint8_t *head;
	size_t avail;

	TRY(source_ahead(j->src, 64, &p, &avail, err));
	if (avail > x->size)
		avail = (size_t)x->size;
	if (avail >= 23 && !memcmp(p, "version https://git-lfs", 23))
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "this is a git-LFS "
				 "pointer, not the model it stands for (fetch "
				 "it with \"git lfs pull\")");
	if (avail < SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED, "truncated: %zu bytes",
				 avail);
	json_len = get_le64(p);
	if (json_len > SAFETENSORS_MAX_JSON ||
	    json_len > x->size - SAFETENSORS_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a header of %" PRIu64 " bytes in a file of "
				 "%" PRIu64 "; the most is %d", json_len,
				 x->size, SAFETENSORS_MAX_JSON);
	x->content_at = SAFETENSORS_LEN + json_len;
	TRY(members_count(&j->n_headers, x->content_at, "a header", err));
	TRY(source_load(j->src, x->content_at, "the header", &head, err));
	ret = safetensors_parse(head, (size_t)x->content_at, &x->content,
				NULL, err);
	free(head);
	TRY(ret);
	if (x->content.data_size != x->size - x->content_at)
		return hvqz_fail(err, HVQZ_DAMAGED, "%s: %" PRIu64
				 " bytes of data, %" PRIu64 " are to be there",
				 x->content.data_size < x->size - x->content_at
					 ? "bytes after the data"
					 : "truncated",
				 x->size - x->content_at,
				 x->content.data_size);
	x->is_understood = true;
	return HVQZ_OK;
}

/* A NumPy array; one that is not a tensor, or damaged, is left as it is. */
static enum hvqz_ret load_npy(const struct members_job *j, struct member *x,
			      struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	struct npy npy = {0};
	enum hvqz_ret ret;
	const uint8_t *p;
	size_t avail, head_len;
	char *name, *dot;

	TRY(source_ahead(j->src, 12, &p, &avail, err));
	if (avail > x->size)
		avail = (size_t)x->size;
	if (!npy_bid(p, avail) ||
	    npy_head_len(p, avail, &head_len, &why) != HVQZ_OK ||
	    head_len > x->size)
		return HVQZ_OK;
	TRY(source_ahead(j->src, head_len, &p, &avail, err));
	if (avail < head_len || npy_parse(p, head_len, &npy, &why) != HVQZ_OK)
		return HVQZ_OK;
	/* An NPZ's array of no name is no tensor either. */
	x->is_array = !npy.is_tensor || !strcmp(member_inner(j, x), ".npy");
	if (x->is_array)
		return HVQZ_OK;
	name = malloc(strlen(member_inner(j, x)) + 8);
	if (!name)
		return hvqz_nomem(err, strlen(x->name), "a tensor's name");
	strcpy(name, member_inner(j, x));
	dot = name + strlen(name);
	if (member_ends_with(name, ".npy"))
		dot -= 4;
	strcpy(dot, npy.is_turned ? ".T" : "");
	ret = model_add(&x->content, name, npy.dtype, npy.rank, npy.dim, err);
	free(name);
	TRY(ret);
	x->content_at = npy.head_len;
	x->is_understood = x->content.data_size == x->size - x->content_at;
	x->is_array = x->is_understood;
	if (!x->is_understood)
		model_free(&x->content);
	return HVQZ_OK;
}

/* Does the member begin like a text (tokenizer.json), which packs well? */
static enum hvqz_ret begins_as_text(const struct members_job *j,
				    const struct member *x, bool *is,
				    struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	*is = false;
	if (x->packed || x->size <= SMALL || x->size > SMALL_TEXT)
		return HVQZ_OK;
	TRY(members_seek(j, x->off, err));
	TRY(source_ahead(j->src, 4096, &p, &avail, err));
	*is = true;
	for (size_t i = 0; i < avail && i < 4096; i++)
		*is &= p[i] >= ' ' || p[i] == '\n' || p[i] == '\t' ||
		       p[i] == '\r';
	return HVQZ_OK;
}

enum hvqz_ret members_keep_whole(struct members_job *j, struct member *x,
				 struct hvqz_err *err)
{
	uint64_t dim = x->size;
	bool is_text;

	TRY(begins_as_text(j, x, &is_text, err));
	x->content_at = x->size;
	if (x->size <= TINY || ((x->size <= SMALL || is_text) &&
				x->size <= ENOUGH - j->n_small)) {
		j->n_small += x->size < ENOUGH - j->n_small
				      ? x->size : ENOUGH - j->n_small;
		return HVQZ_OK;
	}
	x->content_at = 0;
	return model_add(&x->content, member_inner(j, x), DTYPE_U8, 1, &dim,
			 err);
}

enum hvqz_ret members_prefix(const struct members_job *j, struct member *x,
			     struct hvqz_err *err)
{
	const char *path = member_inner(j, x);

	for (size_t i = 0; i < x->content.n_tensors; i++) {
		struct tensor *t = &x->content.tensors[i];
		size_t len = strlen(path) + strlen(t->name) + 2;
		char *name;

		if (len > TENSOR_MAX_NAME)
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "a tensor's name of %zu bytes with "
					 "its path", len);
		name = malloc(len);
		if (!name)
			return hvqz_nomem(err, len, "a tensor's name");
		stpcpy(stpcpy(stpcpy(name, path), "/"), t->name);
		free(t->name);
		t->name = name;
	}
	return HVQZ_OK;
}

enum hvqz_ret members_look(struct members_job *j, struct member *x,
			   struct hvqz_err *err)
{
	if (x->is_understood)
		return HVQZ_OK;
	/* An empty file is bytes, but no model, which this one's name says. */
	if (!x->packed && !x->size &&
	    member_ends_with(x->name, ".safetensors"))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: the file is empty");
	if (!x->packed && x->size) {
		TRY(members_seek(j, x->off, err));
		if (member_ends_with(x->name, ".safetensors")) {
			TRY(load_safetensors(j, x, err));
			if (!members_own(j, x))
				TRY(members_prefix(j, x, err));
		} else {
			TRY(members_load_gguf(j, x, err));
			if (!x->is_gguf)
				TRY(load_npy(j, x, err));
		}
	}
	return x->is_understood ? HVQZ_OK : members_keep_whole(j, x, err);
}

