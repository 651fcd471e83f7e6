/* team.c - a crew that waits for the next round, and the round itself. */
#include "lm/team.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct member {
	struct team *team;
	pthread_t thread;
	unsigned number;
};

struct team {
	unsigned n;		/* threads, the caller's counted in */
	struct member *members; /* [n]; the caller is 0 and has no thread */
	pthread_mutex_t lock;	/* guards all below */
	pthread_cond_t begin, end;
	unsigned round;	 /* counts up; members wait for a new one */
	unsigned n_busy; /* members still in this round */
	bool leave;
	void (*fn)(void *ctx, size_t item, unsigned thread);
	void *ctx;
	size_t next, n_items;
};

/* Take items until there are none; called and left with the lock held. */
static void work(struct team *t, unsigned number)
{
	while (t->next < t->n_items) {
		size_t item = t->next++;

		pthread_mutex_unlock(&t->lock);
		t->fn(t->ctx, item, number);
		pthread_mutex_lock(&t->lock);
	}
}

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct team *t = m->team;
	unsigned seen = 0;

	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (t->round == seen && !t->leave)
			pthread_cond_wait(&t->begin, &t->lock);
		if (t->leave)
			break;
		seen = t->round;
		work(t, m->number);
		if (!--t->n_busy)
			pthread_cond_signal(&t->end);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

enum hvqz_ret team_new(unsigned n_threads, struct team **out,
		       struct hvqz_err *err)
{
	struct team *t = calloc(1, sizeof(*t));
	struct member *m = calloc(n_threads, sizeof(*m));

	if (!t || !m) {
		free(t);
		free(m);
		return hvqz_nomem(err, n_threads * sizeof(*m), "threads");
	}
	t->members = m;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->begin, NULL);
	pthread_cond_init(&t->end, NULL);
	for (t->n = 1; t->n < n_threads; t->n++) {
		struct member *one = &m[t->n];
		int fault;

		one->team = t;
		one->number = t->n;
		fault = pthread_create(&one->thread, NULL, member_main, one);
		if (fault) {
			team_free(t);
			return hvqz_fail(err, HVQZ_IO,
					 "thread %u of %u "
					 "could not be started: %s",
					 one->number + 1, n_threads,
					 strerror(fault));
		}
	}
	*out = t;
	return HVQZ_OK;
}

void team_free(struct team *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->leave = true;
	pthread_cond_broadcast(&t->begin);
	pthread_mutex_unlock(&t->lock);
	for (unsigned i = 1; i < t->n; i++)
		pthread_join(t->members[i].thread, NULL);
	pthread_cond_destroy(&t->begin);
	pthread_cond_destroy(&t->end);
	pthread_mutex_destroy(&t->lock);
	free(t->members);
	free(t);
}

unsigned team_size(const struct team *t)
{
	return t->n;
}

void team_run(struct team *t,
	      void (*fn)(void *ctx, size_t item, unsigned thread), void *ctx,
	      size_t n_items)
{
	pthread_mutex_lock(&t->lock);
	t->fn = fn;
	t->ctx = ctx;
	t->next = 0;
	t->n_items = n_items;
	t->n_busy = t->n - 1;
	t->round++;
	pthread_cond_broadcast(&t->begin);
	work(t, 0);
	while (t->n_busy)
		pthread_cond_wait(&t->end, &t->lock);
	pthread_mutex_unlock(&t->lock);
}
