/*
 * check_archives.c - tar, zip, NPZ and NumPy files: the corpus, what comes
 * back of damaged ones, and what one kind becomes as another.
 */
#include "tests/corpus_archives.h"
#include "tests/corpus_pieces.h"
#include "tests/random.h"

/* That tensor, or (NULL) none at all. */
static bool has_tensor(const struct model *m, const char *name)
{
	return name ? model_find(m, name) != NULL : !m->n_tensors;
}

START_TEST(corpus)
{
	const struct archive_case *c = &corpus_archives[_i];
	struct buf b = {0}, data = {0}, back = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	c->build(&b);
	ret = take_all(b.p, b.len, &m, &data, &err);
	ck_assert_msg(ret == c->ret, "%s: %d: %s %s", c->name, ret,
		      err.tensor, err.msg);
	if (ret == HVQZ_OK) {
		ck_assert_msg(has_tensor(&m, c->word), "%s", c->name);
		ck_assert_uint_eq(format_source_size(&m), b.len);
		ck_assert_int_eq(give_all(m.format, &m, &data, &back, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(back.len, b.len);
		ck_assert_mem_eq(back.p, b.p, b.len);
	} else {
		ck_assert_msg(strstr(err.msg, c->word) != NULL,
			      "%s: no \"%s\" in \"%s\"", c->name, c->word,
			      err.msg);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&back);
}
END_TEST

/*
 * Whatever bytes of a good archive change or are missing: it is refused, or
 * what comes back is what was read.
 */
START_TEST(damaged)
{
	const struct archive_case *c = &corpus_archives[_i];
	struct rng rng = {(uint64_t)_i + 1};
	struct buf b = {0};

	if (c->ret != HVQZ_OK)
		return;
	c->build(&b);
	for (int trial = 0; trial < 300; trial++) {
		struct buf data = {0}, back = {0};
		struct hvqz_err err = {0};
		size_t len = b.len, at = (size_t)rng_below(&rng, b.len);
		uint8_t was = b.p[at];
		struct model m = {0};

		if (trial % 3 == 0)
			len = at;
		else
			b.p[at] = (uint8_t)rng_below(&rng, 256);
		if (take_all(b.p, len, &m, &data, &err) == HVQZ_OK) {
			ck_assert_int_eq(give_all(m.format, &m, &data, &back,
						  &err), HVQZ_OK);
			ck_assert_uint_eq(back.len, len);
			ck_assert_mem_eq(back.p, b.p, len);
		} else {
			ck_assert_int_ne(err.ret, HVQZ_OK);
			ck_assert(*err.msg);
		}
		b.p[at] = was;
		model_free(&m);
		buf_free(&data);
		buf_free(&back);
	}
	buf_free(&b);
}
END_TEST

/* A disk that gives up: the n_left-th call of read or seek fails. */
struct failing {
	const uint8_t *p;
	size_t len, pos;
	int n_left;
};

static enum hvqz_ret failing_read(void *ctx, void *buf, size_t n, size_t *got,
				  struct hvqz_err *err)
{
	struct failing *f = ctx;

	if (!f->n_left--)
		return hvqz_fail(err, HVQZ_IO, "made to fail");
	*got = f->len - f->pos < n ? f->len - f->pos : n;
	*got = *got < 300 ? *got : 300;
	if (*got)
		memcpy(buf, f->p + f->pos, *got);
	f->pos += *got;
	return HVQZ_OK;
}

static enum hvqz_ret failing_seek(void *ctx, uint64_t off,
				  struct hvqz_err *err)
{
	struct failing *f = ctx;

	if (!f->n_left--)
		return hvqz_fail(err, HVQZ_IO, "made to fail");
	f->pos = off < f->len ? (size_t)off : f->len;
	return HVQZ_OK;
}

static const struct source_ops failing_ops = {failing_read, failing_seek};

START_TEST(failing_reads)
{
	const struct archive_case *c = &corpus_archives[_i];
	enum hvqz_ret ret = HVQZ_IO;
	struct buf b = {0};

	c->build(&b);
	for (int n = 0; ret == HVQZ_IO; n++) {
		struct failing f = {b.p, b.len, 0, n};
		struct hvqz_err err = {0};
		struct model m = {0};
		struct buf data = {0};
		struct source src;

		ck_assert_int_lt(n, 1000);
		source_init(&src, &failing_ops, &f, b.len);
		ret = take_source(&src, &m, &data, &err);
		ck_assert_int_eq(ret, err.ret);
		if (ret == HVQZ_IO)
			ck_assert(strstr(err.msg, "made to fail"));
		model_free(&m);
		buf_free(&data);
	}
	ck_assert_int_eq(ret, c->ret);
	buf_free(&b);
}
END_TEST

/* A list of pieces that somebody has written: refused, or of the right size. */
START_TEST(lists_are_not_believed)
{
	struct buf b = {0}, data = {0};
	struct hvqz_err err = {0};
	struct rng rng = {7};
	struct model m = {0};

	tar_good(&b);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err), HVQZ_OK);
	for (int trial = 0; trial < 20000; trial++) {
		size_t at = (size_t)rng_below(&rng, trial % 2 ? 200
							      : m.head_len);
		size_t len = m.head_len;
		uint8_t was = m.head[at];
		struct buf back = {0};

		m.head[at] = (uint8_t)rng_below(&rng, 256);
		if (trial % 5 == 0)
			m.head_len = at;
		err = (struct hvqz_err){0};
		if (give_all("tar", &m, &data, &back, &err) == HVQZ_OK)
			ck_assert_uint_eq(back.len, b.len);
		else
			ck_assert(*err.msg);
		buf_clear(&back);
		give_all("folder", &m, &data, &back, &err);
		buf_free(&back);
		m.head[at] = was;
		m.head_len = len;
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
}
END_TEST

START_TEST(lists_by_rule)
{
	struct hvqz_err err = {0};
	struct buf head = {0}, data = {0}, back = {0};
	struct model m = {0};
	uint64_t dim = 2;
	enum hvqz_ret ret;

	ck_assert_int_eq(model_add(&m, "t", DTYPE_U8, 1, &dim, &err),
			 HVQZ_OK);
	buf_u32(&head, 1);
	buf_u32(&head, piece_lists[_i].n);
	buf_put(&head, piece_lists[_i].records, piece_lists[_i].len);
	buf_put(&data, "ab", 2);
	m.head = head.p;
	m.head_len = head.len;
	strcpy(m.format, piece_lists[_i].format);
	ret = give_all(m.format, &m, &data, &back, &err);
	if (piece_lists[_i].word) {
		ck_assert_int_ne(ret, HVQZ_OK);
		ck_assert_msg(strstr(err.msg, piece_lists[_i].word) != NULL,
			      "%s: %s", piece_lists[_i].name, err.msg);
	} else {
		ck_assert_msg(ret == HVQZ_OK, "%s: %s", piece_lists[_i].name,
			      err.msg);
	}
	model_free(&m);
	buf_free(&data);
	buf_free(&back);
}
END_TEST

START_TEST(crc)
{
	uint8_t p[10000];
	uint32_t whole;

	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)(i * i >> 3);
	ck_assert_uint_eq(crc32_add(0, (const uint8_t *)"123456789", 9),
			  0xcbf43926);
	whole = crc32_add(0, p, sizeof(p));
	for (size_t cut = 0; cut < sizeof(p); cut += 777)
		ck_assert_uint_eq(crc32_add(crc32_add(0, p, cut), p + cut,
					    sizeof(p) - cut), whole);
}
END_TEST

