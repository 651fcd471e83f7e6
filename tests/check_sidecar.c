/*
 * check_sidecar.c - sidecars and imatrices: every rule about them, and what
 * they mean. How they meet a model is in check_sidecar_match.c.
 *
 * The files are built in memory (corpus_sidecar.h). The last tests read real
 * ones: $DATA/kjv-1m (in the source tree) and, where there is one,
 * $HVQZ_MODELS/docs-5m, made by llama.cpp.
 */
#include "corpus_sidecar.h"

#include "formats/format.h"
#include "formats/sidecar.h"

#include <check.h>
#include <stdlib.h>
#include <xxhash.h>

/* What was warned of, one after another. */
struct warnings {
	int n;
	char text[2000];
};

static void note_warning(void *ctx, const char *msg)
{
	struct warnings *w = ctx;
	size_t len = strlen(w->text);

	w->n++;
	snprintf(w->text + len, sizeof(w->text) - len, "%s\n", msg);
}

static enum hvqz_ret read_bytes(const void *p, size_t len,
				struct sens_table *t, struct warnings *w,
				struct hvqz_err *err)
{
	struct hvqz_notes notes = {note_warning, w};
	struct source_memory m;
	struct source s;
	enum hvqz_ret ret;
	uint8_t *exact = malloc(len + !len);	/* for the sanitizer */

	ck_assert_ptr_nonnull(exact);
	if (len)
		memcpy(exact, p, len);
	*w = (struct warnings){0};
	*err = (struct hvqz_err){0};
	source_init_memory(&s, &m, exact, len);
	ret = sidecar_read(&s, t, &notes, err);
	source_free(&s);
	free(exact);
	/* An error is always a sentence, and only an error has one. */
	ck_assert_int_eq(ret, err->ret);
	ck_assert_int_eq(ret != HVQZ_OK, err->msg[0] != '\0');
	for (size_t i = 0; ret == HVQZ_OK && i < t->n; i++) {
		ck_assert_ptr_nonnull(t->v[i].diag);
		ck_assert_uint_gt(t->v[i].n_in, 0);
	}
	return ret;
}

static enum hvqz_ret read_case(const struct sidecar_case *c,
			       struct sens_table *t, struct warnings *w,
			       struct hvqz_err *err)
{
	struct buf b = {0};
	enum hvqz_ret ret;

	corpus_sidecar_build(c, &b);
	ret = read_bytes(b.p, b.len, t, w, err);
	buf_free(&b);
	return ret;
}

static const struct sidecar_case *case_of(const char *name,
					  enum corpus_kind kind)
{
	for (int i = 0; i < N_SIDECAR_CASES; i++)
		if (sidecar_cases[i].kind == kind &&
		    !strcmp(sidecar_cases[i].name, name))
			return &sidecar_cases[i];
	ck_abort_msg("no case %s", name);
}

START_TEST(corpus)
{
	const struct sidecar_case *c = &sidecar_cases[_i];
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;
	enum hvqz_ret ret = read_case(c, &t, &w, &err);

	ck_assert_msg(ret == c->ret, "%s: %d [%s] %s", c->name, (int)ret,
		      err.tensor, err.msg);
	if (c->word)
		ck_assert_msg(strstr(err.msg, c->word) != NULL,
			      "%s: \"%s\" lacks \"%s\"", c->name, err.msg,
			      c->word);
	sens_table_free(&t);
}
END_TEST

/* ---- what the files mean ---- */

