/*
 * check_job_damage.c - whole conversions that go wrong: damaged files, failing
 * reads and writes, a stop.
 */
#include "tests/job_case.h"

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

/*
 * Bytes too many in front of a chunk: no row is lost by them, and the tail, of
 * which nothing is as it should be any more, is compared with what was read.
 */
START_TEST(bytes_between_chunks_cost_no_row)
{
	struct buf model = make_model(), file = {0}, more = {0}, out = {0};
	struct encode_options opt = lossless;
	struct complaints c = {0};
	struct decode_options dec = {.bad = complain, .bad_ctx = &c};
	static const uint8_t extra[37];
	struct container_index ix;
	struct container_info info;
	struct container_reader *r;
	struct source_memory mem;
	struct source src;
	struct sink sink;
	struct job_report rep;
	struct hvqz_err err;

	opt.chunk_elems = 1024;
	ck_assert_int_eq(run_encode(&opt, 1, &model, &file, &rep, &err),
			 HVQZ_OK);
	source_init_memory(&src, &mem, file.p, file.len);
	ck_assert_int_eq(container_read_head(&r, &src, &info, &err), HVQZ_OK);
	ck_assert_int_eq(container_read_index(r, &ix, &err), HVQZ_OK);
	ck_assert_uint_gt(ix.n_chunks, 4);
	env.n_threads = 1;
	for (size_t i = 0; i < ix.n_chunks; i++) {
		struct source_memory mem2;
		struct source src2;
		size_t at = ix.chunks[i].off;

		buf_clear(&more);
		buf_clear(&out);
		buf_put(&more, file.p, at);
		buf_put(&more, extra, sizeof(extra));
		buf_put(&more, file.p + at, file.len - at);
		source_init_memory(&src2, &mem2, more.p, more.len);
		sink_init_memory(&sink, &out);
		ck_assert_int_eq(job_decode(&env, &dec, &src2, &sink, &rep,
					    &err), HVQZ_DAMAGED);
		ck_assert(rep.complete);
		ck_assert_uint_eq(out.len, model.len);
		ck_assert_mem_eq(out.p, model.p, model.len);
		ck_assert_uint_eq(c.n, 0);	/* no row was lost */
		source_free(&src2);
	}
	container_index_free(&ix);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
	buf_free(&more);
	buf_free(&out);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* ---- failing reads and writes ---- */

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

START_TEST(every_failing_read_and_write_is_reported)
{
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

int main(void)
{
	Suite *s = suite_create("job damage");
	TCase *damage = tcase_create("damage");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_loop_test(damage, truncation_is_found, 0, 3);
	tcase_add_loop_test(damage, every_sampled_bit_flip_is_found, 0, 3);
	tcase_add_test(damage, testing_names_the_tensor_and_goes_on);
	tcase_add_test(damage, bytes_between_chunks_cost_no_row);
	tcase_add_test(damage, every_failing_read_and_write_is_reported);
	tcase_add_test(damage, a_stop_ends_the_job);
	tcase_set_timeout(damage, 600);
	suite_add_tcase(s, damage);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