/* tar -> zip, npz, folder -> what reads that gives the same tensors. */
START_TEST(one_becomes_another)
{
	static const char *const to[] = {"tar", "zip", "npz", "safetensors"};
	struct buf b = {0}, data = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	tar_npy(&b);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err), HVQZ_OK);
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		struct buf made = {0}, again = {0};
		struct model n = {0};

		ck_assert_int_eq(give_all(to[i], &m, &data, &made, &err),
				 HVQZ_OK);
		ck_assert_msg(take_all(made.p, made.len, &n, &again, &err) ==
			      HVQZ_OK, "%s: %s", to[i], err.msg);
		ck_assert_str_eq(n.format, to[i]);
		ck_assert_uint_eq(n.n_tensors, m.n_tensors);
		ck_assert(model_find(&n, "a") && model_find(&n, "arr"));
		ck_assert_uint_eq(again.len, data.len);
		ck_assert_mem_eq(again.p, data.p, data.len);
		model_free(&n);
		buf_free(&made);
		buf_free(&again);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
}
END_TEST

/* Other numbers than were read: a zip gets other check sums, a tar does not. */
START_TEST(inexact_zips_are_made_anew)
{
	struct buf b = {0}, data = {0}, made = {0}, again = {0};
	struct hvqz_err err = {0};
	struct model m = {0}, n = {0};

	zip_packed(&b);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err), HVQZ_OK);
	for (size_t i = 0; i < data.len; i++)
		data.p[i] ^= 0x5a;
	m.inexact = true;
	ck_assert_int_eq(give_all("npz", &m, &data, &made, &err), HVQZ_OK);
	ck_assert_msg(take_all(made.p, made.len, &n, &again, &err) ==
		      HVQZ_OK, "%s", err.msg);
	ck_assert_uint_eq(again.len, data.len);
	ck_assert_mem_eq(again.p, data.p, data.len);
	/* As it was, the sums would be wrong. */
	m.inexact = false;
	buf_clear(&made);
	buf_clear(&again);
	model_free(&n);
	ck_assert_int_eq(give_all("npz", &m, &data, &made, &err), HVQZ_OK);
	ck_assert_int_eq(take_all(made.p, made.len, &n, &again, &err),
			 HVQZ_DAMAGED);
	model_free(&m);
	model_free(&n);
	buf_free(&b);
	buf_free(&data);
	buf_free(&made);
	buf_free(&again);
}
END_TEST

