/*
 * unpack.c - compressed inputs, on the way from libarchive to a reader.
 *
 * Input: such a file. Read twice, in pieces of different sizes, it gives the
 * same bytes and ends the same way; what is made of a zip is a zip that can be
 * read.
 */
#include "formats/zip.h"
#include "formats/zip_unpack.h"
#include "stream/unpack.h"
#include "tests/archive_case.h"
#include "tests/fuzz/fuzz.h"

#include <archive.h>
#include <archive_entry.h>

enum { MOST = 8 << 20 };

static enum hvqz_ret read_to_end(struct source *src, size_t step,
				 struct buf *out, struct hvqz_err *err)
{
	for (size_t got = step; got == step && out->len < MOST;) {
		uint8_t *to = buf_grow(out, step);
		enum hvqz_ret ret;

		FUZZ_HOLDS(to);
		ret = source_read(src, to, step, &got, err);
		out->len -= step - (ret == HVQZ_OK ? got : 0);
		TRY(ret);
	}
	return HVQZ_OK;
}

static enum hvqz_ret read_all(const uint8_t *p, size_t len, size_t step,
			      struct buf *out, struct hvqz_err *err)
{
	struct source packed, src = {0};
	struct source_memory memory;
	struct zip_unpack *z = NULL;
	struct unpack *u = NULL;
	enum hvqz_ret ret;

	source_init_memory(&packed, &memory, p, len);
	if (zip_unpack_bid(p, len)) {
		TRY_OUT(zip_unpack_open(&z, &packed, err));
		zip_unpack_source(z, &src);
	} else {
		TRY_OUT(unpack_open(&u, &packed, err));
		unpack_source(u, &src);
	}
	ret = read_to_end(&src, step, out, err);
out:
	source_free(&src);
	unpack_close(u);
	zip_unpack_close(z);
	source_free(&packed);
	return ret;
}

/* Its directory says what its members say. */
static void check_zip(const struct buf *b)
{
	struct source_memory memory;
	struct members list = {0};
	struct source src;

	source_init_memory(&src, &memory, b->p, b->len);
	FUZZ_HOLDS(zip_members(&src, &list, NULL) == HVQZ_OK);
	FUZZ_HOLDS(list.n && !list.v[0].packed);
	members_free(&list);
	source_free(&src);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t *copy = fuzz_copy(p, len);
	struct buf one = {0}, two = {0};
	struct hvqz_err err = {0};
	enum hvqz_ret ret;

	if (unpack_bid(copy, len) || zip_unpack_bid(copy, len)) {
		ret = read_all(copy, len, 1 << 16, &one, &err);
		FUZZ_HOLDS(ret == err.ret && (ret == HVQZ_OK || *err.msg));
		FUZZ_HOLDS(read_all(copy, len, 4093, &two, NULL) == ret ||
			   one.len >= MOST || two.len >= MOST);
		if (ret == HVQZ_OK && one.len < MOST)
			FUZZ_HOLDS(one.len == two.len &&
				   !memcmp(one.p, two.p, one.len));
		if (ret == HVQZ_OK && one.len < MOST &&
		    zip_unpack_bid(copy, len))
			check_zip(&one);
	}
	buf_free(&one);
	buf_free(&two);
	free(copy);
	return 0;
}

/* ---- seeds ---- */

static void put_member(struct archive *a, const char *name,
		       const struct buf *b)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)b->len);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	FUZZ_HOLDS(archive_write_header(a, e) == ARCHIVE_OK);
	FUZZ_HOLDS(archive_write_data(a, b->p, b->len) ==
		   (la_ssize_t)b->len);
	archive_entry_free(e);
}

static void add_made(struct archive *a, bool zip, const struct buf *b,
		     void (*add)(const void *p, size_t len))
{
	static uint8_t file[1 << 16];
	size_t n;

	archive_write_set_bytes_per_block(a, 0);
	FUZZ_HOLDS(archive_write_open_memory(a, file, sizeof(file), &n) ==
		   ARCHIVE_OK);
	put_member(a, zip ? "w.npy" : "w", b);
	if (zip)
		put_member(a, "more/b.npy", b);
	FUZZ_HOLDS(archive_write_close(a) == ARCHIVE_OK);
	archive_write_free(a);
	add(file, n);
	/* And cut short. */
	add(file, n / 2);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	static const char *const filters[] = {"gzip", "xz", "zstd", "bzip2",
					      "lz4"};
	static const char *const levels[] = {"deflate", "store"};
	struct buf b = {0};

	put_npy(&b, NPY_F4, 24);
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		struct archive *a = archive_write_new();

		/* lz4 and zstd may be missing in a libarchive. */
		if (archive_write_add_filter_by_name(a, filters[i]) !=
		    ARCHIVE_OK) {
			archive_write_free(a);
			continue;
		}
		FUZZ_HOLDS(archive_write_set_format_raw(a) == ARCHIVE_OK);
		add_made(a, false, &b, add);
	}
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		struct archive *a = archive_write_new();

		FUZZ_HOLDS(archive_write_set_format_zip(a) == ARCHIVE_OK);
		archive_write_set_format_option(a, "zip", "compression",
						levels[i]);
		add_made(a, true, &b, add);
	}
	buf_free(&b);
}
