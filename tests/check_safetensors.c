/*
 * check_safetensors.c - the safetensors room: every rule of the corpus table
 * from memory and from pipes of several tempers, round trips, and systematic
 * damage (cuts, bit flips, failing reads and allocations).
 *
 * With HVQZ_MODELS set to a folder, every *.safetensors below it is read and
 * written back, and must come out byte for byte.
 */
#define _XOPEN_SOURCE 700
#include "formats/safetensors.h"
#include "tests/corpus_safetensors.h"
#include "tests/safetensors_trip.h"

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>

/* ---- the corpus ---- */

static const size_t tempers[] = {SIZE_MAX, 1 << 20, 1, 0};
enum { N_TEMPERS = sizeof(tempers) / sizeof(tempers[0]) };

START_TEST(corpus)
{
	const struct corpus_case *c = &corpus_safetensors[_i];
	struct hvqz_err err;
	size_t len;
	uint8_t *file = corpus_build(c, &len);

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < N_TEMPERS; i++) {
		enum hvqz_ret ret = there_and_back(file, len, tempers[i],
						   &err);

		ck_assert_msg(ret == c->ret, "%s %s: %d, not %d (%s)", c->rule,
			      c->name, ret, c->ret, err.msg);
		ck_assert_msg(ret == HVQZ_OK || strstr(err.msg, c->word) ||
			      !strcmp(err.tensor, c->word),
			      "%s %s: no \"%s\" in \"%s\" (tensor '%s')",
			      c->rule, c->name, c->word, err.msg, err.tensor);
	}
	free(file);
}
END_TEST

