/* pipeline.c - the ring of pipeline.h. */
#include "stream/pipeline.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum state { FREE, READY, BUSY, DONE };

/* One per slot; all but `err` and `end` guarded by the ring's mutex. */
struct turn {
	enum state state;
	enum hvqz_ret ret;	/* of next() or work() */
	bool end;		/* next() said there is no more */
	struct hvqz_err err;	/* the slot owner's */
};

struct ring {
	const struct pipeline_ops *ops;	/* const after the start */
	void *ctx;
	char *slots;
	size_t slot_size;
	unsigned n;
	struct turn *turns;

	pthread_mutex_t lock;
	pthread_cond_t changed;	/* any state, or stop */
	uint64_t to_work;	/* the next slot a worker takes */
	bool stop;
	unsigned n_started;	/* workers given their number so far */
};

static void *slot_at(struct ring *r, uint64_t seq)
{
	return r->slots + seq % r->n * r->slot_size;
}

static struct turn *turn_at(struct ring *r, uint64_t seq)
{
	return &r->turns[seq % r->n];
}

/* Wait, with the lock held, for a slot's state; false: told to stop. */
static bool wait_for(struct ring *r, struct turn *t, enum state wanted)
{
	while (t->state != wanted && !r->stop)
		pthread_cond_wait(&r->changed, &r->lock);
	return !r->stop;
}

static void set_state(struct ring *r, struct turn *t, enum state s)
{
	pthread_mutex_lock(&r->lock);
	t->state = s;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void *reader(void *arg)
{
	struct ring *r = arg;

	for (uint64_t seq = 0;; seq++) {
		struct turn *t = turn_at(r, seq);
		bool go, last;

		pthread_mutex_lock(&r->lock);
		go = wait_for(r, t, FREE);
		pthread_mutex_unlock(&r->lock);
		if (!go)
			return NULL;
		t->end = false;
		t->ret = r->ops->next(r->ctx, slot_at(r, seq), &t->end,
				      &t->err);
		last = t->end || t->ret != HVQZ_OK;
		set_state(r, t, READY);
		if (last)
			return NULL;
	}
}

static void *worker(void *arg)
{
	struct ring *r = arg;
	unsigned number;

	pthread_mutex_lock(&r->lock);
	number = r->n_started++;
	for (;;) {
		uint64_t seq = r->to_work;
		struct turn *t = turn_at(r, seq);

		if (r->stop)
			break;
		if (t->state != READY) {
			pthread_cond_wait(&r->changed, &r->lock);
			continue;
		}
		r->to_work++;
		t->state = BUSY;
		pthread_mutex_unlock(&r->lock);
		if (!t->end && t->ret == HVQZ_OK)
			t->ret = r->ops->work(r->ctx, slot_at(r, seq), number,
					      &t->err);
		set_state(r, t, DONE);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* The caller's part: results in order, until the end or an error. */
static enum hvqz_ret write_all(struct ring *r, struct hvqz_err *err)
{
	for (uint64_t seq = 0;; seq++) {
		struct turn *t = turn_at(r, seq);

		pthread_mutex_lock(&r->lock);
		wait_for(r, t, DONE);
		pthread_mutex_unlock(&r->lock);
		if (t->ret != HVQZ_OK) {
			if (err)
				*err = t->err;
			return t->ret;
		}
		if (t->end)
			return HVQZ_OK;
		TRY(r->ops->put(r->ctx, slot_at(r, seq), err));
		set_state(r, t, FREE);
	}
}

static enum hvqz_ret run_inline(const struct pipeline_ops *ops, void *ctx,
				void *slot, struct hvqz_err *err)
{
	for (;;) {
		bool end = false;

		TRY(ops->next(ctx, slot, &end, err));
		if (end)
			return HVQZ_OK;
		TRY(ops->work(ctx, slot, 0, err));
		TRY(ops->put(ctx, slot, err));
	}
}

unsigned pipeline_slots(unsigned n_workers)
{
	return n_workers <= 1 ? 1 : 2 * n_workers;
}

static enum hvqz_ret no_thread(int why, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_IO, "cannot start a thread: %s",
			 strerror(why));
}

enum hvqz_ret pipeline_run(const struct pipeline_ops *ops, void *ctx,
			   unsigned n_workers, void *slots, size_t slot_size,
			   struct hvqz_err *err)
{
	struct ring r = {
		.ops = ops,
		.ctx = ctx,
		.slots = slots,
		.slot_size = slot_size,
		.n = pipeline_slots(n_workers),
	};
	pthread_t *threads;
	unsigned n_threads = 0;
	enum hvqz_ret ret = HVQZ_OK;
	int why = 0;

	if (n_workers <= 1)
		return run_inline(ops, ctx, slots, err);
	r.turns = calloc(r.n, sizeof(*r.turns));
	threads = calloc(n_workers + 1, sizeof(*threads));
	if (!r.turns || !threads) {
		free(r.turns);
		free(threads);
		return hvqz_nomem(err, r.n * sizeof(*r.turns), "the ring");
	}
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	/* The reader last: without workers it would fill the ring and wait. */
	while (n_threads <= n_workers && !why) {
		why = pthread_create(&threads[n_threads], NULL,
				     n_threads < n_workers ? worker : reader,
				     &r);
		n_threads += !why;
	}
	ret = why ? no_thread(why, err) : write_all(&r, err);
	pthread_mutex_lock(&r.lock);
	r.stop = true;
	pthread_cond_broadcast(&r.changed);
	pthread_mutex_unlock(&r.lock);
	while (n_threads)
		pthread_join(threads[--n_threads], NULL);
	pthread_cond_destroy(&r.changed);
	pthread_mutex_destroy(&r.lock);
	free(threads);
	free(r.turns);
	return ret;
}
