/*
 * sidecar.c - reading sensitivities from whatever file they come in.
 *
 * Finds out which of three kinds a file is, by its first bytes, and hashes all
 * its bytes as they pass. The kinds are read elsewhere: ours in sidecar_own.c,
 * llama.cpp's two in imatrix.c and imatrix_gguf.c; fitting the entries to a
 * model is in sidecar_match.c. What the files mean: formats/sidecar.md.
 */
#include "formats/sidecar.h"

#include "base/buf.h"
#include "formats/format.h"
#include "formats/imatrix.h"
#include "formats/sidecar_own.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

enum {
	PEEK = 4096,		/* what a kind is recognised by */
};

/* An imatrix has one row a weight; larger than this is something else. */
#define MAX_IMATRIX ((uint64_t)1 << 30)

static enum hvqz_ret too_large(struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "an imatrix of more than %" PRIu64 " bytes",
			 MAX_IMATRIX);
}

static enum hvqz_ret read_imatrix(struct source *src, bool gguf,
				  struct sens_table *t,
				  const struct hvqz_notes *notes,
				  struct hvqz_err *err)
{
	struct buf b = {0};
	enum hvqz_ret ret;
	const uint8_t *p;
	size_t n;

	if (source_left(src) != SOURCE_SIZE_UNKNOWN &&
	    source_left(src) > MAX_IMATRIX)
		return too_large(err);
	do {
		TRY_OUT(source_ahead(src, 1, &p, &n, err));
		if (b.len + n > MAX_IMATRIX) {
			ret = too_large(err);
			goto out;
		}
		buf_put(&b, p, n);
		source_consume(src, n);
		TRY_OUT(buf_ok(&b, err));
	} while (n);
	if (gguf)
		ret = imatrix_gguf_read(b.p, b.len, t, notes, err);
	else
		ret = imatrix_dat_read(b.p, b.len, t, notes, err);
out:
	buf_free(&b);
	return ret;
}

/* A source that hashes what passes through it. */
struct hashing {
	struct source *src;
	XXH3_state_t *state;
};

static enum hvqz_ret hashing_read(void *ctx, void *buf, size_t n, size_t *got,
				  struct hvqz_err *err)
{
	struct hashing *h = ctx;
	const uint8_t *p;
	size_t avail;

	/* Not source_read: what a pipe has now is enough. */
	TRY(source_ahead(h->src, 1, &p, &avail, err));
	*got = avail < n ? avail : n;
	if (!*got)
		return HVQZ_OK;
	memcpy(buf, p, *got);
	XXH3_64bits_update(h->state, p, *got);
	source_consume(h->src, *got);
	return HVQZ_OK;
}

static enum hvqz_ret read_any(struct source *src, struct sens_table *t,
			      const struct hvqz_notes *notes,
			      struct hvqz_err *err)
{
	const uint8_t *p;
	size_t n;

	TRY(source_ahead(src, PEEK, &p, &n, err));
	if (n >= 4 && !memcmp(p, "GGUF", 4))
		return read_imatrix(src, true, t, notes, err);
	if (safetensors_reader.bid(p, n) || (n > 8 && p[8] == '{'))
		return sidecar_own_read(src, t, notes, err);
	if (imatrix_dat_bid(p, n))
		return read_imatrix(src, false, t, notes, err);
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "%s: neither an hvqz sidecar (safetensors) nor an "
			 "imatrix (.dat or GGUF)", n ? "not a sidecar" :
			 "an empty file");
}

enum hvqz_ret sidecar_sort(struct sens_table *t, struct hvqz_err *err)
{
	sens_table_sort(t);
	for (size_t i = 1; i < t->n; i++)
		if (!strcmp(t->v[i - 1].name, t->v[i].name))
			return hvqz_fail_tensor(err, HVQZ_DAMAGED,
						t->v[i].name, "duplicate: the "
						"sidecar has two entries for "
						"it");
	return HVQZ_OK;
}

enum hvqz_ret sidecar_read(struct source *src, struct sens_table *t,
			   const struct hvqz_notes *notes,
			   struct hvqz_err *err)
{
	static const struct source_ops ops = {hashing_read, NULL};
	struct hashing h = {src, XXH3_createState()};
	struct source in;
	enum hvqz_ret ret;

	*t = (struct sens_table){0};
	if (!h.state)
		return hvqz_fail(err, HVQZ_NOMEM,
				 "out of memory: the sidecar's hash");
	XXH3_64bits_reset(h.state);
	source_init(&in, &ops, &h, source_left(src));
	TRY_OUT(read_any(&in, t, notes, err));
	t->hash = XXH3_64bits_digest(h.state);
	ret = sidecar_sort(t, err);
out:
	source_free(&in);
	XXH3_freeState(h.state);
	return ret;
}
