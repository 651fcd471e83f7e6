/*
 * imatrix.c - llama.cpp's legacy imatrix.dat, and what both imatrix readers
 * share.
 *
 * The file is a bare sequence of little-endian fields without magic or
 * version: the number of entries, the entries, then (written by later tools)
 * the number of calibration chunks and the name of the text. Its law as we
 * understand it is in formats/sidecar.md. Not here: the GGUF form
 * (imatrix_gguf.c), finding out which form a file has (sidecar.c).
 */
#include "formats/imatrix.h"

#include "formats/sidecar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* name length, one byte of name, calls, number of values, a value */
	SMALLEST_ENTRY = 4 + 1 + 4 + 4 + 4,
};

enum hvqz_ret imatrix_name(const uint8_t *p, size_t len, char **name,
			   struct hvqz_err *err)
{
	if (!len || len > TENSOR_MAX_NAME)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a name of %zu bytes; names have 1 to "
				 "%d", len, TENSOR_MAX_NAME);
	if (memchr(p, 0, len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a name with a NUL byte in it");
	*name = malloc(len + 1);
	if (!*name)
		return hvqz_nomem(err, len + 1, "a tensor's name");
	memcpy(*name, p, len);
	(*name)[len] = '\0';
	return HVQZ_OK;
}

bool imatrix_skip_experts(const char *name, bool many,
			  struct imatrix_skips *skips)
{
	if (!many && !strstr(name, "_exps."))
		return false;
	if (!skips->n++)
		snprintf(skips->first, sizeof(skips->first), "%s", name);
	return true;
}

void imatrix_warn_skips(const struct imatrix_skips *skips,
			const struct hvqz_notes *notes)
{
	if (skips->n)
		hvqz_warn(notes,
			  "sidecar: %zu entries hold one sum per expert and "
			  "are not used (the first is %s)",
			  skips->n, skips->first);
}

enum hvqz_ret imatrix_check_sums(const char *name, const uint8_t *sums,
				 size_t n, struct hvqz_err *err)
{
	for (size_t i = 0; i < n; i++) {
		float v = get_lef32(sums + 4 * i);

		if (!isfinite(v) || v < 0)
			return hvqz_fail_tensor(
				err, HVQZ_DAMAGED, name,
				"the sum of squares of input channel %zu is "
				"%g; it must be finite and not negative",
				i, (double)v);
	}
	return HVQZ_OK;
}

enum hvqz_ret imatrix_add(struct sens_table *t, const char *name,
			  const uint8_t *sums, size_t n, float count,
			  struct hvqz_err *err)
{
	size_t room = strlen(name) + 64;	/* names grow by 16 at most */
	enum hvqz_ret ret;
	struct sens *s;
	char *mapped;

	TRY(imatrix_check_sums(name, sums, n, err));
	if (!isfinite(count) || count <= 0)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"a count of %g; it must be finite and "
					"above zero", (double)count);
	mapped = malloc(room);
	if (!mapped)
		return hvqz_nomem(err, room, "a tensor's name");
	name_from_gguf(name, mapped, room);
	s = sens_table_add(t, mapped);
	free(mapped);
	if (!s)
		return hvqz_nomem(err, room, "the sidecar's table");
	s->diag = malloc(n * sizeof(*s->diag));
	if (!s->diag)
		return hvqz_nomem(err, n * sizeof(*s->diag),
				  "a sidecar's row");
	s->n_in = n;
	ret = HVQZ_OK;
	for (size_t i = 0; i < n && ret == HVQZ_OK; i++) {
		s->diag[i] = get_lef32(sums + 4 * i) / count;
		if (!isfinite(s->diag[i]))
			ret = hvqz_fail_tensor(
				err, HVQZ_DAMAGED, name,
				"the mean of input channel %zu is not finite: "
				"a count of %g", i, (double)count);
	}
	return ret;
}

