/*
 * unpack.c - libarchive between two sources.
 *
 * One filter and no format is the usual case. A zip of deflated arrays is read
 * as a zip and written as one anew, whose members are stored; it comes out as
 * it is made, a block at a time.
 */
#include "stream/unpack.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FREE_BYTES ((uint64_t)64 << 20)	/* that no ratio counts for */

enum { RATIO = 1000, DEFLATED = 8, ZIP_HEAD = 30 };

struct unpack {
	struct archive *a;
	/* A zip made anew, and what there is of it: */
	struct archive *zip;	/* NULL: no zip */
	struct buf made;
	size_t taken;		/* of made */
	bool in_member, at_end;
	struct source *from;
	size_t shown;		/* bytes of from that libarchive looks at */
	struct hvqz_err why;	/* of a failed read */
	uint64_t in, out;
};

static const struct {
	const char *magic;
	size_t len;
	const char *name;
} filters[] = {
	{"\x1f\x8b\x08", 3, "gzip"},
	{"\xfd" "7zXZ\0", 6, "xz"},
	{"\x28\xb5\x2f\xfd", 4, "zstd"},
	{"BZh", 3, "bzip2"},
	{"\x04\x22\x4d\x18", 4, "lz4"},
};

/* The first member is an array, and deflated. */
static bool is_packed_npz(const uint8_t *p, size_t len)
{
	size_t name;

	if (len < ZIP_HEAD || memcmp(p, "PK\3\4", 4) ||
	    get_le16(p + 8) != DEFLATED)
		return false;
	name = get_le16(p + 26);
	return name > 4 && len >= ZIP_HEAD + name &&
	       !memcmp(p + ZIP_HEAD + name - 4, ".npy", 4);
}

const char *unpack_bid(const uint8_t *p, size_t len)
{
	if (is_packed_npz(p, len))
		return "zip";
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
		if (len >= filters[i].len &&
		    !memcmp(p, filters[i].magic, filters[i].len))
			return filters[i].name;
	return NULL;
}

static la_ssize_t feed(struct archive *a, void *ctx, const void **p)
{
	struct unpack *u = ctx;
	const uint8_t *bytes;
	size_t n;

	if (u->shown)
		source_consume(u->from, u->shown);
	u->shown = 0;
	if (source_ahead(u->from, 1, &bytes, &n, &u->why) != HVQZ_OK) {
		archive_set_error(a, EIO, "%s", u->why.msg);
		return ARCHIVE_FATAL;
	}
	u->shown = n;
	u->in += n;
	*p = bytes;
	return (la_ssize_t)n;
}

static enum hvqz_ret failed(const struct unpack *u, struct hvqz_err *err)
{
	const char *msg = archive_error_string(u->a);

	if (u->why.ret != HVQZ_OK) {
		if (err)
			*err = u->why;
		return u->why.ret;
	}
	return hvqz_fail(err, HVQZ_DAMAGED, "the compressed data cannot be "
			 "unpacked: %.300s", msg ? msg : "damaged");
}

static enum hvqz_ret count(struct unpack *u, uint64_t n, struct hvqz_err *err)
{
	u->out += n;
	if (u->out > FREE_BYTES && u->out / RATIO > u->in)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64 " compressed bytes have become "
				 "%" PRIu64 ": no model is like that", u->in,
				 u->out);
	return HVQZ_OK;
}

static enum hvqz_ret unpack_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct unpack *u = ctx;
	la_ssize_t r = archive_read_data(u->a, buf, n);

	*got = 0;
	if (r < 0)
		return failed(u, err);
	TRY(count(u, (uint64_t)r, err));
	*got = (size_t)r;
	return HVQZ_OK;
}

/* ---- a zip made anew ---- */

static la_ssize_t take(struct archive *a, void *ctx, const void *p, size_t n)
{
	struct unpack *u = ctx;

	buf_put(&u->made, p, n);
	if (!u->made.failed)
		return (la_ssize_t)n;
	archive_set_error(a, ENOMEM, "out of memory");
	return ARCHIVE_FATAL;
}

static enum hvqz_ret zip_failed(const struct unpack *u, struct hvqz_err *err)
{
	const char *msg = archive_error_string(u->zip);

	TRY(buf_ok(&u->made, err));
	return hvqz_fail(err, HVQZ_UNSUPPORTED, "cannot be made a zip of "
			 "members that are not compressed: %.300s",
			 msg ? msg : "unknown");
}

