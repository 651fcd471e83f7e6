/*
 * check_lm_load.c - weights in memory: every half value widened, and model
 * files, plain or packed, whole or in shards or damaged, into a decoder.
 */
#include "base/bytes.h"
#include "kernels/rows.h"
#include "tests/job_case.h"
#include "tests/lm_case.h"

#include <math.h>
#include <stdio.h>

/* ---- widening ---- */

/* The number of a half's fields by its definition. */
static double half_value(unsigned h)
{
	double sign = h & 0x8000 ? -1 : 1;
	int e = (int)(h >> 10 & 31), f = (int)(h & 1023);

	return sign * (e ? ldexp(1024 + f, e - 25) : ldexp(f, -24));
}

START_TEST(every_half_is_widened_exactly)
{
	enum { ROWS = 256, COLS = 256 };
	uint8_t *raw = malloc(2 * ROWS * COLS);
	float *to = malloc(ROWS * COLS * sizeof(*to));
	struct lm_weight w = {.n_rows = ROWS, .n_cols = COLS, .data = raw};

	for (unsigned i = 0; i < ROWS * COLS; i++)
		put_le16(raw + 2 * i, (uint16_t)i);
	w.dtype = DTYPE_F16;
	lm_weight_widen(&w, 0, ROWS, to);
	for (unsigned i = 0; i < ROWS * COLS; i++) {
		uint32_t bits = f32_to_bits(to[i]);

		ck_assert_uint_eq(bits >> 31, i >> 15);
		if ((i & 0x7c00) != 0x7c00)
			ck_assert((double)to[i] == half_value(i));
		else if (i & 0x3ff)
			ck_assert(isnan(to[i]));
		else
			ck_assert(isinf(to[i]));
	}
	w.dtype = DTYPE_BF16;
	lm_weight_widen(&w, 0, ROWS, to);
	for (unsigned i = 0; i < ROWS * COLS; i++)
		ck_assert_uint_eq(f32_to_bits(to[i]), (uint32_t)i << 16);
	free(raw);
	free(to);
}
END_TEST

/* All halves, unaligned, from here and there to the end. */
START_TEST(every_table_widens_alike)
{
	static const char *const tables[] = {"generic", "avx2"};
	const struct row_kernels *k = rows_named(tables[_i]);
	enum { N = 1 << 16 };
	uint8_t *mem = malloc(2 * N + 1), *raw = mem + 1;
	float *to = malloc(N * sizeof(*to));

	for (unsigned i = 0; i < N; i++)
		put_le16(raw + 2 * i, (uint16_t)(i * 40503));
	for (unsigned a = 0; k && a < N; a += a < 40 ? 1 : 4999) {
		const uint8_t *p = raw + 2 * a;

		k->widen_f16(to, p, N - a);
		for (unsigned i = 0; i < N - a; i++)
			if (f32_to_bits(to[i]) !=
			    f32_to_bits(f32_from_f16(get_le16(p + 2 * i))))
				ck_abort_msg("%s, F16 %04x", k->name,
					     get_le16(p + 2 * i));
		k->widen_bf16(to, p, N - a);
		for (unsigned i = 0; i < N - a; i++)
			if (f32_to_bits(to[i]) !=
			    f32_to_bits(f32_from_bf16(get_le16(p + 2 * i))))
				ck_abort_msg("%s, BF16 %04x", k->name,
					     get_le16(p + 2 * i));
	}
	free(mem);
	free(to);
}
END_TEST

