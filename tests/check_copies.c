/*
 * check_copies.c - tensors stored once: which are found, how they come back in
 * sequence and by the index, from memory and from a scratch file.
 */
#include "base/bytes.h"
#include "job/walk.h"
#include "tests/job_case.h"

#include <stdio.h>
#include <time.h>
#include <xxhash.h>

static struct hvqz_err err;

/* ---- a model with copies ---- */

/* Tensors of the same `like` and of the same bytes are alike. */
struct item {
	const char *name;
	enum dtype dtype;
	unsigned rank;
	uint64_t dim[3];
	unsigned like;		/* seed of its bytes */
	const char *of;		/* what it is found to be a copy of, lossless */
};

static const struct item items[] = {
	{"embed", DTYPE_BF16, 2, {96, 64}, 1, NULL},
	{"small", DTYPE_BF16, 2, {31, 66}, 2, NULL},
	{"small.again", DTYPE_BF16, 2, {31, 66}, 2, NULL},
	{"least", DTYPE_U8, 1, {4096}, 3, NULL},
	{"least.again", DTYPE_U8, 1, {4096}, 3, "least"},
	{"a", DTYPE_F16, 2, {80, 64}, 4, NULL},
	{"a.integers", DTYPE_I16, 2, {80, 64}, 4, NULL},
	{"a.again", DTYPE_F16, 2, {80, 64}, 4, "a"},
	{"b", DTYPE_F16, 2, {80, 64}, 5, NULL},
	{"none", DTYPE_F16, 2, {0, 64}, 4, NULL},
	{"a.flat", DTYPE_F16, 1, {5120}, 4, "a"},
	{"a.third", DTYPE_F16, 3, {5, 16, 64}, 4, "a"},
	{"a.shorter", DTYPE_F16, 2, {79, 64}, 4, NULL},
	{"b.again", DTYPE_F16, 2, {80, 64}, 5, "b"},
	{"head", DTYPE_BF16, 2, {96, 64}, 1, "embed"},
};
enum { N_ITEMS = sizeof(items) / sizeof(*items) };

static void put_item(struct buf *b, const struct item *t, uint64_t n_elems)
{
	struct rng rng = {t->like};

	if (dtype_bits(t->dtype) == 8)
		for (uint64_t e = 0; e < n_elems; e++)
			buf_u8(b, (uint8_t)rng_u64(&rng));
	else
		for (uint64_t e = 0; e < n_elems; e++)
			buf_u16(b, f16_from_f32(normal(&rng) * 0.05f));
}

static struct buf make(const struct item *v, size_t n)
{
	struct model m = {0};
	struct buf b = {0};
	uint8_t *head;
	size_t len;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(model_add(&m, v[i].name, v[i].dtype,
					   v[i].rank, v[i].dim, NULL),
				 HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&b, head, len);
	for (size_t i = 0; i < n; i++)
		put_item(&b, &v[i], m.tensors[i].n_elems);
	free(head);
	model_free(&m);
	ck_assert(!b.failed);
	return b;
}

static struct buf encode(const struct encode_options *opt,
			 const struct buf *model, struct job_report *rep)
{
	struct buf file = {0};
	enum hvqz_ret ret = run_encode(opt, 2, model, &file, rep, &err);

	ck_assert_msg(ret == HVQZ_OK, "%s", err.msg);
	return file;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->p, b->p, a->len);
}

/* Where a safetensors file's data starts. */
static size_t data_at(const struct buf *b)
{
	return 8 + (size_t)get_le64(b->p);
}

/* Are the file's copies those that v says? */
static void check_table(const struct buf *file, const struct item *v, size_t n)
{
	struct container_reader *r;
	struct container_info info;
	struct source_memory mem;
	struct source src;

	source_init_memory(&src, &mem, file->p, file->len);
	ck_assert_int_eq(container_read_head(&r, &src, &info, &err), HVQZ_OK);
	for (size_t i = 0; i < n; i++) {
		const char *of = NULL;

		if (container_is_copy(&info, i))
			of = info.model.tensors[info.copy_of[i] - 1].name;
		ck_assert_msg(!of == !v[i].of &&
			      (!of || !strcmp(of, v[i].of)),
			      "'%s' is found to be a copy of '%s'", v[i].name,
			      of ? of : "-");
	}
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
}

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

/* ---- a source that does not hold still ---- */

struct moving {
	struct buf *b;
	size_t pos;
	uint64_t reads;
	size_t at;		/* where it changes, */
	uint64_t when;		/* before this read */
};

