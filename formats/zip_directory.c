/*
 * zip_directory.c - the central directory of a zip archive (PKWARE's APPNOTE,
 * sections 4.3 and 4.4), zip64 included.
 *
 * The directory says what there is; each local header is then looked at, both
 * to learn where the member's bytes begin and to refuse an archive that tells
 * two stories. That members do not overlap is checked where they are laid out.
 */
#include "formats/zip.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	END_LEN = 22, LOCATOR_LEN = 20, END64_LEN = 56, ENTRY_LEN = 46,
	LOCAL_LEN = 30,
	MAX_COMMENT = 65535,
	MAX_DIRECTORY = 96 << 20,
	FLAG_ENCRYPTED = 1,
	FLAG_DESCRIPTOR = 8,
};

struct directory {
	uint64_t off, size, n;	/* of its entries */
};

static enum hvqz_ret damaged(const char *what, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "the zip archive: %s", what);
}

/* n bytes at off of the archive, which are there or else it is damaged. */
static enum hvqz_ret read_at(struct source *src, uint64_t off, void *to,
			     size_t n, struct hvqz_err *err)
{
	size_t got;

	TRY(pieces_seek(src, off, err));
	TRY(source_read(src, to, n, &got, err));
	return got < n ? damaged("truncated", err) : HVQZ_OK;
}

/* Where the end record begins in the last n bytes; n: nowhere. */
static size_t find_in(const uint8_t *p, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (n - i >= END_LEN && !memcmp(p + i, "PK\5\6", 4) &&
		    get_le16(p + i + 20) == n - i - END_LEN)
			return i;
	return n;
}

static enum hvqz_ret no_end(struct hvqz_err *err)
{
	return damaged("it has no end record: truncated, or with other bytes "
		       "behind it", err);
}

/* Where the end record is, from the archive's start, and the record itself. */
static enum hvqz_ret find_end(struct source *src, uint64_t start,
			      uint64_t size, uint64_t *at, uint8_t *end,
			      struct hvqz_err *err)
{
	size_t n = size < END_LEN + MAX_COMMENT ? (size_t)size
						: END_LEN + MAX_COMMENT;
	uint8_t *p = malloc(n + 1);
	enum hvqz_ret ret;
	size_t i;

	if (!p)
		return hvqz_nomem(err, n, "the end of a zip archive");
	TRY_OUT(read_at(src, start + size - n, p, n, err));
	i = find_in(p, n);
	if (i == n) {
		ret = no_end(err);
		goto out;
	}
	memcpy(end, p + i, END_LEN);
	*at = size - n + i;
out:
	free(p);
	return ret;
}

enum hvqz_ret zip_count(const uint8_t *p, size_t n, uint64_t *count,
			struct hvqz_err *err)
{
	size_t at = find_in(p, n);

	if (at == n)
		return no_end(err);
	*count = get_le16(p + at + 10);
	/* It may be just that many. */
	if (*count != 0xffff || at < LOCATOR_LEN ||
	    memcmp(p + at - LOCATOR_LEN, "PK\6\7", 4))
		return HVQZ_OK;
	/* The larger record lies right in front of its locator. */
	if (at < LOCATOR_LEN + END64_LEN ||
	    memcmp(p + at - LOCATOR_LEN - END64_LEN, "PK\6\6", 4))
		return damaged("no zip64 record", err);
	*count = get_le64(p + at - LOCATOR_LEN - END64_LEN + 32);
	return HVQZ_OK;
}

/*
 * d is what the end record at `at` says, a number of all ones in it; without a
 * zip64 record that may be the number itself.
 */
static enum hvqz_ret read_end64(struct source *src, uint64_t start,
				uint64_t at, struct directory *d,
				struct hvqz_err *err)
{
	uint8_t p[END64_LEN] = {0};
	uint64_t off;

	if (at >= LOCATOR_LEN)
		TRY(read_at(src, start + at - LOCATOR_LEN, p, LOCATOR_LEN,
			    err));
	if (memcmp(p, "PK\6\7", 4))
		return d->off <= at && d->size <= at - d->off
			       ? HVQZ_OK
			       : damaged("no zip64 locator", err);
	off = get_le64(p + 8);
	if (at - LOCATOR_LEN < END64_LEN ||
	    off > at - LOCATOR_LEN - END64_LEN)
		return damaged("its zip64 record is outside", err);
	TRY(read_at(src, start + off, p, END64_LEN, err));
	if (memcmp(p, "PK\6\6", 4))
		return damaged("no zip64 record", err);
	if (get_le32(p + 16) || get_le32(p + 20))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a zip archive in several volumes");
	d->n = get_le64(p + 32);
	d->size = get_le64(p + 40);
	d->off = get_le64(p + 48);
	return HVQZ_OK;
}