START_TEST(corpus_names_differ)
{
	for (int i = 0; i < N_CORPUS_SAFETENSORS; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(corpus_safetensors[i].name,
					 corpus_safetensors[j].name);
}
END_TEST

/* ---- a file of every dtype ---- */

/* A table of every dtype, some ranks, empty tensors and a scalar. */
static void every_dtype(struct model *m)
{
	static const uint64_t dim[] = {2, 4, 3, 1, 2, 1, 1, 2};
	static const uint64_t zero[] = {5, 0};
	struct hvqz_err err;
	char name[64];

	for (int d = 1; dtype_bits((enum dtype)d); d++) {
		snprintf(name, sizeof(name), "layer.%d \"%s\"\n\xc3\xa4", d,
			 dtype_name((enum dtype)d));
		ck_assert_int_eq(model_add(m, name, (enum dtype)d,
					   2 + (unsigned)d % 7, dim, &err),
				 HVQZ_OK);
		snprintf(name, sizeof(name), "empty.%d", d);
		ck_assert_int_eq(model_add(m, name, (enum dtype)d, 2, zero,
					   &err), HVQZ_OK);
	}
	ck_assert_int_eq(model_add(m, "scalar", DTYPE_F64, 0, NULL, &err),
			 HVQZ_OK);
}

static void assert_same_table(const struct model *a, const struct model *b)
{
	ck_assert_uint_eq(a->n_tensors, b->n_tensors);
	ck_assert_uint_eq(a->data_size, b->data_size);
	ck_assert_uint_eq(a->n_params, b->n_params);
	for (size_t i = 0; i < a->n_tensors; i++) {
		const struct tensor *t = &a->tensors[i], *u = &b->tensors[i];

		ck_assert_str_eq(t->name, u->name);
		ck_assert_int_eq(t->dtype, u->dtype);
		ck_assert_uint_eq(t->rank, u->rank);
		for (unsigned k = 0; k < t->rank; k++)
			ck_assert_uint_eq(t->dim[k], u->dim[k]);
		ck_assert_uint_eq(t->n_elems, u->n_elems);
		ck_assert_uint_eq(t->off, u->off);
		ck_assert_uint_eq(t->size, u->size);
	}
}

/* The file the writer makes of that table, data counting up. */
static void write_every_dtype(struct model *m, struct buf *file)
{
	struct buf data = {0};
	struct hvqz_err err;

	every_dtype(m);
	for (uint64_t i = 0; i < m->data_size; i++)
		buf_u8(&data, (uint8_t)(i * 7));
	ck_assert_int_eq(write_all(m, &data, file, &err), HVQZ_OK);
	buf_free(&data);
}

START_TEST(every_dtype_round_trip)
{
	struct model m = {0}, back = {0};
	struct buf file = {0}, data = {0};
	struct source_memory memory;
	struct source src;
	struct hvqz_err err;

	write_every_dtype(&m, &file);
	ck_assert_uint_eq(get_le64(file.p) % 8, 0);
	ck_assert_uint_eq(8 + get_le64(file.p) + m.data_size, file.len);
	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_int_eq(read_all(&src, &back, &data, &err), HVQZ_OK);
	assert_same_table(&m, &back);
	for (size_t i = 0; i < data.len; i++)
		ck_assert_uint_eq(data.p[i], (uint8_t)(i * 7));
	for (int i = 0; i < N_TEMPERS; i++)
		ck_assert_int_eq(there_and_back(file.p, file.len, tempers[i],
						&err), HVQZ_OK);
	source_free(&src);
	buf_free(&data);
	buf_free(&file);
	model_free(&back);
	model_free(&m);
}
END_TEST

/* Every prefix of a good file is damaged, however it comes. */
START_TEST(every_cut)
{
	struct model m = {0};
	struct buf file = {0};
	struct hvqz_err err;

	write_every_dtype(&m, &file);
	for (size_t len = 0; len < file.len; len++) {
		/* A copy of just that size, so that ASan sees an over-read. */
		uint8_t *cut = malloc(len ? len : 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, file.p, len);
		for (int i = 0; i < 2; i++) {
			ck_assert_int_eq(there_and_back(cut, len, tempers[i],
							&err), HVQZ_DAMAGED);
			ck_assert_ptr_nonnull(strstr(err.msg, "truncated"));
		}
		free(cut);
	}
	buf_free(&file);
	model_free(&m);
}
END_TEST

/* Any bit of the header wrong: refused, or a file that still round-trips. */
START_TEST(every_bit_flip)
{
	struct model m = {0};
	struct buf file = {0};
	struct hvqz_err err;
	size_t n_bits;

	write_every_dtype(&m, &file);
	n_bits = 8 * (8 + (size_t)get_le64(file.p));
	for (size_t bit = 0; bit < n_bits; bit++) {
		enum hvqz_ret ret;

		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ret = there_and_back(file.p, file.len, SIZE_MAX, &err);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
			  ret == HVQZ_UNSUPPORTED);
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(&file);
	model_free(&m);
}
END_TEST

/* The N-th read fails, for every N there is. */
START_TEST(every_read_fails)
{
	struct model m = {0};
	struct buf file = {0};
	size_t n = 0;
	enum hvqz_ret ret;

	write_every_dtype(&m, &file);
	do {
		struct pipe_source pipe = {
			.p = file.p, .len = file.len, .max = 50,
			.fail_at = ++n,
		};
		struct model back = {0};
		struct buf data = {0};
		struct hvqz_err err = {0};
		struct source src;

		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
		ret = read_all(&src, &back, &data, &err);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_IO);
		if (ret == HVQZ_IO)
			ck_assert_str_eq(err.msg, "made to fail");
		else
			ck_assert_uint_lt(pipe.n_reads, n);
		source_free(&src);
		buf_free(&data);
		model_free(&back);
	} while (ret != HVQZ_OK);
	ck_assert_uint_gt(n, 10);
	buf_free(&file);
	model_free(&m);
}
END_TEST

/* ---- jansson runs out of memory at its N-th allocation ---- */

static size_t mallocs_left;

static void *failing_malloc(size_t n)
{
	return mallocs_left && mallocs_left-- ? malloc(n) : NULL;
}

START_TEST(every_json_malloc_fails)
{
	static const struct corpus_case c = {
		.head = "{\"__metadata__\":{\"key\":\"a value\"},"
			"\"a name of more than sixteen letters\":{"
			"\"dtype\":\"F32\",\"shape\":[2,1],"
			"\"data_offsets\":[0,8]}}",
		.data_len = 8,
	};
	struct hvqz_err err;
	enum hvqz_ret ret;
	size_t len, n = 0;
	uint8_t *file = corpus_build(&c, &len);

	ck_assert_ptr_nonnull(file);
	json_set_alloc_funcs(failing_malloc, free);
	do {
		struct source_memory memory;
		struct model m = {0};
		struct buf data = {0};
		struct source src;

		mallocs_left = n++;
		source_init_memory(&src, &memory, file, len);
		ret = read_all(&src, &m, &data, &err);
		ck_assert_msg(ret == HVQZ_OK || ret == HVQZ_NOMEM,
			      "allocation %zu: %s", n, err.msg);
		/* jansson may drop a letter that it has no memory for. */
		if (ret == HVQZ_OK)
			ck_assert_str_eq(m.tensors[0].name,
					 "a name of more than sixteen letters");
		source_free(&src);
		buf_free(&data);
		model_free(&m);
	} while (ret != HVQZ_OK);
	json_set_alloc_funcs(malloc, free);
	ck_assert_uint_gt(n, 10);
	free(file);
}
END_TEST

