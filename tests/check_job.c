/*
 * check_job.c - whole conversions in memory: any number of workers, pipes,
 * damage, failing reads and writes, extraction.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "formats/safetensors.h"
#include "job/job.h"
#include "tests/container_image.h"
#include "tests/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct job_env env;
static struct encode_options quantize, lossless, trellis;
static const struct encode_options *const kinds[] = {
	&lossless, &quantize, &trellis,
};

/* ---- a model ---- */

/* Matrices, a norm, a scalar, an empty tensor, integers. */
static struct buf make_model(void)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		unsigned rank;
		uint64_t dim[3];
	} t[] = {
		{"embed", DTYPE_F16, 2, {96, 64}},
		{"layer.0.q", DTYPE_BF16, 2, {80, 64}},
		{"layer.0.norm", DTYPE_F32, 1, {64}},
		{"layer.0.conv", DTYPE_F32, 3, {70, 16, 5}},
		{"none", DTYPE_F16, 2, {0, 64}},
		{"scale", DTYPE_F32, 0, {0}},
		{"ids", DTYPE_I64, 1, {33}},
		{"mask", DTYPE_BOOL, 2, {5, 7}},
		{"fp8", DTYPE_F8_E4M3, 2, {64, 64}},
		{"fp4", DTYPE_F4, 2, {3, 6}},
	};
	struct model m = {0};
	struct buf b = {0};
	struct rng rng = {1};
	uint8_t *head;
	size_t len;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		ck_assert_int_eq(model_add(&m, t[i].name, t[i].dtype,
					   t[i].rank, t[i].dim, NULL),
				 HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&b, head, len);
	for (size_t i = 0; i < m.n_tensors; i++) {
		uint64_t n = m.tensors[i].n_elems;

		for (uint64_t e = 0; e < n; e++) {
			float v = normal(&rng) * 0.05f;

			if (m.tensors[i].dtype == DTYPE_F16)
				buf_u16(&b, f16_from_f32(v));
			else if (m.tensors[i].dtype == DTYPE_BF16)
				buf_u16(&b, bf16_from_f32(v));
			else if (m.tensors[i].dtype == DTYPE_F32)
				buf_f32(&b, v);
		}
		if (!dtype_is_weight(m.tensors[i].dtype))
			for (uint64_t e = 0; e < m.tensors[i].size; e++)
				buf_u8(&b, (uint8_t)rng_u64(&rng));
	}
	free(head);
	model_free(&m);
	ck_assert(!b.failed);
	return b;
}

/* ---- sources and sinks that misbehave ---- */

struct pipe_source {
	const uint8_t *p;
	size_t len, pos, step;
	uint64_t reads, fail_at;
};

static enum hvqz_ret pipe_read(void *ctx, void *to, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct pipe_source *s = ctx;

	if (++s->reads == s->fail_at)
		return hvqz_fail(err, HVQZ_IO, "planned read error");
	*got = s->len - s->pos < n ? s->len - s->pos : n;
	if (*got > s->step)
		*got = s->step;
	memcpy(to, s->p + s->pos, *got);
	s->pos += *got;
	return HVQZ_OK;
}

struct fail_sink {
	uint64_t writes, fail_at;
};

static enum hvqz_ret fail_write(void *ctx, const void *p, size_t n,
				struct hvqz_err *err)
{
	struct fail_sink *s = ctx;

	(void)p;
	(void)n;
	if (++s->writes == s->fail_at)
		return hvqz_fail(err, HVQZ_IO, "planned write error");
	return HVQZ_OK;
}

/* ---- shorthands ---- */

enum hvqz_ret run_encode(const struct encode_options *opt, unsigned threads,
			 const struct buf *in, struct buf *out,
			 struct job_report *rep, struct hvqz_err *err);
enum hvqz_ret run_decode(unsigned threads, const uint8_t *p, size_t len,
			 size_t step, struct buf *out, struct hvqz_err *err);

enum hvqz_ret run_encode(const struct encode_options *opt, unsigned threads,
			 const struct buf *in, struct buf *out,
			 struct job_report *rep, struct hvqz_err *err)
{
	struct source_memory mem;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	env.n_threads = threads;
	source_init_memory(&src, &mem, in->p, in->len);
	sink_init_memory(&sink, out);
	ret = job_encode(&env, opt, &src, &sink, rep, err);
	source_free(&src);
	return ret;
}

