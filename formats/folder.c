/* folder.c - the reader and the writer of folders: see folder.h. */
#include "formats/folder.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char folder_magic[FOLDER_MAGIC_LEN] = "\x8bHVQDIR\n";

static unsigned bid(const uint8_t *p, size_t len)
{
	return len >= FOLDER_MAGIC_LEN &&
	       !memcmp(p, folder_magic, FOLDER_MAGIC_LEN)
		       ? 8 * FOLDER_MAGIC_LEN : 0;
}

enum hvqz_ret folder_put_table(struct buf *b, const struct members *files,
			       struct hvqz_err *err)
{
	if (files->n > FOLDER_MAX_FILES)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu files; the most is %d", files->n,
				 FOLDER_MAX_FILES);
	buf_put(b, folder_magic, FOLDER_MAGIC_LEN);
	buf_u32(b, (uint32_t)files->n);
	for (size_t i = 0; i < files->n; i++) {
		size_t len = strlen(files->v[i].name);

		buf_u16(b, (uint16_t)len);
		buf_put(b, files->v[i].name, len);
		buf_u64(b, files->v[i].size);
	}
	return buf_ok(b, err);
}

static enum hvqz_ret cut(struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "truncated in the folder's table");
}

static enum hvqz_ret take(struct source *src, size_t n, const uint8_t **p,
			  struct hvqz_err *err)
{
	size_t avail;

	TRY(source_ahead(src, n, p, &avail, err));
	return avail < n ? cut(err) : HVQZ_OK;
}

static enum hvqz_ret take_file(struct source *src, struct members *files,
			       uint64_t *at, struct hvqz_err *err)
{
	char name[MEMBER_MAX_NAME + 1];
	const uint8_t *p;
	uint64_t size;
	size_t n;

	TRY(take(src, 2, &p, err));
	n = get_le16(p);
	if (n > MEMBER_MAX_NAME)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a file's name of %zu bytes", n);
	TRY(take(src, 2 + n + 8, &p, err));
	memcpy(name, p + 2, n);
	name[n] = '\0';
	size = get_le64(p + 2 + n);
	if (strlen(name) != n || size > (uint64_t)INT64_MAX - *at)
		return hvqz_fail(err, HVQZ_DAMAGED, "file '%.200s': a NUL in "
				 "its name, or sizes over 2^63", name);
	source_consume(src, 2 + n + 8);
	TRY(members_add(files, name, *at, size, NULL, err));
	*at += size;
	return HVQZ_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A folder has one file of a name, and no file is also a folder. */
static enum hvqz_ret check_names(const struct members *files,
				 struct hvqz_err *err)
{
	const char **v = malloc((files->n + 1) * sizeof(*v));
	enum hvqz_ret ret = HVQZ_OK;

	if (!v)
		return hvqz_nomem(err, files->n * sizeof(*v), "the names");
	for (size_t i = 0; i < files->n; i++)
		v[i] = files->v[i].name;
	qsort(v, files->n, sizeof(*v), by_name);
	for (size_t i = 1; i < files->n && ret == HVQZ_OK; i++)
		if (!strcmp(v[i - 1], v[i]))
			ret = hvqz_fail(err, HVQZ_DAMAGED, "two files are "
					"called '%.200s'", v[i]);
	free(v);
	return ret;
}

enum hvqz_ret folder_take_table(struct source *src, struct members *files,
				struct hvqz_err *err)
{
	const uint8_t *p;
	uint64_t at = 0;
	uint32_t n;

	TRY(take(src, FOLDER_MAGIC_LEN + 4, &p, err));
	n = get_le32(p + FOLDER_MAGIC_LEN);
	source_consume(src, FOLDER_MAGIC_LEN + 4);
	if (n > FOLDER_MAX_FILES)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%" PRIu32 " files; the most is %d", n,
				 FOLDER_MAX_FILES);
	for (uint32_t i = 0; i < n; i++)
		TRY(take_file(src, files, &at, err));
	return check_names(files, err);
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	struct members files = {0};
	enum hvqz_ret ret;
	uint64_t size = 0;

	*state = NULL;
	TRY_OUT(folder_take_table(src, &files, err));
	for (size_t i = 0; i < files.n; i++)
		size += files.v[i].size;
	if (!source_can_seek(src) || source_left(src) != size) {
		ret = hvqz_fail(err, HVQZ_DAMAGED, "the files of a folder "
				"have %" PRIu64 " bytes by its table, there "
				"are %" PRIu64, size, source_left(src));
		goto out;
	}
	ret = members_read(&files, src, src->off, size, "folder", m, state,
			   err);
out:
	members_free(&files);
	return ret;
}

const struct reader_ops folder_reader = {
	.name = "folder",
	.suffix = "",
	.bid = bid,
	.needs_seek = true,
	.head = read_head,
	.next = pieces_next,
	.tail = pieces_tail,
	.offset = pieces_offset,
	.free = pieces_reader_free,
};

/* ---- writing ---- */

static enum hvqz_ret write_table(void *ctx, const struct pieces *p,
				 struct sink *out, struct hvqz_err *err)
{
	struct members files = {0};
	struct buf b = {0};
	enum hvqz_ret ret;

	(void)ctx;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].name)
			TRY_OUT(members_add(&files, p->v[i].name, 0,
					    p->v[i].len, NULL, err));
	TRY_OUT(check_names(&files, err));
	TRY_OUT(folder_put_table(&b, &files, err));
	ret = sink_write(out, b.p, b.len, err);
out:
	buf_free(&b);
	members_free(&files);
	return ret;
}

static enum hvqz_ret begin(void *ctx, const struct piece *member,
			   struct sink *out, struct hvqz_err *err)
{
	(void)ctx;
	(void)out;
	if (member->kind == PIECE_PACKED)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "'%.200s' was "
				 "compressed by its zip archive; only that "
				 "can be restored", member->name);
	return HVQZ_OK;
}

static enum hvqz_ret end(void *ctx, struct sink *out, struct hvqz_err *err)
{
	(void)ctx;
	(void)out;
	(void)err;
	return HVQZ_OK;
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	static const struct pieces_form form = {
		.open = write_table, .begin = begin, .end = end,
	};
	struct pieces p = {0};
	enum hvqz_ret ret;

	TRY_OUT(pieces_of_files(&p, m, err));
	ret = pieces_writer(&p, &form, NULL, m, state, err);
out:
	pieces_free(&p);
	return ret;
}

const struct writer_ops folder_writer = {
	.name = "folder",
	.suffix = "",
	.plan = plan,
	.head = pieces_write_head,
	.put = pieces_put,
	.tail = pieces_write_tail,
	.free = pieces_writer_free,
};
