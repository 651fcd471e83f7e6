/* gguf_split.c - split GGUF models: do the parts make a whole? */
#include "formats/gguf_split.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- one file ---- */

/* A number of the split.* keys; *v stays where there is none. */
static enum hvqz_ret split_number(const struct gguf *g, const char *key,
				  enum gguf_value type, uint64_t *v,
				  struct hvqz_err *err)
{
	const struct gguf_pair *p;

	TRY(gguf_want(g, key, type, &p, err));
	if (p)
		*v = type == GGUF_U16 ? get_le16(g->head.p + p->at)
				      : get_le32(g->head.p + p->at);
	return HVQZ_OK;
}

enum hvqz_ret gguf_split_of(const struct gguf *g, struct gguf_split *s,
			    struct hvqz_err *err)
{
	uint64_t no = 0, count = 1, total = g->n_infos;
	bool has_total = gguf_find(g, "split.tensors.count");

	TRY(split_number(g, "split.no", GGUF_U16, &no, err));
	TRY(split_number(g, "split.count", GGUF_U16, &count, err));
	TRY(split_number(g, "split.tensors.count", GGUF_I32, &total, err));
	if (gguf_find(g, "split.no") && !gguf_find(g, "split.count"))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.no without split.count");
	/* A count of 0 is what a file never split may say. */
	if (!count)
		count = 1;
	if (no >= count)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.no is %" PRIu64 " of a split.count of "
				 "%" PRIu64, no, count);
	if (total > INT32_MAX ||
	    (count > 1 ? total < g->n_infos : total != g->n_infos))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.tensors.count is %" PRIu64 ", and this "
				 "file alone has %zu", total, g->n_infos);
	if (count > 1 && !has_total)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "part %" PRIu64 " of %" PRIu64 " of a split "
				 "GGUF model has no split.tensors.count",
				 no + 1, count);
	*s = (struct gguf_split){
		.no = (uint32_t)no, .count = (uint32_t)count,
		.n_tensors = g->n_infos, .total = total,
	};
	return HVQZ_OK;
}

/* ---- names ---- */

enum { TAIL = sizeof("-00001-of-00003.gguf") - 1, DIGITS = 5, COUNT_AT = 10 };

/* Five digits, as llama.cpp writes them; no count is larger. */
static bool take_number(const char *s, uint32_t *v)
{
	*v = 0;
	for (int i = 0; i < DIGITS; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*v = 10 * *v + (uint32_t)(s[i] - '0');
	}
	return true;
}

/* *no from 1, as in the name. */
static size_t parse_name(const char *name, uint32_t *no, uint32_t *count)
{
	size_t n = strlen(name);
	const char *tail;

	if (n <= TAIL || name[n - TAIL - 1] == '/')
		return 0;
	tail = name + n - TAIL;
	if (tail[0] != '-' || !take_number(tail + 1, no) ||
	    strncmp(tail + 1 + DIGITS, "-of-", 4) ||
	    !take_number(tail + COUNT_AT, count) ||
	    strcmp(tail + COUNT_AT + DIGITS, ".gguf"))
		return 0;
	return n - TAIL;
}

size_t gguf_part_prefix(const char *name)
{
	uint32_t no, count;

	return parse_name(name, &no, &count);
}

static size_t folder_len(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? (size_t)(slash - name) : 0;
}

int gguf_set_cmp(const char *a, const char *b)
{
	size_t n = gguf_part_prefix(a), m = gguf_part_prefix(b);
	int c;

	if (!n != !m)
		return n ? -1 : 1;
	if (n) {
		c = strcmp(a + n + COUNT_AT, b + m + COUNT_AT);
		if (c)
			return c;
	} else {
		n = folder_len(a);
		m = folder_len(b);
	}
	c = memcmp(a, b, n < m ? n : m);
	return c ? c : (n > m) - (n < m);
}

/* ---- all parts ---- */

static int by_number(const void *a, const void *b)
{
	const struct gguf_part *x = a, *y = b;

	if (x->split.no != y->split.no)
		return x->split.no < y->split.no ? -1 : 1;
	return strcmp(x->name, y->name);
}

static enum hvqz_ret check_name(const struct gguf_part *x,
				struct hvqz_err *err)
{
	uint32_t no, count;

	if (!parse_name(x->name, &no, &count) ||
	    (no == x->split.no + 1 && count == x->split.count))
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "'%.200s' is part %" PRIu32 " of %" PRIu32
			 " of a split GGUF model by its keys, and not by its "
			 "name", x->name, x->split.no + 1, x->split.count);
}

/* The first number that no part has. */
static enum hvqz_ret fail_missing(const struct gguf_part *v, size_t n,
				  struct hvqz_err *err)
{
	size_t no = 0, prefix = gguf_part_prefix(v->name);

	while (no < n && v[no].split.no == no)
		no++;
	if (!prefix)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "part %zu of %" PRIu32 " of the split GGUF "
				 "model that '%.200s' is a part of is not "
				 "there", no + 1, v->split.count, v->name);
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "part %zu of %" PRIu32 " of the split GGUF model is "
			 "not there: %.*s-%05zu-of-%05" PRIu32 ".gguf", no + 1,
			 v->split.count, prefix < 200 ? (int)prefix : 200,
			 v->name, no + 1, v->split.count);
}

static enum hvqz_ret check_pair(const struct gguf_part *x,
				const struct gguf_part *y,
				struct hvqz_err *err)
{
	if (x->split.count != y->split.count)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'%.160s' is a part of %" PRIu32 ", '%.160s' "
				 "of %" PRIu32 " of the same split GGUF model",
				 x->name, x->split.count, y->name,
				 y->split.count);
	if (x->split.no == y->split.no)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'%.160s' and '%.160s' are both part %" PRIu32
				 " of %" PRIu32 " of a split GGUF model",
				 x->name, y->name, x->split.no + 1,
				 x->split.count);
	if (x->split.total != y->split.total)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "split.tensors.count is %" PRIu64 " in "
				 "'%.160s' and %" PRIu64 " in '%.160s'",
				 x->split.total, x->name, y->split.total,
				 y->name);
	return HVQZ_OK;
}

enum hvqz_ret gguf_split_check(struct gguf_part *v, size_t n,
			       struct hvqz_err *err)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		TRY(check_name(&v[i], err));
		sum += v[i].split.n_tensors;
	}
	qsort(v, n, sizeof(*v), by_number);
	for (size_t i = 1; i < n; i++)
		TRY(check_pair(&v[i - 1], &v[i], err));
	if (n < v->split.count)
		return fail_missing(v, n, err);
	if (sum == v->split.total)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "the %zu parts of the split GGUF model that '%.200s' "
			 "is a part of have %" PRIu64 " tensors, "
			 "split.tensors.count is %" PRIu64, n, v->name, sum,
			 v->split.total);
}
