/*
 * check_gguf.c - the GGUF room: every rule of the corpus table from memory and
 * from pipes of several tempers, round trips, the table's shapes, copies, and
 * systematic damage.
 *
 * With HVQZ_MODELS set to a folder, every *.gguf below it is read and written
 * back, and must come out byte for byte.
 */
#define _XOPEN_SOURCE 700
#define TRIP_FORMAT gguf
#include "formats/gguf_write.h"
#include "job/job.h"
#include "tests/corpus_gguf.h"
#include "tests/safetensors_trip.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static const size_t tempers[] = {SIZE_MAX, 1 << 20, 1, 0};
enum { N_TEMPERS = sizeof(tempers) / sizeof(tempers[0]) };

START_TEST(corpus)
{
	const struct corpus_case *c = &corpus_gguf[_i];
	struct buf file = {0};
	struct hvqz_err err;

	corpus_gguf_make(c, &file);
	for (int i = 0; i < N_TEMPERS; i++) {
		enum hvqz_ret ret = there_and_back(file.p, file.len,
						   tempers[i], &err);

		ck_assert_msg(ret == c->ret, "%s %s: %d, not %d (%s)", c->rule,
			      c->name, ret, c->ret, err.msg);
		/* How much is left is not known on a pipe. */
		ck_assert_msg(ret == HVQZ_OK || strstr(err.msg, c->word) ||
				      (i && strstr(err.msg, "truncated")) ||
				      (i && strstr(err.msg, "length")),
			      "%s %s: no \"%s\" in \"%s\"", c->rule, c->name,
			      c->word, err.msg);
	}
	buf_free(&file);
}
END_TEST

START_TEST(corpus_is_complete)
{
	char rule[8];

	for (int q = 1; q <= 16; q++) {
		size_t n = 0;

		snprintf(rule, sizeof(rule), "Q%d", q);
		for (int j = 0; j < N_CORPUS_GGUF; j++)
			n += !strcmp(corpus_gguf[j].rule, rule) &&
			     corpus_gguf[j].ret != HVQZ_OK;
		ck_assert_msg(n, "no case for %s", rule);
	}
	for (int i = 0; i < N_CORPUS_GGUF; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(corpus_gguf[i].name,
					 corpus_gguf[j].name);
}
END_TEST

/* Dimensions run the other way, blocks are bytes, padding is counted. */
START_TEST(table)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		unsigned rank;
		uint64_t dim[4];
		uint64_t at;	/* in the data */
	} want[] = {
		{"t.f32", DTYPE_F32, 2, {2, 3}, 0},
		{"t.f16", DTYPE_F16, 1, {5}, 32},
		{"t.q4_0", DTYPE_U8, 2, {2, 36}, 64},
		{"t.i8", DTYPE_I8, 4, {2, 3, 2, 1}, 160},
		{"t.bf16", DTYPE_BF16, 2, {3, 4}, 192},
	};
	struct buf file = {0}, data = {0};
	struct source_memory memory;
	struct model m = {0};
	struct hvqz_err err;
	struct source src;

	corpus_gguf_good(&file);
	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_int_eq(read_all(&src, &m, &data, &err), HVQZ_OK);
	ck_assert_uint_eq(m.n_tensors, 5);
	ck_assert_uint_eq(m.head_len, file.len - 224);
	ck_assert_mem_eq(m.head, file.p, m.head_len);
	ck_assert_uint_eq(m.rest_len, 8);
	ck_assert_uint_eq(data.len, 24 + 10 + 72 + 12 + 24);
	for (size_t i = 0; i < 5; i++) {
		const struct tensor *t = &m.tensors[i];

		ck_assert_str_eq(t->name, want[i].name);
		ck_assert_int_eq(t->dtype, want[i].dtype);
		ck_assert_uint_eq(t->rank, want[i].rank);
		for (unsigned d = 0; d < t->rank; d++)
			ck_assert_uint_eq(t->dim[d], want[i].dim[d]);
		ck_assert_uint_eq(t->off + t->skew, want[i].at);
		ck_assert_mem_eq(data.p + t->off,
				 file.p + m.head_len + want[i].at, t->size);
	}
	buf_free(&file);
	buf_free(&data);
	model_free(&m);
	source_free(&src);
}
END_TEST