START_TEST(both_imatrices_agree)
{
	struct sens_table dat, gguf;
	struct hvqz_err err;
	struct warnings w;

	ck_assert_int_eq(read_case(case_of("M1 good", CORPUS_DAT), &dat, &w,
				   &err), HVQZ_OK);
	ck_assert_int_eq(w.n, 1);
	ck_assert_ptr_nonnull(strstr(w.text, "1 entries"));
	ck_assert_ptr_nonnull(strstr(w.text, "ffn_up_exps"));
	ck_assert_int_eq(read_case(case_of("Q good", CORPUS_GGUF), &gguf, &w,
				   &err), HVQZ_OK);
	ck_assert_int_eq(w.n, 1);
	ck_assert_ptr_nonnull(strstr(w.text, "ffn_up_exps"));
	ck_assert_str_eq(dat.kind, "imatrix.dat");
	ck_assert_str_eq(gguf.kind, "imatrix.gguf");
	ck_assert_str_eq(dat.calibration, "text");
	ck_assert_str_eq(gguf.calibration, "text, more");
	ck_assert_uint_eq(gguf.n_tokens, 24);
	ck_assert_uint_eq(dat.n_tokens, 0);
	ck_assert_uint_ne(dat.hash, gguf.hash);
	ck_assert_uint_eq(dat.n, 3);
	ck_assert_uint_eq(gguf.n, 3);
	for (int i = 0; i < 3; i++) {
		/* Sorted: lm_head before model…, k_proj before q_proj. */
		static const int weight[] = {2, 1, 0};

		ck_assert_str_eq(dat.v[i].name, gguf.v[i].name);
		ck_assert_uint_eq(dat.v[i].n_in, CORPUS_IN);
		ck_assert_uint_eq(gguf.v[i].n_in, CORPUS_IN);
		ck_assert_uint_eq(dat.v[i].axis, 1);
		ck_assert(!dat.v[i].has_full && !dat.v[i].row_sens);
		for (int j = 0; j < CORPUS_IN; j++) {
			float want = corpus_value(weight[i], j);

			ck_assert(dat.v[i].diag[j] == want);
			ck_assert(gguf.v[i].diag[j] == want);
		}
	}
	ck_assert_ptr_nonnull(sens_find(&dat, "lm_head.weight"));
	ck_assert_ptr_nonnull(sens_find(
		&dat, "model.layers.0.self_attn.q_proj.weight"));
	sens_table_free(&dat);
	sens_table_free(&gguf);
}
END_TEST

/* Write a safetensors file: entries as in the head, then the data. */
static void build_ours(struct buf *b, const char *entries, const void *data,
		       size_t len)
{
	char head[2000];

	snprintf(head, sizeof(head), "{\"__metadata__\":{\"hvqz.sidecar\":"
		 "\"1\",\"calibration\":\"a text\",\"tokens\":\"12\"},%s}",
		 entries);
	buf_clear(b);
	buf_u64(b, strlen(head));
	buf_put(b, head, strlen(head));
	buf_put(b, data, len);
}

#define ENTRY(name, dtype, shape, from, to)                         \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape    \
	",\"data_offsets\":[" #from "," #to "]}"

START_TEST(our_fields)
{
	static const char entries[] =
		ENTRY("b.w.hessian_scale", "F32", "[2]", 0, 8) ","
		ENTRY("a.w.hessian_diag", "F32", "[3]", 8, 20) ","
		ENTRY("a.w.row_sens", "F32", "[2]", 20, 28) ","
		ENTRY("a.w.curvature", "F32", "[1]", 28, 32) ","
		ENTRY("b.w.hessian", "F16", "[2,2]", 32, 40) ","
		ENTRY("c.w.hessian", "F32", "[2,2]", 40, 56) ","
		ENTRY("c.w.curvature", "F32", "[1]", 56, 60) ","
		ENTRY("c.w.extra", "F32", "[1]", 60, 64) ","
		ENTRY("strange", "F32", "[1]", 64, 68) ","
		ENTRY("d.w.hessian", "F16", "[2,2]", 68, 76) ","
		ENTRY("d.w.hessian_scale", "F32", "[2]", 76, 84) ","
		ENTRY("a.w.hessian_axis", "U8", "[1]", 84, 85);
	struct buf data = {0}, b = {0};
	const struct sens *s;
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;

	buf_f32(&data, 3);		/* b: scales */
	buf_f32(&data, 0.5f);
	for (int i = 0; i < 3; i++)	/* a: diagonal, rows, curvature */
		buf_f32(&data, (float)i);
	buf_f32(&data, 4);
	buf_f32(&data, 8);
	buf_f32(&data, 99);
	for (int i = 0; i < 4; i++)	/* b: 1, 0.5, 0.5, 2 */
		buf_u16(&data, i == 0 ? 0x3c00 : i == 3 ? 0x4000 : 0x3800);
	for (int i = 0; i < 4; i++)	/* c: 5, -1, -1, 7; 2 */
		buf_f32(&data, i == 0 ? 5 : i == 3 ? 7 : -1);
	buf_f32(&data, 2);
	buf_f32(&data, NAN);		/* the unknown ones are not looked at */
	buf_f32(&data, NAN);
	for (int i = 0; i < 4; i++)	/* d: identity, scales */
		buf_u16(&data, i % 3 ? 0 : 0x3c00);
	buf_f32(&data, 10);
	buf_f32(&data, 0);
	buf_u8(&data, 0);
	build_ours(&b, entries, data.p, data.len);
	ck_assert_msg(read_bytes(b.p, b.len, &t, &w, &err) == HVQZ_OK, "%s",
		      err.msg);
	ck_assert_int_eq(w.n, 1);
	ck_assert_ptr_nonnull(strstr(w.text, "2 tensors"));
	ck_assert_str_eq(t.kind, "hvqz");
	ck_assert_str_eq(t.calibration, "a text");
	ck_assert_uint_eq(t.n_tokens, 12);
	ck_assert_uint_eq(t.hash, XXH3_64bits(b.p, b.len));
	ck_assert_uint_eq(t.n, 4);
	s = sens_find(&t, "a.w");
	ck_assert(s && s->n_in == 3 && s->axis == 0 && !s->has_full);
	ck_assert(s->diag[0] == 0 && s->diag[1] == 1 && s->diag[2] == 2);
	ck_assert(s->n_out == 2 && s->row_sens[1] == 8);
	ck_assert(s->curvature == 6);	/* the mean of row_sens, not 99 */
	s = sens_find(&t, "b.w");
	ck_assert(s && s->n_in == 2 && s->axis == 1 && s->has_full);
	ck_assert(s->diag[0] == 9 && s->diag[1] == 0.5f);
	ck_assert(!s->row_sens && s->n_out == 0 && s->curvature == 0);
	s = sens_find(&t, "c.w");
	ck_assert(s && s->n_in == 2 && s->has_full && s->curvature == 2);
	ck_assert(s->diag[0] == 5 && s->diag[1] == 7);
	s = sens_find(&t, "d.w");
	ck_assert(s && s->diag[0] == 100 && s->diag[1] == 0);
	sens_table_free(&t);
	buf_free(&data);
	buf_free(&b);
}
END_TEST