static enum hvqz_ret moving_read(void *ctx, void *to, size_t n, size_t *got,
				 struct hvqz_err *e)
{
	struct moving *m = ctx;

	(void)e;
	if (++m->reads == m->when)
		m->b->p[m->at] ^= 1;
	*got = m->b->len - m->pos < n ? m->b->len - m->pos : n;
	memcpy(to, m->b->p + m->pos, *got);
	m->pos += *got;
	return HVQZ_OK;
}

static enum hvqz_ret moving_seek(void *ctx, uint64_t off, struct hvqz_err *e)
{
	struct moving *m = ctx;

	(void)e;
	m->pos = (size_t)off;
	return HVQZ_OK;
}

static const struct source_ops moving_ops = {moving_read, moving_seek};

/* Before read number `when` the byte at `at` changes; 0: never. */
static enum hvqz_ret encode_moving(struct moving *m, struct buf *file)
{
	struct job_report rep;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	source_init(&src, &moving_ops, m, m->b->len);
	sink_init_memory(&sink, file);
	env.n_threads = 2;
	err = (struct hvqz_err){0};
	ret = job_encode(&env, &lossless, &src, &sink, &rep, &err);
	source_free(&src);
	return ret;
}

/* Whichever of the two changes, and whenever: told, or there and back. */
START_TEST(a_change_between_two_looks_is_found)
{
	static const char *const names[] = {"a", "a.again", "embed", "head"};
	struct buf model = make(items, N_ITEMS);
	struct moving m = {.b = &model};
	struct buf file = {0}, back = {0};
	struct model table = {0};
	const struct tensor *t;
	uint64_t n;
	unsigned found = 0;

	ck_assert_int_eq(safetensors_parse(model.p, data_at(&model), &table,
					   NULL, &err), HVQZ_OK);
	t = model_find(&table, names[_i]);
	ck_assert_int_eq(encode_moving(&m, &file), HVQZ_OK);
	n = m.reads;
	buf_clear(&file);
	for (uint64_t when = 2; when <= n + 1; when += 2) {
		m = (struct moving){.b = &model, .when = when,
				    .at = data_at(&model) + t->off +
					  t->size / 2};
		if (encode_moving(&m, &file) != HVQZ_OK) {
			ck_assert_int_eq(err.ret, HVQZ_IO);
			ck_assert(strstr(err.msg, "has changed"));
			ck_assert_str_eq(err.tensor, names[_i]);
			found++;
		} else {
			/* All was as before, or all as it is now. */
			ck_assert_int_eq(run_decode(2, file.p, file.len, 0,
						    &back, &err), HVQZ_OK);
			if (!same(&model, &back))
				model.p[m.at] ^= 1;
			ck_assert(same(&model, &back));
		}
		buf_clear(&file);
		buf_clear(&back);
	}
	ck_assert_uint_gt(found, 0);
	model_free(&table);
	buf_free(&model);
	buf_free(&file);
	buf_free(&back);
}
END_TEST

/* ---- the walk, and what it keeps ---- */

/* A scratch file in memory; may be told to fail. */
struct fake {
	struct buf b;
	unsigned appends, reads, fail_append, fail_read;
};

static enum hvqz_ret fake_append(void *ctx, const void *p, size_t n,
				 struct hvqz_err *e)
{
	struct fake *f = ctx;

	if (++f->appends == f->fail_append)
		return hvqz_fail(e, HVQZ_IO, "planned write error");
	buf_put(&f->b, p, n);
	return buf_ok(&f->b, e);
}

static enum hvqz_ret fake_read_at(void *ctx, uint64_t off, void *p, size_t n,
				  struct hvqz_err *e)
{
	struct fake *f = ctx;

	if (++f->reads == f->fail_read)
		return hvqz_fail(e, HVQZ_IO, "planned read error");
	ck_assert_uint_le(off + n, f->b.len);
	memcpy(p, f->b.p + off, n);
	return HVQZ_OK;
}