/* A file of keys alone, and one of nothing, are files. */
START_TEST(without_tensors)
{
	struct buf file = {0};
	struct hvqz_err err;

	buf_put(&file, "GGUF\3\0\0\0", 8);
	buf_u64(&file, 0);
	buf_u64(&file, 0);
	ck_assert_int_eq(there_and_back(file.p, file.len, 1, &err), HVQZ_OK);
	put_le64(file.p + 16, 1);
	corpus_key(&file, "k", 0);
	buf_u8(&file, 7);
	ck_assert_int_eq(there_and_back(file.p, file.len, 1, &err), HVQZ_OK);
	corpus_zeros(&file, 64);
	ck_assert_int_eq(there_and_back(file.p, file.len, 1, &err), HVQZ_OK);
	buf_u8(&file, 0);
	ck_assert_int_eq(there_and_back(file.p, file.len, 1, &err),
			 HVQZ_DAMAGED);
	buf_free(&file);
}
END_TEST

/* Every number is a type of known size, removed, or unknown. */
START_TEST(types)
{
	uint32_t id;

	for (uint32_t i = 0; i < 100; i++) {
		const struct gguf_type *t = gguf_type(i);

		if (!t)
			continue;
		ck_assert_ptr_nonnull(t->name);
		ck_assert(!t->block == !t->bytes);
		if (!t->dtype)
			continue;
		ck_assert_uint_eq(8u * t->bytes, dtype_bits(t->dtype));
		ck_assert_str_eq(t->name, dtype_name(t->dtype));
		ck_assert(gguf_type_of(t->dtype, &id));
		ck_assert_uint_eq(id, i);
	}
	ck_assert(!gguf_type_of(DTYPE_U8, &id));
	ck_assert(!gguf_type_of(DTYPE_BOOL, &id));
	ck_assert_ptr_null(gguf_type(UINT32_MAX));
}
END_TEST

/* Cut anywhere: damaged, and never as if it were whole. */
START_TEST(every_truncation)
{
	struct buf file = {0};
	struct hvqz_err err;

	corpus_gguf_good(&file);
	for (size_t len = 0; len + 8 < file.len; len++)
		for (int i = 0; i < 2; i++) {
			/* A block of exact length: ASan sees too much read. */
			uint8_t *copy = malloc(len ? len : 1);

			memcpy(copy, file.p, len);
			there_and_back(copy, len, tempers[i], &err);
			ck_assert_msg(err.ret == HVQZ_DAMAGED, "%zu: %d %s",
				      len, err.ret, err.msg);
			free(copy);
		}
	buf_free(&file);
}
END_TEST

/* There is no checksum in GGUF: what is taken comes back as it was. */
START_TEST(every_bit)
{
	struct buf file = {0};
	struct hvqz_err err;
	size_t n_good = 0;

	corpus_gguf_good(&file);
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		n_good += there_and_back(file.p, file.len, SIZE_MAX, &err) ==
			  HVQZ_OK;
		file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_gt(n_good, 8 * 142);
	ck_assert_uint_lt(n_good, 8 * file.len / 2);
	buf_free(&file);
}
END_TEST

START_TEST(every_read_failure)
{
	struct buf file = {0};
	enum hvqz_ret ret;
	size_t n = 0;

	corpus_gguf_good(&file);
	do {
		struct pipe_source pipe = {
			.p = file.p, .len = file.len, .max = 50, .fail_at = ++n,
		};
		struct model m = {0};
		struct buf data = {0};
		struct hvqz_err err;
		struct source src;

		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
		ret = read_all(&src, &m, &data, &err);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_IO);
		buf_free(&data);
		model_free(&m);
		source_free(&src);
	} while (ret != HVQZ_OK);
	ck_assert_uint_gt(n, 5);
	buf_free(&file);
}
END_TEST

/* ---- the writer ---- */

static void load(struct model *m, struct buf *data)
{
	struct buf file = {0};
	struct source_memory memory;
	struct hvqz_err err;
	struct source src;

	corpus_gguf_good(&file);
	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_int_eq(read_all(&src, m, data, &err), HVQZ_OK);
	source_free(&src);
	buf_free(&file);
}