/* The next member's head, or the end of all. */
static enum hvqz_ret begin_member(struct unpack *u, struct hvqz_err *err)
{
	struct archive_entry *entry;
	int r = archive_read_next_header(u->a, &entry);

	if (r == ARCHIVE_EOF) {
		u->at_end = true;
		return archive_write_close(u->zip) == ARCHIVE_OK
			       ? HVQZ_OK : zip_failed(u, err);
	}
	if (r != ARCHIVE_OK)
		return failed(u, err);
	u->in_member = true;
	return archive_write_header(u->zip, entry) == ARCHIVE_OK
		       ? HVQZ_OK : zip_failed(u, err);
}

static enum hvqz_ret pass_block(struct unpack *u, struct hvqz_err *err)
{
	const void *p;
	la_int64_t off;
	size_t n;
	int r = archive_read_data_block(u->a, &p, &n, &off);

	if (r == ARCHIVE_EOF) {
		u->in_member = false;
		return HVQZ_OK;
	}
	if (r != ARCHIVE_OK)
		return failed(u, err);
	TRY(count(u, n, err));
	return archive_write_data(u->zip, p, n) == (la_ssize_t)n
		       ? HVQZ_OK : zip_failed(u, err);
}

static enum hvqz_ret zip_read(void *ctx, void *buf, size_t n, size_t *got,
			      struct hvqz_err *err)
{
	struct unpack *u = ctx;

	*got = 0;
	while (u->taken == u->made.len && !u->at_end) {
		buf_clear(&u->made);
		u->taken = 0;
		TRY(u->in_member ? pass_block(u, err) : begin_member(u, err));
	}
	*got = u->made.len - u->taken;
	*got = *got < n ? *got : n;
	if (*got)
		memcpy(buf, u->made.p + u->taken, *got);
	u->taken += *got;
	return HVQZ_OK;
}

static enum hvqz_ret open_zip(struct unpack *u, struct hvqz_err *err)
{
	archive_read_support_format_zip_streamable(u->a);
	u->zip = archive_write_new();
	if (!u->zip)
		return hvqz_nomem(err, 1, "unpacking");
	if (archive_read_open(u->a, u, NULL, feed, NULL) != ARCHIVE_OK)
		return failed(u, err);
	archive_write_set_bytes_per_block(u->zip, 0);
	if (archive_write_set_format_zip(u->zip) != ARCHIVE_OK ||
	    archive_write_zip_set_compression_store(u->zip) != ARCHIVE_OK ||
	    archive_write_open(u->zip, u, NULL, take, NULL) != ARCHIVE_OK)
		return zip_failed(u, err);
	return HVQZ_OK;
}

/* ---- either ---- */

enum hvqz_ret unpack_open(struct unpack **u, struct source *src,
			  struct hvqz_err *err)
{
	struct unpack *x = calloc(1, sizeof(*x));
	struct archive_entry *entry;
	const uint8_t *p;
	size_t n;

	*u = x;
	if (!x || !(x->a = archive_read_new()))
		return hvqz_nomem(err, sizeof(*x), "unpacking");
	x->from = src;
	TRY(source_ahead(src, 4096, &p, &n, err));
	if (is_packed_npz(p, n))
		return open_zip(x, err);
	archive_read_support_filter_gzip(x->a);
	archive_read_support_filter_xz(x->a);
	archive_read_support_filter_zstd(x->a);
	archive_read_support_filter_bzip2(x->a);
	archive_read_support_filter_lz4(x->a);
	archive_read_support_format_raw(x->a);
	if (archive_read_open(x->a, x, NULL, feed, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(x->a, &entry) != ARCHIVE_OK)
		return failed(x, err);
	/* The last one is "none". */
	if (archive_filter_count(x->a) > 2)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "compressed %d times over; unpack it first",
				 archive_filter_count(x->a) - 1);
	return HVQZ_OK;
}

void unpack_source(struct unpack *u, struct source *out)
{
	static const struct source_ops ops = {unpack_read, NULL};
	static const struct source_ops zip_ops = {zip_read, NULL};

	source_init(out, u->zip ? &zip_ops : &ops, u, SOURCE_SIZE_UNKNOWN);
}

void unpack_close(struct unpack *u)
{
	if (!u)
		return;
	archive_read_free(u->a);
	archive_write_free(u->zip);
	buf_free(&u->made);
	free(u);
}
