/*
 * check_container.c - the .hvqz container: what is bad is refused with the
 * right sentence, every bit and every byte counts. What is written is read:
 * see check_container_models.c.
 */
#include "tests/container_corpus.h"
#include "tests/container_stream.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* check_container_models.c */
TCase *container_models(void);

/* ---- the corpus ---- */

/*
 * A length that lies must cost no memory: what it asks for is refused here,
 * and the answer must still be "damaged", not "out of memory".
 */
enum { MEMORY = 96 };		/* MiB; the longest name's case needs few */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ASan's own limit, on one allocation; a name it looks up. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=96:allocator_may_return_null=1";
}

static void limit_memory(void)
{
#ifndef SANITIZED
	struct rlimit lim;
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f)
		return;
	ck_assert_int_eq(fscanf(f, "%ld", &pages), 1);
	fclose(f);
	getrlimit(RLIMIT_AS, &lim);
	lim.rlim_cur = (rlim_t)pages * 4096 + ((rlim_t)MEMORY << 20);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &lim), 0);
#endif
}

static void check_case(const struct corpus_case *c, const struct buf *file,
		       enum way way)
{
	enum hvqz_ret want = c->ret, ret;
	struct hvqz_err err;

	if (way == BY_INDEX && c->sequence_only)
		want = HVQZ_OK;
	ret = stream_read_bytes(file->p, file->len, way, &err);
	ck_assert_msg(ret == want, "%s %s by %s: %d where %d is due: %s",
		      c->rule, c->name, stream_way_name[way], ret, want,
		      err.msg);
	/* An index reader meets other things first and says so. */
	ck_assert_msg(way == BY_INDEX || strstr(err.msg, c->word),
		      "%s %s by %s: no \"%s\" in: %s", c->rule, c->name,
		      stream_way_name[way], c->word, err.msg);
}

START_TEST(corpus)
{
	const struct corpus_case *c = container_corpus((size_t)_i);
	struct buf file = {0};

	container_corpus_make(c, &file);
	limit_memory();
	for (int way = 0; way < N_WAYS; way++)
		check_case(c, &file, (enum way)way);
	buf_free(&file);
}
END_TEST

/* Every rule of the container has its cases, every name is its own. */
START_TEST(corpus_is_complete)
{
	static const char *const rules[] = {
		"H1", "H2", "H3", "H4", "H5", "H6", "H7", "H9", "H10", "H12",
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		size_t n = 0;

		for (size_t j = 0; j < container_corpus_n(); j++)
			n += !strcmp(container_corpus(j)->rule, rules[i]);
		ck_assert_msg(n, "no case for %s", rules[i]);
	}
	for (size_t i = 0; i < container_corpus_n(); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(container_corpus(i)->name,
					 container_corpus(j)->name);
}
END_TEST

/* Every change of one bit is found, in sequence and by the index. */
START_TEST(every_bit)
{
	enum way way = _i ? BY_INDEX : BY_PIPE;
	struct buf file = {0};
	struct hvqz_err err;

	image_good(&file);
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(stream_read_bytes(file.p, file.len, way, &err),
			      "bit %zu of byte %zu of %zu", bit % 8, bit / 8,
			      file.len);
		ck_assert_msg(err.ret == HVQZ_DAMAGED || bit / 8 < 8,
			      "byte %zu: %s", bit / 8, err.msg);
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(&file);
}
END_TEST

START_TEST(every_truncation)
{
	struct buf file = {0};
	struct hvqz_err err;

	image_good(&file);
	for (size_t len = 0; len < file.len; len++) {
		stream_read_bytes(file.p, len, (enum way)_i, &err);
		ck_assert_msg(err.ret == HVQZ_DAMAGED &&
				      strstr(err.msg, "truncated"),
			      "%zu of %zu bytes by %s: %s", len, file.len,
			      stream_way_name[_i], err.msg);
	}
	buf_free(&file);
}
END_TEST

START_TEST(every_read_failure)
{
	struct buf file = {0};
	enum hvqz_ret ret;
	size_t n = 0;

	image_good(&file);
	do {
		struct hvqz_err err = {0};
		struct source src;
		struct stream s;

		stream_open_way(&src, &s, (enum way)_i, file.p, file.len);
		s.step = 40;
		s.fail_at = ++n;
		ret = stream_read_all(&src, (enum way)_i, &err);
		ck_assert_int_eq(ret, err.ret);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_IO);
		ck_assert(ret == HVQZ_OK || s.n_calls == n);
		source_free(&src);
	} while (ret != HVQZ_OK);
	ck_assert_uint_gt(n, 10);
	buf_free(&file);
}
END_TEST

