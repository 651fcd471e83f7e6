/*
 * check_copies.c - tensors stored once: which are found, how they come back in
 * sequence and by the index.
 */
#include "tests/copies_case.h"

#include <stdio.h>
#include <time.h>

/* ---- round trips ---- */

START_TEST(copies_are_found_and_come_back)
{
	static const uint64_t chunks[] = {0, 1024, 100};
	struct encode_options opt = lossless;
	struct buf model = make(items, N_ITEMS), file, again;
	struct job_report rep;

	opt.chunk_elems = chunks[_i];
	file = encode(&opt, &model, &rep);
	check_table(&file, items, N_ITEMS);
	ck_assert_uint_eq(rep.n_copies, 6);
	ck_assert_uint_eq(rep.n_tensors, N_ITEMS);
	ck_assert_uint_eq(rep.in_bytes, model.len);
	ck_assert_uint_eq(rep.out_bytes, file.len);
	for (unsigned t = 1; t <= 4; t++) {
		struct buf twice = {0};

		ck_assert_int_eq(run_encode(&opt, t, &model, &twice, &rep,
					    &err), HVQZ_OK);
		ck_assert(same(&file, &twice));
		buf_free(&twice);
		for (size_t step = 0; step < 4000; step += 1999) {
			again = (struct buf){0};
			ck_assert_int_eq(run_decode(t, file.p, file.len, step,
						    &again, &err), HVQZ_OK);
			ck_assert(same(&model, &again));
			buf_free(&again);
		}
		ck_assert_int_eq(run_decode(t, file.p, file.len, t & 1, NULL,
					    &err), HVQZ_OK);
	}
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* A pipe is read once: nothing is known of what is still to come. */
START_TEST(a_pipe_has_no_copies)
{
	struct buf model = make(items, N_ITEMS), file = {0}, back = {0};
	struct pipe_source pipe = {.p = model.p, .len = model.len,
				   .step = 5000};
	struct job_report rep;
	struct source src;
	struct sink sink;

	source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	sink_init_memory(&sink, &file);
	ck_assert_int_eq(job_encode(&env, &lossless, &src, &sink, &rep, &err),
			 HVQZ_OK);
	ck_assert_uint_eq(rep.n_copies, 0);
	source_free(&src);
	ck_assert_int_eq(run_decode(2, file.p, file.len, 0, &back, &err),
			 HVQZ_OK);
	ck_assert(same(&model, &back));
	buf_free(&model);
	buf_free(&file);
	buf_free(&back);
}
END_TEST

/* What is quantized is restored alike, and as before. */
START_TEST(quantized_copies_are_equal)
{
	struct buf model = make(items, N_ITEMS), file, back = {0};
	struct job_report rep;
	struct model m = {0};
	const uint8_t *data;
	const struct tensor *a, *b;
	enum hvqz_ret ret;

	file = encode(&trellis, &model, &rep);
	/* a, and a.third, are matrices; a.flat is kept exactly */
	ck_assert_uint_eq(rep.n_copies, 5);
	ret = run_decode(2, file.p, file.len, 1000, &back, &err);
	ck_assert_int_eq(ret, HVQZ_OK);
	ck_assert_uint_eq(back.len, model.len);
	ck_assert(!same(&model, &back));
	ck_assert_int_eq(safetensors_parse(back.p, data_at(&back), &m, NULL,
					   &err), HVQZ_OK);
	data = back.p + data_at(&back);
	a = model_find(&m, "embed");
	b = model_find(&m, "head");
	ck_assert_mem_eq(data + a->off, data + b->off, a->size);
	a = model_find(&m, "a");
	b = model_find(&m, "a.third");
	ck_assert_mem_eq(data + a->off, data + b->off, a->size);
	b = model_find(&m, "a.flat");
	ck_assert_mem_eq(data + b->off, model.p + data_at(&model) + b->off,
			 b->size);
	model_free(&m);
	buf_free(&model);
	buf_free(&file);
	buf_free(&back);
}
END_TEST

/* Equal tensors that are to be quantized otherwise each get what was said. */
START_TEST(a_rule_for_one_makes_no_copy)
{
	struct buf model = make(items, N_ITEMS), file;
	struct encode_options opt = trellis;
	struct tensor_rule rule = {0};
	struct job_report rep;

	ck_assert_int_eq(rule_parse("head=q=9", &rule, &err), HVQZ_OK);
	opt.rules = &rule;
	opt.n_rules = 1;
	file = encode(&opt, &model, &rep);
	ck_assert_uint_eq(rep.n_copies, 4);
	rule_free(&rule);
	buf_free(&file);
	buf_free(&model);
}
END_TEST

/* ---- extraction ---- */

/* Of one tensor, from one that can seek (step 0) or from a pipe. */
static struct buf extract(const struct buf *file, const char *name,
			  size_t step, bool rows, uint64_t a, uint64_t b)
{
	struct pipe_source pipe = {.p = file->p, .len = file->len,
				   .step = step};
	struct extract_options x = {.globs = &name, .n_globs = 1,
				    .has_rows = rows, .row_a = a, .row_b = b};
	struct source_memory mem;
	struct job_report rep;
	struct source src;
	struct sink sink;
	struct buf out = {0};
	enum hvqz_ret ret;

	if (step)
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	else
		source_init_memory(&src, &mem, file->p, file->len);
	sink_init_memory(&sink, &out);
	env.n_threads = 2;
	ret = job_extract(&env, &x, &src, &sink, &rep, &err);
	ck_assert_msg(ret == HVQZ_OK, "%s", err.msg);
	source_free(&src);
	return out;
}

START_TEST(any_copy_can_be_extracted)
{
	static const uint64_t chunks[] = {0, 1024, 100};
	struct encode_options opt = lossless;
	struct buf model = make(items, N_ITEMS), file, out;
	struct job_report rep;
	struct model m = {0};

	opt.chunk_elems = chunks[_i];
	file = encode(&opt, &model, &rep);
	ck_assert_int_eq(safetensors_parse(model.p, data_at(&model), &m,
					   NULL, &err), HVQZ_OK);
	for (size_t i = 0; i < N_ITEMS; i++) {
		const struct tensor *t = &m.tensors[i];
		const uint8_t *bytes = model.p + data_at(&model) + t->off;
		uint64_t row = t->dim[0] ? t->size / t->dim[0] : 0;

		if (!row)
			continue;
		for (size_t step = 0; step < 4000; step += 1999) {
			out = extract(&file, t->name, step, false, 0, 0);
			ck_assert_mem_eq(out.p + out.len - t->size, bytes,
					 t->size);
			ck_assert_uint_eq(out.len - data_at(&out),
					  t->size);
			buf_free(&out);
			out = extract(&file, t->name, step, true, 2, 5);
			ck_assert_uint_eq(out.len - data_at(&out),
					  3 * row);
			ck_assert_mem_eq(out.p + out.len - 3 * row,
					 bytes + 2 * row, 3 * row);
			buf_free(&out);
		}
	}
	model_free(&m);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* ---- damage ---- */

START_TEST(every_sampled_bit_flip_is_found)
{
	struct encode_options opt = lossless;
	struct buf model = make(items, N_ITEMS), file, out = {0};
	struct rng rng = {19};
	struct job_report rep;

	opt.chunk_elems = 1024;
	file = encode(&opt, &model, &rep);
	for (int i = 0; i < 200; i++) {
		/* Half of them in the header, where copies are announced. */
		size_t at = rng_below(&rng, i % 2 ? file.len : 700);
		uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));
		enum hvqz_ret ret;

		file.p[at] ^= bit;
		ret = run_decode(1 + i % 2, file.p, file.len, i % 3 * 1000,
				 &out, &err);
		ck_assert(ret == HVQZ_DAMAGED || ret == HVQZ_UNSUPPORTED);
		file.p[at] ^= bit;
		ret = run_decode(1, file.p, rng_below(&rng, file.len),
				 i % 2 * 1000, &out, &err);
		ck_assert_int_eq(ret, HVQZ_DAMAGED);
		buf_clear(&out);
	}
	buf_free(&out);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/*
 * H12: as many copies as originals, none of them searched for. To read such a
 * file takes about as long as to write it; searching takes fifty times that.
 */
START_TEST(many_copies_are_found_at_once)
{
	enum { N = 150000 };
	struct container_info info = {.n_chunks = N, .max_raw = 1};
	uint32_t *copy_of = calloc(2 * N, sizeof(*copy_of));
	struct chunk_head h = {.n_rows = 1, .raw_len = 1, .stored_len = 1};
	struct container_writer *w;
	struct buf file = {0};
	struct sink out;
	clock_t began = clock(), written;
	uint64_t one = 1;
	char name[20];

	h.stored_hash = h.raw_hash = XXH3_64bits("x", 1);
	for (uint32_t i = 0; i < 2 * N; i++) {
		snprintf(name, sizeof(name), "%u", i);
		ck_assert_int_eq(model_add(&info.model, name, DTYPE_U8, 1,
					   &one, &err), HVQZ_OK);
		copy_of[i] = i < N ? 0 : 2 * N - i;
	}
	info.copy_of = copy_of;
	strcpy(info.model.format, "none");
	sink_init_memory(&out, &file);
	ck_assert_int_eq(container_write_head(&w, &info, &out, &err), HVQZ_OK);
	for (h.tensor = 0; h.tensor < N; h.tensor++)
		ck_assert_int_eq(container_write_chunk(
			w, &h, (const uint8_t *)"x", &err), HVQZ_OK);
	ck_assert_int_eq(container_write_tail(w, &err), HVQZ_OK);
	container_writer_free(w);
	container_info_free(&info);
	written = clock();
	{
		struct decode_options opt = {.to = "safetensors"};
		struct source_memory mem;
		struct job_report rep;
		struct source src;
		struct buf back = {0};

		source_init_memory(&src, &mem, file.p, file.len);
		sink_init_memory(&out, &back);
		ck_assert_msg(job_decode(&env, &opt, &src, &out, &rep, &err) ==
			      HVQZ_OK, "%s", err.msg);
		ck_assert_uint_gt(back.len, 2 * N);
		ck_assert_int_eq(back.p[back.len - 1], 'x');
		ck_assert_int_lt(clock() - written, 20 * (written - began));
		source_free(&src);
		buf_free(&back);
	}
	buf_free(&file);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("copies");
	TCase *trips = tcase_create("trips");
	TCase *many = tcase_create("many");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_loop_test(trips, copies_are_found_and_come_back, 0, 3);
	tcase_add_test(trips, a_pipe_has_no_copies);
	tcase_add_test(trips, quantized_copies_are_equal);
	tcase_add_test(trips, a_rule_for_one_makes_no_copy);
	tcase_add_loop_test(trips, any_copy_can_be_extracted, 0, 3);
	tcase_add_test(trips, every_sampled_bit_flip_is_found);
	tcase_set_timeout(trips, 60);
	suite_add_tcase(s, trips);
	tcase_add_test(many, many_copies_are_found_at_once);
	tcase_set_timeout(many, 120);
	suite_add_tcase(s, many);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