/* step 0: a seekable source; else a pipe giving step bytes a read. */
enum hvqz_ret run_decode(unsigned threads, const uint8_t *p, size_t len,
			 size_t step, struct buf *out, struct hvqz_err *err)
{
	static const struct source_ops pipe_ops = {pipe_read, NULL};
	struct pipe_source pipe = {.p = p, .len = len, .step = step};
	struct decode_options opt = {0};
	struct source_memory mem;
	struct job_report rep;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	env.n_threads = threads;
	if (step)
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	else
		source_init_memory(&src, &mem, p, len);
	if (out)
		sink_init_memory(&sink, out);
	ret = job_decode(&env, &opt, &src, out ? &sink : NULL, &rep, err);
	source_free(&src);
	return ret;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->p, b->p, a->len);
}

/* ---- round trips ---- */

START_TEST(any_number_of_workers_gives_the_same_bytes)
{
	struct buf model = make_model();

	for (size_t o = 0; o < 3; o++) {
		struct buf first = {0}, restored = {0};
		struct job_report rep;
		struct hvqz_err err;

		ck_assert_int_eq(run_encode(kinds[o], 1, &model, &first, &rep,
					    &err), HVQZ_OK);
		ck_assert_uint_eq(rep.in_bytes, model.len);
		ck_assert_uint_eq(rep.out_bytes, first.len);
		ck_assert_uint_eq(rep.n_lossy, o ? 3 : 0);
		ck_assert_int_eq(run_decode(1, first.p, first.len, 0,
					    &restored, &err), HVQZ_OK);
		ck_assert_int_eq(same(&model, &restored), o == 0);
		ck_assert_uint_eq(model.len, restored.len);
		for (unsigned t = 2; t <= 5; t++) {
			struct buf again = {0}, back = {0};

			ck_assert_int_eq(run_encode(kinds[o], t, &model,
						    &again, &rep, &err),
					 HVQZ_OK);
			ck_assert(same(&first, &again));
			ck_assert_int_eq(run_decode(t, first.p, first.len,
						    t == 3 ? 1 : 1000, &back,
						    &err), HVQZ_OK);
			ck_assert(same(&restored, &back));
			buf_free(&again);
			buf_free(&back);
		}
		buf_free(&first);
		buf_free(&restored);
	}
	buf_free(&model);
}
END_TEST

START_TEST(a_constant_model_obeys_the_work_bound)
{
	/* One matrix of zeros: packed so small that it may not be. */
	static const char head[] =
		"{\"z\":{\"dtype\":\"F16\",\"shape\":[4096,1024],"
		"\"data_offsets\":[0,8388608]}}";
	struct buf model = {0}, file = {0}, back = {0};
	struct job_report rep;
	struct hvqz_err err = {0};
	uint8_t *p;

	buf_u64(&model, sizeof(head) - 1);
	buf_put(&model, head, sizeof(head) - 1);
	p = buf_grow(&model, 8388608);
	memset(p, 0, 8388608);
	ck_assert_int_eq(run_encode(&quantize, 2, &model, &file, &rep, &err),
			 HVQZ_OK);
	ck_assert_uint_lt(file.len, model.len / 800);
	ck_assert_int_eq(run_decode(2, file.p, file.len, 0, &back, &err),
			 HVQZ_OK);
	ck_assert(same(&model, &back));
	buf_free(&model);
	buf_free(&file);
	buf_free(&back);
}
END_TEST