/* ---- odds and ends ---- */

/* The index is an aside: reading in sequence goes on where it was. */
START_TEST(index_then_sequence)
{
	struct container_reader *r;
	struct container_info info;
	struct container_index ix;
	struct buf file = {0}, payload = {0};
	struct hvqz_err err = {0};
	struct source src;
	struct stream s;

	image_good(&file);
	stream_open_way(&src, &s, BY_FILE, file.p, file.len);
	ck_assert(!container_read_head(&r, &src, &info, NULL));
	ck_assert(!container_read_index(r, &ix, NULL));
	ck_assert_msg(!stream_read_rest(r, &info, BY_FILE, &payload, &ix, &err),
		      "%s", err.msg);
	container_index_free(&ix);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);

	stream_open_way(&src, &s, BY_PIPE, file.p, file.len);
	ck_assert(!container_read_head(&r, &src, &info, NULL));
	ck_assert_int_eq(container_read_index(r, &ix, &err), HVQZ_USAGE);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
	buf_free(&file);
	buf_free(&payload);
}
END_TEST

START_TEST(bids)
{
	struct buf file = {0};

	image_good(&file);
	ck_assert(container_bid(file.p, file.len));
	ck_assert(container_bid(file.p, 8));
	ck_assert(container_bid(file.p, 4));
	ck_assert(!container_bid(file.p, 3));
	ck_assert(!container_bid(file.p, 0));
	ck_assert(!container_bid((const uint8_t *)"GGUF\3\0\0\0", 8));
	ck_assert(!container_bid((const uint8_t *)"\x89PNG\r\n\x1a\n", 8));
	/* Damaged ones are claimed, so that the reader can say how. */
	for (size_t i = 0; i < container_corpus_n(); i++) {
		const struct corpus_case *c = container_corpus(i);

		container_corpus_make(c, &file);
		if (!strncmp(c->name, "text_", 5))
			ck_assert_msg(container_bid(file.p, file.len), "%s",
				      c->name);
	}
	buf_free(&file);
}
END_TEST