/* The kept head must be the table's. */
START_TEST(head_of_another_table)
{
	struct buf data = {0}, file = {0};
	struct model m = {0};
	struct hvqz_err err;

	load(&m, &data);
	m.tensors[1].name[0] = 'x';
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_DAMAGED);
	ck_assert(strstr(err.msg, "t.f16"));
	m.tensors[1].name[0] = 't';
	m.tensors[2].dim[1] = 72;
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_DAMAGED);
	m.tensors[2].dim[1] = 36;
	m.tensors[3].dtype = DTYPE_U8;
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_DAMAGED);
	m.tensors[3].dtype = DTYPE_I8;
	m.n_tensors--;
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_DAMAGED);
	m.n_tensors++;
	m.head[0] = 'X';
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_DAMAGED);
	m.head[0] = 'G';
	ck_assert_uint_eq(file.len, 0);
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_OK);
	strcpy(m.format, "other");
	ck_assert_int_eq(write_all(&m, &data, &file, &err), HVQZ_UNSUPPORTED);
	buf_free(&file);
	buf_free(&data);
	model_free(&m);
}
END_TEST

/* Weights restored in another type: the same keys, another table. */
START_TEST(another_type)
{
	struct buf data = {0}, file = {0}, back = {0};
	struct model m = {0}, made = {0}, again = {0};
	struct source_memory memory;
	struct hvqz_err err;
	struct source src;

	load(&m, &data);
	for (size_t i = 0; i < m.n_tensors; i++)
		ck_assert(!model_add(&made, m.tensors[i].name,
				     i == 4 ? DTYPE_F32 : m.tensors[i].dtype,
				     m.tensors[i].rank, m.tensors[i].dim,
				     NULL));
	strcpy(made.format, "gguf");
	made.head = malloc(m.head_len);
	memcpy(made.head, m.head, m.head_len);
	made.head_len = m.head_len;
	for (int i = 0; i < 24; i++)
		buf_u8(&data, (uint8_t)i);
	ck_assert_msg(!write_all(&made, &data, &file, &err), "%s", err.msg);
	/* The last tensor is 48 bytes then, and padded to 64. */
	ck_assert_uint_eq(file.len, m.head_len + 192 + 64);
	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_int_eq(read_all(&src, &again, &back, &err), HVQZ_OK);
	ck_assert_int_eq(again.tensors[4].dtype, DTYPE_F32);
	ck_assert_uint_eq(back.len, data.len);
	ck_assert_mem_eq(back.p, data.p, data.len);
	source_free(&src);
	buf_free(&data);
	buf_free(&file);
	buf_free(&back);
	model_free(&m);
	model_free(&made);
	model_free(&again);
}
END_TEST

/* A head of our own. */
START_TEST(made_head)
{
	static const char long_name[] = "a.name.of.sixty.four.bytes.which.is."
		"one.more.than.gguf.tensors.h";
	static const uint64_t dim[] = {2, 3}, none[] = {0, 3};
	struct gguf_keys keys = {0};
	struct model m = {0}, bad = {0};
	struct buf data = {0}, file = {0};
	struct hvqz_err err;

	gguf_put_string(&keys, "s", "text");
	gguf_put_u32(&keys, "u", 7);
	gguf_put_f32(&keys, "f", 0.5f);
	gguf_put_bool(&keys, "b", true);
	gguf_put_array(&keys, "a", GGUF_I32, 1);
	buf_u32(&keys.b, 1);
	ck_assert(!model_add(&m, "x", DTYPE_F16, 2, dim, NULL));
	ck_assert(!model_add(&m, "y", DTYPE_F32, 1, dim, NULL));
	ck_assert_int_eq(gguf_make_head(&keys, &m, &err), HVQZ_OK);
	for (uint64_t i = 0; i < m.data_size; i++)
		buf_u8(&data, (uint8_t)i);
	ck_assert_msg(!write_all(&m, &data, &file, &err), "%s", err.msg);
	ck_assert_uint_eq(file.len % 32, 0);
	ck_assert_int_eq(there_and_back(file.p, file.len, 1, &err), HVQZ_OK);

	ck_assert_uint_eq(strlen(long_name), 64);
	ck_assert(!model_add(&bad, long_name, DTYPE_F16, 2, dim, NULL));
	ck_assert_int_eq(gguf_make_head(&keys, &bad, &err), HVQZ_UNSUPPORTED);
	bad.tensors[0].name[63] = 0;
	bad.tensors[0].dtype = DTYPE_U8;
	ck_assert_int_eq(gguf_make_head(&keys, &bad, &err), HVQZ_UNSUPPORTED);
	model_free(&bad);
	ck_assert(!model_add(&bad, "x", DTYPE_F16, 2, none, NULL));
	ck_assert_int_eq(gguf_make_head(&keys, &bad, &err), HVQZ_UNSUPPORTED);
	model_free(&bad);
	ck_assert(!model_add(&bad, "x", DTYPE_F16, 0, NULL, NULL));
	ck_assert_int_eq(gguf_make_head(&keys, &bad, &err), HVQZ_UNSUPPORTED);
	model_free(&bad);
	model_free(&m);
	buf_free(&keys.b);
	buf_free(&data);
	buf_free(&file);
}
END_TEST