static enum hvqz_ret read_end(struct source *src, uint64_t start,
			      uint64_t size, struct directory *d,
			      struct hvqz_err *err)
{
	uint8_t end[END_LEN] = {0};
	uint64_t at = 0;

	TRY(find_end(src, start, size, &at, end, err));
	d->n = get_le16(end + 10);
	d->size = get_le32(end + 12);
	d->off = get_le32(end + 16);
	if (d->n == 0xffff || d->size == 0xffffffff || d->off == 0xffffffff)
		TRY(read_end64(src, start, at, d, err));
	else if (get_le16(end + 4) || get_le16(end + 6))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a zip archive in several volumes");
	if (d->off > at || d->size > at - d->off)
		return damaged("its directory is outside", err);
	if (d->size > MAX_DIRECTORY)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a zip directory of %" PRIu64 " bytes",
				 d->size);
	if (d->n > MEMBERS_MAX)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a zip archive of %" PRIu64 " files; the most "
				 "is %d", d->n, MEMBERS_MAX);
	if (d->n > d->size / ENTRY_LEN)
		return damaged("more members than its directory has room for",
			       err);
	return HVQZ_OK;
}

/* ---- one entry ---- */

struct entry {
	const uint8_t *name, *extra;
	size_t name_len, extra_len;
	unsigned flags, method;
	uint32_t crc, attributes;
	uint64_t packed, size, local;
};

/* The 64-bit fields: those that are all ones in the entry, in this order. */
static bool take_zip64(struct entry *e)
{
	struct cursor c = {e->extra, e->extra + e->extra_len};
	uint64_t *const fields[] = {&e->size, &e->packed, &e->local};
	uint16_t id, n;

	while (cur_left(&c) >= 4) {
		const uint8_t *p;

		if (!cur_u16(&c, &id) || !cur_u16(&c, &n) ||
		    !(p = cur_take(&c, n)))
			return false;
		if (id != 1)
			continue;
		c = (struct cursor){p, p + n};
		for (unsigned i = 0; i < 3; i++)
			if (*fields[i] == 0xffffffff &&
			    !cur_u64(&c, fields[i]))
				return false;
		return true;
	}
	return true;
}

static enum hvqz_ret take_entry(struct cursor *c, struct entry *e,
				struct hvqz_err *err)
{
	const uint8_t *p = cur_take(c, ENTRY_LEN);
	size_t comment;

	if (!p || memcmp(p, "PK\1\2", 4))
		return damaged("its directory is cut or damaged", err);
	*e = (struct entry){
		.flags = get_le16(p + 8), .method = get_le16(p + 10),
		.crc = get_le32(p + 16), .packed = get_le32(p + 20),
		.size = get_le32(p + 24), .name_len = get_le16(p + 28),
		.extra_len = get_le16(p + 30),
		.attributes = get_le32(p + 38), .local = get_le32(p + 42),
	};
	comment = get_le16(p + 32);
	e->name = cur_take(c, e->name_len);
	e->extra = e->name ? cur_take(c, e->extra_len) : NULL;
	if (!e->extra || !cur_take(c, comment))
		return damaged("its directory is cut", err);
	/* Only Unix keeps file types there. */
	if (p[5] != 3)
		e->attributes = 0;
	return take_zip64(e) ? HVQZ_OK
			     : damaged("a zip64 field is missing", err);
}

/* The local header of e: does it agree, and where does the data begin? */
static enum hvqz_ret read_local(struct source *src, uint64_t start,
				uint64_t limit, const struct entry *e,
				const char *name, uint64_t *data,
				struct hvqz_err *err)
{
	uint8_t p[LOCAL_LEN];
	const uint8_t *there;
	const char *what = NULL;
	size_t avail;