/* ---- the contract's edges ---- */

START_TEST(reader_and_writer_count)
{
	const struct reader_ops *r = &safetensors_reader;
	const struct writer_ops *w = &safetensors_writer;
	static const uint64_t dim[] = {3};
	uint8_t bytes[4] = {0};
	struct buf file = {0};
	struct source_memory memory;
	struct source src;
	struct sink out;
	struct model m = {0}, back = {0};
	struct hvqz_err err;
	void *state = NULL;

	ck_assert_int_eq(model_add(&m, "a", DTYPE_U8, 1, dim, &err), HVQZ_OK);
	sink_init_memory(&out, &file);
	ck_assert_int_eq(w->plan(&m, &state, &err), HVQZ_OK);
	ck_assert_int_eq(w->head(state, &out, &err), HVQZ_OK);
	ck_assert_int_eq(w->put(state, &out, bytes, 4, &err), HVQZ_USAGE);
	ck_assert_int_eq(w->put(state, &out, bytes, 2, &err), HVQZ_OK);
	ck_assert_int_eq(w->tail(state, &out, &err), HVQZ_USAGE);
	ck_assert_int_eq(w->put(state, &out, bytes, 1, &err), HVQZ_OK);
	ck_assert_int_eq(w->tail(state, &out, &err), HVQZ_OK);
	w->free(state);

	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_int_eq(r->head(&src, &back, &state, &err), HVQZ_OK);
	ck_assert_int_eq(r->next(state, bytes, 4, &err), HVQZ_USAGE);
	ck_assert_int_eq(r->next(state, bytes, 0, &err), HVQZ_OK);
	ck_assert_int_eq(r->next(state, bytes, 3, &err), HVQZ_OK);
	ck_assert_int_eq(r->next(state, bytes, 1, &err), HVQZ_USAGE);
	ck_assert_int_eq(r->tail(state, &err), HVQZ_OK);
	r->free(state);
	r->free(NULL);
	w->free(NULL);
	source_free(&src);
	buf_free(&file);
	model_free(&back);
	model_free(&m);
}
END_TEST

/* A kept header must tell the same story as the table, tensor by tensor. */
START_TEST(kept_header_disagrees)
{
	static const uint64_t dim[] = {2, 3};
	struct model m = {0};
	struct tensor *t;
	struct hvqz_err err;
	void *state = NULL;

	ck_assert_int_eq(model_add(&m, "a", DTYPE_U8, 2, dim, &err), HVQZ_OK);
	ck_assert_int_eq(model_add(&m, "b", DTYPE_F16, 2, dim, &err), HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &m.head,
					       &m.head_len, &err), HVQZ_OK);
	strcpy(m.format, "safetensors");
	t = &m.tensors[1];

#define DISAGREES(change, undo, word)                                         \
	do {                                                                  \
		change;                                                       \
		ck_assert_int_eq(safetensors_writer.plan(&m, &state, &err),   \
				 HVQZ_DAMAGED);                               \
		ck_assert_ptr_null(state);                                    \
		ck_assert_ptr_nonnull(strstr(err.msg, word));                 \
		undo;                                                         \
	} while (0)
	DISAGREES(t->name[0] = 'c', t->name[0] = 'b', "'b'");
	DISAGREES(t->dtype = DTYPE_BF16, t->dtype = DTYPE_F16, "dtypes");
	DISAGREES(t->dim[0] = 3, t->dim[0] = 2, "shapes");
	DISAGREES(t->rank = 1, t->rank = 2, "shapes");
	DISAGREES(t->off = 7, t->off = 6, "offsets");
	DISAGREES(m.n_tensors = 1, m.n_tensors = 2, "2 tensors");
	DISAGREES(m.head_len--, m.head_len++, "first 8 bytes");
	DISAGREES(m.head[9] = 'x', m.head[9] = '"', "header byte");