/*
 * No magic to go by. Two small integers have bytes that no text has, and the
 * name behind them has only bytes that text has; in a safetensors file an open
 * brace stands there.
 */
bool imatrix_dat_bid(const uint8_t *peek, size_t len)
{
	bool text = true;
	size_t end;

	if (len < 9 || peek[8] == '{')
		return false;
	for (size_t i = 0; i < 8; i++)
		text &= peek[i] == '\n' || peek[i] == '\r' ||
			peek[i] == '\t' || (peek[i] >= ' ' && peek[i] < 0x7f);
	end = len < 16 ? len : 16;
	if (get_le32(peek + 4) < end - 8)
		end = 8 + get_le32(peek + 4);
	for (size_t i = 8; i < end; i++)
		if (peek[i] <= ' ' || peek[i] >= 0x7f)
			return false;
	return !text;
}

/* An int32 that says how many of something follow; M1. */
static enum hvqz_ret take_count(struct cursor *c, const char *what,
				int32_t least, uint64_t size, uint32_t *n,
				struct hvqz_err *err)
{
	int32_t v;

	if (!cur_u32(c, n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: %zu bytes are left where %s is",
				 cur_left(c), what);
	memcpy(&v, n, sizeof(v));
	if (v < least)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s is %" PRId32 "; it must be at least "
				 "%" PRId32, what, v, least);
	if (*n * size > cur_left(c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s is %" PRIu32 ", which needs at least "
				 "%" PRIu64 " bytes; %zu are left",
				 what, *n, *n * size, cur_left(c));
	return HVQZ_OK;
}

static enum hvqz_ret dat_entry(struct cursor *c, struct sens_table *t,
			       struct imatrix_skips *skips,
			       struct hvqz_err *err)
{
	uint32_t name_len = 0, n_calls, n;
	const uint8_t *p;
	char *name = NULL;
	enum hvqz_ret ret;

	TRY(take_count(c, "a name's length", 1, 1, &name_len, err));
	p = cur_take(c, name_len);
	TRY(imatrix_name(p, name_len, &name, err));
	TRY_OUT(take_count(c, "the number of calls", 1, 0, &n_calls, err));
	TRY_OUT(take_count(c, "the number of values", 1, 4, &n, err));
	p = cur_take(c, 4 * (uint64_t)n);
	if (imatrix_skip_experts(name, false, skips))
		ret = imatrix_check_sums(name, p, n, err);
	else
		ret = imatrix_add(t, name, p, n, (float)n_calls, err);
out:
	/* Say which entry it was, even where only a field was wrong. */
	if (ret == HVQZ_DAMAGED && err && !err->tensor[0])
		snprintf(err->tensor, sizeof(err->tensor), "%s", name);
	free(name);
	return ret;
}

enum hvqz_ret imatrix_dat_read(const uint8_t *p, size_t len,
			       struct sens_table *t,
			       const struct hvqz_notes *notes,
			       struct hvqz_err *err)
{
	struct cursor c = {p, p + len};
	struct imatrix_skips skips = {0};
	uint32_t n, n_chunks, name_len;

	snprintf(t->kind, sizeof(t->kind), "imatrix.dat");
	TRY(take_count(&c, "the number of entries", 1, SMALLEST_ENTRY, &n,
		       err));
	for (uint32_t i = 0; i < n; i++)
		TRY(dat_entry(&c, t, &skips, err));
	imatrix_warn_skips(&skips, notes);
	if (!cur_left(&c))
		return HVQZ_OK;		/* the oldest tools stopped here */
	TRY(take_count(&c, "the number of chunks", 0, 0, &n_chunks, err));
	TRY(take_count(&c, "the text name's length", 0, 1, &name_len, err));
	if (cur_left(&c) > name_len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes after the end of the imatrix",
				 cur_left(&c) - name_len);
	if (!name_len)
		return HVQZ_OK;
	return imatrix_name(cur_take(&c, name_len), name_len, &t->calibration,
			    err);
}
