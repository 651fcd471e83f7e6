/*
 * check_rest.c - what a source has behind its last tensor, kept in a .hvqz
 * between index and trailer (formats/hvqz.md, section 6.1), and what reads the
 * others as before.
 *
 * Offsets are written out from the specification, not taken from the library.
 */
#include "tests/container_stream.h"

#include "base/bytes.h"

#include <check.h>
#include <stdlib.h>
#include <xxhash.h>

/* A file of one tensor of four bytes, with rest[len] if has_rest. */
static void make(struct buf *file, bool has_rest, const void *rest, size_t len)
{
	static const uint64_t dim[] = {4};
	struct container_info info = {
		.max_raw = 4, .n_chunks = 1, .has_rest = has_rest,
	};
	struct chunk_head h = {.n_rows = 4, .raw_len = 4, .stored_len = 4};
	struct container_writer *w;
	struct sink out;

	strcpy(info.model.format, "x");
	ck_assert(!model_add(&info.model, "a", DTYPE_U8, 1, dim, NULL));
	h.stored_hash = h.raw_hash = XXH3_64bits("abcd", 4);
	buf_clear(file);
	sink_init_memory(&out, file);
	ck_assert(!container_write_head(&w, &info, &out, NULL));
	ck_assert(!container_write_chunk(w, &h, (const uint8_t *)"abcd", NULL));
	/* It becomes known late, as it does on a pipe. */
	info.model.rest = malloc(len + 1);
	ck_assert_ptr_nonnull(info.model.rest);
	memcpy(info.model.rest, rest, len);
	info.model.rest_len = len;
	ck_assert(!container_write_tail(w, NULL));
	container_writer_free(w);
	container_info_free(&info);
}

/* Read p[len] in sequence; the rest must be this one. */
static void expect(const struct buf *file, enum way way, bool has_rest,
		   const void *rest, size_t len)
{
	struct container_reader *r;
	struct container_info info;
	struct buf payload = {0};
	struct hvqz_err err = {0};
	struct source src;
	struct stream s;

	stream_open_way(&src, &s, way, file->p, file->len);
	ck_assert(!container_read_head(&r, &src, &info, &err));
	ck_assert_uint_eq(info.has_rest, has_rest);
	ck_assert_uint_eq(info.minor, has_rest);
	ck_assert_msg(!stream_read_rest(r, &info, way, &payload, NULL, &err),
		      "%s", err.msg);
	ck_assert_uint_eq(info.model.rest_len, len);
	if (len)
		ck_assert_mem_eq(info.model.rest, rest, len);
	buf_free(&payload);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
}

START_TEST(comes_back)
{
	static uint8_t zeros[CONTAINER_MAX_REST];
	static const struct {
		const void *p;
		size_t len;
	} rests[] = {{"", 0}, {"\0\0\0", 3}, {"some text", 9},
		     {zeros, sizeof(zeros)}};
	struct buf file = {0};
	struct hvqz_err err;

	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		make(&file, true, rests[i].p, rests[i].len);
		for (int way = BY_PIPE; way <= BY_FILE; way++)
			expect(&file, (enum way)way, true, rests[i].p,
			       rests[i].len);
		ck_assert_int_eq(stream_read_bytes(file.p, file.len, BY_INDEX,
						   &err), HVQZ_OK);
	}
	buf_free(&file);
}
END_TEST

/* Where the rest's head is: behind the index. */
static uint8_t *rest_head(const struct buf *file)
{
	const uint8_t *trailer = file->p + file->len - 64;

	return file->p + get_le64(trailer) + get_le64(trailer + 8);
}

/* Without one nothing is different from version 1.0. */
START_TEST(without_one)
{
	struct buf file = {0};

	make(&file, false, "", 0);
	ck_assert_uint_eq(file.p[9], 0);
	ck_assert_uint_eq(get_le16(file.p + 10), 0);
	ck_assert_ptr_eq(rest_head(&file), file.p + file.len - 64);
	expect(&file, BY_PIPE, false, "", 0);

	make(&file, true, "", 0);
	ck_assert_uint_eq(file.p[9], 1);
	ck_assert_uint_eq(get_le16(file.p + 10), 1);
	ck_assert_uint_eq(get_le64(rest_head(&file)), 0);
	ck_assert_ptr_eq(rest_head(&file) + 32 + get_le64(rest_head(&file) + 8),
			 file.p + file.len - 64);
	buf_free(&file);
}
END_TEST