START_TEST(rows_are_widened_where_they_lie)
{
	static const enum dtype dtypes[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	enum { ROWS = 7, COLS = 5 };
	uint8_t raw[ROWS * COLS * 4];
	float to[ROWS * COLS + 1];

	for (size_t d = 0; d < 3; d++) {
		struct lm_weight w = {
			.n_rows = ROWS, .n_cols = COLS, .dtype = dtypes[d],
			.data = raw,
		};

		for (unsigned i = 0; i < ROWS * COLS; i++) {
			float v = (float)i - 9;

			if (d == 0)
				put_le16(raw + 2 * i, f16_from_f32(v));
			else if (d == 1)
				put_le16(raw + 2 * i, bf16_from_f32(v));
			else
				put_lef32(raw + 4 * i, v);
		}
		for (unsigned a = 0; a <= ROWS; a++)
			for (unsigned n = 0; a + n <= ROWS; n++) {
				to[n * COLS] = 1000;
				lm_weight_widen(&w, a, n, to);
				for (unsigned i = 0; i < n * COLS; i++)
					ck_assert(to[i] ==
						  (float)(a * COLS + i) - 9);
				ck_assert(to[n * COLS] == 1000);
			}
	}
}
END_TEST

/* ---- loading ---- */

/* File b, from memory or a pipe giving step bytes a read, into m. */
static enum hvqz_ret load(struct lm_model *m, const struct buf *b, size_t step,
			  uint64_t *hash, struct hvqz_err *err)
{
	struct pipe_source pipe = {.p = b->p, .len = b->len, .step = step};
	struct source_memory mem;
	struct source src;
	enum hvqz_ret ret;

	*err = (struct hvqz_err){0};
	if (step)
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	else
		source_init_memory(&src, &mem, b->p, b->len);
	ret = job_load(&env, &src, m, hash, err);
	source_free(&src);
	return ret;
}

static struct lm_model fresh(const struct lm_config *c)
{
	struct lm_model m;

	ck_assert_int_eq(lm_model_init(&m, c, NULL), HVQZ_OK);
	ck_assert_uint_eq(lm_model_bytes(&m), 0);
	return m;
}

/* Has m all weights, with the bytes that belong to their names? */
static void check_whole(const struct lm_model *m)
{
	struct model all = case_tensors(&m->conf, 0, m->conf.n_layers);
	struct lm_model probe = fresh(&m->conf);
	struct hvqz_err err = {0};
	uint64_t n = 0;

	ck_assert_msg(!lm_model_complete(m, &err), "%s %s", err.tensor,
		      err.msg);
	for (size_t i = 0; i < all.n_tensors; i++) {
		const struct tensor *t = &all.tensors[i];
		const struct lm_weight *is;
		struct lm_weight *w;
		struct buf b = {0};

		ck_assert_int_eq(lm_model_place(&probe, t, &w, &err), HVQZ_OK);
		ck_assert_str_eq(w->name, t->name);
		/* the weight at the same place in m */
		if (w == &probe.embed)
			is = &m->embed;
		else if (w == &probe.final_norm)
			is = &m->final_norm;
		else if (w == &probe.head)
			is = &m->head;
		else
			is = &m->layers[0].part[0] +
			     (w - &probe.layers[0].part[0]);
		case_bytes(t, &b);
		ck_assert_int_eq(is->dtype, t->dtype);
		ck_assert_mem_eq(is->data, b.p, b.len);
		n += t->n_elems;
		buf_free(&b);
	}
	ck_assert_uint_eq(lm_model_params(m), n);
	ck_assert_uint_eq(lm_model_bytes(m), all.data_size);
	lm_model_free(&probe);
	model_free(&all);
}

START_TEST(plain_and_packed_are_the_same)
{
	struct lm_config c = case_config();
	struct model all = case_tensors(&c, 0, c.n_layers);
	struct buf plain = case_file(&all), packed = {0};
	struct job_report rep;
	struct hvqz_err err;
	uint64_t first = 0;

	ck_assert_int_eq(run_encode(&lossless, 1, &plain, &packed, &rep,
				    &err), HVQZ_OK);
	for (size_t i = 0; i < 8; i++) {
		struct lm_model m = fresh(&c);
		uint64_t hash = 0;

		env.n_threads = i < 4 ? 1 : 3;
		ck_assert_msg(!load(&m, i & 1 ? &packed : &plain,
				    i & 2 ? 1000 : 0, &hash, &err), "%s",
			      err.msg);
		check_whole(&m);
		first = i ? first : hash;
		ck_assert(hash && hash == first);
		lm_model_free(&m);
	}
	buf_free(&plain);
	buf_free(&packed);
}
END_TEST

START_TEST(lossy_files_load_too)
{
	struct lm_config c = case_config();
	struct model all = case_tensors(&c, 0, c.n_layers);
	struct buf plain = case_file(&all);

	for (size_t k = 0; k < 3; k++) {
		struct lm_model a = fresh(&c), b = fresh(&c);
		struct buf packed = {0};
		struct job_report rep;
		struct hvqz_err err;
		uint64_t x = 0, y = 0;

		ck_assert_int_eq(run_encode(kinds[k], 2, &plain, &packed,
					    &rep, &err), HVQZ_OK);
		ck_assert_int_eq(load(&a, &plain, 0, &x, &err), HVQZ_OK);
		ck_assert_int_eq(load(&b, &packed, 0, &y, &err), HVQZ_OK);
		ck_assert_int_eq(lm_model_complete(&b, &err), HVQZ_OK);
		ck_assert_int_eq(x == y, k == 0);
		ck_assert_uint_eq(lm_model_bytes(&a), lm_model_bytes(&b));
		lm_model_free(&a);
		lm_model_free(&b);
		buf_free(&packed);
	}
	buf_free(&plain);
}
END_TEST

START_TEST(shards_make_a_whole)
{
	struct lm_config c = case_config();
	struct model parts[2] = {case_tensors(&c, 0, 7),
				 case_tensors(&c, 7, c.n_layers)};
	struct buf a = case_file(&parts[0]), b = case_file(&parts[1]);
	struct lm_model m = fresh(&c);
	struct hvqz_err err;
	uint64_t one = 0, two;

	ck_assert_int_eq(load(&m, &a, 0, &one, &err), HVQZ_OK);
	ck_assert_int_eq(lm_model_complete(&m, &err), HVQZ_DAMAGED);
	ck_assert_str_eq(err.tensor, "model.embed_tokens.weight");
	ck_assert_str_eq(err.msg,
			 "is missing: by config.json the model has it");
	two = one;
	ck_assert_int_eq(load(&m, &b, 0, &two, &err), HVQZ_OK);
	ck_assert_uint_ne(one, two);
	check_whole(&m);
	/* once more */
	ck_assert_int_eq(load(&m, &b, 0, NULL, &err), HVQZ_DAMAGED);
	ck_assert_str_eq(err.tensor, "model.layers.7.input_layernorm.weight");
	ck_assert_str_eq(err.msg, "came already, in this file or in one "
			 "before it");
	lm_model_free(&m);
	buf_free(&a);
	buf_free(&b);
}
END_TEST

/* What a decoder has no use for is passed over, and not hashed. */
START_TEST(useless_tensors_are_passed_over)
{
	struct lm_config c = case_config();
	struct model t;
	struct buf with, without, packed = {0};
	struct job_report rep;
	struct hvqz_err err;
	uint64_t a = 0, b = 0, d = 0;
	struct lm_model m;

	c.tied = true;
	t = case_tensors(&c, 0, c.n_layers);
	without = case_file(&t);
	t = case_tensors(&c, 0, 3);
	case_add(&t, "model.layers.3.self_attn.rotary_emb.inv_freq",
		 DTYPE_F32, 0, 3);
	case_add(&t, "model.rotary_emb.inv_freq", DTYPE_F64, 0, 0);
	case_add(&t, "lm_head.weight", DTYPE_I8, 7, 3);
	{
		struct model rest = case_tensors(&c, 3, c.n_layers);

		for (size_t i = 0; i < rest.n_tensors; i++)
			model_add(&t, rest.tensors[i].name,
				  rest.tensors[i].dtype, rest.tensors[i].rank,
				  rest.tensors[i].dim, NULL);
		model_free(&rest);
	}
	with = case_file(&t);
	ck_assert_int_eq(run_encode(&lossless, 2, &with, &packed, &rep, &err),
			 HVQZ_OK);

	m = fresh(&c);
	ck_assert_int_eq(load(&m, &without, 0, &a, &err), HVQZ_OK);
	lm_model_free(&m);
	m = fresh(&c);
	ck_assert_msg(!load(&m, &with, 0, &b, &err), "%s", err.msg);
	check_whole(&m);
	ck_assert_ptr_eq(lm_model_head(&m), &m.embed);
	lm_model_free(&m);
	m = fresh(&c);
	ck_assert_int_eq(load(&m, &packed, 0, &d, &err), HVQZ_OK);
	check_whole(&m);
	lm_model_free(&m);
	ck_assert(a == b && b == d);
	buf_free(&with);
	buf_free(&without);
	buf_free(&packed);
}
END_TEST

/* One tensor that does not belong, plain and packed. */
START_TEST(strangers_are_refused)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		uint64_t n_rows, n_cols;
		enum hvqz_ret ret;
		const char *msg;
	} bad[] = {
#define NONE HVQZ_UNSUPPORTED, "a model of this config.json has no such tensor"
		{"x", DTYPE_F16, 1, 1, NONE},
		{"model.layers.12.mlp.up_proj.weight", DTYPE_F16, 48, 32,
		 NONE},
		{"model.layers.99999999999999999999999.mlp.up_proj.weight",
		 DTYPE_F16, 48, 32, NONE},
		{"model.layers.01.mlp.up_proj.weight", DTYPE_F16, 48, 32,
		 NONE},
		{"model.layers..mlp.up_proj.weight", DTYPE_F16, 48, 32, NONE},
		{"model.layers.-1.mlp.up_proj.weight", DTYPE_F16, 48, 32,
		 NONE},
		{"model.layers.1", DTYPE_F16, 48, 32, NONE},
		{"model.layers.", DTYPE_F16, 48, 32, NONE},
		{"model.layers.1.mlp.up_proj.bias", DTYPE_F16, 1, 48, NONE},
		{"model.layers.1.mlp.up_proj.weight ", DTYPE_F16, 1, 8, NONE},
		{"model.layers.1.mlp.experts.3.up_proj.weight", DTYPE_F16, 1,
		 8, NONE},
		{"model.layers.1.rotary_emb.inv_freq", DTYPE_F32, 0, 3, NONE},
		{"layers.1.mlp.up_proj.weight", DTYPE_F16, 48, 32, NONE},
#undef NONE
		{"model.layers.1.mlp.up_proj.weight", DTYPE_I8, 48, 32,
		 HVQZ_UNSUPPORTED, "dtype I8; weights are F16, BF16 or F32"},
		{"model.layers.1.mlp.up_proj.weight", DTYPE_F16, 32, 48,
		 HVQZ_DAMAGED, "shape [32, 48]; by config.json it is [48, "
		 "32]"},
		{"model.layers.1.mlp.up_proj.weight", DTYPE_F16, 0, 1536,
		 HVQZ_DAMAGED, "shape [1536]; by config.json it is [48, 32]"},
		{"model.layers.1.self_attn.q_norm.weight", DTYPE_F16, 1, 24,
		 HVQZ_DAMAGED, "shape [24]; by config.json it is [6]"},
		{"lm_head.weight", DTYPE_F32, 141, 32, HVQZ_DAMAGED,
		 "shape [141, 32]; by config.json it is [140, 32]"},
		{"model.embed_tokens.weight", DTYPE_F32, 140, 0, HVQZ_DAMAGED,
		 "shape [140, 0]; by config.json it is [140, 32]"},
	};
	struct lm_config c = case_config();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lm_model m = fresh(&c);
		struct buf file, packed = {0};
		struct model t = {0};
		struct job_report rep;
		struct hvqz_err err;
		uint64_t hash = 5;

		case_add(&t, "model.norm.weight", DTYPE_F16, 1, 32);
		case_add(&t, bad[i].name, bad[i].dtype, bad[i].n_rows,
			 bad[i].n_cols);
		file = case_file(&t);
		ck_assert_msg(load(&m, &file, 0, &hash, &err) == bad[i].ret,
			      "%s: %d %s", bad[i].name, err.ret, err.msg);
		ck_assert_str_eq(err.tensor, bad[i].name);
		ck_assert_str_eq(err.msg, bad[i].msg);
		lm_model_free(&m);
		m = fresh(&c);
		ck_assert_int_eq(run_encode(&lossless, 1, &file, &packed,
					    &rep, &err), HVQZ_OK);
		ck_assert_int_eq(load(&m, &packed, 0, &hash, &err),
				 bad[i].ret);
		ck_assert_str_eq(err.tensor, bad[i].name);
		ck_assert_str_eq(err.msg, bad[i].msg);
		ck_assert_uint_eq(hash, 5);
		lm_model_free(&m);
		buf_free(&file);
		buf_free(&packed);
	}
}
END_TEST