/* All of a file's chunks, the payloads checked; how many, or the error. */
static enum hvqz_ret walk_through(const struct buf *file, struct fake *f,
				  uint64_t most, size_t *n_chunks)
{
	struct job_scratch scratch = {fake_append, fake_read_at, f};
	struct job_env with = {.scratch = f ? &scratch : NULL};
	struct chunk_walk w = {.env = &with, .most = most};
	struct decode_unit u = {0};
	struct container_info info;
	struct source_memory mem;
	struct source src;
	enum hvqz_ret ret;
	bool end = false;
	uint64_t off = 0;
	size_t as = 0;

	source_init_memory(&src, &mem, file->p, file->len);
	ck_assert_int_eq(container_read_head(&w.reader, &src, &info, &err),
			 HVQZ_OK);
	w.info = &info;
	ck_assert_int_eq(chunk_walk_open(&w, &err), HVQZ_OK);
	*n_chunks = 0;
	while ((ret = chunk_walk_next(&w, &u, &end, &err)) == HVQZ_OK &&
	       !end) {
		/* Every byte of every tensor, in order. */
		while (off == info.model.tensors[as].size) {
			as++;
			off = 0;
		}
		ck_assert_uint_eq(u.as, as);
		ck_assert_uint_eq(u.off, off);
		off += u.head.raw_len;
		ck_assert_int_eq(container_check_payload(
			&info, &u.head, u.payload.p, &err), HVQZ_OK);
		++*n_chunks;
	}
	if (ret == HVQZ_OK) {
		ck_assert_uint_eq(as, N_ITEMS - 1);
		ck_assert_uint_eq(off, info.model.tensors[as].size);
	}
	if (f)
		ck_assert_uint_le(w.mem.len, most);
	chunk_walk_close(&w);
	container_reader_free(w.reader);
	container_info_free(&info);
	source_free(&src);
	buf_free(&u.payload);
	return ret;
}

START_TEST(what_is_kept_goes_to_memory_then_to_a_file)
{
	static const uint64_t most[] = {1, 3000, 9000, 1 << 20};
	struct encode_options opt = lossless;
	struct buf model = make(items, N_ITEMS), file;
	struct job_report rep;
	struct fake f = {0};
	size_t n, n_chunks;

	opt.chunk_elems = 1024;
	file = encode(&opt, &model, &rep);
	ck_assert_int_eq(walk_through(&file, NULL, 0, &n_chunks), HVQZ_OK);
	ck_assert_uint_gt(n_chunks, rep.n_chunks);
	ck_assert_int_eq(walk_through(&file, &f, most[_i], &n), HVQZ_OK);
	ck_assert_uint_eq(n, n_chunks);
	ck_assert_int_eq(f.appends > 0, _i < 3);
	ck_assert_uint_ge(f.reads, f.appends);
	/* A full disk, a bad one. */
	for (unsigned k = 1; _i < 3 && k < 4; k++) {
		buf_clear(&f.b);
		f = (struct fake){.b = f.b, .fail_append = k};
		ck_assert_int_eq(walk_through(&file, &f, most[_i], &n),
				 HVQZ_IO);
		buf_clear(&f.b);
		f = (struct fake){.b = f.b, .fail_read = k};
		ck_assert_int_eq(walk_through(&file, &f, most[_i], &n),
				 HVQZ_IO);
	}
	buf_free(&f.b);
	buf_free(&model);
	buf_free(&file);
}
END_TEST

/* Without a file all is kept in memory, and the plan says so. */
START_TEST(the_plan_knows_what_is_kept)
{
	static const struct job_scratch scratch = {fake_append, fake_read_at,
						   NULL};
	uint64_t dim = 100 << 20;
	uint32_t copy_of[] = {0, 1, 1};
	struct container_info info = {.copy_of = copy_of};
	struct job_env none = {0}, some = {.scratch = &scratch};

	ck_assert_int_eq(model_add(&info.model, "a", DTYPE_U8, 1, &dim, NULL),
			 HVQZ_OK);
	ck_assert_uint_eq(chunk_walk_memory(&none, &info), 0);
	ck_assert_int_eq(model_add(&info.model, "b", DTYPE_U8, 1, &dim, NULL),
			 HVQZ_OK);
	ck_assert_int_eq(model_add(&info.model, "c", DTYPE_U8, 1, &dim, NULL),
			 HVQZ_OK);
	ck_assert_uint_ge(chunk_walk_memory(&none, &info), 100 << 20);
	ck_assert_uint_eq(chunk_walk_memory(&some, &info), 64 << 20);
	model_free(&info.model);
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
	TCase *walk = tcase_create("walk");
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
	tcase_add_loop_test(trips, a_change_between_two_looks_is_found, 0, 4);
	tcase_set_timeout(trips, 60);
	suite_add_tcase(s, trips);
	tcase_add_loop_test(walk, what_is_kept_goes_to_memory_then_to_a_file,
			    0, 4);
	tcase_add_test(walk, the_plan_knows_what_is_kept);
	suite_add_tcase(s, walk);
	tcase_add_test(many, many_copies_are_found_at_once);
	tcase_set_timeout(many, 120);
	suite_add_tcase(s, many);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