	if (e->local > limit || limit - e->local < LOCAL_LEN)
		return damaged("a member begins outside", err);
	TRY(read_at(src, start + e->local, p, LOCAL_LEN, err));
	TRY(source_ahead(src, e->name_len, &there, &avail, err));
	if (memcmp(p, "PK\3\4", 4))
		what = "has no local header";
	else if (get_le16(p + 26) != e->name_len || avail < e->name_len ||
		 memcmp(there, e->name, e->name_len))
		what = "has another name in its local header";
	else if (get_le16(p + 8) != e->method)
		what = "has another method in its local header";
	else if (!(get_le16(p + 6) & FLAG_DESCRIPTOR) &&
		 get_le32(p + 14) != e->crc)
		what = "has another CRC-32 in its local header";
	else if (e->method == 0 && e->packed != e->size)
		what = "is stored, and yet of two sizes";
	if (what)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the zip archive: member '%.200s' %s", name,
				 what);
	*data = e->local + LOCAL_LEN + e->name_len + get_le16(p + 28);
	return HVQZ_OK;
}

static enum hvqz_ret add(struct source *src, uint64_t start, uint64_t limit,
			 const struct entry *e, const char *name,
			 struct members *list, struct hvqz_err *err)
{
	struct member *x = NULL;
	uint64_t data = 0;

	if (e->flags & FLAG_ENCRYPTED)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "member '%.200s' is encrypted", name);
	if ((e->attributes >> 28) == 10)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "member '%.200s' is a symbolic link", name);
	TRY(read_local(src, start, limit, e, name, &data, err));
	/* A folder has nothing in it but its name, deflated or not. */
	if (e->name_len && name[e->name_len - 1] == '/' && !e->size)
		return HVQZ_OK;
	if (data > limit || e->packed > limit - data)
		return hvqz_fail(err, HVQZ_DAMAGED, "the zip archive: member "
				 "'%.200s' reaches into the directory", name);
	TRY(members_add(list, name, data, e->packed, &x, err));
	x->packed = e->method;
	x->method = (uint16_t)e->method;
	x->crc = e->crc;
	x->unpacked = e->size;
	x->summed = !e->method;
	return HVQZ_OK;
}

static enum hvqz_ret add_named(struct source *src, uint64_t start,
			       uint64_t limit, const struct entry *e,
			       struct members *list, struct hvqz_err *err)
{
	enum hvqz_ret ret;
	char *name;

	if (memchr(e->name, 0, e->name_len))
		return damaged("a NUL in a member's name", err);
	name = strndup((const char *)e->name, e->name_len);
	if (!name)
		return hvqz_nomem(err, e->name_len, "a name");
	ret = add(src, start, limit, e, name, list, err);
	free(name);
	return ret;
}

static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->local < y->local ? -1 : x->local > y->local;
}

/*
 * In the order of their places, so that the archive is gone through once; a
 * directory that lists one place over and over is refused before that.
 */
static enum hvqz_ret take_all(struct source *src, uint64_t start,
			      const struct directory *d, const uint8_t *p,
			      struct members *list, struct hvqz_err *err)
{
	struct cursor c = {p, p + d->size};
	struct entry *v = calloc((size_t)d->n + 1, sizeof(*v));
	enum hvqz_ret ret = HVQZ_OK;
	size_t n = (size_t)d->n;

	if (!v)
		return hvqz_nomem(err, d->n * sizeof(*v), "a zip directory");
	for (size_t i = 0; i < n; i++)
		TRY_OUT(take_entry(&c, &v[i], err));
	if (cur_left(&c)) {
		ret = damaged("bytes behind its directory", err);
		goto out;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_place);
	for (size_t i = 1; i < n; i++)
		if (v[i].local - v[i - 1].local < LOCAL_LEN) {
			ret = damaged("two members in one place", err);
			goto out;
		}
	for (size_t i = 0; i < n; i++)
		TRY_OUT(add_named(src, start, d->off, &v[i], list, err));
out:
	free(v);
	return ret;
}

enum hvqz_ret zip_members(struct source *src, struct members *list,
			  struct hvqz_err *err)
{
	uint64_t start = src->off, size = source_left(src);
	struct directory d = {0};
	enum hvqz_ret ret;
	uint8_t *p;

	TRY(read_end(src, start, size, &d, err));
	TRY(source_seek(src, start + d.off, err));
	TRY(source_load(src, d.size, "the zip directory", &p, err));
	ret = take_all(src, start, &d, p, list, err);
	free(p);
	return ret;
}
