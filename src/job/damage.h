/*
 * damage.h - keeping count of what is damaged, and telling of it.
 *
 * For jobs that go on after damage. Every damaged chunk is told with its
 * tensor and its rows, rows that are lost in one sentence for all that lie
 * together. What a job writes in their place is zero bytes.
 */
#ifndef JOB_DAMAGE_H
#define JOB_DAMAGE_H

#include "job/job_internal.h"

struct damage {
	const struct container_info *info;
	void (*bad)(void *ctx, const struct hvqz_err *err);
	void *ctx;
	uint64_t n;		/* units that were bad */
	bool any_lost;		/* of some there is nothing */
	bool *tensor;		/* [n_tensors]: is any of it bad? Owned */
	/* lost rows [first, end) of tensor as, not told yet */
	bool waiting;
	size_t as;
	uint64_t first, end;
	struct hvqz_err why;
};

/* d->info, bad and ctx are set. damage_close() in any case. */
enum hvqz_ret damage_open(struct damage *d, struct hvqz_err *err);
void damage_close(struct damage *d);

/* u->bad: tell. In the order of the output. */
void damage_put(struct damage *d, const struct decode_unit *u);

/* Tell what was still to be told. */
void damage_flush(struct damage *d);

/* The copies of damaged tensors: for who does not pass them (a test). */
void damage_put_copies(struct damage *d);

#endif