/* Wider than one step of the stream: the diagonal falls anywhere in it. */
START_TEST(wide_hessian)
{
	enum { N = 300 };
	static const char entries[] =
		ENTRY("w.hessian", "F32", "[300,300]", 0, 360000);
	struct buf data = {0}, b = {0};
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;

	for (int i = 0; i < N * N; i++)
		buf_f32(&data, i / N == i % N ? (float)i : -1);
	build_ours(&b, entries, data.p, data.len);
	ck_assert_int_eq(read_bytes(b.p, b.len, &t, &w, &err), HVQZ_OK);
	ck_assert(t.n == 1 && t.v[0].n_in == N);
	for (int i = 0; i < N; i++)
		ck_assert(t.v[0].diag[i] == (float)(i * (N + 1)));
	sens_table_free(&t);
	buf_free(&data);
	buf_free(&b);
}
END_TEST

/* ---- damage in general ---- */

static const struct {
	const char *name;
	enum corpus_kind kind;
	size_t legal;		/* bytes less that are a good file too */
} good[] = {
	{"M1 good", CORPUS_DAT, 12},
	{"Q good", CORPUS_GGUF, 24},
	{"good: all fields", CORPUS_OURS, 0},
	{"good: full F16", CORPUS_OURS, 0},
	{"good: blocks with padding", CORPUS_OURS, 0},
};
enum { N_GOOD = sizeof(good) / sizeof(good[0]) };

START_TEST(every_truncation)
{
	struct buf b = {0};
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;

	corpus_sidecar_build(case_of(good[_i].name, good[_i].kind), &b);
	for (size_t len = 0; len < b.len; len++) {
		bool fine = good[_i].legal && len == b.len - good[_i].legal;
		enum hvqz_ret ret = read_bytes(b.p, len, &t, &w, &err);

		ck_assert_msg((ret == HVQZ_OK) == fine, "%s at %zu of %zu: "
			      "%s", good[_i].name, len, b.len, err.msg);
		sens_table_free(&t);
	}
	buf_free(&b);
}
END_TEST