#undef DISAGREES
	ck_assert_int_eq(safetensors_writer.plan(&m, &state, &err), HVQZ_OK);
	safetensors_writer.free(state);
	model_free(&m);
}
END_TEST

/* Tables that came from elsewhere and that safetensors cannot hold. */
START_TEST(writer_refuses)
{
	static const struct {
		const char *a, *b;
		enum hvqz_ret ret;
		const char *word;
	} names[] = {
		{"a", "a", HVQZ_DAMAGED, "duplicate"},
		{"a", "__metadata__", HVQZ_UNSUPPORTED, "reserves"},
		{"a", "\xff", HVQZ_UNSUPPORTED, "UTF-8"},
		{"\xed\xa0\x80", "b", HVQZ_UNSUPPORTED, "UTF-8"},
	};
	static const uint64_t dim[] = {1};
	struct model m = {0};
	struct hvqz_err err;
	void *state = NULL;

	ck_assert_int_eq(model_add(&m, names[_i].a, DTYPE_U8, 1, dim, &err),
			 HVQZ_OK);
	ck_assert_int_eq(model_add(&m, names[_i].b, DTYPE_U8, 1, dim, &err),
			 HVQZ_OK);
	strcpy(m.format, "gguf");
	ck_assert_int_eq(safetensors_writer.plan(&m, &state, &err),
			 names[_i].ret);
	ck_assert_ptr_null(state);
	ck_assert_ptr_nonnull(strstr(err.msg, names[_i].word));
	model_free(&m);
}
END_TEST
enum { N_REFUSED_NAMES = 4 };

START_TEST(metadata_is_kept)
{
	static const char json[] =
		"{\"v\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
		"\"__metadata__\" : { \"format\":\"pt\", "
		"\"k\\u00e4\":\"\\n\"}}";
	static const char expected[] =
		"{\"__metadata__\":{ \"format\":\"pt\", \"k\\u00e4\":\"\\n\"},"
		"\"w\":{\"dtype\":\"BF16\",\"shape\":[2],"
		"\"data_offsets\":[0,4]}}";
	static const uint64_t dim[] = {2};
	struct buf old = {0};
	struct model m = {0};
	struct hvqz_err err;
	uint8_t *head;
	size_t len;
	char *value;

	buf_u64(&old, sizeof(json) - 1);
	buf_put(&old, json, sizeof(json) - 1);
	ck_assert_int_eq(model_add(&m, "w", DTYPE_BF16, 1, dim, &err),
			 HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, old.p, old.len, &head, &len,
					       &err), HVQZ_OK);
	ck_assert_uint_eq(len, (8 + sizeof(expected) - 1 + 7) / 8 * 8);
	ck_assert_uint_eq(get_le64(head), len - 8);
	ck_assert_mem_eq(head + 8, expected, sizeof(expected) - 1);

	ck_assert_int_eq(safetensors_find_metadata(head, len, "k\xc3\xa4",
						   &value, &err), HVQZ_OK);
	ck_assert_str_eq(value, "\n");
	free(value);
	ck_assert_int_eq(safetensors_find_metadata(head, len, "w", &value,
						   &err), HVQZ_OK);
	ck_assert_ptr_null(value);
	free(head);

	/* An older head that is no head is refused, not ignored. */
	ck_assert_int_eq(safetensors_make_head(&m, old.p, old.len - 1, &head,
					       &len, &err), HVQZ_DAMAGED);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, &err),
			 HVQZ_OK);
	ck_assert_int_eq(safetensors_find_metadata(head, len, "k", &value,
						   &err), HVQZ_OK);
	ck_assert_ptr_null(value);
	free(head);
	buf_free(&old);
	model_free(&m);
}
END_TEST

/*
 * Many tensors against the order of the header, and in the second round one
 * name at both ends of it: seconds would mean O(n^2).
 */
