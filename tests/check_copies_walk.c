/*
 * check_copies_walk.c - copies in a source that changes, and what a decoder
 * keeps for those still to come.
 */
#include "tests/copies_case.h"

#include <stdio.h>

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

int main(void)
{
	Suite *s = suite_create("copies, walking");
	TCase *trips = tcase_create("trips");
	TCase *walk = tcase_create("walk");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_loop_test(trips, a_change_between_two_looks_is_found, 0, 4);
	tcase_set_timeout(trips, 60);
	suite_add_tcase(s, trips);
	tcase_add_loop_test(walk, what_is_kept_goes_to_memory_then_to_a_file,
			    0, 4);
	tcase_add_test(walk, the_plan_knows_what_is_kept);
	suite_add_tcase(s, walk);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
