/*
 * check_job.c - whole conversions in memory: any number of workers, pipes,
 * extraction, listing, rules.
 */
#include "base/bytes.h"
#include "job/list_condition.h"
#include "tests/container_image.h"
#include "tests/job_case.h"

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
		struct extract_options x = {
			.globs = globs, .n_globs = 1, .has_rows = bad[i].rows,
			.row_a = bad[i].a, .row_b = bad[i].b};
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
	ck_assert(!job_list(&env, &src, false, &l, NULL));
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

START_TEST(layer_types_are_names_without_numbers)
{
	static const char *const cases[][2] = {
		{"model.layers.12.mlp.up_proj.weight",
		 "model.layers.*.mlp.up_proj.weight"},
		{"h.0.experts.31.w1", "h.*.experts.*.w1"},
		{"7", "*"},
		{"x.7", "x.*"},
		{"a.1b.c2.3-4", "a.1b.c2.3-4"},
		{"", ""},
		{".0..", ".*.."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *name = list_type_name(cases[i][0]);

		ck_assert_str_eq(name, cases[i][1]);
		free(name);
	}
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
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_test(trips, any_number_of_workers_gives_the_same_bytes);
	tcase_add_test(trips, a_constant_model_obeys_the_work_bound);
	tcase_add_test(trips, dtypes_can_change_on_the_way_out);
	tcase_add_test(trips, rows_are_cut_out_exactly);
	tcase_add_test(trips, impossible_extractions_are_refused);
	tcase_add_test(trips, estimated_losses_add_up);
	tcase_add_test(trips, layer_types_are_names_without_numbers);
	tcase_add_test(trips, rules_change_single_tensors);
	tcase_add_test(trips, bad_rules_are_refused);
	tcase_set_timeout(trips, 300);
	suite_add_tcase(s, trips);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
