/* factor_cache.c - a short list under one lock; factors are made outside. */
#include "sense/factor_cache.h"

#include <assert.h>
#include <stdlib.h>

enum progress { NOT_ASKED, MAKING, MADE };

/* All but the making of the factor is under the cache's lock. */
struct factor_entry {
	struct factor_entry *next;
	const struct sens *sens;	/* the key: a sidecar's record */
	uint64_t n_left;		/* uses still to end */
	enum progress progress;
	struct factor factor;		/* MAKING: its maker's; MADE: const */
	enum hvqz_ret ret;
	struct hvqz_err err;
};

void factor_cache_init(struct factor_cache *c)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->first = NULL;
}

static void entry_free(struct factor_entry *e)
{
	factor_free(&e->factor);
	free(e);
}

void factor_cache_free(struct factor_cache *c)
{
	while (c->first) {
		struct factor_entry *e = c->first;

		c->first = e->next;
		entry_free(e);
	}
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

/* Under the lock: the entry of s, perhaps a fresh one. NULL: no memory. */
static struct factor_entry *entry_of(struct factor_cache *c,
				     const struct sens *s, uint64_t n_uses)
{
	struct factor_entry *e = c->first;

	assert(n_uses);
	while (e && e->sens != s)
		e = e->next;
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->sens = s;
	e->n_left = n_uses;
	e->next = c->first;
	c->first = e;
	return e;
}

/* Under the lock: one use of e has ended. */
static void end_use(struct factor_cache *c, struct factor_entry *e)
{
	struct factor_entry **at = &c->first;

	assert(e->n_left);
	if (--e->n_left)
		return;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	entry_free(e);
}

/* Under the lock, which is let go of meanwhile: make e's factor. */
static void make(struct factor_cache *c, struct factor_entry *e)
{
	e->progress = MAKING;
	pthread_mutex_unlock(&c->lock);
	e->ret = factor_make(e->sens, &e->factor, &e->err);
	pthread_mutex_lock(&c->lock);
	e->progress = MADE;
	pthread_cond_broadcast(&c->changed);
}

enum hvqz_ret factor_cache_get(struct factor_cache *c, const struct sens *s,
			       uint64_t n_uses, const struct factor **f,
			       struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	struct factor_entry *e;

	pthread_mutex_lock(&c->lock);
	e = entry_of(c, s, n_uses);
	if (!e) {
		ret = hvqz_nomem(err, sizeof(*e), "the factor of a Hessian");
		goto out;
	}
	if (e->progress == NOT_ASKED)
		make(c, e);
	while (e->progress != MADE)
		pthread_cond_wait(&c->changed, &c->lock);
	ret = e->ret;
	if (ret == HVQZ_OK) {
		*f = &e->factor;
		goto out;
	}
	if (err)
		*err = e->err;
	end_use(c, e);
out:
	pthread_mutex_unlock(&c->lock);
	return ret;
}

void factor_cache_put(struct factor_cache *c, const struct factor *f)
{
	struct factor_entry *e;

	pthread_mutex_lock(&c->lock);
	e = c->first;
	while (&e->factor != f)
		e = e->next;
	end_use(c, e);
	pthread_mutex_unlock(&c->lock);
}

void factor_cache_skip(struct factor_cache *c, const struct sens *s,
		       uint64_t n_uses)
{
	struct factor_entry *e;

	pthread_mutex_lock(&c->lock);
	/* Without memory the factor just stays until the cache goes. */
	e = entry_of(c, s, n_uses);
	if (e)
		end_use(c, e);
	pthread_mutex_unlock(&c->lock);
}
