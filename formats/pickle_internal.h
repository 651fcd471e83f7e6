/*
 * pickle_internal.h - the machine between pickle.c and pickle_stack.c only.
 *
 * All functions: HVQZ_DAMAGED when the pickle asks for what is not there.
 */
#ifndef FORMATS_PICKLE_INTERNAL_H
#define FORMATS_PICKLE_INTERNAL_H

#include "base/bytes.h"
#include "formats/pickle.h"

#define PICKLE_MARK UINT32_MAX		/* on the stack */

struct pickle_machine {
	struct pickle *k;
	struct cursor c;
	const uint8_t *from;
	uint32_t *stack;
	size_t depth, cap;
	uint32_t *memo;		/* PICKLE_MARK: nothing there */
	size_t n_memo;		/* room in it */
	size_t memoized;	/* by MEMOIZE: the next number */
};

/* WHAT, at the byte where the machine is. */
enum hvqz_ret pickle_damaged(const struct pickle_machine *m, const char *what,
			     struct hvqz_err *err);
/* A value's number, or a mark. */
enum hvqz_ret pickle_push(struct pickle_machine *m, uint32_t id,
			  struct hvqz_err *err);
/* A new value; its items become the table's. */
enum hvqz_ret pickle_push_new(struct pickle_machine *m, struct pickle_value x,
			      struct hvqz_err *err);
enum hvqz_ret pickle_push_number(struct pickle_machine *m, int64_t v,
				 struct hvqz_err *err);
/* The next n bytes. */
enum hvqz_ret pickle_push_text(struct pickle_machine *m, uint64_t n,
			       enum pickle_kind kind, struct hvqz_err *err);
/* The topmost value, taken off. */
enum hvqz_ret pickle_pop(struct pickle_machine *m, uint32_t *id,
			 struct hvqz_err *err);
/* Where the values behind the last mark begin. */
enum hvqz_ret pickle_find_mark(const struct pickle_machine *m, size_t *at,
			       struct hvqz_err *err);
/* The values from stack[at] on (and the mark before) become one. */
enum hvqz_ret pickle_gather(struct pickle_machine *m, size_t at, bool marked,
			    enum pickle_kind kind, struct hvqz_err *err);
/* The n topmost become a tuple. */
enum hvqz_ret pickle_gather_top(struct pickle_machine *m, size_t n,
				struct hvqz_err *err);
/* What is on the stack from at on goes into the container under it. */
enum hvqz_ret pickle_extend(struct pickle_machine *m, size_t at, bool marked,
			    enum pickle_kind kind, struct hvqz_err *err);
enum hvqz_ret pickle_extend_top(struct pickle_machine *m, size_t n,
				enum pickle_kind kind, struct hvqz_err *err);
/* Remember the topmost value under that number. */
enum hvqz_ret pickle_memo_put(struct pickle_machine *m, uint64_t at,
			      struct hvqz_err *err);
enum hvqz_ret pickle_memo_get(struct pickle_machine *m, uint64_t at,
			      struct hvqz_err *err);

#endif