/* Not every flip is an error; none may crash or leave a bad value behind. */
START_TEST(every_bit_flip)
{
	struct buf b = {0};
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;

	corpus_sidecar_build(case_of(good[_i].name, good[_i].kind), &b);
	for (size_t i = 0; i < 8 * b.len; i++) {
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (read_bytes(b.p, b.len, &t, &w, &err) == HVQZ_OK)
			for (size_t k = 0; k < t.n; k++)
				for (size_t j = 0; j < t.v[k].n_in; j++)
					ck_assert(isfinite(t.v[k].diag[j]) &&
						  t.v[k].diag[j] >= 0);
		sens_table_free(&t);
		b.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	buf_free(&b);
}
END_TEST

/* A pipe that gives few bytes at a time, and breaks at the n-th read. */
struct slow {
	const struct buf *b;
	size_t at, step;
	long left;		/* reads before it breaks; -1: never */
};

static enum hvqz_ret slow_read(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct slow *s = ctx;

	if (!s->left)
		return hvqz_fail(err, HVQZ_IO, "the pipe broke");
	if (s->left > 0)
		s->left--;
	*got = n < s->step ? n : s->step;
	if (*got > s->b->len - s->at)
		*got = s->b->len - s->at;
	if (*got)
		memcpy(buf, s->b->p + s->at, *got);
	s->at += *got;
	return HVQZ_OK;
}

START_TEST(every_read_failure)
{
	static const struct source_ops ops = {slow_read, NULL};
	enum hvqz_ret ret = HVQZ_IO;
	struct buf b = {0};
	struct sens_table t;

	corpus_sidecar_build(case_of(good[_i].name, good[_i].kind), &b);
	for (long n = 0; ret != HVQZ_OK; n++) {
		struct slow slow = {&b, 0, 7, n};
		struct hvqz_err err = {0};
		struct source s;

		source_init(&s, &ops, &slow, SOURCE_SIZE_UNKNOWN);
		ret = sidecar_read(&s, &t, NULL, &err);
		ck_assert_msg(ret == HVQZ_OK || ret == HVQZ_IO, "%s",
			      err.msg);
		ck_assert_int_lt(n, 1000);
		if (ret == HVQZ_OK) {
			ck_assert_int_gt(n, (long)(b.len / 7));
			ck_assert_uint_eq(t.hash, XXH3_64bits(b.p, b.len));
		}
		sens_table_free(&t);
		source_free(&s);
	}
	buf_free(&b);
}
END_TEST

/* An endless pipe is no imatrix; nor is a promise of 2 GiB believed. */
START_TEST(too_large)
{
	struct source_memory m;
	struct hvqz_err err;
	struct sens_table t;
	struct buf b = {0};
	struct source s;

	corpus_gguf(&b);
	source_init_memory(&s, &m, b.p, b.len);
	s.size = (uint64_t)2 << 30;
	ck_assert_int_eq(sidecar_read(&s, &t, NULL, &err), HVQZ_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "1073741824"));
	sens_table_free(&t);
	source_free(&s);
	buf_free(&b);
}
END_TEST

static const struct {
	const char *name, *bytes;
} strangers[] = {
	{"nothing", ""},
	{"a text", "Once upon a time there was a sidecar."},
	{"a page", "<!DOCTYPE html><html><body>Not found</body></html>"},
	{"a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n"},
};

START_TEST(not_a_sidecar)
{
	struct sens_table t;
	struct hvqz_err err;
	struct warnings w;

	ck_assert_int_eq(read_bytes(strangers[_i].bytes,
				    strlen(strangers[_i].bytes), &t, &w,
				    &err), HVQZ_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.msg, "neither"));
	sens_table_free(&t);
}
END_TEST

/* ---- real files ---- */

/* root/path's bytes; false when root is unset or has no such file. */
static bool load(const char *root, const char *path, struct buf *b)
{
	char full[1000];
	size_t n = 1;
	FILE *f;

	if (!root)
		return false;
	snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "rb");
	if (!f)
		return false;
	while (n) {
		uint8_t *p = buf_grow(b, 1 << 16);

		ck_assert_ptr_nonnull(p);
		n = fread(p, 1, 1 << 16, f);
		b->len -= (1 << 16) - n;
	}
	fclose(f);
	return true;
}

static bool read_real(const char *root, const char *path,
		      struct sens_table *t)
{
	struct buf b = {0};
	struct hvqz_err err;
	struct warnings w;

	if (!load(root, path, &b))
		return false;
	ck_assert_msg(read_bytes(b.p, b.len, t, &w, &err) == HVQZ_OK, "%s: %s",
		      path, err.msg);
	ck_assert_int_eq(w.n, 0);
	buf_free(&b);
	return true;
}