START_TEST(every_bit)
{
	struct buf file = {0};
	struct hvqz_err err;

	make(&file, true, "behind", 6);
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(stream_read_bytes(file.p, file.len, BY_PIPE,
						&err), "bit %zu", bit);
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* By the index its head is seen, and how long it is. */
	for (size_t i = 0; i < 32; i++) {
		rest_head(&file)[i] ^= 1;
		ck_assert_int_eq(stream_read_bytes(file.p, file.len, BY_INDEX,
						   &err), HVQZ_DAMAGED);
		rest_head(&file)[i] ^= 1;
	}
	for (size_t len = 0; len < file.len; len++) {
		stream_read_bytes(file.p, len, BY_PIPE, &err);
		ck_assert_msg(err.ret == HVQZ_DAMAGED &&
			      strstr(err.msg, "truncated"), "%zu: %s", len,
			      err.msg);
	}
	buf_free(&file);
}
END_TEST

static void rehash(uint8_t *p, size_t at)
{
	put_le64(p + at, XXH3_64bits(p, at));
}

/* A word of the head changed, its hash made right again. */
static void refuse_head(size_t at, uint64_t value, const char *word)
{
	struct buf file = {0};
	struct hvqz_err err;

	make(&file, true, "behind", 6);
	put_le64(rest_head(&file) + at, value);
	rehash(rest_head(&file), 24);
	stream_read_bytes(file.p, file.len, BY_PIPE, &err);
	ck_assert_int_eq(err.ret, HVQZ_DAMAGED);
	ck_assert_msg(strstr(err.msg, word), "%s", err.msg);
	buf_free(&file);
}

START_TEST(lies)
{
	struct buf file = {0};
	struct hvqz_err err;

	refuse_head(0, CONTAINER_MAX_REST + 1, "most");
	refuse_head(0, UINT64_MAX, "most");
	refuse_head(0, 7, "rest");
	refuse_head(8, UINT64_MAX, "rest");
	refuse_head(8, 1000, "rest");
	refuse_head(16, 1, "hash");
	/* A flag that is not defined, and the flag without a rest. */
	make(&file, true, "behind", 6);
	file.p[10] = 3;
	rehash(file.p, 56);
	stream_read_bytes(file.p, file.len, BY_PIPE, &err);
	ck_assert_int_eq(err.ret, HVQZ_UNSUPPORTED);
	make(&file, false, "", 0);
	file.p[10] = 1;
	rehash(file.p, 56);
	for (int way = 0; way < N_WAYS; way++) {
		stream_read_bytes(file.p, file.len, (enum way)way, &err);
		ck_assert_int_eq(err.ret, HVQZ_DAMAGED);
	}
	buf_free(&file);
}
END_TEST

START_TEST(too_long)
{
	struct container_info info = {.has_rest = true};
	struct container_writer *w;
	struct hvqz_err err;
	struct sink out;

	strcpy(info.model.format, "x");
	sink_init_null(&out);
	ck_assert(!container_write_head(&w, &info, &out, NULL));
	info.model.rest_len = CONTAINER_MAX_REST + 1;
	info.model.rest = calloc(info.model.rest_len, 1);
	ck_assert_ptr_nonnull(info.model.rest);
	ck_assert_int_eq(container_write_tail(w, &err), HVQZ_UNSUPPORTED);
	container_writer_free(w);
	container_info_free(&info);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rest");
	TCase *t = tcase_create("rest");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, comes_back);
	tcase_add_test(t, without_one);
	tcase_add_test(t, every_bit);
	tcase_add_test(t, lies);
	tcase_add_test(t, too_long);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
