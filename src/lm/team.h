/*
 * team.h - threads that share out one piece of work after another.
 *
 * team_run() hands the numbers 0 … n-1 to whichever thread is free and returns
 * when all are done. What is done for a number must not depend on which thread
 * does it, nor on how many there are; then nor do results.
 */
#ifndef LM_TEAM_H
#define LM_TEAM_H

#include "base/error.h"

#include <stddef.h>

struct team;

/* n_threads ≥ 1, the caller's own counted in. The caller frees *t. */
enum hvqz_ret team_new(unsigned n_threads, struct team **t,
		       struct hvqz_err *err);
void team_free(struct team *t);
unsigned team_size(const struct team *t);

/* fn's thread is 0 … team_size() - 1, for scratch memory of its own. */
void team_run(struct team *t,
	      void (*fn)(void *ctx, size_t item, unsigned thread), void *ctx,
	      size_t n_items);

#endif