START_TEST(dtypes_can_change_on_the_way_out)
{
	static const enum dtype wanted[] = {DTYPE_F16, DTYPE_BF16, DTYPE_F32};
	struct buf model = make_model(), file = {0};
	struct job_report rep;
	struct hvqz_err err = {0};

	ck_assert_int_eq(run_encode(&quantize, 1, &model, &file, &rep, &err),
			 HVQZ_OK);
	for (size_t i = 0; i < 3; i++) {
		struct decode_options opt = {.dtype = wanted[i]};
		struct source_memory mem;
		struct source src;
		struct buf out = {0};
		struct sink sink;
		struct model m = {0};
		const struct tensor *t;

		source_init_memory(&src, &mem, file.p, file.len);
		sink_init_memory(&sink, &out);
		ck_assert_int_eq(job_decode(&env, &opt, &src, &sink, &rep,
					    &err), HVQZ_OK);
		source_free(&src);
		ck_assert_int_eq(safetensors_parse(
			out.p, 8 + (size_t)get_le64(out.p), &m, NULL, &err),
			HVQZ_OK);
		ck_assert_uint_eq(out.len, 8 + get_le64(out.p) + m.data_size);
		ck_assert_int_eq(model_find(&m, "embed")->dtype, wanted[i]);
		ck_assert_int_eq(model_find(&m, "layer.0.conv")->dtype,
				 wanted[i]);
		/* lossless tensors stay what they are */
		t = model_find(&m, "layer.0.norm");
		ck_assert_int_eq(t->dtype, DTYPE_F32);
		ck_assert_int_eq(model_find(&m, "ids")->dtype, DTYPE_I64);
		model_free(&m);
		buf_free(&out);
	}
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* ---- extraction ---- */

START_TEST(rows_are_cut_out_exactly)
{
	static const uint64_t cuts[][2] = {{0, 80}, {0, 1}, {79, 80}, {7, 61},
					   {5, 5}};
	static const struct source_ops pipe_ops = {pipe_read, NULL};
	const char *globs[] = {"*.q", "ids"};
	struct encode_options opt = lossless;
	struct buf model = make_model(), file = {0};
	struct job_report rep;
	struct hvqz_err err = {0};
	struct model whole = {0};
	const struct tensor *q;
	size_t head;

	/* small chunks, so that cuts begin and end inside them */
	opt.chunk_elems = 7 * 64;
	ck_assert_int_eq(run_encode(&opt, 2, &model, &file, &rep, &err),
			 HVQZ_OK);
	head = 8 + (size_t)get_le64(model.p);
	ck_assert_int_eq(safetensors_parse(model.p, head, &whole, NULL, &err),
			 HVQZ_OK);
	q = model_find(&whole, "layer.0.q");
	for (size_t c = 0; c < 5; c++)
		for (int pipe = 0; pipe < 2; pipe++) {
			struct extract_options x = {
				.globs = globs,
				.n_globs = 1,
				.has_rows = true,
				.row_a = cuts[c][0],
				.row_b = cuts[c][1],
			};
			struct pipe_source ps = {.p = file.p,
						 .len = file.len,
						 .step = 100};
			struct source_memory mem;
			struct source src;
			struct buf out = {0};
			struct sink sink;
			size_t n = (size_t)(cuts[c][1] - cuts[c][0]) * 128;
			size_t at;

			if (pipe)
				source_init(&src, &pipe_ops, &ps,
					    SOURCE_SIZE_UNKNOWN);
			else
				source_init_memory(&src, &mem, file.p,
						   file.len);
			sink_init_memory(&sink, &out);
			ck_assert_int_eq(job_extract(&env, &x, &src, &sink,
						     &rep, &err), HVQZ_OK);
			at = 8 + (size_t)get_le64(out.p);
			ck_assert_uint_eq(out.len, at + n);
			ck_assert_int_eq(memcmp(out.p + at,
						model.p + head + q->off +
							cuts[c][0] * 128,
						n), 0);
			source_free(&src);
			buf_free(&out);
		}
	model_free(&whole);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

START_TEST(impossible_extractions_are_refused)
{
	static const struct {
		const char *glob;
		bool rows;
		uint64_t a, b;
		const char *word;
	} bad[] = {
		{"nothing*", false, 0, 0, "matches none"},
		{"ids", true, 30, 34, "not all among its 33"},
		{"ids", true, 5, 4, "rows 5:4 are not"},
		{"scale", true, 0, 1, "no rows"},
	};
	struct buf model = make_model(), file = {0};
	struct job_report rep;
	struct hvqz_err err = {0};

	ck_assert_int_eq(run_encode(&lossless, 1, &model, &file, &rep, &err),
			 HVQZ_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *globs[] = {bad[i].glob};
		struct extract_options x = {globs, 1, bad[i].rows, bad[i].a,
					    bad[i].b, 0};
		struct source_memory mem;
		struct source src;
		struct sink sink;

		source_init_memory(&src, &mem, file.p, file.len);
		sink_init_null(&sink);
		ck_assert_int_eq(job_extract(&env, &x, &src, &sink, &rep,
					     &err), HVQZ_USAGE);
		ck_assert_msg(strstr(err.msg, bad[i].word) != NULL, "%s",
			      err.msg);
		ck_assert_uint_eq(sink.off, 0);
		source_free(&src);
	}
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* ---- damage ---- */

/* An error with a sentence; and when it is none, no difference. */
static void expect_error(const uint8_t *p, size_t len, unsigned threads,
			 const struct buf *good)
{
	struct hvqz_err err = {0};
	struct buf out = {0};
	enum hvqz_ret ret = run_decode(threads, p, len, threads > 1 ? 4096 : 0,
				       &out, &err);

	ck_assert_int_ne(ret, HVQZ_OK);
	ck_assert(ret == HVQZ_DAMAGED || ret == HVQZ_UNSUPPORTED);
	ck_assert_uint_gt(strlen(err.msg), 10);
	(void)good;
	buf_free(&out);
}

START_TEST(truncation_is_found)
{
	struct buf model = make_model(), file = {0};
	struct job_report rep;
	struct hvqz_err err;

	ck_assert_int_eq(run_encode(kinds[_i], 1, &model,
				    &file, &rep, &err), HVQZ_OK);
	for (size_t len = 0; len < file.len; len += len < 2000 ? 1 : 97)
		expect_error(file.p, len, len % 16 ? 1 : 2, &model);
	for (size_t len = file.len - 200; len < file.len; len++)
		expect_error(file.p, len, 1, &model);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

START_TEST(every_sampled_bit_flip_is_found)
{
	enum { FLIPS = 20000 };
	struct buf model = make_model(), file = {0};
	struct rng rng = {18};
	struct job_report rep;
	struct hvqz_err err;

	ck_assert_int_eq(run_encode(kinds[_i], 1, &model,
				    &file, &rep, &err), HVQZ_OK);
	for (int i = 0; i < FLIPS / 2; i++) {
		uint64_t bit = rng_below(&rng, file.len * 8);

		file.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		expect_error(file.p, file.len, i % 64 ? 1 : 2, &model);
		file.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	buf_free(&model);
	buf_free(&file);
}
END_TEST

struct complaints {
	unsigned n;
	char tensor[200];
};

static void complain(void *ctx, const struct hvqz_err *err)
{
	struct complaints *c = ctx;

	c->n++;
	memcpy(c->tensor, err->tensor, sizeof(c->tensor));
}

START_TEST(testing_names_the_tensor_and_goes_on)
{
	struct buf model = make_model(), file = {0};
	struct encode_options opt = lossless;
	struct complaints c = {0};
	struct decode_options test = {.bad = complain, .bad_ctx = &c};
	struct container_index ix;
	struct container_info info;
	struct container_reader *r;
	struct source_memory mem;
	struct source src;
	struct job_report rep;
	struct hvqz_err err;
	size_t t;

	opt.chunk_elems = 1024;
	ck_assert_int_eq(run_encode(&opt, 1, &model, &file, &rep, &err),
			 HVQZ_OK);
	source_init_memory(&src, &mem, file.p, file.len);
	ck_assert_int_eq(container_read_head(&r, &src, &info, &err), HVQZ_OK);
	ck_assert_int_eq(container_read_index(r, &ix, &err), HVQZ_OK);
	for (t = 0; strcmp(info.model.tensors[t].name, "layer.0.conv"); t++)
		;
	/* two payloads of the convolution */
	file.p[ix.chunks[ix.first[t]].off + 64 + 10] ^= 1;
	file.p[ix.chunks[ix.first[t] + 2].off + 64 + 10] ^= 1;
	container_index_free(&ix);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
	for (env.n_threads = 1; env.n_threads < 4; env.n_threads++) {
		c.n = 0;
		source_init_memory(&src, &mem, file.p, file.len);
		ck_assert_int_eq(job_decode(&env, &test, &src, NULL, &rep,
					    &err), HVQZ_DAMAGED);
		ck_assert_uint_eq(c.n, 2);
		ck_assert_uint_eq(rep.n_damaged, 2);
		ck_assert_str_eq(c.tensor, "layer.0.conv");
		source_free(&src);
	}
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* ---- failing reads and writes ---- */

START_TEST(every_failing_read_and_write_is_reported)
{
	static const struct source_ops pipe_ops = {pipe_read, NULL};
	static const struct sink_ops sink_ops = {fail_write};
	struct buf model = make_model();
	bool failed = true;

	for (uint64_t at = 1; failed; at++) {
		failed = false;
		for (int write = 0; write < 2; write++) {
			struct pipe_source ps = {.p = model.p,
						 .len = model.len,
						 .step = 3000};
			struct fail_sink fs = {0};
			struct job_report rep;
			struct hvqz_err err = {0};
			struct source src;
			struct sink sink;
			enum hvqz_ret ret;

			if (write)
				fs.fail_at = at;
			else
				ps.fail_at = at;
			env.n_threads = 1 + at % 3;
			source_init(&src, &pipe_ops, &ps, SOURCE_SIZE_UNKNOWN);
			sink_init(&sink, &sink_ops, &fs);
			ret = job_encode(&env, &lossless, &src, &sink, &rep,
					 &err);
			ck_assert(ret == HVQZ_OK || ret == HVQZ_IO);
			if (ret == HVQZ_IO) {
				ck_assert(strstr(err.msg, "planned"));
				failed = true;
			}
			source_free(&src);
		}
		ck_assert_uint_lt(at, 1000);
	}
	buf_free(&model);
}
END_TEST

static bool stop_now(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(a_stop_ends_the_job)
{
	struct buf model = make_model(), out = {0};
	struct job_report rep;
	struct hvqz_err err;

	env.stopped = stop_now;
	ck_assert_int_eq(run_encode(&quantize, 2, &model, &out, &rep, &err),
			 HVQZ_STOPPED);
	env.stopped = NULL;
	buf_free(&model);
	buf_free(&out);
}
END_TEST

/* ---- what is listed and reported ---- */

START_TEST(estimated_losses_add_up)
{
	struct decode_options opt = {0};
	struct buf file = {0};
	struct source_memory mem;
	struct job_report rep;
	struct listing l;
	struct source src;

	image_good(&file);
	source_init_memory(&src, &mem, file.p, file.len);
	ck_assert(!job_list(&env, &src, &l, NULL));
	ck_assert_double_eq(l.t[0].loss, 0.375);
	ck_assert_double_eq(l.t[2].loss, 0);
	listing_free(&l);
	source_free(&src);

	source_init_memory(&src, &mem, file.p, file.len);
	ck_assert(!job_decode(&env, &opt, &src, NULL, &rep, NULL));
	ck_assert_double_eq(rep.loss, 0.375);
	source_free(&src);
	buf_free(&file);
}
END_TEST

/* ---- rules ---- */

START_TEST(rules_change_single_tensors)
{
	struct buf model = make_model(), all = {0}, less = {0};
	struct encode_options opt = quantize;
	struct tensor_rule rules[2];
	struct job_report rep;
	struct hvqz_err err = {0};

	ck_assert_int_eq(rule_parse("embed=lossless", &rules[0], &err),
			 HVQZ_OK);
	ck_assert_int_eq(rule_parse("e*=k=2", &rules[1], &err), HVQZ_OK);
	opt.rules = rules;
	opt.n_rules = 1;
	ck_assert_int_eq(run_encode(&opt, 1, &model, &all, &rep, &err),
			 HVQZ_OK);
	ck_assert_uint_eq(rep.n_lossy, 2);
	/* a rule that matches nothing (here because the first one won) */
	opt.n_rules = 2;
	ck_assert_int_eq(run_encode(&opt, 1, &model, &less, &rep, &err),
			 HVQZ_USAGE);
	ck_assert(strstr(err.msg, "e*=k=2"));
	rule_free(&rules[0]);
	rule_free(&rules[1]);
	buf_free(&model);
	buf_free(&all);
	buf_free(&less);
}
END_TEST

START_TEST(bad_rules_are_refused)
{
	static const char *const bad[] = {
		"x",	 "=lossless", "x=",	 "x=k=1",     "x=k=99999",
		"x=b=3", "x=b=16",    "x=rho=1", "x=rho=-1",  "x=rho=nan",
		"x=k=",	 "x=frob",    "x=k=8x",	 "x=b=4,zip", "x=rho=0.1.2",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tensor_rule rule;
		struct hvqz_err err = {0};

		ck_assert_int_eq(rule_parse(bad[i], &rule, &err), HVQZ_USAGE);
		ck_assert_uint_gt(strlen(err.msg), 10);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("job");
	TCase *trips = tcase_create("round trips");
	TCase *damage = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	settings_preset_mid(&quantize.set);
	quantize.set.effort = 5;
	quantize.set.centroids = 64;
	settings_trellis(&trellis.set);
	trellis.set.effort = 5;
	trellis.rate_mode = RATE_QUALITY;
	trellis.rate = 3;
	lossless.set = (struct codec_settings){
		.codec = CODEC_PLANES, .effort = 3, .centroids = 2, .block = 4};
	tcase_add_test(trips, any_number_of_workers_gives_the_same_bytes);
	tcase_add_test(trips, a_constant_model_obeys_the_work_bound);
	tcase_add_test(trips, dtypes_can_change_on_the_way_out);
	tcase_add_test(trips, rows_are_cut_out_exactly);
	tcase_add_test(trips, impossible_extractions_are_refused);
	tcase_add_test(trips, estimated_losses_add_up);
	tcase_add_test(trips, rules_change_single_tensors);
	tcase_add_test(trips, bad_rules_are_refused);
	tcase_add_loop_test(damage, truncation_is_found, 0, 3);
	tcase_add_loop_test(damage, every_sampled_bit_flip_is_found, 0, 3);
	tcase_add_test(damage, testing_names_the_tensor_and_goes_on);
	tcase_add_test(damage, every_failing_read_and_write_is_reported);
	tcase_add_test(damage, a_stop_ends_the_job);
	tcase_set_timeout(trips, 300);
	tcase_set_timeout(damage, 600);
	suite_add_tcase(s, trips);
	suite_add_tcase(s, damage);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