/* ---- whole jobs ---- */

/*
 * Three tensors of a length that is padded: where they are is not where the
 * sums of the sizes say. The last is equal to the first.
 */
static void copies_file(struct buf *b)
{
	enum { LEN = 5001, PADDED = 5024 };
	size_t data;

	buf_put(b, "GGUF\3\0\0\0", 8);
	buf_u64(b, 3);
	buf_u64(b, 0);
	corpus_info(b, "a", 24, 0, 1, LEN, 1, 1, 1);
	corpus_info(b, "b", 24, PADDED, 1, LEN, 1, 1, 1);
	corpus_info(b, "c", 24, 2 * PADDED, 1, LEN, 1, 1, 1);
	corpus_zeros(b, (b->len + 31) / 32 * 32);
	data = b->len;
	for (uint32_t t = 0; t < 3; t++) {
		for (uint32_t i = 0; i < LEN; i++)
			buf_u8(b, (uint8_t)((i * 2654435761u) >> 24 ^
					    (t == 1 && i == 4999)));
		corpus_zeros(b, data + (t + 1) * PADDED);
	}
}

/* Copies are found behind padding, and all comes back. */
START_TEST(copies)
{
	static const struct encode_options opt = {
		.set = {.codec = CODEC_PLANES, .effort = 3, .centroids = 2,
			.block = 4},
	};
	static const struct decode_options dec;
	struct buf file = {0}, small = {0}, back = {0};
	struct source_memory memory;
	struct job_env env = {0};
	struct job_report rep;
	struct hvqz_err err;
	struct source src;
	struct sink out;

	copies_file(&file);
	sink_init_memory(&out, &small);
	source_init_memory(&src, &memory, file.p, file.len);
	ck_assert_msg(!job_encode(&env, &opt, &src, &out, &rep, &err), "%s",
		      err.msg);
	source_free(&src);
	ck_assert_uint_eq(rep.n_copies, 1);
	ck_assert_uint_lt(small.len, 2 * 5001 + 1000);
	sink_init_memory(&out, &back);
	source_init_memory(&src, &memory, small.p, small.len);
	ck_assert_msg(!job_decode(&env, &dec, &src, &out, &rep, &err), "%s",
		      err.msg);
	source_free(&src);
	ck_assert_uint_eq(back.len, file.len);
	ck_assert_mem_eq(back.p, file.p, file.len);
	buf_free(&file);
	buf_free(&small);
	buf_free(&back);
}
END_TEST

/* ---- real files ---- */

static int n_models;

static int try_model(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	size_t n = strlen(path), len = (size_t)st->st_size;
	struct hvqz_err err;
	uint8_t *p;
	FILE *f;

	(void)ftw;
	if (type != FTW_F || n < 5 || strcmp(path + n - 5, ".gguf"))
		return 0;
	p = malloc(len + 1);
	f = fopen(path, "rb");
	ck_assert(p && f && fread(p, 1, len, f) == len);
	fclose(f);
	ck_assert_msg(there_and_back(p, len, 1 << 16, &err) == HVQZ_OK,
		      "%s: %s", path, err.msg);
	free(p);
	n_models++;
	return 0;
}

START_TEST(real_models)
{
	const char *dir = getenv("HVQZ_MODELS");

	if (!dir)
		return;
	ck_assert_int_eq(nftw(dir, try_model, 16, FTW_PHYS), 0);
	printf("check_gguf: %d files of %s came back\n", n_models, dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gguf");
	TCase *t = tcase_create("gguf");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, corpus, 0, N_CORPUS_GGUF);
	tcase_add_test(t, corpus_is_complete);
	tcase_add_test(t, table);
	tcase_add_test(t, without_tensors);
	tcase_add_test(t, types);
	tcase_add_test(t, every_truncation);
	tcase_add_test(t, every_bit);
	tcase_add_test(t, every_read_failure);
	tcase_add_test(t, head_of_another_table);
	tcase_add_test(t, another_type);
	tcase_add_test(t, made_head);
	tcase_add_test(t, copies);
	tcase_add_test(t, real_models);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
