/*
 * factor_cache.h - factors shared by the chunks of their tensor.
 *
 * The first worker that asks for a weight's factor makes it, those who ask
 * meanwhile wait, and with the last use it goes. As chunks are taken in order,
 * no more factors are there at once than workers.
 */
#ifndef SENSE_FACTOR_CACHE_H
#define SENSE_FACTOR_CACHE_H

#include "sense/factor.h"

#include <pthread.h>

struct factor_cache {
	pthread_mutex_t lock;
	pthread_cond_t changed;	/* a factor is made */
	struct factor_entry *first;	/* under the lock; owned */
};

void factor_cache_init(struct factor_cache *c);

/* After all users are gone; frees whatever has uses left. */
void factor_cache_free(struct factor_cache *c);

/*
 * The factor of s to *f, until factor_cache_put(). n_uses: how many times it
 * will be asked for or skipped in all, the same in every call. An error, the
 * same for all who ask, is a use as well, but needs no put. s must outlive
 * its uses.
 */
enum hvqz_ret factor_cache_get(struct factor_cache *c, const struct sens *s,
			       uint64_t n_uses, const struct factor **f,
			       struct hvqz_err *err);
void factor_cache_put(struct factor_cache *c, const struct factor *f);

/* One of the n_uses will not be made: the chunk did not need the factor. */
void factor_cache_skip(struct factor_cache *c, const struct sens *s,
		       uint64_t n_uses);

#endif