/* Every entry of a is in b, with h equal within `within`, relatively. */
static void same_h(const struct sens_table *a, const struct sens_table *b,
		   float within)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct sens *x = &a->v[i], *y = sens_find(b, x->name);

		ck_assert_msg(y != NULL, "%s", x->name);
		ck_assert_uint_eq(x->n_in, y->n_in);
		for (size_t j = 0; j < x->n_in; j++)
			ck_assert_msg(fabsf(x->diag[j] - y->diag[j]) <=
				      within * x->diag[j], "%s %zu: %g %g",
				      x->name, j, (double)x->diag[j],
				      (double)y->diag[j]);
	}
}

START_TEST(real_diag_and_full)
{
	const char *data = getenv("DATA");
	struct sens_table diag, full;
	struct source_memory mem;
	struct hvqz_err err = {0};
	struct warnings w = {0};
	struct hvqz_notes notes = {note_warning, &w};
	struct model m = {0};
	struct buf b = {0};
	void *state = NULL;
	struct source s;

	if (!read_real(data, "kjv-1m/sidecar/diag.safetensors", &diag))
		return;
	ck_assert(read_real(data, "kjv-1m/sidecar/full.safetensors", &full));
	ck_assert_uint_eq(diag.n, 43);
	ck_assert_uint_eq(full.n, 43);
	same_h(&diag, &full, 1e-5f);
	ck_assert(full.v[0].has_full && full.v[0].row_sens &&
		  full.v[0].curvature > 0);
	ck_assert(load(data, "kjv-1m/model.safetensors", &b));
	source_init_memory(&s, &mem, b.p, b.len);
	ck_assert_int_eq(safetensors_reader.head(&s, &m, &state, &err),
			 HVQZ_OK);
	ck_assert_int_eq(sidecar_match(&full, &m, &notes, &err), HVQZ_OK);
	ck_assert_int_eq(sidecar_match(&diag, &m, &notes, &err), HVQZ_OK);
	ck_assert_int_eq(w.n, 0);
	safetensors_reader.free(state);
	model_free(&m);
	source_free(&s);
	buf_free(&b);
	sens_table_free(&diag);
	sens_table_free(&full);
}
END_TEST

START_TEST(real_imatrices)
{
	const char *models = getenv("HVQZ_MODELS");
	struct sens_table dat, gguf, diag;

	if (!read_real(models, "docs-5m/sidecar/imatrix.dat", &dat))
		return;
	ck_assert(read_real(models, "docs-5m/sidecar/imatrix.gguf", &gguf));
	ck_assert(read_real(models, "docs-5m/sidecar/diag.safetensors",
			    &diag));
	ck_assert_uint_eq(dat.n, 42);
	ck_assert_uint_eq(gguf.n_tokens, 24576);
	same_h(&dat, &gguf, 1e-6f);
	same_h(&gguf, &dat, 1e-6f);
	/* The same text through two programs, one of them in F16. */
	same_h(&dat, &diag, 2e-3f);
	sens_table_free(&dat);
	sens_table_free(&gguf);
	sens_table_free(&diag);
}
END_TEST

#define N_OF(v) ((int)(sizeof(v) / sizeof((v)[0])))

static Suite *sidecar_suite(void)
{
	Suite *s = suite_create("sidecar");
	TCase *rules = tcase_create("rules");
	TCase *meaning = tcase_create("meaning");
	TCase *damage = tcase_create("damage");
	TCase *real = tcase_create("real");

	tcase_add_loop_test(rules, corpus, 0, N_SIDECAR_CASES);
	tcase_add_loop_test(rules, not_a_sidecar, 0, N_OF(strangers));
	tcase_add_test(rules, too_large);
	suite_add_tcase(s, rules);

	tcase_add_test(meaning, both_imatrices_agree);
	tcase_add_test(meaning, our_fields);
	tcase_add_test(meaning, wide_hessian);
	suite_add_tcase(s, meaning);

	tcase_set_timeout(damage, 60);
	tcase_add_loop_test(damage, every_truncation, 0, N_GOOD);
	tcase_add_loop_test(damage, every_bit_flip, 0, N_GOOD);
	tcase_add_loop_test(damage, every_read_failure, 0, N_GOOD);
	suite_add_tcase(s, damage);

	tcase_set_timeout(real, 60);
	tcase_add_test(real, real_diag_and_full);
	tcase_add_test(real, real_imatrices);
	suite_add_tcase(s, real);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(sidecar_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
