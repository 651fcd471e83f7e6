/* pickle_stack.c - values, the stack and the memory of pickle.c's machine. */
#include "formats/pickle_internal.h"

#include <stdlib.h>
#include <string.h>

void pickle_free(struct pickle *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].kind >= PICKLE_TUPLE &&
		    k->v[i].kind != PICKLE_GLOBAL)
			free(k->v[i].item);
	free(k->v);
	*k = (struct pickle){0};
}

enum hvqz_ret pickle_damaged(const struct pickle_machine *m, const char *what,
			     struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "the pickle, at byte %zu: %s",
			 (size_t)(m->c.p - m->from), what);
}

enum hvqz_ret pickle_push(struct pickle_machine *m, uint32_t id,
			  struct hvqz_err *err)
{
	if (m->depth == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 256;
		uint32_t *more = realloc(m->stack, cap * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, cap * sizeof(*more),
					  "a pickle's stack");
		m->stack = more;
		m->cap = cap;
	}
	m->stack[m->depth++] = id;
	return HVQZ_OK;
}

enum hvqz_ret pickle_push_new(struct pickle_machine *m, struct pickle_value x,
			      struct hvqz_err *err)
{
	struct pickle *k = m->k;

	if (k->n >= PICKLE_MAX_VALUES)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a pickle of more than %d values",
				 PICKLE_MAX_VALUES);
	if (!(k->n & (k->n - 1))) {
		size_t n = k->n ? 2 * k->n : 1;
		struct pickle_value *more = realloc(k->v, n * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, n * sizeof(*more),
					  "a pickle's values");
		k->v = more;
	}
	k->v[k->n] = x;
	return pickle_push(m, (uint32_t)k->n++, err);
}

enum hvqz_ret pickle_push_number(struct pickle_machine *m, int64_t v,
				 struct hvqz_err *err)
{
	return pickle_push_new(m, (struct pickle_value){.kind = PICKLE_INT,
						 .number = v}, err);
}

enum hvqz_ret pickle_push_text(struct pickle_machine *m, uint64_t n,
			       enum pickle_kind kind, struct hvqz_err *err)
{
	const uint8_t *p = cur_take(&m->c, n);

	if (!p)
		return pickle_damaged(m, "a text that is cut", err);
	return pickle_push_new(m, (struct pickle_value){.kind = kind,
						 .n = (uint32_t)n,
						 .text = (const char *)p},
			err);
}

/* The topmost value, taken off. */
enum hvqz_ret pickle_pop(struct pickle_machine *m, uint32_t *id,
			 struct hvqz_err *err)
{
	if (!m->depth || m->stack[m->depth - 1] == PICKLE_MARK)
		return pickle_damaged(m, "its stack is empty", err);
	*id = m->stack[--m->depth];
	return HVQZ_OK;
}

/* Where the values behind the last mark begin. */
enum hvqz_ret pickle_find_mark(const struct pickle_machine *m, size_t *at,
			       struct hvqz_err *err)
{
	size_t i = m->depth;

	while (i && m->stack[i - 1] != PICKLE_MARK)
		i--;
	if (!i)
		return pickle_damaged(m, "no mark on its stack", err);
	*at = i;
	return HVQZ_OK;
}

/* Append n values to those that x has. */
static enum hvqz_ret add_items(struct pickle_value *x, const uint32_t *ids,
			       size_t n, struct hvqz_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!(x->n & (x->n - 1))) {
			size_t cap = x->n ? 2 * (size_t)x->n : 1;
			uint32_t *more = realloc(x->item,
						 cap * sizeof(*more));

			if (!more)
				return hvqz_nomem(err, cap * sizeof(*more),
						  "a pickle's values");
			x->item = more;
		}
		x->item[x->n++] = ids[i];
	}
	return HVQZ_OK;
}

/* The values from stack[at] on become one of that kind. */
enum hvqz_ret pickle_gather(struct pickle_machine *m, size_t at, bool marked,
			    enum pickle_kind kind, struct hvqz_err *err)
{
	struct pickle_value x = {.kind = kind};
	enum hvqz_ret ret = HVQZ_OK;

	if (m->depth > at)
		ret = add_items(&x, m->stack + at, m->depth - at, err);
	m->depth = at - marked;
	if (ret == HVQZ_OK) {
		size_t n = m->k->n;

		ret = pickle_push_new(m, x, err);
		/* In the table it is freed with the others. */
		if (m->k->n > n)
			return ret;
	}
	free(x.item);
	return ret;
}

enum hvqz_ret pickle_gather_top(struct pickle_machine *m, size_t n,
				struct hvqz_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (m->depth <= i || m->stack[m->depth - 1 - i] == PICKLE_MARK)
			return pickle_damaged(m, "its stack is empty", err);
	return pickle_gather(m, m->depth - n, false, PICKLE_TUPLE, err);
}

/* What is on the stack from at on goes into the container under it. */
enum hvqz_ret pickle_extend(struct pickle_machine *m, size_t at, bool marked,
			    enum pickle_kind kind, struct hvqz_err *err)
{
	size_t n = m->depth - at, under = at - marked;
	struct pickle_value *x;

	if (!under || m->stack[under - 1] == PICKLE_MARK)
		return pickle_damaged(m, "nothing to put values into", err);
	x = &m->k->v[m->stack[under - 1]];
	if (x->kind != kind || (kind == PICKLE_DICT && n % 2))
		return pickle_damaged(m, "values put into the wrong thing",
				      err);
	for (size_t i = at; i < m->depth; i++)
		if (m->stack[i] == PICKLE_MARK)
			return pickle_damaged(m, "a mark among the values",
					      err);
	TRY(add_items(x, m->stack + at, n, err));
	m->depth = under;
	return HVQZ_OK;
}

enum hvqz_ret pickle_extend_top(struct pickle_machine *m, size_t n,
				enum pickle_kind kind, struct hvqz_err *err)
{
	if (m->depth < n)
		return pickle_damaged(m, "its stack is empty", err);
	return pickle_extend(m, m->depth - n, false, kind, err);
}

enum hvqz_ret pickle_memo_put(struct pickle_machine *m, uint64_t at,
			      struct hvqz_err *err)
{
	if (!m->depth || m->stack[m->depth - 1] == PICKLE_MARK ||
	    at >= PICKLE_MAX_VALUES)
		return pickle_damaged(m, "nothing, or too much, to remember",
				      err);
	if (at >= m->n_memo) {
		size_t n = m->n_memo ? m->n_memo : 256;
		uint32_t *more;

		while (n <= at)
			n *= 2;
		more = realloc(m->memo, n * sizeof(*more));
		if (!more)
			return hvqz_nomem(err, n * sizeof(*more),
					  "a pickle's memory");
		memset(more + m->n_memo, 0xff,
		       (n - m->n_memo) * sizeof(*more));
		m->memo = more;
		m->n_memo = n;
	}
	m->memo[at] = m->stack[m->depth - 1];
	return HVQZ_OK;
}

enum hvqz_ret pickle_memo_get(struct pickle_machine *m, uint64_t at,
			      struct hvqz_err *err)
{
	if (at >= m->n_memo || m->memo[at] == PICKLE_MARK)
		return pickle_damaged(m, "it remembers what it never knew",
				      err);
	return pickle_push(m, m->memo[at], err);
}