START_TEST(many_tensors)
{
	enum { MANY = 100000 };
	struct buf b = {0};
	struct model m = {0};
	struct hvqz_err err;
	enum hvqz_ret ret;
	char entry[100];

	buf_u64(&b, 0);
	for (int i = 0; i < MANY; i++) {
		int name = _i && i == MANY - 1 ? 0 : i;
		int n = snprintf(entry, sizeof(entry),
				 "%c\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],"
				 "\"data_offsets\":[%d,%d]}", i ? ',' : '{',
				 name, MANY - 1 - i, MANY - i);

		buf_put(&b, entry, (size_t)n);
	}
	buf_u8(&b, '}');
	put_le64(b.p, b.len - 8);
	ret = safetensors_parse(b.p, b.len, &m, NULL, &err);
	if (_i) {
		ck_assert_int_eq(ret, HVQZ_DAMAGED);
		ck_assert_str_eq(err.tensor, "t0");
	} else {
		ck_assert_int_eq(ret, HVQZ_OK);
		ck_assert_uint_eq(m.n_tensors, MANY);
		ck_assert_str_eq(m.tensors[0].name, "t99999");
	}
	model_free(&m);
	buf_free(&b);
}
END_TEST

/* ---- real files ---- */

static enum hvqz_ret file_read(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	*got = fread(buf, 1, n, ctx);
	return ferror((FILE *)ctx) ? hvqz_fail(err, HVQZ_IO, "read") : HVQZ_OK;
}

static int visit(const char *path, const struct stat *st, int type,
		 struct FTW *ftw)
{
	static const struct source_ops ops = {file_read, NULL};
	const char *dot = strrchr(path, '.');
	struct model m = {0};
	struct buf data = {0}, back = {0};
	struct source src;
	struct hvqz_err err;
	uint8_t *whole;
	FILE *f;

	(void)ftw;
	if (type != FTW_F || !dot || strcmp(dot, ".safetensors") != 0)
		return 0;
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s: cannot open", path);
	source_init(&src, &ops, f, (uint64_t)st->st_size);
	ck_assert_msg(read_all(&src, &m, &data, &err) == HVQZ_OK, "%s: %s %s",
		      path, err.tensor, err.msg);
	ck_assert_msg(write_all(&m, &data, &back, &err) == HVQZ_OK, "%s: %s",
		      path, err.msg);
	whole = malloc(back.len);
	ck_assert_ptr_nonnull(whole);
	rewind(f);
	ck_assert_uint_eq(back.len, st->st_size);
	ck_assert_uint_eq(fread(whole, 1, back.len, f), back.len);
	ck_assert_mem_eq(whole, back.p, back.len);
	free(whole);
	fclose(f);
	source_free(&src);
	buf_free(&back);
	buf_free(&data);
	model_free(&m);
	return 0;
}

START_TEST(real_files)
{
	const char *folder = getenv("HVQZ_MODELS");

	if (folder)
		ck_assert_int_eq(nftw(folder, visit, 16, FTW_PHYS), 0);
}
END_TEST

static Suite *safetensors_suite(void)
{
	Suite *s = suite_create("safetensors");
	TCase *rules = tcase_create("rules");
	TCase *damage = tcase_create("damage");
	TCase *trips = tcase_create("trips");

	tcase_add_loop_test(rules, corpus, 0, N_CORPUS_SAFETENSORS);
	tcase_add_test(rules, corpus_names_differ);
	suite_add_tcase(s, rules);

	tcase_set_timeout(damage, 120);	/* sanitizers and valgrind are slow */
	tcase_add_test(damage, every_cut);
	tcase_add_test(damage, every_bit_flip);
	tcase_add_test(damage, every_read_fails);
	tcase_add_test(damage, every_json_malloc_fails);
	suite_add_tcase(s, damage);

	tcase_set_timeout(trips, 120);
	tcase_add_test(trips, every_dtype_round_trip);
	tcase_add_test(trips, reader_and_writer_count);
	tcase_add_test(trips, kept_header_disagrees);
	tcase_add_loop_test(trips, writer_refuses, 0, N_REFUSED_NAMES);
	tcase_add_test(trips, metadata_is_kept);
	tcase_add_loop_test(trips, many_tensors, 0, 2);
	tcase_add_test(trips, real_files);
	suite_add_tcase(s, trips);

	return s;
}

int main(void)
{
	SRunner *r = srunner_create(safetensors_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