START_TEST(writer_refuses)
{
	static char long_key[65537];
	struct container_info info = {.max_raw = 4, .n_chunks = 1};
	struct chunk_head h = {.n_rows = 1, .raw_len = 4, .stored_len = 4};
	struct container_writer *w;
	struct hvqz_err err = {0};
	struct sink out;

	strcpy(info.model.format, "x");
	sink_init_null(&out);
	ck_assert(!model_add(&info.model, "a", DTYPE_F32, 0, NULL, NULL));
	ck_assert(!container_write_head(&w, &info, &out, &err));
	h.noise = 1;
	ck_assert_int_eq(container_write_chunk(w, &h, NULL, &err), HVQZ_USAGE);
	ck_assert_int_eq(err.ret, HVQZ_USAGE);
	h.noise = 0;
	h.loss = 1;
	ck_assert_int_eq(container_write_chunk(w, &h, NULL, &err), HVQZ_USAGE);
	container_writer_free(w);

	info.n_chunks = 2;
	info.max_raw = 8;
	ck_assert(!model_add(&info.model, "a", DTYPE_F32, 0, NULL, NULL));
	ck_assert_int_eq(container_write_head(&w, &info, &out, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert(!w && strstr(err.msg, "second tensor"));
	ck_assert_str_eq(err.tensor, "a");
	strcpy(info.model.tensors[1].name, "\xff");
	ck_assert_int_eq(container_write_head(&w, &info, &out, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert(!w && strstr(err.msg, "UTF-8"));

	ck_assert_int_eq(container_note(&info, "", "v", &err), HVQZ_USAGE);
	ck_assert_int_eq(container_note(&info, "k", "\xff", &err), HVQZ_USAGE);
	ck_assert_int_eq(container_note(&info, "\xff", "v", &err), HVQZ_USAGE);
	memset(long_key, 'k', sizeof(long_key) - 1);
	ck_assert_int_eq(container_note(&info, long_key, "v", &err),
			 HVQZ_USAGE);
	ck_assert(!container_note(&info, long_key + 1, "v", &err));
	ck_assert(!container_note(&info, "k", "v", &err));
	ck_assert(!container_note(&info, "k", "later", &err));
	ck_assert_str_eq(container_find_note(&info, "k"), "v");
	ck_assert_ptr_null(container_find_note(&info, "K"));
	while (info.n_notes < 65536)
		ck_assert(!container_note(&info, "k", "v", &err));
	ck_assert_int_eq(container_note(&info, "k", "v", &err), HVQZ_USAGE);
	container_info_free(&info);
}
END_TEST

/* What no reader would take is not written. */
START_TEST(a_header_that_packs_too_well)
{
	struct container_info info = {.model.format = "x"};
	struct container_writer *w;
	struct hvqz_err err;
	struct sink out;

	info.model.head_len = CONTAINER_FREE_HEADER;
	info.model.head = calloc(info.model.head_len, 1);
	ck_assert_ptr_nonnull(info.model.head);
	sink_init_null(&out);
	ck_assert_int_eq(container_write_head(&w, &info, &out, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert(strstr(err.msg, "above 52 MiB the most is 256 times"));
	info.model.head_len -= 1000;
	ck_assert(!container_write_head(&w, &info, &out, &err));
	container_writer_free(w);
	container_info_free(&info);
}
END_TEST

START_TEST(too_many_tensors)
{
	size_t n = CONTAINER_MAX_TENSORS + 1;
	struct container_info info = {.model.format = "x"};
	struct container_writer *w;
	struct hvqz_err err;
	struct sink out;

	/* All zero, so all without elements; a sanitizer may refuse it. */
	info.model.tensors = calloc(n, sizeof(*info.model.tensors));
	if (!info.model.tensors)
		return;
	info.model.n_tensors = n;
	sink_init_null(&out);
	ck_assert_int_eq(container_write_head(&w, &info, &out, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert(strstr(err.msg, "at most"));
	container_info_free(&info);
}
END_TEST

START_TEST(bounds)
{
	ck_assert_uint_eq(container_min_stored(1), 1);
	ck_assert_uint_eq(container_min_stored(65 * 65536), 1);
	ck_assert_uint_eq(container_min_stored(65 * 65536 + 1), 2);
	ck_assert_uint_eq(container_min_stored(1u << 28), 4096 - 64);
	ck_assert(container_stat(0) == 0);
	ck_assert(container_stat(1.5) == 1.5f);
	ck_assert(container_stat(1e300) == FLT_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("container");
	TCase *t = tcase_create("container");
	SRunner *run = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, corpus, 0, (int)container_corpus_n());
	tcase_add_test(t, corpus_is_complete);
	tcase_add_loop_test(t, every_bit, 0, 2);
	tcase_add_loop_test(t, every_truncation, 0, N_WAYS);
	tcase_add_loop_test(t, every_read_failure, 0, N_WAYS);
	tcase_add_test(t, index_then_sequence);
	tcase_add_test(t, bids);
	tcase_add_test(t, writer_refuses);
	tcase_add_test(t, a_header_that_packs_too_well);
	tcase_add_test(t, too_many_tensors);
	tcase_add_test(t, bounds);
	suite_add_tcase(s, t);
	suite_add_tcase(s, container_models());
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
