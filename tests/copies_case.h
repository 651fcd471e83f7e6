/* copies_case.h - a model with equal tensors, and its round trips. */
#ifndef TESTS_COPIES_CASE_H
#define TESTS_COPIES_CASE_H

#include "base/bytes.h"
#include "job/walk.h"
#include "tests/job_case.h"

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

static inline void put_item(struct buf *b, const struct item *t, uint64_t n_elems)
{
	struct rng rng = {t->like};

	if (dtype_bits(t->dtype) == 8)
		for (uint64_t e = 0; e < n_elems; e++)
			buf_u8(b, (uint8_t)rng_u64(&rng));
	else
		for (uint64_t e = 0; e < n_elems; e++)
			buf_u16(b, f16_from_f32(normal(&rng) * 0.05f));
}

static inline struct buf make(const struct item *v, size_t n)
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

static inline struct buf encode(const struct encode_options *opt,
			 const struct buf *model, struct job_report *rep)
{
	struct buf file = {0};
	enum hvqz_ret ret = run_encode(opt, 2, model, &file, rep, &err);

	ck_assert_msg(ret == HVQZ_OK, "%s", err.msg);
	return file;
}

static inline bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->p, b->p, a->len);
}

/* Where a safetensors file's data starts. */
static inline size_t data_at(const struct buf *b)
{
	return 8 + (size_t)get_le64(b->p);
}

/* Are the file's copies those that v says? */
static inline void check_table(const struct buf *file, const struct item *v, size_t n)
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

#endif
