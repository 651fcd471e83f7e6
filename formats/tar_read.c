/*
 * tar_read.c - the members of a tar archive, and where their bytes lie.
 *
 * We walk the headers ourselves, because what is restored has to be the
 * archive byte for byte and so every byte has to be accounted for. A tar of
 * a model has files and folders in it; links, devices and sparse files are
 * refused by name (rule A2), as are paths that lead out of where it would be
 * unpacked.
 */
#include "formats/members.h"
#include "formats/tar.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_LEN = 100, TYPE_AT = 156, MAGIC_AT = 257, PREFIX_AT = 345,
	PREFIX_LEN = 155,
	MAX_EXTENDED = 1 << 20,	/* bytes of a pax header or a long name */
	BID_MAGIC = 60, BID_SUM = 48,
};

struct walk {
	struct source *src;
	uint64_t start, size;
	uint64_t at;		/* of the next header */
	struct members list;
	/* What extended headers say about the next file: */
	char *name;		/* owned; NULL: nothing */
	bool has_size;
	uint64_t next_size;
};

static unsigned bid(const uint8_t *p, size_t len)
{
	if (len < TAR_BLOCK || !tar_is_header(p))
		return 0;
	return memcmp(p + MAGIC_AT, "ustar", 5) ? BID_SUM : BID_MAGIC;
}

static enum hvqz_ret at_byte(const struct walk *w, const char *what,
			     struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "tar header at byte %" PRIu64
			 ": %s", w->at, what);
}

/* "LEN KEY=VALUE\n" … at p [n]. */
static enum hvqz_ret take_pax(struct walk *w, const char *p, size_t n,
			      struct hvqz_err *err)
{
	while (n) {
		size_t len = 0, i = 0, key;
		const char *value;

		for (; i < n && p[i] >= '0' && p[i] <= '9' && len <= n; i++)
			len = len * 10 + (size_t)(p[i] - '0');
		if (!i || i == n || p[i] != ' ' || len > n || len < i + 3 ||
		    p[len - 1] != '\n')
			return at_byte(w, "a pax record of a wrong length",
				       err);
		p += i + 1;
		len -= i + 1;
		n -= i + 1;
		value = memchr(p, '=', len);
		if (!value)
			return at_byte(w, "a pax record without '='", err);
		key = (size_t)(value++ - p);
		if (key == 4 && !memcmp(p, "path", 4)) {
			free(w->name);
			w->name = strndup(value, len - key - 2);
			if (!w->name)
				return hvqz_nomem(err, len, "a path");
			if (strlen(w->name) != len - key - 2)
				return at_byte(w, "a NUL in a path", err);
		} else if (key == 4 && !memcmp(p, "size", 4)) {
			w->next_size = 0;
			for (; *value >= '0' && *value <= '9' &&
			       w->next_size < UINT64_MAX / 16; value++)
				w->next_size = 10 * w->next_size +
					       (uint64_t)(*value - '0');
			if (*value != '\n')
				return at_byte(w, "a pax size that is no "
					       "number", err);
			w->has_size = true;
		} else if (key > 10 && !memcmp(p, "GNU.sparse", 10)) {
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "a sparse file in the tar archive, "
					 "at byte %" PRIu64, w->at);
		}
		p += len;
		n -= len;
	}
	return HVQZ_OK;
}

/* A header that is about the next one: type x, L; g and K have no say here. */
static enum hvqz_ret take_extended(struct walk *w, char type, uint64_t size,
				   struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	uint8_t *p;

	if (size > MAX_EXTENDED)
		return at_byte(w, "an extended header of over 1 MiB", err);
	TRY(source_load(w->src, size, "an extended tar header", &p, err));
	if (type == 'x') {
		ret = take_pax(w, (const char *)p, (size_t)size, err);
	} else if (type == 'L') {
		free(w->name);
		w->name = strndup((const char *)p, (size_t)size);
		if (!w->name)
			ret = hvqz_nomem(err, size, "a long name");
	}
	free(p);
	return ret;
}

/* The name in the header itself. */
static enum hvqz_ret take_name(struct walk *w, const uint8_t *block,
			       struct hvqz_err *err)
{
	const char *name = (const char *)block;
	const char *prefix = name + PREFIX_AT;
	size_t n = strnlen(name, NAME_LEN), m = 0;

	if (w->name)
		return HVQZ_OK;
	/* Old GNU archives have other things where POSIX has the prefix. */
	if (!memcmp(block + MAGIC_AT, "ustar", 6))
		m = strnlen(prefix, PREFIX_LEN);
	w->name = calloc(1, m + n + 2);
	if (!w->name)
		return hvqz_nomem(err, m + n + 2, "a path");
	memcpy(w->name, prefix, m);
	if (m)
		w->name[m++] = '/';
	memcpy(w->name + m, name, n);
	return HVQZ_OK;
}