/* Names of the family that this config does not imply. */
START_TEST(parts_a_config_does_without)
{
	static const char *const names[] = {
		"model.layers.0.self_attn.q_proj.bias",
		"model.layers.0.self_attn.o_proj.bias",
		"model.layers.0.self_attn.k_norm.weight",
	};
	struct lm_config c = case_config();

	c.qkv_bias = c.o_bias = c.qk_norm = false;
	for (size_t i = 0; i < 3; i++) {
		struct lm_model m = fresh(&c);
		struct model t = {0};
		struct buf file;
		struct hvqz_err err;

		case_add(&t, names[i], DTYPE_F16, 1, 24);
		file = case_file(&t);
		ck_assert_int_eq(load(&m, &file, 0, NULL, &err),
				 HVQZ_UNSUPPORTED);
		ck_assert_str_eq(err.tensor, names[i]);
		lm_model_free(&m);
		buf_free(&file);
	}
}
END_TEST

/* ---- damage ---- */

START_TEST(cut_files_are_refused)
{
	struct lm_config c = case_config();
	struct model all = case_tensors(&c, 0, c.n_layers);
	struct buf files[2] = {case_file(&all)};
	struct job_report rep;
	struct hvqz_err err;

	ck_assert_int_eq(run_encode(&lossless, 1, &files[0], &files[1], &rep,
				    &err), HVQZ_OK);
	for (size_t f = 0; f < 2; f++)
		for (size_t len = 0; len < files[f].len; len += 977)
			for (size_t step = 0; step < 4000; step += 3999) {
				struct buf cut = {.p = files[f].p,
						  .len = len};
				struct lm_model m = fresh(&c);

				env.n_threads = 1 + len % 2;
				ck_assert_int_ne(load(&m, &cut, step, NULL,
						      &err), HVQZ_OK);
				ck_assert_uint_gt(strlen(err.msg), 10);
				lm_model_free(&m);
			}
	buf_free(&files[0]);
	buf_free(&files[1]);
}
END_TEST