/* NumPy has numbers of these; of the floats of 8 bits it has none. */
START_TEST(arrays_keep_their_type)
{
	static const enum dtype none[] = {
		DTYPE_BF16, DTYPE_F8_E4M3, DTYPE_F8_E5M2, DTYPE_F8_E8M0,
		DTYPE_F8_E4M3FNUZ, DTYPE_F8_E5M2FNUZ, DTYPE_F4,
	};
	static const char *const to[] = {"npz", "npy"};
	uint64_t dim = 2;

	for (size_t i = 0; i < 2 * sizeof(none) / sizeof(none[0]); i++) {
		struct buf data = {0}, made = {0};
		struct hvqz_err err = {0};
		struct model m = {0};

		ck_assert(!model_add(&m, "w", none[i / 2], 1, &dim, &err));
		buf_u32(&data, 0);
		ck_assert_int_eq(give_all(to[i % 2], &m, &data, &made, &err),
				 HVQZ_UNSUPPORTED);
		ck_assert_str_eq(err.tensor, "w");
		ck_assert_msg(strstr(err.msg, "safetensors keeps it") &&
			      strstr(err.msg, dtype_name(none[i / 2])),
			      "%s", err.msg);
		model_free(&m);
		buf_free(&data);
		buf_free(&made);
	}
}
END_TEST

/* Does b, an NPZ of 65535 arrays, hold these bytes? */
static void check_many(const struct buf *b, const struct buf *data)
{
	struct buf again = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	ck_assert_msg(take_all(b->p, b->len, &m, &again, &err) == HVQZ_OK,
		      "%s", err.msg);
	ck_assert_uint_eq(m.n_tensors, 65535);
	ck_assert_uint_eq(again.len, data->len);
	ck_assert_mem_eq(again.p, data->p, data->len);
	model_free(&m);
	buf_free(&again);
}

/*
 * As many members as make the number in a zip's end record all ones: with the
 * zip64 record that may stand for, and without it, as Python writes them.
 */
START_TEST(many_members)
{
	struct buf data = {0}, made = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	uint64_t dim = 1, size, off;
	char name[16];

	for (unsigned i = 0; i < 65535; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert(!model_add(&m, name, DTYPE_U8, 1, &dim, &err));
		buf_u8(&data, (uint8_t)(i ^ i >> 8));
	}
	ck_assert_int_eq(give_all("npz", &m, &data, &made, &err), HVQZ_OK);
	ck_assert_uint_eq(get_le16(made.p + made.len - 22 + 10), 0xffff);
	ck_assert_uint_eq(get_le64(made.p + made.len - 98 + 32), 65535);
	check_many(&made, &data);
	size = get_le64(made.p + made.len - 98 + 40);
	off = get_le64(made.p + made.len - 98 + 48);
	memmove(made.p + made.len - 98, made.p + made.len - 22, 22);
	made.len -= 76;
	put_le32(made.p + made.len - 22 + 12, (uint32_t)size);
	put_le32(made.p + made.len - 22 + 16, (uint32_t)off);
	check_many(&made, &data);
	model_free(&m);
	buf_free(&data);
	buf_free(&made);
}
END_TEST