/* "./a/" is "a". */
static const char *tidy_name(char *name)
{
	size_t n;

	while (!strncmp(name, "./", 2)) {
		name += 2;
		name += strspn(name, "/");
	}
	n = strlen(name);
	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	return !strcmp(name, ".") ? "" : name;
}

static const char *type_name(char type)
{
	switch (type) {
	case '1':
		return "a hard link";
	case '2':
		return "a symbolic link (tar's option -h stores what it "
		       "leads to)";
	case '3':
	case '4':
		return "a device";
	case '6':
		return "a FIFO";
	case 'S':
		return "a sparse file";
	case 'M':
		return "the rest of a file of another volume";
	default:
		return "of a type we do not know";
	}
}

static enum hvqz_ret take_member(struct walk *w, char type, uint64_t size,
				 struct hvqz_err *err)
{
	size_t n = strlen(w->name);
	/* The oldest headers have no type for folders, but this. */
	bool slashed = n && w->name[n - 1] == '/';
	const char *name = tidy_name(w->name);
	bool is_file = type == '0' || type == '\0' || type == '7';
	const char *fault;

	/* GNU tar's label is of the archive, and no file. */
	if (type == 'V')
		return HVQZ_OK;
	if (!is_file && type != '5' && type != 'D')
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "member '%.200s' is %s", name,
				 type_name(type));
	if (is_file && !slashed)
		return members_add(&w->list, name, w->at - w->start, size,
				   NULL, err);
	fault = *name ? member_name_fault(name) : NULL;
	/* In an incremental GNU archive its bytes are a list of its files. */
	if (size && type != 'D')
		fault = "a folder that has a size";
	return fault ? hvqz_fail(err, HVQZ_DAMAGED, "member '%.200s': %s",
				 name, fault)
		     : HVQZ_OK;
}

static enum hvqz_ret take_header(struct walk *w, const uint8_t *p,
				 struct hvqz_err *err)
{
	uint8_t block[TAR_BLOCK];
	enum hvqz_ret ret;
	uint64_t size;
	char type;

	memcpy(block, p, TAR_BLOCK);
	type = (char)block[TYPE_AT];
	if (!tar_is_header(block))
		return at_byte(w, "its check sum is wrong", err);
	if (!tar_size(block, &size))
		return at_byte(w, "a size that is no number", err);
	source_consume(w->src, TAR_BLOCK);
	w->at += TAR_BLOCK;
	if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
		ret = take_extended(w, type, size, err);
	} else {
		if (w->has_size)
			size = w->next_size;
		ret = take_name(w, block, err);
		if (ret == HVQZ_OK)
			ret = take_member(w, type, size, err);
		free(w->name);
		w->name = NULL;
		w->has_size = false;
	}
	TRY(ret);
	if (size > w->start + w->size - w->at)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated: the tar archive needs %" PRIu64
				 " bytes from byte %" PRIu64
				 " on, the input has %" PRIu64, size, w->at,
				 w->start + w->size - w->at);
	w->at += (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return HVQZ_OK;
}

static bool is_zero(const uint8_t *p)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (p[i])
			return false;
	return true;
}

static enum hvqz_ret walk(struct walk *w, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	for (;;) {
		if (w->at - w->start >= w->size)
			break;
		TRY(pieces_seek(w->src, w->at, err));
		TRY(source_ahead(w->src, TAR_BLOCK, &p, &avail, err));
		if (avail < TAR_BLOCK)
			return at_byte(w, "it is cut", err);
		if (is_zero(p))
			break;
		TRY(take_header(w, p, err));
	}
	return w->name || w->has_size
		       ? at_byte(w, "an extended header that is the last",
				 err)
		       : HVQZ_OK;
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	struct walk w = {.src = src, .start = src->off, .at = src->off,
			 .size = source_left(src)};
	enum hvqz_ret ret;

	*state = NULL;
	if (!source_can_seek(src) || w.size == SOURCE_SIZE_UNKNOWN)
		return hvqz_fail(err, HVQZ_USAGE, "a tar archive is read from "
				 "a file: its tensors are scattered");
	TRY_OUT(walk(&w, err));
	ret = members_read(&w.list, src, w.start, w.size, "tar", m, state,
			   err);
out:
	free(w.name);
	members_free(&w.list);
	return ret;
}

const struct reader_ops tar_reader = {
	.name = "tar",
	.suffix = ".tar",
	.bid = bid,
	.needs_seek = true,
	.head = read_head,
	.next = pieces_next,
	.tail = pieces_tail,
	.offset = pieces_offset,
	.free = pieces_reader_free,
};