START_TEST(other_files_are_named)
{
	static const struct {
		const char *bytes, *msg;
	} others[] = {
		{"", "the input is empty"},
		{"{\"a\": 1}  ", "this is a JSON text, not a model"},
		{"FUGG\3\0\0\0", "a GGUF file in the other byte order"},
	};
	struct lm_config c = case_config();

	for (size_t i = 0; i < 3; i++) {
		struct buf b = {.p = (uint8_t *)others[i].bytes,
				.len = strlen(others[i].bytes)};
		struct lm_model m = fresh(&c);
		struct hvqz_err err;

		ck_assert_int_eq(load(&m, &b, 0, NULL, &err),
				 HVQZ_UNSUPPORTED);
		ck_assert_msg(strstr(err.msg, others[i].msg), "%s", err.msg);
		lm_model_free(&m);
	}
}
END_TEST

/* ---- the caller's wishes ---- */

static bool stop_after(void *ctx)
{
	int *left = ctx;

	return (*left)-- <= 0;
}

START_TEST(limits_and_signals_are_heeded)
{
	struct lm_config c = case_config();
	struct model all = case_tensors(&c, 0, c.n_layers);
	uint64_t size = all.data_size;
	struct buf files[2] = {case_file(&all)};
	struct job_report rep;
	struct hvqz_err err;

	ck_assert_int_eq(run_encode(&lossless, 1, &files[0], &files[1], &rep,
				    &err), HVQZ_OK);
	env.n_threads = 1;
	for (size_t f = 0; f < 2; f++) {
		struct lm_model m = fresh(&c);
		int left = 3;

		env.stopped = stop_after;
		env.stopped_ctx = &left;
		ck_assert_int_eq(load(&m, &files[f], 0, NULL, &err),
				 HVQZ_STOPPED);
		env.stopped = NULL;
		lm_model_free(&m);
		m = fresh(&c);
		env.memory_limit = size - 1;
		ck_assert_int_eq(load(&m, &files[f], 0, NULL, &err),
				 HVQZ_USAGE);
		ck_assert_msg(strstr(err.msg, "MiB, the limit is"), "%s",
			      err.msg);
		ck_assert_uint_eq(lm_model_bytes(&m), 0);
		env.memory_limit = f ? 100 * size : size;
		ck_assert_msg(!load(&m, &files[f], 0, NULL, &err), "%s",
			      err.msg);
		env.memory_limit = 0;
		lm_model_free(&m);
		buf_free(&files[f]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lm_load");
	TCase *t = tcase_create("weights");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_test(t, every_half_is_widened_exactly);
	tcase_add_loop_test(t, every_table_widens_alike, 0, 2);
	tcase_add_test(t, rows_are_widened_where_they_lie);
	tcase_add_test(t, plain_and_packed_are_the_same);
	tcase_add_test(t, lossy_files_load_too);
	tcase_add_test(t, shards_make_a_whole);
	tcase_add_test(t, useless_tensors_are_passed_over);
	tcase_add_test(t, strangers_are_refused);
	tcase_add_test(t, parts_a_config_does_without);
	tcase_add_test(t, cut_files_are_refused);
	tcase_add_test(t, other_files_are_named);
	tcase_add_test(t, limits_and_signals_are_heeded);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