/* ---- GGUF files as one ---- */

static void build_whole(struct buf *b, const char *letters)
{
	put_gguf(b, &(struct gguf_case){letters, 0, 0, 0});
}

static const struct {
	void (*build)(struct buf *b);
	const char *letters;	/* of what they make; NULL: nothing */
} merges[] = {
	{gguf_whole, "a0b"},
	{gguf_whole_misnamed, "a"},
	{gguf_parts, "0abc1"},
	{gguf_parts_mixed, "bc10a"},
	{gguf_parts_and_whole, "0abc1"},
	{gguf_keys_alone, "a"},
	{gguf_odd_names, "ab"},
	{gguf_no_padding, "a"},
	{gguf_two, NULL},
	{gguf_two_sets, NULL},
	{gguf_beside, NULL},
	{gguf_parts_beside, NULL},
	{tar_good, NULL},
	{zip_gguf, NULL},
};

START_TEST(gguf_files_become_one)
{
	struct buf b = {0}, data = {0}, made = {0}, want = {0};
	const struct writer_ops *w;
	struct hvqz_err err = {0};
	struct model m = {0};

	merges[_i].build(&b);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err), HVQZ_OK);
	w = format_converter_of(&m, "gguf", 0);
	ck_assert_int_eq(w == &gguf_merge, merges[_i].letters != NULL);
	w = format_converter_of(&m, "safetensors", 0);
	ck_assert_int_eq(w == &hf_from_gguf_files,
			 merges[_i].letters != NULL);
	if (merges[_i].letters) {
		build_whole(&want, merges[_i].letters);
		ck_assert_msg(give_by(&gguf_merge, &m, &data, &made, &err) ==
			      HVQZ_OK, "%s", err.msg);
		ck_assert_uint_eq(made.len, want.len);
		ck_assert_mem_eq(made.p, want.p, want.len);
	} else {
		ck_assert_int_eq(give_by(&gguf_merge, &m, &data, &made, &err),
				 HVQZ_UNSUPPORTED);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&made);
	buf_free(&want);
}
END_TEST

/* Of a .hvqz that somebody has written: parts of it, or other bytes. */
START_TEST(gguf_files_are_not_believed)
{
	struct buf b = {0}, data = {0}, want = {0};
	struct hvqz_err err = {0};
	struct rng rng = {11};
	struct model m = {0};
	size_t n_good = 0;

	gguf_parts(&b);
	build_whole(&want, "0abc1");
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err), HVQZ_OK);
	for (int trial = 0; trial < 20000; trial++) {
		size_t at = (size_t)rng_below(&rng, m.head_len);
		uint8_t was = m.head[at];
		struct buf made = {0};

		m.head[at] = (uint8_t)rng_below(&rng, 256);
		err = (struct hvqz_err){0};
		if (give_by(&gguf_merge, &m, &data, &made, &err) == HVQZ_OK) {
			ck_assert_uint_eq(made.len, want.len);
			n_good++;
		} else {
			ck_assert(*err.msg);
		}
		buf_free(&made);
		m.head[at] = was;
	}
	ck_assert_uint_gt(n_good, 1000);
	ck_assert_uint_lt(n_good, 19900);
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&want);
}
END_TEST

static Suite *archives_suite(void)
{
	Suite *s = suite_create("archives");
	TCase *t = tcase_create("archives");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, corpus, 0, N_ARCHIVES);
	tcase_add_loop_test(t, damaged, 0, N_ARCHIVES);
	tcase_add_loop_test(t, failing_reads, 0, N_ARCHIVES);
	tcase_add_test(t, lists_are_not_believed);
	tcase_add_loop_test(t, lists_by_rule, 0, N_PIECE_LISTS);
	tcase_add_test(t, crc);
	tcase_add_test(t, one_becomes_another);
	tcase_add_test(t, inexact_zips_are_made_anew);
	tcase_add_test(t, arrays_keep_their_type);
	tcase_add_test(t, many_members);
	tcase_add_loop_test(t, gguf_files_become_one, 0,
			    (int)(sizeof(merges) / sizeof(merges[0])));
	tcase_add_test(t, gguf_files_are_not_believed);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(archives_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
