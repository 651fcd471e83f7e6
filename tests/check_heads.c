/*
 * check_heads.c - heads of files in an archive that are too large together:
 * what of them is read, and kept.
 *
 * The archives are made as they are read: a few bytes, and many of one kind.
 */
#include "base/bytes.h"
#include "tests/archive_case.h"

enum { MAX_PARTS = 9, MIB = 1 << 20 };

/* Bytes, and behind them n times the byte c. */
struct part {
	struct buf bytes;
	uint64_t n;
	uint8_t c;
};

struct sparse {
	struct part v[MAX_PARTS];
	size_t n_parts;
	uint64_t pos, size, n_read;
};

static enum hvqz_ret sparse_read(void *ctx, void *buf, size_t n, size_t *got,
				 struct hvqz_err *err)
{
	struct sparse *s = ctx;
	uint64_t at = s->pos, left;
	size_t i = 0;

	(void)err;
	while (i < s->n_parts && at >= s->v[i].bytes.len + s->v[i].n) {
		at -= s->v[i].bytes.len + s->v[i].n;
		i++;
	}
	*got = 0;
	if (i == s->n_parts)
		return HVQZ_OK;
	if (at < s->v[i].bytes.len) {
		left = s->v[i].bytes.len - at;
		*got = n < left ? n : (size_t)left;
		memcpy(buf, s->v[i].bytes.p + at, *got);
	} else {
		left = s->v[i].bytes.len + s->v[i].n - at;
		*got = n < left ? n : (size_t)left;
		memset(buf, s->v[i].c, *got);
	}
	s->pos += *got;
	s->n_read += *got;
	return HVQZ_OK;
}

static enum hvqz_ret sparse_seek(void *ctx, uint64_t off, struct hvqz_err *err)
{
	struct sparse *s = ctx;

	(void)err;
	s->pos = off;
	return HVQZ_OK;
}

/* A tar member that begins with head and ends with n times c and a block. */
static void add_member(struct sparse *s, const char *name,
		       const struct buf *head, uint64_t n, uint8_t c,
		       const void *end, size_t end_len)
{
	struct part *x = &s->v[s->n_parts++];

	tar_put_header(&x->bytes, name, head->len + n + end_len);
	buf_put(&x->bytes, head->p, head->len);
	x->n = n;
	x->c = c;
	x = &s->v[s->n_parts++];
	if (end_len)
		buf_put(&x->bytes, end, end_len);
	x->n = -(head->len + n + end_len) % TAR_BLOCK;
	s->size += TAR_BLOCK + head->len + n + end_len + x->n;
}

static enum hvqz_ret read_head(struct sparse *s, struct model *m,
			       struct hvqz_err *err)
{
	static const struct source_ops ops = {sparse_read, sparse_seek};
	struct source src;
	void *state = NULL;
	enum hvqz_ret ret;

	*err = (struct hvqz_err){0};
	s->v[s->n_parts++].n = 2 * TAR_BLOCK;
	s->size += 2 * TAR_BLOCK;
	source_init(&src, &ops, s, s->size);
	ret = tar_reader.head(&src, m, &state, err);
	if (state)
		tar_reader.free(state);
	source_free(&src);
	for (size_t i = 0; i < s->n_parts; i++)
		buf_free(&s->v[i].bytes);
	return ret;
}

/* The second header is refused before it is read. */
START_TEST(headers_are_added_up_first)
{
	enum { LEN = 99999999 };
	struct sparse s = {0};
	struct buf head = {0};
	struct hvqz_err err;
	struct model m = {0};

	buf_u64(&head, LEN);
	for (int i = 0; i < 3; i++)
		add_member(&s, (char[]){'a' + i, '.', 's', 'a', 'f', 'e', 't',
					'e', 'n', 's', 'o', 'r', 's', 0},
			   &head, LEN - 2, ' ', "{}", 2);
	ck_assert_int_eq(read_head(&s, &m, &err), HVQZ_UNSUPPORTED);
	ck_assert_msg(strstr(err.msg, "in b.safetensors: a header of 100000007 "
			     "bytes, and 100000007 in the files") != NULL,
		      "%s", err.msg);
	ck_assert_uint_lt(s.n_read, LEN + 4 * MIB);
	model_free(&m);
	buf_free(&head);
}
END_TEST

/* A GGUF of one tensor "tN" behind a key whose text is all but 100 bytes. */
static void add_gguf(struct sparse *s, const char *name, char number)
{
	struct buf head = {0}, end = {0};
	uint64_t n = 40 * MIB;

	buf_put(&head, "GGUF", 4);
	buf_u32(&head, 3);
	buf_u64(&head, 1);
	buf_u64(&head, 1);
	buf_u64(&head, 1);
	buf_u8(&head, 'k');
	buf_u32(&head, 8);
	buf_u64(&head, n);
	buf_u64(&end, 2);
	buf_u8(&end, 't');
	buf_u8(&end, (uint8_t)number);
	buf_u32(&end, 1);
	buf_u64(&end, 8);
	buf_u32(&end, 0);
	buf_u64(&end, 0);
	while ((head.len + n + end.len) % 32)
		buf_u8(&end, 0);
	for (int i = 0; i < 32; i++)
		buf_u8(&end, (uint8_t)i);
	add_member(s, name, &head, n, 'x', end.p, end.len);
	buf_free(&head);
	buf_free(&end);
}

/* Of 4 heads of 40 MiB the last is not held, and the model's own. */
START_TEST(a_head_that_is_read_again)
{
	static const char *const names[] = {
		"m/sub/0.gguf", "m/sub/1.gguf", "m/sub/2.gguf", "m/3.gguf",
	};
	struct sparse s = {0};
	struct hvqz_err err;
	struct model m = {0};

	for (int i = 0; i < 3; i++)
		add_gguf(&s, names[i], (char)('0' + i));
	add_gguf(&s, names[3], '3');
	ck_assert_msg(read_head(&s, &m, &err) == HVQZ_OK, "%s", err.msg);
	ck_assert(model_find(&m, "t3"));
	ck_assert(model_find(&m, "sub/0.gguf/t0"));
	ck_assert(model_find(&m, "sub/1.gguf"));
	ck_assert(model_find(&m, "sub/2.gguf"));
	ck_assert_uint_eq(m.n_tensors, 4);
	/* All heads, one again, and those that are kept. */
	ck_assert_uint_gt(s.n_read, (4 + 1 + 2) * 40ull * MIB);
	model_free(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("heads");
	TCase *t = tcase_create("heads");
	SRunner *r = srunner_create(s);
	int n_failed;

	tcase_add_test(t, headers_are_added_up_first);
	tcase_add_test(t, a_head_that_is_read_again);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
