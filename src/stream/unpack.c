/* unpack.c - libarchive between two sources. */
#include "stream/unpack.h"

#include "stream/gunzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FREE_BYTES ((uint64_t)64 << 20)	/* that no ratio counts for */

enum {
	RATIO = 1000,
	MAGIC = 6,		/* bytes that tell all filters */
};

struct unpack {
	struct gunzip *gz;	/* gzip's; all else libarchive's */
	struct archive *a;
	struct source *from;
	uint64_t begin;		/* where it began in from */
	size_t shown;		/* bytes of from that libarchive looks at */
	struct hvqz_err why;	/* of a failed read */
	uint64_t in, out;
	uint64_t in_text;	/* of in: up to the last byte that is not 0 */
	uint64_t in_data;	/* of in: what was unpacked; 0: not at the end */
	bool in_end;		/* libarchive knows of the end of in */
	uint64_t n_entries;	/* of a zip */
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

const char *unpack_bid(const uint8_t *p, size_t len)
{
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
	for (size_t i = n; i; i--)
		if (bytes[i - 1]) {
			u->in_text = u->in + i;
			break;
		}
	u->in += n;
	u->in_end = !n;
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

static enum hvqz_ret read_once(struct unpack *u, void *to, size_t n,
			       size_t *got, struct hvqz_err *err)
{
	la_ssize_t r;

	if (u->gz) {
		TRY(gunzip_read(u->gz, to, n, got, err));
		u->in = u->from->off - u->begin;
		return HVQZ_OK;
	}
	r = archive_read_data(u->a, to, n);
	if (r < 0)
		return failed(u, err);
	*got = (size_t)r;
	return HVQZ_OK;
}

enum hvqz_ret unpack_read(struct unpack *u, void *to, size_t n, size_t *got,
			  struct hvqz_err *err)
{
	size_t more = 1;

	for (*got = 0; *got < n && more; *got += more) {
		TRY(read_once(u, (uint8_t *)to + *got, n - *got, &more, err));
		u->out += more;
		if (u->out > FREE_BYTES && u->out / RATIO > u->in)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "%" PRIu64 " compressed bytes have "
					 "become %" PRIu64 ": no model is like "
					 "that", u->in, u->out);
	}
	return HVQZ_OK;
}

static enum hvqz_ret begin(struct unpack **u, struct source *src,
			   struct hvqz_err *err)
{
	struct unpack *x = calloc(1, sizeof(*x));

	*u = x;
	if (!x)
		return hvqz_nomem(err, sizeof(*x), "unpacking");
	x->from = src;
	x->begin = src->off;
	return HVQZ_OK;
}

static enum hvqz_ret begin_archive(struct unpack *u, struct hvqz_err *err)
{
	u->a = archive_read_new();
	return u->a ? HVQZ_OK : hvqz_nomem(err, sizeof(*u), "unpacking");
}

enum hvqz_ret unpack_open(struct unpack **u, struct source *src,
			  struct hvqz_err *err)
{
	struct archive_entry *entry;
	struct unpack *x;
	const uint8_t *p;
	const char *kind;
	size_t n;

	TRY(begin(u, src, err));
	x = *u;
	TRY(source_ahead(src, MAGIC, &p, &n, err));
	kind = unpack_bid(p, n);
	if (kind && !strcmp(kind, "gzip")) {
		x->gz = gunzip_open(src, err);
		return x->gz ? HVQZ_OK : HVQZ_NOMEM;
	}
	TRY(begin_archive(x, err));
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

/*
 * Behind the last byte: libarchive stops at what is no more of the kind, and
 * does not say so. Zeros a tape leaves; all else somebody wanted to keep.
 */
static enum hvqz_ret check_rest(struct unpack *u, struct hvqz_err *err)
{
	const void *p;
	la_ssize_t n;

	if (!u->in_data) {
		u->in_data = (uint64_t)archive_filter_bytes(u->a, -1);
		/* Of lz4 it takes four bytes more if there are as many. */
		if (!u->in_end &&
		    archive_filter_code(u->a, 0) == ARCHIVE_FILTER_LZ4)
			u->in_data -= 4;
	}
	do {
		n = feed(u->a, u, &p);
		if (n < 0)
			return failed(u, err);
	} while (n && u->in_text <= u->in_data);
	if (u->in_text <= u->in_data)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED, "the %s data ends at byte %" PRIu64
			 ", and what follows up to byte %" PRIu64 " is neither "
			 "more of it nor zeros", archive_filter_name(u->a, 0),
			 u->in_data, u->in_text);
}

static enum hvqz_ret read_some(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct unpack *u = ctx;

	TRY(unpack_read(u, buf, n, got, err));
	return *got < n && u->a ? check_rest(u, err) : HVQZ_OK;
}

void unpack_source(struct unpack *u, struct source *out)
{
	static const struct source_ops ops = {read_some, NULL};

	source_init(out, &ops, u, SOURCE_SIZE_UNKNOWN);
}

/* ---- zip ---- */

enum hvqz_ret unpack_open_zip(struct unpack **u, struct source *src,
			      struct hvqz_err *err)
{
	TRY(begin(u, src, err));
	TRY(begin_archive(*u, err));
	archive_read_support_format_zip_streamable((*u)->a);
	return archive_read_open((*u)->a, *u, NULL, feed, NULL) == ARCHIVE_OK
		       ? HVQZ_OK : failed(*u, err);
}

enum hvqz_ret unpack_next(struct unpack *u, const char **name, uint64_t *size,
			  struct hvqz_err *err)
{
	struct archive_entry *entry;
	int r;

	do {
		r = archive_read_next_header(u->a, &entry);
		*name = NULL;
		if (r == ARCHIVE_EOF)
			return HVQZ_OK;
		/* A warning is of times or letters, and neither is taken. */
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return failed(u, err);
		u->n_entries++;
	} while (archive_entry_filetype(entry) == AE_IFDIR);
	*name = archive_entry_pathname_utf8(entry);
	if (!*name || archive_entry_filetype(entry) != AE_IFREG)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'%.200s' in the zip is no file, or its name "
				 "is not UTF-8", *name ? *name : "");
	*size = archive_entry_size_is_set(entry)
			? (uint64_t)archive_entry_size(entry)
			: SOURCE_SIZE_UNKNOWN;
	return HVQZ_OK;
}

/* libarchive has read the first bytes of the directory, and no further. */
enum hvqz_ret unpack_end(struct unpack *u, size_t most, struct buf *tail,
			 uint64_t *n_entries, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t n;

	*n_entries = u->n_entries;
	u->shown = 0;
	for (;;) {
		TRY(source_ahead(u->from, 1, &p, &n, err));
		if (!n)
			return HVQZ_OK;
		buf_put(tail, p, n);
		TRY(buf_ok(tail, err));
		source_consume(u->from, n);
		if (tail->len > most) {
			memmove(tail->p, tail->p + tail->len - most, most);
			tail->len = most;
		}
	}
}

void unpack_close(struct unpack *u)
{
	if (!u)
		return;
	gunzip_close(u->gz);
	archive_read_free(u->a);
	free(u);
}
